"""Which camera's face is shown, of all that are received."""

from __future__ import annotations

import numpy as np

from ...core.face.channels import OUTPUT_CHANNELS
from ...core.pipeline import CameraChunk, FacePipeline
from ..interfaces import PipelineHost
from ..messages import FaceSample
from ..recording.recording_session import RecordingSession
from ..streams import AWAY_AFTER_S, MIN_MESSAGES, Stream


class CameraPipeline:
    """One camera is the face, the one received first. When it goes away, another one that goes on sending takes over.

    All are recorded.

    `active_stream`: whose face it is.
    """

    def __init__(self, host: PipelineHost, face: FacePipeline, recording: RecordingSession) -> None:
        self._host, self._face, self._recording = host, face, recording
        self.active_stream: Stream | None = None

    def receive(self, stream: Stream, message: FaceSample, *, at: float, arrival: float) -> str:
        """A face of some camera, or that it sees none; why it is not shown, "" where it is."""
        if self._recording.recorder is not None:
            self._recording.recorder.put_face(stream, message, at=at, arrival=arrival)
        if self.active_stream is not stream:
            active = self.active_stream
            if active is not None and (
                arrival - active.last_received < AWAY_AFTER_S or stream.counter.received < MIN_MESSAGES
            ):
                return "other_source"
            self.active_stream = stream
            self._face.camera.switch_camera()
        values = np.array([message.values.get(c, 0.0) for c in OUTPUT_CHANNELS]) if message.values else None
        before = self._face.camera.last
        self._host.emit(self._face.push(CameraChunk(at, arrival, values)))
        return "late" if self._face.camera.last is before else ""

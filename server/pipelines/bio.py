"""Which board's electrodes make the face, of all that are received, and how each electrode is doing."""

from __future__ import annotations

import asyncio
from collections import deque

import numpy as np

from ...core.arrays import Array
from ...core.bio import network, quality
from ...core.bio.signal import BioSignal, hold_last
from ...core.errors import InnerfaceError
from ...core.pipeline import BioChunk, FacePipeline
from ..interfaces import PipelineHost
from ..messages import BioSample
from ..recording.recording_session import RecordingSession
from ..streams import AWAY_AFTER_S, Stream

_ASSESSMENT_WINDOW_S, _MIN_ASSESSMENT_S = 5.0, 2.0  # seconds that electrodes are judged by
_ASSESSMENT_INTERVAL_S = 2.0
_MAX_INPUTS = 32  # of a board
NO_NETWORK = (
    "electrodes are received and recorded, but make no face: give --electrodes M.onnx (innerface train bio); "
    "or --electrodes simulated, the shipped network of a simulated performer"
)


class BioPipeline:
    """One board is the face, the one received first; another one takes over when it goes away. All are recorded.

    Attributes:
        active_stream: whose samples make the face.
        assessments: how each electrode was in the last seconds.
    """

    def __init__(self, host: PipelineHost, face: FacePipeline, recording: RecordingSession) -> None:
        self._host, self._face, self._recording = host, face, recording
        self.active_stream: Stream | None = None
        self.assessments: list[quality.ElectrodeQuality] = []
        self._columns: tuple[str, ...] = ()
        self._rate = 0.0
        self._recent_batches: deque[Array] = deque()
        self._last_assessed = 0.0
        self._task: asyncio.Task[None] | None = None

    def load(self, path: str) -> list[str]:
        """Load the performer's network, and return notes on it for the user. Raises InnerfaceError."""
        self._face.electrodes.network = loaded = network.load(path)
        return loaded.notes

    @property
    def has_network(self) -> bool:
        """Whether there is a network that makes a face of the electrodes."""
        return self._face.electrodes.network is not None

    @property
    def receiving(self) -> bool:
        """Whether samples come now."""
        return self.active_stream is not None and self._host.now() - self.active_stream.last_received < AWAY_AFTER_S

    @property
    def live(self) -> bool:
        """Whether faces come now."""
        return self._face.electrodes.receiving_faces(self._host.now())

    @property
    def observed_channels(self) -> set[str]:
        """Channels of which the electrodes explain enough to be believed."""
        return self._face.electrodes.observed_channels(self._host.now())

    def receive(self, stream: Stream, message: BioSample, *, at: float, arrival: float) -> str:
        """Samples of some board, the last one taken at `at`; why they are not shown, "" where they are."""
        if self._recording.recorder is not None:
            self._recording.recorder.put_bio(stream, message, at)
        if self.active_stream is not stream:
            if self.active_stream is not None and arrival - self.active_stream.last_received < AWAY_AFTER_S:
                return "other_source"
            self._switch(stream)
        elif (message.columns, message.rate) != (self._columns, self._rate):
            self._switch(stream)
        self._columns, self._rate = message.columns, message.rate
        if not len(message.values):
            return ""
        self._recent_batches.append(message.values)
        kept = sum(map(len, self._recent_batches)) - len(self._recent_batches[0])
        while kept > _ASSESSMENT_WINDOW_S * message.rate:
            self._recent_batches.popleft()
            kept -= len(self._recent_batches[0])
        if stream.problem:
            return "unusable"
        try:
            faces = self._face.push(BioChunk(at, arrival, message.columns, message.rate, message.values))
        except InnerfaceError as error:
            stream.problem = str(error)
            return "unusable"
        self._host.emit(faces)
        return "" if self.has_network else "no_network"

    def _switch(self, stream: Stream) -> None:
        """Another board, or another set of its inputs."""
        self.active_stream, self.assessments, stream.problem = stream, [], ""
        self._recent_batches.clear()
        self._face.electrodes.restart()
        self._face.electrodes.faulty = False

    def tick(self, now: float) -> None:
        """Now and then electrodes are judged."""
        if self._task is None and self.receiving and now - self._last_assessed > _ASSESSMENT_INTERVAL_S:
            self._last_assessed, self._task = now, asyncio.get_running_loop().create_task(self._assess())

    def cancel(self) -> None:
        """The hub ends."""
        if self._task is not None:
            self._task.cancel()

    def recent_signal(self, seconds: float = _ASSESSMENT_WINDOW_S) -> BioSignal:
        """What was measured last. Raises InnerfaceError where that is too little."""
        session = self._face.electrodes.session
        indices = session.columns if session is not None else list(range(min(len(self._columns), _MAX_INPUTS)))
        if sum(map(len, self._recent_batches)) < max(_MIN_ASSESSMENT_S * self._rate, 1):
            raise InnerfaceError("no electrode has sent anything yet; connect a board first")
        values = np.concatenate(list(self._recent_batches))[-round(seconds * self._rate) :, indices]
        channels = tuple(self._columns[k] for k in indices)
        held = np.nan_to_num(hold_last(values, np.zeros(len(indices))))
        return BioSignal(0.0, self._rate, channels, held, np.isnan(values))

    async def _assess(self) -> None:
        try:
            self.assessments = await asyncio.to_thread(quality.assess_electrodes, self.recent_signal())
        except (InnerfaceError, ValueError, ArithmeticError):
            self.assessments = []  # too little to judge by, or numbers that no amplifier gives
        finally:
            self._task = None
        self._face.electrodes.faulty = bool(self.problems())

    def problems(self) -> list[str]:
        """Sentences on electrodes that cannot be used as they are now."""
        return [f"electrode {e.channel}: {e.fault}" for e in self.assessments if e.fault]

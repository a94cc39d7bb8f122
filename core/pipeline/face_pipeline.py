"""The path from samples to faces, for the bridge, the preview and recordings: camera, IMUs, electrodes, in any mix.

It has no clock of its own: times come with the samples, or with `advance`. The camera is shown where it sees the face,
the sensors where it does not; IMUs and electrodes are fused by their confidence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..face.channels import ARKIT, OUTPUT_CHANNELS
from ..face.head_pose import HeadRecentrer
from ..hybrid.live import LiveRepair
from ..rates import FRAME_RATE
from ..take import Take
from . import camera as camera_stage
from . import electrodes as bio_stage
from . import replay, take_solver
from .camera import AWAY_AFTER_S, CameraStage
from .electrodes import BioStage
from .frames import BioChunk, CameraChunk, Chunk, FaceFrame, ImuChunk
from .loss_policy import LossPolicy
from .settings import PerformerSettings, SolvedWeights, TakeOptions

if TYPE_CHECKING:
    from ..imu.session import FaceFrames, ImuSession

FACE_STREAMS = ("sensors", "camera")
OUTPUTS = ("auto", "hybrid", *FACE_STREAMS)  # auto and hybrid: both together where both are there
_MIX_RESET_S = 0.5  # without mixed faces for so long, the last output is no place to fade from
_MAX_HELD_STEP_S = 0.1


@dataclass(frozen=True)
class OutputSettings:
    """What is shown of what is received.

    Attributes:
        output: one of OUTPUTS.
        loss: LOSS_POLICIES by stream (FACE_STREAMS); hold where none is given.
        recentre: the yaw of a head that is measured by IMUs returns to 0 slowly.

    Raises InnerfaceError for another output.
    """

    output: str = "auto"
    loss: dict[str, str] = field(default_factory=dict[str, str])
    recentre: bool = True

    def __post_init__(self) -> None:
        if self.output not in OUTPUTS:
            raise InnerfaceError(f"output '{self.output}': give one of {', '.join(OUTPUTS)}")


class FacePipeline:
    """Samples in, faces out: `push` and `advance` for samples as they come, causal; `run` for a whole take.

    Attributes:
        performer: how a take's sensors are read.
        camera, electrodes: the stages before both are mixed.
        imu: the IMUs' session, None before there is one.
        recentrer: of the head that IMUs measure.
        mixer: of camera and sensors.
        min_batch: frames of IMUs that are computed at once at least; more than 1 helps a computer that cannot keep up.
    """

    def __init__(self, performer: PerformerSettings | None = None, settings: OutputSettings | None = None) -> None:
        self.performer, self.settings = performer or PerformerSettings(), settings or OutputSettings()
        self.camera, self.electrodes = CameraStage(), BioStage()
        self.imu: ImuSession | None = None
        self.recentrer, self.mixer, self.min_batch = HeadRecentrer(self.settings.recentre), LiveRepair(), 0
        self._loss = {stream: LossPolicy(self.settings.loss.get(stream, "hold")) for stream in FACE_STREAMS}
        self._last_imu_arrival = self._last_mixed = self._last_shown = -np.inf

    # -- whole takes -------------------------------------------------------------------------------

    def run(self, take: Take, causal: bool = False, options: TakeOptions | None = None) -> SolvedWeights:
        """A whole take's faces; what was pushed before has no part in them.

        By default a non-causal pass, which looks both ways. `causal`: the same maths as live, with the calibration and
        the neutral that the take was recorded with: takes that were recorded live, and those of a camera, sample by
        sample through a pipeline like this one; other takes of sensors, which nobody saw live, in one chunk. Raises
        InnerfaceError.
        """
        options = options or TakeOptions()
        if not causal or options.in_one_chunk or not replay.was_live(take):
            return take_solver.solve(take, self.performer, options, causal=causal)
        shown = replay.replay(take, FacePipeline(settings=self.settings), self.performer, options=options)
        imu = take_solver.measure_imus(take, self.performer, options)
        if imu is None:
            return SolvedWeights(shown)
        shown.notes = list(imu.take.notes)
        return SolvedWeights(shown, frozenset() if take_solver.has_camera(take) else frozenset(imu.unobserved), imu)

    # -- samples in --------------------------------------------------------------------------------

    def push(self, chunk: Chunk) -> list[FaceFrame]:
        """The faces that a sample completes. Raises InnerfaceError for electrodes that the network does not fit."""
        if isinstance(chunk, CameraChunk):
            return self._push_camera(chunk)
        if isinstance(chunk, BioChunk):
            return self._push_electrodes(chunk)
        return self._push_imu(chunk)

    def advance(self, now: float) -> list[FaceFrame]:
        """Faces that are due without a sample: those that need not wait any longer, and held ones."""
        return [*self.advance_imu(now, now), *self._hold_camera(now), *self._hold_electrodes(now)]

    def _push_imu(self, chunk: ImuChunk) -> list[FaceFrame]:
        if self.imu is None:
            raise InnerfaceError("there is no session of IMUs yet; add their device first")
        self._last_imu_arrival = max(self._last_imu_arrival, chunk.arrival)
        self.imu.add_sample(
            chunk.device, chunk.time, rotation=chunk.rotation, acceleration=chunk.acceleration, now=chunk.arrival
        )
        return self.advance_imu(chunk.arrival, chunk.arrival)

    def advance_imu(self, now: float, arrival: float) -> list[FaceFrame]:
        """The faces of IMUs that have become known."""
        if self.imu is None or (self.min_batch and self.imu.frames_behind(now) < self.min_batch):
            return []
        frames = self.imu.advance(now)
        if not self.shows("sensors", now) or (self.electrodes.receiving_faces(now) and not self.imus_active(now)):
            return []
        return self.show_imu_frames(frames, now, arrival)

    def show_imu_frames(self, frames: FaceFrames, now: float, arrival: float) -> list[FaceFrame]:
        """Faces of IMU frames: head recentred, fused with the electrodes, mixed with the camera."""
        shown: list[FaceFrame] = []
        for k, time in enumerate(frames.time.tolist()):
            values = frames.values[k].copy()
            values[len(ARKIT) :] = self.recentrer.push(values[len(ARKIT) :], 1 / FRAME_RATE)
            confidence = None if frames.confidence is None else frames.confidence[k]
            values, confidence = self.electrodes.fuse(values, confidence, now)
            frame = FaceFrame(time, arrival, values, confidence, "sensors", bool(frames.observed[k]))
            shown += self._show_sensors(frame, 1 / FRAME_RATE, now)
        return shown

    def _push_electrodes(self, chunk: BioChunk) -> list[FaceFrame]:
        shown: list[FaceFrame] = []
        for face in self.electrodes.push(chunk):
            if face.in_time and self.electrodes.session is not None:
                confidence = self.electrodes.session.confidence
                shown += self._show_electrodes(face, confidence, face.dt, now=chunk.arrival)
        return shown

    def _push_camera(self, chunk: CameraChunk) -> list[FaceFrame]:
        face = self.camera.push(chunk)
        if face is None:
            return []
        frame = FaceFrame(face.time, face.arrival, face.values, None, "camera", face.observed)
        return self._show_camera(frame, face.dt, chunk.arrival)

    # -- which of them is shown --------------------------------------------------------------------

    def imus_active(self, now: float) -> bool:
        """Whether the face can come from IMUs: they are calibrated, and one of them is received."""
        return self.imu is not None and self.imu.active is not None and now - self._last_imu_arrival < AWAY_AFTER_S

    def sensors_active(self, now: float) -> bool:
        """Whether the face can come from sensors, IMUs or electrodes."""
        return self.imus_active(now) or self.electrodes.receiving_faces(now)

    def shows(self, stream: str, now: float) -> bool:
        """Whether the face that is shown now is to come from the "sensors" or from the "camera"."""
        if self.settings.output in FACE_STREAMS:
            return self.settings.output == stream
        sensors_active = self.sensors_active(now)
        return not sensors_active if stream == "camera" else sensors_active or not self.camera.receiving(now)

    @property
    def mixes(self) -> bool:
        """Whether faces are of camera and sensors together: both were there."""
        return self.settings.output not in FACE_STREAMS and self.camera.last is not None

    def current_source(self, now: float) -> str:
        """Where faces come from now: hybrid, sensors, electrodes, camera or none."""
        if self.sensors_active(now):
            return "hybrid" if self.mixes else "sensors" if self.imus_active(now) else "electrodes"
        return "camera" if self.camera.receiving(now) else "none"

    # -- faces out ---------------------------------------------------------------------------------

    def _show_sensors(self, frame: FaceFrame, dt: float, now: float) -> list[FaceFrame]:
        """A sensors' face, `dt` s after the one before: mixed with the camera's where both are there."""
        if self.mixes:
            if frame.time - self._last_mixed > _MIX_RESET_S:
                self.mixer.forget_output()
            self._last_mixed = frame.time
            camera, fresh = self.camera.sample_at(frame.time, now)
            values = self.mixer.push(camera, frame.values, dt, fresh=fresh)
            observed = frame.observed or camera is not None
            frame = FaceFrame(frame.time, frame.arrival, values, frame.confidence, "hybrid", observed)
        return self._show(frame, "sensors", dt, now=now)

    def _show_electrodes(
        self, face: bio_stage.BioFace, confidence: Array | None, dt: float, *, now: float
    ) -> list[FaceFrame]:
        """An electrodes' face without IMUs; with them, it waits for the IMUs' next one."""
        if self.imus_active(now) or not self.shows("sensors", now):
            return []
        values = np.concatenate([face.weights, np.zeros(len(OUTPUT_CHANNELS) - len(ARKIT))])
        frame = FaceFrame(face.time, face.arrival, values, confidence, "electrodes", face.observed)
        return self._show_sensors(frame, dt, now)

    def _show_camera(self, frame: FaceFrame, dt: float, now: float) -> list[FaceFrame]:
        return self._show(frame, "camera", dt, now=now) if self.shows("camera", now) else []

    def _show(self, frame: FaceFrame, stream: str, dt: float, *, now: float) -> list[FaceFrame]:
        """A face by its stream's policy."""
        values = self._loss[stream].push(frame.values, frame.observed, dt)
        if values is None:
            return []
        self._last_shown = now
        return [FaceFrame(frame.time, frame.arrival, values, frame.confidence, frame.source, frame.observed)]

    def _hold_camera(self, now: float) -> list[FaceFrame]:
        """While no camera sends, its face goes on by its policy."""
        last, idle_s = self.camera.last, now - self._last_shown
        if last is None or not camera_stage.HOLD_AFTER_S < now - last.arrival < camera_stage.GIVE_UP_AFTER_S:
            return []
        if idle_s < 1 / FRAME_RATE:
            return []
        return self._show_camera(
            FaceFrame(now, now, last.values, None, "camera", False), min(idle_s, _MAX_HELD_STEP_S), now
        )

    def _hold_electrodes(self, now: float) -> list[FaceFrame]:
        """While no board sends, its face goes on by its policy."""
        last, idle_s = self.electrodes.last, now - self._last_shown
        if last is None or not bio_stage.HOLD_AFTER_S < now - last.arrival < bio_stage.GIVE_UP_AFTER_S:
            return []
        if idle_s < 1 / FRAME_RATE:
            return []
        held = bio_stage.BioFace(now - self.electrodes.delay_s, now, last.weights, False, 0.0, True)
        return self._show_electrodes(held, None, min(idle_s, _MAX_HELD_STEP_S), now=now)

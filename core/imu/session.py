"""Inference as it runs live: frame by frame or in chunks of any size, with all that it remembers in one object.

`Stage` is everything after calibrated motion and serves causal inference of recordings as well, so the two are the same. `Live` adds the
calibration at work before it, `Session` the devices whose samples arrive one by one, and how a calibration is found in what they sent.
"""

from __future__ import annotations

import copy
from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from ..animation.smoothing import NO_SMOOTHING, channel_strengths, one_euro_filter
from ..errors import InnerfaceError
from ..face.channels import OUTPUT_CHANNELS
from ..rates import FRAME_RATE
from . import linear_model
from .adapter import Adapter
from .calibration import calibrate
from .calibration_state import CalibrationState
from .convention import ConventionFix, find_convention_fix
from .frame_stream import FrameStream
from .kinematics import Calibration, Motion
from .layout import Layout
from .linear_model import LinearModel
from .model import Model
from .motion import Calibrator
from .network import network_inputs
from .signal import LOOKAHEAD, ImuSignal, make_continuous, to_specific_force_y_up

HISTORY_FRAMES = 3600  # frames that a calibration can be found in
_LOOKBACK_FRAMES = -min(linear_model.CAUSAL_LAGS)  # frames that the linear model looks back


Snapshot = tuple[np.ndarray, np.ndarray, int]
"""The last n frames: rotations (n, S, 4), accelerations (n, S, 3) of the frames LOOKAHEAD before, the number of the next frame."""


class MotionToFace:
    """From motion to weights, causally. `raw`: not smoothed; `smooth`: how strongly per channel group (`smooth.strengths`)."""

    def __init__(
        self, model: Model, adapter: Adapter | None = None, raw: bool = False, smooth: dict[str, float] | None = None
    ) -> None:
        if adapter is not None:
            adapter.correction(model.id)  # refused now rather than at the first frame
        self.model, self.adapter = model, adapter
        self.smoother = one_euro_filter(channel_strengths(NO_SMOOTHING if raw else smooth or {}))
        self.state = None if isinstance(model, LinearModel) else model.start()
        self.past_motion: Motion | None = None
        self.last_weights: np.ndarray | None = None

    def push(self, motion: Motion) -> tuple[np.ndarray, np.ndarray | None]:
        """Weights (n, 52) in 0..1 and, from a network, confidence (n, 52) of the next n frames. Frames without any sensor hold the last."""
        weights, confidence = self._estimate(motion)
        if self.adapter is not None:
            weights = self.adapter.apply(self.model.id, motion, weights)
        weights = self._hold_missing(weights)
        if len(weights):
            weights = np.clip(np.stack([self.smoother.push(row) for row in weights]), 0.0, 1.0)
        return weights, None if confidence is None else np.nan_to_num(confidence)

    def peek(self, motion: Motion) -> tuple[np.ndarray, np.ndarray | None]:
        """As `push`, but nothing of it is remembered: for frames that are not wholly known yet."""
        saved = self.state, self.past_motion, self.last_weights, copy.copy(self.smoother)
        out = self.push(motion)
        self.state, self.past_motion, self.last_weights, self.smoother = saved
        return out

    def _estimate(self, motion: Motion) -> tuple[np.ndarray, np.ndarray | None]:
        past, n = self.past_motion, len(motion.time)
        if isinstance(self.model, LinearModel):
            combined = motion if past is None else _concatenate_motions(past, motion)
            self.past_motion = _motion_rows(combined, slice(max(len(combined.time) - _LOOKBACK_FRAMES, 0), None))
            return self.model.infer(combined, causal=True)[len(combined.time) - n :], None
        self.model.require_sites(motion.sites)
        head = None if past is None else past.head
        if head is not None and len(head) < 2:
            head = np.repeat(head, 2, axis=0)
        values = network_inputs(motion, self.model.sites, self.model.reference, head)
        self.past_motion = _motion_rows(motion if past is None else _concatenate_motions(past, motion), slice(-2, None))
        weights, error, self.state = self.model.push(
            values, self.state if self.state is not None else self.model.start()
        )
        return self.model.postprocess(motion, weights, error)

    def _hold_missing(self, weights: np.ndarray) -> np.ndarray:
        known = ~np.isnan(weights).any(axis=1)
        first = self.last_weights if self.last_weights is not None else np.zeros(weights.shape[1])
        rows = np.concatenate([first[None], weights])
        out = rows[np.maximum.accumulate(np.concatenate([[0], np.where(known, np.arange(1, len(rows)), 0)]))][1:]
        if len(out):
            self.last_weights = out[-1]
        return out


class CalibratedStream:
    """A calibrated performer, live: sensors in, weights and the head out. Chunks as `Calibrator` takes them.

    `initial_state`: drifts as they were when the calibration was saved.
    """

    def __init__(
        self,
        calibration: Calibration,
        model: Model,
        adapter: Adapter | None = None,
        raw: bool = False,
        smooth: dict[str, float] | None = None,
        initial_state: CalibrationState | None = None,
    ) -> None:
        self.calibrator = Calibrator(calibration, initial_state)
        self.motion_to_face = MotionToFace(model, adapter, raw, smooth)

    def push(self, rotation: np.ndarray, acceleration: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Values (m, 55; OUTPUT) and confidence (m, 52) or None, for the frames that have become known."""
        motion = self.calibrator.push(rotation, acceleration)
        if not len(motion.time):
            return np.zeros((0, 55)), None
        weights, confidence = self.motion_to_face.push(motion)
        return np.concatenate([weights, motion.head], axis=1), confidence

    def peek(self) -> tuple[np.ndarray, np.ndarray | None]:
        """The newest frame, (1, 55), before its accelerations are known: those before stand in for them."""
        motion = self.calibrator.pending_motion()
        weights, confidence = self.motion_to_face.peek(motion)
        return np.concatenate([weights, motion.head], axis=1)[-1:], None if confidence is None else confidence[-1:]

    def calibration_state(self, convention_fix: ConventionFix, head_zero: np.ndarray) -> CalibrationState:
        """The calibration as it is now, to be kept with a recording."""
        calibrator = self.calibrator
        return CalibrationState(
            calibrator.calibration,
            convention_fix,
            calibrator.heading_tracker.state.value,
            calibrator.zero_tracker.state.value,
            head_zero,
        )


@dataclass(frozen=True)
class FaceFrames:
    """What became known: `time` (n,) s, `values` (n, 55; OUTPUT), `confidence` (n, 52) or None, `seen` (n,) bool: any face site was measured."""

    time: np.ndarray
    values: np.ndarray
    confidence: np.ndarray | None
    observed: np.ndarray


@dataclass(frozen=True)
class ActiveCalibration:
    """A calibration that was found in frames up to number `upto` (not in it), already at work on them; `notes` for the user."""

    convention_fix: ConventionFix
    stream: CalibratedStream
    end_frame: int
    notes: tuple[str, ...]


class ImuSession:
    """Devices come and go, their samples become frames, and, once a calibration is found, the face. Without one, frames are only remembered.
    `ahead`: faces come when their accelerations are known, LOOKAHEAD frames late; without it at once, a little less exact.

    `calibrate` is pure and may run in another thread on a `snapshot`; `accept` takes its result up without losing a frame.
    """

    def __init__(
        self,
        model: Model,
        layout: Layout,
        adapter: Adapter | None = None,
        raw: bool = False,
        smooth: dict[str, float] | None = None,
        start: float = 0.0,
        ahead: bool = True,
    ) -> None:
        self.model, self.layout, self.adapter, self.raw, self.smooth, self.ahead = (
            model,
            layout,
            adapter,
            raw,
            smooth,
            ahead,
        )
        MotionToFace(model, adapter, raw, smooth)  # refused now rather than at the first calibration
        self.frame_stream = FrameStream(layout.sites, start)
        self.conventions: dict[int, tuple[bool, str]] = {}
        self.active: ActiveCalibration | None = None
        self.history: deque[tuple[np.ndarray, np.ndarray]] = deque(
            maxlen=HISTORY_FRAMES
        )  # rotation of a frame, acceleration of the one LOOKAHEAD before

    def add_device(self, sites: tuple[str, ...], step: float, linear: bool, up: str) -> int:
        """A device, whose samples then go by the number that this gives. Sites that the layout lacks are told with InnerfaceError."""
        for site in sites:
            self.layout.require_site(site)
        try:
            number = self.frame_stream.add_device([self.layout.sites.index(s) for s in sites], step)
        except ValueError as error:
            raise InnerfaceError(f"{error}; assign this one another site, or take the other device away") from None
        self.conventions[number] = (linear, up)
        return number

    def remove_device(self, device: int) -> None:
        """Sites of a device that went away or was assigned otherwise are free again."""
        self.frame_stream.remove_device(device)

    def add_sample(
        self, device: int, time: float, rotation: np.ndarray, acceleration: np.ndarray, now: float | None = None
    ) -> bool:
        """A sample of a device's G sites: (G, 4), (G, 3) as it was sent, NaN where missing; heard `now`, at once if not given. False for one that
        repeats a time."""
        return self.frame_stream.add_sample(
            device, time, *to_specific_force_y_up(rotation, acceleration, *self.conventions[device]), now
        )

    def frames_behind(self, now: float) -> int:
        """How many frames lie between the last one that went through and now."""
        return int((now - self.frame_stream.start_time) * FRAME_RATE) - self.frame_stream.next_frame

    def advance(self, now: float) -> FaceFrames:
        """All frames that have become known by `now`."""
        time, rotation, acceleration = self.frame_stream.take_frames(now)
        self.history.extend(zip(rotation, acceleration))
        if self.active is None or not len(time):
            return _empty_frames()
        if self.ahead:
            return self._push(self.active, time, rotation, acceleration)
        return _concatenate_frames(
            [self._push_and_peek(self.active, slice(k, k + 1), time, rotation, acceleration) for k in range(len(time))]
        )

    def _push_and_peek(
        self, active: ActiveCalibration, row: slice, time: np.ndarray, rotation: np.ndarray, acceleration: np.ndarray
    ) -> FaceFrames:
        """The frame of one row as it looks at once."""
        self._push(active, time[row], rotation[row], acceleration[row])
        values, confidence = active.stream.peek()
        return FaceFrames(
            time[row],
            values,
            confidence,
            ~np.isnan(rotation[row][:, self._site_columns(active, face_only=True), 0]).all(axis=1),
        )

    def _push(
        self, active: ActiveCalibration, time: np.ndarray, rotation: np.ndarray, acceleration: np.ndarray
    ) -> FaceFrames:
        columns, face = self._site_columns(active), self._site_columns(active, face_only=True)
        values, confidence = active.stream.push(
            active.convention_fix.fix_rotation(rotation[:, columns]),
            acceleration[:, columns] * active.convention_fix.scale,
        )
        times = time - LOOKAHEAD / FRAME_RATE
        return FaceFrames(
            times[len(times) - len(values) :],
            values,
            confidence,
            ~np.isnan(acceleration[len(times) - len(values) :, face, 0]).all(axis=1),
        )

    def _site_columns(self, active: ActiveCalibration, face_only: bool = False) -> list[int]:
        """Where the sensors sit that the calibration calls by its sites' names."""
        calibration = active.stream.calibrator.calibration
        sent_names = {right: taped for taped, right in calibration.renamed.items()}
        columns = [self.layout.sites.index(sent_names.get(s, s)) for s in calibration.sites]
        return [columns[s] for s in calibration.face_indices] if face_only else columns

    def snapshot(self, seconds: float = float("inf")) -> Snapshot:
        """The last frames: rotations (n, S, 4), accelerations (n, S, 3) of the frames LOOKAHEAD before, and the number of the frame after them."""
        count = min(len(self.history), int(min(seconds, HISTORY_FRAMES) * FRAME_RATE))
        rows = list(self.history)[len(self.history) - count :]
        s = len(self.layout.sites)
        rotation = np.array([r for r, _ in rows]).reshape(count, s, 4)
        return rotation, np.array([a for _, a in rows]).reshape(count, s, 3), self.frame_stream.next_frame

    def calibrate(self, snapshot: Snapshot, min_settled_s: float = 0.0) -> ActiveCalibration | None:
        """A calibration from a snapshot, and the stage that has seen all of it. None where the nod and shake it finds ended less than `settled_s`
        before the end: they may go on. Raises InnerfaceError for what cannot be calibrated."""
        rotation, acceleration, end_frame = snapshot
        if len(rotation) < 2 * LOOKAHEAD:
            raise InnerfaceError("no sensor has sent anything yet; connect one first")
        signal = self._signal(rotation, acceleration)
        fix, notes = find_convention_fix(signal)
        calibration = calibrate(fix.apply(signal), self.layout)
        if len(rotation) / FRAME_RATE - calibration.turn_span[1] < min_settled_s:
            return None
        active = ActiveCalibration(
            fix,
            CalibratedStream(calibration, self.model, self.adapter, self.raw, self.smooth),
            end_frame,
            (*notes, *calibration.notes),
        )
        self._push(active, np.arange(len(rotation)) / FRAME_RATE, rotation, acceleration)
        return active

    def _signal(self, rotation: np.ndarray, acceleration: np.ndarray) -> ImuSignal:
        aligned = np.concatenate([acceleration[LOOKAHEAD:], np.full((LOOKAHEAD, *acceleration.shape[1:]), np.nan)])
        return ImuSignal(
            np.arange(len(rotation)) / FRAME_RATE, self.layout.sites, make_continuous(rotation), aligned, False, ""
        )

    def snapshot_motion(self, snapshot: Snapshot) -> tuple[ImuSignal, Motion]:
        """What a snapshot holds, as a signal and as motion by the present calibration, with drifts as far as they had crept at its end. Pure: for
        other threads. Raises InnerfaceError before there is a calibration."""
        if self.active is None:
            raise InnerfaceError("not calibrated yet; calibrate first")
        rotation, acceleration, _ = snapshot
        active, columns = self.active, self._site_columns(self.active)
        state = active.stream.calibration_state(active.convention_fix, np.zeros(3))
        motion = Calibrator(state.calibration, state).push(
            active.convention_fix.fix_rotation(rotation[:, columns]),
            acceleration[:, columns] * active.convention_fix.scale,
        )
        return self._signal(rotation, acceleration), motion

    def activate(self, active: ActiveCalibration) -> None:
        """Work with this calibration from the next frame on; frames that came since its snapshot are caught up with."""
        missed_frames = self.frame_stream.next_frame - active.end_frame
        if missed_frames:
            rotation, acceleration, _ = self.snapshot(missed_frames / FRAME_RATE + 1e-6)
            self._push(active, np.arange(len(rotation)) / FRAME_RATE, rotation, acceleration)
        self.active = active


def _empty_frames() -> FaceFrames:
    return FaceFrames(np.zeros(0), np.zeros((0, len(OUTPUT_CHANNELS))), None, np.zeros(0, dtype=bool))


def _concatenate_frames(parts: list[FaceFrames]) -> FaceFrames:
    confidence = [p.confidence for p in parts if p.confidence is not None]
    return FaceFrames(
        np.concatenate([p.time for p in parts]),
        np.concatenate([p.values for p in parts]),
        np.concatenate(confidence) if len(confidence) == len(parts) else None,
        np.concatenate([p.observed for p in parts]),
    )


_FRAME_FIELDS = ("time", "rotation", "acceleration", "head", "heading", "zero")


def _concatenate_motions(a: Motion, b: Motion) -> Motion:
    return replace(b, **{name: np.concatenate([getattr(a, name), getattr(b, name)]) for name in _FRAME_FIELDS})


def _motion_rows(motion: Motion, rows: slice) -> Motion:
    return replace(motion, **{name: getattr(motion, name)[rows] for name in _FRAME_FIELDS})

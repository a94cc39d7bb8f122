"""Causal inference, in chunks of any size.

`MotionToFace` goes from motion to weights, live and in causal inference of recordings. `CalibratedStream` adds the
calibration before it; `ImuSession` adds devices, whose samples arrive one by one, and the search for a calibration.
"""

from __future__ import annotations

import copy
from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from ..animation.smoothing import NO_SMOOTHING, channel_strengths, one_euro_filter
from ..arrays import Array
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

HISTORY_FRAMES = 3600  # that a calibration is searched in
_LOOKBACK_FRAMES = -min(linear_model.CAUSAL_LAGS)  # of the linear model


Snapshot = tuple[Array, Array, int]
"""The last n frames: rotations (n, S, 4), accelerations (n, S, 3) of LOOKAHEAD frames earlier, next frame number."""


class MotionToFace:
    """Causal inference from motion to weights.

    `raw`: do not smooth; `smooth`: strength per channel group (`smoothing.channel_strengths`).
    """

    def __init__(
        self,
        model: Model,
        adapter: Adapter | None = None,
        *,
        raw: bool = False,
        smooth: dict[str, float] | None = None,
    ) -> None:
        if adapter is not None:
            adapter.check(model.id)  # raises now rather than at the first frame
        self.model, self.adapter = model, adapter
        self.smoother = one_euro_filter(channel_strengths(NO_SMOOTHING if raw else smooth or {}))
        self.state = None if isinstance(model, LinearModel) else model.start()
        self.past_motion: Motion | None = None
        self.last_weights: Array | None = None

    def push(self, motion: Motion) -> tuple[Array, Array | None]:
        """Weights (n, 52) in 0..1 of the next n frames, and their confidence (n, 52) where the model has one.

        Frames without any sensor repeat the one before.
        """
        weights, confidence = self._estimate(motion)
        if self.adapter is not None:
            weights = self.adapter.apply(self.model, motion, weights)
        weights = self._hold_missing(weights)
        if len(weights):
            weights = np.clip(np.stack([self.smoother.push(row) for row in weights]), 0.0, 1.0)
        return weights, None if confidence is None else np.nan_to_num(confidence)

    def peek(self, motion: Motion) -> tuple[Array, Array | None]:
        """Infer as `push` does, but keep the state: for frames that are not complete yet."""
        saved = self.state, self.past_motion, self.last_weights, copy.copy(self.smoother)
        out = self.push(motion)
        self.state, self.past_motion, self.last_weights, self.smoother = saved
        return out

    def _estimate(self, motion: Motion) -> tuple[Array, Array | None]:
        past, n = self.past_motion, len(motion.time)
        if isinstance(self.model, LinearModel):
            combined = motion if past is None else _concatenate_motions(past, motion)
            self.past_motion = _motion_rows(combined, slice(max(len(combined.time) - _LOOKBACK_FRAMES, 0), None))
            return self.model.infer(combined, causal=True)[len(combined.time) - n :], None
        self.model.require_sites(motion.sites)
        head = None if past is None else past.head
        if head is not None and len(head) < 2:
            head = np.repeat(head, 2, axis=0)
        values = network_inputs(motion, self.model.sites, self.model.reference, previous_head=head)
        self.past_motion = _motion_rows(motion if past is None else _concatenate_motions(past, motion), slice(-2, None))
        weights, error, self.state = self.model.push(
            values,
            self.state if self.state is not None else self.model.start(),
            rest=None if self.adapter is None else self.adapter.rest_input,
        )
        return self.model.postprocess(motion, weights, error)

    def _hold_missing(self, weights: Array) -> Array:
        known = ~np.isnan(weights).any(axis=1)
        first = self.last_weights if self.last_weights is not None else np.zeros(weights.shape[1])
        rows = np.concatenate([first[None], weights])
        out = rows[np.maximum.accumulate(np.concatenate([[0], np.where(known, np.arange(1, len(rows)), 0)]))][1:]
        if len(out):
            self.last_weights = out[-1]
        return out


class CalibratedStream:
    """Causal inference from calibrated sensors to weights and head angles, in chunks as for `Calibrator`.

    `initial_state`: with the drifts when the calibration was saved.
    """

    def __init__(
        self,
        calibration: Calibration,
        model: Model,
        adapter: Adapter | None = None,
        *,
        raw: bool = False,
        smooth: dict[str, float] | None = None,
        initial_state: CalibrationState | None = None,
    ) -> None:
        self.calibrator = Calibrator(calibration, initial_state)
        self.motion_to_face = MotionToFace(model, adapter, raw=raw, smooth=smooth)

    def push(self, rotation: Array, acceleration: Array) -> tuple[Array, Array | None]:
        """Values (m, 55) of OUTPUT_CHANNELS and confidence (m, 52) or None, of the frames that are complete."""
        motion = self.calibrator.push(rotation, acceleration)
        if not len(motion.time):
            return np.zeros((0, 55)), None
        weights, confidence = self.motion_to_face.push(motion)
        return np.concatenate([weights, motion.head], axis=1), confidence

    def peek(self) -> tuple[Array, Array | None]:
        """Values (1, 55) and confidence of the newest frame, with the last known accelerations."""
        motion = self.calibrator.pending_motion()
        weights, confidence = self.motion_to_face.peek(motion)
        return np.concatenate([weights, motion.head], axis=1)[-1:], None if confidence is None else confidence[-1:]

    def calibration_state(self, convention_fix: ConventionFix, head_zero: Array) -> CalibrationState:
        """The calibration with its present drifts, to be stored with a recording."""
        calibrator = self.calibrator
        return CalibrationState(
            calibrator.calibration,
            convention_fix,
            calibrator.heading_tracker.state.value,
            calibrator.zero_tracker.state.value,
            head_zero,
            None if self.motion_to_face.adapter is None else self.motion_to_face.adapter.rest,
        )


@dataclass(frozen=True)
class FaceFrames:
    """Inferred frames.

    Attributes
    ----------
    time : (n,) s
    values : (n, 55), of OUTPUT_CHANNELS
    confidence : (n, 52), or None where the model has none
    observed : (n,) bool, whether any face site was measured
    """

    time: Array
    values: Array
    confidence: Array | None
    observed: Array


@dataclass(frozen=True)
class ActiveCalibration:
    """A calibration with a stream that has processed all frames before `end_frame`.

    Attributes
    ----------
    convention_fix : conversion of the sensors' signal to the convention
    stream : causal inference with the calibration
    end_frame : number of the first frame that it has not processed
    notes : for the user
    relaxed : s, from when to when the face was relaxed; None where that is not known
    """

    convention_fix: ConventionFix
    stream: CalibratedStream
    end_frame: int
    notes: tuple[str, ...]
    relaxed: tuple[float, float] | None = None


class ImuSession:
    """Live inference from devices that come and go. Before a calibration, frames are only stored.

    `calibrate` is pure and may run in another thread on a `snapshot`; `activate` adopts its result without losing a
    frame.

    Parameters
    ----------
    model : from motion to weights
    layout : sites of the sensors
    adapter : correction for the performer
    raw, smooth : as for `MotionToFace`
    start : time of the first frame, s
    ahead : frames are delayed by LOOKAHEAD, until their accelerations are known; else they are immediate and less exact
    """

    def __init__(
        self,
        model: Model,
        layout: Layout,
        adapter: Adapter | None = None,
        *,
        raw: bool = False,
        smooth: dict[str, float] | None = None,
        start: float = 0.0,
        ahead: bool = True,
    ) -> None:
        self.model, self.layout, self.adapter = model, layout, adapter
        self.raw, self.smooth, self.ahead = raw, smooth, ahead
        self._rest_is_given = adapter is not None and adapter.rest is not None
        MotionToFace(model, adapter, raw=raw, smooth=smooth)  # raises now rather than at the first calibration
        self.frame_stream = FrameStream(layout.sites, start)
        self.conventions: dict[int, tuple[bool, str]] = {}
        self.active: ActiveCalibration | None = None
        # rotations of a frame, accelerations of the one LOOKAHEAD earlier
        self.history: deque[tuple[Array, Array]] = deque(maxlen=HISTORY_FRAMES)

    def add_device(self, sites: tuple[str, ...], *, step: float, linear: bool, up: str) -> int:
        """Add a device and return its number. Raises InnerfaceError for sites that the layout lacks or that are taken.

        `step`: its sample interval, s; `linear`, `up`: as in `ImuSignal`.
        """
        for site in sites:
            self.layout.require_site(site)
        try:
            number = self.frame_stream.add_device([self.layout.sites.index(s) for s in sites], step)
        except ValueError as error:
            raise InnerfaceError(f"{error}; assign another site to this one, or remove the other device") from None
        self.conventions[number] = (linear, up)
        return number

    def remove_device(self, device: int) -> None:
        """Remove a device that has disconnected or was assigned to other sites."""
        self.frame_stream.remove_device(device)

    def add_sample(
        self, device: int, time: float, *, rotation: Array, acceleration: Array, now: float | None = None
    ) -> bool:
        """Add a sample (G, 4), (G, 3) of a device's G sites as it was sent; False where it repeats a time.

        `now`: when it arrived, s; at `time` if not given.
        """
        linear, up = self.conventions[device]
        rotation, force = to_specific_force_y_up(rotation, acceleration, linear=linear, up=up)
        return self.frame_stream.add_sample(device, time, rotation=rotation, acceleration=force, now=now)

    def is_over(self, time: float) -> bool:
        """Whether all frames that a sample of this time belongs to have been made."""
        return self.frame_stream.is_over(time)

    def frames_behind(self, now: float) -> int:
        """Number of frames between the last one that was processed and now."""
        return int((now - self.frame_stream.start_time) * FRAME_RATE) - self.frame_stream.next_frame

    def advance(self, now: float) -> FaceFrames:
        """Infer all frames that are complete at `now`."""
        time, rotation, acceleration = self.frame_stream.take_frames(now)
        self.history.extend(zip(rotation, acceleration))
        if self.active is None or not len(time):
            return _empty_frames()
        if self.ahead:
            return self._push(self.active, time, rotation=rotation, acceleration=acceleration)
        return _concatenate_frames(
            [
                self._push_and_peek(
                    self.active, slice(k, k + 1), time=time, rotation=rotation, acceleration=acceleration
                )
                for k in range(len(time))
            ]
        )

    def _push_and_peek(
        self, active: ActiveCalibration, row: slice, *, time: Array, rotation: Array, acceleration: Array
    ) -> FaceFrames:
        """Infer one frame without look-ahead."""
        self._push(active, time[row], rotation=rotation[row], acceleration=acceleration[row])
        values, confidence = active.stream.peek()
        return FaceFrames(
            time[row],
            values,
            confidence,
            ~np.isnan(rotation[row][:, self._site_columns(active, face_only=True), 0]).all(axis=1),
        )

    def _push(self, active: ActiveCalibration, time: Array, *, rotation: Array, acceleration: Array) -> FaceFrames:
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
        """Columns of the calibration's sites, as their sensors were taped."""
        calibration = active.stream.calibrator.calibration
        sent_names = {right: taped for taped, right in calibration.renamed.items()}
        columns = [self.layout.sites.index(sent_names.get(s, s)) for s in calibration.sites]
        return [columns[s] for s in calibration.face_indices] if face_only else columns

    def snapshot(self, seconds: float = float("inf")) -> Snapshot:
        """The last frames of the history, to calibrate in another thread."""
        count = min(len(self.history), int(min(seconds, HISTORY_FRAMES) * FRAME_RATE))
        rows = list(self.history)[len(self.history) - count :]
        s = len(self.layout.sites)
        rotation = np.array([r for r, _ in rows]).reshape(count, s, 4)
        return rotation, np.array([a for _, a in rows]).reshape(count, s, 3), self.frame_stream.next_frame

    def calibrate(
        self, snapshot: Snapshot, min_settled_s: float = 0.0, *, needs_nod: bool = True
    ) -> ActiveCalibration | None:
        """Calibrate on a snapshot, and process all of its frames. Raises InnerfaceError where that is not possible.

        None where the nod and shake ended less than `min_settled_s` before the end, since they may go on. `needs_nod`:
        as for `calibration.calibrate`.
        """
        rotation, acceleration, end_frame = snapshot
        if len(rotation) < 2 * LOOKAHEAD:
            raise InnerfaceError("no sensor has sent anything yet; connect one first")
        signal = self._signal(rotation, acceleration)
        fix, notes = find_convention_fix(signal)
        calibration = calibrate(fix.apply(signal), self.layout, needs_nod=needs_nod)
        if len(rotation) / FRAME_RATE - calibration.turn_span[1] < min_settled_s:
            return None
        first = self.frame_stream.start_time + (end_frame - len(rotation)) / FRAME_RATE
        active = ActiveCalibration(
            fix,
            CalibratedStream(calibration, self.model, self.adapter, raw=self.raw, smooth=self.smooth),
            end_frame,
            (*notes, *calibration.notes),
            (first + calibration.neutral_span[0], first + calibration.neutral_span[1]),
        )
        self._push(active, np.arange(len(rotation)) / FRAME_RATE, rotation=rotation, acceleration=acceleration)
        return active

    def _signal(self, rotation: Array, acceleration: Array) -> ImuSignal:
        aligned = np.concatenate([acceleration[LOOKAHEAD:], np.full((LOOKAHEAD, *acceleration.shape[1:]), np.nan)])
        return ImuSignal(
            np.arange(len(rotation)) / FRAME_RATE, self.layout.sites, make_continuous(rotation), aligned, False, ""
        )

    def snapshot_motion(self, snapshot: Snapshot) -> tuple[ImuSignal, Motion]:
        """The signal of a snapshot, and its motion by the present calibration and drifts.

        Pure, for other threads. Raises InnerfaceError before there is a calibration.
        """
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

    def take_pushed_sites(self) -> list[str]:
        """Sites whose sensors were found pushed aside, and corrected, since the last call."""
        if self.active is None:
            return []
        calibrator = self.active.stream.calibrator
        sites, calibrator.pushed_sites = calibrator.pushed_sites, []
        return sites

    def use_rest(self, rest: Array) -> bool:
        """Begin from the relaxed face (52,) as a camera saw it, unless one was given; whether it is used."""
        if self._rest_is_given:
            return False
        self.adapter = replace(self.adapter or Adapter(), rest=rest)
        if self.active is not None:
            self.active.stream.motion_to_face.adapter = self.adapter
        return True

    def activate(self, active: ActiveCalibration) -> None:
        """Use a calibration from the next frame on, after processing the frames since its snapshot."""
        missed_frames = self.frame_stream.next_frame - active.end_frame
        if missed_frames:
            rotation, acceleration, _ = self.snapshot(missed_frames / FRAME_RATE + 1e-6)
            self._push(active, np.arange(len(rotation)) / FRAME_RATE, rotation=rotation, acceleration=acceleration)
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

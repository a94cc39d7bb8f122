"""Motion of the face from calibrated sensors: live by `Calibrator`, of whole takes by `apply_calibration`."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
from scipy.signal import lfilter  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

from ..arrays import Array
from ..errors import InnerfaceError
from ..numerics import quaternion as quat
from ..rates import FRAME_RATE
from . import drift
from .calibration import calibrate
from .calibration_state import CalibrationState
from .convention import fix_conventions
from .kinematics import (
    Calibration,
    Motion,
    correct_heading,
    face_rotation,
    head_acceleration_tensor,
    head_angles,
    head_rotation,
    relative_acceleration,
    remove_zero_error,
    second_difference,
)
from .layout import Layout
from .pushed import PushDetector, pushed_zeros
from .signal import LOOKAHEAD, ImuSignal, frame_times, resample, select_sites
from .spans import Span

_HIGH_PASS_S = 1.0  # time constant; slower accelerations are gravity that leaks in through tilt errors


def calibrate_take(
    signal: ImuSignal, layout: Layout, *, neutral: Span | None = None, turn: Span | None = None, causal: bool = False
) -> tuple[Calibration, Motion]:
    """Calibrate a take and compute its motion at FRAME_RATE. Raises InnerfaceError.

    `neutral`, `turn`: s from the first row; searched where they are not given.
    """
    calibration, frames = calibrate_frames(signal, layout, neutral=neutral, turn=turn, causal=causal)
    return calibration, apply_calibration(calibration, frames, causal=causal)


def calibrate_frames(
    signal: ImuSignal, layout: Layout, *, neutral: Span | None = None, turn: Span | None = None, causal: bool = False
) -> tuple[Calibration, ImuSignal]:
    """Calibrate a take, and return the frames for `apply_calibration` or a `Calibrator`. Raises InnerfaceError."""
    upright, notes = fix_conventions(signal)
    frames = resample(upright, frame_times(upright), causal=causal)
    calibration = calibrate(frames, layout, neutral, turn=turn)
    return replace(calibration, notes=(*notes, *calibration.notes)), frames


def _high_pass(values: Array, state: tuple[Array, Array] | None) -> tuple[Array, tuple[Array, Array]]:
    """High-pass filter accelerations (T, F, 3); missing samples repeat the one before.

    `state`: last values and low-pass values of the frames before, also returned for the frames after.
    """
    flat = values.reshape(len(values), -1)
    last, slow = state if state is not None else (np.zeros(flat.shape[1]), np.zeros(flat.shape[1]))
    rows = np.concatenate([last[None], flat])
    row = np.maximum.accumulate(np.where(np.isnan(rows), 0, np.arange(len(rows))[:, None]), axis=0)
    held = np.take_along_axis(rows, row, axis=0)[1:]
    decay = np.exp(-1 / (_HIGH_PASS_S * FRAME_RATE))
    low, end = cast(tuple[Array, Array], lfilter([1 - decay], [1.0, -decay], held, axis=0, zi=(decay * slow)[None]))
    return (flat - low).reshape(values.shape), (held[-1], end[0] / decay)


def motion_from_state(signal: ImuSignal, state: CalibrationState, causal: bool = False) -> Motion:
    """Motion of a take that was calibrated before it began. Raises InnerfaceError where it lacks a calibrated site."""
    sent_names = {right: taped for taped, right in state.calibration.renamed.items()}
    missing = [s for s in state.calibration.sites if sent_names.get(s, s) not in signal.sites]
    if missing:
        raise InnerfaceError(
            f"the take lacks {', '.join(missing)}, which its calibration needs; give --neutral and --turn"
        )
    upright = state.convention_fix.apply(signal)
    motion = apply_calibration(
        state.calibration, resample(upright, frame_times(upright), causal=causal), causal=causal, initial_state=state
    )
    return replace(motion, head=motion.head - state.head_zero)


def apply_calibration(
    calibration: Calibration, frames: ImuSignal, *, causal: bool = False, initial_state: CalibrationState | None = None
) -> Motion:
    """Motion of a whole take at FRAME_RATE.

    Parameters
    ----------
    calibration : of the take's sensors
    frames : as for `calibrate`; sites that the calibration lacks are ignored
    causal : exactly as `Calibrator` gives it live; else drifts are estimated from the whole take
    initial_state : with the drifts when the take began; 0 if not given
    """
    heading_filter, zero_filter = _drift_filters(calibration, initial_state)
    frames = select_sites(
        _rename_sites(frames, calibration),
        [_rename_sites(frames, calibration).sites.index(s) for s in calibration.sites],
    )
    if causal:
        rotation = np.concatenate([frames.rotation, np.repeat(frames.rotation[-1:], LOOKAHEAD, axis=0)])
        acceleration = np.concatenate(
            [np.full((LOOKAHEAD, *frames.acceleration.shape[1:]), np.nan), frames.acceleration]
        )
        return replace(Calibrator(calibration, initial_state).push(rotation, acceleration), time=frames.time)
    rows = len(frames.time)
    uncorrected = correct_heading(calibration, frames.rotation, np.zeros((rows, len(calibration.sites))))
    head = head_rotation(
        uncorrected, neutral=calibration.neutral, reference=calibration.reference, upper=calibration.upper
    )[0]
    block_count = (rows - drift.SPAN_FRAMES) // drift.BLOCK_FRAMES
    heading, zero = np.tile(heading_filter.value, (rows, 1)), np.tile(zero_filter.value, (rows, 1, 1))
    if block_count > 1:
        site_turns = drift.span_rotations(uncorrected)[: block_count * drift.BLOCK_FRAMES].reshape(
            block_count, drift.BLOCK_FRAMES, len(calibration.sites), 3
        )
        head_turns = drift.span_rotations(head[:, None])[: block_count * drift.BLOCK_FRAMES, 0].reshape(
            block_count, drift.BLOCK_FRAMES, 3
        )
        measured = drift.heading_measurements(site_turns, head_turns)
        delay_frames = drift.SPAN_FRAMES / 2  # a turn belongs to the middle of its span
        heading = drift.interpolate_blocks(drift.smooth_blocks(heading_filter, *measured), rows, delay_frames)
    corrected = correct_heading(calibration, frames.rotation, heading)
    head = head_rotation(
        corrected, neutral=calibration.neutral, reference=calibration.reference, upper=calibration.upper
    )[0]
    vectors = face_rotation(calibration, corrected, head)
    pushed = pushed_zeros(vectors, calibration.face_sites)
    unpushed = quat.to_rotvec(quat.multiply(quat.from_rotvec(vectors), quat.conjugate(pushed)))
    block_count = rows // drift.BLOCK_FRAMES
    if block_count > 1:
        blocks = unpushed[: block_count * drift.BLOCK_FRAMES].reshape(
            block_count, drift.BLOCK_FRAMES, *vectors.shape[1:]
        )
        zero = drift.interpolate_blocks(drift.smooth_blocks(zero_filter, *drift.zero_measurements(blocks)), rows, 0.0)
    acceleration = relative_acceleration(
        calibration,
        corrected=corrected,
        acceleration=frames.acceleration,
        head=head,
        tensor=head_acceleration_tensor(calibration, head),
    )[:, calibration.face_indices]
    return Motion(
        frames.time,
        calibration.face_sites,
        remove_zero_error(zero, unpushed),
        _high_pass(acceleration, None)[0],
        head_angles(calibration, head, calibration.at_rest),
        heading[:, calibration.face_indices],
        quat.to_rotvec(quat.multiply(quat.from_rotvec(zero), pushed)),
    )


def _rename_sites(frames: ImuSignal, calibration: Calibration) -> ImuSignal:
    """Give swapped sites their correct names."""
    return replace(frames, sites=tuple(calibration.renamed.get(s, s) for s in frames.sites))


def _drift_filters(
    calibration: Calibration, initial_state: CalibrationState | None
) -> tuple[drift.DriftFilter, drift.DriftFilter]:
    """Filters of heading and zero drifts, from `initial_state` or from no drift."""
    heading, zero = drift.heading_filter(len(calibration.sites)), drift.zero_filter(len(calibration.face_indices))
    return (
        (heading, zero)
        if initial_state is None
        else (replace(heading, value=initial_state.heading), replace(zero, value=initial_state.zero))
    )


class Calibrator:
    """Causal motion of calibrated sensors, in chunks of any size.

    A chunk holds orientations (n, S, 4) of n frames of the calibration's sites, and accelerations (n, S, 3) of the n
    frames LOOKAHEAD earlier, since that is when the triangular filter knows them. Motion is that of the accelerations'
    frames, so the first LOOKAHEAD frames give none.
    """

    def __init__(self, calibration: Calibration, initial_state: CalibrationState | None = None) -> None:
        count = len(calibration.sites)
        self.calibration, self.frame_count = calibration, 0
        self.heading_tracker, self.zero_tracker = map(
            drift.BlockTracker.start, _drift_filters(calibration, initial_state)
        )
        self.push_detector = PushDetector(calibration.face_sites)
        self.pushed_sites: list[str] = []  # that were found and corrected, and not told yet
        self.uncorrected_history = np.full((drift.SPAN_FRAMES, count, 4), np.nan)  # before drift is removed
        self.head_history = np.full((drift.SPAN_FRAMES, 4), np.nan)
        self.reference_offset: Array | None = None
        # orientations, vectors and drifts of frames whose accelerations are not known yet
        self.pending: list[Array] = []
        self.high_pass_state: tuple[Array, Array] | None = None
        self.newest_acceleration: Array | None = None  # (F, 3)

    def push(self, rotation: Array, acceleration: Array) -> Motion:
        """Motion of up to n frames; its `time` counts from the first frame pushed."""
        parts: list[tuple[Array, ...]] = []
        at = 0
        while at < len(rotation):
            size = min(len(rotation) - at, drift.BLOCK_FRAMES - self.frame_count % drift.BLOCK_FRAMES)
            parts.append(self._push_within_block(rotation[at : at + size]))
            at += size
        corrected, head, vectors, heading, zero = (
            np.concatenate([old, *new]) for old, new in zip(self._pending_frames(), zip(*parts))
        )
        c, n = LOOKAHEAD, len(rotation)
        first = max(2 * c - (self.frame_count - n), 0)  # frames before the start are placeholders
        self.pending = [x[-2 * c :] for x in (corrected, head, vectors, heading, zero)]
        tensor = second_difference(head)[c : c + n]
        a = quat.to_matrix(self.calibration.axes)
        rows = slice(c, c + n)
        relative = relative_acceleration(
            self.calibration,
            corrected=corrected[rows],
            acceleration=acceleration,
            head=head[rows],
            tensor=a @ tensor @ a.T,
        )[:, self.calibration.face_indices]
        first = max(c - (self.frame_count - n), 0)
        high_passed, self.high_pass_state = (
            _high_pass(relative[first:], self.high_pass_state)
            if len(relative) > first
            else (relative[:0], self.high_pass_state)
        )
        if len(high_passed):
            self.newest_acceleration = high_passed[-1]
        rows = slice(c + first, c + n)
        time = (np.arange(n - min(first, n)) + self.frame_count - n + first - c) / FRAME_RATE
        sites = self.calibration.face_sites
        angles = head_angles(self.calibration, head[rows], self.calibration.at_rest)
        return Motion(
            time, sites, vectors[rows], high_passed, angles, heading[rows][:, self.calibration.face_indices], zero[rows]
        )

    def pending_motion(self) -> Motion:
        """Motion of the LOOKAHEAD newest frames, with the last known accelerations, for use without any look-ahead."""
        _, head, vectors, heading, zero = (x[-LOOKAHEAD:] for x in self._pending_frames())
        high_passed = np.zeros((len(head), len(self.calibration.face_indices), 3))
        if self.newest_acceleration is not None:
            high_passed += self.newest_acceleration
        high_passed[np.isnan(vectors).any(-1)] = np.nan
        time = (np.arange(len(head)) + self.frame_count - len(head)) / FRAME_RATE
        sites = self.calibration.face_sites
        return Motion(
            time,
            sites,
            vectors,
            high_passed,
            head_angles(self.calibration, head, self.calibration.at_rest),
            heading[:, self.calibration.face_indices],
            zero,
        )

    def _pending_frames(self) -> list[Array]:
        """The 2 LOOKAHEAD frames before the chunk; NaN before the first chunk."""
        if not self.pending:
            s, f, rows = len(self.calibration.sites), len(self.calibration.face_indices), 2 * LOOKAHEAD
            shapes = ((s, 4), (4,), (f, 3), (s,), (f, 3))
            return [np.full((rows, *shape), np.nan) for shape in shapes]
        return self.pending

    def _push_within_block(self, rotation: Array) -> tuple[Array, ...]:
        """Push orientations (n, S, 4) of frames of one block; returns what `pending` holds of them."""
        calibration, n = self.calibration, len(rotation)
        fraction = ((self.frame_count % drift.BLOCK_FRAMES + 1 + np.arange(n)) / drift.BLOCK_FRAMES)[:, None]
        heading = self.heading_tracker.interpolate(fraction)
        uncorrected = correct_heading(calibration, rotation, np.zeros_like(heading))
        corrected = correct_heading(calibration, rotation, heading)
        head, self.reference_offset = head_rotation(
            corrected,
            neutral=calibration.neutral,
            reference=calibration.reference,
            upper=calibration.upper,
            reference_offset=self.reference_offset,
        )
        vectors = face_rotation(calibration, corrected, head)
        zero = self.zero_tracker.interpolate(fraction[..., None])
        self.uncorrected_history, self.head_history = (
            np.concatenate([self.uncorrected_history, uncorrected]),
            np.concatenate([self.head_history, head]),
        )
        self.zero_tracker.append(vectors)
        self.frame_count += n
        if self.frame_count % drift.BLOCK_FRAMES == 0:
            site_turns, head_turns = (
                drift.span_rotations(self.uncorrected_history)[-drift.BLOCK_FRAMES :],
                drift.span_rotations(self.head_history[:, None])[-drift.BLOCK_FRAMES :, 0],
            )
            self.heading_tracker.close_block(*drift.heading_measurements(site_turns[None], head_turns[None]))
            block = self.zero_tracker.take_block()
            self.zero_tracker.close_block(*drift.zero_measurements(block[None]))
            for push in self.push_detector.append(drift.block_means(block[None])[0]):
                self.zero_tracker.push(push.site, push.turn)
                self.pushed_sites.append(self.push_detector.sites[push.site])
            self.uncorrected_history, self.head_history = (
                self.uncorrected_history[-drift.SPAN_FRAMES :],
                self.head_history[-drift.SPAN_FRAMES :],
            )
        return corrected, head, remove_zero_error(zero, vectors), heading, zero

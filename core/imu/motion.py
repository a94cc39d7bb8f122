"""A calibration at work: from frames of sensors to how the face moves, live and over whole takes.

`Calibrator` goes frame by frame and remembers what it must; `apply` is the same over a whole take, which may look both ways.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.signal import lfilter

from ..errors import InnerfaceError
from . import drift
from . import quaternion as quat
from .calibrate import calibrate
from .kinematics import (
    Calibration,
    Motion,
    face_rotation,
    head_angles,
    head_axes,
    head_rotation,
    mend,
    relative_acceleration,
    second_difference,
    without,
)
from .layout import Layout
from .level import level
from .signal import FRAME_RATE, LOOKAHEAD, ImuSignal, frame_times, pick, resample
from .spans import Span
from .worn import Worn

_HIGH_PASS_S = 1.0  # time constant: slower accelerations are gravity that leaks through tilt errors


def calibrate_take(
    signal: ImuSignal, layout: Layout, neutral: Span | None = None, turn: Span | None = None, causal: bool = False
) -> tuple[Calibration, Motion]:
    """A take's calibration, and its motion at FRAME_RATE over all of it. Spans are seconds from the first row, found where not given.

    Raises InnerfaceError.
    """
    found, frames = calibrate_frames(signal, layout, neutral, turn, causal)
    return found, apply(found, frames, causal)


def calibrate_frames(
    signal: ImuSignal, layout: Layout, neutral: Span | None = None, turn: Span | None = None, causal: bool = False
) -> tuple[Calibration, ImuSignal]:
    """As `calibrate_take`, but with the frames at FRAME_RATE that `apply` or a `Calibrator` take."""
    upright, notes = level(signal)
    frames = resample(upright, frame_times(upright), causal=causal)
    found = calibrate(frames, layout, neutral, turn)
    return replace(found, notes=(*notes, *found.notes)), frames


def _high_pass(values: np.ndarray, state: tuple[np.ndarray, np.ndarray] | None) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Accelerations (T, F, 3) less their slow part. `state`: (last known values, slow part) to go on from; missing samples hold."""
    flat = values.reshape(len(values), -1)
    last, slow = state if state is not None else (np.zeros(flat.shape[1]), np.zeros(flat.shape[1]))
    rows = np.concatenate([last[None], flat])
    row = np.maximum.accumulate(np.where(np.isnan(rows), 0, np.arange(len(rows))[:, None]), axis=0)
    held = np.take_along_axis(rows, row, axis=0)[1:]
    keep = np.exp(-1 / (_HIGH_PASS_S * FRAME_RATE))
    low, end = lfilter([1 - keep], [1.0, -keep], held, axis=0, zi=(keep * slow)[None])
    return (flat - low).reshape(values.shape), (held[-1], end[0] / keep)


def motion_of_worn(signal: ImuSignal, worn: Worn, causal: bool = False) -> Motion:
    """The motion of a take whose sensors were calibrated before it began. Raises InnerfaceError where it lacks one of their sites."""
    sent = {right: taped for taped, right in worn.found.renamed.items()}
    lacking = [s for s in worn.found.sites if sent.get(s, s) not in signal.sites]
    if lacking:
        raise InnerfaceError(f"the take lacks {', '.join(lacking)}, with which it was calibrated; give --neutral and --turn")
    upright = worn.level.apply(signal)
    motion = apply(worn.found, resample(upright, frame_times(upright), causal=causal), causal, worn)
    return replace(motion, head=motion.head - worn.head_zero)


def apply(found: Calibration, frames: ImuSignal, causal: bool = False, crept: Worn | None = None) -> Motion:
    """The motion of a whole take at FRAME_RATE. `causal`: exactly as `Calibrator` gives it live; else drifts are found looking both ways.

    `frames`: as for `calibrate`; sites that the calibration lacks are ignored. `crept`: how far things had crept when the take began.
    """
    headings, zeros = _drifts(found, crept)
    frames = pick(_renamed(frames, found), [_renamed(frames, found).sites.index(s) for s in found.sites])
    if causal:
        rotation = np.concatenate([frames.rotation, np.repeat(frames.rotation[-1:], LOOKAHEAD, axis=0)])
        acceleration = np.concatenate([np.full((LOOKAHEAD, *frames.acceleration.shape[1:]), np.nan), frames.acceleration])
        return replace(Calibrator(found, crept).push(rotation, acceleration), time=frames.time)
    rows = len(frames.time)
    start = mend(found, frames.rotation, np.zeros((rows, len(found.sites))))
    head = head_rotation(start, found.neutral, found.reference, found.upper)[0]
    whole = (rows - drift.SPAN) // drift.BLOCK
    heading, zero = np.tile(headings.value, (rows, 1)), np.tile(zeros.value, (rows, 1, 1))
    if whole > 1:
        turns = drift.turns(start)[: whole * drift.BLOCK].reshape(whole, drift.BLOCK, len(found.sites), 3)
        own = drift.turns(head[:, None])[: whole * drift.BLOCK, 0].reshape(whole, drift.BLOCK, 3)
        measured = drift.heading_measurements(turns, own)
        late = drift.SPAN / 2  # a turn belongs to the middle of its span
        heading = drift.between_blocks(drift.smooth(headings, *measured), rows, late)
    mended = mend(found, frames.rotation, heading)
    head = head_rotation(mended, found.neutral, found.reference, found.upper)[0]
    vectors = face_rotation(found, mended, head)
    whole = rows // drift.BLOCK
    if whole > 1:
        blocks = vectors[: whole * drift.BLOCK].reshape(whole, drift.BLOCK, *vectors.shape[1:])
        zero = drift.between_blocks(drift.smooth(zeros, *drift.zero_measurements(blocks)), rows, 0.0)
    acceleration = relative_acceleration(found, mended, frames.acceleration, head, head_axes(found, head))[:, found.face]
    return Motion(
        frames.time,
        tuple(found.sites[s] for s in found.face),
        without(zero, vectors),
        _high_pass(acceleration, None)[0],
        head_angles(found, head, found.at_rest),
        heading[:, found.face],
        zero,
    )


def _renamed(frames: ImuSignal, found: Calibration) -> ImuSignal:
    """The signal with the names that the calibration found to be the right ones."""
    return replace(frames, sites=tuple(found.renamed.get(s, s) for s in frames.sites))


def _drifts(found: Calibration, crept: Worn | None) -> tuple[drift.Kalman, drift.Kalman]:
    """The filters of headings and zeros, before anything was seen or from where things had crept to."""
    heading, zero = drift.heading_start(len(found.sites)), drift.zero_start(len(found.face))
    return (heading, zero) if crept is None else (replace(heading, value=crept.heading), replace(zero, value=crept.zero))


class Calibrator:
    """A calibration at work, frame by frame; `memory` is all that it remembers of the past.

    A pushed chunk holds rotations (n, S, 4) of n frames (S sites as in `found.sites`) and accelerations (n, S, 3) of the n frames that
    lie LOOKAHEAD before them: that is when a triangle of that half width is known. Motion comes out for the accelerations'
    frames, so the first LOOKAHEAD frames yield none.
    """

    def __init__(self, found: Calibration, crept: Worn | None = None) -> None:
        count = len(found.sites)
        self.found, self.frame = found, 0
        self.heading, self.zero = map(drift.Tracker.start, _drifts(found, crept))
        self.start = np.full((drift.SPAN, count, 4), np.nan)  # orientations before drift is taken out
        self.head = np.full((drift.SPAN, 4), np.nan)
        self.bridge: np.ndarray | None = None
        self.late: list[np.ndarray] = []  # orientations, vectors, drifts that wait for their accelerations
        self.slow: tuple[np.ndarray, np.ndarray] | None = None
        self.newest: np.ndarray | None = None  # accelerations (F, 3) that were known last

    def push(self, rotation: np.ndarray, acceleration: np.ndarray) -> Motion:
        """The motion of up to n frames; `time` counts seconds from the first frame pushed."""
        parts, at = [], 0
        while at < len(rotation):
            size = min(len(rotation) - at, drift.BLOCK - self.frame % drift.BLOCK)
            parts.append(self._piece(rotation[at : at + size]))
            at += size
        mended, head, vectors, heading, zero = (
            np.concatenate([old, new]) for old, new in zip(self._waiting(), map(np.concatenate, zip(*parts)))
        )
        c, n = LOOKAHEAD, len(rotation)
        first = max(2 * c - (self.frame - n), 0)  # frames before the start only hold the first one's place
        self.late = [x[-2 * c :] for x in (mended, head, vectors, heading, zero)]
        swing = second_difference(head)[c : c + n]
        a = quat.to_matrix(self.found.axes)
        rows = slice(c, c + n)
        relative = relative_acceleration(self.found, mended[rows], acceleration, head[rows], a @ swing @ a.T)[:, self.found.face]
        first = max(c - (self.frame - n), 0)
        fast, self.slow = _high_pass(relative[first:], self.slow) if len(relative) > first else (relative[:0], self.slow)
        if len(fast):
            self.newest = fast[-1]
        rows = slice(c + first, c + n)
        time = (np.arange(n - min(first, n)) + self.frame - n + first - c) / FRAME_RATE
        sites = tuple(self.found.sites[s] for s in self.found.face)
        angles = head_angles(self.found, head[rows], self.found.at_rest)
        return Motion(time, sites, vectors[rows], fast, angles, heading[rows][:, self.found.face], zero[rows])

    def ahead(self) -> Motion:
        """The LOOKAHEAD frames whose accelerations are not known yet, with those that were known last: what live use without any look-ahead shows."""
        _, head, vectors, heading, zero = (x[-LOOKAHEAD:] for x in self._waiting())
        fast = np.zeros((len(head), len(self.found.face), 3))
        if self.newest is not None:
            fast += self.newest
        fast[np.isnan(vectors).any(-1)] = np.nan
        time = (np.arange(len(head)) + self.frame - len(head)) / FRAME_RATE
        sites = tuple(self.found.sites[s] for s in self.found.face)
        return Motion(time, sites, vectors, fast, head_angles(self.found, head, self.found.at_rest), heading[:, self.found.face], zero)

    def _waiting(self) -> list[np.ndarray]:
        """The 2 LOOKAHEAD frames before the chunk; before the first chunk, nothing is known of them."""
        if not self.late:
            s, f, rows = len(self.found.sites), len(self.found.face), 2 * LOOKAHEAD
            shapes = ((s, 4), (4,), (f, 3), (s,), (f, 3))
            return [np.full((rows, *shape), np.nan) for shape in shapes]
        return self.late

    def _piece(self, rotation: np.ndarray) -> tuple[np.ndarray, ...]:
        """Frames that do not cross the end of a block."""
        found, n = self.found, len(rotation)
        share = ((self.frame % drift.BLOCK + 1 + np.arange(n)) / drift.BLOCK)[:, None]
        heading = self.heading.ramp(share)
        start = mend(found, rotation, np.zeros_like(heading))
        mended = mend(found, rotation, heading)
        head, self.bridge = head_rotation(mended, found.neutral, found.reference, found.upper, self.bridge)
        raw = face_rotation(found, mended, head)
        zero = self.zero.ramp(share[..., None])
        self.start, self.head = np.concatenate([self.start, start]), np.concatenate([self.head, head])
        self.zero.wait(raw)
        self.frame += n
        if self.frame % drift.BLOCK == 0:
            turns, own = drift.turns(self.start)[-drift.BLOCK :], drift.turns(self.head[:, None])[-drift.BLOCK :, 0]
            self.heading.close(*drift.heading_measurements(turns[None], own[None]))
            self.zero.close(*drift.zero_measurements(self.zero.taken()[None]))
            self.start, self.head = self.start[-drift.SPAN :], self.head[-drift.SPAN :]
        return mended, head, without(zero, raw), heading, zero

"""Inference as it runs live: frame by frame or in chunks of any size, with all that it remembers in one object.

`Stage` is everything after calibrated motion and serves causal inference of recordings as well, so the two are the same. `Live` adds the
calibration at work before it, `Session` the devices whose samples arrive one by one, and how a calibration is found in what they sent.
"""

from __future__ import annotations

import copy
from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from .channels import OUTPUT
from .errors import InnerfaceError
from .imu import linear
from .imu.adapt import Adapter
from .imu.calibrate import calibrate
from .imu.kinematics import Calibration, Motion
from .imu.layout import Layout
from .imu.level import Leveling, leveling
from .imu.linear import LinearModel
from .imu.model import Model
from .imu.motion import Calibrator
from .imu.network import inputs
from .imu.signal import FRAME_RATE, LOOKAHEAD, ImuSignal, continuous, upright_force
from .imu.stream import Frames
from .imu.worn import Worn
from .smooth import NONE, OneEuro, strengths

HISTORY = 3600  # frames that a calibration can be found in
_BACK = -min(linear.CAUSAL)  # frames that the linear model looks back


class Stage:
    """From motion to weights, causally. `raw`: not smoothed; `smooth`: how strongly per channel group (`smooth.strengths`)."""

    def __init__(
        self, model: Model, adapter: Adapter | None = None, raw: bool = False, smooth: dict[str, float] | None = None
    ) -> None:
        if adapter is not None:
            adapter.correction(model.id)  # refused now rather than at the first frame
        self.model, self.adapter = model, adapter
        self.smooth = OneEuro(strengths(NONE if raw else smooth or {}))
        self.state = None if isinstance(model, LinearModel) else model.start()
        self.past: Motion | None = None
        self.last: np.ndarray | None = None

    def push(self, motion: Motion) -> tuple[np.ndarray, np.ndarray | None]:
        """Weights (n, 52) in 0..1 and, from a network, confidence (n, 52) of the next n frames. Frames without any sensor hold the last."""
        weights, confidence = self._estimate(motion)
        if self.adapter is not None:
            weights = self.adapter.apply(self.model.id, motion, weights)
        weights = self._held(weights)
        if len(weights):
            weights = np.clip(np.stack([self.smooth.push(row) for row in weights]), 0.0, 1.0)
        return weights, None if confidence is None else np.nan_to_num(confidence)

    def peek(self, motion: Motion) -> tuple[np.ndarray, np.ndarray | None]:
        """As `push`, but nothing of it is remembered: for frames that are not wholly known yet."""
        kept = self.state, self.past, self.last, copy.copy(self.smooth)
        out = self.push(motion)
        self.state, self.past, self.last, self.smooth = kept
        return out

    def _estimate(self, motion: Motion) -> tuple[np.ndarray, np.ndarray | None]:
        before, n = self.past, len(motion.time)
        if isinstance(self.model, LinearModel):
            whole = motion if before is None else _joined(before, motion)
            self.past = _rows(whole, slice(max(len(whole.time) - _BACK, 0), None))
            return self.model.infer(whole, causal=True)[len(whole.time) - n :], None
        self.model.check(motion.sites)
        head = None if before is None else before.head
        if head is not None and len(head) < 2:
            head = np.repeat(head, 2, axis=0)
        values = inputs(motion, self.model.sites, self.model.reference, head)
        self.past = _rows(motion if before is None else _joined(before, motion), slice(-2, None))
        weights, error, self.state = self.model.push(values, self.state if self.state is not None else self.model.start())
        return self.model.finish(motion, weights, error)

    def _held(self, weights: np.ndarray) -> np.ndarray:
        known = ~np.isnan(weights).any(axis=1)
        first = self.last if self.last is not None else np.zeros(weights.shape[1])
        rows = np.concatenate([first[None], weights])
        out = rows[np.maximum.accumulate(np.concatenate([[0], np.where(known, np.arange(1, len(rows)), 0)]))][1:]
        if len(out):
            self.last = out[-1]
        return out


class Live:
    """A calibrated performer, live: sensors in, weights and the head out. Chunks as `Calibrator` takes them."""

    def __init__(
        self, found: Calibration, model: Model, adapter: Adapter | None = None, raw: bool = False, smooth: dict[str, float] | None = None
    ) -> None:
        self.calibrator, self.stage = Calibrator(found), Stage(model, adapter, raw, smooth)

    def push(self, rotation: np.ndarray, acceleration: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Values (m, 55; OUTPUT) and confidence (m, 52) or None, for the frames that have become known."""
        motion = self.calibrator.push(rotation, acceleration)
        if not len(motion.time):
            return np.zeros((0, 55)), None
        weights, confidence = self.stage.push(motion)
        return np.concatenate([weights, motion.head], axis=1), confidence

    def peek(self) -> tuple[np.ndarray, np.ndarray | None]:
        """The newest frame, (1, 55), before its accelerations are known: those before stand in for them."""
        motion = self.calibrator.ahead()
        weights, confidence = self.stage.peek(motion)
        return np.concatenate([weights, motion.head], axis=1)[-1:], None if confidence is None else confidence[-1:]

    def worn(self, level: Leveling, head_zero: np.ndarray) -> Worn:
        """The calibration as it is now, to be kept with a recording."""
        c = self.calibrator
        return Worn(c.found, level, c.heading.state.value, c.zero.state.value, head_zero)


@dataclass(frozen=True)
class Output:
    """What became known: `time` (n,) s, `values` (n, 55; OUTPUT), `confidence` (n, 52) or None, `seen` (n,) bool: any face site was measured."""

    time: np.ndarray
    values: np.ndarray
    confidence: np.ndarray | None
    seen: np.ndarray


@dataclass(frozen=True)
class Ready:
    """A calibration that was found in frames up to number `upto` (not in it), already at work on them; `notes` for the user."""

    level: Leveling
    live: Live
    upto: int
    notes: tuple[str, ...]


class Session:
    """Devices come and go, their samples become frames, and, once a calibration is found, the face. Without one, frames are only remembered.
    `ahead`: faces come when their accelerations are known, LOOKAHEAD frames late; without it at once, a little less exact.

    `calibrate` is pure and may run in another thread on a `snapshot`; `accept` takes its result up without losing a frame.
    """

    def __init__(
        self, model: Model, sites: Layout, adapter: Adapter | None = None, raw: bool = False, smooth: dict[str, float] | None = None, start: float = 0.0,
        ahead: bool = True,
    ) -> None:  # fmt: skip
        self.model, self.layout, self.adapter, self.raw, self.smooth, self.ahead = model, sites, adapter, raw, smooth, ahead
        Stage(model, adapter, raw, smooth)  # refused now rather than at the first calibration
        self.frames = Frames(sites.sites, start)
        self.habits: dict[int, tuple[bool, str]] = {}
        self.ready: Ready | None = None
        self.history: deque[tuple[np.ndarray, np.ndarray]] = deque(maxlen=HISTORY)  # rotation of a frame, acceleration of the one LOOKAHEAD before

    def device(self, sites: tuple[str, ...], step: float, linear: bool, up: str) -> int:
        """A device, whose samples then go by the number that this gives. Sites that the layout lacks are told with InnerfaceError."""
        for site in sites:
            self.layout.check(site)
        try:
            number = self.frames.device([self.layout.sites.index(s) for s in sites], step)
        except ValueError as error:
            raise InnerfaceError(f"{error}; assign this one another site, or take the other device away") from None
        self.habits[number] = (linear, up)
        return number

    def drop(self, device: int) -> None:
        """Sites of a device that went away or was assigned otherwise are free again."""
        self.frames.drop(device)

    def add(self, device: int, time: float, rotation: np.ndarray, acceleration: np.ndarray, now: float | None = None) -> bool:
        """A sample of a device's G sites: (G, 4), (G, 3) as it was sent, NaN where missing; heard `now`, at once if not given. False for one that
        repeats a time."""
        return self.frames.add(device, time, *upright_force(rotation, acceleration, *self.habits[device]), now)

    def waiting(self, now: float) -> int:
        """How many frames lie between the last one that went through and now."""
        return int((now - self.frames.start) * FRAME_RATE) - self.frames.next

    def advance(self, now: float) -> Output:
        """All frames that have become known by `now`."""
        time, rotation, acceleration = self.frames.take(now)
        self.history.extend(zip(rotation, acceleration))
        if self.ready is None or not len(time):
            return _nothing()
        if self.ahead:
            return self._push(self.ready, time, rotation, acceleration)
        return _joined_outputs([self._newest(self.ready, slice(k, k + 1), time, rotation, acceleration) for k in range(len(time))])

    def _newest(self, ready: Ready, row: slice, time: np.ndarray, rotation: np.ndarray, acceleration: np.ndarray) -> Output:
        """The frame of one row as it looks at once."""
        self._push(ready, time[row], rotation[row], acceleration[row])
        values, confidence = ready.live.peek()
        return Output(time[row], values, confidence, ~np.isnan(rotation[row][:, self._columns(ready, face_only=True), 0]).all(axis=1))

    def _push(self, ready: Ready, time: np.ndarray, rotation: np.ndarray, acceleration: np.ndarray) -> Output:
        columns, face = self._columns(ready), self._columns(ready, face_only=True)
        values, confidence = ready.live.push(ready.level.rotation(rotation[:, columns]), acceleration[:, columns] * ready.level.scale)
        late = time - LOOKAHEAD / FRAME_RATE
        return Output(late[len(late) - len(values) :], values, confidence, ~np.isnan(acceleration[len(late) - len(values) :, face, 0]).all(axis=1))

    def _columns(self, ready: Ready, face_only: bool = False) -> list[int]:
        """Where the sensors sit that the calibration calls by its sites' names."""
        found = ready.live.calibrator.found
        sent = {right: taped for taped, right in found.renamed.items()}
        columns = [self.layout.sites.index(sent.get(s, s)) for s in found.sites]
        return [columns[s] for s in found.face] if face_only else columns

    def snapshot(self, seconds: float = float("inf")) -> tuple[np.ndarray, np.ndarray, int]:
        """The last frames: rotations (n, S, 4), accelerations (n, S, 3) of the frames LOOKAHEAD before, and the number of the frame after them."""
        count = min(len(self.history), int(min(seconds, HISTORY) * FRAME_RATE))
        rows = list(self.history)[len(self.history) - count :]
        s = len(self.layout.sites)
        rotation = np.array([r for r, _ in rows]).reshape(count, s, 4)
        return rotation, np.array([a for _, a in rows]).reshape(count, s, 3), self.frames.next

    def calibrate(self, taken: tuple[np.ndarray, np.ndarray, int], settled_s: float = 0.0) -> Ready | None:
        """A calibration from a snapshot, and the stage that has seen all of it. None where the nod and shake it finds ended less than `settled_s`
        before the end: they may go on. Raises InnerfaceError for what cannot be calibrated."""
        rotation, acceleration, upto = taken
        if len(rotation) < 2 * LOOKAHEAD:
            raise InnerfaceError("no sensor has sent anything yet; connect one first")
        signal = self._signal(rotation, acceleration)
        level, notes = leveling(signal)
        found = calibrate(level.apply(signal), self.layout)
        if len(rotation) / FRAME_RATE - found.turn_span[1] < settled_s:
            return None
        ready = Ready(level, Live(found, self.model, self.adapter, self.raw, self.smooth), upto, (*notes, *found.notes))
        self._push(ready, np.arange(len(rotation)) / FRAME_RATE, rotation, acceleration)
        return ready

    def _signal(self, rotation: np.ndarray, acceleration: np.ndarray) -> ImuSignal:
        felt = np.concatenate([acceleration[LOOKAHEAD:], np.full((LOOKAHEAD, *acceleration.shape[1:]), np.nan)])
        return ImuSignal(np.arange(len(rotation)) / FRAME_RATE, self.layout.sites, continuous(rotation), felt, False, "")

    def motion(self, taken: tuple[np.ndarray, np.ndarray, int]) -> tuple[ImuSignal, Motion]:
        """What a snapshot holds, as a signal and as motion by the present calibration, with drifts as far as they had crept at its end. Pure: for
        other threads. Raises InnerfaceError before there is a calibration."""
        if self.ready is None:
            raise InnerfaceError("not calibrated yet; calibrate first")
        rotation, acceleration, _ = taken
        ready, columns = self.ready, self._columns(self.ready)
        crept = ready.live.worn(ready.level, np.zeros(3))
        motion = Calibrator(crept.found, crept).push(ready.level.rotation(rotation[:, columns]), acceleration[:, columns] * ready.level.scale)
        return self._signal(rotation, acceleration), motion

    def accept(self, ready: Ready) -> None:
        """Work with this calibration from the next frame on; frames that came since its snapshot are caught up with."""
        missed = self.frames.next - ready.upto
        if missed:
            rotation, acceleration, _ = self.snapshot(missed / FRAME_RATE + 1e-6)
            self._push(ready, np.arange(len(rotation)) / FRAME_RATE, rotation, acceleration)
        self.ready = ready


def _nothing() -> Output:
    return Output(np.zeros(0), np.zeros((0, len(OUTPUT))), None, np.zeros(0, dtype=bool))


def _joined_outputs(parts: list[Output]) -> Output:
    confidence = [p.confidence for p in parts if p.confidence is not None]
    return Output(
        np.concatenate([p.time for p in parts]), np.concatenate([p.values for p in parts]),
        np.concatenate(confidence) if len(confidence) == len(parts) else None, np.concatenate([p.seen for p in parts]),
    )  # fmt: skip


_FRAMES = ("time", "rotation", "acceleration", "head", "heading", "zero")


def _joined(a: Motion, b: Motion) -> Motion:
    return replace(b, **{name: np.concatenate([getattr(a, name), getattr(b, name)]) for name in _FRAMES})


def _rows(motion: Motion, rows: slice) -> Motion:
    return replace(motion, **{name: getattr(motion, name)[rows] for name in _FRAMES})

"""Inference as it runs live: frame by frame or in chunks of any size, with all that it remembers in one object.

`Stage` is everything after calibrated motion and serves causal inference of recordings as well, so the two are the same. `Live` adds the
calibration at work before it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .imu import linear
from .imu.adapt import Adapter
from .imu.kinematics import Calibration, Motion
from .imu.linear import LinearModel
from .imu.model import Model
from .imu.motion import Calibrator
from .imu.network import inputs
from .smooth import NONE, OneEuro, strengths

_HISTORY = -min(linear.CAUSAL)  # frames that the linear model looks back


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

    def _estimate(self, motion: Motion) -> tuple[np.ndarray, np.ndarray | None]:
        before, n = self.past, len(motion.time)
        if isinstance(self.model, LinearModel):
            whole = motion if before is None else _joined(before, motion)
            self.past = _rows(whole, slice(max(len(whole.time) - _HISTORY, 0), None))
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


_FRAMES = ("time", "rotation", "acceleration", "head", "heading", "zero")


def _joined(a: Motion, b: Motion) -> Motion:
    return replace(b, **{name: np.concatenate([getattr(a, name), getattr(b, name)]) for name in _FRAMES})


def _rows(motion: Motion, rows: slice) -> Motion:
    return replace(motion, **{name: getattr(motion, name)[rows] for name in _FRAMES})

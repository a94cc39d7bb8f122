"""53 points to FLAME: identity and placement of a take, then expression, jaw, eyes and neck of every frame.

Each frame is the most likely one under normal priors (in the spirit of TF_FLAME's weights: the neck is held hardest, then the eyes' roll) within
bounds: a damped Gauss-Newton method with analytic derivatives, many frames at once. Live and offline differ in nothing but where frames begin: live at
the last frame, offline at what coarser passes found around them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..errors import InnerfaceError
from ..landmarks.points import COUNT
from .embedding import Embedding
from .identity import NOWHERE, identity, spread
from .model import FlameModel
from .prior import NOISE, Prior
from .submodel import POSE, parameters, parts, submodel

_COARSE, _CHUNK = 8, 256
_SETTLED = 0.05  # a step of so many standard deviations is the last
_MOST, _LIVE = 30, 4  # steps of a frame that begins anywhere, and of a live one


@dataclass(frozen=True)
class Pose:
    """One frame: `expression` (E,), `jaw` (3,), `eyes` (6,), `neck` (3,), axis-angle in rad; `residual`, NaN where nothing was seen."""

    expression: np.ndarray
    jaw: np.ndarray
    eyes: np.ndarray
    neck: np.ndarray
    residual: float


@dataclass(frozen=True)
class Fitted:
    """A take: `expression` (T, E), `jaw` (T, 3), `eyes` (T, 6) (left, right), `neck` (T, 3), axis-angle in rad; `shape` (S,); `residual` (T,), the mean
    distance of the points in interocular distances, NaN in frames that had none and were bridged."""

    expression: np.ndarray
    jaw: np.ndarray
    eyes: np.ndarray
    neck: np.ndarray
    shape: np.ndarray
    residual: np.ndarray


class Fitter:
    """Fits one performer: `shape` (S,) is given, or found from points by `fit` or `learn`.

    `placement`: how the take's points lie against the model's. Raises InnerfaceError for a shape of another model.
    """

    def __init__(self, model: FlameModel, embedding: Embedding, shape: np.ndarray | None = None) -> None:
        self._whole = submodel(model, embedding)
        S = self._whole.shapes
        if shape is not None and (np.shape(shape) != (S,) or not np.isfinite(shape).all()):
            raise InnerfaceError(f"a shape of {np.size(shape)} numbers is none of {model.name}'s {S}; fit with the model that it was made with")
        self.known = shape is not None
        self.shape = np.zeros(S) if shape is None else np.array(shape, dtype=np.float64)
        self.placement = NOWHERE
        self.placed = False
        self.face, self.prior = self._whole.at(self.shape), Prior(self._whole.expressions)
        self.last = np.zeros(self._whole.expressions + POSE)

    def learn(self, points: np.ndarray, progress: Callable[[float], None] = lambda _: None) -> None:
        """Find identity (unless it was given) and placement in points (T, 53, 2). Raises InnerfaceError where no frame has a point."""
        points = _checked(points)
        _frames(points)
        shape, self.placement = identity(self._whole, self.prior, points[spread(points)], self.shape if self.known else None, progress)
        self.shape, self.face, self.known, self.placed = shape, self._whole.at(shape), True, True

    def fit(self, points: np.ndarray, progress: Callable[[float], None] = lambda _: None) -> Fitted:
        """A whole take of points (T, 53, 2), NaN where missing; frames without any are bridged. `progress` hears shares from 0 to 1.

        Raises InnerfaceError where no frame has a point.
        """
        points = _checked(points)
        frames = _frames(points)
        if not self.placed:
            self.learn(points, lambda share: progress(0.2 * share))
        target, weight = self.target(points[frames])
        coarse = np.unique(np.append(np.arange(0, len(frames), _COARSE), len(frames) - 1))
        x = self._solve(target[coarse], weight[coarse], np.zeros((len(coarse), len(self.last))), _MOST)
        x = _between(frames, frames[coarse], x)
        for start in range(0, len(frames), _CHUNK):
            rows = slice(start, start + _CHUNK)
            x[rows] = self._solve(target[rows], weight[rows], x[rows], _MOST)
            progress(0.2 + 0.8 * min(1.0, (start + _CHUNK) / len(frames)))
        residual = np.full(len(points), np.nan)
        residual[frames] = self._residual(points[frames], x)
        self.last = x[-1]
        expression, jaw, eyes, neck = parts(_between(np.arange(len(points)), frames, x), self._whole.expressions)
        return Fitted(expression, jaw, eyes, neck, self.shape, residual)

    def push(self, points: np.ndarray) -> Pose:
        """One live frame (53, 2), NaN where missing; with no point at all the last pose is held. Identity and placement are those learned so far."""
        points, residual = _checked(points[None]), np.nan
        if np.isfinite(points).any():
            target, weight = self.target(points)
            self.last = self._solve(target, weight, self.last[None], _LIVE)[0]
            residual = float(self._residual(points, self.last[None])[0])
        return Pose(*parts(self.last, self._whole.expressions), residual)

    def target(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points (T, 53, 2) as the model would have them (T, 106), and their weights."""
        flat = self.placement.back(points.transpose(0, 2, 1).reshape(len(points), 2 * COUNT))
        return np.nan_to_num(flat), np.isfinite(flat) / NOISE**2

    def _residual(self, points: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Mean distance (T,) of the model's own points, without what is put down to the points' meaning."""
        there = self.placement.put(self.face.evaluate(x, False)[0]).reshape(-1, 2, COUNT).transpose(0, 2, 1)
        return np.nanmean(np.linalg.norm(there - points, axis=2), axis=1)

    def _solve(self, target: np.ndarray, weight: np.ndarray, start: np.ndarray, most: int) -> np.ndarray:
        """Parameters (T, n) of targets (T, 106), from `start`, in at most so many steps: damped Gauss-Newton in the box, every frame for itself."""
        prior = self.prior
        x = prior.clip(start)
        out, jacobian = self.face.evaluate(x)
        cost = (weight * (target - out) ** 2).sum(axis=1) + prior.cost(x)
        damping, going = np.full(len(x), 1e-3), np.arange(len(x))
        for _ in range(most):
            now, weighted = x[going], jacobian.transpose(0, 2, 1) * weight[going, None]
            square, downhill = weighted @ jacobian, (weighted @ (target[going] - out)[..., None])[..., 0]
            prior.add(square, downhill, now, damping[going])
            tried = prior.clip(now + np.linalg.solve(square, downhill[..., None])[..., 0])
            new_out, new_jacobian = self.face.evaluate(tried)
            new_cost = (weight[going] * (target[going] - new_out) ** 2).sum(axis=1) + prior.cost(tried)
            better = new_cost <= cost[going]
            x[going[better]], cost[going[better]] = tried[better], new_cost[better]
            damping[going] *= np.where(better, 0.1, 10.0)
            on = (prior.size(tried - now) > _SETTLED) & (damping[going] < 1e6)
            if not on.any():
                break
            out, jacobian = np.where(better[:, None], new_out, out)[on], np.where(better[:, None, None], new_jacobian, jacobian)[on]
            going = going[on]
        return x


def points_of_pose(
    model: FlameModel, embedding: Embedding, shape: np.ndarray, expression: np.ndarray, jaw: np.ndarray, eyes: np.ndarray, neck: np.ndarray
) -> np.ndarray:
    """The 53 points (T, 53, 2) in the common face space of `shape` (S,), `expression` (T, E), `jaw` (T, 3), `eyes` (T, 6) and `neck` (T, 3)."""
    return submodel(model, embedding).at(shape).points(parameters(expression, jaw, eyes, neck))


def _checked(points: np.ndarray) -> np.ndarray:
    """Points (T, 53, 2) of which each is whole or NaN. Raises ValueError for another shape."""
    points = np.array(points, dtype=np.float64)
    if points.shape[1:] != (COUNT, 2):
        raise ValueError(f"points of shape {points.shape} are not (T, {COUNT}, 2)")
    points[~np.isfinite(points).all(axis=2)] = np.nan
    return points


def _frames(points: np.ndarray) -> np.ndarray:
    """Frames (N,) that have any point. Raises InnerfaceError where none has."""
    frames = np.flatnonzero(np.isfinite(points).any(axis=(1, 2)))
    if not len(frames):
        raise InnerfaceError("no frame has a point in it; record or track the face again")
    return frames


def _between(wanted: np.ndarray, known: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values (N, n) of known frames, linearly between them, held before and after."""
    at = np.clip(np.searchsorted(known, wanted, side="right") - 1, 0, max(len(known) - 2, 0))
    after = np.minimum(at + 1, len(known) - 1)
    share = np.clip((wanted - known[at]) / np.maximum(known[after] - known[at], 1), 0, 1)[:, None]
    return (1 - share) * values[at] + share * values[after]

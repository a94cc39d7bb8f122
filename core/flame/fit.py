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
from ..landmarks.points import POINT_COUNT
from .embedding import Embedding
from .identity import IDENTITY_PLACEMENT, fit_identity, select_diverse_frames
from .model import FlameModel
from .prior import NOISE, Prior
from .submodel import POSE_SIZE, build_submodel, pack_parameters, unpack_parameters

_COARSE_STRIDE, _CHUNK = 8, 256
_MIN_STEP = 0.05  # a step of so many standard deviations is the last
_MAX_STEPS, _MAX_STEPS_LIVE = 30, 4  # steps of a frame that begins anywhere, and of a live one


@dataclass(frozen=True)
class Pose:
    """One frame: `expression` (E,), `jaw` (3,), `eyes` (6,), `neck` (3,), axis-angle in rad; `residual`, NaN where nothing was seen."""

    expression: np.ndarray
    jaw: np.ndarray
    eyes: np.ndarray
    neck: np.ndarray
    residual: float


@dataclass(frozen=True)
class FlameFit:
    """A take: `expression` (T, E), `jaw` (T, 3), `eyes` (T, 6) (left, right), `neck` (T, 3), axis-angle in rad; `shape` (S,); `residual` (T,), the mean
    distance of the points in interocular distances, NaN in frames that had none and were bridged."""

    expression: np.ndarray
    jaw: np.ndarray
    eyes: np.ndarray
    neck: np.ndarray
    shape: np.ndarray
    residual: np.ndarray


class FlameFitter:
    """Fits one performer: `shape` (S,) is given, or found from points by `fit` or `learn`.

    `placement`: how the take's points lie against the model's. Raises InnerfaceError for a shape of another model.
    """

    def __init__(self, model: FlameModel, embedding: Embedding, shape: np.ndarray | None = None) -> None:
        self._submodel = build_submodel(model, embedding)
        S = self._submodel.shapes
        if shape is not None and (np.shape(shape) != (S,) or not np.isfinite(shape).all()):
            raise InnerfaceError(
                f"a shape of {np.size(shape)} numbers is none of {model.name}'s {S}; fit with the model that it was made with"
            )
        self.shape_known = shape is not None
        self.shape = np.zeros(S) if shape is None else np.array(shape, dtype=np.float64)
        self.placement = IDENTITY_PLACEMENT
        self.placement_known = False
        self.face, self.prior = self._submodel.for_identity(self.shape), Prior(self._submodel.expressions)
        self.last_parameters = np.zeros(self._submodel.expressions + POSE_SIZE)

    def learn(self, points: np.ndarray, progress: Callable[[float], None] = lambda _: None) -> None:
        """Find identity (unless it was given) and placement in points (T, 53, 2). Raises InnerfaceError where no frame has a point."""
        points = _validated(points)
        _frames_with_points(points)
        shape, self.placement = fit_identity(
            self._submodel,
            self.prior,
            points[select_diverse_frames(points)],
            self.shape if self.shape_known else None,
            progress,
        )
        self.shape, self.face, self.shape_known, self.placement_known = (
            shape,
            self._submodel.for_identity(shape),
            True,
            True,
        )

    def fit(self, points: np.ndarray, progress: Callable[[float], None] = lambda _: None) -> FlameFit:
        """A whole take of points (T, 53, 2), NaN where missing; frames without any are bridged. `progress` hears shares from 0 to 1.

        Raises InnerfaceError where no frame has a point.
        """
        points = _validated(points)
        frames = _frames_with_points(points)
        if not self.placement_known:
            self.learn(points, lambda share: progress(0.2 * share))
        target, weight = self.target(points[frames])
        coarse = np.unique(np.append(np.arange(0, len(frames), _COARSE_STRIDE), len(frames) - 1))
        x = self._solve(target[coarse], weight[coarse], np.zeros((len(coarse), len(self.last_parameters))), _MAX_STEPS)
        x = _interpolate(frames, frames[coarse], x)
        for start in range(0, len(frames), _CHUNK):
            rows = slice(start, start + _CHUNK)
            x[rows] = self._solve(target[rows], weight[rows], x[rows], _MAX_STEPS)
            progress(0.2 + 0.8 * min(1.0, (start + _CHUNK) / len(frames)))
        residual = np.full(len(points), np.nan)
        residual[frames] = self._residual(points[frames], x)
        self.last_parameters = x[-1]
        expression, jaw, eyes, neck = unpack_parameters(
            _interpolate(np.arange(len(points)), frames, x), self._submodel.expressions
        )
        return FlameFit(expression, jaw, eyes, neck, self.shape, residual)

    def push(self, points: np.ndarray) -> Pose:
        """One live frame (53, 2), NaN where missing; with no point at all the last pose is held. Identity and placement are those learned so far."""
        points, residual = _validated(points[None]), np.nan
        if np.isfinite(points).any():
            target, weight = self.target(points)
            self.last_parameters = self._solve(target, weight, self.last_parameters[None], _MAX_STEPS_LIVE)[0]
            residual = float(self._residual(points, self.last_parameters[None])[0])
        return Pose(*unpack_parameters(self.last_parameters, self._submodel.expressions), residual)

    def target(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points (T, 53, 2) as the model would have them (T, 106), and their weights."""
        flat = self.placement.to_model(points.transpose(0, 2, 1).reshape(len(points), 2 * POINT_COUNT))
        return np.nan_to_num(flat), np.isfinite(flat) / NOISE**2

    def _residual(self, points: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Mean distance (T,) of the model's own points, without what is put down to the points' meaning."""
        predicted = (
            self.placement.to_take(self.face.evaluate(x, False)[0]).reshape(-1, 2, POINT_COUNT).transpose(0, 2, 1)
        )
        return np.nanmean(np.linalg.norm(predicted - points, axis=2), axis=1)

    def _solve(self, target: np.ndarray, weight: np.ndarray, start: np.ndarray, max_steps: int) -> np.ndarray:
        """Parameters (T, n) of targets (T, 106), from `start`, in at most so many steps: damped Gauss-Newton in the box, every frame for itself."""
        prior = self.prior
        x = prior.clip(start)
        out, jacobian = self.face.evaluate(x)
        cost = (weight * (target - out) ** 2).sum(axis=1) + prior.cost(x)
        damping, active = np.full(len(x), 1e-3), np.arange(len(x))
        for _ in range(max_steps):
            current, weighted = x[active], jacobian.transpose(0, 2, 1) * weight[active, None]
            normal_matrix, gradient = weighted @ jacobian, (weighted @ (target[active] - out)[..., None])[..., 0]
            prior.add_to(normal_matrix, gradient, current, damping[active])
            candidate = prior.clip(current + np.linalg.solve(normal_matrix, gradient[..., None])[..., 0])
            new_out, new_jacobian = self.face.evaluate(candidate)
            new_cost = (weight[active] * (target[active] - new_out) ** 2).sum(axis=1) + prior.cost(candidate)
            improved = new_cost <= cost[active]
            x[active[improved]], cost[active[improved]] = candidate[improved], new_cost[improved]
            damping[active] *= np.where(improved, 0.1, 10.0)
            continuing = (prior.step_size(candidate - current) > _MIN_STEP) & (damping[active] < 1e6)
            if not continuing.any():
                break
            out, jacobian = (
                np.where(improved[:, None], new_out, out)[continuing],
                np.where(improved[:, None, None], new_jacobian, jacobian)[continuing],
            )
            active = active[continuing]
        return x


def points_of_pose(
    model: FlameModel,
    embedding: Embedding,
    shape: np.ndarray,
    expression: np.ndarray,
    jaw: np.ndarray,
    eyes: np.ndarray,
    neck: np.ndarray,
) -> np.ndarray:
    """The 53 points (T, 53, 2) in the common face space of `shape` (S,), `expression` (T, E), `jaw` (T, 3), `eyes` (T, 6) and `neck` (T, 3)."""
    return build_submodel(model, embedding).for_identity(shape).points(pack_parameters(expression, jaw, eyes, neck))


def _validated(points: np.ndarray) -> np.ndarray:
    """Points (T, 53, 2) of which each is whole or NaN. Raises ValueError for another shape."""
    points = np.array(points, dtype=np.float64)
    if points.shape[1:] != (POINT_COUNT, 2):
        raise ValueError(f"points of shape {points.shape} are not (T, {POINT_COUNT}, 2)")
    points[~np.isfinite(points).all(axis=2)] = np.nan
    return points


def _frames_with_points(points: np.ndarray) -> np.ndarray:
    """Frames (N,) that have any point. Raises InnerfaceError where none has."""
    frames = np.flatnonzero(np.isfinite(points).any(axis=(1, 2)))
    if not len(frames):
        raise InnerfaceError("no frame has a point in it; record or track the face again")
    return frames


def _interpolate(targets: np.ndarray, known: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values (N, n) of known frames, linearly between them, held before and after."""
    before = np.clip(np.searchsorted(known, targets, side="right") - 1, 0, max(len(known) - 2, 0))
    after = np.minimum(before + 1, len(known) - 1)
    fraction = np.clip((targets - known[before]) / np.maximum(known[after] - known[before], 1), 0, 1)[:, None]
    return (1 - fraction) * values[before] + fraction * values[after]

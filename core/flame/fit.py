"""Fit FLAME to the 53 points: identity and placement of a take, then expression, jaw, eyes and neck of every frame.

Each frame is the maximum a posteriori estimate under normal priors within bounds (as in TF_FLAME, the neck is
regularised most, then the eyes' roll), by a damped Gauss-Newton method with analytic derivatives on many frames at
once. Live and offline differ only in the initial values: the last frame, or the interpolation of a coarser pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..landmarks.points import POINT_COUNT
from .embedding import Embedding
from .identity import IDENTITY_PLACEMENT, fit_identity, select_diverse_frames
from .model import FlameModel
from .prior import NOISE, Prior
from .submodel import POSE_SIZE, build_submodel, pack_parameters, unpack_parameters

_COARSE_STRIDE, _CHUNK = 8, 256
_MIN_STEP = 0.05  # standard deviations; a smaller step is the last
_MAX_STEPS, _MAX_STEPS_LIVE = 30, 4
_MAX_DAMPING = 1e6


@dataclass(frozen=True)
class Pose:
    """FLAME's parameters of one frame.

    Attributes
    ----------
    expression : (E,)
    jaw, eyes, neck : (3,), (6,) left and right, (3,), axis-angle, rad
    residual : mean distance of the points in interocular distances, NaN without points
    """

    expression: Array
    jaw: Array
    eyes: Array
    neck: Array
    residual: float


@dataclass(frozen=True)
class FlameFit:
    """FLAME's parameters of a take.

    Attributes
    ----------
    expression : (T, E)
    jaw, eyes, neck : (T, 3), (T, 6) left and right, (T, 3), axis-angle, rad
    shape : (S,), the identity
    residual : (T,), mean distance of the points in interocular distances, NaN in interpolated frames without points
    """

    expression: Array
    jaw: Array
    eyes: Array
    neck: Array
    shape: Array
    residual: Array


class FlameFitter:
    """Fit one performer.

    Parameters
    ----------
    model, embedding : of the face
    shape : identity (S,); found by `fit` or `learn` by default

    Attributes
    ----------
    placement : transform between the take's points and the model's

    Raises
    ------
    InnerfaceError
        for a shape of another model
    """

    def __init__(self, model: FlameModel, embedding: Embedding, shape: Array | None = None) -> None:
        self._submodel = build_submodel(model, embedding)
        S = self._submodel.shapes
        if shape is not None and (np.shape(shape) != (S,) or not np.isfinite(shape).all()):
            raise InnerfaceError(
                f"the identity has {np.size(shape)} numbers, but {model.name} needs {S}; fit with the model it is from"
            )
        self.shape_known = shape is not None
        self.shape = np.zeros(S) if shape is None else np.array(shape, dtype=np.float64)
        self.placement = IDENTITY_PLACEMENT
        self.placement_known = False
        self.face, self.prior = self._submodel.for_identity(self.shape), Prior(self._submodel.expressions)
        self.last_parameters = np.zeros(self._submodel.expressions + POSE_SIZE)

    def learn(self, points: Array, progress: Callable[[float], None] = lambda _: None) -> None:
        """Find identity (unless given) and placement from points (T, 53, 2).

        Raises InnerfaceError if no frame has a point.
        """
        points = _validated(points)
        _frames_with_points(points)
        shape, self.placement = fit_identity(
            self._submodel,
            self.prior,
            points[select_diverse_frames(points)],
            shape=self.shape if self.shape_known else None,
            progress=progress,
        )
        self.shape, self.face = shape, self._submodel.for_identity(shape)
        self.shape_known = self.placement_known = True

    def fit(self, points: Array, progress: Callable[[float], None] = lambda _: None) -> FlameFit:
        """Fit a take of points (T, 53, 2), NaN where missing; frames without points are interpolated.

        `progress` is called with shares from 0 to 1. Raises InnerfaceError if no frame has a point.
        """
        points = _validated(points)
        frames = _frames_with_points(points)
        if not self.placement_known:
            self.learn(points, lambda share: progress(0.2 * share))
        target, weight = self.target(points[frames])
        coarse = np.unique(np.append(np.arange(0, len(frames), _COARSE_STRIDE), len(frames) - 1))
        x = self._solve(
            target[coarse], weight[coarse], np.zeros((len(coarse), len(self.last_parameters))), max_steps=_MAX_STEPS
        )
        x = _interpolate(frames, frames[coarse], x)
        for start in range(0, len(frames), _CHUNK):
            rows = slice(start, start + _CHUNK)
            x[rows] = self._solve(target[rows], weight[rows], x[rows], max_steps=_MAX_STEPS)
            progress(0.2 + 0.8 * min(1.0, (start + _CHUNK) / len(frames)))
        residual = np.full(len(points), np.nan)
        residual[frames] = self._residual(points[frames], x)
        self.last_parameters = x[-1]
        expression, jaw, eyes, neck = unpack_parameters(
            _interpolate(np.arange(len(points)), frames, x), self._submodel.expressions
        )
        return FlameFit(expression, jaw, eyes, neck, self.shape, residual)

    def push(self, points: Array) -> Pose:
        """Fit one live frame (53, 2), NaN where missing, with the identity and placement learned so far.

        Without any point the last pose is held.
        """
        points, residual = _validated(points[None]), np.nan
        if np.isfinite(points).any():
            target, weight = self.target(points)
            self.last_parameters = self._solve(target, weight, self.last_parameters[None], max_steps=_MAX_STEPS_LIVE)[0]
            residual = float(self._residual(points, self.last_parameters[None])[0])
        return Pose(*unpack_parameters(self.last_parameters, self._submodel.expressions), residual)

    def target(self, points: Array) -> tuple[Array, Array]:
        """Points (T, 53, 2) in the model's frame (T, 106), and their weights (T, 106)."""
        flat = self.placement.to_model(points.transpose(0, 2, 1).reshape(len(points), 2 * POINT_COUNT))
        return np.nan_to_num(flat), np.isfinite(flat) / NOISE**2

    def _residual(self, points: Array, x: Array) -> Array:
        """Mean distance (T,) between the model's points and the take's, without the standing offsets."""
        predicted = (
            self.placement.to_take(self.face.evaluate(x, False)[0]).reshape(-1, 2, POINT_COUNT).transpose(0, 2, 1)
        )
        return np.nanmean(np.linalg.norm(predicted - points, axis=2), axis=1)

    def _solve(self, target: Array, weight: Array, start: Array, *, max_steps: int) -> Array:
        """Parameters (T, n) of targets (T, 106) from `start`, by damped Gauss-Newton within bounds, frame by frame."""
        prior = self.prior
        x = prior.clip(start)
        out, jacobian = self.face.evaluate(x)
        cost = (weight * (target - out) ** 2).sum(axis=1) + prior.cost(x)
        damping, active = np.full(len(x), 1e-3), np.arange(len(x))
        for _ in range(max_steps):
            current, weighted = x[active], jacobian.transpose(0, 2, 1) * weight[active, None]
            normal_matrix, gradient = weighted @ jacobian, (weighted @ (target[active] - out)[..., None])[..., 0]
            prior.add_to(normal_matrix, gradient, current, damping=damping[active])
            candidate = prior.clip(current + np.linalg.solve(normal_matrix, gradient[..., None])[..., 0])
            new_out, new_jacobian = self.face.evaluate(candidate)
            new_cost = (weight[active] * (target[active] - new_out) ** 2).sum(axis=1) + prior.cost(candidate)
            improved = new_cost <= cost[active]
            x[active[improved]], cost[active[improved]] = candidate[improved], new_cost[improved]
            damping[active] *= np.where(improved, 0.1, 10.0)
            continuing = (prior.step_size(candidate - current) > _MIN_STEP) & (damping[active] < _MAX_DAMPING)
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
    *,
    shape: Array,
    expression: Array,
    jaw: Array,
    eyes: Array,
    neck: Array,
) -> Array:
    """Points (T, 53, 2) in the common face space.

    Parameters
    ----------
    model, embedding : of the face
    shape : (S,)
    expression, jaw, eyes, neck : (T, E), (T, 3), (T, 6), (T, 3)
    """
    return (
        build_submodel(model, embedding)
        .for_identity(shape)
        .points(pack_parameters(expression, jaw=jaw, eyes=eyes, neck=neck))
    )


def _validated(points: Array) -> Array:
    """Points (T, 53, 2), each either complete or NaN. Raises ValueError for another shape."""
    points = np.array(points, dtype=np.float64)
    if points.shape[1:] != (POINT_COUNT, 2):
        raise ValueError(f"points of shape {points.shape} are not (T, {POINT_COUNT}, 2)")
    points[~np.isfinite(points).all(axis=2)] = np.nan
    return points


def _frames_with_points(points: Array) -> Array:
    """Indices (N,) of frames with any point. Raises InnerfaceError if there are none."""
    frames = np.flatnonzero(np.isfinite(points).any(axis=(1, 2)))
    if not len(frames):
        raise InnerfaceError("no frame has a point; record or track the face again")
    return frames


def _interpolate(targets: Array, known: Array, values: Array) -> Array:
    """Interpolate values (N, n) of known frames linearly to target frames; held before the first, after the last."""
    before = np.clip(np.searchsorted(known, targets, side="right") - 1, 0, max(len(known) - 2, 0))
    after = np.minimum(before + 1, len(known) - 1)
    fraction = np.clip((targets - known[before]) / np.maximum(known[after] - known[before], 1), 0, 1)[:, None]
    return (1 - fraction) * values[before] + fraction * values[after]

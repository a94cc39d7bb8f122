"""Fit one identity and one placement to all frames of a take, together with every frame's expression.

The normal equations have arrowhead form, as frames interact only through the shared parameters, so each frame is
eliminated by its Schur complement.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ..landmarks.points import POINT_COUNT
from .prior import IDENTITY_NOISE, OFFSET_SD, PLACEMENT_SD, SHAPE_SD, Prior
from .submodel import POSE_SIZE, Submodel

_MAX_SHAPES = 40  # directions of identity that points can distinguish
_MAX_FRAMES = 24
_MAX_CANDIDATES, _INLIER_SHARE = 600, 0.97
_SHARED_SIZE = 4 + 2 * POINT_COUNT  # similarity transform and offsets
_DEPTH_WEIGHT = 0.3  # of a direction's depth, which shows only where a jaw or a head rotates
_MAX_STEPS, _MIN_GAIN, _MAX_DAMPING = 25, 1e-3, 1e6  # the gain is a share of the cost


def select_diverse_frames(points: Array) -> Array:
    """Select diverse frames (N,) of points (T, 53, 2), NaN where missing, by farthest point sampling.

    The first is the frame nearest to the median face. The frames farthest from it are left out as outliers.
    """
    seen = np.isfinite(points).all(axis=2)
    frames = np.flatnonzero(seen.sum(axis=1) >= 0.9 * seen.sum(axis=1).max())
    frames = frames[np.unique(np.linspace(0, len(frames) - 1, _MAX_CANDIDATES).astype(int))]
    observed = np.where(seen[frames].any(axis=0)[:, None], points[frames], 0.0)
    median = np.nanmedian(observed, axis=0)
    flat = (np.where(np.isfinite(observed), observed, median) - median).reshape(len(frames), -1)
    distance = np.linalg.norm(flat, axis=1)
    limit = np.sort(distance)[math.ceil(_INLIER_SHARE * (len(distance) - 1))]
    inliers = distance <= limit
    frames, flat = frames[inliers], flat[inliers]
    chosen = [int(distance[inliers].argmin())]
    nearest_distance = np.full(len(frames), np.inf)
    for _ in range(min(_MAX_FRAMES, len(frames)) - 1):
        nearest_distance = np.minimum(nearest_distance, np.linalg.norm(flat - flat[chosen[-1]], axis=1))
        chosen.append(int(nearest_distance.argmax()))
    return frames[np.unique(chosen)]


@dataclass(frozen=True)
class Placement:
    """Transform from the model's points to a take's, in interocular distances.

    Attributes
    ----------
    similarity : (4,), x, y, log of the scale, roll in rad
    offset : (106,), all x then all y, standing offset of each point, since annotation schemes differ
    """

    similarity: Array
    offset: Array

    def to_take(self, points: Array) -> Array:
        """Apply the similarity transform to points (T, 106) of the model; offsets are not added."""
        flat = points.reshape(-1, 2, POINT_COUNT)
        return (_similarity_matrix(self.similarity) @ flat + self.similarity[:2, None]).reshape(points.shape)

    def to_model(self, points: Array) -> Array:
        """Remove the offsets from points (T, 106) of the take and apply the inverse similarity transform."""
        flat = (points - self.offset).reshape(-1, 2, POINT_COUNT) - self.similarity[:2, None]
        return (np.linalg.inv(_similarity_matrix(self.similarity)) @ flat).reshape(points.shape)


IDENTITY_PLACEMENT = Placement(np.zeros(4), np.zeros(2 * POINT_COUNT))


def fit_identity(
    submodel: Submodel, prior: Prior, points: Array, *, shape: Array | None, progress: Callable[[float], None]
) -> tuple[Array, Placement]:
    """Fit shape (S,), unless it is given, and placement to the points (T, 53, 2) of some frames.

    The prior of shared parameters counts once per frame: the same misfit in all frames is no more evidence than in one.
    """
    basis = _shape_basis(submodel) if shape is None else np.zeros((submodel.shapes, 0))
    base = np.zeros(submodel.shapes) if shape is None else shape
    face, T, n = submodel.for_identity(base, basis), len(points), submodel.expressions + POSE_SIZE
    target = points.transpose(0, 2, 1).reshape(T, 2 * POINT_COUNT)
    weight = np.isfinite(target) / IDENTITY_NOISE**2
    target = np.nan_to_num(target)
    x, shared = np.zeros((T, n)), np.zeros(_SHARED_SIZE + basis.shape[1])
    precision = T * np.concatenate(
        [PLACEMENT_SD**-2, np.full(2 * POINT_COUNT, OFFSET_SD**-2), np.full(basis.shape[1], SHAPE_SD**-2.0)]
    )
    out, jacobian = _evaluate(face, x, shared)
    cost, damping = _cost(target - out, weight, x, shared=shared, prior=prior, precision=precision), 1e-2
    for k in range(_MAX_STEPS):
        progress(k / _MAX_STEPS)
        frame_jacobian, shared_jacobian = jacobian[..., :n], jacobian[..., n:]
        weighted = frame_jacobian.transpose(0, 2, 1) * weight[:, None]
        weighted_shared = shared_jacobian.transpose(0, 2, 1) * weight[:, None]
        residual = (target - out)[..., None]
        normal_matrix, gradient = weighted @ frame_jacobian, (weighted @ residual)[..., 0]
        coupling = weighted @ shared_jacobian
        coupling[prior.add_to(normal_matrix, gradient, x, damping=damping)] = 0.0
        eliminated = np.linalg.solve(normal_matrix, np.concatenate([coupling, gradient[..., None]], axis=2))
        coupling_t = coupling.transpose(0, 2, 1)
        reduced_matrix = (weighted_shared @ shared_jacobian - coupling_t @ eliminated[..., :-1]).sum(axis=0)
        reduced_gradient = (weighted_shared @ residual - coupling_t @ eliminated[..., -1:])[..., 0].sum(axis=0)
        reduced_matrix += np.diag(precision * (1 + damping))
        step = np.asarray(np.linalg.solve(reduced_matrix, reduced_gradient - precision * shared), dtype=np.float64)
        tried_x, tried_shared = prior.clip(x + eliminated[..., -1] - eliminated[..., :-1] @ step), shared + step
        new_out, new_jacobian = _evaluate(face, tried_x, tried_shared)
        new_cost = _cost(target - new_out, weight, tried_x, shared=tried_shared, prior=prior, precision=precision)
        if not new_cost <= cost:
            damping *= 10
            if damping > _MAX_DAMPING:
                break
            continue
        gain, cost = cost - new_cost, new_cost
        x, shared, out, jacobian, damping = tried_x, tried_shared, new_out, new_jacobian, max(damping * 0.1, 1e-6)
        if gain < _MIN_GAIN * cost:
            break
    progress(1.0)
    return base + basis @ shared[_SHARED_SIZE:], Placement(shared[:4], shared[4:_SHARED_SIZE])


def _similarity_matrix(similarity: Array) -> Array:
    """Scale and rotation (2, 2)."""
    sin, cos = np.sin(similarity[3]), np.cos(similarity[3])
    return np.exp(similarity[2]) * np.array([[cos, -sin], [sin, cos]])


def _shape_basis(submodel: Submodel) -> Array:
    """Orthonormal directions (S, K) of shape that move the resting points most; the others stay at 0."""
    motion = submodel.rest_points()[..., 1:] * np.array([1.0, 1.0, _DEPTH_WEIGHT])[:, None]
    _, sizes, directions = np.linalg.svd(motion.reshape(-1, motion.shape[2]), full_matrices=False)
    return directions[:_MAX_SHAPES][sizes[:_MAX_SHAPES] > 1e-6 * sizes[0]].T


def _evaluate(face: Submodel, x: Array, shared: Array) -> tuple[Array, Array]:
    """Points (T, 106) in the take, and their Jacobian (T, 106, n + 110 + K).

    Its columns are the frame's parameters, the similarity transform, the offsets and the shape.
    """
    T, n = x.shape
    out, jacobian = face.evaluate(
        np.concatenate([x, np.broadcast_to(shared[_SHARED_SIZE:], (T, len(shared) - _SHARED_SIZE))], axis=1)
    )
    matrix = _similarity_matrix(shared)
    placed = matrix @ out.reshape(T, 2, POINT_COUNT)
    jacobian = (matrix @ jacobian.reshape(T, 2, -1)).reshape(T, 2 * POINT_COUNT, -1)
    similarity_jacobian = np.zeros((T, 2, POINT_COUNT, 4))
    similarity_jacobian[:, 0, :, 0] = similarity_jacobian[:, 1, :, 1] = 1.0
    similarity_jacobian[..., 2] = placed
    similarity_jacobian[:, 0, :, 3], similarity_jacobian[:, 1, :, 3] = np.negative(placed[:, 1]), placed[:, 0]
    offsets = np.broadcast_to(np.eye(2 * POINT_COUNT), (T, 2 * POINT_COUNT, 2 * POINT_COUNT))
    full_jacobian = np.concatenate(
        [jacobian[..., :n], similarity_jacobian.reshape(T, 2 * POINT_COUNT, 4), offsets, jacobian[..., n:]], axis=2
    )
    return (placed + shared[:2, None]).reshape(T, -1) + shared[4:_SHARED_SIZE], full_jacobian


def _cost(residual: Array, weight: Array, x: Array, *, shared: Array, prior: Prior, precision: Array) -> float:
    return float((weight * residual * residual).sum() + prior.cost(x).sum() + precision @ (shared * shared))

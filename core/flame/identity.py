"""Who a take shows and how its points lie: one identity and one placement for all frames, found together with every frame's expression.

The normal equations have the form of an arrow (frames meet only in what they share), so frames are eliminated one by one: Schur's complement.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..landmarks.points import COUNT
from .prior import IDENTITY_NOISE, OFFSET_SD, PLACEMENT_SD, SHAPE_SD, Prior
from .submodel import POSE, Submodel

_SHAPES = 40  # directions of identity that points can tell
_FRAMES = 24  # that tell them
_CANDIDATES, _USUAL = 600, 0.97
_SHARED = 4 + 2 * COUNT  # similarity and offsets
_DEPTH = 0.3  # how much a direction's depth counts, which is seen only where a jaw or a head turns
_MOST, _SETTLED = 25, 1e-3  # steps, and the share of the cost that ends them


def spread(points: np.ndarray) -> np.ndarray:
    """Frames (N,) of points (T, 53, 2), NaN where missing, that differ most: each in turn the farthest from those chosen, the median face first.

    The frames farthest from the median face are left out: among them are a tracker's mistakes.
    """
    seen = np.isfinite(points).all(axis=2)
    frames = np.flatnonzero(seen.sum(axis=1) >= 0.9 * seen.sum(axis=1).max())
    frames = frames[np.unique(np.linspace(0, len(frames) - 1, _CANDIDATES).astype(int))]
    some = np.where(seen[frames].any(axis=0)[:, None], points[frames], 0.0)
    median = np.nanmedian(some, axis=0)
    flat = (np.where(np.isfinite(some), some, median) - median).reshape(len(frames), -1)
    far = np.linalg.norm(flat, axis=1)
    usual = far <= np.quantile(far, _USUAL, method="higher")
    frames, flat = frames[usual], flat[usual]
    chosen = [int(far[usual].argmin())]
    away = np.full(len(frames), np.inf)
    for _ in range(min(_FRAMES, len(frames)) - 1):
        away = np.minimum(away, np.linalg.norm(flat - flat[chosen[-1]], axis=1))
        chosen.append(int(away.argmax()))
    return frames[np.unique(chosen)]


@dataclass(frozen=True)
class Placement:
    """How a take's points lie against the model's: `similarity` (4,) (x, y, log of the scale, roll in rad), and for each point a standing `offset` (106,),
    all x then all y, for what one calls the corner of the mouth another does not. In interocular distances."""

    similarity: np.ndarray
    offset: np.ndarray

    def put(self, points: np.ndarray) -> np.ndarray:
        """Points (T, 106) of the model where the similarity puts them; offsets are no part of the model."""
        return (_turn(self.similarity) @ points.reshape(-1, 2, COUNT) + self.similarity[:2, None]).reshape(points.shape)

    def back(self, points: np.ndarray) -> np.ndarray:
        """Points (T, 106) of the take, less their offsets, where the model would have them."""
        flat = (points - self.offset).reshape(-1, 2, COUNT)
        return (np.linalg.inv(_turn(self.similarity)) @ (flat - self.similarity[:2, None])).reshape(points.shape)


NOWHERE = Placement(np.zeros(4), np.zeros(2 * COUNT))


def identity(
    whole: Submodel, prior: Prior, points: np.ndarray, shape: np.ndarray | None, progress: Callable[[float], None]
) -> tuple[np.ndarray, Placement]:
    """Shape (S,), unless it is given, and placement of points (T, 53, 2) of some frames.

    What is shared is held by its prior once per frame: a misfit that stands in all frames is no more evidence than in one.
    """
    basis = _basis(whole) if shape is None else np.zeros((whole.shapes, 0))
    base = np.zeros(whole.shapes) if shape is None else shape
    face, T, n = whole.at(base, basis), len(points), whole.expressions + POSE
    target = points.transpose(0, 2, 1).reshape(T, 2 * COUNT)
    weight = np.isfinite(target) / IDENTITY_NOISE**2
    target = np.nan_to_num(target)
    x, shared = np.zeros((T, n)), np.zeros(_SHARED + basis.shape[1])
    precision = T * np.concatenate([PLACEMENT_SD**-2, np.full(2 * COUNT, OFFSET_SD**-2), np.full(basis.shape[1], SHAPE_SD**-2.0)])
    out, jacobian = _evaluate(face, x, shared)
    cost, damping = _cost(target - out, weight, x, shared, prior, precision), 1e-2
    for k in range(_MOST):
        progress(k / _MOST)
        own, common = jacobian[..., :n], jacobian[..., n:]
        weighted, weighted_common = own.transpose(0, 2, 1) * weight[:, None], common.transpose(0, 2, 1) * weight[:, None]
        left = (target - out)[..., None]
        square, downhill = weighted @ own, (weighted @ left)[..., 0]
        between = weighted @ common
        between[prior.add(square, downhill, x, damping)] = 0.0
        solved = np.linalg.solve(square, np.concatenate([between, downhill[..., None]], axis=2))
        inner = (weighted_common @ common - between.transpose(0, 2, 1) @ solved[..., :-1]).sum(axis=0)
        pull = (weighted_common @ left - between.transpose(0, 2, 1) @ solved[..., -1:])[..., 0].sum(axis=0)
        step = np.linalg.solve(inner + np.diag(precision * (1 + damping)), pull - precision * shared)
        tried_x, tried = prior.clip(x + solved[..., -1] - solved[..., :-1] @ step), shared + step
        new_out, new_jacobian = _evaluate(face, tried_x, tried)
        new_cost = _cost(target - new_out, weight, tried_x, tried, prior, precision)
        if not new_cost <= cost:
            damping *= 10
            if damping > 1e6:
                break
            continue
        gain, cost = cost - new_cost, new_cost
        x, shared, out, jacobian, damping = tried_x, tried, new_out, new_jacobian, max(damping * 0.1, 1e-6)
        if gain < _SETTLED * cost:
            break
    progress(1.0)
    return base + basis @ shared[_SHARED:], Placement(shared[:4], shared[4:_SHARED])


def _turn(placement: np.ndarray) -> np.ndarray:
    sin, cos = np.sin(placement[3]), np.cos(placement[3])
    return np.exp(placement[2]) * np.array([[cos, -sin], [sin, cos]])


def _basis(whole: Submodel) -> np.ndarray:
    """Orthonormal directions (S, K) of shape by how much they move the resting points: the prior leaves all others at zero."""
    moves = whole.resting()[..., 1:] * np.array([1.0, 1.0, _DEPTH])[:, None]
    _, sizes, directions = np.linalg.svd(moves.reshape(-1, moves.shape[2]), full_matrices=False)
    return directions[:_SHAPES][sizes[:_SHAPES] > 1e-6 * sizes[0]].T


def _evaluate(face: Submodel, x: np.ndarray, shared: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (T, 106) in the take and their Jacobian (T, 106, n + 110 + K): by frames' parameters, similarity, offsets, shape."""
    T, n = x.shape
    out, jacobian = face.evaluate(np.concatenate([x, np.broadcast_to(shared[_SHARED:], (T, len(shared) - _SHARED))], axis=1))
    turn = _turn(shared)
    lies = turn @ out.reshape(T, 2, COUNT)
    jacobian = (turn @ jacobian.reshape(T, 2, -1)).reshape(T, 2 * COUNT, -1)
    by = np.zeros((T, 2, COUNT, 4))
    by[:, 0, :, 0] = by[:, 1, :, 1] = 1.0
    by[..., 2] = lies
    by[:, 0, :, 3], by[:, 1, :, 3] = -lies[:, 1], lies[:, 0]
    offsets = np.broadcast_to(np.eye(2 * COUNT), (T, 2 * COUNT, 2 * COUNT))
    whole = np.concatenate([jacobian[..., :n], by.reshape(T, 2 * COUNT, 4), offsets, jacobian[..., n:]], axis=2)
    return (lies + shared[:2, None]).reshape(T, -1) + shared[4:_SHARED], whole


def _cost(left: np.ndarray, weight: np.ndarray, x: np.ndarray, shared: np.ndarray, prior: Prior, precision: np.ndarray) -> float:
    return float((weight * left * left).sum() + prior.cost(x).sum() + precision @ (shared * shared))

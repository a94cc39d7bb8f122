"""Solve for the 52 ARKit channels from the 53 points: bounded least squares with a temporal prior, without FLAME.

Faces differ at rest, so the channels explain the points' displacement from the take's neutral face. Channels that the
points do not show (jawForward, cheekPuff, tongueOut...) stay near 0 by a prior. Recordings and live use share one
objective, in which every row is tied to the previous one; recordings look ahead as well.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..arrays import Array
from ..face.channels import ARKIT
from ..face.face_model import FaceModel, load_bundled
from ..take import Track, TrackKind
from ..take.resample import fill_gaps
from .camera import PointModel, point_model
from .points import IBUG_COUNT, POINT_COUNT

# Of a full weight, and of a full change between frames, in squared pupil distances.
_PRIOR_WEIGHT, _SMOOTHNESS_WEIGHT = 2e-3, 4e-4
_MAX_WEIGHT = 1.0
_ITERATIONS, _ITERATIONS_LIVE = 300, 80
_MIN_VISIBLE_MOTION = 0.004  # in units; a smaller displacement of all points is noise
_UNOBSERVABLE = np.array([c == "tongueOut" for c in ARKIT])  # it moves the lips, but has no point of its own
_NEUTRAL_SHARE = 0.25  # share of the frames that the neutral face is the median of


class ChannelSolver:
    """Solve for the weights of a point model; `rest` (53, 2) is the performer's neutral face."""

    def __init__(self, model: PointModel, rest: Array) -> None:
        self.rest, basis = rest, model.basis.copy()
        for k, name in enumerate(ARKIT):  # pupils move almost linearly: the slope at a third of full weight
            if name.startswith("eyeLook"):
                row = np.zeros((1, len(ARKIT)))
                row[0, k] = 0.33
                basis[k, IBUG_COUNT:] = (model.points(row)[0, IBUG_COUNT:] - model.rest[IBUG_COUNT:]) / 0.33
        visible_motion = np.sqrt((basis**2).sum(axis=(1, 2)))
        basis[(visible_motion < _MIN_VISIBLE_MOTION) | _UNOBSERVABLE] = 0.0
        self.basis = basis.reshape(len(ARKIT), -1)
        # the prior has one variance, so channels that look alike from the front share the displacement
        self.hessian = self.basis @ self.basis.T + _PRIOR_WEIGHT * np.eye(len(ARKIT))
        self.last_weights: Array | None = None

    @property
    def information(self) -> Array:
        """Information (52,) in 0..1: share of each channel's prior variance that exact points would remove."""
        return 1 - _PRIOR_WEIGHT * np.diag(np.linalg.inv(self.hessian))

    def process(self, points: Array) -> Array:
        """Weights (T, 52) of a recording's points (T, 53, 2), by FISTA (Beck and Teboulle 2009) on all rows at once."""
        projection = self._project(points)
        step = 1.0 / (float(np.linalg.eigvalsh(self.hessian)[-1]) + 4 * _SMOOTHNESS_WEIGHT)
        w = lookahead = np.clip(np.linalg.solve(self.hessian, projection.T).T, 0.0, _MAX_WEIGHT)
        momentum = 1.0
        for _ in range(_ITERATIONS):
            difference = np.diff(lookahead, axis=0)
            gradient = lookahead @ self.hessian - projection
            gradient[:-1] -= _SMOOTHNESS_WEIGHT * difference
            gradient[1:] += _SMOOTHNESS_WEIGHT * difference
            updated = np.clip(lookahead - step * gradient, 0.0, _MAX_WEIGHT)
            next_momentum = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
            lookahead = updated + (momentum - 1) / next_momentum * (updated - w)
            w, momentum = updated, next_momentum
        return w

    def push(self, points: Array) -> Array:
        """Weights (52,) of the next frame's points (53, 2)."""
        projection = self._project(points[None])[0]
        hessian, initial = self.hessian, self.last_weights if self.last_weights is not None else np.zeros(len(ARKIT))
        if self.last_weights is not None:
            hessian = hessian + _SMOOTHNESS_WEIGHT * np.eye(len(ARKIT))
            projection = projection + _SMOOTHNESS_WEIGHT * self.last_weights
        step = 1.0 / float(np.abs(hessian).sum(axis=1).max())
        w = lookahead = initial
        momentum = 1.0
        for _ in range(_ITERATIONS_LIVE):
            gradient = hessian @ lookahead - projection
            updated = np.minimum(np.maximum(lookahead - step * gradient, 0.0), _MAX_WEIGHT)  # twice as fast as clip
            next_momentum = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
            lookahead = updated + (momentum - 1) / next_momentum * (updated - w)
            w, momentum = updated, next_momentum
        self.last_weights = w
        return w

    def _project(self, points: Array) -> Array:
        return (points - self.rest).reshape(len(points), -1) @ self.basis.T


def find_neutral_face(points: Array) -> Array:
    """Neutral face (53, 2) of points (T, 53, 2): median of the frames nearest to the median face.

    A face is most often near its rest.
    """
    flat = points.reshape(len(points), -1)
    flat = flat[np.isfinite(flat).all(axis=1)]
    if not len(flat):
        return np.zeros((POINT_COUNT, 2))
    distance = np.linalg.norm(flat - np.median(flat, axis=0), axis=1)
    return np.median(flat[distance <= np.quantile(distance, _NEUTRAL_SHARE)], axis=0).reshape(POINT_COUNT, 2)


@lru_cache(maxsize=2)
def _bundled_point_model() -> PointModel:
    return point_model(load_bundled())


def to_weights(
    track: Track, *, face: FaceModel | None = None, rest: Array | None = None, causal: bool = False
) -> Track:
    """Solve a landmark track for weights (T, 52).

    Parameters
    ----------
    track : landmarks; gaps are interpolated, and points without any value are ignored
    face : the bundled head by default
    rest : neutral face (53, 2), by default found in the track
    causal : use `push` frame by frame, as live
    """
    model = _bundled_point_model() if face is None else point_model(face)
    points = fill_gaps(track.time, track.values).reshape(len(track.time), POINT_COUNT, 2)
    rest = find_neutral_face(np.where(np.isnan(points), model.rest, points)) if rest is None else rest
    points = np.where(np.isnan(points), rest, points)
    solver = ChannelSolver(model, rest)
    weights = (
        np.array([solver.push(row) for row in points]).reshape(-1, len(ARKIT)) if causal else solver.process(points)
    )
    return Track(TrackKind.WEIGHTS, track.time, ARKIT, weights)

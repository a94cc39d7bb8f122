"""Apple's 52 channels from the 53 points: bounded least squares with a prior in time, for faces that have no FLAME.

Points at rest differ from face to face, so the points' *motion* from the take's own calm face is what the channels explain. What the points do not show
(jawForward, cheekPuff, tongueOut...) stays near 0 by a prior. One problem for recordings and live: every row is pulled to the row before it; recordings look
ahead as well.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..face.channels import ARKIT
from ..face.face_model import FaceModel, load_bundled
from ..take import Track, TrackKind
from ..take.resample import fill_gaps
from .camera import PointModel, point_model
from .points import IBUG_COUNT, POINT_COUNT

_PRIOR_WEIGHT = 2e-3  # of a full weight, in squares of the pupils' distance
_SMOOTHNESS_WEIGHT = 4e-4  # of a change from frame to frame, the same
_MAX_WEIGHT = 1.0
_ITERATIONS, _ITERATIONS_LIVE = 300, 80
_MIN_VISIBLE_MOTION = 0.004  # a channel that moves all points by less than this is not told from noise
_UNOBSERVABLE = np.array([c == "tongueOut" for c in ARKIT])  # its lips move, but it is none of the points
_CALM_SHARE = 0.25  # share of the frames that the calm face is taken from


class ChannelSolver:
    """Weights of a face from points. `rest` (53, 2): the performer's own calm face."""

    def __init__(self, model: PointModel, rest: np.ndarray) -> None:
        self.rest, basis = rest, model.basis.copy()
        for k, name in enumerate(ARKIT):  # pupils turn nearly in proportion; from the pose at a third of the way
            if name.startswith("eyeLook"):
                row = np.zeros((1, len(ARKIT)))
                row[0, k] = 0.33
                basis[k, IBUG_COUNT:] = (model.points(row)[0, IBUG_COUNT:] - model.rest[IBUG_COUNT:]) / 0.33
        visible_motion = np.sqrt((basis**2).sum(axis=(1, 2)))
        basis[(visible_motion < _MIN_VISIBLE_MOTION) | _UNOBSERVABLE] = 0.0
        self.basis = basis.reshape(len(ARKIT), -1)
        # one variance for all channels; those that look alike from the front share what is seen
        self.hessian = self.basis @ self.basis.T + _PRIOR_WEIGHT * np.eye(len(ARKIT))
        self.last_weights: np.ndarray | None = None

    @property
    def information(self) -> np.ndarray:
        """(52,) 0..1: how far exact points would tell each channel from all others: the share of its prior variance that they take away."""
        return 1 - _PRIOR_WEIGHT * np.diag(np.linalg.inv(self.hessian))

    def process(self, points: np.ndarray) -> np.ndarray:
        """Weights (T, 52) of points (T, 53, 2) of a recording. Projected gradient with momentum (FISTA) on all rows at once."""
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

    def push(self, points: np.ndarray) -> np.ndarray:
        """Weights (52,) of the next frame's points (53, 2), live."""
        projection = self._project(points[None])[0]
        hessian, initial = self.hessian, self.last_weights if self.last_weights is not None else np.zeros(len(ARKIT))
        if self.last_weights is not None:
            hessian = hessian + _SMOOTHNESS_WEIGHT * np.eye(len(ARKIT))
            projection = projection + _SMOOTHNESS_WEIGHT * self.last_weights
        step = 1.0 / float(np.abs(hessian).sum(axis=1).max())
        w = lookahead = initial
        momentum = 1.0
        for _ in range(_ITERATIONS_LIVE):
            updated = np.minimum(
                np.maximum(lookahead - step * (hessian @ lookahead - projection), 0.0), _MAX_WEIGHT
            )  # np.clip takes twice as long
            next_momentum = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
            lookahead = updated + (momentum - 1) / next_momentum * (updated - w)
            w, momentum = updated, next_momentum
        self.last_weights = w
        return w

    def _project(self, points: np.ndarray) -> np.ndarray:
        return (points - self.rest).reshape(len(points), -1) @ self.basis.T


def find_calm_face(points: np.ndarray) -> np.ndarray:
    """The calm face (53, 2) of points (T, 53, 2): the median of the frames nearest to the median face, for a face at rest is where it is most often."""
    flat = points.reshape(len(points), -1)
    flat = flat[np.isfinite(flat).all(axis=1)]
    if not len(flat):
        return np.zeros((POINT_COUNT, 2))
    distance = np.linalg.norm(flat - np.median(flat, axis=0), axis=1)
    return np.median(flat[distance <= np.quantile(distance, _CALM_SHARE)], axis=0).reshape(POINT_COUNT, 2)


@lru_cache(maxsize=2)
def _bundled_point_model() -> PointModel:
    return point_model(load_bundled())


def to_weights(
    track: Track, face: FaceModel | None = None, rest: np.ndarray | None = None, causal: bool = False
) -> Track:
    """A landmark track as weights (T, 52), on the bundled head if no other is given; `rest` (53, 2): the calm face, found in the track if not given;
    `causal`: as live. Points that are missing are bridged; those that are never there say nothing."""
    model = _bundled_point_model() if face is None else point_model(face)
    points = fill_gaps(track.time, track.values).reshape(len(track.time), POINT_COUNT, 2)
    rest = find_calm_face(np.where(np.isnan(points), model.rest, points)) if rest is None else rest
    points = np.where(np.isnan(points), rest, points)
    solver = ChannelSolver(model, rest)
    weights = (
        np.array([solver.push(row) for row in points]).reshape(-1, len(ARKIT)) if causal else solver.process(points)
    )
    return Track(TrackKind.WEIGHTS, track.time, ARKIT, weights)

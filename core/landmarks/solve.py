"""Apple's 52 channels from the 53 points: bounded least squares with a prior in time, for faces that have no FLAME.

Points at rest differ from face to face, so the points' *motion* from the take's own calm face is what the channels explain. What the points do not show
(jawForward, cheekPuff, tongueOut...) stays near 0 by a prior. One problem for recordings and live: every row is pulled to the row before it; recordings look
ahead as well.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..channels import ARKIT
from ..face_model import FaceModel, bundled
from ..resample import bridge
from ..take import Track
from .camera import PointModel, point_model
from .points import COUNT, INNER

_PRIOR = 2e-3  # of a full weight, in squares of the pupils' distance
_TEMPORAL = 4e-4  # of a change from frame to frame, the same
_LIMIT = 1.0
_ROUNDS, _ROUNDS_LIVE = 300, 80
_FAINT = 0.004  # a channel that moves all points by less than this is not told from noise
_HIDDEN = np.array([c == "tongueOut" for c in ARKIT])  # its lips move, but it is none of the points
_CALM = 0.25  # share of the frames that the calm face is taken from


class Solver:
    """Weights of a face from points. `rest` (53, 2): the performer's own calm face."""

    def __init__(self, model: PointModel, rest: np.ndarray) -> None:
        self.rest, basis = rest, model.basis.copy()
        for k, name in enumerate(ARKIT):  # pupils turn nearly in proportion; from the pose at a third of the way
            if name.startswith("eyeLook"):
                row = np.zeros((1, len(ARKIT)))
                row[0, k] = 0.33
                basis[k, INNER:] = (model.points(row)[0, INNER:] - model.rest[INNER:]) / 0.33
        shown = np.sqrt((basis**2).sum(axis=(1, 2)))
        basis[(shown < _FAINT) | _HIDDEN] = 0.0
        self.basis = basis.reshape(len(ARKIT), -1)
        # one variance for all channels; those that look alike from the front share what is seen
        self.hessian = self.basis @ self.basis.T + _PRIOR * np.eye(len(ARKIT))
        self.last: np.ndarray | None = None

    @property
    def told(self) -> np.ndarray:
        """(52,) 0..1: how far exact points would tell each channel from all others: the share of its prior variance that they take away."""
        return 1 - _PRIOR * np.diag(np.linalg.inv(self.hessian))

    def whole(self, points: np.ndarray) -> np.ndarray:
        """Weights (T, 52) of points (T, 53, 2) of a recording. Projected gradient with momentum (FISTA) on all rows at once."""
        pull = self._pull(points)
        step = 1.0 / (float(np.linalg.eigvalsh(self.hessian)[-1]) + 4 * _TEMPORAL)
        w = best = np.clip(np.linalg.solve(self.hessian, pull.T).T, 0.0, _LIMIT)
        momentum = 1.0
        for _ in range(_ROUNDS):
            change = np.diff(best, axis=0)
            slope = best @ self.hessian - pull
            slope[:-1] -= _TEMPORAL * change
            slope[1:] += _TEMPORAL * change
            after = np.clip(best - step * slope, 0.0, _LIMIT)
            faster = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
            best = after + (momentum - 1) / faster * (after - w)
            w, momentum = after, faster
        return w

    def push(self, points: np.ndarray) -> np.ndarray:
        """Weights (52,) of the next frame's points (53, 2), live."""
        pull = self._pull(points[None])[0]
        hessian, before = self.hessian, self.last if self.last is not None else np.zeros(len(ARKIT))
        if self.last is not None:
            hessian = hessian + _TEMPORAL * np.eye(len(ARKIT))
            pull = pull + _TEMPORAL * self.last
        step = 1.0 / float(np.abs(hessian).sum(axis=1).max())
        w = best = before
        momentum = 1.0
        for _ in range(_ROUNDS_LIVE):
            after = np.minimum(np.maximum(best - step * (hessian @ best - pull), 0.0), _LIMIT)  # np.clip takes twice as long
            faster = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
            best = after + (momentum - 1) / faster * (after - w)
            w, momentum = after, faster
        self.last = w
        return w

    def _pull(self, points: np.ndarray) -> np.ndarray:
        return (points - self.rest).reshape(len(points), -1) @ self.basis.T


def calm(points: np.ndarray) -> np.ndarray:
    """The calm face (53, 2) of points (T, 53, 2): the median of the frames nearest to the median face, for a face at rest is where it is most often."""
    flat = points.reshape(len(points), -1)
    flat = flat[np.isfinite(flat).all(axis=1)]
    if not len(flat):
        return np.zeros((COUNT, 2))
    far = np.linalg.norm(flat - np.median(flat, axis=0), axis=1)
    return np.median(flat[far <= np.quantile(far, _CALM)], axis=0).reshape(COUNT, 2)


@lru_cache(maxsize=2)
def _bundled() -> PointModel:
    return point_model(bundled())


def to_weights(track: Track, face: FaceModel | None = None, rest: np.ndarray | None = None, causal: bool = False) -> Track:
    """A landmark track as weights (T, 52), on the bundled head if no other is given; `rest` (53, 2): the calm face, found in the track if not given;
    `causal`: as live. Points that are missing are bridged; those that are never there say nothing."""
    model = _bundled() if face is None else point_model(face)
    points = bridge(track.time, track.values).reshape(len(track.time), COUNT, 2)
    rest = calm(np.where(np.isnan(points), model.rest, points)) if rest is None else rest
    points = np.where(np.isnan(points), rest, points)
    solver = Solver(model, rest)
    weights = np.array([solver.push(row) for row in points]).reshape(-1, len(ARKIT)) if causal else solver.whole(points)
    return Track("weights", track.time, ARKIT, weights)

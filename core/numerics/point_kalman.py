"""Kalman smoothing of points: constant velocity, one filter a coordinate; causal live, and back again over a recording (Rauch-Tung-Striebel).

State (place, speed); place is measured with variance r, speed wanders as white acceleration of density q. Coordinates share their covariance, since only q / r
matters: `tightness` = q / r. The larger, the closer it follows.
"""

from __future__ import annotations

import numpy as np

_INITIAL_SPEED_VARIANCE = 1e3  # variance of an unknown speed, in r per s^2
_MIN_STEP_S = 1e-4


class PointFilter:
    """Live. `tightness` (D,) per coordinate, 1/s^3."""

    def __init__(self, tightness: np.ndarray) -> None:
        self.q = np.asarray(tightness, dtype=np.float64)
        self.time: float | None = None
        self.x = np.zeros((2, len(self.q)))
        self.p = np.zeros((3, len(self.q)))  # variances of place, of both, of speed, in units of r

    def push(self, time: float, measured: np.ndarray) -> np.ndarray:
        """The place (D,) after a measurement (D,); NaN are not measured."""
        known = np.isfinite(measured)
        if self.time is None:
            self.x[0] = np.where(known, measured, 0.0)
            self.p[0], self.p[2] = np.where(known, 1.0, 1e6), _INITIAL_SPEED_VARIANCE
        else:
            self._predict(max(time - self.time, _MIN_STEP_S))
            gain = np.where(known, 1.0 / (self.p[0] + 1.0), 0.0)
            innovation = np.where(known, measured - self.x[0], 0.0)
            k0, k1 = self.p[0] * gain, self.p[1] * gain
            self.x = self.x + np.stack([k0 * innovation, k1 * innovation])
            self.p = np.stack([self.p[0] * (1 - k0), self.p[1] * (1 - k0), self.p[2] - k1 * self.p[1]])
        self.time = time
        return self.x[0].copy()

    def _predict(self, dt: float) -> None:
        p, q = self.p, self.q
        self.x = np.stack([self.x[0] + dt * self.x[1], self.x[1]])
        self.p = np.stack(
            [p[0] + 2 * dt * p[1] + dt * dt * p[2] + q * dt**3 / 3, p[1] + dt * p[2] + q * dt * dt / 2, p[2] + q * dt]
        )


def filter_causal(time: np.ndarray, measured: np.ndarray, tightness: np.ndarray) -> np.ndarray:
    """Places (T, D) as `Kalman` gives them live."""
    point_filter = PointFilter(tightness)
    return np.array([point_filter.push(float(t), row) for t, row in zip(time, measured)]).reshape(measured.shape)


def smooth(time: np.ndarray, measured: np.ndarray, tightness: np.ndarray) -> np.ndarray:
    """Places (T, D) of a recording, looking both ways: the causal filter, then Rauch-Tung-Striebel backwards."""
    if len(time) < 2:
        return np.array(measured)
    point_filter = PointFilter(tightness)
    states, variances = np.empty((len(time), 2, measured.shape[1])), np.empty((len(time), 3, measured.shape[1]))
    for k, t in enumerate(time):
        point_filter.push(float(t), measured[k])
        states[k], variances[k] = point_filter.x, point_filter.p
    out = states.copy()
    q = point_filter.q
    for k in range(len(time) - 2, -1, -1):
        dt = max(float(time[k + 1] - time[k]), _MIN_STEP_S)
        p0, p1, p2 = variances[k]
        a, b, c = p0 + 2 * dt * p1 + dt * dt * p2 + q * dt**3 / 3, p1 + dt * p2 + q * dt * dt / 2, p2 + q * dt
        det = a * c - b * b
        # C = P F^T / predicted
        m00, m01, m10, m11 = p0 + dt * p1, p1, p1 + dt * p2, p2
        c00, c01, c10, c11 = (
            (m00 * c - m01 * b) / det,
            (m01 * a - m00 * b) / det,
            (m10 * c - m11 * b) / det,
            (m11 * a - m10 * b) / det,
        )
        d0 = out[k + 1, 0] - (states[k, 0] + dt * states[k, 1])
        d1 = out[k + 1, 1] - states[k, 1]
        out[k, 0] += c00 * d0 + c01 * d1
        out[k, 1] += c10 * d0 + c11 * d1
    return out[:, 0]


def tightness_for(seconds: float) -> float:
    """The tightness at which the filter follows with a time constant of about `seconds`."""
    return 1.0 / seconds**4 * (1 / 60.0)

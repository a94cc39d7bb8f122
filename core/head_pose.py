"""Where the head looks when it looks straight ahead: recentring, and the slow drift of its heading."""

from __future__ import annotations

import numpy as np

_SLOW_S = 120.0  # time constant of automatic recentring: a glance aside for a phrase costs little
_STILL_RAD_S = 0.5  # faster heads are looking somewhere


class Recentre:
    """Head angles (3,) yaw, pitch, roll in rad against a zero. `auto`: the zero of the yaw follows slowly, since headings drift without a magnetometer;
    pitch and roll have gravity. One object a stream."""

    def __init__(self, auto: bool = True) -> None:
        self.auto, self.zero, self.last = auto, np.zeros(3), np.zeros(3)

    def now(self) -> None:
        """The present pose is the new zero."""
        self.zero = self.last.copy()

    def push(self, angles: np.ndarray, step: float) -> np.ndarray:
        """The next frame's angles, `step` s after the one before; NaN holds."""
        if not np.isfinite(angles).all():
            return _wrapped(self.last - self.zero)
        speed = abs(float(_wrapped(angles - self.last)[0])) / max(step, 1e-6)
        self.last = np.array(angles, dtype=np.float64)
        if self.auto and speed < _STILL_RAD_S:
            self.zero[0] += float(_wrapped(self.last - self.zero)[0]) * (1 - np.exp(-step / _SLOW_S))
        return _wrapped(self.last - self.zero)


def _wrapped(angles: np.ndarray) -> np.ndarray:
    return (angles + np.pi) % (2 * np.pi) - np.pi

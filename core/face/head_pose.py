"""Where the head looks when it looks straight ahead: recentring, and the slow drift of its heading."""

from __future__ import annotations

import numpy as np

from ..arrays import Array

_RECENTRE_TIME_S = 120.0  # time constant of automatic recentring: a glance aside for a phrase costs little
_MAX_STILL_RAD_S = 0.5  # faster heads are looking somewhere


class HeadRecentrer:
    """Head angles (3,) yaw, pitch, roll in rad against a zero. `auto`: the zero of the yaw follows slowly, since headings drift without a magnetometer;
    pitch and roll have gravity. One object a stream."""

    def __init__(self, auto: bool = True) -> None:
        self.auto, self.zero, self.last_angles = auto, np.zeros(3), np.zeros(3)

    def recentre(self) -> None:
        """The present pose is the new zero."""
        self.zero = self.last_angles.copy()

    def push(self, angles: Array, step: float) -> Array:
        """The next frame's angles, `step` s after the one before; NaN holds."""
        if not np.isfinite(angles).all():
            return _wrap_angles(self.last_angles - self.zero)
        speed = abs(float(_wrap_angles(angles - self.last_angles)[0])) / max(step, 1e-6)
        self.last_angles = np.array(angles, dtype=np.float64)
        if self.auto and speed < _MAX_STILL_RAD_S:
            self.zero[0] += float(_wrap_angles(self.last_angles - self.zero)[0]) * (
                1 - np.exp(-step / _RECENTRE_TIME_S)
            )
        return _wrap_angles(self.last_angles - self.zero)


def _wrap_angles(angles: Array) -> Array:
    return (angles + np.pi) % (2 * np.pi) - np.pi

"""Recentring of head angles, by hand and against the slow drift of the heading."""

from __future__ import annotations

import numpy as np

from ..arrays import Array

_RECENTRE_TIME_S = 120.0  # time constant of automatic recentring, long against a glance aside
_MAX_STILL_RAD_S = 0.5  # faster turns do not count for recentring


class HeadRecentrer:
    """Head angles (yaw, pitch, roll in rad) relative to a zero pose, for one stream.

    With `auto`, the zero of the yaw follows slowly, because headings drift without a magnetometer; pitch and roll are
    referenced to gravity.
    """

    def __init__(self, auto: bool = True) -> None:
        self.auto, self.zero, self.last_angles = auto, np.zeros(3), np.zeros(3)

    def recentre(self) -> None:
        """Make the current pose the zero."""
        self.zero = self.last_angles.copy()

    def push(self, angles: Array, step: float) -> Array:
        """Relative angles (3,) of the next frame, `step` s after the last; NaN repeats the last."""
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

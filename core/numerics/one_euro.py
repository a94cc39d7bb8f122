"""The 1 Euro filter (Casiez, Roussel and Vogel 2012): a low-pass filter whose cutoff rises with the speed."""

from __future__ import annotations

import numpy as np

from ..arrays import Array


class OneEuroFilter:
    """The filter of C channels, one sample at a time; `last` and `speed` are its whole state.

    Parameters
    ----------
    rate : samples per second
    min_cutoff_hz : cutoff at rest, one number or one per channel (C,); infinite where nothing is to be filtered
    beta : Hz by which the cutoff rises per unit of speed
    speed_cutoff_hz : cutoff of the low-pass filter of the speed
    """

    def __init__(self, rate: float, min_cutoff_hz: Array | float, beta: float, *, speed_cutoff_hz: float) -> None:
        self.rate, self.beta, self.speed_cutoff_hz = rate, beta, speed_cutoff_hz
        cutoff = np.asarray(min_cutoff_hz, dtype=np.float64)
        self.unfiltered = np.isinf(cutoff)
        self.min_cutoff_hz = np.where(self.unfiltered, 1.0, cutoff)
        self.last: Array | None = None
        self.speed: Array | float = 0.0

    def push(self, values: Array) -> Array:
        """Filter one sample (C,)."""
        if self.last is None:
            self.last = np.array(values, dtype=np.float64)
            return self.last
        step = values - self.last
        self.speed = self.speed + self._gain(self.speed_cutoff_hz) * (step * self.rate - self.speed)
        filtered = self.last + self._gain(self.min_cutoff_hz + self.beta * np.abs(self.speed)) * step
        self.last = np.where(self.unfiltered, values, filtered)
        return self.last

    def _gain(self, cutoff_hz: Array | float) -> Array | float:
        r = 2 * np.pi * cutoff_hz / self.rate
        return r / (r + 1)

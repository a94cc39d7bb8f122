"""Smoothing of weights at 60 frames a second: causal for live use, zero-phase for recordings."""

from __future__ import annotations

import numpy as np
from scipy.signal import savgol_filter

from .imu.signal import FRAME_RATE

_MIN_CUTOFF_HZ, _BETA, _RATE_CUTOFF_HZ = 6.0, 8.0, 2.0  # 1 Euro filter: at rest, per weight/s, and of the speed itself
_WINDOW, _ORDER = 9, 3  # Savitzky-Golay: half an eye blink, peaks kept


def zero_phase(values: np.ndarray) -> np.ndarray:
    """Values (T, C) through a Savitzky-Golay filter of 9 frames and third order: no lag, peaks of 0.1 s kept."""
    if len(values) < _WINDOW:
        return values
    return np.asarray(savgol_filter(values, _WINDOW, _ORDER, axis=0, mode="interp"))


class OneEuro:
    """The 1 Euro filter (Casiez 2012) of C channels, frame by frame; `last` and `speed` are its whole state."""

    def __init__(self) -> None:
        self.last: np.ndarray | None = None
        self.speed: np.ndarray | float = 0.0

    def push(self, values: np.ndarray) -> np.ndarray:
        """One frame (C,) smoothed."""
        if self.last is None:
            smooth = np.array(values, dtype=np.float64)
        else:
            self.speed = self.speed + _share(_RATE_CUTOFF_HZ) * ((values - self.last) * FRAME_RATE - self.speed)
            smooth = self.last + _share(_MIN_CUTOFF_HZ + _BETA * np.abs(self.speed)) * (values - self.last)
        self.last = smooth
        return smooth


def _share(cutoff: np.ndarray | float) -> np.ndarray | float:
    r = 2 * np.pi * cutoff / FRAME_RATE
    return r / (r + 1)


def one_euro(values: np.ndarray) -> np.ndarray:
    """Values (T, C) as `OneEuro` gives them live."""
    live = OneEuro()
    return np.stack([live.push(row) for row in values])

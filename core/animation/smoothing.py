"""Smoothing of weights at 60 frames a second: causal for live use, zero-phase for recordings; as strongly per channel group as is asked."""

from __future__ import annotations

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..face.channels import ARKIT, GROUPS
from ..rates import FRAME_RATE

_MIN_CUTOFF_HZ, _BETA, _RATE_CUTOFF_HZ = 6.0, 8.0, 2.0  # 1 Euro filter: at rest, per weight/s, and of the speed itself
_HALF_WINDOW, _POLYNOMIAL_ORDER = 4, 3  # Savitzky-Golay over 9 frames at strength 1: half an eye blink, peaks kept
MAX_STRENGTH = 5.0
DEFAULT_STRENGTHS = dict.fromkeys(GROUPS, 1.0)
NO_SMOOTHING = dict.fromkeys(GROUPS, 0.0)


def channel_strengths(by_group: dict[str, float]) -> Array:
    """(52,) from strengths per group (GROUPS); groups that are not named have DEFAULT's. 0 is off, 1 usual. Raises InnerfaceError."""
    for group, value in by_group.items():
        if group not in GROUPS or not 0 <= value <= MAX_STRENGTH:
            raise InnerfaceError(
                f"smoothing {group}={value:g}: give one of {', '.join(GROUPS)}, and a strength from 0 (off) to {MAX_STRENGTH:g}"
            )
    out = np.zeros(len(ARKIT))
    for group, channels in GROUPS.items():
        out[[ARKIT.index(c) for c in channels]] = by_group.get(group, DEFAULT_STRENGTHS[group])
    return out


def zero_phase(values: Array, strength: Array | float = 1.0) -> Array:
    """Values (T, C) through a Savitzky-Golay filter of third order: no lag; at strength 1 over 9 frames, peaks of 0.1 s kept."""
    from scipy.signal import savgol_filter  # SciPy takes long to load, and enabling the add-on does not need it

    out = np.array(values, dtype=np.float64)
    half = np.round(np.broadcast_to(strength, values.shape[1]) * _HALF_WINDOW).astype(int)
    for h in np.unique(half):
        window = 2 * int(h) + 1
        if window > _POLYNOMIAL_ORDER and len(values) >= window:
            out[:, half == h] = savgol_filter(out[:, half == h], window, _POLYNOMIAL_ORDER, axis=0, mode="interp")
    return out


class OneEuroFilter:
    """The 1 Euro filter (Casiez 2012) of C channels, frame by frame; `last` and `speed` are its whole state.

    `strength` (C,) or a number divides the cutoff at rest; 0 lets all through.
    """

    def __init__(self, strength: Array | float = 1.0) -> None:
        strength = np.asarray(strength, dtype=np.float64)
        self.passthrough = strength <= 0
        self.cutoff = _MIN_CUTOFF_HZ / np.where(self.passthrough, 1.0, strength)
        self.last: Array | None = None
        self.speed: Array | float = 0.0

    def push(self, values: Array) -> Array:
        """One frame (C,) smoothed."""
        if self.last is None:
            smoothed = np.array(values, dtype=np.float64)
        else:
            self.speed = self.speed + _smoothing_factor(_RATE_CUTOFF_HZ) * (
                (values - self.last) * FRAME_RATE - self.speed
            )
            smoothed = self.last + _smoothing_factor(self.cutoff + _BETA * np.abs(self.speed)) * (values - self.last)
            smoothed = np.where(self.passthrough, values, smoothed)
        self.last = smoothed
        return smoothed


def _smoothing_factor(cutoff: Array | float) -> Array | float:
    r = 2 * np.pi * cutoff / FRAME_RATE
    return r / (r + 1)


def one_euro(values: Array, strength: Array | float = 1.0) -> Array:
    """Values (T, C) as `OneEuro` gives them live."""
    euro_filter = OneEuroFilter(strength)
    return np.stack([euro_filter.push(row) for row in values])

"""Smoothing of weights at 60 Hz, with a strength per channel group: causal for live use, zero-phase for recordings."""

# SciPy has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..face.channels import ARKIT, GROUPS
from ..numerics.one_euro import OneEuroFilter
from ..rates import FRAME_RATE

_MIN_CUTOFF_HZ, _BETA, _SPEED_CUTOFF_HZ = 6.0, 8.0, 2.0  # 1 Euro filter: at rest, per weight/s, of the speed
_HALF_WINDOW, _POLYNOMIAL_ORDER = 4, 3  # Savitzky-Golay over 9 frames at strength 1: half an eye blink, peaks kept
MAX_STRENGTH = 5.0
DEFAULT_STRENGTHS = dict.fromkeys(GROUPS, 1.0)
NO_SMOOTHING = dict.fromkeys(GROUPS, 0.0)


def channel_strengths(by_group: dict[str, float]) -> Array:
    """Strengths (52,) from strengths by group; others have the default. 0 is off, 1 usual. Raises InnerfaceError."""
    for group, value in by_group.items():
        if group not in GROUPS or not 0 <= value <= MAX_STRENGTH:
            raise InnerfaceError(
                f"smoothing {group}={value:g}: give one of {', '.join(GROUPS)}, and a strength from 0 (off) to "
                f"{MAX_STRENGTH:g}"
            )
    out = np.zeros(len(ARKIT))
    for group, channels in GROUPS.items():
        out[[ARKIT.index(c) for c in channels]] = by_group.get(group, DEFAULT_STRENGTHS[group])
    return out


def zero_phase(values: Array, strength: Array | float = 1.0) -> Array:
    """Savitzky-Golay filter (third order) of values (T, C): no lag; 9 frames at strength 1, keeps peaks of 0.1 s."""
    from scipy.signal import savgol_filter  # SciPy takes long to load, and enabling the add-on does not need it

    out = np.array(values, dtype=np.float64)
    half = np.round(np.broadcast_to(strength, values.shape[1]) * _HALF_WINDOW).astype(int)
    for h in np.unique(half):
        window = 2 * int(h) + 1
        if window > _POLYNOMIAL_ORDER and len(values) >= window:
            out[:, half == h] = savgol_filter(out[:, half == h], window, _POLYNOMIAL_ORDER, axis=0, mode="interp")
    return out


def one_euro_filter(strength: Array | float = 1.0) -> OneEuroFilter:
    """Causal filter of C channels at FRAME_RATE; `strength`, (C,) or a number, divides the cutoff at rest, 0 is off."""
    strength = np.asarray(strength, dtype=np.float64)
    min_cutoff_hz = np.where(strength > 0, _MIN_CUTOFF_HZ / np.where(strength > 0, strength, 1.0), np.inf)
    return OneEuroFilter(FRAME_RATE, min_cutoff_hz, _BETA, speed_cutoff_hz=_SPEED_CUTOFF_HZ)


def one_euro(values: Array, strength: Array | float = 1.0) -> Array:
    """Smooth values (T, C) as `one_euro_filter` does live."""
    euro_filter = one_euro_filter(strength)
    return np.stack([euro_filter.push(row) for row in values])

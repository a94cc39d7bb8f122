"""Loudness of speech in frequency bands at the camera's rows, to predict a hidden mouth from.

Loudness tells an open mouth from a closed one and the spectrum bright from dark vowels, but not the shape of the lips.
"""

# SciPy has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import stft

from ..arrays import Array
from ..take.audio import RATE

_HOP = 160  # 10 ms
_BANDS_HZ = (80, 250, 500, 1000, 2000, 4000, 7500)
_SHIFTS_S = (-0.1, 0.0, 0.1)  # lips move before the sound; rooms delay it


def band_levels(sound: Array, times: Array) -> Array:
    """Band levels (T, bands x shifts), about 0..1, at `times` (T,) s of mono samples (N,) at RATE from time 0 on."""
    frequencies, frame_times, spectrum = stft(sound, RATE, nperseg=4 * _HOP, noverlap=3 * _HOP)
    power = np.abs(spectrum) ** 2
    bands = np.array([power[(frequencies >= a) & (frequencies < b)].sum(axis=0) for a, b in pairwise(_BANDS_HZ)]).T
    level = gaussian_filter1d(np.log10(bands + 1e-5 * np.percentile(bands.sum(axis=1), 95) + 1e-12), 2.0, axis=0)
    low, high = np.percentile(level, (5, 95), axis=0)
    level = np.clip((level - low) / np.maximum(high - low, 1e-6), -0.2, 1.2)
    return np.concatenate(
        [np.stack([np.interp(times + s, frame_times, band) for band in level.T], axis=1) for s in _SHIFTS_S], axis=1
    )

"""Which moment of one sound recording is which of another: a take's own sound against the song or the dialogue that was played or recorded beside it.

Coarse: loudness in bands, 100 times a second, correlated over all offsets. Fine: in windows all along, the cross-correlation of the waveforms with its spectrum
made flat (GCC-PHAT: Knapp and Carter 1976), which rooms and loudspeakers blur least; a line through the windows' offsets gives offset and clock drift.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.signal import fftconvolve, stft

from .errors import InnerfaceError

RATE = 16_000  # samples a second that both are brought to
_HOP = 160  # 10 ms
_BANDS_HZ = (100, 200, 400, 800, 1600, 3200, 6400)
_WINDOW_S, _STEP_S, _SEARCH_S = 4.0, 2.0, 0.12
_LEAST_S = 1.0
_AGREE_S = 0.008  # a window whose offset is so near the line speaks for it
_SURE, _CLEAR = 0.3, 6.0  # share of windows that must agree; a window's peak stands so many spreads above its surroundings
_MARGIN = 1.2  # where few windows agree, the place must beat all others by so much
_DRIFT_TOLD_S = 0.0005  # a drift that makes less at the ends is none


@dataclass(frozen=True)
class SoundAlignment:
    """time in A = (1 + drift_ppm 1e-6) time in B + offset_s, both from the beginning of the sound; `confidence` 0..1: how much of the overlap agrees."""

    offset_s: float
    drift_ppm: float
    confidence: float


def _loudness(sound: np.ndarray) -> np.ndarray:
    """(T, bands): changes of loudness in bands, 100 a second, each with unit spread."""
    frequencies, _, spectrum = stft(sound, RATE, nperseg=4 * _HOP, noverlap=3 * _HOP)
    power = np.abs(spectrum) ** 2
    bands = [power[(frequencies >= a) & (frequencies < b)].sum(0) for a, b in pairwise(_BANDS_HZ)]
    level = np.log(np.array(bands).T + 1e-4 * np.median(power.sum(0)) + 1e-12)
    rise = np.clip(np.diff(level, axis=0, prepend=level[:1]), 0.0, None)  # onsets stand out of noise and reverberation
    return (rise - rise.mean(0)) / (rise.std(0) + 1e-9)


def align(a: np.ndarray, b: np.ndarray) -> SoundAlignment:
    """Two sounds (N,) and (M,) at RATE. Raises InnerfaceError where they do not match."""
    if min(len(a), len(b)) < _LEAST_S * RATE:
        raise InnerfaceError(f"a sound of less than {_LEAST_S:g} s cannot be aligned; give longer recordings")
    if min(np.ptp(a), np.ptp(b)) < 1e-6:
        raise InnerfaceError("one of the sounds is silent; give recordings with sound in them")
    x, y = _loudness(a), _loudness(b)
    score = np.asarray(sum(fftconvolve(x[:, k], y[::-1, k]) for k in range(x.shape[1])))
    lags = np.arange(-(len(y) - 1), len(x))
    overlap = np.minimum(lags + len(y), len(x)) - np.maximum(lags, 0)
    score = np.where(overlap >= min(len(x), len(y), 300) // 2, score / np.sqrt(np.maximum(overlap, 100)), -np.inf)
    best = int(score.argmax())
    rival = float(score[np.abs(lags - lags[best]) > RATE // _HOP].max(initial=1e-9))
    return _refined(a, b, float(lags[best]) * _HOP / RATE, float(score[best]) / max(rival, 1e-9))


def _refined(a: np.ndarray, b: np.ndarray, coarse: float, margin: float) -> SoundAlignment:
    """Offset and drift from windows of B along the overlap. `coarse`: A's time of B's beginning; `margin`: by how much that place beats all others."""
    length = int(min(_WINDOW_S * RATE, len(b), len(a)))
    search = int(_SEARCH_S * RATE)
    starts = np.arange(0, max(len(b) - length, 0) + 1, int(_STEP_S * RATE))
    loud = (b * b).cumsum()
    middle, offset, weight = [], [], []
    for start in starts.tolist():
        first = round(start + coarse * RATE) - search
        piece = a[max(first, 0) : first + length + 2 * search]
        if len(piece) < length or loud[start + length - 1] - loud[start] <= 0:
            continue
        lag, clear = _phat(piece, b[start : start + length])
        place = (max(first, 0) + lag - start) / RATE
        if clear > _CLEAR and abs(place - coarse) <= 1.5 * _SEARCH_S:
            middle.append((start + length / 2) / RATE)
            offset.append(place)
            weight.append(clear)
    if not middle:
        raise InnerfaceError("the two sounds do not match: no stretch of one is heard in the other; give recordings of the same performance")
    at, found, trust = np.array(middle), np.array(offset), np.array(weight)
    line = _line(at, found, trust)
    near = np.abs(found - line[0] - line[1] * at) < _AGREE_S
    overlap = min(len(b) / RATE, len(a) / RATE - coarse) - max(0.0, -coarse)
    expected = max(int((overlap - _WINDOW_S) / _STEP_S) + 1, 1)
    confidence = float(min(near.sum() / expected, 1.0))
    if confidence < _SURE or (confidence < 2 * _SURE and margin < _MARGIN):
        raise InnerfaceError(
            f"the two sounds do not match: {int(near.sum())} of {expected} stretches agree on a place; give recordings of the same performance"
        )
    return SoundAlignment(float(line[0]), float(line[1] * 1e6), confidence)


def _phat(long: np.ndarray, short: np.ndarray) -> tuple[float, float]:
    """Where `short` lies in `long` (samples, between them, too), and by how many spreads that stands out."""
    size = int(2 ** np.ceil(np.log2(len(long) + len(short))))
    cross = np.fft.rfft(long, size) * np.conj(np.fft.rfft(short, size))
    band = np.fft.rfftfreq(size, 1 / RATE)
    flat = cross / (np.abs(cross) + 1e-3 * np.abs(cross).mean() + 1e-15)
    value = np.fft.irfft(np.where((band > 80) & (band < 7000), flat, 0), size)[: max(len(long) - len(short) + 1, 1)]
    k = int(value.argmax())
    spread = np.median(np.abs(value - np.median(value))) * 1.4826 + 1e-15
    clear = float((value[k] - np.median(value)) / spread)
    if 0 < k < len(value) - 1:
        before, here, after = value[k - 1 : k + 2]
        bend = before - 2 * here + after
        return k + (0.5 * (before - after) / bend if abs(bend) > 1e-15 else 0.0), clear
    return float(k), clear


def _line(at: np.ndarray, found: np.ndarray, trust: np.ndarray) -> np.ndarray:
    """(offset, slope) through the windows' offsets, those far off left out; no slope where it is too small to be told."""
    keep = np.abs(found - _middle(found, trust)) < 0.06
    slope, base = 0.0, _middle(found[keep], trust[keep])
    for _ in range(6):
        if keep.sum() >= 4 and np.ptp(at[keep]) > 15:
            slope, base = np.polyfit(at[keep], found[keep], 1, w=np.sqrt(trust[keep]))
        else:
            slope, base = 0.0, _middle(found[keep], trust[keep])
        keep = np.abs(found - base - slope * at) < max(_AGREE_S, 3 * float(np.median(np.abs((found - base - slope * at)[keep]))))
        if not keep.any():
            break
    if abs(slope) * np.ptp(at) < 2 * _DRIFT_TOLD_S:
        near = np.abs(found - base - slope * at) < _AGREE_S
        slope, base = 0.0, _middle(found[near], trust[near]) if near.any() else base
    return np.array([base, slope])


def _middle(values: np.ndarray, trust: np.ndarray) -> float:
    """Weighted median."""
    order = np.argsort(values)
    total = np.cumsum(trust[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])

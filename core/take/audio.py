"""Offset and clock drift between two sound recordings: a take's sound and the song or dialogue of the same performance.

The coarse offset is the peak of the cross-correlation of onset strength in frequency bands, at 100 Hz. The fine offset
comes from GCC-PHAT (Knapp and Carter 1976), which is robust to rooms and loudspeakers, in windows along the overlap; a
line through the windows' offsets gives offset and drift.
"""

# SciPy has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.signal import fftconvolve, stft

from ..arrays import Array
from ..errors import InnerfaceError

RATE = 16_000  # Hz, of both sounds
_HOP_SAMPLES = 160  # 10 ms
_BANDS_HZ = (100, 200, 400, 800, 1600, 3200, 6400)
_WINDOW_S, _STEP_S, _SEARCH_S = 4.0, 2.0, 0.12
_MIN_S = 1.0
_INLIER_TOLERANCE_S = 0.008  # distance of a window's offset from the line
_MIN_INLIER_SHARE = 0.3  # of the windows
_MIN_PEAK_CLARITY = 6.0  # height of a window's peak above the median, in standard deviations
_PEAK_MARGIN = 1.2  # where few windows agree, the best offset must beat all others by this ratio
_MIN_DRIFT_EFFECT_S = 0.0005  # at the ends; drift with less effect is 0


@dataclass(frozen=True)
class SoundAlignment:
    """time in A = (1 + drift_ppm 1e-6) time in B + offset_s, from the start of each sound.

    `confidence` 0..1 is the share of the overlap that agrees.
    """

    offset_s: float
    drift_ppm: float
    confidence: float


def _onset_strength(sound: Array) -> Array:
    """Onset strength (T, bands): increases of log power in bands, at 100 Hz, each of unit variance."""
    frequencies, _, spectrum = stft(sound, RATE, nperseg=4 * _HOP_SAMPLES, noverlap=3 * _HOP_SAMPLES)
    power = np.abs(spectrum) ** 2
    bands = [power[(frequencies >= a) & (frequencies < b)].sum(0) for a, b in pairwise(_BANDS_HZ)]
    log_power = np.log(np.array(bands).T + 1e-4 * np.median(power.sum(0)) + 1e-12)
    # onsets are robust to noise and reverberation
    onsets = np.clip(np.diff(log_power, axis=0, prepend=log_power[:1]), 0.0, None)
    return (onsets - onsets.mean(0)) / (onsets.std(0) + 1e-9)


def align(a: Array, b: Array) -> SoundAlignment:
    """Align two sounds (N,) and (M,) at RATE. Raises InnerfaceError where they do not match."""
    if min(len(a), len(b)) < _MIN_S * RATE:
        raise InnerfaceError(f"a sound shorter than {_MIN_S:g} s cannot be aligned; give longer recordings")
    if min(np.ptp(a), np.ptp(b)) < 1e-6:
        raise InnerfaceError("one of the sounds is silent; give recordings with sound")
    x, y = _onset_strength(a), _onset_strength(b)
    score = np.asarray(sum(fftconvolve(x[:, k], y[::-1, k]) for k in range(x.shape[1])))
    lags = np.arange(-(len(y) - 1), len(x))
    overlap = np.minimum(lags + len(y), len(x)) - np.maximum(lags, 0)
    score = np.where(overlap >= min(len(x), len(y), 300) // 2, score / np.sqrt(np.maximum(overlap, 100)), -np.inf)
    best = int(score.argmax())
    second_best = float(score[np.abs(lags - lags[best]) > RATE // _HOP_SAMPLES].max(initial=1e-9))
    return _refine(a, b, float(lags[best]) * _HOP_SAMPLES / RATE, margin=float(score[best]) / max(second_best, 1e-9))


def _refine(a: Array, b: Array, coarse: float, *, margin: float) -> SoundAlignment:
    """Offset and drift from windows of B along the overlap.

    `coarse` is A's time (s) of B's start; `margin` the ratio of that offset's score to the next best.
    """
    length = int(min(_WINDOW_S * RATE, len(b), len(a)))
    search = int(_SEARCH_S * RATE)
    starts = np.arange(0, max(len(b) - length, 0) + 1, int(_STEP_S * RATE))
    cumulative_energy = (b * b).cumsum()
    window_times: list[float] = []
    window_offsets: list[float] = []
    clarities: list[float] = []
    for start in starts.tolist():
        first = round(start + coarse * RATE) - search
        segment = a[max(first, 0) : first + length + 2 * search]
        if len(segment) < length or cumulative_energy[start + length - 1] - cumulative_energy[start] <= 0:
            continue
        lag, clarity = _gcc_phat(segment, b[start : start + length])
        window_offset = (max(first, 0) + lag - start) / RATE
        if clarity > _MIN_PEAK_CLARITY and abs(window_offset - coarse) <= 1.5 * _SEARCH_S:
            window_times.append((start + length / 2) / RATE)
            window_offsets.append(window_offset)
            clarities.append(clarity)
    if not window_times:
        raise InnerfaceError(
            "the two sounds do not match: no part of one occurs in the other; give recordings of the same performance"
        )
    times, offsets, weights = np.array(window_times), np.array(window_offsets), np.array(clarities)
    line = _fit_robust_line(times, offsets, weights)
    inliers = np.abs(offsets - line[0] - line[1] * times) < _INLIER_TOLERANCE_S
    overlap = min(len(b) / RATE, len(a) / RATE - coarse) - max(0.0, -coarse)
    expected = max(int((overlap - _WINDOW_S) / _STEP_S) + 1, 1)
    confidence = float(min(inliers.sum() / expected, 1.0))
    if confidence < _MIN_INLIER_SHARE or (confidence < 2 * _MIN_INLIER_SHARE and margin < _PEAK_MARGIN):
        raise InnerfaceError(
            f"the two sounds do not match: {int(inliers.sum())} of {expected} windows agree on an offset; "
            "give recordings of the same performance"
        )
    return SoundAlignment(float(line[0]), float(line[1] * 1e6), confidence)


def _gcc_phat(long: Array, short: Array) -> tuple[float, float]:
    """Where `short` lies in `long` (fractional samples), and by how many standard deviations the peak stands out."""
    size = int(2 ** np.ceil(np.log2(len(long) + len(short))))
    cross = np.fft.rfft(long, size) * np.conj(np.fft.rfft(short, size))
    frequencies = np.fft.rfftfreq(size, 1 / RATE)
    whitened = cross / (np.abs(cross) + 1e-3 * np.abs(cross).mean() + 1e-15)
    correlation = np.fft.irfft(np.where((frequencies > 80) & (frequencies < 7000), whitened, 0), size)[
        : max(len(long) - len(short) + 1, 1)
    ]
    k = int(correlation.argmax())
    spread = np.median(np.abs(correlation - np.median(correlation))) * 1.4826 + 1e-15
    clarity = float((correlation[k] - np.median(correlation)) / spread)
    if 0 < k < len(correlation) - 1:
        before, peak, after = correlation[k - 1 : k + 2]
        curvature = before - 2 * peak + after
        return k + (0.5 * (before - after) / curvature if abs(curvature) > 1e-15 else 0.0), clarity
    return float(k), clarity


def _fit_robust_line(times: Array, offsets: Array, weights: Array) -> Array:
    """(offset, slope) of a line through the windows' offsets without outliers; slope 0 where it is not significant."""
    inliers = np.abs(offsets - _weighted_median(offsets, weights)) < 0.06
    slope, intercept = 0.0, _weighted_median(offsets[inliers], weights[inliers])
    for _ in range(6):
        if inliers.sum() >= 4 and np.ptp(times[inliers]) > 15:
            slope, intercept = np.polyfit(times[inliers], offsets[inliers], 1, w=np.sqrt(weights[inliers]))
        else:
            slope, intercept = 0.0, _weighted_median(offsets[inliers], weights[inliers])
        inliers = np.abs(offsets - intercept - slope * times) < max(
            _INLIER_TOLERANCE_S, 3 * float(np.median(np.abs((offsets - intercept - slope * times)[inliers])))
        )
        if not inliers.any():
            break
    if abs(slope) * np.ptp(times) < 2 * _MIN_DRIFT_EFFECT_S:
        close = np.abs(offsets - intercept - slope * times) < _INLIER_TOLERANCE_S
        slope, intercept = 0.0, _weighted_median(offsets[close], weights[close]) if close.any() else intercept
    return np.array([intercept, slope])


def _weighted_median(values: Array, weights: Array) -> float:
    """Median of values (N,) with weights (N,)."""
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(cumulative, cumulative[-1] / 2)])

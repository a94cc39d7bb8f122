"""Offset and clock drift between two recordings of one performance, found by how the face moves in both.

A normalised cross-correlation over all offsets finds the rough place and says whether the takes belong together;
Gauss-Newton steps on the channels' slopes then find offset and drift to milliseconds. Three taps on the chin serve
where the motion does not. `imu.motion_signal` makes the signals that are aligned.
"""

# SciPy has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import median_filter, uniform_filter1d
from scipy.signal import fftconvolve, find_peaks

from ..arrays import Array
from ..errors import InnerfaceError
from ..numerics import ridge
from ..rates import FRAME_RATE
from .track import Take

_DETREND_WINDOW_S = 2.0  # slower motion is pose, not timing
_MIN_OVERLAP_S, _MIN_OVERLAP_SHARE = 2.0, 0.25  # share of the shorter take
# Unrelated takes correlate by up to the first, plus the second / sqrt(s of overlap).
_CHANCE_CORRELATION, _CHANCE_PER_ROOT_S = 0.25, 0.6
_CONFIDENCE_RANGE = 0.2  # correlation above chance at which confidence is full
_PEAK_MARGIN = 1.15  # by this the best offset must beat every other one that is 1.5 s or more away
_DRIFT_SD = 200e-6  # standard deviation between clocks of phones and boards
_MIN_DRIFT_EFFECT_S = 2.5e-3  # at the ends of the overlap; skin that lags or leads has as much effect
_MAX_ITERATIONS, _RIDGE = 12, 0.02
_SAMPLES_PER_INDEPENDENT = 30.0  # errors of neighbouring frames and channels are alike: so many count as one
_TIMECODE_TOLERANCE_S = 0.004  # resolution of alignment by motion
_TAP_GAP_S = (0.18, 0.9)
_TAP_CONTRAST = 8.0  # ratio of a tap to the motion around it


@dataclass(frozen=True)
class Alignment:
    """Where one take's clock lies on another's: time in A = (1 + drift_ppm 1e-6) time in B + offset_s.

    Attributes
    ----------
    offset_s, drift_ppm : of the takes' own clocks.
    confidence : 0..1.
    method : "motion", "taps" or "timecode".
    correlation : of the two motions at the best offset, -1..1.
    """

    offset_s: float
    drift_ppm: float
    confidence: float
    method: str
    correlation: float

    def a_time(self, b_time: Array | float) -> Array:
        """Times of B on A's clock."""
        return (1 + self.drift_ppm * 1e-6) * np.asarray(b_time) + self.offset_s


@dataclass(frozen=True)
class MotionSignal:
    """A take's facial motion on frames at FRAME_RATE.

    Attributes
    ----------
    start_s : time of the first frame on the take's clock.
    channels : C names.
    values : (T, C) weights.
    reliable : channels that the take's device observes.
    tap_times : (3,) s of a triple tap on the chin, or None.
    signals : (T, D) what was measured (weights, or rotations of sites), for fine timing.
    """

    start_s: float
    channels: tuple[str, ...]
    values: Array
    reliable: frozenset[str]
    tap_times: Array | None
    signals: Array


def prefer_timecode(alignment: Alignment, a: Take, b: Take) -> Alignment:
    """Alignment by timecode where both takes have it and the motion agrees: it is exact for genlocked cameras."""
    both_have_timecode = all(any("llf_header" in track.meta for track in take.tracks.values()) for take in (a, b))
    if (
        not both_have_timecode
        or alignment.method != "motion"
        or alignment.drift_ppm
        or abs(alignment.offset_s) > _TIMECODE_TOLERANCE_S
    ):
        return alignment
    return replace(alignment, offset_s=0.0, method="timecode")


def find_triple_tap(time: Array, energy: Array) -> Array | None:
    """Times (3,) of the first three evenly spaced, isolated sharp peaks of similar height, or None."""
    if len(time) < 16 or not energy.any():
        return None
    step = float(np.median(np.diff(time)))
    background = median_filter(energy, size=int(1.2 / step) | 1, mode="nearest")
    peaks, _ = find_peaks(energy, distance=max(int(0.12 / step), 1))
    peaks = peaks[energy[peaks] > _TAP_CONTRAST * background[peaks] + 0.05 * energy.max()]
    heights = energy[peaks]
    for k in range(len(peaks) - 2):
        gaps, tap_heights = np.diff(time[peaks[k : k + 3]]), heights[k : k + 3]
        isolated = (k == 0 or time[peaks[k]] - time[peaks[k - 1]] > gaps.max()) and (
            k + 3 == len(peaks) or time[peaks[k + 3]] - time[peaks[k + 2]] > gaps.max()
        )
        if (
            isolated
            and (gaps > _TAP_GAP_S[0]).all()
            and (gaps < _TAP_GAP_S[1]).all()
            and gaps.max() < 1.4 * gaps.min()
            and tap_heights.max() < 3.5 * tap_heights.min()
        ):
            return time[peaks[k : k + 3]]
    return None


def _band_pass(values: Array) -> Array:
    """Channels (T, C) without slow changes of pose and frame noise."""
    width = int(_DETREND_WINDOW_S * FRAME_RATE) | 1
    detrended = values - uniform_filter1d(values, width, axis=0, mode="nearest")
    return uniform_filter1d(detrended, 3, axis=0, mode="nearest")


def _cross_correlate(a: Array, b: Array) -> tuple[Array, Array]:
    """Normalised correlation at every lag (0 for short overlaps), and the lags: frame k of b lies at k + lag of a."""
    lags = np.arange(-(len(b) - 1), len(a))
    product = sum(fftconvolve(a[:, c], b[::-1, c]) for c in range(a.shape[1]))
    power_a = np.concatenate([[0.0], np.cumsum((a**2).sum(1))])
    power_b = np.concatenate([[0.0], np.cumsum((b**2).sum(1))])
    first, last = np.maximum(lags, 0), np.minimum(lags + len(b), len(a))
    energy = (power_a[last] - power_a[first]) * (power_b[last - lags] - power_b[first - lags])
    shorter = min(len(a), len(b))
    min_frames = min(max(_MIN_OVERLAP_SHARE * shorter, _MIN_OVERLAP_S * FRAME_RATE), shorter)
    # an overlap without motion proves nothing: it must hold its share of both takes' motion
    min_motion = 0.5 * _MIN_OVERLAP_SHARE * min(power_a[-1], power_b[-1])
    valid = (last - first >= min_frames) & (np.sqrt(np.maximum(energy, 0)) > min_motion)
    return np.where(valid, np.asarray(product) / np.sqrt(np.maximum(energy, 1e-12)), 0.0), lags


def align(a: MotionSignal, b: MotionSignal) -> Alignment:
    """Align two takes by their motion, else by taps. Raises InnerfaceError where they do not match."""
    common = [c for c in a.channels if c in a.reliable and c in b.reliable]
    x = _band_pass(a.values[:, [a.channels.index(c) for c in common]])
    y = _band_pass(b.values[:, [b.channels.index(c) for c in common]])
    if min(len(x), len(y)) < _MIN_OVERLAP_S * FRAME_RATE:
        raise InnerfaceError(
            f"a take of less than {_MIN_OVERLAP_S:g} s cannot be aligned; give longer takes of one performance"
        )
    spread = np.sqrt(x.std(0) * y.std(0))
    active = spread > 0.01
    if not active.any():
        raise InnerfaceError("no channel moves in both takes; give takes of the same performance")
    scale = np.minimum(spread, 0.1)  # small motion counts by its size, large motion all the same
    x, y = (m[:, active] / m[:, active].std(0) * scale[active] for m in (x, y))
    correlations, lags = _cross_correlate(x, y)
    best = int(correlations.argmax())
    peak = float(correlations[best])
    second_best = float(correlations[np.abs(lags - lags[best]) > 1.5 * FRAME_RATE].max(initial=0.0))
    offset, drift = _refine(
        a.start_s,
        _band_pass(a.values),
        b.start_s,
        b=_band_pass(b.signals),
        offset=a.start_s - b.start_s + lags[best] / FRAME_RATE,
    )
    overlap = min(lags[best] + len(y), len(x)) - max(lags[best], 0)
    chance_level = _CHANCE_CORRELATION + _CHANCE_PER_ROOT_S / np.sqrt(overlap / FRAME_RATE)
    confidence = float(np.clip((peak - chance_level) / _CONFIDENCE_RANGE, 0, 1)) * float(
        np.clip((peak / max(second_best, 1e-9) - 1) / (_PEAK_MARGIN - 1), 0, 1)
    )
    if confidence > 0.05:
        return Alignment(offset, drift * 1e6, confidence, "motion", peak)
    if (
        a.tap_times is not None
        and b.tap_times is not None
        and np.abs(np.diff(a.tap_times) - np.diff(b.tap_times)).max() < 0.03
    ):
        return Alignment(float((a.tap_times - b.tap_times).mean()), 0.0, 0.5, "taps", peak)
    raise InnerfaceError(
        f"the two takes do not match: their motions agree by {peak:.2f} at best (next best {second_best:.2f}; "
        f"over {overlap / FRAME_RATE:.0f} s chance gives up to {chance_level:.2f}); give takes of the same performance"
    )


def _refine(
    start_a: float, a: Array, start_b: float, *, b: Array, offset: float, fit_drift: bool = True
) -> tuple[float, float]:
    """Offset (s) and drift by Gauss-Newton.

    What a's channels (T, C) differ from their ridge regression on b's signals (T', D) is explained by the regression's
    slope times (offset, drift), with less weight on outliers. The regression has no lags, so it cannot absorb a shift
    in time. Time is counted from the middle of the overlap, so that offset and drift are independent. A drift too small
    to measure is 0: on clocks that count from midnight it would only falsify the offset.
    """
    time = start_b + np.arange(len(b)) / FRAME_RATE
    first, last = max(start_a, time[0] + offset), min(start_a + (len(a) - 1) / FRAME_RATE, time[-1] + offset)
    middle = (first + last) / 2 - offset  # on b's clock
    shift, drift = offset, 0.0  # a's time = middle + shift + (1 + drift) (b's time - middle)
    b = b / (b.std(0) + 1e-9)
    speed = np.gradient(b, 1 / FRAME_RATE, axis=0)
    for _ in range(_MAX_ITERATIONS):
        position = (middle + shift + (1 + drift) * (time - middle) - start_a) * FRAME_RATE
        inside = np.flatnonzero((position >= 1) & (position <= len(a) - 2))
        if len(inside) < FRAME_RATE:
            break
        lower = position[inside].astype(int)
        fraction = (position[inside] - lower)[:, None]
        observed = a[lower] * (1 - fraction) + a[lower + 1] * fraction
        predictors = b[inside]
        coefficients = ridge.solve(predictors.T @ predictors, predictors.T @ observed, _RIDGE * len(predictors))
        residual, slope = predictors @ coefficients - observed, speed[inside] @ coefficients
        spread = np.sqrt((residual**2).mean(0)) + 1e-9
        weight = 1 / (1 + (residual / (2 * spread)) ** 2) / spread**2  # less for large residuals
        # residual = (slope of b) x (time by which b lags)
        elapsed = (time[inside] - middle)[:, None]
        slope_weight = weight * slope * slope
        normal_matrix = (
            np.array(
                [
                    [slope_weight.sum(), (slope_weight * elapsed).sum()],
                    [(slope_weight * elapsed).sum(), (slope_weight * elapsed**2).sum()],
                ]
            )
            / _SAMPLES_PER_INDEPENDENT
        )
        rhs = (
            np.array([(weight * slope * residual).sum(), (weight * slope * residual * elapsed).sum()])
            / _SAMPLES_PER_INDEPENDENT
        )
        normal_matrix[1, 1] += 1 / _DRIFT_SD**2
        rhs[1] -= drift / _DRIFT_SD**2
        if not fit_drift:
            normal_matrix[0, 1] = normal_matrix[1, 0] = rhs[1] = 0.0
        step = np.linalg.solve(normal_matrix + 1e-9 * np.eye(2), rhs)
        shift, drift = shift + float(np.clip(step[0], -0.05, 0.05)), float(np.clip(drift + step[1], -2e-3, 2e-3))
        if abs(step[0]) < 1e-6 and abs(step[1]) < 1e-9:
            break
    if fit_drift and abs(drift) * (last - first) / 2 < _MIN_DRIFT_EFFECT_S:
        return _refine(start_a, a, start_b, b=b, offset=shift, fit_drift=False)[0], 0.0
    return shift - drift * middle, drift

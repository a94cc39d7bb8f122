"""Align a camera take with electrodes by eyes, eyelids and muscles, which show in both.

Eye and eyelid potentials reach the ear without delay, so they give the exact offset. Muscles act some 20 to 80 ms
before the face moves; without eyes the offset is known to about a tenth of a second. For every lag the score is the sum
of squared correlations of whitened channels, relative to its median over all lags. Takes without an outstanding peak
are refused. In a long overlap the drift is fitted to the lags of windows.
"""

# SciPy has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import butter

from ..arrays import Array
from ..errors import InnerfaceError
from ..landmarks.points import POINT_COUNT, POINT_GROUPS
from ..take import Track
from ..take.alignment import Alignment
from ..take.resample import check_pauses, fill_gaps
from .filters import detect_mains, mains_sos, max_emg_hz, zero_phase
from .signal import BioSignal

_HZ = 100.0  # common rate of all components
_MIN_OVERLAP_S, _MIN_OVERLAP_SHARE = 8.0, 0.35  # the share is of the shorter take
_EYES_BAND_HZ, _MUSCLES_BAND_HZ = (0.8, 12.0), (0.3, 6.0)  # motion without drift
_EMG_BAND_EDGES_HZ = (20.0, 60.0, 120.0, 300.0)
_ENVELOPE_S, _FLOOR_UV2 = 0.04, 0.05
_MUSCLE_WEIGHT = 0.5  # relative to the eyes'
_MUSCLE_LEAD_S = 0.03  # by which muscles lead the face, roughly
_MUSCLE_CONFIDENCE = 0.5  # factor where only muscles give the offset
_MAX_EYE_COMPONENTS, _MAX_FACE_COMPONENTS, _MAX_EOG_COMPONENTS, _MAX_EMG_COMPONENTS = 4, 8, 4, 5
_RIVAL_DISTANCE_S = 1.5  # lags farther from the best one are rivals
# Score of the best lag over the best rival: 1 in 100 pairs of unrelated takes reaches 1.5.
_MIN_PEAK_RATIO, _CONFIDENT_PEAK_RATIO = 1.55, 2.3
_MIN_EYE_SCORE = 3.0  # times chance, from which on the eyes alone give the offset
_REFINE_RADIUS_S = 0.08
_WINDOW_S, _MAX_WINDOWS, _WINDOW_SEARCH_S = 40.0, 12, 0.2
_MIN_DRIFT_S = 4e-3  # at the ends of the overlap


def align(signal: BioSignal, landmarks: Track) -> Alignment:
    """Find offset and drift: camera time = (1 + drift) electrode time + offset.

    The method is "eyes", or "muscles" where the eyes show nothing. Raises InnerfaceError if the two do not match.
    """
    shorter_s = min(signal.duration, landmarks.duration)
    if shorter_s < _MIN_OVERLAP_S:
        raise InnerfaceError(f"takes of less than {_MIN_OVERLAP_S:g} s cannot be aligned; give longer ones")
    eog, emg = _electrode_components(signal)
    eyes, face = _landmark_components(landmarks)
    min_overlap_s = max(_MIN_OVERLAP_S, _MIN_OVERLAP_SHARE * shorter_s)
    eye_scores, muscle_scores = (_lag_scores(*pair, min_overlap_s) for pair in ((eog, eyes), (emg, face)))
    lead = round(_MUSCLE_LEAD_S * _HZ)
    scores = eye_scores + _MUSCLE_WEIGHT * np.concatenate([np.zeros(lead), muscle_scores[:-lead]])
    lags = np.arange(-(len(eyes) - 1), len(eog))  # row k of the camera goes with row k + lag of the electrodes
    best = int(scores.argmax())
    rival = float(scores[np.abs(lags - lags[best]) > _RIVAL_DISTANCE_S * _HZ].max(initial=0.0))
    ratio = float(scores[best]) / max(rival, 1e-9)
    if ratio < _MIN_PEAK_RATIO:
        raise InnerfaceError(
            f"the electrodes and the camera do not match (peak ratio {ratio:.2f}, {_MIN_PEAK_RATIO} is needed); "
            "give takes of one performance, longer ones, best with three blinks at the start"
        )
    nearby = np.flatnonzero(np.abs(lags - lags[best]) <= _REFINE_RADIUS_S * _HZ)
    eye_peak = nearby[eye_scores[nearby].argmax()]
    method = "eyes" if eye_scores[eye_peak] > _MIN_EYE_SCORE else "muscles"
    peak_index = int(eye_peak) if method == "eyes" else best
    lag = lags[peak_index] + _parabola_peak(
        (eye_scores if method == "eyes" else scores)[peak_index - 1 : peak_index + 2]
    )
    correlation = float(
        np.sqrt(_shared_variance(*((eog, eyes) if method == "eyes" else (emg, face)), int(lags[peak_index])))
    )
    offset, drift = _fit_drift(eog, eyes, lag) if method == "eyes" else (lag, 0.0)
    # camera row k, at start + k / _HZ, goes with electrode row (1 + drift) k + offset
    slope = 1 / (1 + drift)
    offset_s = float(landmarks.time[0]) - slope * (signal.start + offset / _HZ)
    confidence = float(np.clip((ratio - _MIN_PEAK_RATIO) / (_CONFIDENT_PEAK_RATIO - _MIN_PEAK_RATIO), 0.05, 1)) * (
        _MUSCLE_CONFIDENCE if method == "muscles" else 1.0
    )
    return Alignment(offset_s, (slope - 1) * 1e6, confidence, method, correlation)


def invert(alignment: Alignment) -> Alignment:
    """The alignment the other way round: electrode time from camera time."""
    slope = 1 / (1 + alignment.drift_ppm * 1e-6)
    return Alignment(
        -alignment.offset_s * slope, (slope - 1) * 1e6, alignment.confidence, alignment.method, alignment.correlation
    )


def _electrode_components(signal: BioSignal) -> tuple[Array, Array]:
    """Whitened components at _HZ: slow potentials (T, up to 4) and log power of EMG (T, up to 5)."""
    rate, values = signal.rate, signal.values - np.median(signal.values, axis=0)
    clean = zero_phase(mains_sos(rate, detect_mains(values, rate)), values)
    bands = [
        (a, min(b, max_emg_hz(rate))) for a, b in pairwise(_EMG_BAND_EDGES_HZ) if min(b, max_emg_hz(rate)) > a + 10
    ]
    power = np.concatenate(
        [gaussian_filter1d(_bandpass(clean, band, rate) ** 2, _ENVELOPE_S * rate, axis=0) for band in bands], axis=1
    )
    time = np.arange(len(values)) / rate
    potentials, log_power = (
        _resample(time, x) for x in (_bandpass(values, _EYES_BAND_HZ, rate), np.log(power + _FLOOR_UV2))
    )
    return _whiten(potentials, _MAX_EOG_COMPONENTS), _whiten(
        _bandpass(log_power, _MUSCLES_BAND_HZ, _HZ), _MAX_EMG_COMPONENTS
    )


def _landmark_components(landmarks: Track) -> tuple[Array, Array]:
    """Whitened components at _HZ: pupils, eyelids and mouth (T, up to 4) and the face without eyes (T, up to 8).

    Points without any value are left out; without eyes the first array has no columns.
    """
    known = np.isfinite(landmarks.values).any(axis=0).reshape(POINT_COUNT, 2).all(axis=1)
    points = _resample(
        landmarks.time - landmarks.time[0], np.nan_to_num(fill_gaps(landmarks.time, landmarks.values))
    ).reshape(-1, POINT_COUNT, 2)
    lids, mouth = points[:, list(POINT_GROUPS["lids"]), 1], points[:, [45, 46, 49, 48], 1]
    pupils = points[:, list(POINT_GROUPS["pupils"])].mean(axis=1)
    gap = (lids[:, [1, 2, 7, 8]] - lids[:, [5, 4, 11, 10]]).mean(axis=1)
    eyes = np.stack([pupils[:, 0], pupils[:, 1], gap, mouth[:, :2].mean(axis=1) - mouth[:, 2:].mean(axis=1)], axis=1)
    eyes *= known[[*POINT_GROUPS["lids"], *POINT_GROUPS["pupils"]]].any()
    face_indices = [k for k in range(POINT_COUNT) if k not in (*POINT_GROUPS["lids"], *POINT_GROUPS["pupils"])]
    return _whiten(_bandpass(eyes, _EYES_BAND_HZ, _HZ), _MAX_EYE_COMPONENTS), _whiten(
        _bandpass(points[:, face_indices].reshape(len(points), -1), _MUSCLES_BAND_HZ, _HZ), _MAX_FACE_COMPONENTS
    )


def _resample(time: Array, values: Array) -> Array:
    check_pauses(time)
    grid = np.arange(int(time[-1] * _HZ + 1e-6) + 1) / _HZ
    return np.stack([np.interp(grid, time, column) for column in values.T], axis=1)


def _bandpass(values: Array, band: tuple[float, float], rate: float) -> Array:
    return zero_phase(np.asarray(butter(2, band, btype="band", fs=rate, output="sos")), values)


def _whiten(values: Array, max_components: int) -> Array:
    """Principal components (T, up to `max_components`) of power 1; outliers, such as electrode pops, are compressed."""
    spread = np.median(np.abs(values), axis=0) / 0.6745
    values = values[:, spread > 1e-9]
    if not values.shape[1]:
        return np.zeros((len(values), 0))
    compressed = np.tanh(values / spread[spread > 1e-9] / 3)
    compressed = (compressed - compressed.mean(axis=0)) / compressed.std(axis=0)
    components, singular_values, _ = np.linalg.svd(compressed, full_matrices=False)
    return components[:, : min(max_components, int((singular_values > 0.1 * singular_values[0]).sum()))] * np.sqrt(
        len(compressed)
    )


def _lag_scores(a: Array, b: Array, min_overlap_s: float) -> Array:
    """Score of every lag from 1 - T' on, relative to chance, for row k of b (T', D) with row k + lag of a (T, C)."""
    n, m = len(a), len(b)
    lags = np.arange(-(m - 1), n)
    if not a.shape[1] or not b.shape[1]:
        return np.zeros(len(lags))
    first, last = np.maximum(lags, 0), np.minimum(lags + m, n)
    power_a, power_b = (np.concatenate([np.zeros((1, x.shape[1])), np.cumsum(x**2, axis=0)]) for x in (a, b))
    energy_a, energy_b = power_a[last] - power_a[first], power_b[last - lags] - power_b[first - lags]
    fft_size = 1 << int(np.ceil(np.log2(n + m)))
    spectrum_a, spectrum_b = np.fft.rfft(a, fft_size, axis=0), np.fft.rfft(b, fft_size, axis=0).conj()
    squared_correlation = np.zeros(len(lags))
    for i in range(a.shape[1]):
        for j in range(b.shape[1]):
            product = np.fft.irfft(spectrum_a[:, i] * spectrum_b[:, j], fft_size)
            squared_correlation += np.concatenate([product[fft_size - (m - 1) :], product[:n]]) ** 2 / np.maximum(
                energy_a[:, i] * energy_b[:, j], 1e-9
            )
    scores = squared_correlation * (last - first)  # chance gives the same for all overlaps
    enough = last - first >= min_overlap_s * _HZ
    return (
        np.where(enough, scores / max(float(np.median(scores[enough])), 1e-12), 0.0)
        if enough.any()
        else np.zeros(len(lags))
    )


def _shared_variance(a: Array, b: Array, lag: int) -> float:
    """Mean squared correlation of the components of a and b at a lag."""
    first, last = max(lag, 0), min(lag + len(b), len(a))
    x, y = a[first:last], b[first - lag : last - lag]
    correlation = x.T @ y / np.sqrt(np.maximum(np.outer((x**2).sum(axis=0), (y**2).sum(axis=0)), 1e-9))
    return float((correlation**2).sum() / max(min(correlation.shape), 1))


def _parabola_peak(neighbours: Array) -> float:
    """Position of the vertex of the parabola through three values, relative to the middle one."""
    if len(neighbours) < 3:
        return 0.0
    curvature = neighbours[0] - 2 * neighbours[1] + neighbours[2]
    return float(np.clip(0.5 * (neighbours[0] - neighbours[2]) / curvature, -0.5, 0.5)) if curvature < 0 else 0.0


def _fit_drift(a: Array, b: Array, lag: float) -> tuple[float, float]:
    """Offset and drift, so that row k of b goes with row (1 + drift) k + offset of a, from windows around `lag`.

    The drift is 0 where the windows do not show one.
    """
    first, last = max(-round(lag), 0), min(len(b), len(a) - round(lag))
    count = min(int((last - first) / (_WINDOW_S * _HZ)), _MAX_WINDOWS)
    if count < 3:
        return lag, 0.0
    search_radius, edges = round(_WINDOW_SEARCH_S * _HZ), np.linspace(first, last, count + 1).astype(int)
    window_lags = []
    for begin, end in pairwise(edges.tolist()):
        shifts = np.arange(round(lag) - search_radius, round(lag) + search_radius + 1)
        shifts = shifts[(begin + shifts >= 0) & (end + shifts <= len(a))]
        if len(shifts) > search_radius:
            explained = np.array([_shared_variance(a[begin + s : end + s], b[begin:end], 0) for s in shifts])
            peak_index = int(explained.argmax())
            if 0 < peak_index < len(shifts) - 1:
                window_lags.append(
                    ((begin + end) / 2, shifts[peak_index] + _parabola_peak(explained[peak_index - 1 : peak_index + 2]))
                )
    if len(window_lags) < 3:
        return lag, 0.0
    centres, lags = np.array(window_lags).T
    slopes = [
        (lags[j] - lags[i]) / (centres[j] - centres[i]) for i in range(len(centres)) for j in range(i + 1, len(centres))
    ]
    drift = float(np.median(slopes))
    middle = (first + last) / 2
    residual = lags - drift * (centres - middle)
    deviation = 1.4826 * float(np.median(np.abs(residual - np.median(residual)))) + 0.2
    error = deviation / (np.sqrt(len(centres)) * max(centres.std(), 1e-9))
    if abs(drift) < 3 * error or abs(drift) * (last - first) / 2 < _MIN_DRIFT_S * _HZ:
        return lag, 0.0
    return float(np.median(residual)) - drift * middle, drift

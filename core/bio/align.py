"""Which moment of a camera's take is which of the electrodes': eyes that turn and lids that close show in both, and so do muscles at work.

Eyes and lids are the clock: their potentials reach the ear at once, while muscles work some 20 to 80 ms before the face moves, nobody knows how much;
without eyes the place is known to a tenth of a second. For every shift of the two takes the share of what is seen that what is heard explains (the sum of
squared correlations of whitened channels) is compared with what chance gives: its median over all shifts. The place is where it stands out; takes in which
it does not are refused. In a long overlap, windows tell the drift.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import butter

from ..align import Alignment
from ..errors import InnerfaceError
from ..landmarks.points import COUNT, GROUPS
from ..resample import bridge
from ..take import Track
from .filters import highest, mains_of, mains_sos, zero_phase
from .signal import BioSignal

_HZ = 100.0
_LEAST_S, _LEAST_SHARE = 8.0, 0.35  # of overlap, and of the shorter take
_EYES_HZ, _MUSCLES_HZ = (0.8, 12.0), (0.3, 6.0)  # what moves, without what drifts
_BANDS_HZ = (20.0, 60.0, 120.0, 300.0)
_ENVELOPE_S, _FLOOR_UV2 = 0.04, 0.05
_MUSCLES = 0.5  # what they count for beside the eyes
_LEAD_S, _UNSURE = 0.03, 0.5  # by which muscles lead the face, more or less; they tell the place to a tenth of a second only
_EYES, _FACE, _EYES_HEARD, _MUSCLES_HEARD = 4, 8, 4, 5  # at most so many directions are compared
_APART_S = 1.5  # another place
_MARGIN, _SURE = 1.55, 2.3  # so many times the best other place: of takes that do not belong together, one in a hundred gives 1.5
_CLEAR, _NEAR_S = 3.0, 0.08  # times chance, from which on the eyes alone say the exact place
_WINDOW_S, _WINDOWS, _STRAY_S = 40.0, 12, 0.2
_TOLD_S = 4e-3  # of drift, at the ends of the overlap


def align(signal: BioSignal, landmarks: Track) -> Alignment:
    """time of the camera = (1 + drift) time of the electrodes + offset; `method` "eyes", or "muscles" where the eyes say nothing. Raises InnerfaceError where
    the two do not match."""
    seconds = min(signal.duration, landmarks.duration)
    if seconds < _LEAST_S:
        raise InnerfaceError(f"less than {_LEAST_S:g} s cannot be aligned; give longer takes of one performance")
    heard, work = _heard(signal)
    eyes, face = _seen(landmarks)
    least = max(_LEAST_S, _LEAST_SHARE * seconds)
    by_eyes, by_muscles = (_chance(*pair, least) for pair in ((heard, eyes), (work, face)))
    lead = round(_LEAD_S * _HZ)
    value = by_eyes + _MUSCLES * np.concatenate([np.zeros(lead), by_muscles[:-lead]])
    lags = np.arange(-(len(eyes) - 1), len(heard))  # row k of what is seen beside row k + lag of what is heard
    best = int(value.argmax())
    rival = float(value[np.abs(lags - lags[best]) > _APART_S * _HZ].max(initial=0.0))
    ratio = float(value[best]) / max(rival, 1e-9)
    if ratio < _MARGIN:
        raise InnerfaceError(
            f"the electrodes and the camera do not match (the best place stands out {ratio:.2f} times, {_MARGIN} are needed); give takes of one performance, "
            "longer ones, best with three blinks at their start"
        )
    near = np.flatnonzero(np.abs(lags - lags[best]) <= _NEAR_S * _HZ)
    clear = near[by_eyes[near].argmax()]
    method = "eyes" if by_eyes[clear] > _CLEAR else "muscles"
    top = int(clear) if method == "eyes" else best
    lag = lags[top] + _peak((by_eyes if method == "eyes" else value)[top - 1 : top + 2])
    correlation = float(np.sqrt(_share(*((heard, eyes) if method == "eyes" else (work, face)), int(lags[top]))))
    offset, drift = _drift(heard, eyes, lag) if method == "eyes" else (lag, 0.0)
    # the camera's row k, at start + k / HZ, lies beside the electrodes' row (1 + drift) k + offset
    slope = 1 / (1 + drift)
    shift = float(landmarks.time[0]) - slope * (signal.start + offset / _HZ)
    sure = float(np.clip((ratio - _MARGIN) / (_SURE - _MARGIN), 0.05, 1)) * (_UNSURE if method == "muscles" else 1.0)
    return Alignment(shift, (slope - 1) * 1e6, sure, method, correlation)


def inverse(found: Alignment) -> Alignment:
    """The same, seen from the other take: time of the electrodes of time of the camera."""
    slope = 1 / (1 + found.drift_ppm * 1e-6)
    return Alignment(-found.offset_s * slope, (slope - 1) * 1e6, found.confidence, found.method, found.correlation)


def _heard(signal: BioSignal) -> tuple[np.ndarray, np.ndarray]:
    """Whitened at _HZ: slow potentials (T, 2 or more), and how loud muscles are (T, 5)."""
    rate, values = signal.rate, signal.values - np.median(signal.values, axis=0)
    clean = zero_phase(mains_sos(rate, mains_of(values, rate)), values)
    bands = [(a, min(b, highest(rate))) for a, b in pairwise(_BANDS_HZ) if min(b, highest(rate)) > a + 10]
    loud = np.concatenate([gaussian_filter1d(_band(clean, band, rate) ** 2, _ENVELOPE_S * rate, axis=0) for band in bands], axis=1)
    time = np.arange(len(values)) / rate
    slow, work = (_even(time, x) for x in (_band(values, _EYES_HZ, rate), np.log(loud + _FLOOR_UV2)))
    return _white(slow, _EYES_HEARD), _white(_band(work, _MUSCLES_HZ, _HZ), _MUSCLES_HEARD)


def _seen(landmarks: Track) -> tuple[np.ndarray, np.ndarray]:
    """Whitened at _HZ: pupils, lids and mouth (T, 4), and the face without eyes (T, 8). What is never seen is left out; without any eye, the first is empty."""
    known = np.isfinite(landmarks.values).any(axis=0).reshape(COUNT, 2).all(axis=1)
    points = _even(landmarks.time - landmarks.time[0], np.nan_to_num(bridge(landmarks.time, landmarks.values))).reshape(-1, COUNT, 2)
    lids, mouth = points[:, list(GROUPS["lids"]), 1], points[:, [45, 46, 49, 48], 1]
    pupils = points[:, list(GROUPS["pupils"])].mean(axis=1)
    gap = (lids[:, [1, 2, 7, 8]] - lids[:, [5, 4, 11, 10]]).mean(axis=1)
    eyes = np.stack([pupils[:, 0], pupils[:, 1], gap, mouth[:, :2].mean(axis=1) - mouth[:, 2:].mean(axis=1)], axis=1)
    eyes *= known[[*GROUPS["lids"], *GROUPS["pupils"]]].any()
    rest = [k for k in range(COUNT) if k not in (*GROUPS["lids"], *GROUPS["pupils"])]
    return _white(_band(eyes, _EYES_HZ, _HZ), _EYES), _white(_band(points[:, rest].reshape(len(points), -1), _MUSCLES_HZ, _HZ), _FACE)


def _even(time: np.ndarray, values: np.ndarray) -> np.ndarray:
    at = np.arange(int(time[-1] * _HZ + 1e-6) + 1) / _HZ
    return np.stack([np.interp(at, time, column) for column in values.T], axis=1)


def _band(values: np.ndarray, band: tuple[float, float], rate: float) -> np.ndarray:
    return zero_phase(np.asarray(butter(2, band, btype="band", fs=rate, output="sos")), values)


def _white(values: np.ndarray, most: int) -> np.ndarray:
    """The main directions (T, up to `most`), uncorrelated and of power 1; outliers, such as an electrode's pops, are bent."""
    spread = np.median(np.abs(values), axis=0) / 0.6745
    values = values[:, spread > 1e-9]
    if not values.shape[1]:
        return np.zeros((len(values), 0))
    bent = np.tanh(values / spread[spread > 1e-9] / 3)
    bent = (bent - bent.mean(axis=0)) / bent.std(axis=0)
    left, size, _ = np.linalg.svd(bent, full_matrices=False)
    return left[:, : min(most, int((size > 0.1 * size[0]).sum()))] * np.sqrt(len(bent))


def _chance(a: np.ndarray, b: np.ndarray, least_s: float) -> np.ndarray:
    """For every lag how many times what chance gives a (T, C) and b (T', D) have in common there: row k of b beside row k + lag of a, from 1 - T' on."""
    n, m = len(a), len(b)
    lags = np.arange(-(m - 1), n)
    if not a.shape[1] or not b.shape[1]:
        return np.zeros(len(lags))
    first, last = np.maximum(lags, 0), np.minimum(lags + m, n)
    power_a, power_b = (np.concatenate([np.zeros((1, x.shape[1])), np.cumsum(x**2, axis=0)]) for x in (a, b))
    energy_a, energy_b = power_a[last] - power_a[first], power_b[last - lags] - power_b[first - lags]
    size = 1 << int(np.ceil(np.log2(n + m)))
    spectrum_a, spectrum_b = np.fft.rfft(a, size, axis=0), np.fft.rfft(b, size, axis=0).conj()
    total = np.zeros(len(lags))
    for i in range(a.shape[1]):
        for j in range(b.shape[1]):
            product = np.fft.irfft(spectrum_a[:, i] * spectrum_b[:, j], size)
            total += np.concatenate([product[size - (m - 1) :], product[:n]]) ** 2 / np.maximum(energy_a[:, i] * energy_b[:, j], 1e-9)
    value = total * (last - first)  # by chance it is the same for all overlaps
    enough = last - first >= least_s * _HZ
    return np.where(enough, value / max(float(np.median(value[enough])), 1e-12), 0.0) if enough.any() else np.zeros(len(lags))


def _share(a: np.ndarray, b: np.ndarray, lag: int) -> float:
    """Mean squared correlation of the directions that a and b have in common at a lag."""
    first, last = max(lag, 0), min(lag + len(b), len(a))
    x, y = a[first:last], b[first - lag : last - lag]
    found = x.T @ y / np.sqrt(np.maximum(np.outer((x**2).sum(axis=0), (y**2).sum(axis=0)), 1e-9))
    return float((found**2).sum() / max(min(found.shape), 1))


def _peak(three: np.ndarray) -> float:
    """Where the parabola through three neighbours has its top, from the middle one."""
    if len(three) < 3:
        return 0.0
    bend = three[0] - 2 * three[1] + three[2]
    return float(np.clip(0.5 * (three[0] - three[2]) / bend, -0.5, 0.5)) if bend < 0 else 0.0


def _drift(a: np.ndarray, b: np.ndarray, lag: float) -> tuple[float, float]:
    """Row k of b lies beside row (1 + drift) k + offset of a: found in windows around `lag`; without drift where they do not tell it."""
    first, last = max(-round(lag), 0), min(len(b), len(a) - round(lag))
    count = min(int((last - first) / (_WINDOW_S * _HZ)), _WINDOWS)
    if count < 3:
        return lag, 0.0
    reach, edges = round(_STRAY_S * _HZ), np.linspace(first, last, count + 1).astype(int)
    found = []
    for begin, end in pairwise(edges.tolist()):
        shifts = np.arange(round(lag) - reach, round(lag) + reach + 1)
        shifts = shifts[(begin + shifts >= 0) & (end + shifts <= len(a))]
        if len(shifts) > reach:
            shares = np.array([_share(a[begin + s : end + s], b[begin:end], 0) for s in shifts])
            top = int(shares.argmax())
            if 0 < top < len(shifts) - 1:
                found.append(((begin + end) / 2, shifts[top] + _peak(shares[top - 1 : top + 2])))
    if len(found) < 3:
        return lag, 0.0
    at, place = np.array(found).T
    slopes = [(place[j] - place[i]) / (at[j] - at[i]) for i in range(len(at)) for j in range(i + 1, len(at))]
    drift = float(np.median(slopes))
    middle = (first + last) / 2
    off = place - drift * (at - middle)
    spread = 1.4826 * float(np.median(np.abs(off - np.median(off)))) + 0.2
    error = spread / (np.sqrt(len(at)) * max(at.std(), 1e-9))
    if abs(drift) < 3 * error or abs(drift) * (last - first) / 2 < _TOLD_S * _HZ:
        return lag, 0.0
    return float(np.median(off)) - drift * middle, drift

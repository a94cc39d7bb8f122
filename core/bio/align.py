"""Which moment of a camera's take is which of the electrodes': three blinks or three bites that both show, or what moves and what is heard.

The offset is first sought by how lively both are, at every shift, and then by how well a linear model explains the points from the electrodes around it.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d, uniform_filter1d
from scipy.signal import fftconvolve, find_peaks

from ..align import Alignment, triple
from ..errors import InnerfaceError
from ..landmarks.points import COUNT, GROUPS
from ..resample import bridge
from ..take import Track
from . import features
from .features import HZ
from .filters import mains_of
from .signal import BioSignal

_LEAST_S = 10.0  # of overlap
_CANDIDATES, _AROUND_S, _STEP_S = 8, 0.6, 0.02
_LAG_S = (-0.15, -0.05, 0.05)  # features around a frame that explain it
_RIDGE = 100.0
_SURE = 1.35  # the best shift explains so many times what other shifts do
_LEAST_EXPLAINED = 0.08
_LIDS_GAP_S = 0.05


def align(signal: BioSignal, landmarks: Track) -> Alignment:
    """time of the camera = time of the electrodes + offset_s. Raises InnerfaceError where the two do not match."""
    emg, eog = features.whole(signal.values, signal.rate, mains_of(signal.values, signal.rate))
    heard = np.concatenate([emg, eog], axis=1)
    time = landmarks.time
    at = time[0] + np.arange(int(landmarks.duration * HZ) + 1) / HZ
    flat = bridge(time, landmarks.values)
    usable = np.isfinite(flat).all(axis=0)
    seen = np.stack([np.interp(at, time, column) for column in flat.T[usable]], axis=1)
    if len(seen) < _LEAST_S * HZ or len(heard) < _LEAST_S * HZ:
        raise InnerfaceError(f"less than {_LEAST_S:g} s cannot be aligned; give longer takes of one performance")
    seen = gaussian_filter1d(seen, 0.03 * HZ, axis=0)
    start_seen, start_heard = float(at[0]), signal.start
    lively_seen = np.log(np.abs(seen - np.median(seen, axis=0)).mean(axis=1) + 1e-3)
    lively_heard = uniform_filter1d(emg, 9, axis=0).mean(axis=1)
    shifts = _rough(lively_heard, lively_seen)
    gestures = _gestures(signal, emg, landmarks)
    shifts = [*shifts, *(round((g - start_seen + start_heard) * -HZ) for g in gestures)]
    scores = {}
    for shift in shifts:
        for k in range(-round(_AROUND_S * HZ), round(_AROUND_S * HZ) + 1, round(_STEP_S * HZ) * 2):
            scores.setdefault(shift + k, _explained(heard, seen, shift + k))
    best = max(scores, key=lambda s: scores[s])
    for k in range(-4, 5):
        scores.setdefault(best + k, _explained(heard, seen, best + k))
    best = max(scores, key=lambda s: scores[s])
    rival = max((v for s, v in scores.items() if abs(s - best) > 1.5 * HZ), default=0.0)
    value = scores[best]
    exact = float(best)
    if best - 1 in scores and best + 1 in scores:
        left, right = scores[best - 1], scores[best + 1]
        bend = left - 2 * value + right
        exact += float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5)) if bend < 0 else 0.0
    offset = start_seen - start_heard - exact / HZ
    near = [g for g in gestures if abs(g - offset) < 0.3]
    sure = float(np.clip((value / max(rival, 1e-3) - 1) / (_SURE - 1), 0, 1))
    if value < _LEAST_EXPLAINED or (sure < 0.1 and not near):
        raise InnerfaceError(
            f"the electrodes and the camera do not match (at best {value:.0%} of the motion is explained, elsewhere {rival:.0%}); "
            "give takes of one performance, best with three blinks and three bites at its start"
        )
    return Alignment(offset, 0.0, max(sure, 0.5 if near else 0.0), "gestures" if near and sure < 0.5 else "correlation", value)


def _rough(heard: np.ndarray, seen: np.ndarray) -> list[int]:
    """Shifts (in 1 / HZ s: frame k of the camera beside feature k + shift) at which both are lively together, the best first."""
    a, b = heard - heard.mean(), seen - seen.mean()
    product = fftconvolve(a, b[::-1])
    lags = np.arange(-(len(b) - 1), len(a))
    ones = fftconvolve(np.ones(len(a)), np.ones(len(b)))
    value = np.where(ones >= min(_LEAST_S * HZ, 0.5 * min(len(a), len(b))), product / np.sqrt(np.maximum(ones, 1.0)), -np.inf)
    peaks, _ = find_peaks(np.where(np.isfinite(value), value, value[np.isfinite(value)].min()), distance=int(0.3 * HZ))
    order = peaks[np.argsort(-value[peaks])][:_CANDIDATES]
    return [int(lags[k]) for k in order]


def _explained(heard: np.ndarray, seen: np.ndarray, shift: int) -> float:
    """Share of the points' variance that a linear model of what is heard around them explains on the half that it has not seen."""
    rows = np.arange(max(0, -shift), min(len(seen), len(heard) - shift), 4)
    if len(rows) < _LEAST_S * HZ / 4:
        return 0.0
    x = np.concatenate([heard[np.clip(rows + shift + round(lag * HZ), 0, len(heard) - 1)] for lag in _LAG_S], axis=1)
    y = seen[rows]
    piece = (np.arange(len(rows)) // max(int(3 * HZ / 4), 1)) % 2 == 0  # pieces of 3 s in turn
    out = []
    for learn in (piece, ~piece):
        centre, spread, mean = x[learn].mean(axis=0), x[learn].std(axis=0) + 1e-3, y[learn].mean(axis=0)
        z = (x - centre) / spread
        mix = np.linalg.solve(z[learn].T @ z[learn] + _RIDGE * np.eye(z.shape[1]), z[learn].T @ (y[learn] - mean))
        left = ((y - mean - z @ mix)[~learn] ** 2).sum()
        out.append(1 - left / max(((y[~learn] - mean) ** 2).sum(), 1e-12))
    return float(np.mean(out))


def _gestures(signal: BioSignal, emg: np.ndarray, landmarks: Track) -> list[float]:
    """Offsets at which a triple blink or a triple bite of the one meets one of the other."""
    clock = signal.start + np.arange(len(emg)) / HZ
    slow = gaussian_filter1d(signal.values, 0.02 * signal.rate, axis=0)[:: max(int(signal.rate / HZ), 1)]
    step = max(int(signal.rate / HZ), 1) / signal.rate
    slow_clock = signal.start + np.arange(len(slow)) * step
    bump = np.abs(slow - uniform_filter1d(slow, max(int(0.8 / step), 3), axis=0)).max(axis=1)
    loud = np.exp(0.5 * (uniform_filter1d(emg, 7, axis=0).mean(axis=1)))
    points = bridge(landmarks.time, landmarks.values).reshape(-1, COUNT, 2)
    lids = points[:, list(GROUPS["lids"]), 1]
    gap = (lids[:, [1, 2, 7, 8]] - lids[:, [5, 4, 11, 10]]).mean(axis=1)
    mouth = points[:, [45, 46, 49, 48], 1]
    open_ = mouth[:, :2].mean(axis=1) - mouth[:, 2:].mean(axis=1)
    out = []
    blinks = bump, slow_clock, np.clip(np.median(gap) - gap - _LIDS_GAP_S, 0, None)
    bites = loud - np.median(loud), clock, np.abs(np.gradient(open_))
    for heard, heard_at, seen in (blinks, bites):
        one, other = triple(heard_at, np.clip(heard, 0, None)), triple(landmarks.time, np.nan_to_num(seen))
        if one is not None and other is not None and np.abs(np.diff(one) - np.diff(other)).max() < 0.08:
            out.append(float((other - one).mean()))
    return out

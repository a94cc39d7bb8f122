"""Which moment of one take is which of another: offset and clock drift between two recordings of one performance.

Faces moving alike are the clock: both takes become channels at 60 frames a second (an IMU take through calibration and the
linear model), a normalised cross-correlation over all offsets finds the rough place and says whether the takes belong
together, and Gauss-Newton steps on the channels' own slopes find offset and drift to milliseconds. Three taps on the
chin, where both takes show them, are found as well and serve where the motion does not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import median_filter, uniform_filter1d
from scipy.signal import fftconvolve, find_peaks

from .channels import ARKIT, GROUPS
from .errors import InnerfaceError
from .imu.layout import Layout
from .imu.linear import LinearModel
from .imu.signal import FRAME_RATE, from_track
from .infer import Inferred, imu_track, infer
from .resample import bridge, linear
from .take import Take

_SEEN_BY_SENSORS = tuple(c for g in ("mouth", "brow", "cheek") for c in GROUPS[g] if c not in ("tongueOut", "mouthShrugUpper"))
_SLOW_S = 2.0  # motion slower than this is pose, not timing
_MIN_OVERLAP_S, _MIN_SHARE = 2.0, 0.25  # of the shorter take
_CHANCE, _CHANCE_SHORT = 0.25, 0.6  # chance gives a correlation of so much, and so much / sqrt(s of overlap) more
_SURE = 0.2  # beyond doubt so much above chance
_MARGIN = 1.15  # the best offset must beat every other one, 1.5 s or more away, by this
_DRIFT_SD = 200e-6  # clocks of phones and boards differ by so much
_DRIFT_TOLD_S = 2.5e-3  # at the ends of the overlap; skin that follows late or early does as much
_STEPS, _RIDGE = 12, 0.02
_CORRELATED = 30.0  # errors of neighbouring frames and channels are alike: this many count as one
_TIMECODE_S = 0.004  # motion cannot tell less
_TAP_GAP_S = (0.18, 0.9)
_TAP_CONTRAST = 8.0  # a tap is so many times what happens around it


@dataclass(frozen=True)
class Alignment:
    """time in A = (1 + drift_ppm 1e-6) time in B + offset_s, on the takes' own clocks. `confidence` 0..1; `method` "motion", "taps" or "timecode"."""

    offset_s: float
    drift_ppm: float
    confidence: float
    method: str
    correlation: float

    def a_time(self, b_time: np.ndarray | float) -> np.ndarray:
        """Times of B on A's clock."""
        return (1 + self.drift_ppm * 1e-6) * np.asarray(b_time) + self.offset_s


@dataclass(frozen=True)
class Moving:
    """A take as channels: `start` s of its first frame at FRAME_RATE, `values` (T, 52), `names` that can be trusted, `taps` (3,) s or None;
    `signals` (T, C): what was measured, weights or rotations of sites, for fine timing."""

    start: float
    values: np.ndarray
    names: tuple[str, ...]
    taps: np.ndarray | None
    signals: np.ndarray


def moving(take: Take, layout: Layout, model: LinearModel) -> Moving:
    """A weights take, or an IMU take by way of its inference. Raises InnerfaceError for a take with neither."""
    if any(t.kind == "weights" for t in take.tracks.values()):
        track = take.weights()
        at = track.time[0] + np.arange(int(track.duration * FRAME_RATE) + 1) / FRAME_RATE
        values = np.nan_to_num(linear(track.time, track.select(ARKIT), at))
        jaw = np.abs(np.gradient(values[:, [ARKIT.index("jawOpen"), ARKIT.index("jawForward")]], axis=0)).sum(1)
        return Moving(float(at[0]), values, ARKIT, triple(at, jaw), values)
    return moving_of(infer(take, layout, model), take)


def moving_of(done: Inferred, take: Take) -> Moving:
    """An IMU take that is inferred already."""
    track = done.take.weights()
    rotation = done.motion.rotation.reshape(len(track.time), -1)
    return Moving(float(track.time[0]), track.select(ARKIT), _SEEN_BY_SENSORS, chin_taps(take), np.nan_to_num(bridge(track.time, rotation)))


def by_timecode(found: Alignment, a: Take, b: Take) -> Alignment:
    """Timecode where both takes have it and the motion does not contradict: it is exact where cameras are locked to one clock."""
    coded = all(any("llf_header" in track.meta for track in take.tracks.values()) for take in (a, b))
    if not coded or found.method != "motion" or found.drift_ppm or abs(found.offset_s) > _TIMECODE_S:
        return found
    return replace(found, offset_s=0.0, method="timecode")


def chin_taps(take: Take) -> np.ndarray | None:
    """Times (3,) of a triple tap on the chin in an IMU take, or None: sharp pushes that the chin feels more than the rest of the face."""
    signal = from_track(imu_track(take))
    chin = [k for k, s in enumerate(signal.sites) if s.startswith("mentalis")]
    rest = [k for k in range(len(signal.sites)) if k not in chin]
    if not chin or len(signal.time) < 16:
        return None
    force = bridge(signal.time, signal.acceleration.reshape(len(signal.time), -1)).reshape(signal.acceleration.shape)
    width = max(int(0.15 * len(signal.time) / max(signal.time[-1] - signal.time[0], 1e-6)), 3)
    sharp = np.linalg.norm(np.nan_to_num(force - uniform_filter1d(force, width, axis=0)), axis=-1)
    return triple(signal.time, np.clip(sharp[:, chin].max(1) - (sharp[:, rest].mean(1) if rest else 0.0), 0, None))


def triple(time: np.ndarray, energy: np.ndarray) -> np.ndarray | None:
    """Times (3,) of the first three evenly spaced sharp peaks of like height that stand alone in a quiet moment, or None."""
    if len(time) < 16 or not energy.any():
        return None
    step = float(np.median(np.diff(time)))
    around = median_filter(energy, size=int(1.2 / step) | 1, mode="nearest")
    at, _ = find_peaks(energy, distance=max(int(0.12 / step), 1))
    at = at[energy[at] > _TAP_CONTRAST * around[at] + 0.05 * energy.max()]
    height = energy[at]
    for k in range(len(at) - 2):
        gaps, tall = np.diff(time[at[k : k + 3]]), height[k : k + 3]
        alone = (k == 0 or time[at[k]] - time[at[k - 1]] > gaps.max()) and (
            k + 3 == len(at) or time[at[k + 3]] - time[at[k + 2]] > gaps.max()
        )
        if (
            alone
            and (gaps > _TAP_GAP_S[0]).all()
            and (gaps < _TAP_GAP_S[1]).all()
            and gaps.max() < 1.4 * gaps.min()
            and tall.max() < 3.5 * tall.min()
        ):
            return time[at[k : k + 3]]
    return None


def _prepared(values: np.ndarray) -> np.ndarray:
    """Channels (T, C) without slow pose."""
    width = int(_SLOW_S * FRAME_RATE) | 1
    fast = values - uniform_filter1d(values, width, axis=0, mode="nearest")
    return uniform_filter1d(fast, 3, axis=0, mode="nearest")


def _correlation(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Normalised correlation at every lag with enough overlap, and the lags: frame k of b beside frame k + lag of a."""
    lags = np.arange(-(len(b) - 1), len(a))
    product = sum(fftconvolve(a[:, c], b[::-1, c]) for c in range(a.shape[1]))
    power_a = np.concatenate([[0.0], np.cumsum((a**2).sum(1))])
    power_b = np.concatenate([[0.0], np.cumsum((b**2).sum(1))])
    first, last = np.maximum(lags, 0), np.minimum(lags + len(b), len(a))
    energy = (power_a[last] - power_a[first]) * (power_b[last - lags] - power_b[first - lags])
    shorter = min(len(a), len(b))
    least = min(max(_MIN_SHARE * shorter, _MIN_OVERLAP_S * FRAME_RATE), shorter)
    # an overlap without motion proves nothing: it must hold its share of both takes' motion
    moved = 0.5 * _MIN_SHARE * min(power_a[-1], power_b[-1])
    enough = (last - first >= least) & (np.sqrt(np.maximum(energy, 0)) > moved)
    return np.where(enough, np.asarray(product) / np.sqrt(np.maximum(energy, 1e-12)), 0.0), lags


def align(a: Moving, b: Moving) -> Alignment:
    """Raises InnerfaceError where the two do not match."""
    names = tuple(c for c in ARKIT if c in a.names and c in b.names)
    index = [ARKIT.index(c) for c in names]
    x, y = _prepared(a.values[:, index]), _prepared(b.values[:, index])
    if min(len(x), len(y)) < _MIN_OVERLAP_S * FRAME_RATE:
        raise InnerfaceError(f"a take of less than {_MIN_OVERLAP_S:g} s cannot be aligned; give longer takes of one performance")
    spread = np.sqrt(x.std(0) * y.std(0))
    live = spread > 0.01
    if not live.any():
        raise InnerfaceError("no channel moves in both takes; give takes of the same performance")
    scale = np.minimum(spread, 0.1)  # a channel counts by how it moves, large ones no more than others
    x, y = (m[:, live] / m[:, live].std(0) * scale[live] for m in (x, y))
    value, lags = _correlation(x, y)
    best = int(value.argmax())
    peak = float(value[best])
    rival = float(value[np.abs(lags - lags[best]) > 1.5 * FRAME_RATE].max(initial=0.0))
    offset, drift = _refine(a.start, _prepared(a.values), b.start, _prepared(b.signals), a.start - b.start + lags[best] / FRAME_RATE)
    overlap = min(lags[best] + len(y), len(x)) - max(lags[best], 0)
    chance = _CHANCE + _CHANCE_SHORT / np.sqrt(overlap / FRAME_RATE)
    sure = float(np.clip((peak - chance) / _SURE, 0, 1)) * float(np.clip((peak / max(rival, 1e-9) - 1) / (_MARGIN - 1), 0, 1))
    if sure > 0.05:
        return Alignment(offset, drift * 1e6, sure, "motion", peak)
    if a.taps is not None and b.taps is not None and np.abs(np.diff(a.taps) - np.diff(b.taps)).max() < 0.03:
        return Alignment(float((a.taps - b.taps).mean()), 0.0, 0.5, "taps", peak)
    raise InnerfaceError(
        f"the two takes do not match: their motions agree by {peak:.2f} at best (next best {rival:.2f}; "
        f"over {overlap / FRAME_RATE:.0f} s chance gives up to {chance:.2f}); give takes of the same performance"
    )


def _refine(
    start_a: float, a: np.ndarray, start_b: float, b: np.ndarray, offset: float, drifts: bool = True
) -> tuple[float, float]:
    """Offset and drift by Gauss-Newton: what a's channels (T, C) differ from their ridge regression on b's signals (T', D) is explained by
    the regression's slope times (offset, drift); residuals far off count less. The regression has no lags, so it cannot take up a
    shift in time itself. Time is counted from the middle of the overlap, so that the two are independent. A drift too small to be told is
    0: on clocks that count from midnight it would only falsify the offset."""
    time = start_b + np.arange(len(b)) / FRAME_RATE
    first, last = max(start_a, time[0] + offset), min(start_a + (len(a) - 1) / FRAME_RATE, time[-1] + offset)
    middle = (first + last) / 2 - offset  # on b's clock
    shift, drift = offset, 0.0  # a's time = middle + shift + (1 + drift) (b's time - middle)
    b = b / (b.std(0) + 1e-9)
    speed = np.gradient(b, 1 / FRAME_RATE, axis=0)
    for _ in range(_STEPS):
        at = (middle + shift + (1 + drift) * (time - middle) - start_a) * FRAME_RATE
        inside = np.flatnonzero((at >= 1) & (at <= len(a) - 2))
        if len(inside) < FRAME_RATE:
            break
        left = at[inside].astype(int)
        share = (at[inside] - left)[:, None]
        seen = a[left] * (1 - share) + a[left + 1] * share
        own = b[inside]
        mix = np.linalg.solve(own.T @ own + _RIDGE * len(own) * np.eye(own.shape[1]), own.T @ seen)
        rest, slope = own @ mix - seen, speed[inside] @ mix
        spread = np.sqrt((rest**2).mean(0)) + 1e-9
        weight = 1 / (1 + (rest / (2 * spread)) ** 2) / spread**2  # a channel that is badly explained tells little
        # rest = (slope of b at its own time) x (how much later b's clock must be read)
        since = (time[inside] - middle)[:, None]
        ww = weight * slope * slope
        normal = np.array([[ww.sum(), (ww * since).sum()], [(ww * since).sum(), (ww * since**2).sum()]]) / _CORRELATED
        moment = np.array([(weight * slope * rest).sum(), (weight * slope * rest * since).sum()]) / _CORRELATED
        normal[1, 1] += 1 / _DRIFT_SD**2
        moment[1] -= drift / _DRIFT_SD**2
        if not drifts:
            normal[0, 1] = normal[1, 0] = moment[1] = 0.0
        step = np.linalg.solve(normal + 1e-9 * np.eye(2), moment)
        shift, drift = shift + float(np.clip(step[0], -0.05, 0.05)), float(np.clip(drift + step[1], -2e-3, 2e-3))
        if abs(step[0]) < 1e-6 and abs(step[1]) < 1e-9:
            break
    if drifts and abs(drift) * (last - first) / 2 < _DRIFT_TOLD_S:
        return _refine(start_a, a, start_b, b, shift, drifts=False)[0], 0.0
    return shift - drift * middle, drift

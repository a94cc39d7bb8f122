"""Biosignals at a uniform sample rate: boards send in batches, with jitter and gaps; filters need one rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..take import Take, Track, TrackKind
from ..take.resample import check_pauses, fill_gaps, resample_linear

_MAX_BRIDGED_S = 0.03  # longer gaps count as missing; shorter ones are interpolated
_MIN_HZ, _MAX_HZ = 60.0, 20_000.0
_BOARD_RATES_HZ = (100, 125, 128, 200, 250, 256, 500, 512, 1000, 1024, 2000, 2048)  # nominal rates of boards
_MAX_SAMPLES = 100_000_000
_STEP_TOLERANCE = 0.25  # relative deviation of a regular step from the median step
_MAX_BATCH_GAP_S = 0.06  # between two batches
_MAX_CLOCK_DEVIATION_S = 0.04  # of times from a uniform clock


@dataclass(frozen=True)
class BioSignal:
    """A biosignal at a uniform rate.

    Attributes
    ----------
    start : time of the first sample, s
    rate : sample rate, Hz
    channels : C names
    values : (T, C) µV, finite
    missing : (T, C) bool, interpolated over a long gap
    simulated : made by simulation
    """

    start: float
    rate: float
    channels: tuple[str, ...]
    values: Array
    missing: Array
    simulated: bool = False

    @property
    def time(self) -> Array:
        """Sample times (T,) s."""
        return self.start + np.arange(len(self.values)) / self.rate

    @property
    def duration(self) -> float:
        """Duration in seconds."""
        return len(self.values) / self.rate


def hold_last(values: Array, initial: Array) -> Array:
    """Replace NaN in values (n, C) by the last measured value, before the first one by `initial` (C,)."""
    missing = np.isnan(values)
    if not missing.any():
        return values
    last = np.maximum.accumulate(np.where(missing, -1, np.arange(len(values))[:, None]), axis=0)
    return np.where(last >= 0, np.take_along_axis(values, np.maximum(last, 0), axis=0), initial)


def bio_track(take: Take) -> Track:
    """The take's biosignal track, the longest if there are several. Raises InnerfaceError if there is none."""
    tracks = [t for t in take.tracks.values() if t.kind == TrackKind.BIOSIGNAL and len(t.time) > 1]
    if not tracks:
        if TrackKind.BIOSIGNAL in take.kinds:
            raise InnerfaceError(
                f"{take.name}: has only one sample of its electrodes, or one repeated time; record it again"
            )
        kinds = take.kinds_text
        raise InnerfaceError(
            f"{take.name}: has {kinds} but no biosignals; "
            "give a .bio.csv, a BrainFlow, XDF or EDF file, or a recording of electrodes"
        )
    return max(tracks, key=lambda t: len(t.time))


def sample_rate(track: Track) -> float:
    """Sample rate (Hz), as `to_uniform_rate` finds it. Raises InnerfaceError."""
    return _fit_clock(track)[1]


def to_uniform_rate(track: Track) -> BioSignal:
    """Put a track on a uniform clock.

    Samples are counted and keep their values wherever their times allow it, since interpolation attenuates high
    frequencies. Raises InnerfaceError for sample rates, durations and pauses out of range.
    """
    check_pauses(track.time)
    start, rate, index = _fit_clock(track)
    if not _MIN_HZ <= rate <= _MAX_HZ:
        raise InnerfaceError(
            f"the sample rate is {rate:.3g} Hz, but muscles need at least {_MIN_HZ:g} Hz (1,000 Hz is good); "
            "set the board's sample rate"
        )
    count = round(track.duration * rate) + 1 if index is None else int(index[-1]) + 1
    if count * len(track.columns) > _MAX_SAMPLES:
        raise InnerfaceError(
            f"{track.duration:.0f} s of biosignals at {rate:.0f} Hz do not fit into memory; cut the take"
        )
    if index is None:
        grid = start + np.arange(count) / rate
        values = resample_linear(track.time, track.values, grid)
        known = np.isfinite(track.values)
        nearest = np.clip(np.searchsorted(track.time, grid), 0, len(known) - 1)
        missing = ~(known[nearest] | known[np.maximum(nearest - 1, 0)])
    else:
        values = np.full((count, len(track.columns)), np.nan)
        values[index] = track.values
        missing = np.isnan(values)
        if missing.any():
            values = fill_gaps(np.arange(count, dtype=np.float64), values)
    return BioSignal(
        start,
        rate,
        track.columns,
        np.nan_to_num(values),
        _long_gaps(missing, round(_MAX_BRIDGED_S * rate)),
        track.meta.get("simulated") == "yes",
    )


def _fit_clock(track: Track) -> tuple[float, float, Array | None]:
    """Time of the first sample, sample rate, and index (T,) of each sample; None if times fit no uniform clock."""
    time, steps = track.time, np.diff(track.time)
    median_step = float(np.median(steps))
    regular = np.abs(steps / median_step - 1) < _STEP_TOLERANCE
    if regular.mean() > 0.9 and steps[regular].sum() > 0.2 * track.duration:  # times of sampling, with some lost
        nominal, max_step = 1.0 / steps[regular].mean(), 1.5 * median_step
    else:  # times of arrival of batches: only long gaps are losses
        max_step = _MAX_BATCH_GAP_S
        nominal = float((steps < max_step).sum() / max(steps[steps < max_step].sum(), 1e-9))
    index_steps = np.ones(len(steps))
    is_gap = steps > max_step
    index_steps[is_gap] = np.maximum(np.round(steps[is_gap] * nominal), 1)
    if index_steps.sum() > _MAX_SAMPLES:
        raise InnerfaceError(
            f"{track.duration:.0f} s of biosignals at {nominal:.0f} Hz do not fit into memory; cut the take"
        )
    index = np.concatenate([[0.0], np.cumsum(index_steps)])
    centred_index, centred_time = index - index.mean(), time - time.mean()
    rate = float((centred_index @ centred_index) / (centred_index @ centred_time))
    declared = declared_rate(track)
    for candidate in (declared, *_BOARD_RATES_HZ):  # deviates by less than half a sample over the take
        if candidate and abs(candidate / rate - 1) * index[-1] < 0.5:
            rate = float(candidate)
            break
    start = float(time.mean() - index.mean() / rate)
    deviation = np.abs(time - start - index / rate).max()
    if deviation > max(_MAX_CLOCK_DEVIATION_S, 3 / rate):
        fallback_rate = declared if declared and abs(declared / nominal - 1) < 0.03 else nominal
        return float(time[0]), float(fallback_rate), None
    return float(time[0]) if deviation < 1e-6 else start, rate, index.astype(np.int64)


def declared_rate(track: Track) -> float:
    """Sample rate (Hz) that the track says it has; 0 where it says none."""
    rate = track.number("rate_hz", 0.0)
    return rate if 0 < rate < 1e6 else 0.0


def _long_gaps(missing: Array, min_samples: int) -> Array:
    """Missing samples (T, C) bool in gaps of more than `min_samples`, or at an end."""
    out = np.zeros_like(missing)
    for k in np.flatnonzero(missing.any(axis=0)):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], missing[:, k], [False]])))
        for first, last in edges.reshape(-1, 2):
            out[first:last, k] = last - first > min_samples or first == 0 or last == len(missing)
    return out

"""Biosignals on an even clock: what boards send arrives in batches, jitters and has gaps; filters and networks need samples at one rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InnerfaceError
from ..resample import linear
from ..take import Take, Track

KIND = "biosignal"
_GAP_S = 0.03  # longer holes count as missing; a few lost samples are bridged without a word
_LEAST_HZ, _MOST_HZ = 60.0, 20_000.0
_RATES = (100, 125, 128, 200, 250, 256, 500, 512, 1000, 1024, 2000, 2048)  # boards' own; a measured rate within 1 % is one of these
_MOST_SAMPLES = 200_000_000


@dataclass(frozen=True)
class BioSignal:
    """`values` (T, C) uV at `rate` samples a second from `start` s on, without NaN; `missing` (T, C) bool: bridged over; `simulated`: no board sent it."""

    start: float
    rate: float
    channels: tuple[str, ...]
    values: np.ndarray
    missing: np.ndarray
    simulated: bool = False

    @property
    def time(self) -> np.ndarray:
        """(T,) s."""
        return self.start + np.arange(len(self.values)) / self.rate

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.values) / self.rate


def held(values: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Values (n, C) in which NaN are what was measured last; `before` (C,): what was before the first."""
    lost = np.isnan(values)
    if not lost.any():
        return values
    last = np.maximum.accumulate(np.where(lost, -1, np.arange(len(values))[:, None]), axis=0)
    return np.where(last >= 0, np.take_along_axis(values, np.maximum(last, 0), axis=0), before)


def bio_track(take: Take) -> Track:
    """The take's biosignal track (the one with most samples). Raises InnerfaceError."""
    tracks = [t for t in take.tracks.values() if t.kind == KIND and len(t.time) > 1]
    if not tracks:
        kinds = ", ".join(sorted({t.kind for t in take.tracks.values()})) or "nothing"
        raise InnerfaceError(f"{take.name}: holds {kinds} but no biosignals; give a .bio.csv, a BrainFlow, XDF or EDF file, or a recording of electrodes")
    return max(tracks, key=lambda t: len(t.time))


def rate_of(track: Track) -> float:
    """Samples a second: what the track declares, if its times bear that out, else as measured, rounded to a board's own where that is near."""
    steps = np.diff(track.time)
    usual = steps[steps < 5 * np.median(steps)]
    measured = 1.0 / usual.mean()
    try:
        declared = float(track.meta.get("rate_hz", "nan"))
    except ValueError:
        declared = np.nan
    if abs(declared / measured - 1) < 0.03:
        return declared
    nearest = min(_RATES, key=lambda r: abs(r / measured - 1))
    return float(nearest) if abs(nearest / measured - 1) < 0.01 else float(measured)


def even(track: Track) -> BioSignal:
    """The track on an even clock. Raises InnerfaceError for rates and lengths that no electrode has."""
    rate = rate_of(track)
    if not _LEAST_HZ <= rate <= _MOST_HZ:
        raise InnerfaceError(f"biosignals at {rate:.3g} samples a second; muscles need {_LEAST_HZ:g} at least (1,000 is good): set the board's rate")
    count = round(track.duration * rate) + 1
    if count * len(track.columns) > _MOST_SAMPLES:
        raise InnerfaceError(f"{track.duration:.0f} s between the first and the last sample at {rate:.0f} Hz is more than fits; cut the take")
    at = track.time[0] + np.arange(count) / rate
    missing = np.empty((count, len(track.columns)), dtype=bool)
    for k, column in enumerate(track.values.T):
        known = track.time[np.isfinite(column)]
        if not len(known):
            missing[:, k] = True
            continue
        after = np.clip(np.searchsorted(known, at), 1, max(len(known) - 1, 1))
        left, right = known[after - 1], known[np.minimum(after, len(known) - 1)]
        missing[:, k] = ((right - left > max(_GAP_S, 3 / rate)) & (at > left + 0.5 / rate) & (at < right - 0.5 / rate)) | (at > known[-1] + 1 / rate) | (
            at < known[0] - 1 / rate
        )
    if np.isfinite(track.values).all() and count == len(track.time) and np.abs(track.time - at).max() < 0.2 / rate:
        values = track.values.copy()
    else:
        values = np.nan_to_num(linear(track.time, track.values, at))
    return BioSignal(float(track.time[0]), rate, track.columns, values, missing, track.meta.get("simulated") == "yes")

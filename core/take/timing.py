"""Whether times are what they should be: steps of a clock that was set, and notes on times that are hard to believe."""

from __future__ import annotations

import numpy as np

from ..arrays import Array
from .track import Take, Track, TrackKind

_MIN_STEP_S = 0.2  # of a clock; packets are late by as much, but come on time again
_LEVEL_SHARE = 0.6  # of a step by which what follows stays away from what was before
_SETTLED_S, _MAX_WINDOW, _MAX_CANDIDATES = 2.0, 20_000, 200
_PAIRS = 20  # a period is measured over this share of a recording, so that as many steps leave it as it is
_RATE_TOLERANCE = 0.05  # of a measured rate to the declared one
_MIN_ROWS = 8
# Rows a second that a recording can have: of faces and sensors, and of electrodes.
_PLAUSIBLE_HZ, _PLAUSIBLE_BIO_HZ = (1.0, 2000.0), (20.0, 100_000.0)
_LONG_STEP, _MIN_LONG_S = 3.0, 0.1  # times the usual step
_MAX_LONG_SHARE, _MIN_LONG_TIME = 0.1, 0.05  # long steps among all; of the duration
_MAX_SPREAD = 0.2  # between usual steps (10th to 90th percentile), in medians
_RESOLUTION_S = 0.0011  # of times in whole milliseconds
_WATCHED = (TrackKind.WEIGHTS, TrackKind.IMU, TrackKind.BIOSIGNAL, TrackKind.LANDMARKS, TrackKind.FLAME)


def measure_period(index: Array, stamps: Array) -> float:
    """Seconds per sample, of stamps (T,) of samples with this index (T,); steps of the clock do not change it."""
    lag = max(len(stamps) // _PAIRS, 1)
    return float(np.median((stamps[lag:] - stamps[:-lag]) / (index[lag:] - index[:-lag])))


def find_stretches(index: Array, stamps: Array, period: float) -> list[int]:
    """First rows of the stretches between which the clock of the stamps (T,) was set, or samples are missing.

    Samples that are only late are followed by others that come on time; after a step all are off.
    """
    late = stamps - index * period
    step = np.diff(late)
    rows = np.flatnonzero(np.abs(step) > _MIN_STEP_S)
    starts = [0]
    for row in rows[:_MAX_CANDIDATES].tolist():
        size = abs(float(step[row]))
        window = int(min(max((_SETTLED_S + 3 * size) / period, _MIN_ROWS), _MAX_WINDOW))
        before, after = late[max(row + 1 - window, starts[-1]) : row + 1], late[row + 1 : row + 1 + window]
        if abs(float(np.median(after)) - float(np.median(before))) > max(_LEVEL_SHARE * size, _MIN_STEP_S / 2):
            starts.append(row + 1)
    return starts


def fit_line(index: Array, stamps: Array) -> tuple[float, float]:
    """Slope and start of a line through stamps, robust to late ones."""
    x, y = index - index.mean(), stamps - stamps[0]
    weight = np.ones(len(x))
    slope = start = 0.0
    for _ in range(10):
        mean_x, mean_y = (float((v * weight).sum() / weight.sum()) for v in (x, y))
        slope = float((weight * (x - mean_x) * (y - mean_y)).sum() / (weight * (x - mean_x) ** 2).sum())
        start = float(mean_y - slope * mean_x)
        residual = np.abs(y - start - slope * x)
        weight = 1 / np.maximum(residual, max(2 * float(np.median(np.asarray(residual, dtype=np.float64))), 1e-6))
    return slope, float(stamps[0] + start - slope * index.mean())


def even_stretches(stamps: Array) -> tuple[Array, list[str]]:
    """Stamps (T,) of samples at one rate, on an even clock in each stretch, and notes on where the clock was set.

    A stretch that the clock's step puts onto others follows them instead, since it was recorded after them.
    """
    if len(stamps) < _MIN_ROWS or not np.isfinite(stamps).all():
        return stamps, []
    index = np.arange(len(stamps), dtype=np.float64)
    period = measure_period(index, stamps)
    if not period > 0:
        return stamps, []
    starts = find_stretches(index, stamps, period)
    out, notes = stamps.copy(), list[str]()
    taken: list[tuple[float, float]] = []
    for start, end in zip(starts, [*starts[1:], len(stamps)]):
        part = slice(start, end)
        slope, first = fit_line(index[part], stamps[part]) if end - start >= _MIN_ROWS else (period, stamps[start])
        if not 0.5 * period < slope < 2 * period or end - start < _MIN_ROWS:
            slope, first = period, float(np.median(stamps[part] - period * index[part]))
        out[part] = first + slope * index[part]
        if taken:
            jump = float(stamps[start] - stamps[start - 1])
            moved = any(out[end - 1] + period > a and out[start] - period < b for a, b in taken)
            if moved:
                out[part] += max(b for _, b in taken) + period - out[start]
            notes += _jump_notes(jump, float(stamps[start - 1] - stamps[0]), moved)
        taken.append((float(out[start]), float(out[end - 1])))
    return out, notes


def _jump_notes(jump: float, at: float, moved: bool) -> list[str]:
    if jump > 0 and not moved:
        return [f"no samples for {jump:.3g} s, {at:.3g} s from the start; the gap remains"]
    place = "what follows was put after what was before" if moved else "both stretches keep their times"
    return [f"the clock jumps {'back' if jump < 0 else 'on'} by {abs(jump):.3g} s, {at:.3g} s from the start; {place}"]


def timing_notes(take: Take) -> list[str]:
    """Sentences on times of a take's tracks that contradict their declared rate, are implausible or irregular."""
    return [
        f"{name}: {note}"
        for name, track in take.tracks.items()
        if track.kind in _WATCHED and len(track.time) >= _MIN_ROWS
        for note in _track_notes(track)
    ]


def _track_notes(track: Track) -> list[str]:
    step = np.diff(track.time)
    usual = float(np.median(step))
    period = measure_period(np.arange(len(track.time)), track.time)
    is_bio = track.kind == TrackKind.BIOSIGNAL
    low, high = _PLAUSIBLE_BIO_HZ if is_bio else _PLAUSIBLE_HZ
    declared = track.number("rate_hz", 0.0)
    contradicted = declared > 0 and abs(declared * period - 1) > _RATE_TOLERANCE
    if contradicted:
        return [f"{1 / period:.5g} rows a second by its times, {declared:g} as it says; check the device's sample rate"]
    if not declared and not low <= 1 / period <= high:
        rows = f"{len(track.time)} rows over {track.duration:.4g} s"
        return [f"{rows} are {1 / period:.3g} a second; times are in seconds: are these in another unit?"]
    long = step > max(_LONG_STEP * usual, _MIN_LONG_S)
    share, missing = float(long.mean()), float((step[long] - usual).sum())
    if 0 < share <= _MAX_LONG_SHARE and missing > _MIN_LONG_TIME * track.duration:
        return [
            f"its times are uneven: {int(long.sum())} of {len(step)} steps are long, up to {step.max():.3g} s where "
            f"most are {usual:.3g} s; rows are missing, or its times are wrong"
        ]
    low_step, high_step = np.percentile(step, [10, 90])
    uneven = high_step - low_step > max(_MAX_SPREAD * usual, _RESOLUTION_S)
    if uneven and track.kind in (TrackKind.WEIGHTS, TrackKind.LANDMARKS):
        return [
            f"its times are uneven: most steps are {low_step * 1000:.3g} to {high_step * 1000:.3g} ms, usually "
            f"{usual * 1000:.3g} ms; check its times"
        ]
    return []

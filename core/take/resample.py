"""Resampling by timestamps, whatever the nominal rate."""

from __future__ import annotations

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError

_MIN_RATE_HZ = 1.0  # rows that are farther apart have a pause between them
_MAX_PAUSES_S, _MAX_PAUSES_RATIO = 1800.0, 3.0  # in all; to the rest of the take


def check_pauses(time: Array) -> None:
    """Raise InnerfaceError where times (T,) leave more to be filled than a take can be meant to.

    Whatever puts a take on even frames calls it first: a file of few rows can claim years.
    """
    steps = np.diff(time)
    length, measured = float(time[-1] - time[0]), float(steps[steps <= 1 / _MIN_RATE_HZ].sum())
    if length - measured <= max(_MAX_PAUSES_S, _MAX_PAUSES_RATIO * measured):
        return
    row = int(steps.argmax())
    if steps[row] > 0.5 * (length - measured):
        raise InnerfaceError(
            f"the time jumps by {steps[row]:.4g} s after row {row + 1}, {time[row] - time[0]:.4g} s from the start; "
            "cut the take there into two, or correct its times"
        )
    raise InnerfaceError(
        f"{len(time)} rows over {length:.4g} s: times are in seconds, with at least {_MIN_RATE_HZ:g} row in each; "
        "correct the times, or cut the take"
    )


def fill_gaps(time: Array, values: Array) -> Array:
    """Fill NaN in values (T, C) by linear interpolation in time, held at the ends; columns of NaN alone stay NaN."""
    out = np.array(values, dtype=np.float64)
    missing = np.isnan(out)
    for c in np.flatnonzero(missing.any(axis=0)):
        known = ~missing[:, c]
        if known.any():
            out[~known, c] = np.interp(time[~known], time[known], out[known, c])
    return out


def resample_linear(time: Array, values: Array, at: Array) -> Array:
    """Values (T, C) at times `at` (N,) by linear interpolation, held beyond the ends, with gaps filled."""
    values = fill_gaps(time, values)
    if len(time) == 1:
        return np.repeat(values, len(at), axis=0)
    right = np.clip(np.searchsorted(time, at, side="right"), 1, len(time) - 1)
    left = right - 1
    fraction = np.clip((at - time[left]) / (time[right] - time[left]), 0.0, 1.0)[:, None]
    return values[left] * (1.0 - fraction) + values[right] * fraction


def frame_times(time: Array, fps: float, delay: float = 0.0) -> Array:
    """Times (N,) of frames at `fps` from the first row (plus `delay` s, less than a frame) up to the last row.

    Raises ValueError for an fps that is not positive, InnerfaceError for times with pauses that cannot be filled.
    """
    if not fps > 0:
        raise ValueError("fps must be positive")
    check_pauses(time)
    count = max(int(np.floor((time[-1] - time[0] - delay) * fps + 1e-6)) + 1, 1)
    return time[0] + delay + np.arange(count) / fps

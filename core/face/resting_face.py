"""The relaxed face as a camera sees it, found in a take of weights.

Sensors are zeroed at the relaxed face, so they cannot tell what it looks like; a second of a camera's take can.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..take import Track
from .channels import ARKIT

_WHOLE_S = 3.0  # a take that is no longer is the relaxed face alone
_SPAN_S, _STEP_S = 1.0, 0.25
_MIN_ROWS = 5  # in a span; fewer are as still by chance


@dataclass(frozen=True)
class RestingFace:
    """`weights` (52,) of the relaxed face, and the `span` in s from the first row that they were taken from."""

    weights: Array
    span: tuple[float, float]


def find_resting_face(track: Track) -> RestingFace:
    """The median of a short take; of a longer one, of the second in which the face moves least.

    Raises InnerfaceError where no row has a face, or the track lacks all channels.
    """
    known = ~track.lost_rows()
    time, values = track.time[known], track.select(ARKIT)[known]
    if not len(time) or np.isnan(values).all():
        raise InnerfaceError("no row has a face in it; give a take of the relaxed face")
    time = time - track.time[0]
    values = np.nan_to_num(values)
    if time[-1] - time[0] <= _WHOLE_S:
        return RestingFace(np.median(values, axis=0), (float(time[0]), float(time[-1])))
    best, least = slice(0, len(time)), np.inf
    for start in np.arange(time[0], time[-1] - _SPAN_S + 1e-9, _STEP_S).tolist():
        rows = slice(*np.searchsorted(time, [start, start + _SPAN_S]).tolist())
        spread = float(values[rows].std(axis=0).sum()) if rows.stop - rows.start >= _MIN_ROWS else np.inf
        if spread < least:
            best, least = rows, spread
    return RestingFace(np.median(values[best], axis=0), (float(time[best][0]), float(time[best][-1])))

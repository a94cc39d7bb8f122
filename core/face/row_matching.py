"""Matching of the rows of a predicted and a true take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..take import Track
from ..take.resample import resample_linear
from .channels import ARKIT

DAY_S = 86400.0


@dataclass(frozen=True)
class MatchedRows:
    """Rows that are compared.

    Attributes
    ----------
    time : (T,) s, of the truth.
    pred, truth : (T, 52) weights.
    matched_by : "timecode" or "first rows".
    """

    time: Array
    pred: Array
    truth: Array
    matched_by: str


def match_rows(pred: Track, truth: Track) -> MatchedRows:
    """Predicted weights at the true rows' times, matched by timecode where the two overlap, else by their first rows.

    Rows in which the truth has no face are skipped; channels that a track lacks count as 0. Midnight may lie between
    the two. Raises InnerfaceError where no row is left.
    """
    truth_values, pred_values = truth.select(ARKIT), pred.select(ARKIT)
    truth_valid, pred_valid = ~np.isnan(truth_values).all(axis=1), ~np.isnan(pred_values).all(axis=1)
    rows = shared_rows(pred.time[pred_valid], truth.time[truth_valid])
    pred_at_truth = resample_linear(
        pred.time[pred_valid] + rows.shift, np.nan_to_num(pred_values[pred_valid]), rows.time
    )
    return MatchedRows(
        rows.time, pred_at_truth, np.nan_to_num(truth_values[truth_valid][rows.truth_mask]), rows.matched_by
    )


@dataclass(frozen=True)
class SharedRows:
    """Rows that two takes have in common.

    Attributes
    ----------
    time : (N,) s, of the truth.
    truth_mask : (T,) bool, rows of the truth that are shared.
    shift : s to add to the other take's clock.
    matched_by : "timecode" or "first rows".
    """

    time: Array
    truth_mask: Array
    shift: float
    matched_by: str


def shared_rows(pred_time: Array, truth_time: Array) -> SharedRows:
    """Match rows with a face, at times (T',) and (T,), by timecode where they overlap, else by the first rows.

    Raises InnerfaceError where no row is left.
    """
    if not len(truth_time) or not len(pred_time):
        raise InnerfaceError("one of the takes has no row with a face in it; give takes with faces")
    shifts = [0.0, DAY_S, -DAY_S]

    def common(shift: float) -> float:
        return min(truth_time[-1], pred_time[-1] + shift) - max(truth_time[0], pred_time[0] + shift)

    shift = max(shifts, key=common)
    matched_by = "timecode"
    if common(shift) < 0.5 * min(truth_time[-1] - truth_time[0], pred_time[-1] - pred_time[0]) or common(shift) < 0:
        shift, matched_by = truth_time[0] - pred_time[0], "first rows"
    truth_mask = (truth_time >= pred_time[0] + shift - 1e-6) & (truth_time <= pred_time[-1] + shift + 1e-6)
    if not truth_mask.any():
        raise InnerfaceError("the takes have no row in common; give takes of the same performance")
    return SharedRows(truth_time[truth_mask], truth_mask, float(shift), matched_by)

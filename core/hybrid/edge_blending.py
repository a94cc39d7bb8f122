"""Tie predicted values to what the camera shows beside a gap, so that no value steps at an edge.

The prediction's residual on both sides is carried into the gap by Gaussian process regression with a Matérn 3/2 kernel,
whose length scale comes from the residual's autocorrelation in this take.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ..numerics import gaussian_process
from .ranges import runs

_SIDE_S, _SIDE_ROWS = 0.6, 14  # rows on each side that a gap is tied to
_LAGS_S = (0.1, 0.2, 0.4, 0.8, 1.6)
_MIN_CORRELATION = 0.4  # the length scale follows the longest lag with so much autocorrelation
_MATERN_SCALE = 1.7  # the kernel of this many lags falls to 0.4 at one lag
_EDGE_SOFTENING_S, _JOIN_S = 0.06, 0.1
_PIECE_ROWS = 150  # rows solved at once
_NOISE_FACTOR = 2.0  # jitter is not white: its variance counts so many times
_NOISE = 0.01  # of the residual's variance
_MIN_SCALE_ROWS = 30


@dataclass(frozen=True)
class Prediction:
    """What the regression says of a group.

    Attributes
    ----------
    columns : (C,) positions of its channels among the 52
    values : (N, C)
    rows : (T,) bool, the N rows of the values
    """

    columns: Array
    values: Array
    rows: Array

    def positions(self) -> Array:
        """Index (T,) into `values` of every row; -1 for rows without a value."""
        index = np.full(len(self.rows), -1)
        index[self.rows] = np.arange(int(self.rows.sum()))
        return index


def blend_edges(
    out: Array,
    filled: Array,
    prediction: Prediction,
    *,
    gap: Array,
    training_rows: Array,
    clear_rows: Array,
    time: Array,
    measured: Array,
) -> None:
    """Add the residual beside each gap to the predictions in it, in place.

    Parameters
    ----------
    out : (T, 52), changed in the rows of `gap`
    filled : (T, 52), trusted values, interpolated elsewhere
    prediction : at the rows of the gap and at clear rows
    gap : (T,) bool, hidden rows
    training_rows, clear_rows : (T,) bool, rows to learn from; rows with a trusted value
    time : (T,) s
    measured : (T, C), jittering values of the camera in the gap itself, NaN where there are none
    """
    columns, positions = prediction.columns, prediction.positions()
    residual = np.full((len(gap), len(columns)), np.nan)
    residual[clear_rows] = filled[clear_rows][:, columns] - prediction.values[positions[clear_rows]]
    scales = _time_scales(residual, training_rows if training_rows.sum() > _MIN_SCALE_ROWS else clear_rows, time)
    for a, b in runs(gap):
        inside = np.arange(a, b)
        left = np.flatnonzero(clear_rows[:a])[-_SIDE_ROWS:]
        right = b + np.flatnonzero(clear_rows[b:])[:_SIDE_ROWS]
        left = left[time[a] - time[left] < _SIDE_S] if len(left) else left
        right = right[time[right] - time[b - 1] < _SIDE_S] if len(right) else right
        side_rows = np.concatenate([left, right]).astype(int)
        if np.isfinite(measured[a:b]).all() and b - a > 3:
            deviation = measured[a:b] - prediction.values[positions[a:b]]
            out[np.ix_(inside, columns)] += _smooth_measured(
                deviation, residual, side_rows, inside=inside, scales=scales, time=time
            )
            continue
        if not len(side_rows):
            continue
        for scale in np.unique(scales):
            selected = np.flatnonzero(scales == scale)
            out[np.ix_(inside, columns[selected])] += gaussian_process.predict(
                time[side_rows], residual[side_rows][:, selected], time[inside], scale=float(scale), noise=_NOISE
            )


def blend_joins(out: Array, columns: Array, joins: Array, *, gap: Array, time: Array) -> None:
    """Close the step at each row of `joins` (N,) inside a gap, where the prediction changes its inputs, in place."""
    for row in joins:
        before, after = np.flatnonzero(~gap[:row]), np.flatnonzero(~gap[row:])
        first, last = (before[-1] + 1 if len(before) else 0), (row + after[0] if len(after) else len(gap))
        half_step = (out[row] - out[row - 1])[columns] / 2
        for start, end, sign, edge in ((first, row, 1.0, time[row - 1]), (row, last, -1.0, time[row])):
            side = np.arange(int(start), int(end))
            fade = np.exp(-(((time[side] - edge) / _JOIN_S) ** 2))[:, None]
            out[np.ix_(side, columns)] += sign * fade * half_step


def limit_edge_steps(out: Array, trusted: Array, hidden: Array, *, max_step: float, time: Array) -> None:
    """Reduce steps at edges to `max_step`, in place, in hidden samples only, fading within a tenth of a second."""
    for k in np.flatnonzero(hidden.any(axis=0)):
        for a, b in runs(hidden[:, k]):
            inside = np.arange(a, b)
            for edge, first in ((a - 1, a), (b, b - 1)):
                if not 0 <= edge < len(out) or not trusted[edge, k]:
                    continue
                step = out[edge, k] - out[first, k]
                excess = np.sign(step) * max(abs(step) - max_step, 0.0)
                if excess:
                    out[inside, k] += excess * np.exp(-(((time[inside] - time[first]) / _EDGE_SOFTENING_S) ** 2))


def _smooth_measured(
    deviation: Array,
    residual: Array,
    side_rows: Array,
    *,
    inside: Array,
    scales: Array,
    time: Array,
) -> Array:
    """Smooth a jittering camera's deviation (n, C) from the prediction, tied to the residual (T, C) at `side_rows`.

    Solved piece by piece, so that the cost grows linearly with the length of a gap.
    """
    noise = _NOISE_FACTOR * (np.diff(deviation, n=2, axis=0) ** 2).mean(axis=0) / 6  # of white noise
    # The signal here may be larger than elsewhere.
    power = np.maximum(np.nanmean(residual**2, axis=0), (deviation**2).mean(axis=0) - noise) + 1e-8
    out = np.zeros_like(deviation)
    for first in range(0, len(inside), _PIECE_ROWS):
        piece = np.arange(first, min(first + _PIECE_ROWS, len(inside)))
        around = np.arange(max(first - _SIDE_ROWS, 0), min(first + _PIECE_ROWS + _SIDE_ROWS, len(inside)))
        reach = _SIDE_S + (time[inside[piece[-1]]] - time[inside[piece[0]]])
        nearby_sides = side_rows[np.abs(time[side_rows] - time[inside[piece]].mean()) < reach]
        known_rows = np.concatenate([nearby_sides, inside[around]])
        is_side = np.arange(len(known_rows)) < len(nearby_sides)
        targets = np.concatenate([residual[nearby_sides], deviation[around]])
        for k in range(deviation.shape[1]):
            out[piece, k] = gaussian_process.predict(
                time[known_rows],
                targets[:, k],
                time[inside[piece]],
                scale=float(scales[k]),
                noise=np.where(is_side, _NOISE, noise[k] / power[k]),
            )
    return out


def _time_scales(residual: Array, rows: Array, time: Array) -> Array:
    """Length scale (C,) s of each channel's residual (T, C): from the longest lag with enough autocorrelation."""
    step = float(np.median(np.diff(time))) if len(time) > 1 else 1 / 30
    x = np.where(rows[:, None], residual, np.nan)
    x = x - np.nanmean(x, axis=0)
    power = np.nanmean(x * x, axis=0) + 1e-12
    scales = np.full(residual.shape[1], _LAGS_S[0])
    for lag in _LAGS_S:
        k = max(round(lag / step), 1)
        if k >= len(x):
            break
        product = x[k:] * x[:-k]
        if np.isfinite(product).any(axis=0).all():
            scales[np.nanmean(product, axis=0) / power > _MIN_CORRELATION] = lag
    return scales * _MATERN_SCALE

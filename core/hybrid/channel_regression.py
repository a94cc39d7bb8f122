"""Predict a group's channels in hidden rows from a helping take, the rest of the face and the sound.

Per channel the best of several regressions is chosen by cross-validation over blocks of the take: a gain and an offset
on the helping take's channel, or ridge regressions with and without Nyström features. A channel that nothing predicts
gets its mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from ..arrays import Array
from ..face.channels import ARKIT
from ..numerics import ridge
from .helper import Helper
from .occlusion_features import SPREAD_FLOOR, nystroem_features

_PENALTIES = np.array([1e-4, 1e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0])
_BLOCK_S, _FOLDS, _MARGIN_S = 3.0, 5, 0.25
_MIN_TRAINING_S = 4.0  # of trusted rows; with fewer, a channel gets at most a gain and an offset
_GAIN_PRIOR_VARIANCE, _MAX_GAIN = 0.003, 3.0  # variance of a channel at which its gain is half believed
_INLIER_PENALTY, _MAX_RESIDUAL, _OUTLIER_SCALE = 0.03, 12.0, 5.0
_MAX_ERROR_RATIO = 0.98  # to the simpler model's error, for a model to be chosen


class Source(IntEnum):
    """What a channel is predicted from."""

    MEAN = 0
    FACE = 1
    HELPER = 2


@dataclass(frozen=True)
class _RidgeFit:
    """Ridge `coefficients` on `features` (T, D) for some of the group's channels (`selected`)."""

    source: Source
    features: Array
    selected: Array
    coefficients: Array


@dataclass(frozen=True)
class ChannelRegression:
    """Fitted regressions for the C channels of a group.

    Attributes
    ----------
    mean : (C,), predicted where nothing else is known
    scaled_helper : (T, C), the helping take's channels by gain and offset; 0 without one
    source : (C,) of Source
    """

    mean: Array
    scaled_helper: Array
    source: Array
    _fits: list[_RidgeFit]

    def predict(self, rows: Array) -> Array:
        """Predictions (N, C) at rows (T,) bool."""
        out = np.where(self.source == Source.HELPER, self.scaled_helper[rows], self.mean)
        for fit in self._fits:
            prediction = ridge.predict(fit.features[rows], fit.coefficients)
            if fit.source == Source.HELPER:
                prediction = prediction + self.scaled_helper[rows][:, fit.selected]
            out[:, fit.selected] = prediction
        return out


def fit_channels(
    y: Array,
    columns: Array,
    training_rows: Array,
    *,
    face: Array,
    helper: Helper | None,
    elapsed: Array,
    rate: float,
) -> ChannelRegression:
    """Fit the regressions of one group.

    Parameters
    ----------
    y : (T, C) the group's channels
    columns : (C,) their positions among the 52
    training_rows : (T,) bool, rows that can be trusted
    face : (T, D) channels of other groups and of sound
    helper : the helping take, if it has values in the rows to be predicted
    elapsed : (T,) s from the first row
    rate : rows per second
    """
    trusted = np.flatnonzero(training_rows)
    enough = len(trusted) >= _MIN_TRAINING_S * rate
    mean = y[trusted].mean(axis=0) if enough else np.median(y[trusted], axis=0)
    scaled_helper = np.zeros((len(y), len(columns)))
    if helper is not None:
        helper_group = np.nan_to_num(helper.weights[:, columns])
        gain, offset = _fit_gain_offset(helper_group[trusted], y[trusted], rate)
        scaled_helper = helper_group * gain + offset
    candidates = _candidate_features(face, helper, trusted) if enough else []
    row_weights = (
        _inlier_weights(candidates[-1][1][trusted], (y - scaled_helper)[trusted])
        if candidates
        else np.ones(len(trusted))
    )
    seconds = elapsed[trusted]
    inner_rows = (seconds % _BLOCK_S > _MARGIN_S) & (seconds % _BLOCK_S < _BLOCK_S - _MARGIN_S)
    fold = (seconds // _BLOCK_S).astype(int) % _FOLDS
    folds = [np.flatnonzero((fold == f) & inner_rows) for f in range(_FOLDS)]
    source = np.full(len(columns), int(Source.MEAN))
    choice, penalty = np.full(len(columns), -1), np.ones(len(columns))
    if enough and inner_rows.any():
        weight = (row_weights * inner_rows)[:, None]
        best = (weight * (y[trusted] - mean) ** 2).sum(axis=0) / weight.sum()
        if helper is not None:
            error = (weight * (y[trusted] - scaled_helper[trusted]) ** 2).sum(axis=0) / weight.sum()
            source = np.where(error < _MAX_ERROR_RATIO * best, int(Source.HELPER), source)
            best = np.minimum(best, error)
        for t, (candidate_source, x) in enumerate(candidates):
            target = y - scaled_helper if candidate_source == Source.HELPER else y
            validation = ridge.cross_validate(
                x[trusted],
                target[trusted],
                penalties=_PENALTIES,
                folds=folds,
                weights=row_weights,
                spread_floor=SPREAD_FLOOR,
            )
            improved = validation.error < _MAX_ERROR_RATIO * best
            best[improved], source[improved] = validation.error[improved], int(candidate_source)
            choice[improved], penalty[improved] = t, validation.penalty[improved]
    elif helper is not None:
        source = np.where([ARKIT[c] in helper.unobserved for c in columns], int(Source.MEAN), int(Source.HELPER))
    fits: list[_RidgeFit] = []
    for t in np.unique(choice[choice >= 0]):
        candidate_source, x = candidates[int(t)]
        for p in np.unique(penalty[choice == t]):
            selected = np.flatnonzero((choice == t) & (penalty == p))
            target = (y - scaled_helper if candidate_source == Source.HELPER else y)[np.ix_(trusted, selected)]
            coefficients = ridge.fit(x[trusted], target, float(p), weights=row_weights, spread_floor=SPREAD_FLOOR)
            fits.append(_RidgeFit(candidate_source, x, selected, coefficients))
    return ChannelRegression(mean, scaled_helper, source, fits)


def _candidate_features(face: Array, helper: Helper | None, trusted: Array) -> list[tuple[Source, Array]]:
    """Feature matrices (T, D) to choose from, from the fewest to the most columns."""
    candidates: list[tuple[Source, Array]] = []
    if face.shape[1]:
        candidates += [
            (Source.FACE, face),
            (Source.FACE, np.concatenate([face, nystroem_features(face, trusted)], axis=1)),
        ]
    if helper is not None:
        helper_features = np.nan_to_num(helper.features())
        combined = np.concatenate([helper_features, face], axis=1)
        candidates += [
            (Source.HELPER, helper_features),
            (Source.HELPER, combined),
            (Source.HELPER, np.concatenate([combined, nystroem_features(combined, trusted)], axis=1)),
        ]
    return candidates


def _fit_gain_offset(x: Array, y: Array, rate: float) -> Array:
    """Robust gain and offset (2, C) of y on x (N, C), channel by channel.

    The gain stays near 1 where x hardly moves, and goes to 0 where x moves and y does not follow.
    """
    if not len(x):
        return np.stack([np.ones(y.shape[1]), np.zeros(y.shape[1])])
    weight = np.ones_like(y)
    gain, offset = np.ones(y.shape[1]), np.zeros(y.shape[1])
    prior = rate * _GAIN_PRIOR_VARIANCE
    for _ in range(3):
        total = weight.sum(axis=0)
        mx, my = (weight * x).sum(axis=0) / total, (weight * y).sum(axis=0) / total
        covariance = (weight * (x - mx) * (y - my)).sum(axis=0)
        variance = (weight * (x - mx) ** 2).sum(axis=0)
        gain = np.clip((covariance + prior) / (variance + prior), 0.0, _MAX_GAIN)
        offset = my - gain * mx
        residual = np.abs(y - gain * x - offset)
        weight = 1 / (1 + (residual / (3 * 1.48 * np.median(residual, axis=0) + 0.03)) ** 2)
    return np.stack([gain, offset])


def _inlier_weights(x: Array, y: Array) -> Array:
    """Weights (N,) of rows: those far from a ridge regression, such as undetected damage, count little."""
    weight = np.ones(len(x))
    for _ in range(2):
        c = ridge.fit(x, y, _INLIER_PENALTY, weights=weight, spread_floor=SPREAD_FLOOR)
        residual = np.abs(y - ridge.predict(x, c))
        relative = np.minimum(residual / (1.48 * np.median(residual, axis=0) + 0.02), _MAX_RESIDUAL)
        deviation = np.sqrt((relative**2).mean(axis=1))
        weight = 1 / (1 + (deviation / _OUTLIER_SCALE) ** 4)
    return weight

"""Ridge regression: linear maps with an intercept, as coefficients (D + 1, C) whose last row is the intercept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import Array


def solve(gram: Array, moment: Array, penalty: float | Array) -> Array:
    """Solve the normal equations (gram + diag(penalty)) c = moment for the coefficients c (D, C).

    `gram` (D, D) is x^T x and `moment` (D, C) is x^T y, as sums or as means; `penalty`: one number, or one each (D,).
    """
    return np.linalg.solve(gram + np.diag(np.broadcast_to(penalty, len(gram))), moment)


def fit(
    x: Array,
    y: Array,
    penalty: float,
    *,
    weights: Array | None = None,
    spread_floor: float | None = None,
) -> Array:
    """Fit y (N, C) on x (N, D): coefficients (D + 1, C). The intercept is not penalised.

    Parameters
    ----------
    x, y : (N, D), (N, C)
    penalty : added to the diagonal of the mean squares of x, so that it does not depend on N
    weights : (N,) of rows; equal if not given
    spread_floor : if given, every column of x is divided by its standard deviation plus this number first
    """
    share = np.full(len(x), 1 / len(x)) if weights is None else weights / weights.sum()
    x_mean, y_mean = share @ x, share @ y
    a, b = x - x_mean, y - y_mean
    scale = np.ones(x.shape[1]) if spread_floor is None else np.sqrt(share @ (a * a)) + spread_floor
    a = a / scale
    weighted = (a * share[:, None]).T
    coefficients = solve(weighted @ a, weighted @ b, penalty) / scale[:, None]
    return np.concatenate([coefficients, (y_mean - x_mean @ coefficients)[None]])


def predict(x: Array, coefficients: Array) -> Array:
    """Apply coefficients (D + 1, C) to x (N, D): (N, C)."""
    return x @ coefficients[:-1] + coefficients[-1]


@dataclass(frozen=True)
class BestPenalty:
    """The best penalty of each output, by cross-validation: `penalty` (C,) and its mean square error `error` (C,)."""

    penalty: Array
    error: Array


def cross_validate(
    x: Array,
    y: Array,
    *,
    penalties: Array,
    folds: Sequence[Array],
    weights: Array,
    spread_floor: float,
) -> BestPenalty:
    """Choose a penalty for each column of y (N, C) by leaving out one fold after the other.

    All penalties share one eigendecomposition per fold. With fewer than two folds that hold any row, errors are
    infinite.

    Parameters
    ----------
    x, y : (N, D), (N, C)
    penalties : (P,) to choose from
    folds : row indices of each fold; rows in no fold take no part
    weights : (N,) of rows
    spread_floor : as in `fit`; the scale is that of all rows
    """
    z = (x - x.mean(axis=0)) / (x.std(axis=0) + spread_floor)
    folds = [rows for rows in folds if len(rows)]
    if len(folds) < 2:
        return BestPenalty(np.ones(y.shape[1]), np.full(y.shape[1], np.inf))
    moments = [_moments(z[rows], y[rows], weights[rows]) for rows in folds]
    total: list[Array] = [np.sum(terms, axis=0) for terms in zip(*moments)]
    error = np.zeros((len(penalties), y.shape[1]))
    for rows, moment in zip(folds, moments):
        zz, zy, z_sum, y_sum, n = (all_folds - term for all_folds, term in zip(total, moment))
        z_mean, y_mean = z_sum / n, y_sum / n
        eigenvalues, eigenvectors = np.linalg.eigh(zz / n - np.outer(z_mean, z_mean))
        rotated = eigenvectors.T @ (zy / n - np.outer(z_mean, y_mean))
        projected = (z[rows] - z_mean) @ eigenvectors
        for k, penalty in enumerate(penalties):
            residual = projected @ (rotated / (np.maximum(eigenvalues, 0) + penalty)[:, None]) + y_mean - y[rows]
            error[k] += (weights[rows][:, None] * residual**2).sum(axis=0)
    best = error.argmin(axis=0)
    total_weight = sum(float(weights[rows].sum()) for rows in folds)
    return BestPenalty(penalties[best], error[best, np.arange(y.shape[1])] / total_weight)


def _moments(z: Array, y: Array, weights: Array) -> tuple[Array, ...]:
    """Weighted sums of z z^T, z y^T, z, y and 1 over rows."""
    w = weights[:, None]
    return z.T @ (w * z), z.T @ (w * y), (w * z).sum(axis=0), (w * y).sum(axis=0), np.asarray(weights.sum())

"""Gaussian process regression over time, with a Matérn 3/2 kernel (Rasmussen and Williams 2006, eq 2.23 and 4.17)."""

from __future__ import annotations

import numpy as np

from ..arrays import Array


def matern32(a: Array, b: Array, scale: float) -> Array:
    """Matérn 3/2 kernel (N, M) of unit variance between times (N,) and (M,), with the length scale `scale` in s."""
    distance = np.sqrt(3) * np.abs(a[:, None] - b[None]) / scale
    return (1 + distance) * np.exp(-distance)


def predict(time: Array, values: Array, query: Array, *, scale: float, noise: float | Array) -> Array:
    """Posterior mean at times `query` (M,) of a process of zero mean: (M,) or (M, C).

    Parameters
    ----------
    time, values : (N,) s and (N,) or (N, C), the measurements
    query : (M,) s
    scale : length scale of the kernel, s
    noise : variance of the measurements' noise over that of the process, one number or one each (N,)
    """
    kernel = matern32(time, time, scale)
    kernel[np.diag_indices(len(time))] += noise
    return matern32(query, time, scale) @ np.linalg.solve(kernel, values)

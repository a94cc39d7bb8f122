"""Statistics of performances: ranges, speeds, activity and correlations of channels, and comparison of two sets."""

# SciPy has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from ..arrays import Array
from ..face.channels import ARKIT
from ..take import Track
from .augment import at_rate

_MIN_SWING = 0.1  # 99th percentile of the deviation from the median, for a channel to count in correlations


@dataclass(frozen=True)
class Statistics:
    """Statistics per channel.

    Attributes
    ----------
    median, low, high : (52,) median, 1st and 99th percentile.
    active : (52,) share of time more than 0.1 from the median.
    speed : (52,) 99th percentile of |dw/dt| per s, averaged over 3 frames.
    correlation : (52, 52), NaN where a channel does not move.
    """

    median: Array
    low: Array
    high: Array
    active: Array
    speed: Array
    correlation: Array


def performance_statistics(tracks: list[Track]) -> Statistics:
    """Statistics of all tracks together; correlations are averaged over the tracks in which both channels move."""
    values = [at_rate(t).select(ARKIT) for t in tracks]
    pooled = np.concatenate(values)
    median = np.median(pooled, axis=0)
    steps = np.concatenate([np.abs(np.diff(uniform_filter1d(v, 3, axis=0), axis=0)) * 60 for v in values])
    correlations = []
    for v in values:
        is_moving = np.percentile(np.abs(v - np.median(v, axis=0)), 99, axis=0) > _MIN_SWING
        centred = np.where(is_moving, v - v.mean(0), 0.0)
        scale = np.sqrt((centred**2).sum(0))
        with np.errstate(invalid="ignore", divide="ignore"):
            correlations.append(
                np.where(np.outer(is_moving, is_moving), centred.T @ centred / np.outer(scale, scale), np.nan)
            )
    stack = np.stack(correlations)
    is_defined = ~np.isnan(stack)
    with np.errstate(invalid="ignore"):
        correlation = np.where(is_defined, stack, 0.0).sum(0) / np.where(is_defined.any(0), is_defined.sum(0), np.nan)
    return Statistics(
        median,
        np.percentile(pooled, 1, axis=0),
        np.percentile(pooled, 99, axis=0),
        (np.abs(pooled - median) > 0.1).mean(0),
        np.percentile(steps, 99, axis=0),
        correlation,
    )


def correlation_agreement(a: Statistics, b: Statistics) -> float:
    """Correlation between the channel correlations of two sets, over all pairs that move in both."""
    upper = np.triu_indices(len(ARKIT), 1)
    x, y = a.correlation[upper], b.correlation[upper]
    moving_in_both = ~(np.isnan(x) | np.isnan(y))
    return float(np.corrcoef(x[moving_in_both], y[moving_in_both])[0, 1]) if moving_in_both.sum() > 2 else float("nan")


def explained_variance(basis: Track | list[Track], tracks: list[Track], components: int = 20) -> float:
    """Share of the variance of `tracks` within the first principal components of `basis`."""
    source = np.concatenate([at_rate(t).select(ARKIT) for t in (basis if isinstance(basis, list) else [basis])])
    target = np.concatenate([at_rate(t).select(ARKIT) for t in tracks])
    source, target = source - source.mean(0), target - target.mean(0)
    axes = np.linalg.svd(source.T @ source)[0][:, :components]
    return float(((target @ axes) ** 2).sum() / (target**2).sum())

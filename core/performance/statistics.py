"""How wide a performance is: ranges, speeds, activity per channel and how channels go together; and one set of takes beside another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from ..arrays import Array
from ..face.channels import ARKIT
from ..take import Track
from .augment import at_rate

_MIN_SWING = (
    0.1  # a channel whose 99th percentile swings less than this around its median says nothing about correlations
)


@dataclass(frozen=True)
class Statistics:
    """Per channel (52,): `median`, `low` and `high` (1st and 99th percentile), `active` share of time more than 0.1 off the median, `speed`
    (99th percentile of |dw/dt| per s, after a mean over 3 frames); `correlation` (52, 52), NaN where a channel stands still."""

    median: Array
    low: Array
    high: Array
    active: Array
    speed: Array
    correlation: Array


def performance_statistics(tracks: list[Track]) -> Statistics:
    """Of all tracks together; correlations are means over the tracks in which both channels move."""
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
    """How alike channels go together in two sets: correlation of the correlations of all pairs that move in both."""
    upper = np.triu_indices(len(ARKIT), 1)
    x, y = a.correlation[upper], b.correlation[upper]
    moving_in_both = ~(np.isnan(x) | np.isnan(y))
    return float(np.corrcoef(x[moving_in_both], y[moving_in_both])[0, 1]) if moving_in_both.sum() > 2 else float("nan")


def explained_variance(basis: Track | list[Track], tracks: list[Track], components: int = 20) -> float:
    """Share of the variance of `other` within the first principal components of `basis`."""
    source = np.concatenate([at_rate(t).select(ARKIT) for t in (basis if isinstance(basis, list) else [basis])])
    target = np.concatenate([at_rate(t).select(ARKIT) for t in tracks])
    source, target = source - source.mean(0), target - target.mean(0)
    axes = np.linalg.svd(source.T @ source)[0][:, :components]
    return float(((target @ axes) ** 2).sum() / (target**2).sum())

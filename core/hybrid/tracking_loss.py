"""Rows in which a camera delivers no face, or repeats the last one: certain damage, found without a model."""

from __future__ import annotations

import numpy as np

from ..arrays import Array
from ..face.channels import GROUPS
from .occlusion_features import COLUMNS
from .ranges import runs

_MIN_FROZEN_S, _MIN_FROZEN_ROWS = 0.12, 3
_REPEAT_TOLERANCE = 1e-6
_MIN_MOVING_SD = 1e-3  # a channel with a smaller standard deviation never moves
# Only channels that repeat in a smaller share of the take can be frozen; the second limit is for takes in which every
# channel repeats more often than the first.
_MAX_REPEAT_SHARE, _MAX_REPEAT_SHARE_CALM = 0.02, 0.6


def find_lost(weights: Array) -> dict[str, Array]:
    """Rows (T,) bool per group in which no channel of weights (T, 52) has a value."""
    return {g: np.isnan(weights[:, columns]).all(axis=1) for g, columns in COLUMNS.items()}


def find_frozen(weights: Array, time: Array) -> dict[str, Array]:
    """Rows (T,) bool per group in which all channels that usually move repeat exactly.

    NaN rows are not repetitions. A take in which nothing ever moves is frozen as a whole; a group that never moves in a
    take that does is one that the tracker does not deliver.
    """
    if (
        len(time) > 2
        and time[-1] - time[0] > _MIN_FROZEN_S
        and np.nan_to_num(weights).std(axis=0).max() <= _REPEAT_TOLERANCE
        and np.isfinite(weights).any()
    ):
        return {g: np.ones(len(weights), dtype=bool) for g in GROUPS}
    repeated = np.zeros(weights.shape, dtype=bool)
    repeated[1:] = np.abs(np.diff(weights, axis=0)) <= _REPEAT_TOLERANCE
    frozen: dict[str, Array] = {}
    for group, columns in COLUMNS.items():
        columns = columns[np.nan_to_num(weights[:, columns]).std(axis=0) > _MIN_MOVING_SD]
        frozen[group] = np.zeros(len(weights), dtype=bool)
        repeat_share = repeated[:, columns].mean(axis=0)
        any_lively = (repeat_share < _MAX_REPEAT_SHARE).any()
        moving = columns[repeat_share < (_MAX_REPEAT_SHARE if any_lively else _MAX_REPEAT_SHARE_CALM)]
        if not len(moving):
            continue
        for a, b in runs(repeated[:, moving].all(axis=1)):
            if time[b - 1] - time[a] + 1e-9 >= _MIN_FROZEN_S and b - a >= _MIN_FROZEN_ROWS:
                frozen[group][a:b] = True
    return frozen

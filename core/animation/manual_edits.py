"""Keys that an animator added, moved or deleted on a baked curve, and how they survive another bake."""

from __future__ import annotations

import numpy as np

from ..arrays import Array

_FRAME_TOLERANCE, _VALUE_TOLERANCE = 1e-3, 1e-3


def find_manual_edits(frames: Array, values: Array, baked: tuple[Array, Array]) -> tuple[Array, Array]:
    """Which keys (K,) bool of a curve are edited, and the ranges (N, 2) of frames that the edits cover.

    `baked`: frames and values of the keys as they were baked. A range reaches from an edited key to its neighbours, or
    spans deleted keys. Frames increase.
    """
    baked_frames, baked_values = baked
    if not len(baked_frames):
        return np.ones(len(frames), dtype=bool), np.array([[-np.inf, np.inf]])
    nearest = _nearest_indices(baked_frames, frames)
    edited = (np.abs(baked_frames[nearest] - frames) > _FRAME_TOLERANCE) | (
        np.abs(baked_values[nearest] - values) > _VALUE_TOLERANCE
    )
    edges = np.concatenate([[-np.inf], frames, [np.inf]])
    k = np.flatnonzero(edited)
    edit_ranges = np.stack([edges[k], edges[k + 2]], axis=1)
    deleted = (
        baked_frames[np.abs(frames[_nearest_indices(frames, baked_frames)] - baked_frames) > _FRAME_TOLERANCE]
        if len(frames)
        else baked_frames
    )
    after = np.searchsorted(frames, deleted)
    deletion_ranges = np.stack([edges[after], edges[after + 1]], axis=1)
    return edited, np.concatenate([edit_ranges, deletion_ranges])


def outside_ranges(frames: Array, edited_ranges: Array) -> Array:
    """(K,) bool: keys of a new bake that lie in none of the edited ranges (N, 2)."""
    if not len(edited_ranges):
        return np.ones(len(frames), dtype=bool)
    order = np.argsort(edited_ranges[:, 0], kind="stable")
    begin, end = edited_ranges[order, 0], np.maximum.accumulate(edited_ranges[order, 1])
    # ranges that overlap are merged; a frame where two only meet is outside
    starts_range = np.concatenate([[True], begin[1:] >= end[:-1]])
    begin, end = begin[starts_range], end[np.concatenate([np.flatnonzero(starts_range)[1:] - 1, [len(end) - 1]])]
    k = np.searchsorted(begin, frames, side="right") - 1
    inside = (k >= 0) & (frames > begin[k] + _FRAME_TOLERANCE) & (frames < end[k] - _FRAME_TOLERANCE)
    before = (
        (k >= 1)
        & (frames < end[np.maximum(k - 1, 0)] - _FRAME_TOLERANCE)
        & (frames > begin[np.maximum(k - 1, 0)] + _FRAME_TOLERANCE)
    )
    return ~(inside | before)


def _nearest_indices(sorted_values: Array, queries: Array) -> Array:
    """Index of the sorted value that is nearest to each query."""
    right = np.clip(np.searchsorted(sorted_values, queries), 0, len(sorted_values) - 1)
    left = np.maximum(right - 1, 0)
    return np.where(np.abs(sorted_values[left] - queries) <= np.abs(sorted_values[right] - queries), left, right)

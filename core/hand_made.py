"""Keys that an animator made or moved on a baked curve, and how they survive another bake of it."""

from __future__ import annotations

import numpy as np

_SAME_FRAME, _SAME_VALUE = 1e-3, 1e-3


def hand_made(frames: np.ndarray, values: np.ndarray, baked_frames: np.ndarray, baked_values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which keys (K,) bool of a curve are not as they were baked, and the stretches (N, 2) of frames that are the animator's: between the neighbours of
    every such key, and where baked keys were deleted. Frames increase."""
    if not len(baked_frames):
        return np.ones(len(frames), dtype=bool), np.array([[-np.inf, np.inf]])
    near = _nearest(baked_frames, frames)
    mine = (np.abs(baked_frames[near] - frames) > _SAME_FRAME) | (np.abs(baked_values[near] - values) > _SAME_VALUE)
    edges = np.concatenate([[-np.inf], frames, [np.inf]])
    k = np.flatnonzero(mine)
    around = np.stack([edges[k], edges[k + 2]], axis=1)
    gone = baked_frames[np.abs(frames[_nearest(frames, baked_frames)] - baked_frames) > _SAME_FRAME] if len(frames) else baked_frames
    after = np.searchsorted(frames, gone)
    holes = np.stack([edges[after], edges[after + 1]], axis=1)
    return mine, np.concatenate([around, holes])


def free(frames: np.ndarray, stretches: np.ndarray) -> np.ndarray:
    """Which keys (K,) bool of a new bake lie in none of the animator's stretches (N, 2)."""
    if not len(stretches):
        return np.ones(len(frames), dtype=bool)
    order = np.argsort(stretches[:, 0], kind="stable")
    begin, end = stretches[order, 0], np.maximum.accumulate(stretches[order, 1])
    first = np.concatenate([[True], begin[1:] >= end[:-1]])  # those that overlap are one; the frame where two meet is free
    begin, end = begin[first], end[np.concatenate([np.flatnonzero(first)[1:] - 1, [len(end) - 1]])]
    k = np.searchsorted(begin, frames, side="right") - 1
    inside = (k >= 0) & (frames > begin[k] + _SAME_FRAME) & (frames < end[k] - _SAME_FRAME)
    before = (k >= 1) & (frames < end[np.maximum(k - 1, 0)] - _SAME_FRAME) & (frames > begin[np.maximum(k - 1, 0)] + _SAME_FRAME)
    return ~(inside | before)


def _nearest(sorted_values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Index of the value that is nearest to each wanted one."""
    right = np.clip(np.searchsorted(sorted_values, wanted), 0, len(sorted_values) - 1)
    left = np.maximum(right - 1, 0)
    return np.where(np.abs(sorted_values[left] - wanted) <= np.abs(sorted_values[right] - wanted), left, right)

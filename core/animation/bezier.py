"""Blender's auto-clamped Bézier curves: handles, and values on frames, for arrays of segments.

Handles are those of BKE_nurb_handle_calc, auto-clamped and without smoothing (`FCurve.auto_smoothing = 'NONE'`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..arrays import Array

HANDLE_DIVISOR = 2.5614  # Blender's own: handles reach 1/2.5614 of the way to the next key


@dataclass(frozen=True)
class Handles:
    """Positions of keys' handles, each (K,)."""

    left_x: Array
    left_y: Array
    right_x: Array
    right_y: Array


def handles(x: Array, y: Array, *, first: Array, last: Array) -> Handles:
    """Auto-clamped handles of keys (x, y), each (K,).

    `first` and `last` (K,) bool mark where curves begin and end, since arrays may hold several curves in a row.
    """
    previous_x, previous_y = np.where(first, 0, np.roll(x, 1)), np.where(first, 0, np.roll(y, 1))
    next_x, next_y = np.where(last, 0, np.roll(x, -1)), np.where(last, 0, np.roll(y, -1))
    single = first & last
    previous_x, previous_y = np.where(first, 2 * x - next_x, previous_x), np.where(first, 2 * y - next_y, previous_y)
    next_x, next_y = np.where(last, 2 * x - previous_x, next_x), np.where(last, 2 * y - previous_y, next_y)
    previous_x, next_x = np.where(single, x - 1, previous_x), np.where(single, x + 1, next_x)
    previous_y, next_y = np.where(single, y, previous_y), np.where(single, y, next_y)
    a, b = x - previous_x, next_x - x
    slope = (next_y - y) / b + (y - previous_y) / a
    a, b = np.minimum(a, 5.0 * b), np.minimum(b, 5.0 * np.minimum(a, 5.0 * b))
    handle_scale = 2.0 * HANDLE_DIVISOR
    left_x, left_y = x - 2.0 * a / handle_scale, y - slope * a / handle_scale
    right_x, right_y = x + 2.0 * b / handle_scale, y + slope * b / handle_scale
    inner = ~first & ~last
    left_y, right_y = (
        np.where(inner, left_y, y),
        np.where(inner, right_y, y),
    )  # handles at the ends of a curve are horizontal
    before, after = previous_y - y, next_y - y
    extreme = inner & (((before <= 0) & (after <= 0)) | ((before >= 0) & (after >= 0)))
    left_y, right_y = np.where(extreme, y, left_y), np.where(extreme, y, right_y)
    unclamped = inner & ~extreme
    left_overshoots = unclamped & np.where(before <= 0, previous_y > left_y, previous_y < left_y)
    left_y = np.where(left_overshoots, previous_y, left_y)
    right_overshoots = unclamped & np.where(after <= 0, next_y > right_y, next_y < right_y)
    right_y = np.where(right_overshoots, next_y, right_y)
    reach_left, reach_right = x - left_x, right_x - x
    right_y = np.where(left_overshoots, y + (y - left_y) / reach_left * reach_right, right_y)
    left_y = np.where(right_overshoots & ~left_overshoots, y + (y - right_y) / reach_right * reach_left, left_y)
    return Handles(left_x, left_y=left_y, right_x=right_x, right_y=right_y)


def inner_handles(x0: Array, y0: Array, x1: Array, y1: Array, x2: Array, y2: Array) -> Array:
    """(3, N): left reach, right reach and slope of the handles at an inner key (x1, y1) between two others."""
    a, b, before, after = x1 - x0, x2 - x1, y1 - y0, y2 - y1
    slope = (after / b + before / a) / 2
    a = np.minimum(a, 5.0 * b) / HANDLE_DIVISOR
    b = np.minimum(b / HANDLE_DIVISOR, 5.0 * a)
    slope = np.where(
        np.abs(slope * a) > np.abs(before), before / a, np.where(np.abs(slope * b) > np.abs(after), after / b, slope)
    )
    return np.array([a, b, np.where(before * after <= 0, 0.0, slope)])


def segment_weights(at: Array, p1: Array, p2: Array) -> Array:
    """(3, N): weights at `at` (N,) of a segment's rise and of the rises of its two handles.

    `at` and the handles' positions `p1`, `p2` are fractions of the segment's span. Solves x(t) = at by safeguarded
    Newton steps.
    """
    c3, c2, c1 = 1 + 3 * p1 - 3 * p2, 3 * p2 - 6 * p1, 3 * p1
    t = at
    for _ in range(6):
        value = ((c3 * t + c2) * t + c1) * t - at
        slope = (3 * c3 * t + 2 * c2) * t + c1
        t = np.clip(t - value / np.maximum(slope, 0.05), 0.0, 1.0)
    s = 1 - t
    return np.array([t * t * (3 - 2 * t), 3 * s * s * t, 3 * s * t * t])


def map_blocks(function: Callable[..., Array], *inputs: Array) -> Array:
    """Apply `function` in blocks that fit the cache, which takes half the time."""
    return np.concatenate(
        [function(*(a[i : i + 8192] for a in inputs)) for i in range(0, len(inputs[0]), 8192)], axis=1
    )


@lru_cache(maxsize=4096)
def segment_table(span: int, right: int, left: int) -> Array:
    """`segment_weights` (span - 1, 3) on the inner frames of a segment.

    Its handles reach as far as those of segments of `right` and `left` frames.
    """
    at = np.arange(1, span) / span
    return np.ascontiguousarray(
        segment_weights(
            at, np.full(span - 1, right / HANDLE_DIVISOR / span), np.full(span - 1, 1 - left / HANDLE_DIVISOR / span)
        ).T
    )


def evaluate(frames: Array, values: Array, at: Array) -> Array:
    """Auto-clamped Bézier curve through keys at `frames` (K,) with `values` (K,), at `at` (N,); held at the ends."""
    frames, values = np.asarray(frames, float), np.asarray(values, float)
    at = np.clip(np.asarray(at, float), frames[0], frames[-1])
    if len(frames) == 1:
        return np.full(len(at), values[0])
    ends = np.zeros((2, len(frames)), dtype=bool)
    ends[0, 0] = ends[1, -1] = True
    handle = handles(frames, values, first=ends[0], last=ends[1])
    k = np.clip(np.searchsorted(frames, at, side="right") - 1, 0, len(frames) - 2)
    start, span = frames[k], frames[k + 1] - frames[k]
    rise_weight, right_weight, left_weight = segment_weights(
        (at - start) / span, (handle.right_x[k] - start) / span, (handle.left_x[k + 1] - start) / span
    )
    return (
        values[k]
        + rise_weight * (values[k + 1] - values[k])
        + right_weight * (handle.right_y[k] - values[k])
        + left_weight * (handle.left_y[k + 1] - values[k + 1])
    )

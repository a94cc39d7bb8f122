"""Error-bounded key reduction: few Bezier keys on whole frames whose curve stays within a tolerance at every frame.

The curve is Blender's own: auto-clamped handles without smoothing (`FCurve.auto_smoothing = 'NONE'`), so an animator can
move any key and the curve stays as such curves are. The handle rule below is that of Blender's BKE_nurb_handle_calc.
"""

from __future__ import annotations

import numpy as np

_HANDLE = 2.5614  # Blender's constant: handles reach 1/2.5614 of the way to the next key


def handles(x: np.ndarray, y: np.ndarray, first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Auto-clamped handles (left x, left y, right x, right y), each (K,), of keys (x, y).

    `first` and `last` (K,) bool mark where a curve begins and ends, so that many curves can be laid one after another.
    """
    previous_x, previous_y = np.where(first, 0, np.roll(x, 1)), np.where(first, 0, np.roll(y, 1))
    next_x, next_y = np.where(last, 0, np.roll(x, -1)), np.where(last, 0, np.roll(y, -1))
    alone = first & last
    previous_x, previous_y = np.where(first, 2 * x - next_x, previous_x), np.where(first, 2 * y - next_y, previous_y)
    next_x, next_y = np.where(last, 2 * x - previous_x, next_x), np.where(last, 2 * y - previous_y, next_y)
    previous_x, next_x = np.where(alone, x - 1, previous_x), np.where(alone, x + 1, next_x)
    previous_y, next_y = np.where(alone, y, previous_y), np.where(alone, y, next_y)
    a, b = x - previous_x, next_x - x
    slope = (next_y - y) / b + (y - previous_y) / a
    a, b = np.minimum(a, 5.0 * b), np.minimum(b, 5.0 * np.minimum(a, 5.0 * b))
    length = 2.0 * _HANDLE
    left_x, left_y = x - 2.0 * a / length, y - slope * a / length
    right_x, right_y = x + 2.0 * b / length, y + slope * b / length
    inner = ~first & ~last
    left_y, right_y = np.where(inner, left_y, y), np.where(inner, right_y, y)  # the first and the last key lie flat
    before, after = previous_y - y, next_y - y
    extreme = inner & (((before <= 0) & (after <= 0)) | ((before >= 0) & (after >= 0)))
    left_y, right_y = np.where(extreme, y, left_y), np.where(extreme, y, right_y)
    free = inner & ~extreme
    left_over = free & np.where(before <= 0, previous_y > left_y, previous_y < left_y)
    left_y = np.where(left_over, previous_y, left_y)
    right_over = free & np.where(after <= 0, next_y > right_y, next_y < right_y)
    right_y = np.where(right_over, next_y, right_y)
    reach_left, reach_right = x - left_x, right_x - x
    right_y = np.where(left_over, y + (y - left_y) / reach_left * reach_right, right_y)
    left_y = np.where(right_over & ~left_over, y + (y - right_y) / reach_right * reach_left, left_y)
    return left_x, left_y, right_x, right_y


def _bezier(at: np.ndarray, x0: np.ndarray, x1: np.ndarray, x2: np.ndarray, x3: np.ndarray, y: tuple) -> np.ndarray:
    """Heights of cubic Bezier segments at `at` (all arrays of one length), by safeguarded Newton steps on x(t) = at."""
    span = x3 - x0
    u = (at - x0) / span
    p1, p2 = (x1 - x0) / span, (x2 - x0) / span
    c3, c2, c1 = 1 + 3 * p1 - 3 * p2, 3 * p2 - 6 * p1, 3 * p1
    t = u.copy()
    for _ in range(6):
        value = ((c3 * t + c2) * t + c1) * t - u
        slope = (3 * c3 * t + 2 * c2) * t + c1
        t = np.clip(t - value / np.maximum(slope, 0.05), 0.0, 1.0)
    y0, y1, y2, y3 = y
    s = 1 - t
    return s * s * s * y0 + 3 * s * s * t * y1 + 3 * s * t * t * y2 + t * t * t * y3


def evaluate(frames: np.ndarray, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The auto-clamped Bezier curve through keys (frames (K,), values (K,)) at frames `at` (N,), held beyond the ends."""
    frames, values = np.asarray(frames, float), np.asarray(values, float)
    at = np.clip(np.asarray(at, float), frames[0], frames[-1])
    if len(frames) == 1:
        return np.full(len(at), values[0])
    ends = np.zeros((2, len(frames)), dtype=bool)
    ends[0, 0] = ends[1, -1] = True
    _, left_y, right_x, right_y = handles(frames, values, ends[0], ends[1])
    left_x = handles(frames, values, ends[0], ends[1])[0]
    k = np.clip(np.searchsorted(frames, at, side="right") - 1, 0, len(frames) - 2)
    heights = (values[k], right_y[k], left_y[k + 1], values[k + 1])
    return _bezier(at, frames[k], right_x[k], left_x[k + 1], frames[k + 1], heights)


def anchors(values: np.ndarray, tolerance: float) -> np.ndarray:
    """(T, C) bool: the samples that stay keys whatever happens.

    The ends; peaks and valleys that stand out by more than the tolerance (blink peaks, lip closures: an extreme sample
    keeps its exact value); and the first and last sample of a rest at a constant value (onsets).
    """
    t, c = values.shape
    keep = np.zeros((t, c), dtype=bool)
    keep[0] = keep[-1] = True
    if t < 3:
        return keep
    step = np.diff(values, axis=0)
    flat = step == 0
    keep[1:-1] |= flat[:-1] ^ flat[1:]
    for k in range(c):
        keep[_turning_points(values[:, k], tolerance), k] = True
    return keep


def _turning_points(y: np.ndarray, tolerance: float) -> np.ndarray:
    """Samples where y turns by more than the tolerance: candidates are all local extremes, weak pairs drop out."""
    step = np.sign(np.diff(y))
    moving = np.flatnonzero(step)
    if not len(moving):
        return np.zeros(0, dtype=int)
    turns = np.flatnonzero(np.diff(step[moving])) + 1
    at = moving[turns]
    if not len(at):
        return at
    chain = np.concatenate([[0], at, [len(y) - 1]]).tolist()
    height = y[chain].tolist()
    out: list[int] = []  # a stack of positions in `chain` that alternate between high and low
    for i in range(len(chain)):
        out.append(i)
        while len(out) >= 4 and abs(height[out[-2]] - height[out[-3]]) <= tolerance:
            a, b, c, d = (height[k] for k in out[-4:])
            if abs(b - c) <= abs(a - b) and abs(b - c) <= abs(c - d):
                del out[-3:-1]
            else:
                break
    return np.array([chain[i] for i in out[1:-1]], dtype=int)


def reduce(values: np.ndarray, tolerance: float) -> list[np.ndarray]:
    """Keys for each of C curves given on whole frames: values (T, C) -> C arrays of frame numbers, ascending.

    The auto-clamped Bezier curve through values[keys, c] on those frames differs from values[:, c] by at most
    `tolerance` at every frame. Anchors (see above) always stay. Raises ValueError for a tolerance that is not positive
    or for NaN.
    """
    values = np.asarray(values, dtype=np.float64)
    if not tolerance > 0:
        raise ValueError("tolerance must be positive")
    if np.isnan(values).any():
        raise ValueError("values must be free of NaN")
    total, curves = values.shape
    if total == 0:
        return [np.zeros(0, dtype=int) for _ in range(curves)]
    bound = tolerance * 0.98  # Blender stores curves in float32
    y = np.ascontiguousarray(values.T).ravel()  # all curves one after another
    keep = np.ascontiguousarray(anchors(values, tolerance).T).ravel()
    if total < 3:
        return [np.flatnonzero(keep[c * total : (c + 1) * total]) for c in range(curves)]
    frame = np.tile(np.arange(total, dtype=np.float64), curves)
    dirty = np.ones(int(keep.sum()) - 1, dtype=bool)
    while True:
        keys = np.flatnonzero(keep)
        first, last = frame[keys] == 0, frame[keys] == total - 1
        left_x, left_y, right_x, right_y = handles(frame[keys], y[keys], first, last)
        segments = np.flatnonzero(dirty & ~last[:-1] & (np.diff(keys) > 1))
        if not len(segments):
            break
        inner = np.diff(keys)[segments] - 1
        segment = np.repeat(segments, inner)
        sample = np.repeat(keys[segments] + 1, inner) + np.arange(inner.sum()) - np.repeat(np.cumsum(inner) - inner, inner)
        a, b = keys[segment], keys[segment + 1]
        curve = _bezier(
            frame[sample], frame[a], right_x[segment], left_x[segment + 1], frame[b], (y[a], right_y[segment], left_y[segment + 1], y[b])
        )
        error = np.abs(curve - y[sample])
        starts = np.cumsum(inner) - inner
        worst = np.maximum.reduceat(error, starts)
        wrong = worst > bound
        if not wrong.any():
            break
        hit = error >= np.repeat(worst, inner)
        position = np.where(hit, np.arange(len(error)), len(error))
        pick = np.minimum.reduceat(position, starts)[wrong]
        keep[sample[pick]] = True
        dirty = _touched(keys, sample[pick], np.flatnonzero(keep))
    return [np.flatnonzero(keep[c * total : (c + 1) * total]) for c in range(curves)]


def _touched(old: np.ndarray, added: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Segments of the new keys whose shape may differ: handles reach one key to either side of every added key."""
    at = np.searchsorted(new, added)
    dirty = np.zeros(len(new) - 1, dtype=bool)
    for offset in (-2, -1, 0, 1):
        dirty[np.clip(at + offset, 0, len(dirty) - 1)] = True
    return dirty

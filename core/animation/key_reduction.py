"""Error-bounded key reduction: few Bézier keys on frames, whose curve stays within a tolerance at every frame.

The curve is Blender's auto-clamped one (`bezier`), so that it behaves as usual when an animator moves a key.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Array
from .bezier import HANDLE_DIVISOR, inner_handles, map_blocks, segment_table, segment_weights

_MIN_EXTREME = 0.02  # height of extrema that stay keys, unless four tolerances are more
_MIN_TABLE_SEGMENTS = 8  # segments of one shape that are worth a table
_MERGE_ROUNDS, _MERGE_REACH = 2, 2  # passes, and frames tried around the likely place
# A pair of keys is a candidate for merging if removing one, and both, costs at most so many bounds.
_MAX_SINGLE_COST, _MAX_PAIR_COST = 1.6, 4.0


def anchors(values: Array, tolerance: float) -> Array:
    """(T, C) bool: samples that always stay keys.

    These are the ends, prominent peaks and valleys (blinks, lip closures), and the first and last samples of constant
    stretches (onsets).
    """
    t, c = values.shape
    keep = np.zeros((t, c), dtype=bool)
    keep[0] = keep[-1] = True
    if t < 3:
        return keep
    flat = np.diff(values, axis=0) == 0
    keep[1:-1] |= flat[:-1] ^ flat[1:]
    return keep | _turning_points(values, max(4 * tolerance, _MIN_EXTREME))


def _turning_points(values: Array, min_height: float) -> Array:
    """(T, C) bool: the ends, and extrema above `min_height`; lower pairs of neighbours are dropped, lowest first."""
    t, c = values.shape
    y = values.T.ravel()
    step = np.sign(np.diff(values, axis=0)).T
    curve, frame = np.nonzero(step)
    turns = np.flatnonzero((np.diff(step[curve, frame]) != 0) & (np.diff(curve) == 0)) + 1
    keep = np.zeros((c, t), dtype=bool)
    keep[curve[turns], frame[turns]] = True
    keep[:, [0, -1]] = True
    chain = np.flatnonzero(keep)
    while True:
        rise = np.abs(np.diff(y[chain]))
        is_end = (chain % t == 0) | (chain % t == t - 1)
        rise[is_end[:-1] | is_end[1:]] = np.inf
        weak = np.flatnonzero((rise[1:-1] <= min_height) & (rise[1:-1] < rise[:-2]) & (rise[1:-1] <= rise[2:])) + 1
        if not len(weak):
            break
        chain = np.delete(chain, np.concatenate([weak, weak + 1]))
    out = np.zeros(c * t, dtype=bool)
    out[chain] = True
    return out.reshape(c, t).T


def reduce_keys(values: Array, tolerance: float) -> list[Array]:
    """Keys for each of C curves given on whole frames: values (T, C) -> C arrays of frame numbers, ascending.

    The auto-clamped Bézier curve through values[keys, c] on those frames differs from values[:, c] by at most
    `tolerance` at every frame. Anchors always stay. Raises ValueError for a tolerance that is not positive, or NaN.
    """
    values = np.asarray(values, dtype=np.float64)
    if not tolerance > 0:
        raise ValueError("tolerance must be positive")
    if np.isnan(values).any():
        raise ValueError("values must be free of NaN")
    total, curves = values.shape
    if total == 0:
        return [np.zeros(0, dtype=int) for _ in range(curves)]
    keep = anchors(values, tolerance)
    if total > 2 and curves:
        reducer = _CurveReducer(values, keep, tolerance * 0.98)  # Blender stores curves in float32
        reducer.is_key[:, 1:-1] |= _turning_points(values, tolerance).T
        reducer.insert()
        reducer.remove()
        reducer.merge()
        keep = reducer.is_key[:, 1:-1].T
    return [np.flatnonzero(k) for k in keep.T]


class _CurveReducer:
    """All curves in one array, and which samples are keys.

    Every curve is padded with distant keys at the values of its ends, so that every key has neighbours and the handles
    of the first and last key are horizontal, as Blender's are.
    """

    def __init__(self, values: Array, fixed: Array, bound: float):
        total, curves = values.shape
        frame = np.concatenate([[-total], np.arange(total), [2 * total]])
        self.x = (frame + 4.0 * total * np.arange(curves)[:, None]).ravel()
        self.y = np.pad(values, ((1, 1), (0, 0)), mode="edge").T.ravel()
        self.is_key = np.pad(fixed, ((1, 1), (0, 0)), constant_values=True).T.copy()
        self.removable = ~self.is_key.ravel()
        self.bound = bound

    def _key_indices(self) -> Array:
        return np.flatnonzero(self.is_key)

    def _max_errors(self, chain: Array, locate: bool = False) -> tuple[Array, Array]:
        """Largest error (N,) between the middle two of four keys (N, 4) each, and if `locate`, the sample that has it.

        Samples are given only where the error exceeds the bound.
        """
        max_error, worst_sample = np.zeros(len(chain)), np.zeros(len(chain), dtype=int)
        begin, end = chain[:, 1], chain[:, 2]
        # constant stretches end at anchors and are exact
        active = np.flatnonzero((end - begin > 1) & (self.y[begin] != self.y[begin + (begin < end)]))
        if not len(active):
            return max_error, worst_sample
        keys = chain[active].T
        (x0, x1, x2, x3), (y0, y1, y2, y3) = self.x[keys], self.y[keys]
        _, right_reach, right_slope = map_blocks(inner_handles, x0, y0, x1, y1, x2, y2)
        left_reach, _, left_slope = map_blocks(inner_handles, x1, y1, x2, y2, x3, y3)
        begin, span = keys[1], keys[2] - keys[1]
        heights = np.array([y2 - y1, right_slope * right_reach, -left_slope * left_reach])
        # Segments of one length and reach of handles share a table; long and rare ones are solved one by one.
        reach_codes = [  # 0: full reach
            np.where(reach < span * (0.9999 / HANDLE_DIVISOR), np.rint(reach * (HANDLE_DIVISOR / 5)), 0)
            for reach in (right_reach, left_reach)
        ]
        tabulated = (span < 256) & (reach_codes[0] < 16) & (reach_codes[1] < 16)
        shape_code = np.where(tabulated, span * 256 + reach_codes[0] * 16 + reach_codes[1], 0).astype(np.uint16)
        order = np.argsort(shape_code, kind="stable")
        shape_code = shape_code[order]
        edges = np.concatenate([[0], np.flatnonzero(np.diff(shape_code)) + 1, [len(shape_code)]])
        use_table = (np.diff(edges) >= _MIN_TABLE_SEGMENTS) & (shape_code[edges[:-1]] > 0)
        for low, high in zip(edges[:-1][use_table].tolist(), edges[1:][use_table].tolist()):
            n, a, b = int(shape_code[low]) >> 8, int(shape_code[low]) >> 4 & 15, int(shape_code[low]) & 15
            weights, offsets = segment_table(n, 5 * a or n, 5 * b or n), np.arange(1, n)[:, None]
            for first in range(low, high, 16384 // n):  # blocks that fit the cache
                s = order[first : min(first + 16384 // n, high)]
                error = weights @ heights[:, s]
                error += y1[s]
                error -= self.y[begin[s] + offsets]
                np.abs(error, out=error)
                max_error[active[s]] = worst = error.max(axis=0)
                if locate:
                    beyond = np.flatnonzero(worst > self.bound)
                    worst_sample[active[s[beyond]]] = begin[s[beyond]] + 1 + error[:, beyond].argmax(axis=0)
        remaining = order[np.repeat(~use_table, np.diff(edges))]
        if len(remaining):
            inner_count = span[remaining] - 1
            starts = np.cumsum(inner_count) - inner_count
            s = np.repeat(remaining, inner_count)
            sample = np.arange(len(s)) - np.repeat(starts - begin[remaining] - 1, inner_count)
            n = span[s]
            error = np.abs(
                y1[s]
                + (
                    heights[:, s]
                    * map_blocks(segment_weights, (sample - begin[s]) / n, right_reach[s] / n, 1 - left_reach[s] / n)
                ).sum(axis=0)
                - self.y[sample]
            )
            max_error[active[remaining]] = worst = np.maximum.reduceat(error, starts)
            if locate:
                worst_sample[active[remaining]] = np.minimum.reduceat(
                    np.where(error >= np.repeat(worst, inner_count), sample, len(self.y)), starts
                )
        return max_error, worst_sample

    def _cost(self, chain: Array, segments: tuple[int, ...]) -> Array:
        """Largest error (N,) of these segments of chains of keys (N, K), up to the first that exceeds the bound."""
        cost, active = np.zeros(len(chain)), np.arange(len(chain))
        for s in segments:
            max_error, _ = self._max_errors(chain[active, s - 1 : s + 3])
            cost[active] = np.maximum(cost[active], max_error)
            active = active[max_error <= self.bound]
        return cost

    def _cheapest_apart(self, cost: Array, min_distance: int) -> Array:
        """Changes within the bound that are cheaper than all others within `min_distance`, so that all can be made."""
        selected = cost <= self.bound
        for d in range(1, min_distance):
            selected[d:] &= cost[d:] < cost[:-d]
            selected[:-d] &= cost[:-d] <= cost[d:]
        return np.flatnonzero(selected)

    def insert(self) -> None:
        """Add keys at the worst sample of every segment until all segments are within the bound."""
        keys = self._key_indices()
        dirty = np.arange(1, len(keys) - 2)
        while True:
            max_error, worst_sample = self._max_errors(_neighbours(keys, dirty, (-1, 0, 1, 2)), locate=True)
            added = worst_sample[max_error > self.bound]
            if not len(added):
                return
            self.is_key.ravel()[added] = True
            keys = self._key_indices()
            dirty = np.unique(_neighbours(np.arange(len(keys) - 1), np.searchsorted(keys, added), (-2, -1, 0, 1)))

    def remove(self) -> None:
        """Remove every key that is not needed, the cheapest of a neighbourhood first."""
        stale, self.removal_cost = self.removable.copy(), np.full(len(self.y), np.inf)
        while True:
            keys = self._key_indices()
            k = np.flatnonzero(stale[keys])
            self.removal_cost[keys[k]] = self._cost(_neighbours(keys, k, (-3, -2, -1, 1, 2, 3)), (2, 1, 3))
            stale[keys[k]] = False
            removed = self._cheapest_apart(self.removal_cost[keys], 4)
            if not len(removed):
                return
            self.is_key.ravel()[keys[removed]] = False
            touched = _neighbours(keys, removed, (-3, -2, -1, 1, 2, 3))
            stale[touched] = self.removable[touched]

    def merge(self) -> None:
        """Replace pairs of keys that are nearly unneeded by one, near the point where their costs balance."""
        merge_cost, merge_target, stale = (
            np.full(len(self.y), np.inf),
            np.zeros(len(self.y), dtype=int),
            self.removable.copy(),
        )
        for _ in range(_MERGE_ROUNDS):
            keys = self._key_indices()
            merge_cost[stale] = np.inf
            first_cost, second_cost = self.removal_cost[keys[:-1]], self.removal_cost[keys[1:]]
            is_candidate = (
                stale[keys[:-1]]
                & self.removable[keys[1:]]
                & (np.minimum(first_cost, second_cost) <= _MAX_SINGLE_COST * self.bound)
                & (first_cost + second_cost <= _MAX_PAIR_COST * self.bound)
            )
            k = np.flatnonzero(is_candidate)
            if not len(k):
                return
            stale[:] = False
            share = second_cost[k] / np.maximum(first_cost[k] + second_cost[k], 1e-12)
            balance = np.rint(keys[k] + share * (keys[k + 1] - keys[k])).astype(int)
            low, high = (
                np.maximum(balance - _MERGE_REACH, keys[k - 1] + 1),
                np.minimum(balance + _MERGE_REACH, keys[k + 2] - 1),
            )
            count = high - low + 1
            starts = np.cumsum(count) - count
            position = np.arange(int(count.sum())) - np.repeat(starts - low, count)
            chain = _neighbours(keys, np.repeat(k, count), (-3, -2, -1, 0, 2, 3, 4))
            chain[:, 3] = position
            cost = self._cost(chain, (2, 3, 1, 4))
            merge_cost[keys[k]] = min_cost = np.minimum.reduceat(cost, starts)
            merge_target[keys[k]] = np.minimum.reduceat(
                np.where(cost <= np.repeat(min_cost, count), position, len(self.y)), starts
            )
            merged = self._cheapest_apart(merge_cost[keys], 6)
            new_keys = merge_target[keys[merged]]
            self.is_key.ravel()[keys[merged]] = self.is_key.ravel()[keys[merged + 1]] = False
            self.is_key.ravel()[new_keys] = True
            merge_cost[keys[merged]] = merge_cost[keys[merged + 1]] = np.inf
            self.removal_cost[new_keys] = 0.0  # unknown: a candidate for the next pass
            stale[new_keys] = True
            stale[_neighbours(keys, merged, (-4, -3, -2, -1, 2, 3, 4))] = True
            stale &= self.removable


def _neighbours(keys: Array, k: Array, offsets: tuple[int, ...]) -> Array:
    """(N, len(offsets)): keys at these offsets from keys[k]."""
    return keys[np.clip(k[:, None] + np.array(offsets), 0, len(keys) - 1)]

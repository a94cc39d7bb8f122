"""Error-bounded key reduction: few Bezier keys on whole frames whose curve stays within a tolerance at every frame.

The curve is Blender's own: auto-clamped handles without smoothing (`FCurve.auto_smoothing = 'NONE'`), so an animator can
move any key and the curve stays as such curves are (`bezier`).
"""

from __future__ import annotations

import numpy as np

from .bezier import HANDLE, blend, blocks, pull, table

_CLEAR = 0.02  # what stands out by so much, and by four tolerances, is meant
_MANY = 8  # segments of one kind that are worth a table
_ROUNDS, _REACH = 2, 2  # how often pairs of keys are tried, and how many frames around the likely place
_HOPE, _HOPES = 1.6, 4.0  # a pair is tried if removing one key, and both together, would miss by at most so many bounds


def anchors(values: np.ndarray, tolerance: float) -> np.ndarray:
    """(T, C) bool: the samples that stay keys whatever happens.

    The ends; peaks and valleys that clearly stand out (blink peaks, lip closures: an extreme sample keeps its exact value);
    and the first and last sample of a rest at a constant value (onsets).
    """
    t, c = values.shape
    keep = np.zeros((t, c), dtype=bool)
    keep[0] = keep[-1] = True
    if t < 3:
        return keep
    flat = np.diff(values, axis=0) == 0
    keep[1:-1] |= flat[:-1] ^ flat[1:]
    return keep | _turning_points(values, max(4 * tolerance, _CLEAR))


def _turning_points(values: np.ndarray, height: float) -> np.ndarray:
    """(T, C) bool: the ends and the samples where a curve turns by more than `height`; of all turns, weak pairs of neighbours drop out, the weakest first."""
    t, c = values.shape
    y = values.T.ravel()
    step = np.sign(np.diff(values, axis=0)).T
    curve, at = np.nonzero(step)
    turns = np.flatnonzero((np.diff(step[curve, at]) != 0) & (np.diff(curve) == 0)) + 1
    keep = np.zeros((c, t), dtype=bool)
    keep[curve[turns], at[turns]] = True
    keep[:, [0, -1]] = True
    chain = np.flatnonzero(keep)
    while True:
        rise = np.abs(np.diff(y[chain]))
        end = (chain % t == 0) | (chain % t == t - 1)
        rise[end[:-1] | end[1:]] = np.inf
        weak = np.flatnonzero((rise[1:-1] <= height) & (rise[1:-1] < rise[:-2]) & (rise[1:-1] <= rise[2:])) + 1
        if not len(weak):
            break
        chain = np.delete(chain, np.concatenate([weak, weak + 1]))
    out = np.zeros(c * t, dtype=bool)
    out[chain] = True
    return out.reshape(c, t).T


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
    keep = anchors(values, tolerance)
    if total > 2 and curves:
        work = _Curves(values, keep, tolerance * 0.98)  # Blender stores curves in float32
        work.keep[:, 1:-1] |= _turning_points(values, tolerance).T
        work.insert()
        work.remove()
        work.merge()
        keep = work.keep[:, 1:-1].T
    return [np.flatnonzero(k) for k in keep.T]


class _Curves:
    """All curves one after another, and which samples are keys. Each stands between two keys far out on the level of its ends, beside which its first and
    its last key lie flat, as they must: so every key has neighbours."""

    def __init__(self, values: np.ndarray, fixed: np.ndarray, bound: float):
        total, curves = values.shape
        frame = np.concatenate([[-total], np.arange(total), [2 * total]])
        self.x = (frame + 4.0 * total * np.arange(curves)[:, None]).ravel()
        self.y = np.pad(values, ((1, 1), (0, 0)), mode="edge").T.ravel()
        self.keep = np.pad(fixed, ((1, 1), (0, 0)), constant_values=True).T.copy()
        self.free = ~self.keep.ravel()
        self.bound = bound

    def _keys(self) -> np.ndarray:
        return np.flatnonzero(self.keep)

    def _misses(self, chain: np.ndarray, where: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """How far the curve through four keys (N, 4) is from the samples between the middle two at worst, (N,); if `where`, also the sample, where beyond
        the bound."""
        miss, at = np.zeros(len(chain)), np.zeros(len(chain), dtype=int)
        begin, end = chain[:, 1], chain[:, 2]
        live = np.flatnonzero((end - begin > 1) & (self.y[begin] != self.y[begin + (begin < end)]))  # rests end at anchors: they are exact
        if not len(live):
            return miss, at
        keys = chain[live].T
        (x0, x1, x2, x3), (y0, y1, y2, y3) = self.x[keys], self.y[keys]
        _, right, rise = blocks(pull, x0, y0, x1, y1, x2, y2)
        left, _, fall = blocks(pull, x1, y1, x2, y2, x3, y3)
        begin, span = keys[1], keys[2] - keys[1]
        rises = np.array([y2 - y1, rise * right, -fall * left])
        # Segments of one length and one reach of handles share a table; long and rare ones are solved one by one.
        short = [np.where(reach < span * (0.9999 / HANDLE), np.rint(reach * (HANDLE / 5)), 0) for reach in (right, left)]  # 0: handles reach all the way
        usual = (span < 256) & (short[0] < 16) & (short[1] < 16)
        kind = np.where(usual, span * 256 + short[0] * 16 + short[1], 0).astype(np.uint16)
        order = np.argsort(kind, kind="stable")
        kind = kind[order]
        edges = np.concatenate([[0], np.flatnonzero(np.diff(kind)) + 1, [len(kind)]])
        alike = (np.diff(edges) >= _MANY) & (kind[edges[:-1]] > 0)
        for low, high in zip(edges[:-1][alike].tolist(), edges[1:][alike].tolist()):
            n, a, b = int(kind[low]) >> 8, int(kind[low]) >> 4 & 15, int(kind[low]) & 15
            shares, inside = table(n, 5 * a or n, 5 * b or n), np.arange(1, n)[:, None]
            for first in range(low, high, 16384 // n):  # what fits the cache
                s = order[first : min(first + 16384 // n, high)]
                error = shares @ rises[:, s]
                error += y1[s]
                error -= self.y[begin[s] + inside]
                np.abs(error, out=error)
                miss[live[s]] = worst = error.max(axis=0)
                if where:
                    far = np.flatnonzero(worst > self.bound)
                    at[live[s[far]]] = begin[s[far]] + 1 + error[:, far].argmax(axis=0)
        rest = order[np.repeat(~alike, np.diff(edges))]
        if len(rest):
            inner = span[rest] - 1
            starts = np.cumsum(inner) - inner
            s = np.repeat(rest, inner)
            sample = np.arange(len(s)) - np.repeat(starts - begin[rest] - 1, inner)
            n = span[s]
            error = np.abs(y1[s] + (rises[:, s] * blocks(blend, (sample - begin[s]) / n, right[s] / n, 1 - left[s] / n)).sum(axis=0) - self.y[sample])
            miss[live[rest]] = worst = np.maximum.reduceat(error, starts)
            if where:
                at[live[rest]] = np.minimum.reduceat(np.where(error >= np.repeat(worst, inner), sample, len(self.y)), starts)
        return miss, at

    def _price(self, chain: np.ndarray, segments: tuple[int, ...]) -> np.ndarray:
        """The worst miss of these segments of chains of keys (N, K), as far as the first that is beyond the bound."""
        price, live = np.zeros(len(chain)), np.arange(len(chain))
        for s in segments:
            miss, _ = self._misses(chain[live, s - 1 : s + 3])
            price[live] = np.maximum(price[live], miss)
            live = live[miss <= self.bound]
        return price

    def _cheapest(self, price: np.ndarray, apart: int) -> np.ndarray:
        """Which changes are within the bound and cheaper than all others closer than `apart`, so that they can be made at once."""
        good = price <= self.bound
        for d in range(1, apart):
            good[d:] &= price[d:] < price[:-d]
            good[:-d] &= price[:-d] <= price[d:]
        return np.flatnonzero(good)

    def insert(self) -> None:
        """Keys at the worst sample of every segment, until all are within the bound."""
        keys = self._keys()
        dirty = np.arange(1, len(keys) - 2)
        while True:
            miss, at = self._misses(_near(keys, dirty, (-1, 0, 1, 2)), where=True)
            added = at[miss > self.bound]
            if not len(added):
                return
            self.keep.ravel()[added] = True
            keys = self._keys()
            dirty = np.unique(_near(np.arange(len(keys) - 1), np.searchsorted(keys, added), (-2, -1, 0, 1)))

    def remove(self) -> None:
        """No key that can go: the cheapest of every neighbourhood first."""
        stale, self.price = self.free.copy(), np.full(len(self.y), np.inf)
        while True:
            keys = self._keys()
            k = np.flatnonzero(stale[keys])
            self.price[keys[k]] = self._price(_near(keys, k, (-3, -2, -1, 1, 2, 3)), (2, 1, 3))
            stale[keys[k]] = False
            gone = self._cheapest(self.price[keys], 4)
            if not len(gone):
                return
            self.keep.ravel()[keys[gone]] = False
            touched = _near(keys, gone, (-3, -2, -1, 1, 2, 3))
            stale[touched] = self.free[touched]

    def merge(self) -> None:
        """One key instead of two neighbours, where both could nearly go: near where their prices balance."""
        merged, target, stale = np.full(len(self.y), np.inf), np.zeros(len(self.y), dtype=int), self.free.copy()
        for _ in range(_ROUNDS):
            keys = self._keys()
            merged[stale] = np.inf
            one, two = self.price[keys[:-1]], self.price[keys[1:]]
            pair = stale[keys[:-1]] & self.free[keys[1:]] & (np.minimum(one, two) <= _HOPE * self.bound) & (one + two <= _HOPES * self.bound)
            k = np.flatnonzero(pair)
            if not len(k):
                return
            stale[:] = False
            share = two[k] / np.maximum(one[k] + two[k], 1e-12)
            middle = np.rint(keys[k] + share * (keys[k + 1] - keys[k])).astype(int)
            low, high = np.maximum(middle - _REACH, keys[k - 1] + 1), np.minimum(middle + _REACH, keys[k + 2] - 1)
            count = high - low + 1
            starts = np.cumsum(count) - count
            at = np.arange(count.sum()) - np.repeat(starts - low, count)
            chain = _near(keys, np.repeat(k, count), (-3, -2, -1, 0, 2, 3, 4))
            chain[:, 3] = at
            price = self._price(chain, (2, 3, 1, 4))
            merged[keys[k]] = least = np.minimum.reduceat(price, starts)
            target[keys[k]] = np.minimum.reduceat(np.where(price <= np.repeat(least, count), at, len(self.y)), starts)
            gone = self._cheapest(merged[keys], 6)
            new = target[keys[gone]]
            self.keep.ravel()[keys[gone]] = self.keep.ravel()[keys[gone + 1]] = False
            self.keep.ravel()[new] = True
            merged[keys[gone]] = merged[keys[gone + 1]] = np.inf
            self.price[new] = 0.0  # not known: it may be worth a try
            stale[new] = True
            stale[_near(keys, gone, (-4, -3, -2, -1, 2, 3, 4))] = True
            stale &= self.free


def _near(keys: np.ndarray, k: np.ndarray, offsets: tuple[int, ...]) -> np.ndarray:
    """(N, offsets): the keys so many keys away from keys[k]."""
    return keys[np.clip(k[:, None] + np.array(offsets), 0, len(keys) - 1)]

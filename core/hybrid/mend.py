"""Fill what a camera did not see, from whatever else is known: a helping take, the rest of the face, and the camera itself on both sides of the gap.

Per group and range: (1) a ridge regression, learned on this take's trusted rows, from the helping take's channels, sensors' rotations and the camera's other
groups, with bends. It maps the helper onto this performer's camera: gain, offset, crosstalk. How much of that is used is chosen per channel by leaving out
stretches of the take, so a channel that nothing shows falls back to its mean. (2) What the regression is off by on both sides is carried into the range by a
Gaussian process (Matern 3/2, as slow as the residual is in this take): values meet the camera's at the edges without a step, and a channel that nothing shows
is interpolated. Where nearly the whole face trembles at once, no thing hides it: the light is bad, and the camera is right on the whole. There its own rows
take part in (2), as noisy as they are. Only samples inside the ranges are ever changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..channels import ARKIT, GROUPS
from ..errors import InnerfaceError
from ..resample import bridge
from ..take import Track
from . import evidence
from .ranges import TREMBLES, Occlusion, mask, rows, runs

_PENALTIES = np.array([1e-4, 1e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0])
_BLOCK_S, _FOLDS, _MARGIN_S = 3.0, 5, 0.25
_LEAST_S = 4.0  # of trusted rows; with less a channel has a gain and an offset at most
_HELD, _MOST_GAIN = 0.003, 3.0  # variance that a channel must have before its gain is believed
_ROUGH, _FAR, _OFF = 0.03, 12.0, 5.0
_SHOWN_S = 20.0  # of trusted rows, before the least that mouthClose - jawOpen reached in them means anything
_GAIN = 0.98  # of the simpler error at most, for more to be used
_SIDE_S, _SIDE = 0.6, 14  # rows on each side that a range is tied to
_LAGS_S = (0.1, 0.2, 0.4, 0.8, 1.6)
_HALF = 0.4  # a residual is as slow as the longest lag at which it correlates so much
_SLOWER = 1.7  # Matern 3/2 of this scale falls to 0.4 at that lag
_SOFT_S, _JOIN_S = 0.06, 0.1
_PIECE = 150  # rows at a time
_WANDERS = 2.0  # a tremble is not all white: its noise counts for so much
_NOISE = 0.01  # of a residual's variance
_CLOSE, _JAW = ARKIT.index("mouthClose"), ARKIT.index("jawOpen")


@dataclass(frozen=True)
class Helper:
    """A helping take on the camera's rows: `weights` (T, 52), NaN where it says nothing, and `also` (T, D): more that it knows (sensors' rotations, sound);
    `blind`: channels that it does not show; `who`: "sensors", "other take"."""

    weights: np.ndarray
    also: np.ndarray
    blind: frozenset[str] = frozenset()
    who: str = "sensors"

    def features(self) -> np.ndarray:
        """(T, 52 + D), NaN where it says nothing."""
        return np.concatenate([self.weights, self.also], axis=1)


@dataclass(frozen=True)
class Mended:
    """`track`: the camera's rows with what was hidden filled in; `changed` (T, 52) bool: which samples; `source` per channel: what it was made of most
    ("sensors", "rest of the face", "edges")."""

    track: Track
    changed: np.ndarray
    source: dict[str, str]


def plain(track: Track, ranges: Sequence[Occlusion], helper: Helper) -> Mended:
    """The paper's: the helping take's channels as they are, inside the ranges (IMUSIC section 5.3)."""
    weights, changed = track.select(ARKIT), mask(ranges, track.time)
    changed &= np.isfinite(helper.weights)
    weights[changed] = helper.weights[changed]
    return Mended(_written(track, weights, changed), changed, {})


def mend(
    track: Track,
    ranges: Sequence[Occlusion],
    helper: Helper | None = None,
    sound: np.ndarray | None = None,
    doubt: np.ndarray | None = None,
) -> Mended:
    """`sound` (T, D): what is heard at the rows (`voice`); `doubt` (T, 52) bool: samples besides that nothing is learned from. Raises InnerfaceError where a
    group has no trusted row."""
    weights, hidden = track.select(ARKIT), mask(ranges, track.time)
    absent = np.array([c not in track.columns for c in ARKIT])
    hidden[:, absent] = False
    seen = ~hidden & np.isfinite(weights)
    filled = np.nan_to_num(bridge(track.time, np.where(seen, weights, np.nan)))
    known = np.zeros(len(track.time), dtype=bool) if helper is None else np.isfinite(helper.features()).all(axis=1)
    clear = {g: seen[:, c][:, ~absent[c]].all(axis=1) for g, c in evidence.COLUMNS.items()}
    sure = (
        clear if doubt is None else {g: flags & ~doubt[:, c].any(axis=1) for (g, flags), c in zip(clear.items(), evidence.COLUMNS.values())}
    )
    limit = _usual_step(weights, seen)
    shaken = _shaken(ranges, track.time)
    out, source = filled.copy(), {}
    for group, columns in evidence.COLUMNS.items():
        columns = columns[~absent[columns]]
        gap = hidden[:, columns].any(axis=1) if len(columns) else np.zeros(len(track.time), dtype=bool)
        if not gap.any():
            continue
        if not clear[group].any():
            raise InnerfaceError(
                f"no row of the camera's {group} can be trusted, so nothing tells its scale; leave some rows out of the ranges, or add --plain"
            )
        turn = np.zeros(len(gap), dtype=bool)  # rows in which something else becomes known than in the hidden row before
        best = np.zeros((len(gap), len(columns)), dtype=int)
        for pattern, at in _patterns(gap, [g for g in GROUPS if g != group], clear, known):
            good = sure[group] & np.all([sure[g] for g in pattern.groups], axis=0) & (known | ~pattern.helped)
            if not good.any():
                good = clear[group]
            learned = _learn(filled, columns, good, pattern, helper if pattern.helped else None, sound, track)
            need = at | clear[group]
            value, kind = learned(need)
            best[at] = kind
            turn[1:] |= at[1:] & gap[:-1] & ~at[:-1]
            out[np.ix_(at, columns)] = value[at[need]]
            measured = np.where((shaken & at)[:, None] & np.isfinite(weights[:, columns]), weights[:, columns], np.nan)
            _tie(out, filled, columns, value, need, at, clear[group] & good, clear[group], track.time, measured)
        _join(out, columns, np.flatnonzero(turn), gap, track.time)
        for k, c in enumerate(columns):
            kinds = np.bincount(best[gap, k], minlength=3)
            source[ARKIT[c]] = ("edges", "rest of the face", helper.who if helper else "")[int(kinds.argmax())]
    _keep_possible(out, seen, hidden, track.rate)
    _soften(out, seen, hidden, limit, track.time)
    weights = np.where(hidden, out, weights)
    return Mended(_written(track, weights, hidden), hidden, source)


@dataclass(frozen=True)
class _Pattern:
    """What is known in some of a group's hidden rows: other groups that the camera sees, and whether the helping take says something."""

    groups: tuple[str, ...]
    helped: bool


def _patterns(gap: np.ndarray, others: list[str], clear: dict[str, np.ndarray], known: np.ndarray) -> list[tuple[_Pattern, np.ndarray]]:
    state = np.stack([clear[g] for g in others] + [known], axis=1)
    out = []
    for row in np.unique(state[gap], axis=0):
        pattern = _Pattern(tuple(g for g, there in zip(others, row) if there), bool(row[-1]))
        out.append((pattern, gap & (state == row).all(axis=1)))
    return out


def _learn(
    filled: np.ndarray,
    columns: np.ndarray,
    rows: np.ndarray,
    pattern: _Pattern,
    helper: Helper | None,
    sound: np.ndarray | None,
    track: Track,
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """A function from rows (T,) bool to what is expected there (N, C), and of what kind each channel's regression is (C,): 0 its mean, 1 the rest of the face,
    2 the helping take."""
    y = filled[:, columns]
    others = np.concatenate([evidence.COLUMNS[g] for g in pattern.groups]).astype(int) if pattern.groups else np.zeros(0, dtype=int)
    face = filled[:, others] if sound is None else np.concatenate([filled[:, others], sound], axis=1)
    trusted = np.flatnonzero(rows)
    enough = len(trusted) >= _LEAST_S * track.rate
    mean = np.median(y[trusted], axis=0) if not enough else y[trusted].mean(axis=0)
    own = line = None
    if helper is not None:
        own = np.nan_to_num(helper.weights[:, columns])
        line = _gain_offset(own[trusted], y[trusted], track.rate)
    tries: list[tuple[int, np.ndarray]] = []  # kind, features
    if enough and face.shape[1]:
        tries += [(1, face), (1, np.concatenate([face, evidence.bends(face, trusted)], axis=1))]
    if enough and helper is not None:
        all_of_it = np.nan_to_num(helper.features())
        both = np.concatenate([all_of_it, face], axis=1)
        tries += [(2, all_of_it), (2, both), (2, np.concatenate([both, evidence.bends(both, trusted)], axis=1))]
    seconds = track.time[trusted] - track.time[0]
    inner = (seconds % _BLOCK_S > _MARGIN_S) & (seconds % _BLOCK_S < _BLOCK_S - _MARGIN_S)
    fold = (seconds // _BLOCK_S).astype(int) % _FOLDS
    count = len(columns)
    kind, choice, penalty = np.zeros(count, dtype=int), np.full(count, -1), np.ones(count)
    straight = np.zeros((len(y), count)) if own is None or line is None else own * line[0] + line[1]
    likely = _likely(tries[-1][1][trusted], (y - straight)[trusted]) if tries else np.ones(len(trusted))
    if enough and inner.any():
        weight = (likely * inner)[:, None]
        best = (weight * (y[trusted] - mean) ** 2).sum(axis=0) / weight.sum()
        if own is not None:
            error = (weight * (y[trusted] - straight[trusted]) ** 2).sum(axis=0) / weight.sum()
            kind = np.where(error < _GAIN * best, 2, kind)
            best = np.minimum(best, error)
        for t, (what, x) in enumerate(tries):
            target = y - straight if what == 2 else y
            error, at = _left_out(x[trusted], target[trusted], fold, inner, likely)
            better = error < _GAIN * best
            best[better], kind[better], choice[better], penalty[better] = error[better], what, t, at[better]
    elif own is not None and helper is not None:
        kind[:] = np.where([ARKIT[c] in helper.blind for c in columns], 0, 2)
    solved = {}
    for t in np.unique(choice[choice >= 0]):
        what, x = tries[t]
        for p in np.unique(penalty[choice == t]):
            these = np.flatnonzero((choice == t) & (penalty == p))
            target = (y - straight if what == 2 else y)[np.ix_(trusted, these)]
            solved[t, p] = these, evidence.ridge(x[trusted], target, likely, float(p))

    def told(need: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        out = np.where(kind == 2, straight[need], mean)
        for (t, _), (these, c) in solved.items():
            said = tries[t][1][need] @ c[:-1] + c[-1]
            out[:, these] = said + (straight[need][:, these] if tries[t][0] == 2 else 0.0)
        return out, kind

    return told


def _gain_offset(x: np.ndarray, y: np.ndarray, rate: float) -> np.ndarray:
    """(2, C): gain and offset of y on x, channel by channel. Where x hardly moves in these rows the gain stays near 1, where it moves and y does not follow, it
    goes to 0."""
    if not len(x):
        return np.stack([np.ones(y.shape[1]), np.zeros(y.shape[1])])
    weight = np.ones_like(y)
    gain, offset = np.ones(y.shape[1]), np.zeros(y.shape[1])
    for _ in range(3):
        total = weight.sum(axis=0)
        mx, my = (weight * x).sum(axis=0) / total, (weight * y).sum(axis=0) / total
        held = rate * _HELD
        gain = np.clip(((weight * (x - mx) * (y - my)).sum(axis=0) + held) / ((weight * (x - mx) ** 2).sum(axis=0) + held), 0.0, _MOST_GAIN)
        offset = my - gain * mx
        rest = np.abs(y - gain * x - offset)
        weight = 1 / (1 + (rest / (3 * 1.48 * np.median(rest, axis=0) + 0.03)) ** 2)
    return np.stack([gain, offset])


def _likely(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(N,): how far each row is believed: those that are far off what the others say, such as damage that nobody found, count little."""
    weight = np.ones(len(x))
    for _ in range(2):
        c = evidence.ridge(x, y, weight, _ROUGH)
        rest = np.abs(y - x @ c[:-1] - c[-1])
        off = np.sqrt((np.minimum(rest / (1.48 * np.median(rest, axis=0) + 0.02), _FAR) ** 2).mean(axis=1))
        weight = 1 / (1 + (off / _OFF) ** 4)
    return weight


def _left_out(x: np.ndarray, y: np.ndarray, fold: np.ndarray, inner: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least mean square error (C,) over stretches left out, rows weighted, and the penalty (C,) that it was reached with."""
    z = (x - x.mean(axis=0)) / (x.std(axis=0) + 0.02)
    folds = [np.flatnonzero((fold == f) & inner) for f in range(_FOLDS)]
    folds = [f for f in folds if len(f)]
    if len(folds) < 2:
        return np.full(y.shape[1], np.inf), np.ones(y.shape[1])
    grams = []
    for f in folds:
        w = weight[f][:, None]
        grams.append((z[f].T @ (w * z[f]), z[f].T @ (w * y[f]), (w * z[f]).sum(axis=0), (w * y[f]).sum(axis=0), weight[f].sum()))
    total = [sum(part) for part in zip(*grams)]  # type: ignore[arg-type]
    error = np.zeros((len(_PENALTIES), y.shape[1]))
    for f, own in zip(folds, grams):
        zz, zy, sz, sy, n = (whole - part for whole, part in zip(total, own))
        mz, my = sz / n, sy / n
        size, axes = np.linalg.eigh(zz / n - np.outer(mz, mz))
        turned = axes.T @ (zy / n - np.outer(mz, my))
        seen = (z[f] - mz) @ axes
        for k, p in enumerate(_PENALTIES):
            off = seen @ (turned / (np.maximum(size, 0) + p)[:, None]) + my - y[f]
            error[k] += (weight[f][:, None] * off**2).sum(axis=0)
    best = error.argmin(axis=0)
    return error[best, np.arange(y.shape[1])] / sum(weight[f].sum() for f in folds), _PENALTIES[best]


def _tie(
    out: np.ndarray, filled: np.ndarray, columns: np.ndarray, value: np.ndarray, need: np.ndarray, at: np.ndarray,
    learned_on: np.ndarray, clear: np.ndarray, time: np.ndarray, measured: np.ndarray,
) -> None:  # fmt: skip
    """Carry what the regression `value` (of the rows `need`) is off by beside each gap into it, in place. `measured` (T, C): what is known in a gap itself, if
    only through a tremble, NaN where nothing is."""
    place = np.full(len(need), -1)
    place[need] = np.arange(int(need.sum()))
    rest = np.full((len(need), len(columns)), np.nan)
    rest[clear] = filled[clear][:, columns] - value[place[clear]]
    scales = _scales(rest, learned_on if learned_on.sum() > 30 else clear, time)
    for a, b in runs(at):
        inside = np.arange(a, b)
        left = np.flatnonzero(clear[:a])[-_SIDE:]
        right = b + np.flatnonzero(clear[b:])[:_SIDE]
        left = left[time[a] - time[left] < _SIDE_S] if len(left) else left
        right = right[time[right] - time[b - 1] < _SIDE_S] if len(right) else right
        side = np.concatenate([left, right])
        if np.isfinite(measured[a:b]).all() and b - a > 3:
            off = measured[a:b] - value[place[a:b]]
            out[np.ix_(inside, columns)] += _steadied(off, rest, side.astype(int), inside, scales, time)
            continue
        if not len(side):
            continue
        for scale in np.unique(scales):
            these = np.flatnonzero(scales == scale)
            near = _matern(time[side], time[side], scale) + _NOISE * np.eye(len(side))
            carry = _matern(time[inside], time[side], scale) @ np.linalg.solve(near, rest[side][:, these])
            out[np.ix_(inside, columns[these])] += carry


def _steadied(off: np.ndarray, rest: np.ndarray, side: np.ndarray, inside: np.ndarray, scales: np.ndarray, time: np.ndarray) -> np.ndarray:
    """(n, C): what a trembling camera is off by from the regression, `off` (n, C) of the rows `inside`, without the tremble and tied to `rest` at the rows
    `side`; piece by piece, so that long stretches cost no more."""
    noise = _WANDERS * (np.diff(off, n=2, axis=0) ** 2).mean(axis=0) / 6  # as of white noise
    power = np.maximum(np.nanmean(rest**2, axis=0), (off**2).mean(axis=0) - noise) + 1e-8  # more may be going on here than elsewhere
    out = np.zeros_like(off)
    for first in range(0, len(inside), _PIECE):
        mine = np.arange(first, min(first + _PIECE, len(inside)))
        around = np.arange(max(first - _SIDE, 0), min(first + _PIECE + _SIDE, len(inside)))
        near_by = side[np.abs(time[side] - time[inside[mine]].mean()) < _SIDE_S + (time[inside[mine[-1]]] - time[inside[mine[0]]])]
        known = np.concatenate([near_by, inside[around]])
        told = np.concatenate([rest[near_by], off[around]])
        for k in range(off.shape[1]):
            near = _matern(time[known], time[known], scales[k])
            near[np.diag_indices(len(known))] += np.where(np.arange(len(known)) < len(near_by), _NOISE, noise[k] / power[k])
            out[mine, k] = _matern(time[inside[mine]], time[known], scales[k]) @ np.linalg.solve(near, told[:, k])
    return out


def _join(out: np.ndarray, columns: np.ndarray, turns: np.ndarray, gap: np.ndarray, time: np.ndarray) -> None:
    """In place: inside a gap, where something else becomes known (another group hidden besides, the helping take's end), both sides meet in the middle."""
    for row in turns:
        before, after = np.flatnonzero(~gap[:row]), np.flatnonzero(~gap[row:])
        first, last = (before[-1] + 1 if len(before) else 0), (row + after[0] if len(after) else len(gap))
        half = (out[row] - out[row - 1])[columns] / 2
        for rows_here, sign, edge in ((np.arange(first, row), 1.0, time[row - 1]), (np.arange(row, last), -1.0, time[row])):
            out[np.ix_(rows_here, columns)] += sign * np.exp(-(((time[rows_here] - edge) / _JOIN_S) ** 2))[:, None] * half


def _shaken(ranges: Sequence[Occlusion], time: np.ndarray) -> np.ndarray:
    """(T,) bool: rows in which all groups but one at most tremble at once."""
    trembling = [r for r in ranges if r.reason == TREMBLES]
    return np.sum([rows(trembling, time, g) for g in GROUPS], axis=0) >= len(GROUPS) - 1


def _usual_step(weights: np.ndarray, seen: np.ndarray) -> float:
    """The 99.9th percentile of how much a trusted sample differs from the row before."""
    step = np.abs(np.diff(weights, axis=0))[seen[1:] & seen[:-1]]
    return float(np.percentile(step, 99.9)) if len(step) else 1.0


def _soften(out: np.ndarray, seen: np.ndarray, hidden: np.ndarray, limit: float, time: np.ndarray) -> None:
    """In place, hidden samples only: where a value would step at an edge by more than the take itself ever does (something fast was going on just there), it
    comes nearer within a tenth of a second."""
    for k in np.flatnonzero(hidden.any(axis=0)):
        for a, b in runs(hidden[:, k]):
            inside = np.arange(a, b)
            for edge, first in ((a - 1, a), (b, b - 1)):
                if not 0 <= edge < len(out) or not seen[edge, k]:
                    continue
                step = out[edge, k] - out[first, k]
                beyond = np.sign(step) * max(abs(step) - limit, 0.0)
                if beyond:
                    out[inside, k] += beyond * np.exp(-(((time[inside] - time[first]) / _SOFT_S) ** 2))


def _matern(a: np.ndarray, b: np.ndarray, scale: float) -> np.ndarray:
    far = np.sqrt(3) * np.abs(a[:, None] - b[None]) / scale
    return (1 + far) * np.exp(-far)


def _scales(rest: np.ndarray, rows: np.ndarray, time: np.ndarray) -> np.ndarray:
    """How slow (C,) s each channel's residual (T, C) is on trusted rows: the longest lag at which it still correlates."""
    step = float(np.median(np.diff(time))) if len(time) > 1 else 1 / 30
    x = np.where(rows[:, None], rest, np.nan)
    x = x - np.nanmean(x, axis=0)
    power = np.nanmean(x * x, axis=0) + 1e-12
    out = np.full(rest.shape[1], _LAGS_S[0])
    for lag in _LAGS_S:
        k = max(round(lag / step), 1)
        if k >= len(x):
            break
        product = x[k:] * x[:-k]
        if np.isfinite(product).any(axis=0).all():
            out[np.nanmean(product, axis=0) / power > _HALF] = lag
    return out * _SLOWER


def _keep_possible(out: np.ndarray, seen: np.ndarray, hidden: np.ndarray, rate: float) -> None:
    """In place, hidden samples only: weights within what can be, and mouthClose - jawOpen within what trusted rows show."""
    trusted = np.where(seen, out, np.nan)
    low, high = np.nanmin(trusted, axis=0, initial=0.0), np.nanmax(trusted, axis=0, initial=1.0)
    out[:] = np.where(hidden, np.clip(out, low, high), out)
    both = seen[:, _CLOSE] & seen[:, _JAW]
    if both.any():
        between = out[both, _CLOSE] - out[both, _JAW]
        lowest = between.min() if both.sum() > _SHOWN_S * rate else -np.inf
        least = np.clip(out[:, _JAW] + lowest, 0.0, None)
        close = np.clip(out[:, _CLOSE], least, np.maximum(out[:, _JAW] + between.max(), least))
        out[:, _CLOSE] = np.where(hidden[:, _CLOSE], close, out[:, _CLOSE])


def _written(track: Track, weights: np.ndarray, changed: np.ndarray) -> Track:
    """The track with the changed samples in it; what a row without a face lacks besides (head, eyes' angles) is bridged where the row has a face now."""
    values = track.put(ARKIT, np.where(changed, weights, track.select(ARKIT))).values
    face = [k for k, c in enumerate(track.columns) if c in ARKIT]
    rest = [k for k, c in enumerate(track.columns) if c not in ARKIT]
    back = track.lost() & np.isfinite(values[:, face]).all(axis=1)
    if rest and back.any():
        values[np.ix_(back, rest)] = bridge(track.time, track.values[:, rest])[back]
    return replace(track, values=values)

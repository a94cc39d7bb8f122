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

from ..errors import InnerfaceError
from ..face.channels import ARKIT, GROUPS
from ..take import Track
from ..take.resample import fill_gaps
from . import occlusion_features
from .ranges import REASON_JITTER, Occlusion, row_mask, runs, sample_mask

_PENALTIES = np.array([1e-4, 1e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0])
_BLOCK_S, _FOLDS, _MARGIN_S = 3.0, 5, 0.25
_MIN_TRAINING_S = 4.0  # of trusted rows; with less a channel has a gain and an offset at most
_GAIN_PRIOR_VARIANCE, _MAX_GAIN = 0.003, 3.0  # variance that a channel must have before its gain is believed
_INLIER_PENALTY, _MAX_RESIDUAL, _OUTLIER_SCALE = 0.03, 12.0, 5.0
_MIN_LIPS_JAW_S = 20.0  # of trusted rows, before the least that mouthClose - jawOpen reached in them means anything
_MAX_ERROR_RATIO = 0.98  # of the simpler error at most, for more to be used
_SIDE_S, _SIDE_ROWS = 0.6, 14  # rows on each side that a range is tied to
_LAGS_S = (0.1, 0.2, 0.4, 0.8, 1.6)
_MIN_CORRELATION = 0.4  # a residual is as slow as the longest lag at which it correlates so much
_MATERN_SCALE = 1.7  # Matern 3/2 of this scale falls to 0.4 at that lag
_EDGE_SOFTENING_S, _JOIN_S = 0.06, 0.1
_PIECE_ROWS = 150  # rows at a time
_NOISE_FACTOR = 2.0  # a tremble is not all white: its noise counts for so much
_NOISE = 0.01  # of a residual's variance
_MOUTH_CLOSE, _JAW_OPEN = ARKIT.index("mouthClose"), ARKIT.index("jawOpen")


@dataclass(frozen=True)
class Helper:
    """A helping take on the camera's rows: `weights` (T, 52), NaN where it says nothing, and `also` (T, D): more that it knows (sensors' rotations, sound);
    `blind`: channels that it does not show; `who`: "sensors", "other take"."""

    weights: np.ndarray
    extra: np.ndarray
    unobserved: frozenset[str] = frozenset()
    name: str = "sensors"

    def features(self) -> np.ndarray:
        """(T, 52 + D), NaN where it says nothing."""
        return np.concatenate([self.weights, self.extra], axis=1)


@dataclass(frozen=True)
class Infill:
    """`track`: the camera's rows with what was hidden filled in; `changed` (T, 52) bool: which samples; `source` per channel: what it was made of most
    ("sensors", "rest of the face", "edges")."""

    track: Track
    changed: np.ndarray
    source: dict[str, str]


def substitute(track: Track, ranges: Sequence[Occlusion], helper: Helper) -> Infill:
    """The paper's: the helping take's channels as they are, inside the ranges (IMUSIC section 5.3)."""
    weights, changed = track.select(ARKIT), sample_mask(ranges, track.time)
    changed &= np.isfinite(helper.weights)
    weights[changed] = helper.weights[changed]
    return Infill(_write_weights(track, weights, changed), changed, {})


def infill(
    track: Track,
    ranges: Sequence[Occlusion],
    helper: Helper | None = None,
    sound: np.ndarray | None = None,
    doubt: np.ndarray | None = None,
) -> Infill:
    """`sound` (T, D): what is heard at the rows (`voice`); `doubt` (T, 52) bool: samples besides that nothing is learned from. Raises InnerfaceError where a
    group has no trusted row."""
    weights, hidden = track.select(ARKIT), sample_mask(ranges, track.time)
    absent = np.array([c not in track.columns for c in ARKIT])
    hidden[:, absent] = False
    trusted = ~hidden & np.isfinite(weights)
    filled = np.nan_to_num(fill_gaps(track.time, np.where(trusted, weights, np.nan)))
    helper_known = (
        np.zeros(len(track.time), dtype=bool) if helper is None else np.isfinite(helper.features()).all(axis=1)
    )
    clear_rows = {g: trusted[:, c][:, ~absent[c]].all(axis=1) for g, c in occlusion_features.COLUMNS.items()}
    learnable_rows = (
        clear_rows
        if doubt is None
        else {
            g: flags & ~doubt[:, c].any(axis=1)
            for (g, flags), c in zip(clear_rows.items(), occlusion_features.COLUMNS.values())
        }
    )
    step_limit = _usual_step(weights, trusted)
    shaken_rows = _shaken_rows(ranges, track.time)
    out, source = filled.copy(), {}
    for group, columns in occlusion_features.COLUMNS.items():
        columns = columns[~absent[columns]]
        gap = hidden[:, columns].any(axis=1) if len(columns) else np.zeros(len(track.time), dtype=bool)
        if not gap.any():
            continue
        if not clear_rows[group].any():
            raise InnerfaceError(
                f"no row of the camera's {group} can be trusted, so nothing tells its scale; leave some rows out of the ranges, or add --plain"
            )
        pattern_starts = np.zeros(
            len(gap), dtype=bool
        )  # rows in which something else becomes known than in the hidden row before
        best_kind = np.zeros((len(gap), len(columns)), dtype=int)
        for pattern, pattern_rows in _patterns(gap, [g for g in GROUPS if g != group], clear_rows, helper_known):
            training_rows = (
                learnable_rows[group]
                & np.all([learnable_rows[g] for g in pattern.groups], axis=0)
                & (helper_known | ~pattern.has_helper)
            )
            if not training_rows.any():
                training_rows = clear_rows[group]
            predict = _fit_regression(
                filled, columns, training_rows, pattern, helper if pattern.has_helper else None, sound, track
            )
            needed = pattern_rows | clear_rows[group]
            prediction, kind = predict(needed)
            best_kind[pattern_rows] = kind
            pattern_starts[1:] |= pattern_rows[1:] & gap[:-1] & ~pattern_rows[:-1]
            out[np.ix_(pattern_rows, columns)] = prediction[pattern_rows[needed]]
            measured = np.where(
                (shaken_rows & pattern_rows)[:, None] & np.isfinite(weights[:, columns]), weights[:, columns], np.nan
            )
            _blend_edges(
                out,
                filled,
                columns,
                prediction,
                needed,
                pattern_rows,
                clear_rows[group] & training_rows,
                clear_rows[group],
                track.time,
                measured,
            )
        _blend_joins(out, columns, np.flatnonzero(pattern_starts), gap, track.time)
        for k, c in enumerate(columns):
            kinds = np.bincount(best_kind[gap, k], minlength=3)
            source[ARKIT[c]] = ("edges", "rest of the face", helper.name if helper else "")[int(kinds.argmax())]
    _clip_to_possible(out, trusted, hidden, track.rate)
    _limit_edge_steps(out, trusted, hidden, step_limit, track.time)
    weights = np.where(hidden, out, weights)
    return Infill(_write_weights(track, weights, hidden), hidden, source)


@dataclass(frozen=True)
class _Pattern:
    """What is known in some of a group's hidden rows: other groups that the camera sees, and whether the helping take says something."""

    groups: tuple[str, ...]
    has_helper: bool


def _patterns(
    gap: np.ndarray, others: list[str], clear: dict[str, np.ndarray], helper_known: np.ndarray
) -> list[tuple[_Pattern, np.ndarray]]:
    state = np.stack([clear[g] for g in others] + [helper_known], axis=1)
    out = []
    for row in np.unique(state[gap], axis=0):
        pattern = _Pattern(tuple(g for g, available in zip(others, row) if available), bool(row[-1]))
        out.append((pattern, gap & (state == row).all(axis=1)))
    return out


def _fit_regression(
    filled: np.ndarray,
    columns: np.ndarray,
    training_rows: np.ndarray,
    pattern: _Pattern,
    helper: Helper | None,
    sound: np.ndarray | None,
    track: Track,
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """A function from rows (T,) bool to what is expected there (N, C), and of what kind each channel's regression is (C,): 0 its mean, 1 the rest of the face,
    2 the helping take."""
    y = filled[:, columns]
    others = (
        np.concatenate([occlusion_features.COLUMNS[g] for g in pattern.groups]).astype(int)
        if pattern.groups
        else np.zeros(0, dtype=int)
    )
    face = filled[:, others] if sound is None else np.concatenate([filled[:, others], sound], axis=1)
    trusted = np.flatnonzero(training_rows)
    enough = len(trusted) >= _MIN_TRAINING_S * track.rate
    mean = np.median(y[trusted], axis=0) if not enough else y[trusted].mean(axis=0)
    helper_group = gain_offset = None
    if helper is not None:
        helper_group = np.nan_to_num(helper.weights[:, columns])
        gain_offset = _fit_gain_offset(helper_group[trusted], y[trusted], track.rate)
    candidates: list[tuple[int, np.ndarray]] = []  # kind, features
    if enough and face.shape[1]:
        candidates += [
            (1, face),
            (1, np.concatenate([face, occlusion_features.nystroem_features(face, trusted)], axis=1)),
        ]
    if enough and helper is not None:
        helper_features = np.nan_to_num(helper.features())
        combined = np.concatenate([helper_features, face], axis=1)
        candidates += [
            (2, helper_features),
            (2, combined),
            (2, np.concatenate([combined, occlusion_features.nystroem_features(combined, trusted)], axis=1)),
        ]
    seconds = track.time[trusted] - track.time[0]
    inner_rows = (seconds % _BLOCK_S > _MARGIN_S) & (seconds % _BLOCK_S < _BLOCK_S - _MARGIN_S)
    fold = (seconds // _BLOCK_S).astype(int) % _FOLDS
    count = len(columns)
    kind, choice, penalty = np.zeros(count, dtype=int), np.full(count, -1), np.ones(count)
    scaled_helper = (
        np.zeros((len(y), count))
        if helper_group is None or gain_offset is None
        else helper_group * gain_offset[0] + gain_offset[1]
    )
    row_weights = (
        _inlier_weights(candidates[-1][1][trusted], (y - scaled_helper)[trusted])
        if candidates
        else np.ones(len(trusted))
    )
    if enough and inner_rows.any():
        weight = (row_weights * inner_rows)[:, None]
        best = (weight * (y[trusted] - mean) ** 2).sum(axis=0) / weight.sum()
        if helper_group is not None:
            error = (weight * (y[trusted] - scaled_helper[trusted]) ** 2).sum(axis=0) / weight.sum()
            kind = np.where(error < _MAX_ERROR_RATIO * best, 2, kind)
            best = np.minimum(best, error)
        for t, (candidate_kind, x) in enumerate(candidates):
            target = y - scaled_helper if candidate_kind == 2 else y
            error, best_penalty = _cross_validate(x[trusted], target[trusted], fold, inner_rows, row_weights)
            improved = error < _MAX_ERROR_RATIO * best
            best[improved], kind[improved], choice[improved], penalty[improved] = (
                error[improved],
                candidate_kind,
                t,
                best_penalty[improved],
            )
    elif helper_group is not None and helper is not None:
        kind[:] = np.where([ARKIT[c] in helper.unobserved for c in columns], 0, 2)
    fits = {}
    for t in np.unique(choice[choice >= 0]):
        candidate_kind, x = candidates[t]
        for p in np.unique(penalty[choice == t]):
            selected = np.flatnonzero((choice == t) & (penalty == p))
            target = (y - scaled_helper if candidate_kind == 2 else y)[np.ix_(trusted, selected)]
            fits[t, p] = selected, occlusion_features.ridge(x[trusted], target, row_weights, float(p))

    def told(needed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        out = np.where(kind == 2, scaled_helper[needed], mean)
        for (t, _), (selected, c) in fits.items():
            prediction = candidates[t][1][needed] @ c[:-1] + c[-1]
            out[:, selected] = prediction + (scaled_helper[needed][:, selected] if candidates[t][0] == 2 else 0.0)
        return out, kind

    return told


def _fit_gain_offset(x: np.ndarray, y: np.ndarray, rate: float) -> np.ndarray:
    """(2, C): gain and offset of y on x, channel by channel. Where x hardly moves in these rows the gain stays near 1, where it moves and y does not follow, it
    goes to 0."""
    if not len(x):
        return np.stack([np.ones(y.shape[1]), np.zeros(y.shape[1])])
    weight = np.ones_like(y)
    gain, offset = np.ones(y.shape[1]), np.zeros(y.shape[1])
    for _ in range(3):
        total = weight.sum(axis=0)
        mx, my = (weight * x).sum(axis=0) / total, (weight * y).sum(axis=0) / total
        prior = rate * _GAIN_PRIOR_VARIANCE
        gain = np.clip(
            ((weight * (x - mx) * (y - my)).sum(axis=0) + prior) / ((weight * (x - mx) ** 2).sum(axis=0) + prior),
            0.0,
            _MAX_GAIN,
        )
        offset = my - gain * mx
        residual = np.abs(y - gain * x - offset)
        weight = 1 / (1 + (residual / (3 * 1.48 * np.median(residual, axis=0) + 0.03)) ** 2)
    return np.stack([gain, offset])


def _inlier_weights(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(N,): how far each row is believed: those that are far off what the others say, such as damage that nobody found, count little."""
    weight = np.ones(len(x))
    for _ in range(2):
        c = occlusion_features.ridge(x, y, weight, _INLIER_PENALTY)
        residual = np.abs(y - x @ c[:-1] - c[-1])
        deviation = np.sqrt(
            (np.minimum(residual / (1.48 * np.median(residual, axis=0) + 0.02), _MAX_RESIDUAL) ** 2).mean(axis=1)
        )
        weight = 1 / (1 + (deviation / _OUTLIER_SCALE) ** 4)
    return weight


def _cross_validate(
    x: np.ndarray, y: np.ndarray, fold: np.ndarray, inner_rows: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Least mean square error (C,) over stretches left out, rows weighted, and the penalty (C,) that it was reached with."""
    z = (x - x.mean(axis=0)) / (x.std(axis=0) + 0.02)
    folds = [np.flatnonzero((fold == f) & inner_rows) for f in range(_FOLDS)]
    folds = [f for f in folds if len(f)]
    if len(folds) < 2:
        return np.full(y.shape[1], np.inf), np.ones(y.shape[1])
    grams = []
    for f in folds:
        w = weight[f][:, None]
        grams.append(
            (z[f].T @ (w * z[f]), z[f].T @ (w * y[f]), (w * z[f]).sum(axis=0), (w * y[f]).sum(axis=0), weight[f].sum())
        )
    total = [sum(part) for part in zip(*grams)]  # type: ignore[arg-type]
    error = np.zeros((len(_PENALTIES), y.shape[1]))
    for f, fold_gram in zip(folds, grams):
        zz, zy, sz, sy, n = (all_rows - part for all_rows, part in zip(total, fold_gram))
        mz, my = sz / n, sy / n
        eigenvalues, eigenvectors = np.linalg.eigh(zz / n - np.outer(mz, mz))
        rotated = eigenvectors.T @ (zy / n - np.outer(mz, my))
        projected = (z[f] - mz) @ eigenvectors
        for k, p in enumerate(_PENALTIES):
            residual = projected @ (rotated / (np.maximum(eigenvalues, 0) + p)[:, None]) + my - y[f]
            error[k] += (weight[f][:, None] * residual**2).sum(axis=0)
    best = error.argmin(axis=0)
    return error[best, np.arange(y.shape[1])] / sum(weight[f].sum() for f in folds), _PENALTIES[best]


def _blend_edges(
    out: np.ndarray,
    filled: np.ndarray,
    columns: np.ndarray,
    prediction: np.ndarray,
    needed: np.ndarray,
    pattern_rows: np.ndarray,
    learned_on: np.ndarray,
    clear_rows: np.ndarray,
    time: np.ndarray,
    measured: np.ndarray,
) -> None:
    """Carry what the regression `value` (of the rows `need`) is off by beside each gap into it, in place. `measured` (T, C): what is known in a gap itself, if
    only through a tremble, NaN where nothing is."""
    positions = np.full(len(needed), -1)
    positions[needed] = np.arange(int(needed.sum()))
    residual = np.full((len(needed), len(columns)), np.nan)
    residual[clear_rows] = filled[clear_rows][:, columns] - prediction[positions[clear_rows]]
    scales = _time_scales(residual, learned_on if learned_on.sum() > 30 else clear_rows, time)
    for a, b in runs(pattern_rows):
        inside = np.arange(a, b)
        left = np.flatnonzero(clear_rows[:a])[-_SIDE_ROWS:]
        right = b + np.flatnonzero(clear_rows[b:])[:_SIDE_ROWS]
        left = left[time[a] - time[left] < _SIDE_S] if len(left) else left
        right = right[time[right] - time[b - 1] < _SIDE_S] if len(right) else right
        side_rows = np.concatenate([left, right])
        if np.isfinite(measured[a:b]).all() and b - a > 3:
            deviation = measured[a:b] - prediction[positions[a:b]]
            out[np.ix_(inside, columns)] += _smooth_measured(
                deviation, residual, side_rows.astype(int), inside, scales, time
            )
            continue
        if not len(side_rows):
            continue
        for scale in np.unique(scales):
            selected = np.flatnonzero(scales == scale)
            kernel = _matern(time[side_rows], time[side_rows], scale) + _NOISE * np.eye(len(side_rows))
            correction = _matern(time[inside], time[side_rows], scale) @ np.linalg.solve(
                kernel, residual[side_rows][:, selected]
            )
            out[np.ix_(inside, columns[selected])] += correction


def _smooth_measured(
    deviation: np.ndarray,
    residual: np.ndarray,
    side_rows: np.ndarray,
    inside: np.ndarray,
    scales: np.ndarray,
    time: np.ndarray,
) -> np.ndarray:
    """(n, C): what a trembling camera is off by from the regression, `off` (n, C) of the rows `inside`, without the tremble and tied to `rest` at the rows
    `side`; piece by piece, so that long stretches cost no more."""
    noise = _NOISE_FACTOR * (np.diff(deviation, n=2, axis=0) ** 2).mean(axis=0) / 6  # as of white noise
    power = (
        np.maximum(np.nanmean(residual**2, axis=0), (deviation**2).mean(axis=0) - noise) + 1e-8
    )  # more may be going on here than elsewhere
    out = np.zeros_like(deviation)
    for first in range(0, len(inside), _PIECE_ROWS):
        piece = np.arange(first, min(first + _PIECE_ROWS, len(inside)))
        around = np.arange(max(first - _SIDE_ROWS, 0), min(first + _PIECE_ROWS + _SIDE_ROWS, len(inside)))
        nearby_sides = side_rows[
            np.abs(time[side_rows] - time[inside[piece]].mean())
            < _SIDE_S + (time[inside[piece[-1]]] - time[inside[piece[0]]])
        ]
        known_rows = np.concatenate([nearby_sides, inside[around]])
        targets = np.concatenate([residual[nearby_sides], deviation[around]])
        for k in range(deviation.shape[1]):
            kernel = _matern(time[known_rows], time[known_rows], scales[k])
            kernel[np.diag_indices(len(known_rows))] += np.where(
                np.arange(len(known_rows)) < len(nearby_sides), _NOISE, noise[k] / power[k]
            )
            out[piece, k] = _matern(time[inside[piece]], time[known_rows], scales[k]) @ np.linalg.solve(
                kernel, targets[:, k]
            )
    return out


def _blend_joins(
    out: np.ndarray, columns: np.ndarray, pattern_starts: np.ndarray, gap: np.ndarray, time: np.ndarray
) -> None:
    """In place: inside a gap, where something else becomes known (another group hidden besides, the helping take's end), both sides meet in the middle."""
    for row in pattern_starts:
        before, after = np.flatnonzero(~gap[:row]), np.flatnonzero(~gap[row:])
        first, last = (before[-1] + 1 if len(before) else 0), (row + after[0] if len(after) else len(gap))
        half_step = (out[row] - out[row - 1])[columns] / 2
        for rows_here, sign, edge in (
            (np.arange(first, row), 1.0, time[row - 1]),
            (np.arange(row, last), -1.0, time[row]),
        ):
            out[np.ix_(rows_here, columns)] += (
                sign * np.exp(-(((time[rows_here] - edge) / _JOIN_S) ** 2))[:, None] * half_step
            )


def _shaken_rows(ranges: Sequence[Occlusion], time: np.ndarray) -> np.ndarray:
    """(T,) bool: rows in which all groups but one at most tremble at once."""
    trembling = [r for r in ranges if r.reason == REASON_JITTER]
    return np.sum([row_mask(trembling, time, g) for g in GROUPS], axis=0) >= len(GROUPS) - 1


def _usual_step(weights: np.ndarray, trusted: np.ndarray) -> float:
    """The 99.9th percentile of how much a trusted sample differs from the row before."""
    step = np.abs(np.diff(weights, axis=0))[trusted[1:] & trusted[:-1]]
    return float(np.percentile(step, 99.9)) if len(step) else 1.0


def _limit_edge_steps(
    out: np.ndarray, trusted: np.ndarray, hidden: np.ndarray, step_limit: float, time: np.ndarray
) -> None:
    """In place, hidden samples only: where a value would step at an edge by more than the take itself ever does (something fast was going on just there), it
    comes nearer within a tenth of a second."""
    for k in np.flatnonzero(hidden.any(axis=0)):
        for a, b in runs(hidden[:, k]):
            inside = np.arange(a, b)
            for edge, first in ((a - 1, a), (b, b - 1)):
                if not 0 <= edge < len(out) or not trusted[edge, k]:
                    continue
                step = out[edge, k] - out[first, k]
                excess = np.sign(step) * max(abs(step) - step_limit, 0.0)
                if excess:
                    out[inside, k] += excess * np.exp(-(((time[inside] - time[first]) / _EDGE_SOFTENING_S) ** 2))


def _matern(a: np.ndarray, b: np.ndarray, scale: float) -> np.ndarray:
    distance = np.sqrt(3) * np.abs(a[:, None] - b[None]) / scale
    return (1 + distance) * np.exp(-distance)


def _time_scales(residual: np.ndarray, trusted_rows: np.ndarray, time: np.ndarray) -> np.ndarray:
    """How slow (C,) s each channel's residual (T, C) is on trusted rows: the longest lag at which it still correlates."""
    step = float(np.median(np.diff(time))) if len(time) > 1 else 1 / 30
    x = np.where(trusted_rows[:, None], residual, np.nan)
    x = x - np.nanmean(x, axis=0)
    power = np.nanmean(x * x, axis=0) + 1e-12
    out = np.full(residual.shape[1], _LAGS_S[0])
    for lag in _LAGS_S:
        k = max(round(lag / step), 1)
        if k >= len(x):
            break
        product = x[k:] * x[:-k]
        if np.isfinite(product).any(axis=0).all():
            out[np.nanmean(product, axis=0) / power > _MIN_CORRELATION] = lag
    return out * _MATERN_SCALE


def _clip_to_possible(out: np.ndarray, trusted_mask: np.ndarray, hidden: np.ndarray, rate: float) -> None:
    """In place, hidden samples only: weights within what can be, and mouthClose - jawOpen within what trusted rows show."""
    trusted_values = np.where(trusted_mask, out, np.nan)
    low, high = np.nanmin(trusted_values, axis=0, initial=0.0), np.nanmax(trusted_values, axis=0, initial=1.0)
    out[:] = np.where(hidden, np.clip(out, low, high), out)
    both_trusted = trusted_mask[:, _MOUTH_CLOSE] & trusted_mask[:, _JAW_OPEN]
    if both_trusted.any():
        difference = out[both_trusted, _MOUTH_CLOSE] - out[both_trusted, _JAW_OPEN]
        min_difference = difference.min() if both_trusted.sum() > _MIN_LIPS_JAW_S * rate else -np.inf
        min_close = np.clip(out[:, _JAW_OPEN] + min_difference, 0.0, None)
        close = np.clip(out[:, _MOUTH_CLOSE], min_close, np.maximum(out[:, _JAW_OPEN] + difference.max(), min_close))
        out[:, _MOUTH_CLOSE] = np.where(hidden[:, _MOUTH_CLOSE], close, out[:, _MOUTH_CLOSE])


def _write_weights(track: Track, weights: np.ndarray, changed: np.ndarray) -> Track:
    """The track with the changed samples in it; what a row without a face lacks besides (head, eyes' angles) is bridged where the row has a face now."""
    values = track.replace_columns(ARKIT, np.where(changed, weights, track.select(ARKIT))).values
    face_columns = [k for k, c in enumerate(track.columns) if c in ARKIT]
    other_columns = [k for k, c in enumerate(track.columns) if c not in ARKIT]
    recovered = track.lost_rows() & np.isfinite(values[:, face_columns]).all(axis=1)
    if other_columns and recovered.any():
        values[np.ix_(recovered, other_columns)] = fill_gaps(track.time, track.values[:, other_columns])[recovered]
    return replace(track, values=values)

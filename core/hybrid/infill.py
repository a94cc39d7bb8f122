"""Fill what a camera did not see from a helping take, the rest of the face, and the camera on both sides of the gap.

Per group and range: (1) regressions learned on this take's trusted rows map the helping take and the visible groups
onto this performer's camera (`channel_regression`); (2) their residual on both sides is carried into the range
(`edge_blending`), so that values meet the camera's without a step and an unpredictable channel is interpolated. Where
nearly the whole face jitters at once, the cause is bad light rather than an obstacle, and the camera's own rows take
part in (2) with their noise. Only samples inside the ranges ever change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..face.channels import ARKIT, GROUPS
from ..take import Track
from ..take.resample import fill_gaps
from .channel_regression import Source, fit_channels
from .edge_blending import Prediction, blend_edges, blend_joins, limit_edge_steps
from .helper import Helper
from .occlusion_features import COLUMNS
from .ranges import JITTER_REASONS, Occlusion, row_mask, sample_mask

_MIN_LIPS_JAW_S = 20.0  # of trusted rows, for the smallest mouthClose - jawOpen in them to be a limit
_MOUTH_CLOSE, _JAW_OPEN = ARKIT.index("mouthClose"), ARKIT.index("jawOpen")


@dataclass(frozen=True)
class Infill:
    """A camera's track with its hidden samples filled in.

    Attributes
    ----------
    track : all rows and columns of the camera
    changed : (T, 52) bool, the filled samples
    source : per channel what it was mostly made of: "sensors" (the helping take's name), "rest of the face", "edges"
    """

    track: Track
    changed: Array
    source: dict[str, str]


@dataclass(frozen=True)
class _Pattern:
    """What is known in some hidden rows of a group: visible other groups, and whether the helping take has values."""

    groups: tuple[str, ...]
    has_helper: bool


def substitute(track: Track, ranges: Sequence[Occlusion], helper: Helper) -> Infill:
    """Copy the helping take's channels into the ranges (IMUSIC section 5.3)."""
    weights, changed = track.select(ARKIT), sample_mask(ranges, track.time)
    changed &= np.isfinite(helper.weights)
    weights[changed] = helper.weights[changed]
    return Infill(_write_weights(track, weights, changed), changed, {})


def infill(
    track: Track,
    ranges: Sequence[Occlusion],
    *,
    helper: Helper | None = None,
    sound: Array | None = None,
    doubt: Array | None = None,
) -> Infill:
    """Fill the ranges of a camera's track.

    Parameters
    ----------
    track : weights of the camera, T rows
    ranges : the hidden ranges
    helper : a helping take on the same rows
    sound : (T, D) levels of sound at the rows (`voice.band_levels`)
    doubt : (T, 52) bool, further samples that nothing is learned from

    Raises
    ------
    InnerfaceError
        if a group has no trusted row
    """
    weights, hidden = track.select(ARKIT), sample_mask(ranges, track.time)
    absent = np.array([c not in track.columns for c in ARKIT])
    hidden[:, absent] = False
    trusted = ~hidden & np.isfinite(weights)
    filled = np.nan_to_num(fill_gaps(track.time, np.where(trusted, weights, np.nan)))
    helper_known = (
        np.zeros(len(track.time), dtype=bool) if helper is None else np.isfinite(helper.features()).all(axis=1)
    )
    clear_rows = {g: trusted[:, c][:, ~absent[c]].all(axis=1) for g, c in COLUMNS.items()}
    learnable_rows = (
        clear_rows if doubt is None else {g: clear_rows[g] & ~doubt[:, c].any(axis=1) for g, c in COLUMNS.items()}
    )
    max_step = _largest_usual_step(weights, trusted)
    jittering = _jittering_rows(ranges, track.time)
    out = filled.copy()
    source: dict[str, str] = {}
    for group, columns in COLUMNS.items():
        columns = columns[~absent[columns]]
        gap = hidden[:, columns].any(axis=1) if len(columns) else np.zeros(len(track.time), dtype=bool)
        if not gap.any():
            continue
        if not clear_rows[group].any():
            raise InnerfaceError(
                f"no row of the camera's {group} can be trusted, so its scale is unknown; "
                "leave some rows out of the ranges, or add --plain"
            )
        joins = np.zeros(len(gap), dtype=bool)  # rows whose pattern differs from the hidden row before
        row_sources = np.zeros((len(gap), len(columns)), dtype=int)
        for pattern, pattern_rows in _patterns(
            gap, [g for g in GROUPS if g != group], clear_rows, helper_known=helper_known
        ):
            training_rows = (
                learnable_rows[group]
                & np.all([learnable_rows[g] for g in pattern.groups], axis=0)
                & (helper_known | ~np.bool_(pattern.has_helper))
            )
            if not training_rows.any():
                training_rows = clear_rows[group]
            regression = fit_channels(
                filled[:, columns],
                columns,
                training_rows,
                face=_face_features(filled, pattern.groups, sound),
                helper=helper if pattern.has_helper else None,
                elapsed=track.time - track.time[0],
                rate=track.rate,
            )
            needed = pattern_rows | clear_rows[group]
            prediction = Prediction(columns, regression.predict(needed), needed)
            row_sources[pattern_rows] = regression.source
            joins[1:] |= pattern_rows[1:] & gap[:-1] & ~pattern_rows[:-1]
            out[np.ix_(pattern_rows, columns)] = prediction.values[pattern_rows[needed]]
            usable = (jittering & pattern_rows)[:, None] & np.isfinite(weights[:, columns])
            blend_edges(
                out,
                filled,
                prediction,
                gap=pattern_rows,
                training_rows=clear_rows[group] & training_rows,
                clear_rows=clear_rows[group],
                time=track.time,
                measured=np.where(usable, weights[:, columns], np.nan),
            )
        blend_joins(out, columns, np.flatnonzero(joins), gap=gap, time=track.time)
        names = {Source.MEAN: "edges", Source.FACE: "rest of the face", Source.HELPER: helper.name if helper else ""}
        for k, c in enumerate(columns):
            most_frequent = int(np.bincount(row_sources[gap, k], minlength=3).argmax())
            source[ARKIT[c]] = names[Source(most_frequent)]
    _clip_to_possible(out, trusted, hidden, rate=track.rate)
    limit_edge_steps(out, trusted, hidden, max_step=max_step, time=track.time)
    weights = np.where(hidden, out, weights)
    return Infill(_write_weights(track, weights, hidden), hidden, source)


def _patterns(
    gap: Array, others: list[str], clear: dict[str, Array], *, helper_known: Array
) -> list[tuple[_Pattern, Array]]:
    """Patterns that occur in a gap (T,), each with its rows (T,) bool."""
    state = np.stack([clear[g] for g in others] + [helper_known], axis=1)
    patterns: list[tuple[_Pattern, Array]] = []
    for row in np.unique(state[gap], axis=0):
        pattern = _Pattern(tuple(g for g, visible in zip(others, row) if visible), bool(row[-1]))
        patterns.append((pattern, gap & (state == row).all(axis=1)))
    return patterns


def _face_features(filled: Array, groups: tuple[str, ...], sound: Array | None) -> Array:
    """Channels (T, D) of the visible groups, and the sound."""
    columns = np.concatenate([COLUMNS[g] for g in groups]).astype(int) if groups else np.zeros(0, dtype=int)
    return filled[:, columns] if sound is None else np.concatenate([filled[:, columns], sound], axis=1)


def _jittering_rows(ranges: Sequence[Occlusion], time: Array) -> Array:
    """Rows (T,) bool in which all groups, or all but one, jitter at once."""
    jittering = [r for r in ranges if r.reason in JITTER_REASONS]
    return np.sum([row_mask(jittering, time, g) for g in GROUPS], axis=0) >= len(GROUPS) - 1


def _largest_usual_step(weights: Array, trusted: Array) -> float:
    """99.9th percentile of the steps between trusted samples."""
    step = np.abs(np.diff(weights, axis=0))[trusted[1:] & trusted[:-1]]
    return float(np.percentile(step, 99.9)) if len(step) else 1.0


def _clip_to_possible(out: Array, trusted: Array, hidden: Array, *, rate: float) -> None:
    """Clip hidden samples, in place, to the range of trusted ones; mouthClose - jawOpen as well."""
    trusted_values = np.where(trusted, out, np.nan)
    low, high = np.nanmin(trusted_values, axis=0, initial=0.0), np.nanmax(trusted_values, axis=0, initial=1.0)
    out[:] = np.where(hidden, np.clip(out, low, high), out)
    both_trusted = trusted[:, _MOUTH_CLOSE] & trusted[:, _JAW_OPEN]
    if both_trusted.any():
        difference = out[both_trusted, _MOUTH_CLOSE] - out[both_trusted, _JAW_OPEN]
        min_difference = difference.min() if both_trusted.sum() > _MIN_LIPS_JAW_S * rate else -np.inf
        min_close = np.clip(out[:, _JAW_OPEN] + min_difference, 0.0, None)
        close = np.clip(out[:, _MOUTH_CLOSE], min_close, np.maximum(out[:, _JAW_OPEN] + difference.max(), min_close))
        out[:, _MOUTH_CLOSE] = np.where(hidden[:, _MOUTH_CLOSE], close, out[:, _MOUTH_CLOSE])


def _write_weights(track: Track, weights: Array, changed: Array) -> Track:
    """The track with the changed samples; head and eye angles are interpolated in rows that had no face before."""
    values = track.replace_columns(ARKIT, np.where(changed, weights, track.select(ARKIT))).values
    face_columns = [k for k, c in enumerate(track.columns) if c in ARKIT]
    other_columns = [k for k, c in enumerate(track.columns) if c not in ARKIT]
    recovered = track.lost_rows() & np.isfinite(values[:, face_columns]).all(axis=1)
    if other_columns and recovered.any():
        values[np.ix_(recovered, other_columns)] = fill_gaps(track.time, track.values[:, other_columns])[recovered]
    return replace(track, values=values)

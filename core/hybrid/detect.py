"""Find the time ranges in which a camera take cannot be trusted.

Lost and frozen rows are certain. All other ranges come from the trained detector: its log odds, row by row, are turned
into ranges by the Viterbi algorithm, in which every change between visible and hidden has a cost, so that single odd
rows make no range. A change costs less where the values jump.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..arrays import Array
from ..face.channels import ARKIT, GROUPS
from ..take import Track
from ..take.resample import fill_gaps
from .detector import Detector, LogOddsModel, column_sources, expand_features, load
from .occlusion_features import (
    COLUMNS,
    FEATURE_RATE,
    FEATURES_ALONE,
    OcclusionFeatures,
    gather_features,
    without_gaps,
)
from .ranges import REASON_JITTER, REASON_LOST, Occlusion, merge_ranges, runs
from .tracking_loss import find_frozen, find_lost

_REASONS = {
    "jitter": REASON_JITTER,
    "stillness": "hardly moves",
    "mahalanobis": "unusual combination of shapes",
    "misfit": "does not fit the rest of the face",
    "contradiction": "disagrees with the sensors",
    "motion_ratio": "moves less than the sensors",
    "motion_correlation": "does not follow the sensors",
}
_ODDS_THRESHOLD, _ODDS_THRESHOLD_HELPED = 1.5, -0.5  # log odds to exceed, without and with a helping take
# The features are relative to the take; a short take says little about what is usual, so the threshold is raised.
_SHORT_TAKE_S, _SHORT_TAKE_PENALTY = 20.0, 4.0
_MIN_HELP_SHARE = 0.2  # of the camera's rows that a helping take must cover
_TRANSITION_COST = 8.0  # log odds
_MAX_ROW_ODDS = 4.0  # log odds of one row
_EDGE_SEARCH_S = (0.2, 0.15)  # outwards, inwards: where the true edge may lie
_MAX_WIDEN_S, _MIN_WIDEN_ODDS = 0.2, 0.0  # edges move outwards for at most so long, while the log odds are above
_MIN_JUMP = 6.0  # times the usual step between rows
_JUMP_DISCOUNT = 0.5  # share of the transition cost that is waived where a row jumps
_MIN_RANGE_S, _MAX_JOIN_GAP_S = 0.15, 0.2
_MAX_CERTAIN_SHARE = 0.8  # a range with a larger share of lost or frozen rows is reported as these only


@dataclass(frozen=True)
class _GroupOdds:
    """The detector's view of one group: `expanded` features (T', F) and the log odds of each expert (2, T')."""

    expanded: Array
    expert_odds: Array


@dataclass(frozen=True)
class _TakeOdds:
    """The detector's log odds for a take.

    Attributes
    ----------
    by_row : log odds (T,) per group, at every row of the take
    groups : the same per group at every `stride`th row, with the features
    experts : the experts that were asked
    stride : int
    """

    by_row: dict[str, Array]
    groups: dict[str, _GroupOdds]
    experts: tuple[LogOddsModel, LogOddsModel]
    stride: int

    def reason(self, group: str, first: int, last: int) -> str:
        """Reason for the range of rows from `first` to before `last`: what the feature with most weight stands for."""
        odds = self.groups[group]
        rows = slice(first // self.stride, max(last // self.stride, first // self.stride + 1))
        expert = self.experts[int(odds.expert_odds[:, rows].mean(axis=1).argmax())]
        terms = ((odds.expanded[rows] - expert.centre) / expert.spread * expert.weights).mean(axis=0)
        sources = np.array(column_sources(expert.names))
        contributions = {n: float(terms[sources == n].sum()) for n in expert.names}
        return _REASONS[max(contributions, key=lambda n: contributions[n])]


def detect(
    track: Track, *, helper: Array | None = None, detector: Detector | None = None, helper_name: str = "sensors"
) -> list[Occlusion]:
    """Find the occluded ranges of a camera take, in order of time.

    Parameters
    ----------
    track : weights of the camera
    helper : channels (T, D) of a helping take at the camera's rows, NaN where it has no value
    detector : the shipped one by default
    helper_name : what to call the helping take in reasons
    """
    detector = detector or load()
    weights = track.select(ARKIT)
    if helper is not None and np.isfinite(helper).all(axis=1).mean() < _MIN_HELP_SHARE:
        helper = None
    lost, frozen = find_lost(weights), find_frozen(weights, track.time)
    certain = {g: lost[g] | frozen[g] for g in GROUPS}
    ranges: list[Occlusion] = []
    for reason, rows in ((REASON_LOST, lost), ("frozen", frozen)):
        for group, mask in rows.items():
            ranges += [
                _occlusion(track, first=a, last=b, group=group, reason=reason, confidence=1.0) for a, b in runs(mask)
            ]
    odds = _log_odds(track, weights, helper, detector=detector)
    steps = _relative_steps(weights)
    threshold = _threshold(track, helper is not None)
    for group, group_odds in odds.by_row.items():
        for a, b in _uncertain_runs(
            group_odds, certain=certain[group], steps=steps[group], threshold=threshold, track=track
        ):
            inside = group_odds[a:b][~certain[group][a:b]]
            confidence = float(1 / (1 + np.exp(-np.clip(inside.mean(), -_MAX_ROW_ODDS, _MAX_ROW_ODDS))))
            reason = odds.reason(group, a, b).replace("sensors", helper_name)
            ranges.append(_occlusion(track, first=a, last=b, group=group, reason=reason, confidence=confidence))
    return merge_ranges(_join_close(ranges))


def _threshold(track: Track, helped: bool) -> float:
    shortness = max(1 - track.duration / _SHORT_TAKE_S, 0.0)
    return (_ODDS_THRESHOLD_HELPED if helped else _ODDS_THRESHOLD) + _SHORT_TAKE_PENALTY * shortness


def _uncertain_runs(
    odds: Array, *, certain: Array, steps: Array, threshold: float, track: Track
) -> Iterator[tuple[int, int]]:
    """First row and one after the last of each range that the log odds (T,) show, with its edges adjusted."""
    cost = _TRANSITION_COST * (1 - _JUMP_DISCOUNT * np.clip((steps - _MIN_JUMP) / _MIN_JUMP, 0, 1))
    row_odds = np.clip(np.where(certain, 0.0, odds) - threshold, -_MAX_ROW_ODDS, _MAX_ROW_ODDS)
    for first, last in runs(_viterbi(row_odds * FEATURE_RATE / track.rate, cost)):
        if certain[first:last].mean() > _MAX_CERTAIN_SHARE:
            continue
        a, b = _snap_edges(steps, track, _widen(odds, track, (first, last)))
        if track.time[b - 1] - track.time[a] >= _MIN_RANGE_S:
            yield a, b


def _occlusion(track: Track, *, first: int, last: int, group: str, reason: str, confidence: float) -> Occlusion:
    bounds = track.time[[first, last - 1]] - track.time[0]
    return Occlusion(float(bounds[0]), float(bounds[1]), group, reason, confidence)


def _join_close(ranges: list[Occlusion]) -> list[Occlusion]:
    """Join ranges of one group with a short gap between them; the longer one's reason stays."""
    joined: list[Occlusion] = []
    for r in sorted(ranges, key=lambda r: (r.group, r.start)):
        if (
            joined
            and joined[-1].group == r.group
            and r.start - joined[-1].end < _MAX_JOIN_GAP_S
            and {r.reason, joined[-1].reason} != {REASON_LOST}
        ):
            longer = max(joined[-1], r, key=lambda x: x.end - x.start)
            joined[-1] = replace(longer, start=joined[-1].start, end=max(joined[-1].end, r.end))
        else:
            joined.append(r)
    return joined


def _log_odds(track: Track, weights: Array, helper: Array | None, *, detector: Detector) -> _TakeOdds:
    stride = max(round(track.rate / FEATURE_RATE), 1)
    rows = np.arange(0, len(weights), stride)
    rate = track.rate / stride
    experts = detector.alone if helper is None else detector.helped
    odds = _TakeOdds({}, {}, experts, stride)
    if len(rows) < 2 * rate:
        return odds
    covered = None if helper is None else np.isfinite(helper).all(axis=1)
    values = without_gaps(weights, track.time)[rows]
    helper_values = None if helper is None else np.nan_to_num(fill_gaps(track.time, helper))[rows]
    for group, features in gather_features(values, rate, helper_values).items():
        feature_values = features.values.copy()
        if covered is not None:  # where the helping take has no value, it contradicts nothing
            feature_values[~covered[rows], len(FEATURES_ALONE) :] = 0.0
        expanded = expand_features(OcclusionFeatures(features.names, feature_values), rate)
        expert_odds = np.stack([expert.log_odds(expanded) for expert in experts])
        odds.by_row[group] = np.repeat(expert_odds.max(axis=0), stride)[: len(weights)]
        odds.groups[group] = _GroupOdds(expanded, expert_odds)
    return odds


def _viterbi(odds: Array, transition_cost: Array) -> Array:
    """Most likely states (T,) bool, True hidden; a hidden row gains its log odds, a change pays that row's cost."""
    visible, hidden = 0.0, -_TRANSITION_COST
    from_visible, from_hidden = np.zeros(len(odds), dtype=bool), np.zeros(len(odds), dtype=bool)
    for k, (x, cost) in enumerate(zip(odds.tolist(), transition_cost.tolist())):
        from_hidden[k] = hidden - cost > visible  # to visible
        from_visible[k] = visible - cost > hidden  # to hidden
        visible, hidden = max(visible, hidden - cost), max(hidden, visible - cost) + x
    states = np.zeros(len(odds), dtype=bool)
    state = hidden > visible
    for k in range(len(odds) - 1, -1, -1):
        states[k] = state
        state = not from_visible[k] if state else bool(from_hidden[k])
    return states


def _widen(odds: Array, track: Track, edges: tuple[int, int]) -> tuple[int, int]:
    """Move the edges outwards while the log odds (T,) are high: averaged features rise late and fall early."""
    a, b = edges
    max_rows = max(round(_MAX_WIDEN_S * track.rate), 1)
    for _ in range(max_rows):
        a -= bool(a > 0 and odds[a - 1] > _MIN_WIDEN_ODDS)
    for _ in range(max_rows):
        b += bool(b < len(odds) and odds[b] > _MIN_WIDEN_ODDS)
    return a, b


def _relative_steps(weights: Array) -> dict[str, Array]:
    """Step (T,) of each row from the one before per group, in units of its channels' median steps."""
    step = np.zeros_like(weights)
    step[1:] = np.abs(np.nan_to_num(np.diff(weights, axis=0)))
    median_step = np.median(step, axis=0) + 0.004
    return {g: np.sqrt((np.minimum(step[:, c] / median_step[c], 40.0) ** 2).mean(axis=1)) for g, c in COLUMNS.items()}


def _snap_edges(steps: Array, track: Track, edges: tuple[int, int]) -> tuple[int, int]:
    """Move the edges to the nearest jump: most occlusions come and go suddenly.

    Without a jump one row is added, since a damaged row beside a range spoils the values that the range is tied to.
    """
    a, b = edges
    outwards, inwards = (max(round(s * track.rate), 1) for s in _EDGE_SEARCH_S)
    low, high = max(a - outwards, 1), min(a + inwards, b - 1)
    k = low + int(steps[low : high + 1].argmax()) if high > low else a
    first = k if steps[k] > _MIN_JUMP else max(a - 1, 0)
    low, high = max(b - inwards, first + 1), min(b + outwards, len(steps) - 1)
    k = low + int(steps[low : high + 1].argmax()) if high > low else b
    last = k if high > low and steps[k] > _MIN_JUMP else min(b + 1, len(steps))
    return first, max(last, first + 1)

"""Where a camera take is not to be trusted: lost, frozen, or implausible by the evidence that a trained detector weighs.

Lost and frozen rows are certain and found by themselves. All else is a logistic regression on `evidence`, at the moment and around it, made into ranges by
Viterbi: entering or leaving an occlusion costs as much as a second of weak evidence, less where the values jump, so single odd frames are none.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ..errors import InnerfaceError
from ..face.channels import ARKIT, GROUPS
from ..files import atomic_write, read_bytes
from ..take import Track
from ..take.resample import fill_gaps
from . import occlusion_features
from .ranges import REASON_JITTER, Occlusion, merge_ranges, runs

SHIPPED = Path(__file__).resolve().parents[2] / "models" / "occlusion.npz"
KIND = "innerface-occlusion 1"
_KEYS = ("centre", "spread", "weights", "bias")
_EXPERTS = {
    "alone": occlusion_features.FEATURES_ALONE,
    "alone_quiet": occlusion_features.FEATURES_ALONE,
    "helped": occlusion_features.FEATURES_HELPED,
    "helped_quiet": occlusion_features.FEATURES_HELPED,
}
_SMOOTHING_S = (0.35, 1.0)
# where each kind of evidence begins to say more: kinks of a piecewise linear weight
_KNOTS: dict[str, tuple[float, ...]] = {
    "tremble": (0.3, 0.8, 1.2),
    "stillness": (-2.0, -1.3, 2.0),
    "strangeness": (1.0, 2.0, 3.5),
    "misfit": (1.0, 2.0, 3.5),
    "contradiction": (1.0, 2.0, 3.5),
    "moved": (-1.5, -0.7, 0.7),
    "follows": (0.0, 0.4),
}
_INTERACTIONS = (
    ("strangeness", "misfit"),
    ("tremble", "misfit"),
    ("contradiction", "misfit"),
    ("contradiction", "strangeness"),
)
_REASONS = {
    "tremble": REASON_JITTER,
    "stillness": "hardly moves",
    "strangeness": "shapes that do not go together",
    "misfit": "does not fit the rest of the face",
    "contradiction": "disagrees with the sensors",
    "moved": "moves less than the sensors say",
    "follows": "does not follow the sensors",
}
_ODDS_THRESHOLD, _ODDS_THRESHOLD_HELPED = 1.5, -0.5  # log odds to be beyond, without and with a helping take
_SHORT_TAKE_S, _SHORT_TAKE_PENALTY = (
    20.0,
    4.0,
)  # a take that is shorter tells little of its own measure: so much more is asked of it
_MIN_HELP_SHARE = 0.2  # of a take that a helping take must say something in
_TRANSITION_COST = 8.0  # log odds that a change costs
_MAX_ROW_ODDS = 4.0  # log odds that one row can have
_MIN_FROZEN_S, _REPEAT_TOLERANCE, _MIN_MOVING_SD = 0.12, 1e-6, 1e-3  # a channel with a smaller sd never moves
_MAX_REPEAT_SHARE, _MAX_REPEAT_SHARE_CALM = (
    0.02,
    0.6,
)  # channels that repeat less often than this in the take can be frozen; where none does, than the other
_EDGE_SEARCH_S = (0.2, 0.15)  # outwards, inwards: where an edge may really be
_MAX_WIDEN_S, _MIN_WIDEN_ODDS = 0.2, 0.0  # edges go outwards for so long while the log odds are above
_MIN_JUMP = 6.0  # times the usual step of a row
_JUMP_DISCOUNT = 0.5  # of the cost of a change that is spared where a row jumps
_MIN_RANGE_S, _MAX_JOIN_GAP_S = 0.15, 0.2


@dataclass(frozen=True)
class LogOddsModel:
    """Log odds of an occlusion: (`expanded` evidence - `centre`) / `spread` @ `weights` + `bias`."""

    names: tuple[str, ...]
    centre: np.ndarray
    spread: np.ndarray
    weights: np.ndarray
    bias: float

    def log_odds(self, values: np.ndarray) -> np.ndarray:
        """(T,) log odds from `expanded` evidence (T, F)."""
        return (values - self.centre) / self.spread @ self.weights + self.bias


@dataclass(frozen=True)
class Detector:
    """Two experts each, without (`alone`) and with a helping take (`helped`): for damage that shows in how values move, and for quiet damage, which only shows
    in what they say."""

    alone: tuple[LogOddsModel, LogOddsModel]
    helped: tuple[LogOddsModel, LogOddsModel]
    card: dict[str, str] = field(default_factory=dict)

    def save(self, path: str | Path) -> None:
        """Write it, whole or not at all."""
        with atomic_write(path) as temporary, open(temporary, "wb") as out:
            parts = {
                f"{name}_{key}": getattr(w, key)
                for name, w in zip(_EXPERTS, (*self.alone, *self.helped))
                for key in _KEYS
            }
            np.savez_compressed(
                out,
                kind=KIND,
                card_keys=np.array(list(self.card)),
                card_values=np.array(list(self.card.values())),
                **parts,
            )


@lru_cache(maxsize=2)
def load(path: str | Path = SHIPPED) -> Detector:
    """A detector from a file. Raises InnerfaceError for one that is missing, damaged or of another kind."""
    read_bytes(path, limit=16 << 20)
    try:
        with np.load(path, allow_pickle=False) as data:
            if str(data["kind"]) != KIND:
                raise InnerfaceError(
                    f"{path}: is no detector of occlusions; train it again with 'innerface train occlusion'"
                )
            experts = [
                LogOddsModel(
                    names,
                    **{key: data[f"{expert}_{key}"].astype(np.float64) for key in _KEYS[:3]},
                    bias=float(data[f"{expert}_bias"]),
                )
                for expert, names in _EXPERTS.items()
            ]
            card = dict(zip((str(k) for k in data["card_keys"]), (str(v) for v in data["card_values"])))
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise InnerfaceError(
            f"{path}: is no detector of occlusions, or was cut off ({type(error).__name__}); copy or train it again"
        ) from None
    for w in experts:
        if (
            w.weights.shape != (expanded_width(w.names),)
            or w.centre.shape != w.spread.shape
            or w.centre.shape != w.weights.shape
            or not np.isfinite(w.weights).all()
        ):
            raise InnerfaceError(f"{path}: its arrays do not fit together; copy or train it again")
    return Detector((experts[0], experts[1]), (experts[2], experts[3]), card)


def _pairs(names: tuple[str, ...]) -> list[tuple[int, int]]:
    return [(names.index(a), names.index(b)) for a, b in _INTERACTIONS if a in names and b in names]


def column_sources(names: tuple[str, ...]) -> list[str]:
    """Which evidence each column of `expanded` belongs to."""
    columns = [*names, *(n for n in names for _ in _KNOTS[n]), *(names[a] for a, _ in _pairs(names))]
    return columns * (1 + len(_SMOOTHING_S))


def expanded_width(names: tuple[str, ...]) -> int:
    """Columns of `expanded`."""
    return len(column_sources(names))


def expand_features(features: occlusion_features.OcclusionFeatures, rate: float) -> np.ndarray:
    """Evidence (T, N) as it is weighed (T, F): bent at its kinks, some of it multiplied, at the moment and averaged around it."""
    parts = []
    for x in (features.values, *(gaussian_filter1d(features.values, s * rate, axis=0) for s in _SMOOTHING_S)):
        x = np.clip(x, -6.0, 8.0)
        hinges = [
            np.minimum(x[:, i] - k, 0) if k < 0 else np.maximum(x[:, i] - k, 0)
            for i, n in enumerate(features.names)
            for k in _KNOTS[n]
        ]
        products = [np.clip(x[:, a], 0, 6) * np.clip(x[:, b], 0, 6) for a, b in _pairs(features.names)]
        parts += [x, np.stack([*hinges, *products], axis=1)]
    return np.concatenate(parts, axis=1)


def find_frozen(weights: np.ndarray, time: np.ndarray) -> dict[str, np.ndarray]:
    """Per group, rows (T,) in which all that usually moves stays exactly as it was. Rows of NaN are no repetition. A take in which nothing ever moves is
    frozen as a whole; a group that never moves in a take that does is none that the tracker delivers."""
    if (
        len(time) > 2
        and time[-1] - time[0] > _MIN_FROZEN_S
        and np.nan_to_num(weights).std(axis=0).max() <= _REPEAT_TOLERANCE
        and np.isfinite(weights).any()
    ):
        return {g: np.ones(len(weights), dtype=bool) for g in GROUPS}
    repeated = np.zeros(weights.shape, dtype=bool)
    repeated[1:] = np.abs(np.diff(weights, axis=0)) <= _REPEAT_TOLERANCE
    out = {}
    for group, columns in occlusion_features.COLUMNS.items():
        columns = columns[np.nan_to_num(weights[:, columns]).std(axis=0) > _MIN_MOVING_SD]
        flags = np.zeros(len(weights), dtype=bool)
        repeats = repeated[:, columns].mean(axis=0)
        moving_columns = columns[
            repeats < (_MAX_REPEAT_SHARE if (repeats < _MAX_REPEAT_SHARE).any() else _MAX_REPEAT_SHARE_CALM)
        ]
        for a, b in runs(repeated[:, moving_columns].all(axis=1)) if len(moving_columns) else ():
            if time[b - 1] - time[a] + 1e-9 >= _MIN_FROZEN_S and b - a >= 3:
                flags[a:b] = True
        out[group] = flags
    return out


def find_lost(weights: np.ndarray) -> dict[str, np.ndarray]:
    """Per group, rows (T,) without any value in it."""
    return {g: np.isnan(weights[:, columns]).all(axis=1) for g, columns in occlusion_features.COLUMNS.items()}


def detect(
    track: Track, helper: np.ndarray | None = None, detector: Detector | None = None, helper_name: str = "sensors"
) -> list[Occlusion]:
    """Ranges of a camera's take in order of time. `helper` (T, D): channels of a helping take at the camera's rows, NaN where it says nothing; `who` it is."""
    detector = detector or load()
    weights = track.select(ARKIT)
    if helper is not None and np.isfinite(helper).all(axis=1).mean() < _MIN_HELP_SHARE:
        helper = None
    threshold = (_ODDS_THRESHOLD if helper is None else _ODDS_THRESHOLD_HELPED) + _SHORT_TAKE_PENALTY * max(
        1 - track.duration / _SHORT_TAKE_S, 0.0
    )
    lost_rows, frozen_rows = find_lost(weights), find_frozen(weights, track.time)
    found_ranges = []
    certain = {g: lost_rows[g] | frozen_rows[g] for g in GROUPS}
    for reason, rows in (("lost", lost_rows), ("frozen", frozen_rows)):
        for group, flags in rows.items():
            found_ranges += [_occlusion(track, a, b, group, reason, 1.0) for a, b in runs(flags)]
    odds, name_reason = _log_odds(track, weights, helper, detector)
    steps = _relative_steps(weights)
    for group, group_odds in odds.items():
        masked_odds = group_odds.copy()
        masked_odds[certain[group]] = 0.0
        transition_cost = _TRANSITION_COST * (
            1 - _JUMP_DISCOUNT * np.clip((steps[group] - _MIN_JUMP) / _MIN_JUMP, 0, 1)
        )
        for a, b in runs(
            _viterbi(
                np.clip(masked_odds - threshold, -_MAX_ROW_ODDS, _MAX_ROW_ODDS)
                * occlusion_features.FEATURE_RATE
                / track.rate,
                transition_cost,
            )
        ):
            if certain[group][a:b].mean() > 0.8:
                continue
            a, b = _snap_edges(steps[group], track, *_widen(group_odds, track, a, b))
            if track.time[b - 1] - track.time[a] < _MIN_RANGE_S:
                continue
            inside = group_odds[a:b][~certain[group][a:b]]
            confidence = float(1 / (1 + np.exp(-np.clip(inside.mean(), -_MAX_ROW_ODDS, _MAX_ROW_ODDS))))
            found_ranges.append(
                _occlusion(track, a, b, group, name_reason(group, a, b).replace("sensors", helper_name), confidence)
            )
    return merge_ranges(_join_close(found_ranges))


def _occlusion(track: Track, a: int, b: int, group: str, reason: str, confidence: float) -> Occlusion:
    bounds = track.time[[a, b - 1]] - track.time[0]
    return Occlusion(float(bounds[0]), float(bounds[1]), group, reason, confidence)


def _join_close(ranges: list[Occlusion]) -> list[Occlusion]:
    """Ranges of one group that nearly touch grow together: what is between was hardly seen. They keep the reason of the longer."""
    out: list[Occlusion] = []
    for r in sorted(ranges, key=lambda r: (r.group, r.start)):
        if (
            out
            and out[-1].group == r.group
            and r.start - out[-1].end < _MAX_JOIN_GAP_S
            and {r.reason, out[-1].reason} != {"lost"}
        ):
            longer = max(out[-1], r, key=lambda x: x.end - x.start)
            out[-1] = replace(longer, start=out[-1].start, end=max(out[-1].end, r.end))
        else:
            out.append(r)
    return out


def without_gaps(weights: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Weights (T, 52) without gaps: bridged; channels that are never there are 0."""
    return np.nan_to_num(fill_gaps(time, weights))


def _log_odds(
    track: Track, weights: np.ndarray, helper: np.ndarray | None, detector: Detector
) -> tuple[dict[str, np.ndarray], Callable[[str, int, int], str]]:
    """Log odds per group at every row of the take, and a function that says the reason for a stretch."""
    stride = max(round(track.rate / occlusion_features.FEATURE_RATE), 1)
    rows = np.arange(0, len(weights), stride)
    rate = track.rate / stride
    known = None if helper is None else np.isfinite(helper).all(axis=1)
    values = without_gaps(weights, track.time)[rows]
    helper_values = None if helper is None else np.nan_to_num(fill_gaps(track.time, helper))[rows]
    experts = detector.alone if helper is None else detector.helped
    column_source = np.array(column_sources(experts[0].names))
    odds, parts = {}, {}
    if len(rows) >= 2 * rate:
        for group, features in occlusion_features.gather_features(values, rate, helper_values).items():
            feature_values = features.values.copy()
            if known is not None:  # where the helping take says nothing, it contradicts nothing
                feature_values[~known[rows], len(occlusion_features.FEATURES_ALONE) :] = 0.0
            x = expand_features(occlusion_features.OcclusionFeatures(features.names, feature_values), rate)
            expert_odds = np.stack([w.log_odds(x) for w in experts])
            odds[group] = np.repeat(expert_odds.max(axis=0), stride)[: len(weights)]
            parts[group] = x, expert_odds

    def told(group: str, a: int, b: int) -> str:
        x, expert_odds = parts[group]
        stretch = slice(a // stride, max(b // stride, a // stride + 1))
        expert = experts[int(expert_odds[:, stretch].mean(axis=1).argmax())]
        mean_terms = ((x[stretch] - expert.centre) / expert.spread * expert.weights).mean(axis=0)
        contributions = {n: mean_terms[column_source == n].sum() for n in expert.names}
        return _REASONS[max(contributions, key=lambda n: contributions[n])]

    return odds, told


def _viterbi(odds: np.ndarray, transition_cost: np.ndarray) -> np.ndarray:
    """The likeliest (T,) bool: log odds are gained in an occlusion, every change costs what that row asks."""
    clear, hidden = 0.0, -_TRANSITION_COST
    from_clear, from_hidden = np.zeros(len(odds), dtype=bool), np.zeros(len(odds), dtype=bool)
    for k, (x, cost) in enumerate(zip(odds.tolist(), transition_cost.tolist())):
        from_hidden[k] = hidden - cost > clear  # to clear
        from_clear[k] = clear - cost > hidden  # to hidden
        clear, hidden = max(clear, hidden - cost), max(hidden, clear - cost) + x
    out = np.zeros(len(odds), dtype=bool)
    state = hidden > clear
    for k in range(len(odds) - 1, -1, -1):
        out[k] = state
        state = not from_clear[k] if state else from_hidden[k]
    return out


def _widen(odds: np.ndarray, track: Track, a: int, b: int) -> tuple[int, int]:
    """First row and one after the last, moved outwards while the odds (T,) are still high: evidence is averaged over time, so it comes late and goes early."""
    max_rows = max(round(_MAX_WIDEN_S * track.rate), 1)
    for _ in range(max_rows):
        a -= a > 0 and odds[a - 1] > _MIN_WIDEN_ODDS
    for _ in range(max_rows):
        b += b < len(odds) and odds[b] > _MIN_WIDEN_ODDS
    return a, b


def _relative_steps(weights: np.ndarray) -> dict[str, np.ndarray]:
    """Per group, how far each row (T,) jumped from the one before, in usual steps of its channels."""
    step = np.zeros_like(weights)
    step[1:] = np.abs(np.nan_to_num(np.diff(weights, axis=0)))
    median_step = np.median(step, axis=0) + 0.004
    return {
        g: np.sqrt((np.minimum(step[:, c] / median_step[c], 40.0) ** 2).mean(axis=1))
        for g, c in occlusion_features.COLUMNS.items()
    }


def _snap_edges(steps: np.ndarray, track: Track, a: int, b: int) -> tuple[int, int]:
    """First row and one after the last, moved to the jump that is near: what hides a face mostly comes and goes suddenly. Without one, a row is added, since
    a damaged row beside a range spoils what it is tied to."""
    outwards, inwards = (max(round(s * track.rate), 1) for s in _EDGE_SEARCH_S)
    low, high = max(a - outwards, 1), min(a + inwards, b - 1)
    k = low + int(steps[low : high + 1].argmax()) if high > low else a
    first = k if steps[k] > _MIN_JUMP else max(a - 1, 0)
    low, high = max(b - inwards, first + 1), min(b + outwards, len(steps) - 1)
    k = low + int(steps[low : high + 1].argmax()) if high > low else b
    last = k if high > low and steps[k] > _MIN_JUMP else min(b + 1, len(steps))
    return first, max(last, first + 1)

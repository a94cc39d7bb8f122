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

from ..channels import ARKIT, GROUPS
from ..errors import InnerfaceError
from ..files import read_bytes, replacing
from ..resample import bridge
from ..take import Track
from . import evidence
from .ranges import TREMBLES, Occlusion, merged, runs

SHIPPED = Path(__file__).resolve().parents[2] / "models" / "occlusion.npz"
KIND = "innerface-occlusion 1"
_KEYS = ("centre", "spread", "weights", "bias")
_EXPERTS = {"alone": evidence.ALONE, "alone_quiet": evidence.ALONE, "helped": evidence.HELPED, "helped_quiet": evidence.HELPED}
_AROUND_S = (0.35, 1.0)
# where each kind of evidence begins to say more: kinks of a piecewise linear weight
_KINKS: dict[str, tuple[float, ...]] = {
    "tremble": (0.3, 0.8, 1.2), "stillness": (-2.0, -1.3, 2.0), "strangeness": (1.0, 2.0, 3.5), "misfit": (1.0, 2.0, 3.5),
    "contradiction": (1.0, 2.0, 3.5), "moved": (-1.5, -0.7, 0.7), "follows": (0.0, 0.4),
}  # fmt: skip
_TOGETHER = (("strangeness", "misfit"), ("tremble", "misfit"), ("contradiction", "misfit"), ("contradiction", "strangeness"))
_REASONS = {
    "tremble": TREMBLES, "stillness": "hardly moves", "strangeness": "shapes that do not go together", "misfit": "does not fit the rest of the face",
    "contradiction": "disagrees with the sensors", "moved": "moves less than the sensors say", "follows": "does not follow the sensors",
}  # fmt: skip
_CAREFUL, _CAREFUL_HELPED = 1.5, -0.5  # log odds to be beyond, without and with a helping take
_SHORT_S, _SHORT = 20.0, 4.0  # a take that is shorter tells little of its own measure: so much more is asked of it
_LEAST_HELP = 0.2  # of a take that a helping take must say something in
_CHANGE = 8.0  # log odds that a change costs
_MOST = 4.0  # log odds that one row can have
_FROZEN_S, _SAME, _STILL = 0.12, 1e-6, 1e-3  # a channel with a smaller sd never moves
_LIVELY, _LIVELY_AT_ALL = 0.02, 0.6  # channels that repeat less often than this in the take can be frozen; where none does, than the other
_EDGE_S = (0.2, 0.15)  # outwards, inwards: where an edge may really be
_WIDEN_S, _STILL_ODD = 0.2, 0.0  # edges go outwards for so long while the log odds are above
_JUMP = 6.0  # times the usual step of a row
_SUDDEN = 0.5  # of the cost of a change that is spared where a row jumps
_SHORTEST_S, _NEAR_S = 0.15, 0.2


@dataclass(frozen=True)
class Weighing:
    """Log odds of an occlusion: (`expanded` evidence - `centre`) / `spread` @ `weights` + `bias`."""

    names: tuple[str, ...]
    centre: np.ndarray
    spread: np.ndarray
    weights: np.ndarray
    bias: float

    def odds(self, values: np.ndarray) -> np.ndarray:
        """(T,) log odds from `expanded` evidence (T, F)."""
        return (values - self.centre) / self.spread @ self.weights + self.bias


@dataclass(frozen=True)
class Detector:
    """Two experts each, without (`alone`) and with a helping take (`helped`): for damage that shows in how values move, and for quiet damage, which only shows
    in what they say."""

    alone: tuple[Weighing, Weighing]
    helped: tuple[Weighing, Weighing]
    card: dict[str, str] = field(default_factory=dict)

    def save(self, path: str | Path) -> None:
        """Write it, whole or not at all."""
        with replacing(path) as temporary, open(temporary, "wb") as out:
            parts = {f"{name}_{key}": getattr(w, key) for name, w in zip(_EXPERTS, (*self.alone, *self.helped)) for key in _KEYS}
            np.savez_compressed(out, kind=KIND, card_keys=np.array(list(self.card)), card_values=np.array(list(self.card.values())), **parts)


@lru_cache(maxsize=2)
def load(path: str | Path = SHIPPED) -> Detector:
    """A detector from a file. Raises InnerfaceError for one that is missing, damaged or of another kind."""
    read_bytes(path, limit=16 << 20)
    try:
        with np.load(path, allow_pickle=False) as data:
            if str(data["kind"]) != KIND:
                raise InnerfaceError(f"{path}: is no detector of occlusions; train it again with 'innerface train occlusion'")
            made = [
                Weighing(names, **{key: data[f"{expert}_{key}"].astype(np.float64) for key in _KEYS[:3]}, bias=float(data[f"{expert}_bias"]))
                for expert, names in _EXPERTS.items()
            ]
            card = dict(zip((str(k) for k in data["card_keys"]), (str(v) for v in data["card_values"])))
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise InnerfaceError(f"{path}: is no detector of occlusions, or was cut off ({type(error).__name__}); copy or train it again") from None
    for w in made:
        if w.weights.shape != (width(w.names),) or w.centre.shape != w.spread.shape or w.centre.shape != w.weights.shape or not np.isfinite(w.weights).all():
            raise InnerfaceError(f"{path}: its arrays do not fit together; copy or train it again")
    return Detector((made[0], made[1]), (made[2], made[3]), card)


def _pairs(names: tuple[str, ...]) -> list[tuple[int, int]]:
    return [(names.index(a), names.index(b)) for a, b in _TOGETHER if a in names and b in names]


def sources(names: tuple[str, ...]) -> list[str]:
    """Which evidence each column of `expanded` belongs to."""
    one = [*names, *(n for n in names for _ in _KINKS[n]), *(names[a] for a, _ in _pairs(names))]
    return one * (1 + len(_AROUND_S))


def width(names: tuple[str, ...]) -> int:
    """Columns of `expanded`."""
    return len(sources(names))


def expanded(found: evidence.Evidence, rate: float) -> np.ndarray:
    """Evidence (T, N) as it is weighed (T, F): bent at its kinks, some of it multiplied, at the moment and averaged around it."""
    parts = []
    for x in (found.values, *(gaussian_filter1d(found.values, s * rate, axis=0) for s in _AROUND_S)):
        x = np.clip(x, -6.0, 8.0)
        bent = [np.minimum(x[:, i] - k, 0) if k < 0 else np.maximum(x[:, i] - k, 0) for i, n in enumerate(found.names) for k in _KINKS[n]]
        both = [np.clip(x[:, a], 0, 6) * np.clip(x[:, b], 0, 6) for a, b in _pairs(found.names)]
        parts += [x, np.stack([*bent, *both], axis=1)]
    return np.concatenate(parts, axis=1)


def frozen(weights: np.ndarray, time: np.ndarray) -> dict[str, np.ndarray]:
    """Per group, rows (T,) in which all that usually moves stays exactly as it was. Rows of NaN are no repetition. A take in which nothing ever moves is
    frozen as a whole; a group that never moves in a take that does is none that the tracker delivers."""
    if len(time) > 2 and time[-1] - time[0] > _FROZEN_S and np.nan_to_num(weights).std(axis=0).max() <= _SAME and np.isfinite(weights).any():
        return {g: np.ones(len(weights), dtype=bool) for g in GROUPS}
    same = np.zeros(weights.shape, dtype=bool)
    same[1:] = np.abs(np.diff(weights, axis=0)) <= _SAME
    out = {}
    for group, columns in evidence.COLUMNS.items():
        columns = columns[np.nan_to_num(weights[:, columns]).std(axis=0) > _STILL]
        flags = np.zeros(len(weights), dtype=bool)
        repeats = same[:, columns].mean(axis=0)
        lively = columns[repeats < (_LIVELY if (repeats < _LIVELY).any() else _LIVELY_AT_ALL)]
        for a, b in runs(same[:, lively].all(axis=1)) if len(lively) else ():
            if time[b - 1] - time[a] + 1e-9 >= _FROZEN_S and b - a >= 3:
                flags[a:b] = True
        out[group] = flags
    return out


def lost(weights: np.ndarray) -> dict[str, np.ndarray]:
    """Per group, rows (T,) without any value in it."""
    return {g: np.isnan(weights[:, columns]).all(axis=1) for g, columns in evidence.COLUMNS.items()}


def detect(track: Track, helper: np.ndarray | None = None, detector: Detector | None = None, who: str = "sensors") -> list[Occlusion]:
    """Ranges of a camera's take in order of time. `helper` (T, D): channels of a helping take at the camera's rows, NaN where it says nothing; `who` it is."""
    detector = detector or load()
    weights = track.select(ARKIT)
    if helper is not None and np.isfinite(helper).all(axis=1).mean() < _LEAST_HELP:
        helper = None
    careful = (_CAREFUL if helper is None else _CAREFUL_HELPED) + _SHORT * max(1 - track.duration / _SHORT_S, 0.0)
    gone, still = lost(weights), frozen(weights, track.time)
    out = []
    sure = {g: gone[g] | still[g] for g in GROUPS}
    for reason, rows in (("lost", gone), ("frozen", still)):
        for group, flags in rows.items():
            out += [_range(track, a, b, group, reason, 1.0) for a, b in runs(flags)]
    odds, told = _odds(track, weights, helper, detector)
    steps = _steps(weights)
    for group, value in odds.items():
        seen = value.copy()
        seen[sure[group]] = 0.0
        change = _CHANGE * (1 - _SUDDEN * np.clip((steps[group] - _JUMP) / _JUMP, 0, 1))
        for a, b in runs(_states(np.clip(seen - careful, -_MOST, _MOST) * evidence.RATE / track.rate, change)):
            if sure[group][a:b].mean() > 0.8:
                continue
            a, b = _edges(steps[group], track, *_outwards(value, track, a, b))
            if track.time[b - 1] - track.time[a] < _SHORTEST_S:
                continue
            inside = value[a:b][~sure[group][a:b]]
            confidence = float(1 / (1 + np.exp(-np.clip(inside.mean(), -_MOST, _MOST))))
            out.append(_range(track, a, b, group, told(group, a, b).replace("sensors", who), confidence))
    return merged(_joined(out))


def _range(track: Track, a: int, b: int, group: str, reason: str, confidence: float) -> Occlusion:
    since = track.time[[a, b - 1]] - track.time[0]
    return Occlusion(float(since[0]), float(since[1]), group, reason, confidence)


def _joined(ranges: list[Occlusion]) -> list[Occlusion]:
    """Ranges of one group that nearly touch grow together: what is between was hardly seen. They keep the reason of the longer."""
    out: list[Occlusion] = []
    for r in sorted(ranges, key=lambda r: (r.group, r.start)):
        if out and out[-1].group == r.group and r.start - out[-1].end < _NEAR_S and {r.reason, out[-1].reason} != {"lost"}:
            longer = max(out[-1], r, key=lambda x: x.end - x.start)
            out[-1] = replace(longer, start=out[-1].start, end=max(out[-1].end, r.end))
        else:
            out.append(r)
    return out


def whole(weights: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Weights (T, 52) without gaps: bridged; channels that are never there are 0."""
    return np.nan_to_num(bridge(time, weights))


def _odds(
    track: Track, weights: np.ndarray, helper: np.ndarray | None, detector: Detector
) -> tuple[dict[str, np.ndarray], Callable[[str, int, int], str]]:
    """Log odds per group at every row of the take, and a function that says the reason for a stretch."""
    thin = max(round(track.rate / evidence.RATE), 1)
    rows = np.arange(0, len(weights), thin)
    rate = track.rate / thin
    known = None if helper is None else np.isfinite(helper).all(axis=1)
    values = whole(weights, track.time)[rows]
    other = None if helper is None else np.nan_to_num(bridge(track.time, helper))[rows]
    experts = detector.alone if helper is None else detector.helped
    owner = np.array(sources(experts[0].names))
    odds, parts = {}, {}
    if len(rows) >= 2 * rate:
        for group, found in evidence.gather(values, rate, other).items():
            said = found.values.copy()
            if known is not None:  # where the helping take says nothing, it contradicts nothing
                said[~known[rows], len(evidence.ALONE) :] = 0.0
            x = expanded(evidence.Evidence(found.names, said), rate)
            said_by = np.stack([w.odds(x) for w in experts])
            odds[group] = np.repeat(said_by.max(axis=0), thin)[: len(weights)]
            parts[group] = x, said_by

    def told(group: str, a: int, b: int) -> str:
        x, said_by = parts[group]
        stretch = slice(a // thin, max(b // thin, a // thin + 1))
        sure = experts[int(said_by[:, stretch].mean(axis=1).argmax())]
        mean = ((x[stretch] - sure.centre) / sure.spread * sure.weights).mean(axis=0)
        share = {n: mean[owner == n].sum() for n in sure.names}
        return _REASONS[max(share, key=lambda n: share[n])]

    return odds, told


def _states(odds: np.ndarray, change: np.ndarray) -> np.ndarray:
    """The likeliest (T,) bool: log odds are gained in an occlusion, every change costs what that row asks."""
    clear, hidden = 0.0, -_CHANGE
    from_clear, from_hidden = np.zeros(len(odds), dtype=bool), np.zeros(len(odds), dtype=bool)
    for k, (x, cost) in enumerate(zip(odds.tolist(), change.tolist())):
        from_hidden[k] = hidden - cost > clear  # to clear
        from_clear[k] = clear - cost > hidden  # to hidden
        clear, hidden = max(clear, hidden - cost), max(hidden, clear - cost) + x
    out = np.zeros(len(odds), dtype=bool)
    state = hidden > clear
    for k in range(len(odds) - 1, -1, -1):
        out[k] = state
        state = not from_clear[k] if state else from_hidden[k]
    return out


def _outwards(odds: np.ndarray, track: Track, a: int, b: int) -> tuple[int, int]:
    """First row and one after the last, moved outwards while the odds (T,) are still high: evidence is averaged over time, so it comes late and goes early."""
    most = max(round(_WIDEN_S * track.rate), 1)
    for _ in range(most):
        a -= a > 0 and odds[a - 1] > _STILL_ODD
    for _ in range(most):
        b += b < len(odds) and odds[b] > _STILL_ODD
    return a, b


def _steps(weights: np.ndarray) -> dict[str, np.ndarray]:
    """Per group, how far each row (T,) jumped from the one before, in usual steps of its channels."""
    step = np.zeros_like(weights)
    step[1:] = np.abs(np.nan_to_num(np.diff(weights, axis=0)))
    usual = np.median(step, axis=0) + 0.004
    return {g: np.sqrt((np.minimum(step[:, c] / usual[c], 40.0) ** 2).mean(axis=1)) for g, c in evidence.COLUMNS.items()}


def _edges(steps: np.ndarray, track: Track, a: int, b: int) -> tuple[int, int]:
    """First row and one after the last, moved to the jump that is near: what hides a face mostly comes and goes suddenly. Without one, a row is added, since
    a damaged row beside a range spoils what it is tied to."""
    out, inn = (max(round(s * track.rate), 1) for s in _EDGE_S)
    low, high = max(a - out, 1), min(a + inn, b - 1)
    k = low + int(steps[low : high + 1].argmax()) if high > low else a
    first = k if steps[k] > _JUMP else max(a - 1, 0)
    low, high = max(b - inn, first + 1), min(b + out, len(steps) - 1)
    k = low + int(steps[low : high + 1].argmax()) if high > low else b
    last = k if high > low and steps[k] > _JUMP else min(b + 1, len(steps))
    return first, max(last, first + 1)

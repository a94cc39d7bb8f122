"""Damage to a camera's take, simulated: what a face tracker says when something hides a part of the face.

No public recording shows an ARKit take beside the truth behind a microphone, so sizes are assumptions, drawn widely: a tracker that sees nothing of a
region pulls it towards some pose of its own (a wrong one, of this performer or of nobody), moves it less, late, and trembles; or it holds what it had;
or it loses the face. Only used to measure detection and mending, never on a user's take.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ..face.channels import ARKIT, GROUPS
from ..take import Track
from .ranges import Occlusion, runs

OCCLUSION_S = (0.6, 5.0)  # how long occlusions last
MIN_GAP_S = 1.0  # from one to the next, at least
_RAMP_S = (0.0, 0.07)  # from seen to hidden
_LEFT_GROUPS, _RIGHT_GROUPS = (("eye_left", "cheek"), ("eye_right", "cheek"))


@dataclass(frozen=True)
class OccludedTrack:
    """`track`: damaged; `truth`: what it was; `ranges`: where it was damaged."""

    track: Track
    truth: Track
    ranges: list[Occlusion]


def _columns(groups: tuple[str, ...]) -> np.ndarray:
    return np.array([ARKIT.index(c) for g in groups for c in GROUPS[g]])


def _jitter(count: int, channels: int, rate: float, size: float, rng: np.random.Generator) -> np.ndarray:
    """Noise (count, channels), of one part that is new in every row and one that wanders (0.05 to 0.3 s), sd `size` together, other for each channel."""
    white = rng.normal(size=(count, channels))
    slow = gaussian_filter1d(rng.normal(size=(count + 60, channels)), max(rng.uniform(0.05, 0.3) * rate, 0.5), axis=0)[
        30 : 30 + count
    ]
    slow /= slow.std() + 1e-9
    share = rng.uniform(0.15, 0.7)
    return size * rng.lognormal(0.0, 0.5, channels) * (np.sqrt(share) * white + np.sqrt(1 - share) * slow)


def simulate_hidden(
    seen: np.ndarray,
    all_values: np.ndarray,
    rate: float,
    rng: np.random.Generator,
    size: tuple[float, float] = (0.006, 0.06),
) -> np.ndarray:
    """Channels (n, C) of a region that the tracker does not see: moved less, later, towards a pose of its own, trembling. `every` (T, C): the whole take."""
    return np.clip(
        _guess(seen, all_values, rate, rng)
        + _jitter(len(seen), seen.shape[1], rate, float(np.exp(rng.uniform(*np.log(size)))), rng),
        0.0,
        1.0,
    )


def simulate_quiet(seen: np.ndarray, all_values: np.ndarray, rate: float, rng: np.random.Generator) -> np.ndarray:
    """The same without trembling, or another moment's motion altogether: a tracker that is sure of what it makes up."""
    if rng.random() < 0.25:
        first = int(rng.integers(max(len(all_values) - len(seen), 1)))
        return all_values[first : first + len(seen)] if len(all_values) >= len(seen) else seen
    noise = _jitter(len(seen), seen.shape[1], rate, 0.0005, rng) if rng.random() < 0.5 else 0.0
    return np.clip(_guess(seen, all_values, rate, rng) + noise, 0.0, 1.0)


def _guess(seen: np.ndarray, all_values: np.ndarray, rate: float, rng: np.random.Generator) -> np.ndarray:
    pose = all_values[rng.integers(len(all_values))] * rng.uniform(0.0, 1.2) + np.abs(
        rng.normal(0.0, 0.08, seen.shape[1])
    ) * (rng.random(seen.shape[1]) < 0.4)
    delayed = gaussian_filter1d(seen, max(rng.uniform(0.05, 0.2) * rate, 0.5), axis=0) if rng.random() < 0.6 else seen
    return pose + rng.uniform(0.0, 0.45) * (delayed - pose)


def _hold(seen: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What the first row was, at times with steps to what is there: a tracker that answers now and then."""
    out = np.repeat(seen[:1], len(seen), axis=0)
    if len(seen) > 20 and rng.random() < 0.3:
        k = int(rng.integers(8, len(seen) - 8))
        out[k:] = seen[k]
    return out


def _shake(seen: np.ndarray, rate: float, rng: np.random.Generator) -> np.ndarray:
    """Right on the whole, trembling: bad light."""
    return np.clip(seen + _jitter(len(seen), seen.shape[1], rate, rng.uniform(0.02, 0.08), rng), 0.0, 1.0)


QUIET = "sure of itself"  # the damage that nothing but its meaning gives away
# name -> the groups that it hides (one of the choices), and what it does to them
OCCLUDERS: dict[
    str, tuple[tuple[tuple[str, ...], ...], Callable[[np.ndarray, np.ndarray, float, np.random.Generator], np.ndarray]]
] = {
    "microphone": ((("mouth",),), simulate_hidden),
    "hand": ((("mouth", "cheek"),), lambda s, e, r, g: simulate_hidden(s, e, r, g, (0.02, 0.12))),
    "hair": ((("brow",), ("brow", "eye_left"), ("brow", "eye_right")), simulate_hidden),
    "profile turn": ((_LEFT_GROUPS, _RIGHT_GROUPS), simulate_hidden),
    QUIET: ((("mouth",), ("mouth", "cheek"), ("brow",), ("cheek",), ("eye_left",), ("eye_right",)), simulate_quiet),
    "bad light": ((tuple(GROUPS),), lambda s, e, r, g: _shake(s, r, g)),
    "freeze": ((("mouth",), tuple(GROUPS)), lambda s, e, r, g: _hold(s, g)),
    "drop-out": ((tuple(GROUPS),), lambda s, e, r, g: np.full_like(s, np.nan)),
}


def occlude(track: Track, names: tuple[str, ...], share: float, rng: np.random.Generator) -> OccludedTrack:
    """A take with about `share` of its time damaged by the named occluders in turn, never where the camera had lost the face itself."""
    values, lost = track.select(ARKIT), track.lost_rows()
    truth = values.copy()
    ranges: list[Occlusion] = []
    occupied = np.zeros(len(values), dtype=bool)
    gap, order, damage_count = int(MIN_GAP_S * track.rate), list(names), 0
    for _ in range(200):
        if sum(b - a for a, b in runs(occupied)) >= share * len(values):
            break
        count = min(int(rng.uniform(*OCCLUSION_S) * track.rate), len(values) // 3)
        first = int(rng.integers(gap // 2, len(values) - count - gap // 2)) if len(values) > count + gap else 0
        around = slice(max(first - gap, 0), first + count + gap)
        if occupied[around].any() or lost[around].any():
            continue
        occupied[first : first + count] = True
        name = order[damage_count % len(order)]
        damage_count += 1
        choices, damage = OCCLUDERS[name]
        groups = choices[int(rng.integers(len(choices)))]
        columns = _columns(groups)
        original = truth[first : first + count][:, columns]
        damaged_values = damage(original, truth[~lost][:, columns], track.rate, rng)
        ramp = int(rng.uniform(*_RAMP_S) * track.rate)
        if ramp and np.isfinite(damaged_values).all() and name != "freeze":
            fade = np.clip(np.minimum(np.arange(1, count + 1), np.arange(count, 0, -1)) / (ramp + 1), 0, 1)[:, None]
            damaged_values = fade * damaged_values + (1 - fade) * original
        values[first : first + count, columns] = damaged_values
        bounds = track.time[first] - track.time[0], track.time[first + count - 1] - track.time[0]
        ranges += [Occlusion(float(bounds[0]), float(bounds[1]), g, name) for g in groups]
    damaged = track.replace_columns(ARKIT, values)
    damaged.values[np.isnan(values).all(axis=1)] = np.nan
    return OccludedTrack(damaged, track, ranges)

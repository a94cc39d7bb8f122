"""Simulate damage to a camera take: what a face tracker delivers when something hides a part of the face.

No public recording shows an ARKit take beside the true motion behind a microphone, so all sizes are assumptions, drawn
widely: a tracker that does not see a region pulls it towards a wrong pose, moves it less, late, and with jitter; or it
repeats its last value; or it loses the face. Only used to train and measure, never on a user's take.
"""

# SciPy has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ..arrays import Array
from ..face.channels import ARKIT, GROUPS, ChannelGroup
from ..take import Track
from .ranges import Occlusion, runs

OCCLUSION_S = (0.6, 5.0)  # durations
MIN_GAP_S = 1.0  # between two occlusions
_RAMP_S = (0.0, 0.07)  # from visible to hidden
_LEFT_GROUPS, _RIGHT_GROUPS = (ChannelGroup.EYE_LEFT, ChannelGroup.CHEEK), (ChannelGroup.EYE_RIGHT, ChannelGroup.CHEEK)


class Damage(Protocol):
    """What a camera shows of values that it sees badly."""

    def __call__(self, seen: Array, all_values: Array, rate: float, /, *, rng: np.random.Generator) -> Array:
        """Damaged values (T, C) of `seen` (T, C), a part of a take's `all_values` (N, C) at `rate` Hz."""
        ...


@dataclass(frozen=True)
class OccludedTrack:
    """A damaged `track`, the `truth` and the `ranges` of the damage."""

    track: Track
    truth: Track
    ranges: list[Occlusion]


def _columns(groups: tuple[str, ...]) -> Array:
    return np.array([ARKIT.index(c) for g in groups for c in GROUPS[g]])


def _jitter(count: int, channels: int, rate: float, *, size: float, rng: np.random.Generator) -> Array:
    """White and slow (0.05 to 0.3 s) noise (count, channels), together of about `size` standard deviation."""
    white = rng.normal(size=(count, channels))
    slow = gaussian_filter1d(rng.normal(size=(count + 60, channels)), max(rng.uniform(0.05, 0.3) * rate, 0.5), axis=0)[
        30 : 30 + count
    ]
    slow /= slow.std() + 1e-9
    share = rng.uniform(0.15, 0.7)
    return size * rng.lognormal(0.0, 0.5, channels) * (np.sqrt(share) * white + np.sqrt(1 - share) * slow)


def simulate_hidden(
    seen: Array,
    all_values: Array,
    rate: float,
    *,
    rng: np.random.Generator,
    size: tuple[float, float] = (0.006, 0.06),
) -> Array:
    """Channels (n, C) of a region that the tracker does not see: towards a wrong pose, less, late and with jitter.

    Parameters
    ----------
    seen : (n, C), the true values
    all_values : (T, C), the whole take
    rate : rows per second
    size : range of the jitter's standard deviation
    """
    return np.clip(
        _guess(seen, all_values, rate, rng=rng)
        + _jitter(len(seen), seen.shape[1], rate, size=float(np.exp(rng.uniform(*np.log(size)))), rng=rng),
        0.0,
        1.0,
    )


def simulate_quiet(seen: Array, all_values: Array, rate: float, *, rng: np.random.Generator) -> Array:
    """As `simulate_hidden` without jitter, or another moment's motion: a tracker that invents with confidence."""
    if rng.random() < 0.25:
        first = int(rng.integers(max(len(all_values) - len(seen), 1)))
        return all_values[first : first + len(seen)] if len(all_values) >= len(seen) else seen
    noise = _jitter(len(seen), seen.shape[1], rate, size=0.0005, rng=rng) if rng.random() < 0.5 else 0.0
    return np.clip(_guess(seen, all_values, rate, rng=rng) + noise, 0.0, 1.0)


def _guess(seen: Array, all_values: Array, rate: float, *, rng: np.random.Generator) -> Array:
    pose = all_values[rng.integers(len(all_values))] * rng.uniform(0.0, 1.2) + np.abs(
        rng.normal(0.0, 0.08, seen.shape[1])
    ) * (rng.random(seen.shape[1]) < 0.4)
    delayed = gaussian_filter1d(seen, max(rng.uniform(0.05, 0.2) * rate, 0.5), axis=0) if rng.random() < 0.6 else seen
    return pose + rng.uniform(0.0, 0.45) * (delayed - pose)


def _hold(seen: Array, _all_values: Array, _rate: float, *, rng: np.random.Generator) -> Array:
    """The first row repeated, sometimes with one step to the true value: a tracker that rarely updates."""
    out = np.repeat(seen[:1], len(seen), axis=0)
    if len(seen) > 20 and rng.random() < 0.3:
        k = int(rng.integers(8, len(seen) - 8))
        out[k:] = seen[k]
    return out


def _shake(seen: Array, _all_values: Array, rate: float, *, rng: np.random.Generator) -> Array:
    """True values with jitter, as in bad light."""
    return np.clip(seen + _jitter(len(seen), seen.shape[1], rate, size=rng.uniform(0.02, 0.08), rng=rng), 0.0, 1.0)


def _drop(seen: Array, _all_values: Array, _rate: float, *, rng: np.random.Generator) -> Array:
    """Nothing: the camera's connection is lost."""
    return np.full_like(seen, np.nan)


QUIET = "quiet"  # damage that shows only in the expressions, not in the dynamics


@dataclass(frozen=True)
class Occluder:
    """Something that hides one of several sets of `groups`, with its `damage` to their channels."""

    groups: tuple[tuple[str, ...], ...]
    damage: Damage


OCCLUDERS: dict[str, Occluder] = {
    "microphone": Occluder(((ChannelGroup.MOUTH,),), simulate_hidden),
    "hand": Occluder(
        ((ChannelGroup.MOUTH, ChannelGroup.CHEEK),),
        partial(simulate_hidden, size=(0.02, 0.12)),
    ),
    "hair": Occluder(
        ((ChannelGroup.BROW,), (ChannelGroup.BROW, ChannelGroup.EYE_LEFT), (ChannelGroup.BROW, ChannelGroup.EYE_RIGHT)),
        simulate_hidden,
    ),
    "profile turn": Occluder((_LEFT_GROUPS, _RIGHT_GROUPS), simulate_hidden),
    QUIET: Occluder(
        (
            (ChannelGroup.MOUTH,),
            (ChannelGroup.MOUTH, ChannelGroup.CHEEK),
            (ChannelGroup.BROW,),
            (ChannelGroup.CHEEK,),
            (ChannelGroup.EYE_LEFT,),
            (ChannelGroup.EYE_RIGHT,),
        ),
        simulate_quiet,
    ),
    "bad light": Occluder((tuple(GROUPS),), _shake),
    "freeze": Occluder(((ChannelGroup.MOUTH,), tuple(GROUPS)), _hold),
    "drop-out": Occluder((tuple(GROUPS),), _drop),
}


def occlude(track: Track, names: tuple[str, ...], share: float, *, rng: np.random.Generator) -> OccludedTrack:
    """Damage about `share` of a take by the named occluders in turn, but no rows in which the camera lost the face."""
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
        occluder = OCCLUDERS[name]
        groups = occluder.groups[int(rng.integers(len(occluder.groups)))]
        columns = _columns(groups)
        original = truth[first : first + count][:, columns]
        damaged_values = occluder.damage(original, truth[~lost][:, columns], track.rate, rng=rng)
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

"""A camera's take and what helps it, from two recordings to one: onto one clock, ranges found or given, mended. One way for the command line and Blender."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from .. import align
from ..channels import ARKIT
from ..errors import InnerfaceError
from ..imu import adapt
from ..imu.layout import Layout, layout
from ..imu.linear import load as linear_model
from ..imu.model import Model
from ..infer import infer
from ..take import Take, Track
from . import detect, evidence
from .mend import Helper, Mended, mend, plain
from .ranges import Occlusion, mask, merged

_LAGS_S = np.arange(-6, 7) / 60.0
_LAG_GAIN = 0.985  # of the error at most, for a lag to be taken
_LEAST_OVERLAP_S = 1.0


@dataclass(frozen=True)
class Aligned:
    """`helper` on the camera's rows; `found`: how the takes' clocks go together (None: said by the user); `offset_s`: camera's time = other's time + this,
    at the camera's start; `begins_s`: second of the camera's take at which the other begins; `lag_s`: by how much later it was read besides; `doubt`: where
    the camera was not believed for that; `notes`."""

    helper: Helper
    found: align.Alignment | None
    offset_s: float
    begins_s: float
    lag_s: float
    doubt: list[Occlusion] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Mixed:
    """`take`: the camera's rows, mended; `ranges`: what was mended; `mended`: the samples that changed and what they were made of."""

    take: Take
    ranges: list[Occlusion]
    mended: Mended


def sensors_of(take: Take) -> Take | None:
    """What sensors sent of a take that may hold a camera besides; None where there were none."""
    tracks = {name: t for name, t in take.tracks.items() if t.kind == "imu" and len(t.time)}
    return Take(take.name, tracks, take.notes, take.sound) if tracks else None


def seen(track: Track, ranges: Sequence[Occlusion]) -> Track:
    """The camera's track without what is hidden (NaN)."""
    return track.put(ARKIT, np.where(mask(ranges, track.time), np.nan, track.select(ARKIT)))


def help_from(
    camera: Take,
    other: Take,
    ranges: Sequence[Occlusion] = (),
    offset_s: float | None = None,
    sites: Layout | None = None,
    model: Model | None = None,
    adapter: adapt.Adapter | None = None,
) -> Aligned:
    """What a second take says at the camera's rows. Its place on the camera's clock is found by motion (outside of `ranges` and of what the detector doubts),
    or said: `offset_s`. A sensor take is inferred by `model`. Raises InnerfaceError where the takes do not match."""
    track = camera.weights()
    doubted = merged([*ranges, *detect.detect(track)])
    shown = seen(track, doubted)
    if not np.isfinite(shown.select(ARKIT)).any():
        raise InnerfaceError(
            f"{camera.name}: no row of the camera can be trusted, so nothing tells where the other take belongs; give --offset, or other ranges"
        )
    sites = sites or layout()
    is_imu = not any(t.kind == "weights" for t in other.tracks.values())
    notes: list[str] = []
    rotation: np.ndarray | None = None
    blind: frozenset[str] = frozenset()
    if is_imu:
        if model is None:
            from ..imu.model import load

            model, notes = load()
        done = infer(other, sites, model, adapter=adapter)
        weights, rotation, blind = done.take.weights(), done.motion.rotation, frozenset(done.invented)
        notes += done.take.notes
    else:
        weights = other.weights()
        blind = frozenset(c for c in ARKIT if c not in weights.columns)
    found = None
    if offset_s is None:
        linear = linear_model()
        try:
            ours = align.moving(Take(camera.name, {"weights": shown}), sites, linear)
            found = align.align(ours, align.moving_of(done, other) if is_imu else align.moving(other, sites, linear))
        except InnerfaceError as error:
            raise InnerfaceError(f"{camera.name}, {other.name}: {error}; or say where it belongs with --offset") from None
        if not is_imu:
            found = align.by_timecode(found, camera, other)
    # the camera's time on the other take's clock
    times = track.time - offset_s if found is None else (track.time - found.offset_s) / (1 + found.drift_ppm * 1e-6)
    overlap = min(times[-1], weights.time[-1]) - max(times[0], weights.time[0])
    if overlap < _LEAST_OVERLAP_S:
        raise InnerfaceError(
            f"{camera.name}, {other.name}: share {max(overlap, 0):.1f} s of time; give takes of one performance that overlap"
        )
    lag = _lag(shown, weights, rotation, times)
    values = evidence.helping(weights, rotation, times + lag)
    who = "sensors" if is_imu else "other take"
    helper = Helper(values[:, : len(ARKIT)], values[:, len(ARKIT) :], blind, who)
    first = float(next(iter(other.tracks.values())).time[0])
    begins = first + offset_s if found is None and offset_s is not None else float(found.a_time(first)) if found is not None else first
    return Aligned(helper, found, float(track.time[0] - times[0]), begins - float(track.time[0]), lag, doubted, notes)


def _lag(shown: Track, weights: Track, rotation: np.ndarray | None, times: np.ndarray) -> float:
    """By how much later (s) the helping take must be read so that a ridge regression on it explains the camera's trusted rows best; 0 if that gains little."""
    y = shown.select(ARKIT)
    rows = np.flatnonzero(np.isfinite(y).all(axis=1))
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(1200, len(rows))).astype(int))] if len(rows) else rows
    if len(rows) < 100:
        return 0.0
    errors = []
    for lag in _LAGS_S:
        x = evidence.helping(weights, rotation, times[rows] + lag)
        use = np.isfinite(x).all(axis=1)
        if use.sum() < 100:
            return 0.0
        x, part = x[use], y[rows][use]
        c = evidence.ridge(x, part, np.ones(len(x)), 0.03)
        errors.append(float((((part - x @ c[:-1] - c[-1]) / (part.std(axis=0) + 0.02)) ** 2).mean()))
    best = int(np.argmin(errors))
    return float(_LAGS_S[best]) if errors[best] < _LAG_GAIN * errors[len(_LAGS_S) // 2] else 0.0


def mix(
    camera: Take,
    given: Sequence[Occlusion] = (),
    helper: Helper | None = None,
    find: bool = True,
    straight: bool = False,
    sound: np.ndarray | None = None,
    doubt: Sequence[Occlusion] | None = None,
) -> Mixed:
    """The camera's take with the ranges `given`, and those that are found (`find`), mended. `straight`: the helping take's channels as they are, the
    paper's way. `sound` (T, D): what is heard at the camera's rows. `doubt`: ranges that nothing is learned from, where they were looked for already and
    none are to be found. Raises InnerfaceError where nothing can be trusted, or `straight` has no helper."""
    track = camera.weights()
    if straight and helper is None:
        raise InnerfaceError(f"{camera.name}: plain substitution puts another take's channels in; give one with --imu or --with")
    if find or doubt is None:
        doubt = detect.detect(track, helper.features() if helper else None, who=helper.who if helper else "sensors")
    ranges = merged([*given, *(doubt if find else [])])
    if straight and helper is not None:
        done = plain(track, ranges, helper)
    else:
        try:
            done = mend(track, ranges, helper, sound, mask(doubt, track.time))
        except InnerfaceError as error:
            raise InnerfaceError(f"{camera.name}: {error}") from None
    tracks = {name: done.track if t is track else t for name, t in camera.tracks.items()}
    return Mixed(replace(camera, tracks=tracks), ranges, done)

"""A camera's take and what helps it, from two recordings to one: onto one clock, ranges found or given, mended. One way for the command line and Blender."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..errors import InnerfaceError
from ..face.channels import ARKIT
from ..imu import adapter as adapt
from ..imu.inference import infer
from ..imu.layout import Layout, load_layout
from ..imu.linear_model import load as linear_model
from ..imu.model import Model
from ..take import Take, Track
from ..take import alignment as align
from . import detect, occlusion_features
from .infill import Helper, Infill, infill, substitute
from .ranges import Occlusion, merge_ranges, sample_mask

_LAGS_S = np.arange(-6, 7) / 60.0
_MAX_LAG_ERROR_RATIO = 0.985  # of the error at most, for a lag to be taken
_MIN_OVERLAP_S = 1.0


@dataclass(frozen=True)
class AlignedHelper:
    """`helper` on the camera's rows; `found`: how the takes' clocks go together (None: said by the user); `offset_s`: camera's time = other's time + this,
    at the camera's start; `begins_s`: second of the camera's take at which the other begins; `lag_s`: by how much later it was read besides; `doubt`: where
    the camera was not believed for that; `notes`."""

    helper: Helper
    alignment: align.Alignment | None
    offset_s: float
    begins_s: float
    lag_s: float
    doubt: list[Occlusion] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class RepairedTake:
    """`take`: the camera's rows, mended; `ranges`: what was mended; `mended`: the samples that changed and what they were made of."""

    take: Take
    ranges: list[Occlusion]
    infill: Infill


def sensor_take(take: Take) -> Take | None:
    """What sensors sent of a take that may hold a camera besides; None where there were none."""
    tracks = {name: t for name, t in take.tracks.items() if t.kind == "imu" and len(t.time)}
    return Take(take.name, tracks, take.notes, take.sound) if tracks else None


def mask_hidden(track: Track, ranges: Sequence[Occlusion]) -> Track:
    """The camera's track without what is hidden (NaN)."""
    return track.replace_columns(ARKIT, np.where(sample_mask(ranges, track.time), np.nan, track.select(ARKIT)))


def align_helper(
    camera: Take,
    other: Take,
    ranges: Sequence[Occlusion] = (),
    offset_s: float | None = None,
    sites: Layout | None = None,
    model: Model | None = None,
    adapter: adapt.Adapter | None = None,
) -> AlignedHelper:
    """What a second take says at the camera's rows. Its place on the camera's clock is found by motion (outside of `ranges` and of what the detector doubts),
    or said: `offset_s`. A sensor take is inferred by `model`. Raises InnerfaceError where the takes do not match."""
    track = camera.weights()
    doubt = merge_ranges([*ranges, *detect.detect(track)])
    visible = mask_hidden(track, doubt)
    if not np.isfinite(visible.select(ARKIT)).any():
        raise InnerfaceError(
            f"{camera.name}: no row of the camera can be trusted, so nothing tells where the other take belongs; give --offset, or other ranges"
        )
    sites = sites or load_layout()
    is_imu = not any(t.kind == "weights" for t in other.tracks.values())
    notes: list[str] = []
    rotation: np.ndarray | None = None
    blind: frozenset[str] = frozenset()
    if is_imu:
        if model is None:
            from ..imu.model import load

            model, notes = load()
        inferred = infer(other, sites, model, adapter=adapter)
        weights, rotation, blind = inferred.take.weights(), inferred.motion.rotation, frozenset(inferred.unobserved)
        notes += inferred.take.notes
    else:
        weights = other.weights()
        blind = frozenset(c for c in ARKIT if c not in weights.columns)
    clock_alignment = None
    if offset_s is None:
        linear = linear_model()
        try:
            camera_motion = align.motion_signal(Take(camera.name, {"weights": visible}), sites, linear)
            clock_alignment = align.align(
                camera_motion,
                align.inferred_motion_signal(inferred, other) if is_imu else align.motion_signal(other, sites, linear),
            )
        except InnerfaceError as error:
            raise InnerfaceError(
                f"{camera.name}, {other.name}: {error}; or say where it belongs with --offset"
            ) from None
        if not is_imu:
            clock_alignment = align.prefer_timecode(clock_alignment, camera, other)
    # the camera's time on the other take's clock
    helper_times = (
        track.time - offset_s
        if clock_alignment is None
        else (track.time - clock_alignment.offset_s) / (1 + clock_alignment.drift_ppm * 1e-6)
    )
    overlap = min(helper_times[-1], weights.time[-1]) - max(helper_times[0], weights.time[0])
    if overlap < _MIN_OVERLAP_S:
        raise InnerfaceError(
            f"{camera.name}, {other.name}: share {max(overlap, 0):.1f} s of time; give takes of one performance that overlap"
        )
    lag = _find_lag(visible, weights, rotation, helper_times)
    values = occlusion_features.helper_channels(weights, rotation, helper_times + lag)
    name = "sensors" if is_imu else "other take"
    helper = Helper(values[:, : len(ARKIT)], values[:, len(ARKIT) :], blind, name)
    other_start = float(next(iter(other.tracks.values())).time[0])
    begins = (
        other_start + offset_s
        if clock_alignment is None and offset_s is not None
        else float(clock_alignment.a_time(other_start))
        if clock_alignment is not None
        else other_start
    )
    return AlignedHelper(
        helper,
        clock_alignment,
        float(track.time[0] - helper_times[0]),
        begins - float(track.time[0]),
        lag,
        doubt,
        notes,
    )


def _find_lag(visible: Track, weights: Track, rotation: np.ndarray | None, helper_times: np.ndarray) -> float:
    """By how much later (s) the helping take must be read so that a ridge regression on it explains the camera's trusted rows best; 0 if that gains little."""
    y = visible.select(ARKIT)
    rows = np.flatnonzero(np.isfinite(y).all(axis=1))
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(1200, len(rows))).astype(int))] if len(rows) else rows
    if len(rows) < 100:
        return 0.0
    errors = []
    for lag in _LAGS_S:
        x = occlusion_features.helper_channels(weights, rotation, helper_times[rows] + lag)
        valid = np.isfinite(x).all(axis=1)
        if valid.sum() < 100:
            return 0.0
        x, targets = x[valid], y[rows][valid]
        c = occlusion_features.ridge(x, targets, np.ones(len(x)), 0.03)
        errors.append(float((((targets - x @ c[:-1] - c[-1]) / (targets.std(axis=0) + 0.02)) ** 2).mean()))
    best = int(np.argmin(errors))
    return float(_LAGS_S[best]) if errors[best] < _MAX_LAG_ERROR_RATIO * errors[len(_LAGS_S) // 2] else 0.0


def repair(
    camera: Take,
    given: Sequence[Occlusion] = (),
    helper: Helper | None = None,
    find_ranges: bool = True,
    substitute_only: bool = False,
    sound: np.ndarray | None = None,
    doubt: Sequence[Occlusion] | None = None,
) -> RepairedTake:
    """The camera's take with the ranges `given`, and those that are found (`find`), mended. `straight`: the helping take's channels as they are, the
    paper's way. `sound` (T, D): what is heard at the camera's rows. `doubt`: ranges that nothing is learned from, where they were looked for already and
    none are to be found. Raises InnerfaceError where nothing can be trusted, or `straight` has no helper."""
    track = camera.weights()
    if substitute_only and helper is None:
        raise InnerfaceError(
            f"{camera.name}: plain substitution puts another take's channels in; give one with --imu or --with"
        )
    if find_ranges or doubt is None:
        doubt = detect.detect(
            track, helper.features() if helper else None, helper_name=helper.name if helper else "sensors"
        )
    ranges = merge_ranges([*given, *(doubt if find_ranges else [])])
    if substitute_only and helper is not None:
        result = substitute(track, ranges, helper)
    else:
        try:
            result = infill(track, ranges, helper, sound, sample_mask(doubt, track.time))
        except InnerfaceError as error:
            raise InnerfaceError(f"{camera.name}: {error}") from None
    tracks = {name: result.track if t is track else t for name, t in camera.tracks.items()}
    return RepairedTake(replace(camera, tracks=tracks), ranges, result)

"""Put a helping take on a camera's clock and rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..face.channels import ARKIT
from ..imu.adapter import Adapter
from ..imu.inference import ImuInference, infer
from ..imu.layout import Layout, load_layout
from ..imu.linear_model import load as load_linear_model
from ..imu.model import Model
from ..imu.motion_signal import inferred_motion_signal, motion_signal
from ..numerics import ridge
from ..take import Take, Track, TrackKind, alignment
from .detect import detect
from .helper import Helper
from .occlusion_features import SPREAD_FLOOR, helper_channels
from .ranges import Occlusion, merge_ranges, sample_mask

_LAGS_S = np.arange(-6, 7) / 60.0
_MAX_LAG_ERROR_RATIO = 0.985  # to the error without a lag, for a lag to be used
_MIN_OVERLAP_S = 1.0
_MAX_LAG_ROWS, _MIN_LAG_ROWS, _LAG_PENALTY = 1200, 100, 0.03


@dataclass(frozen=True)
class AlignedHelper:
    """A helping take on the camera's rows.

    Attributes
    ----------
    helper : its channels at the camera's rows
    alignment : how the clocks relate; None where the offset was given
    offset_s : at the camera's start, camera time = helper time + offset_s
    begins_s : second of the camera's take at which the helping take begins
    lag_s : delay at which the helping take is read in addition
    doubt : ranges in which the camera was not trusted for all of this
    notes : for the user
    """

    helper: Helper
    alignment: alignment.Alignment | None
    offset_s: float
    begins_s: float
    lag_s: float
    doubt: list[Occlusion] = field(default_factory=list[Occlusion])
    notes: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class _HelperWeights:
    """Weights of a helping take, with the `inference` that they come from where it is a take of sensors."""

    weights: Track
    unobserved: frozenset[str]
    inference: ImuInference | None
    notes: list[str]

    @property
    def rotation(self) -> Array | None:
        """Rotation vectors (T, S, 3) of sensors."""
        return None if self.inference is None else self.inference.motion.rotation


def sensor_take(take: Take) -> Take | None:
    """The IMU tracks of a take that may hold a camera as well; None where there are none."""
    tracks = take.tracks_of(TrackKind.IMU)
    return Take(take.name, tracks, take.notes, take.sound) if tracks else None


def mask_hidden(track: Track, ranges: Sequence[Occlusion]) -> Track:
    """The camera's track with NaN in its hidden samples."""
    return track.replace_columns(ARKIT, np.where(sample_mask(ranges, track.time), np.nan, track.select(ARKIT)))


def align_helper(
    camera: Take,
    other: Take,
    *,
    ranges: Sequence[Occlusion] = (),
    offset_s: float | None = None,
    sites: Layout | None = None,
    model: Model | None = None,
    adapter: Adapter | None = None,
) -> AlignedHelper:
    """Find a helping take's channels at the camera's rows.

    Parameters
    ----------
    camera : a take with weights
    other : a take of IMUs, or with weights
    ranges : hidden ranges of the camera; like those that the detector finds, they are not used for the alignment
    offset_s : camera time - other time; found by the motion of both where it is None
    sites : layout of the IMUs (the default layout if None)
    model, adapter : to infer the IMUs with (the shipped model, no adapter if None)

    Raises
    ------
    InnerfaceError
        if the takes do not match
    """
    track = camera.weights()
    doubt = merge_ranges([*ranges, *detect(track)])
    visible = mask_hidden(track, doubt)
    if not np.isfinite(visible.select(ARKIT)).any():
        raise InnerfaceError(
            f"{camera.name}: no row of the camera can be trusted, so the other take cannot be aligned with it; "
            "give --offset, or other ranges"
        )
    sites = sites or load_layout()
    known = _helper_weights(other, sites, model, adapter=adapter)
    weights = known.weights
    clock = None
    if offset_s is None:
        linear = load_linear_model()
        try:
            camera_motion = motion_signal(Take(camera.name, {TrackKind.WEIGHTS: visible}), sites, linear)
            helper_motion = (
                motion_signal(other, sites, linear)
                if known.inference is None
                else inferred_motion_signal(known.inference, other)
            )
            clock = alignment.align(camera_motion, helper_motion)
        except InnerfaceError as error:
            raise InnerfaceError(f"{camera.name}, {other.name}: {error}; or give --offset") from None
        if known.inference is None:
            clock = alignment.prefer_timecode(clock, camera, other)
    helper_times = (  # the camera's rows on the helping take's clock
        track.time - (offset_s or 0.0)
        if clock is None
        else (track.time - clock.offset_s) / (1 + clock.drift_ppm * 1e-6)
    )
    overlap = min(helper_times[-1], weights.time[-1]) - max(helper_times[0], weights.time[0])
    if overlap < _MIN_OVERLAP_S:
        raise InnerfaceError(
            f"{camera.name}, {other.name}: overlap by {max(overlap, 0):.1f} s only; give takes of one performance"
        )
    lag = _find_lag(visible, weights, known.rotation, helper_times=helper_times)
    values = helper_channels(weights, known.rotation, helper_times + lag)
    other_start = float(next(iter(other.tracks.values())).time[0])
    begins = float(clock.a_time(other_start)) if clock is not None else other_start + (offset_s or 0.0)
    return AlignedHelper(
        Helper(
            values[:, : len(ARKIT)],
            values[:, len(ARKIT) :],
            known.unobserved,
            "other take" if known.inference is None else "sensors",
        ),
        clock,
        float(track.time[0] - helper_times[0]),
        begins - float(track.time[0]),
        lag,
        doubt,
        known.notes,
    )


def _helper_weights(take: Take, sites: Layout, model: Model | None, *, adapter: Adapter | None) -> _HelperWeights:
    if TrackKind.WEIGHTS in take.kinds:
        weights = take.weights()
        return _HelperWeights(weights, frozenset(c for c in ARKIT if c not in weights.columns), None, [])
    notes: list[str] = []
    if model is None:
        from ..imu.model import load

        model, notes = load()
    inference = infer(take, sites, model, adapter=adapter)
    return _HelperWeights(
        inference.take.weights(),
        frozenset(inference.unobserved),
        inference,
        [*notes, *inference.take.notes],
    )


def _find_lag(visible: Track, weights: Track, rotation: Array | None, *, helper_times: Array) -> float:
    """Delay (s) of the helping take with which a ridge regression explains the camera best; 0 if that gains little."""
    y = visible.select(ARKIT)
    rows = np.flatnonzero(np.isfinite(y).all(axis=1))
    if len(rows):
        rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(_MAX_LAG_ROWS, len(rows))).astype(int))]
    if len(rows) < _MIN_LAG_ROWS:
        return 0.0
    errors: list[float] = []
    for lag in _LAGS_S:
        x = helper_channels(weights, rotation, helper_times[rows] + lag)
        valid = np.isfinite(x).all(axis=1)
        if valid.sum() < _MIN_LAG_ROWS:
            return 0.0
        x, targets = x[valid], y[rows][valid]
        c = ridge.fit(x, targets, _LAG_PENALTY, spread_floor=SPREAD_FLOOR)
        relative = (targets - ridge.predict(x, c)) / (targets.std(axis=0) + SPREAD_FLOOR)
        errors.append(float((relative**2).mean()))
    best = int(np.argmin(errors))
    return float(_LAGS_S[best]) if errors[best] < _MAX_LAG_ERROR_RATIO * errors[len(_LAGS_S) // 2] else 0.0

"""IMU signals: a track as arrays, and its resampling: rotations by slerp, accelerations by a triangular filter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..numerics import quaternion as quat
from ..rates import FRAME_RATE
from ..take import Track, TrackKind

MAX_TAKE_S, MIN_RATE_HZ = 3 * 3600.0, 5.0  # beyond these a take's times are wrong, or it does not fit into memory
_MAX_VALUE = 1e6  # no rotation or acceleration is that large; such samples count as lost
LOOKAHEAD = 2  # frames, half width of the triangular filter: c = 2 of eq 5
MAX_GAP_S = 0.25  # a site without a sample for longer counts as missing
_EPSILON_S = 1e-6
COMPONENTS = ("qw", "qx", "qy", "qz", "ax", "ay", "az")
RAW_COMPONENTS = ("gx", "gy", "gz", "ax", "ay", "az")  # of a board without sensor fusion
GRAVITY = 9.80665  # m/s^2


@dataclass(frozen=True)
class ImuSignal:
    """Orientations and accelerations of S sites at T times; NaN where missing.

    Attributes
    ----------
    time : (T,) s
    sites : S ids
    rotation : (T, S, 4) unit quaternions (w, x, y, z), sensor to world
    acceleration : (T, S, 3) m/s^2, in the sensor's frame
    linear : gravity is already removed from the accelerations
    up : the world's up axis, "x", "y" or "z"; "" where it must be found from gravity
    """

    time: Array
    sites: tuple[str, ...]
    rotation: Array
    acceleration: Array
    linear: bool
    up: str

    def present(self) -> Array:
        """Samples (T, S) bool that hold both an orientation and an acceleration."""
        return ~(np.isnan(self.rotation).any(-1) | np.isnan(self.acceleration).any(-1))


@lru_cache(maxsize=64)
def column_names(sites: tuple[str, ...]) -> tuple[str, ...]:
    """Columns of a track of these sites: `<site>.qw` ... `<site>.az`."""
    return tuple(f"{site}.{part}" for site in sites for part in COMPONENTS)


def to_track(signal: ImuSignal) -> Track:
    """Convert a signal into a track."""
    count = len(signal.sites)
    values = np.concatenate([signal.rotation, signal.acceleration], axis=2).reshape(len(signal.time), 7 * count)
    meta = {"acceleration": "linear" if signal.linear else "specific_force"}
    if signal.up:
        meta["up"] = signal.up
    return Track(TrackKind.IMU, signal.time, column_names(signal.sites), values, meta)


def from_track(track: Track) -> ImuSignal:
    """Convert a track into a signal, by column names. Raw gyroscopes are fused (`orientation`).

    Raises InnerfaceError for a track of another kind or with incomplete sites.
    """
    if track.kind != TrackKind.IMU:
        raise InnerfaceError(f"a track of {track.kind} is not an IMU track; give an IMU take")
    sites = tuple(dict.fromkeys(c.rsplit(".", 1)[0] for c in track.columns))
    components = RAW_COMPONENTS if any(c.endswith(".gx") for c in track.columns) else COMPONENTS
    needed = [f"{site}.{part}" for site in sites for part in components]
    missing = [c for c in needed if c not in track.columns]
    if missing:
        raise InnerfaceError(f"the IMU track lacks {missing[0]}; every site needs {', '.join(components)}")
    values = track.select(tuple(needed)).reshape(len(track.time), len(sites), len(components))
    values = np.where(np.abs(values) < _MAX_VALUE, values, np.nan)
    linear = track.meta.get("acceleration", "specific_force") == "linear"
    if components == RAW_COMPONENTS:
        from .orientation import fuse  # needs an extra

        if linear:
            raise InnerfaceError(
                "raw gyroscopes need accelerations with gravity in them; record acceleration=specific_force"
            )
        return ImuSignal(
            track.time, sites, make_continuous(fuse(track.time, sites, values)), values[..., 3:], False, "z"
        )
    return ImuSignal(
        track.time, sites, make_continuous(values[..., :4]), values[..., 4:], linear, track.meta.get("up", "")
    )


def make_continuous(rotation: Array) -> Array:
    """Normalise quaternions (T, S, 4) and remove sign flips between measured samples; zeros become missing."""
    q = np.array(rotation, dtype=np.float64)
    norm = np.linalg.norm(q, axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        q = np.where(norm > 1e-6, q / norm, np.nan)
    for sites, known in _groups_known_together(~np.isnan(q).any(-1)):
        if len(known) > 1:
            part = q[np.ix_(known, sites)]
            flip = np.cumprod(np.where((part[1:] * part[:-1]).sum(-1) < 0, -1.0, 1.0), axis=0)
            if flip.min() < 0:
                part[1:] *= flip[..., None]
                q[np.ix_(known, sites)] = part
    return q


def slerp(time: Array, rotation: Array, at: Array) -> Array:
    """Interpolate rotations (T, ..., 4) at times `at` (N,) along the shortest arc: (N, ..., 4), held beyond the ends.

    Samples with any NaN are skipped. Raises ValueError where no sample is left.
    """
    known = ~np.isnan(rotation).reshape(len(rotation), -1).any(-1)
    t, q = time[known], rotation[known]
    if not len(t):
        raise ValueError("no sample is measured")
    if len(t) == 1:
        return np.repeat(q, len(at), axis=0)
    right = np.clip(np.searchsorted(t, at, side="right"), 1, len(t) - 1)
    fraction = np.clip((at - t[right - 1]) / (t[right] - t[right - 1]), 0.0, 1.0).reshape(-1, *[1] * (q.ndim - 1))
    a, b = q[right - 1], q[right]
    dot = (a * b).sum(-1, keepdims=True)
    b, dot = np.where(dot < 0, -b, b), np.abs(dot)
    angle = np.arccos(np.clip(dot, -1.0, 1.0))
    sine = np.sin(angle)
    nearly_equal = sine < 1e-7  # the chord equals the arc
    with np.errstate(invalid="ignore", divide="ignore"):
        wa = np.where(nearly_equal, 1 - fraction, np.sin((1 - fraction) * angle) / sine)
        wb = np.where(nearly_equal, fraction, np.sin(fraction * angle) / sine)
    out = wa * a + wb * b
    return out / np.linalg.norm(out, axis=-1, keepdims=True)


def triangle_filter(time: Array, values: Array, at: Array, *, half_width: float) -> Array:
    """Filter signals (T, C) by a triangle of `half_width` s, evaluated at times `at`: (N, C).

    For an acceleration this is the second difference of its position, (p(t-h) + p(t+h) - 2 p(t)) / h^2: IMUSIC's eq 5
    with h = c tau, so that real and simulated accelerations pass the same filter. Exact for the piecewise linear signal
    through the samples, at any rate. Values are held beyond the ends and interpolated across NaN. Raises ValueError
    where a signal has no sample.
    """
    out = np.empty((len(at), values.shape[1]))
    for columns, known in _groups_known_together(~np.isnan(values)):
        t, a = time[known], values[np.ix_(known, columns)]
        if not len(t):
            raise ValueError("no sample is measured")
        mean = a.mean(axis=0)
        t = np.concatenate([[min(t[0], at[0]) - 2 * half_width], t, [max(t[-1], at[-1]) + 2 * half_width]])
        a = np.concatenate([a[:1], a, a[-1:]]) - mean  # keeps small differences precise; added back below
        step = np.diff(t)[:, None]
        slope = np.diff(a, axis=0) / step
        zero = np.zeros((1, a.shape[1]))
        velocity = np.concatenate([zero, np.cumsum(step * (a[1:] + a[:-1]) / 2, axis=0)])
        displacement = np.concatenate(
            [zero, np.cumsum(step * velocity[:-1] + step**2 * (a[:-1] / 2 + slope * step / 6), axis=0)]
        )

        earlier, here, later = (
            _integrated_twice(query, t, a, slope=slope, velocity=velocity, displacement=displacement)
            for query in (at - half_width, at, at + half_width)
        )
        out[:, columns] = (earlier + later - 2 * here) / half_width**2 + mean
    return out


def _integrated_twice(query: Array, t: Array, a: Array, *, slope: Array, velocity: Array, displacement: Array) -> Array:
    """Second integral, at times `query`, of the piecewise linear signal with the samples `a` at times `t`."""
    k = np.clip(np.searchsorted(t, query, side="right") - 1, 0, len(slope) - 1)
    d = (query - t[k])[:, None]
    return displacement[k] + d * (velocity[k] + d * (a[k] / 2 + d * slope[k] / 6))


def _groups_known_together(known: Array) -> Iterator[tuple[Array, Array]]:
    """Group the columns of a mask (T, C) that are known in the same rows: indices of the columns and of the rows."""
    groups: dict[bytes, list[int]] = {}
    for c, rows in enumerate(np.packbits(known, axis=0).T):
        groups.setdefault(rows.tobytes(), []).append(c)
    for columns in groups.values():
        yield np.array(columns), np.flatnonzero(known[:, columns[0]])


def frame_times(signal: ImuSignal) -> Array:
    """Times (N,) of a take's frames at FRAME_RATE. Raises InnerfaceError for implausible times of samples."""
    length, rows = float(signal.time[-1] - signal.time[0]), len(signal.time)
    if length > MAX_TAKE_S or rows < MIN_RATE_HZ * length:
        steps = np.diff(signal.time)
        at = int(steps.argmax())
        if steps[at] > 0.5 * length and rows > 2:
            raise InnerfaceError(
                f"the time jumps by {steps[at]:.4g} s after row {at + 1}; cut the take there, or correct its times"
            )
        raise InnerfaceError(
            f"{rows} rows over {length:.4g} s: times are in seconds, takes last at most {MAX_TAKE_S / 3600:g} h, and "
            f"sensors send at least {MIN_RATE_HZ:g} times a second; correct the times, or cut the take"
        )
    return signal.time[0] + np.arange(int(length * FRAME_RATE + 1e-6) + 1) / FRAME_RATE


def resample(
    signal: ImuSignal,
    at: Array,
    *,
    half_width: float = LOOKAHEAD / FRAME_RATE,
    max_gap: float = MAX_GAP_S,
    causal: bool = False,
    step: float | None = None,
) -> ImuSignal:
    """Resample a signal at times `at` (N,).

    Parameters
    ----------
    half_width : of the triangular filter of accelerations, s (c tau of eq 5)
    max_gap : a site is missing where its measured samples lie further apart than this, s
    causal : use nothing later than t + half_width and one sample interval, as live: a lost sample is replaced by the
        one before it until the next one arrives, and is missing after `max_gap`
    step : the sample interval for `causal`, s; the median if not given
    """
    count = len(signal.sites)
    rotation, acceleration = np.full((len(at), count, 4), np.nan), np.full((len(at), count, 3), np.nan)
    for sites, known in _groups_known_together(signal.present()):
        if not len(known):
            continue
        t = signal.time[known]
        q, a = signal.rotation[np.ix_(known, sites)], signal.acceleration[np.ix_(known, sites)]
        sample_times = t
        if causal and len(t) > 1:
            interval = step or float(
                np.median(np.diff(t if np.median(np.diff(known)) > 1 else signal.time))
            )  # other devices' rows may lie between
            gaps = np.flatnonzero(
                (np.diff(t) > 1.5 * interval) | ((np.diff(known) > 1) & (np.diff(t) > 1.2 * interval))
            )
            hold_until = np.maximum(
                t[gaps + 1] - interval, signal.time[known[gaps + 1] - 1]
            )  # the last row without it, had it been sent
            max_hold = max_gap + half_width  # a later sample starts afresh
            long_gaps = gaps[t[gaps + 1] - t[gaps] > max_hold + interval]
            hold_until = np.minimum(hold_until, t[gaps] + max_hold)
            if len(gaps):
                insert_at, source = np.concatenate([gaps, long_gaps]) + 1, np.concatenate([gaps, long_gaps + 1])
                sample_times = np.insert(
                    t, insert_at, np.concatenate([hold_until, t[long_gaps] + max_hold + _EPSILON_S])
                )
                q, a = np.insert(q, insert_at, q[source], 0), np.insert(a, insert_at, a[source], 0)
        new_rotation, new_acceleration = (
            slerp(sample_times, q, at),
            triangle_filter(sample_times, a.reshape(len(a), -1), at, half_width=half_width).reshape(
                len(at), len(sites), 3
            ),
        )
        right = np.searchsorted(t, at, side="right")
        before, after = t[np.clip(right - 1, 0, len(t) - 1)], t[np.clip(right, 0, len(t) - 1)]
        outside = np.maximum(t[0] - at, at - t[-1])
        inside = (right > 0) & (right < len(t))
        lost = np.where(inside, (at if causal else after) - before, np.maximum(outside, 0.0)) > max_gap
        if causal:
            lost |= right == 0
        new_rotation[lost], new_acceleration[lost] = np.nan, np.nan
        rotation[:, sites], acceleration[:, sites] = new_rotation, new_acceleration
    return ImuSignal(
        np.asarray(at, dtype=np.float64),
        signal.sites,
        make_continuous(rotation),
        acceleration,
        signal.linear,
        signal.up,
    )


def to_specific_force_y_up(rotation: Array, acceleration: Array, *, linear: bool, up: str) -> tuple[Array, Array]:
    """Convert to orientations (..., 4) in a world with y up, and specific forces (..., 3).

    `linear` and `up` say what the device sends; gravity is added where the device has removed it. Devices of different
    conventions can so be combined.
    """
    axis = {"x": 0, "y": 1, "z": 2}[up or "y"]
    if linear:
        gravity = np.zeros(3)
        gravity[axis] = GRAVITY
        acceleration = acceleration + quat.rotate(quat.conjugate(rotation), gravity)
    if axis != 1:
        rotation = quat.multiply(
            quat.about_axis(0, -np.pi / 2) if axis == 2 else quat.about_axis(2, np.pi / 2), rotation
        )
    return rotation, acceleration


def merge_tracks(tracks: list[Track]) -> ImuSignal:
    """Merge tracks of several devices on one clock into one signal with the rows of all; NaN where a site has none.

    Where their conventions differ (gravity removed, another axis up), all become specific forces with y up. Where two
    tracks have the same site at the same time, the first one counts. Raises InnerfaceError as `from_track` does.
    """
    signals = [from_track(track) for track in tracks]
    if len(signals) == 1:
        return signals[0]
    linear, up = signals[0].linear, signals[0].up
    if any((s.linear, s.up) != (linear, up) for s in signals):
        converted = [to_specific_force_y_up(s.rotation, s.acceleration, linear=s.linear, up=s.up) for s in signals]
        signals = [
            replace(s, rotation=q, acceleration=a, linear=False, up="y") for s, (q, a) in zip(signals, converted)
        ]
        linear, up = False, "y"
    time = np.unique(np.concatenate([s.time for s in signals]))
    sites = tuple(dict.fromkeys(site for s in signals for site in s.sites))
    rotation, acceleration = np.full((len(time), len(sites), 4), np.nan), np.full((len(time), len(sites), 3), np.nan)
    for s in signals:
        rows = np.searchsorted(time, s.time)
        for k, site in enumerate(s.sites):
            column = sites.index(site)
            filled_rows = np.flatnonzero(~np.isnan(rotation[:, column, 0]))
            new_rows = (
                (rows < filled_rows[0]) | (rows > filled_rows[-1])
                if len(filled_rows)
                else np.ones(len(rows), dtype=bool)
            )
            rotation[rows[new_rows], column], acceleration[rows[new_rows], column] = (
                s.rotation[new_rows, k],
                s.acceleration[new_rows, k],
            )
    return ImuSignal(time, sites, make_continuous(rotation), acceleration, linear, up)


def select_sites(signal: ImuSignal, indices: list[int]) -> ImuSignal:
    """Select sites by index."""
    return replace(
        signal,
        sites=tuple(signal.sites[k] for k in indices),
        rotation=signal.rotation[:, indices],
        acceleration=signal.acceleration[:, indices],
    )

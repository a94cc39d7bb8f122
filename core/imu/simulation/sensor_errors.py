"""Errors of simulated sensors: orientations from sensor fusion, accelerometer readings, mounting and losses."""

from __future__ import annotations

from typing import cast

import numpy as np
from scipy.signal import bilinear, lfilter  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

from ...arrays import Array
from ...numerics import quaternion as quat
from ..signal import GRAVITY
from .effects import Effects
from .head_motion import bump


def apply_skin_coupling(values: Array, *, frequency: float, damping: float, rate: float) -> Array:
    """Filter values (T, C) by the skin's second-order coupling at `frequency` Hz."""
    w = 2 * np.pi * frequency
    b, a = cast(tuple[Array, Array], bilinear(np.array([w * w]), np.array([1, 2 * damping * w, w * w]), fs=rate))
    return cast(Array, lfilter(b, a, values - values[0], axis=0)) + values[0]


def wobble(force: Array, sites: list[int], effects: Effects, *, rate: float, rng: np.random.Generator) -> Array:
    """Rotation vectors (T, S, 3) by which accelerations tilt sensors on soft skin; 0 at those on the skull.

    Parameters
    ----------
    force : (T, S, 3) m/s^2, specific forces in head axes
    sites : indices of the sensors on skin
    effects : with the size and the skin's frequencies
    rate : rows per second
    rng : random generator
    """
    out = np.zeros(force.shape)
    for s in sites:
        matrix = np.radians(effects.wobble_deg) / np.sqrt(3) * rng.normal(0, 1, (3, 3))
        tilt = (force[:, s] - force[0, s]) @ matrix.T
        frequency, damping = rng.uniform(*effects.coupling_hz), rng.uniform(*effects.coupling_damping)
        out[:, s] = apply_skin_coupling(tilt, frequency=frequency, damping=damping, rate=rate) if frequency else tilt
    return out


def slip(turn: Array, effects: Effects, rate: float) -> Array:
    """Rotation vectors (T, S, 3) of sensors whose tape gives way to a share of the skin's, with a time constant."""
    decay = np.exp(-1 / (effects.slip_s * rate))
    moved = turn - turn[:1]
    return turn - effects.slip * cast(Array, lfilter([1 - decay], [1.0, -decay], moved, axis=0))


def slow_noise(count: int, channels: int, *, cutoff_hz: float, rate: float, rng: np.random.Generator) -> Array:
    """Random motion (count, channels) below `cutoff_hz`, of unit sd."""
    decay = np.exp(-2 * np.pi * cutoff_hz / rate)
    start = rng.normal(0, 1, channels)
    noise = rng.normal(0, np.sqrt(1 - decay * decay), (count, channels))
    return cast(Array, lfilter([1.0], [1.0, -decay], noise, axis=0, zi=(decay * start)[None])[0])


def orientation_error(t: Array, yaw_rate: Array, pull: Array, *, effects: Effects, rng: np.random.Generator) -> Array:
    """Rotations (T, S, 4) in the room from true orientations to those that fusion filters report.

    Headings have an offset, a constant and a random drift, errors of the gyroscopes and of passing magnets; the
    inclination wanders and leans into accelerations.

    Parameters
    ----------
    t : (T,) s
    yaw_rate : (T, S) rad/s, of each sensor about the vertical
    pull : (T, 2), the head's slow horizontal acceleration (x, z) over gravity
    effects : sizes of the errors
    rng : random generator
    """
    rows, count = yaw_rate.shape
    rate = 1 / float(t[1] - t[0])
    tilt = (
        np.radians(effects.tilt_deg)
        / np.sqrt(2)
        * slow_noise(rows, 2 * count, cutoff_hz=1 / (2 * np.pi * effects.tilt_s), rate=rate, rng=rng)
    )
    tilt = tilt.reshape(rows, count, 2)
    # a filter that takes acceleration a for gravity reports the direction of g up + a as up
    tilt = tilt + effects.tilt_pull * np.stack([-pull[:, 1], pull[:, 0]], axis=-1)[:, None]
    minutes = (t - t[0]) / 60
    heading = np.radians(rng.uniform(-1, 1, count) * effects.heading_deg)
    heading = heading + np.radians(rng.normal(0, 1, count) * effects.heading_rate_dpm) * minutes[:, None]
    step = np.hypot(np.radians(effects.heading_drift_dpm) / np.sqrt(60), np.radians(effects.gyro_noise_dps)) / np.sqrt(
        rate
    )
    heading = heading + step * rng.normal(0, 1, (rows, count)).cumsum(axis=0)
    limit = np.radians(effects.gyro_range_dps)
    rate_error = np.clip(yaw_rate, -limit, limit) * (1 + effects.gyro_scale * rng.normal(0, 1, count)) - yaw_rate
    heading = heading + rate_error.cumsum(axis=0) / rate
    if effects.magnet_deg:
        for s in range(count):
            for _ in range(max(1, int((t[-1] - t[0]) / 40))):
                start = rng.uniform(float(t[0]), float(t[-1]))
                heading[:, s] += np.radians(float(rng.normal(0, effects.magnet_deg))) * bump(
                    t, start, start + float(rng.uniform(3, 10))
                )
    tilt_vector = np.stack([tilt[..., 0], np.zeros((rows, count)), tilt[..., 1]], axis=-1)
    return quat.multiply(quat.about_axis(1, heading), quat.from_rotvec(tilt_vector))


def mounting(t: Array, count: int, effects: Effects, *, rng: np.random.Generator) -> Array:
    """Rotations (T, count, 4) of sensors on their sites; (1, count, 4) without creep and tugs of cables."""
    if effects.mounting_deg >= 180:
        fixed = rng.normal(0, 1, (count, 4))
        fixed /= np.linalg.norm(fixed, axis=1, keepdims=True)
    else:
        axis = rng.normal(0, 1, (count, 3))
        axis /= np.linalg.norm(axis, axis=1, keepdims=True)
        fixed = quat.from_rotvec(axis * np.radians(rng.normal(0, effects.mounting_deg, (count, 1))))
    fixed = fixed[None]
    rate = 1 / float(t[1] - t[0])
    offset = np.zeros((1, count, 3))
    if effects.creep_deg:
        walk = rng.normal(0, np.radians(effects.creep_deg) / np.sqrt(60 * rate), (len(t), count, 3)).cumsum(axis=0)
        offset = offset + walk
    if effects.cable_deg:
        tug = slow_noise(len(t), 3 * count, cutoff_hz=0.3, rate=rate, rng=rng).reshape(-1, count, 3)
        offset = offset + np.radians(effects.cable_deg) / np.sqrt(3) * tug
    return quat.multiply(quat.from_rotvec(offset), fixed) if offset.any() else fixed


def random_loosening(
    t: Array, face: list[int], effects: Effects, *, rng: np.random.Generator
) -> tuple[int, Array] | None:
    """With the chance `effects.loose`, the index of a sensor that comes loose, and its rotation over time (T, 4)."""
    if not face or rng.uniform() >= effects.loose:
        return None
    axis = rng.normal(0, 1, 3)
    tilt_vector = axis / np.linalg.norm(axis) * np.radians(rng.uniform(10, 40))
    end = float(t[-1])
    loose_time = rng.uniform(min(3.0, end / 2), max(end, 0.1))
    fraction: Array = np.clip((t - loose_time) / 0.15, 0, 1)[:, None]
    return _choose(face, rng), quat.from_rotvec(fraction * tilt_vector)


def _choose(face: list[int], rng: np.random.Generator) -> int:
    return face[int(rng.integers(len(face)))]  # pyright: ignore[reportUnknownMemberType]


def accelerometer_readings(force: Array, effects: Effects, rate: float, *, rng: np.random.Generator) -> Array:
    """Accelerometer readings (T, S, 3) of specific forces: scale error, bias, noise and saturation."""
    count = force.shape[1]
    scale = 1 + effects.accel_scale * rng.normal(0, 1, (count, 3))
    noise = effects.accel_noise_ug * 1e-6 * GRAVITY * np.sqrt(rate / 2)
    out = force * scale + rng.uniform(-1, 1, (count, 3)) * effects.accel_bias
    if noise:
        out = out + noise * rng.normal(0, 1, force.shape)
    return np.clip(out, -effects.accel_range, effects.accel_range)


def random_losses(t: Array, count: int, face: list[int], *, effects: Effects, rng: np.random.Generator) -> Array:
    """Samples (T, count) bool that are lost."""
    out = (rng.uniform(size=(len(t), count)) < effects.loss) | (rng.uniform(size=(len(t), 1)) < effects.row_loss)
    for s in range(count):
        for _ in range(rng.poisson(effects.gaps_per_min * float(t[-1] - t[0]) / 60)):
            start = rng.uniform(0.0, max(float(t[-1]), 1e-3))
            out[(t > start) & (t < start + rng.uniform(0.1, 0.6)), s] = True
    if face and rng.uniform() < effects.dead:
        out[:, _choose(face, rng)] = True
    return out

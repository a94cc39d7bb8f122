"""Motion of a simulated performer's head: calibration first, then sway, glances, beats and steps.

Before the performance the performer relaxes, nods (chin down first), shakes the head (to their left first) and taps
the chin three times. Times count from the performance's first row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...arrays import Array
from ...numerics import quaternion as quat
from .effects import Effects

RELAX, NOD, SHAKE = (-12.0, -8.0), (-8.0, -6.0), (-6.0, -3.6)  # s
TAPS = (-2.6, -2.2, -1.8)  # s
NECK = np.array([0.0, -0.06, -0.01])  # pivot of the head, m in the head frame
_HIPS_M = 0.55  # pivot of the body, below the neck


@dataclass(frozen=True)
class HeadMotion:
    """The head in a room with y up: `rotation` (T, 4) from head to room, `neck` (T, 3) m, the position of NECK."""

    rotation: Array
    neck: Array


def bump(t: Array, start: float, end: float) -> Array:
    """A smooth bump from 0 to 1 and back between two times."""
    x = np.clip((t - start) / (end - start), 0, 1)
    return np.sin(np.pi * x) ** 2


def _slow_waves(t: Array, count: int, rates: tuple[float, ...], *, rng: np.random.Generator) -> Array:
    """Slow random motion (T, count) of about unit size."""
    out = np.zeros((len(t), count))
    for k in range(count):
        for f in rates:
            out[:, k] += np.sin(2 * np.pi * f * rng.uniform(0.8, 1.25) * t + rng.uniform(0, 2 * np.pi)) / len(rates)
    return out


def move_head(t: Array, performance_angles: Array, effects: Effects, *, rng: np.random.Generator) -> HeadMotion:
    """Motion of the head at times `t` (T,); `performance_angles` (T, 3) rad: yaw, pitch, roll of the performance."""
    length = max(float(t[-1]), 1.0)
    fade = np.clip((t + 1.0) / 0.8, 0, 1)[:, None]  # the performance's motion begins after the calibration
    motion_scale = np.clip((t - SHAKE[1]) / 2.0, 0.03, 1.0)[:, None]  # little motion while relaxing
    angles = fade * performance_angles
    angles += (
        motion_scale
        * np.radians(effects.sway_deg)
        * np.array([1.0, 0.7, 0.5])
        * _slow_waves(t, 3, (0.13, 0.31, 0.72), rng=rng)
    )
    neck = motion_scale * effects.sway_mm * 1e-3 * _slow_waves(t, 3, (0.13, 0.31, 0.72), rng=rng)
    if effects.glance_deg:
        for _ in range(rng.poisson(length / 12)):
            start, hold = rng.uniform(0, length), rng.uniform(0.6, 3.0)
            turn = np.radians(effects.glance_deg) * rng.uniform(-1, 1, 3) * np.array([1.0, 0.6, 0.4])
            rise = np.clip((t - start) / rng.uniform(0.35, 0.8), 0, 1)
            fall = np.clip((t - start - hold) / rng.uniform(0.35, 0.8), 0, 1)
            angles += turn * (rise**2 * (3 - 2 * rise) - fall**2 * (3 - 2 * fall))[:, None]
    if effects.beat_deg:
        start = 0.0
        while start < length:  # for some bars at a time
            bars, beat = rng.uniform(3, 10), rng.uniform(1.2, 2.2)
            angles[:, 1] += np.radians(effects.beat_deg) * bump(t, start, start + bars) * np.sin(2 * np.pi * beat * t)
            start += bars + rng.exponential(6.0)
    half_nod = (NOD[1] - NOD[0]) / 2
    angles[:, 1] += np.radians(rng.uniform(18, 26)) * (
        bump(t, NOD[0], NOD[0] + half_nod) - 0.7 * bump(t, NOD[0] + half_nod, NOD[1])
    )
    half_shake = (SHAKE[1] - SHAKE[0]) / 2
    angles[:, 0] += np.radians(rng.uniform(24, 34)) * (
        bump(t, SHAKE[0], SHAKE[0] + half_shake) - bump(t, SHAKE[0] + half_shake, SHAKE[1])
    )
    if effects.walk:
        pace = 2 * np.pi * rng.uniform(1.6, 2.2)
        step = motion_scale[:, 0] * effects.walk / pace**2
        neck[:, 1] += step * np.sin(pace * t)
        neck[:, 0] += step * 2.0 * np.sin(pace / 2 * t)  # half of the acceleration, at half of the rate
        angles[:, 1] += step * 1.5 * np.sin(pace * t + 1.0)
    rotation = quat.from_euler_yxz(*angles.T)
    if effects.torso_deg:
        lean = motion_scale * np.radians(effects.torso_deg) * _slow_waves(t, 3, (0.05, 0.11, 0.23), rng=rng)
        body = quat.from_rotvec(lean)
        neck = quat.rotate(body, neck + [0.0, _HIPS_M, 0.0])
        rotation = quat.multiply(body, rotation)
    facing = quat.about_axis(1, rng.uniform(-np.pi, np.pi))  # any direction in the room
    return HeadMotion(quat.multiply(facing, rotation), quat.rotate(facing, neck))

"""Bring an IMU signal to the project's conventions: world y up, quaternions sensor to world, m/s^2; or say what is wrong.

An accelerometer at rest feels 1 g upwards, so orientations and specific forces check each other: turned into the world,
gravity must keep its place whatever the head does.
"""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np

from ..errors import InnerfaceError
from . import quaternion as quat
from .signal import GRAVITY, ImuSignal

_AXES = {"x": np.array([1.0, 0, 0]), "y": np.array([0, 1.0, 0]), "z": np.array([0, 0, 1.0])}
_SNAP = np.cos(np.radians(20.0))  # an up axis nearer than this to one of the world's is that one
_STEADY_DEG = 12.0  # gravity may be so far off in the world before the conventions are doubted
_SPREAD_DEG = 25.0  # and so far before the take is refused
_G_UNITS = (0.8, 1.25)  # median length of a specific force that was measured in g


def level(signal: ImuSignal) -> tuple[ImuSignal, list[str]]:
    """The signal with y up, and notes about what had to be mended. Raises InnerfaceError where gravity makes no sense."""
    notes: list[str] = []
    if not signal.present().any():
        raise InnerfaceError("no site has a single measured sample; check the sensors and record again")
    if signal.linear:
        return _turn_up(signal, _AXES[signal.up or "y"]), notes
    size = np.linalg.norm(signal.acceleration, axis=-1)
    middle = float(np.nanmedian(size))
    if _G_UNITS[0] < middle < _G_UNITS[1]:
        signal = replace(signal, acceleration=signal.acceleration * GRAVITY)
        notes.append(f"accelerations are in g (the median is {middle:.2f}); they were turned into m/s^2")
    elif not 0.7 * GRAVITY < middle < 1.5 * GRAVITY:
        raise InnerfaceError(
            f"specific forces have a median of {middle:.2f} m/s^2 where gravity alone gives 9.8; "
            "say acceleration=linear if gravity is already taken off, or mend the unit"
        )
    signal, said = _quaternion_order(signal)
    notes += said
    found = _gravity(signal.rotation, signal.acceleration)[0]
    if signal.up:
        up = _AXES[signal.up]
        lie = float(found @ up)
        if lie < -_SNAP:
            signal = replace(signal, acceleration=-signal.acceleration)
            notes.append("accelerations point down at rest; their sign was turned (an accelerometer at rest feels 1 g upwards)")
        elif lie < _SNAP:
            raise InnerfaceError(
                f"the take says up={signal.up}, but gravity lies {np.degrees(np.arccos(np.clip(lie, -1, 1))):.0f} degrees off it; "
                "mend or delete up= in the first line"
            )
    else:
        near = max(_AXES, key=lambda a: abs(float(found @ _AXES[a])))
        up = found if abs(float(found @ _AXES[near])) < _SNAP else _AXES[near] * np.sign(float(found @ _AXES[near]))
    return _turn_up(signal, up), notes


def _gravity(rotation: np.ndarray, force: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which way gravity points in the world: the direction that most sites agree on (3,), and how far each site's own is from it
    in degrees (S,; 90th percentile over blocks of about a second, which average motion away)."""
    world = quat.rotate(rotation, force)
    size = max(1, min(64, len(world) // 4))
    blocks = world[: len(world) // size * size].reshape(-1, size, *world.shape[1:])
    known = ~np.isnan(blocks).any(-1)
    with np.errstate(invalid="ignore", divide="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # sites without samples
        means = np.where(known[..., None], blocks, 0.0).sum(1) / known.sum(1)[..., None]
        means /= np.linalg.norm(means, axis=-1, keepdims=True)
        centre = _consensus(np.nanmean(means, axis=0))
        angle = np.degrees(np.arccos(np.clip(means @ centre, -1, 1)))
        return centre, np.nanpercentile(angle, 90, axis=0)


def _consensus(ups: np.ndarray) -> np.ndarray:
    """The direction (3,) of the site with the smallest median angle to the others, averaged with those near it."""
    known = ups[~np.isnan(ups).any(-1)]
    known = known / np.linalg.norm(known, axis=-1, keepdims=True)
    best = known[np.median(known @ known.T, axis=1).argmax()]
    near = known[known @ best > _SNAP]
    mean = near.mean(axis=0)
    return mean / np.linalg.norm(mean)


def _quaternion_order(signal: ImuSignal) -> tuple[ImuSignal, list[str]]:
    """Try other conventions where gravity wanders as sent, and take one that makes it stand still."""
    q = signal.rotation
    tried = {
        "": q,
        "quaternions run from world to sensor; they were inverted": quat.conjugate(q),
        "quaternions are in the order x, y, z, w; they were reordered": q[..., [3, 0, 1, 2]],
        "quaternions run from world to sensor in the order x, y, z, w; they were reordered and inverted": quat.conjugate(
            q[..., [3, 0, 1, 2]]
        ),
    }
    wander = {}
    for note, rotation in tried.items():
        wander[note] = float(np.nanmedian(_gravity(rotation, signal.acceleration)[1]))
        if note == "" and wander[note] < _STEADY_DEG:
            return signal, []
    best = min(wander, key=wander.get)  # type: ignore[arg-type]
    if best and wander[best] < 0.4 * wander[""] and wander[best] < _STEADY_DEG:
        return replace(signal, rotation=tried[best]), [best]
    if wander[""] > _SPREAD_DEG:
        raise InnerfaceError(
            f"orientations and accelerations do not belong together: gravity is off by {wander['']:.0f} degrees in the world; "
            "check that quaternions are w, x, y, z from sensor to world and accelerations in the sensor's frame"
        )
    return signal, [f"gravity is off by {wander['']:.0f} degrees in the world: orientations are poor"]


def _turn_up(signal: ImuSignal, up: np.ndarray) -> ImuSignal:
    """The same signal in a world whose y axis points along `up` (3,)."""
    y = _AXES["y"]
    axis, cosine = np.cross(up, y), float(up @ y)
    if np.linalg.norm(axis) < 1e-9:
        if cosine > 0:
            return replace(signal, up="y")
        turn = quat.about(0, np.pi)
    else:
        turn = quat.from_rotvec(axis / np.linalg.norm(axis) * np.arccos(np.clip(cosine, -1, 1)))
    return replace(signal, rotation=quat.multiply(turn, signal.rotation), up="y")

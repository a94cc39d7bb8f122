"""Conversion of IMU signals to one convention: y up, quaternions from sensor to world, m/s^2.

An accelerometer at rest measures 1 g upwards, so orientations and specific forces check each other: in the world,
gravity must keep its direction whatever the head does.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..numerics import quaternion as quat
from .signal import GRAVITY, ImuSignal

_AXES = {"x": np.array([1.0, 0, 0]), "y": np.array([0, 1.0, 0]), "z": np.array([0, 0, 1.0])}
_SNAP_COSINE = np.cos(np.radians(20.0))  # an up axis nearer than this to one of the world's axes is taken to be it
_MAX_STEADY_DEG = 12.0  # gravity may deviate by so much in the world before other conventions are tried
_MAX_GRAVITY_ERROR_DEG = 25.0  # and by so much before the take is refused
_G_RANGE = (0.8, 1.25)  # median length of a specific force that was measured in g


@dataclass(frozen=True)
class ConventionFix:
    """Conversion of a signal to the convention.

    Attributes
    ----------
    scale : factor of accelerations
    reordered : quaternions are in the order x, y, z, w
    inverted : quaternions run from world to sensor
    world_rotation : (4,), rotation of the world that brings its up axis to y
    """

    scale: float = 1.0
    reordered: bool = False
    inverted: bool = False
    world_rotation: Array = field(default_factory=lambda: np.array([1.0, 0, 0, 0]))

    def fix_rotation(self, rotation: Array) -> Array:
        """Convert orientations (..., 4) as they were sent."""
        q = rotation[..., [3, 0, 1, 2]] if self.reordered else rotation
        return quat.multiply(self.world_rotation, quat.conjugate(q) if self.inverted else q)

    def apply(self, signal: ImuSignal) -> ImuSignal:
        """Convert a signal."""
        return replace(
            signal, rotation=self.fix_rotation(signal.rotation), acceleration=signal.acceleration * self.scale, up="y"
        )


def fix_conventions(signal: ImuSignal) -> tuple[ImuSignal, list[str]]:
    """Convert a signal to the convention, with notes for the user.

    Raises InnerfaceError where gravity is inconsistent.
    """
    fix, notes = find_convention_fix(signal)
    return fix.apply(signal), notes


def find_convention_fix(signal: ImuSignal) -> tuple[ConventionFix, list[str]]:
    """Find the conversion that a signal needs, with notes for the user.

    Raises InnerfaceError where gravity is inconsistent.
    """
    notes: list[str] = []
    if not signal.present().any():
        raise InnerfaceError("no site has a single measured sample; check the sensors and record again")
    if signal.linear:
        return ConventionFix(world_rotation=_rotation_to_y_up(_AXES[signal.up or "y"])), notes
    scale = 1.0
    magnitude: Array = np.linalg.norm(signal.acceleration, axis=-1)
    median = float(np.nanmedian(magnitude))
    if _G_RANGE[0] < median < _G_RANGE[1]:
        scale = GRAVITY
        notes.append(f"accelerations are in g (the median is {median:.2f}); they were converted to m/s^2")
    elif not 0.7 * GRAVITY < median < 1.5 * GRAVITY:
        raise InnerfaceError(
            f"specific forces have a median of {median:.2f} m/s^2 where gravity alone gives 9.8; "
            "write acceleration=linear if gravity is already removed, or correct the unit"
        )
    reordered, inverted, order_notes = _quaternion_order(signal)
    notes += order_notes
    reordered_signal = ConventionFix(scale, reordered, inverted).apply(signal)
    gravity_up = _gravity_direction(reordered_signal.rotation, reordered_signal.acceleration)[0]
    if signal.up:
        up = _AXES[signal.up]
        alignment = float(gravity_up @ up)
        if alignment < -_SNAP_COSINE:
            scale = -scale
            notes.append(
                "accelerations point down at rest; their sign was changed, since accelerometers measure 1 g upwards"
            )
        elif alignment < _SNAP_COSINE:
            raise InnerfaceError(
                f"the take says up={signal.up}, but gravity deviates by "
                f"{np.degrees(np.arccos(np.clip(alignment, -1, 1))):.0f} degrees; correct or delete up= in line 1"
            )
    else:
        nearest_axis = max(_AXES, key=lambda a: abs(float(gravity_up @ _AXES[a])))
        up = (
            gravity_up
            if abs(float(gravity_up @ _AXES[nearest_axis])) < _SNAP_COSINE
            else _AXES[nearest_axis] * np.sign(float(gravity_up @ _AXES[nearest_axis]))
        )
    return ConventionFix(scale, reordered, inverted, _rotation_to_y_up(up)), notes


def _gravity_direction(rotation: Array, force: Array) -> tuple[Array, Array]:
    """Direction (3,) of gravity in the world that most sites agree on, and each site's deviation (S,) in degrees.

    The deviation is the 90th percentile over blocks of about a second, which average motion out.
    """
    world = quat.rotate(rotation, force)
    size = max(1, min(64, len(world) // 4))
    blocks = world[: len(world) // size * size].reshape(-1, size, *world.shape[1:])
    known = ~np.isnan(blocks).any(-1)
    with np.errstate(invalid="ignore", divide="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # sites without samples
        means = np.where(known[..., None], blocks, 0.0).sum(1) / known.sum(1)[..., None]
        means /= np.linalg.norm(means, axis=-1, keepdims=True)
        direction = _consensus_direction(np.nanmean(means, axis=0))
        angle = np.degrees(np.arccos(np.clip(means @ direction, -1, 1)))
        return direction, np.nanpercentile(angle, 90, axis=0)


def _consensus_direction(ups: Array) -> Array:
    """The direction (3,) with the smallest median angle to the others, averaged with those near it."""
    known = ups[~np.isnan(ups).any(-1)]
    known = known / np.linalg.norm(known, axis=-1, keepdims=True)
    best = known[np.median(known @ known.T, axis=1).argmax()]
    agreeing = known[known @ best > _SNAP_COSINE]
    mean = agreeing.mean(axis=0)
    return mean / np.linalg.norm(mean)


def _quaternion_order(signal: ImuSignal) -> tuple[bool, bool, list[str]]:
    """Whether quaternions must be reordered and inverted, with notes.

    Other conventions are tried where gravity wanders as sent; one that keeps it steady is accepted.
    """
    conventions = {
        (False, False): "",
        (False, True): "quaternions run from world to sensor; they were inverted",
        (True, False): "quaternions are in the order x, y, z, w; they were reordered",
        (True, True): "quaternions run from world to sensor in the order x, y, z, w; they were reordered and inverted",
    }
    gravity_errors: dict[tuple[bool, bool], float] = {}
    for convention, note in conventions.items():
        gravity_errors[convention] = float(
            np.nanmedian(
                _gravity_direction(ConventionFix(1.0, *convention).fix_rotation(signal.rotation), signal.acceleration)[
                    1
                ]
            )
        )
        if not note and gravity_errors[convention] < _MAX_STEADY_DEG:
            return (*convention, [])
    error_as_sent = gravity_errors[False, False]
    best = min(gravity_errors, key=gravity_errors.__getitem__)
    if conventions[best] and gravity_errors[best] < 0.4 * error_as_sent and gravity_errors[best] < _MAX_STEADY_DEG:
        return (*best, [conventions[best]])
    if error_as_sent > _MAX_GRAVITY_ERROR_DEG:
        raise InnerfaceError(
            f"orientations and accelerations do not match: gravity deviates by {error_as_sent:.0f} degrees in the "
            "world; check that quaternions are w, x, y, z from sensor to world and accelerations in the sensor's frame"
        )
    return False, False, [f"gravity deviates by {error_as_sent:.0f} degrees in the world: orientations are poor"]


def _rotation_to_y_up(up: Array) -> Array:
    """The rotation (4,) that brings a world's up axis (3,) to y."""
    y = _AXES["y"]
    axis, cosine = np.cross(up, y), float(up @ y)
    if np.linalg.norm(axis) < 1e-9:
        return quat.about_axis(0, 0.0 if cosine > 0 else np.pi)
    return quat.from_rotvec(axis / np.linalg.norm(axis) * np.arccos(np.clip(cosine, -1, 1)))

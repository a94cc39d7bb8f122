"""Rotations in the head's axes as those of a bone or an object, and back.

Head angles turn the head, channels turn jaw and eyes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import bpy
import numpy as np
from mathutils import Euler, Matrix, Quaternion

from ...core.numerics.quaternion import from_matrix, to_euler_yxz, to_matrix

# Head frame (x left, y up, z out of the face) to Blender's world for a character that faces -Y.
TO_BLENDER = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True)
class DrivenTransform:
    """A bone or an object that is turned in the head's axes.

    Attributes
    ----------
    owner : bpy.types.Object
    bone : str or None
        A pose bone of the owner; None for the owner itself.
    path : str
        Data path of the rotation on the owner.
    mode : str
        Blender's rotation mode, one of its enum.
    to_world : ndarray (3, 3)
        Head axes to world axes.
    pre_rotation, post_rotation : ndarray (3, 3)
        The property's rotation is pre @ (to_world @ R @ to_world.T) @ post.
    unit_m : float
        Metres of the world in one of the owner's units.
    """

    owner: Any
    bone: str | None
    path: str
    mode: Any
    to_world: np.ndarray
    pre_rotation: np.ndarray
    post_rotation: np.ndarray
    unit_m: float = 1.0

    @property
    def target(self) -> Any:
        """The pose bone or object."""
        return self.owner if self.bone is None else self.owner.pose.bones[self.bone]

    @property
    def attribute(self) -> str:
        """The target's property that is set."""
        return self.path.rpartition(".")[2]

    @property
    def location_path(self) -> str:
        """The data path of its location."""
        return self.path[: len(self.path) - len(self.attribute)] + "location"

    def rotation_value(self, angles: np.ndarray) -> Any:
        """Return the property's value for angles (3,) of one frame; faster than `rotation_values`."""
        yaw, pitch, roll = angles.tolist()
        rotation = self._outer @ Euler((pitch, yaw, roll), "ZXY").to_quaternion() @ self._inner
        return rotation if self.mode == "QUATERNION" else rotation.to_euler(self.mode)

    @cached_property
    def _outer(self) -> Quaternion:
        return Matrix((self.pre_rotation @ self.to_world).tolist()).to_quaternion()

    @cached_property
    def _inner(self) -> Quaternion:
        return Matrix((self.to_world.T @ self.post_rotation).tolist()).to_quaternion()

    def rotation_values(self, angles: np.ndarray) -> np.ndarray:
        """Return values (T, 4 or 3) of the property for yaw, pitch, roll (T, 3) in rad."""
        rotations = self.pre_rotation @ (self.to_world @ head_rotation(angles) @ self.to_world.T) @ self.post_rotation
        return continuous_quaternions(rotations) if self.mode == "QUATERNION" else _euler_angles(rotations, self.mode)

    def angles_from(self, values: np.ndarray) -> np.ndarray:
        """Return yaw, pitch, roll (T, 3) in rad of values (T, 4 or 3) of the property."""
        if self.mode == "QUATERNION":
            local = to_matrix(values / np.linalg.norm(values, axis=1, keepdims=True))
        else:
            local = np.array([Euler(row, self.mode).to_matrix() for row in values.tolist()])
        return to_euler_yxz(
            from_matrix(self.to_world.T @ self.pre_rotation.T @ local @ self.post_rotation.T @ self.to_world)
        )

    def location_values(self, moves: np.ndarray) -> np.ndarray:
        """Return values (T, 3) of the bone's location for moves (T, 3: left, up, forward) in m."""
        return moves @ (self.pre_rotation @ self.to_world).T / self.unit_m

    def moves_from(self, places: np.ndarray) -> np.ndarray:
        """Return moves (T, 3) in m of values (T, 3) of the bone's location."""
        return places @ (self.pre_rotation @ self.to_world) * self.unit_m


@dataclass(frozen=True)
class RestPose:
    """How an object stood before a take turned it: its `heading` and its `rotation`, matrices (3, 3)."""

    heading: np.ndarray
    rotation: np.ndarray


def driven_transform(owner: Any, bone: str | None, rest: RestPose | None = None) -> DrivenTransform | str:
    """Return how a bone (or an object itself, if None) turns in the head's axes, or why it cannot be keyed.

    A character faces -Y of its own heading, however it was turned about Z in the scene. `rest`: how an object that is
    turned itself stood before, if a take turns it now.
    """
    heading = np.array(Matrix.Rotation(owner.matrix_world.to_euler("XYZ").z, 3, "Z"))
    pre_rotation, prefix, target = np.eye(3), "", owner
    if bone is not None:
        target = owner.pose.bones[bone]
        post_rotation = np.array((owner.matrix_world @ target.bone.matrix_local).to_3x3().normalized())
        pre_rotation = post_rotation.T
        prefix = f'pose.bones["{bpy.utils.escape_identifier(bone)}"].'
    elif rest is not None:
        heading, post_rotation = rest.heading, rest.rotation
    else:
        post_rotation = np.array(owner.matrix_basis.to_3x3().normalized())
    if target.rotation_mode == "AXIS_ANGLE":
        target_name = "the object" if bone is None else bone
        return f"{owner.name}: {target_name} turns in axis-angle mode, which is not keyed; switch it to quaternion"
    path = prefix + ("rotation_quaternion" if target.rotation_mode == "QUATERNION" else "rotation_euler")
    unit_m = float(np.mean(owner.matrix_world.to_scale()))
    return DrivenTransform(
        owner, bone, path, target.rotation_mode, heading @ TO_BLENDER, pre_rotation, post_rotation, unit_m or 1.0
    )


def head_rotation(angles: np.ndarray) -> np.ndarray:
    """Return rotation matrices (T, 3, 3) in the head frame: R = Ry(yaw) Rx(pitch) Rz(roll)."""
    cy, cx, cz = np.cos(angles).T
    sy, sx, sz = np.sin(angles).T
    zero, one = np.zeros_like(cy), np.ones_like(cy)
    ry = np.stack([cy, zero, sy, zero, one, zero, -sy, zero, cy], axis=1).reshape(-1, 3, 3)
    rx = np.stack([one, zero, zero, zero, cx, -sx, zero, sx, cx], axis=1).reshape(-1, 3, 3)
    rz = np.stack([cz, -sz, zero, sz, cz, zero, zero, zero, one], axis=1).reshape(-1, 3, 3)
    return ry @ rx @ rz


def continuous_quaternions(rotations: np.ndarray) -> np.ndarray:
    """Return quaternions (T, 4) of rotation matrices (T, 3, 3) without sign flips."""
    out = from_matrix(rotations)
    flips = np.cumprod(np.where((out[1:] * out[:-1]).sum(1) < 0, -1.0, 1.0))
    out[1:] *= flips[:, None]
    return out


def _euler_angles(rotations: np.ndarray, order: Any) -> np.ndarray:
    previous, out = None, []
    for r in rotations:
        matrix = Matrix(r.tolist())
        previous = matrix.to_euler(order, previous) if previous is not None else matrix.to_euler(order)
        out.append(previous[:])
    return np.array(out)

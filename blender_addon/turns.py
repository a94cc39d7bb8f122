"""How angles in the head's axes turn a bone or an object, and back: the head by its angles, jaw and eyes by channels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import bpy
import numpy as np
from mathutils import Euler, Matrix, Quaternion

from ..core.imu.quaternion import from_matrix, to_euler_yxz, to_matrix
from .baked import OURS

# Head frame (x left, y up, z out of the face) to Blender's world for a character that faces -Y.
_TO_BLENDER = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True)
class Turn:
    """What turns: `owner` (an object), `bone` (a pose bone of it, or None for itself), `path` of its rotation on the owner, and the
    matrices around a rotation in the head's axes; `size`: metres of the world in one of the owner's units."""

    owner: Any
    bone: str | None
    path: str
    mode: str
    to_world: np.ndarray
    before: np.ndarray
    after: np.ndarray
    size: float = 1.0

    @property
    def target(self) -> Any:
        """The pose bone or object."""
        return self.owner if self.bone is None else self.owner.pose.bones[self.bone]

    @property
    def attribute(self) -> str:
        """The target's property that is set."""
        return self.path.rpartition(".")[2]

    @property
    def place_path(self) -> str:
        """The path of its place."""
        return self.path[: len(self.path) - len(self.attribute)] + "location"

    def value(self, angles: np.ndarray) -> Any:
        """`values` of one frame (3,), fast."""
        yaw, pitch, roll = angles.tolist()
        turn = self._outer @ Euler((pitch, yaw, roll), "ZXY").to_quaternion() @ self._inner
        return turn if self.mode == "QUATERNION" else turn.to_euler(self.mode)

    @cached_property
    def _outer(self) -> Quaternion:
        return Matrix((self.before @ self.to_world).tolist()).to_quaternion()

    @cached_property
    def _inner(self) -> Quaternion:
        return Matrix((self.to_world.T @ self.after).tolist()).to_quaternion()

    def values(self, angles: np.ndarray) -> np.ndarray:
        """Values (T, 4 or 3) of the property from yaw, pitch, roll (T, 3) in rad."""
        rotations = self.before @ (self.to_world @ head_rotation(angles) @ self.to_world.T) @ self.after
        return quaternions(rotations) if self.mode == "QUATERNION" else _eulers(rotations, self.mode)

    def angles(self, values: np.ndarray) -> np.ndarray:
        """Backwards: yaw, pitch, roll (T, 3) in rad from values (T, 4 or 3) of the property."""
        if self.mode == "QUATERNION":
            local = to_matrix(values / np.linalg.norm(values, axis=1, keepdims=True))
        else:
            local = np.array([Euler(row, self.mode).to_matrix() for row in values.tolist()])
        return to_euler_yxz(from_matrix(self.to_world.T @ self.before.T @ local @ self.after.T @ self.to_world))

    def places(self, moves: np.ndarray) -> np.ndarray:
        """Values (T, 3) of the bone's place from moves (T, 3: left, up, forward) in m."""
        return moves @ (self.before @ self.to_world).T / self.size

    def moves(self, places: np.ndarray) -> np.ndarray:
        """Backwards from `places`."""
        return places @ (self.before @ self.to_world) * self.size


def turn_of(owner: Any, bone: str | None) -> Turn | str:
    """How a bone (or an object itself, where None) turns in the head's axes, or a sentence that says why it cannot be keyed.

    A character faces -Y of its own heading, however it was turned about Z in the scene."""
    heading = np.array(Matrix.Rotation(owner.matrix_world.to_euler("XYZ").z, 3, "Z"))
    rest = _rest(owner) if bone is None else None
    before, prefix, target = np.eye(3), "", owner
    if bone is not None:
        target = owner.pose.bones[bone]
        after = np.array((owner.matrix_world @ target.bone.matrix_local).to_3x3().normalized())
        before = after.T
        prefix = f'pose.bones["{bpy.utils.escape_identifier(bone)}"].'
    else:
        heading, after = (heading, np.array(owner.matrix_basis.to_3x3().normalized())) if rest is None else rest
    if target.rotation_mode == "AXIS_ANGLE":
        return f"{owner.name}: {'the object' if bone is None else bone} turns in axis-angle mode, which is not keyed; switch it to quaternion"
    path = prefix + ("rotation_quaternion" if target.rotation_mode == "QUATERNION" else "rotation_euler")
    size = float(np.mean(owner.matrix_world.to_scale()))
    return Turn(owner, bone, path, target.rotation_mode, heading @ _TO_BLENDER, before, after, size or 1.0)


REST = "innerface_rest"  # on an object that is turned itself: how it was before a take turned it


def remember_rest(turn: Turn) -> None:
    """Keep how an object that is turned itself stood, for later bakes and for reading back."""
    if turn.bone is None and _rest(turn.owner) is None:
        turn.owner[REST] = [*(turn.to_world @ _TO_BLENDER.T).ravel().tolist(), *turn.after.ravel().tolist()]


def _rest(owner: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """Heading and rotation of an object before a take of ours turned it, None where none does."""
    data = owner.animation_data
    kept = np.array(owner.get(REST, ()), dtype=float)
    if len(kept) != 18 or data is None or data.action is None or OURS not in data.action:
        return None
    return kept[:9].reshape(3, 3), kept[9:].reshape(3, 3)


def head_rotation(angles: np.ndarray) -> np.ndarray:
    """Rotation matrices (T, 3, 3) in the head frame: yaw about +Y, then pitch about +X, then roll about +Z (R = Ry Rx Rz)."""
    cy, cx, cz = np.cos(angles).T
    sy, sx, sz = np.sin(angles).T
    zero, one = np.zeros_like(cy), np.ones_like(cy)
    ry = np.stack([cy, zero, sy, zero, one, zero, -sy, zero, cy], axis=1).reshape(-1, 3, 3)
    rx = np.stack([one, zero, zero, zero, cx, -sx, zero, sx, cx], axis=1).reshape(-1, 3, 3)
    rz = np.stack([cz, -sz, zero, sz, cz, zero, zero, zero, one], axis=1).reshape(-1, 3, 3)
    return ry @ rx @ rz


def quaternions(rotations: np.ndarray) -> np.ndarray:
    """Quaternions (T, 4) of rotation matrices (T, 3, 3) that do not jump: w >= 0 in the first."""
    out = from_matrix(rotations)
    flips = np.cumprod(np.where((out[1:] * out[:-1]).sum(1) < 0, -1.0, 1.0))
    out[1:] *= flips[:, None]
    return out


def _eulers(rotations: np.ndarray, order: str) -> np.ndarray:
    previous, out = None, []
    for r in rotations:
        matrix = Matrix(r.tolist())
        previous = matrix.to_euler(order, previous) if previous is not None else matrix.to_euler(order)
        out.append(previous[:])
    return np.array(out)

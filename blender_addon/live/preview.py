"""The live face in the viewport, which leaves no trace in the file.

While it is shown, curves and drivers of the live channels are muted and their values overwritten.
`saved_state` keeps what was there before.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.errors import InnerfaceError
from ...core.face.channels import ARKIT
from ..animation.rest_pose import head_transform
from ..character.face import Face, named_face
from ..character.face_mesh import FaceMesh, check_editable
from ..character.lanes import (
    bone_angles_and_moves,
    driven_bones,
    driven_properties,
    get_value,
    set_value,
    shape_key_path,
)
from ..character.turns import DrivenTransform
from .saved_state import restore_all, save_and_mute

_MIN_HEAD_ANGLE = 1e-6  # rad; the head is left alone where a camera sends no head angles


class Preview:
    """The face that is shown live. Raises InnerfaceError for a face that cannot be edited."""

    def __init__(self, face: Face) -> None:
        for mesh in face.meshes:
            check_editable(mesh)
        self.name = face.name
        self.objects = [mesh.object.name for mesh in face.meshes]
        self.shown = False
        self._resolve(face)

    def _resolve(self, face: Face) -> None:
        self.mapping = face.mapping
        self.meshes = [_PreviewMesh(mesh, face) for mesh in face.meshes]
        self.bones = driven_bones(face, [])
        self.properties = driven_properties(face, [])
        transform = head_transform(face)
        self.head_transform: DrivenTransform | None = transform if isinstance(transform, DrivenTransform) else None
        self.head_turning = False

    def release(self) -> None:
        """Drop references to data that Blender may free: before an undo step, and before another file is loaded."""
        self.meshes, self.bones, self.properties, self.head_transform, self.shown = [], [], [], None, False

    def find_again(self, scene: Any) -> None:
        """Find the face again by the names of its objects. Raises InnerfaceError where it no longer exists."""
        restore_all()
        present = [n for n in self.objects if n in scene.objects]
        if not present:
            raise InnerfaceError(f"{self.name} is gone from the scene; select another face and press Show Here")
        self._resolve(named_face(list(scene.objects), present))

    def show(self, values: np.ndarray) -> bool:
        """Show values (55; OUTPUT_CHANNELS); return False where the face has changed and must be found again."""
        try:
            if not self.shown:
                self._start_showing()
            if (
                not self.head_turning
                and self.head_transform is not None
                and np.abs(values[len(ARKIT) :]).max() > _MIN_HEAD_ANGLE
            ):
                self._start_turning_head(self.head_transform)
            driven = self.mapping.to_values(values[: len(ARKIT)])
            for mesh in self.meshes:
                if not mesh.write(driven):
                    return False
            for transform, axes in self.bones:
                angles, moves = bone_angles_and_moves(driven[None], axes)
                setattr(transform.target, transform.attribute, transform.rotation_value(angles[0]))
                if moves.any():
                    transform.target.location = transform.location_values(moves)[0]
            for prop in self.properties:
                set_value(prop.owner, prop.path, prop.index, value=float(driven[prop.destination]))
                prop.owner.update_tag()
            if self.head_turning and self.head_transform is not None:
                setattr(
                    self.head_transform.target,
                    self.head_transform.attribute,
                    self.head_transform.rotation_value(values[len(ARKIT) :]),
                )
        except (ReferenceError, KeyError):  # deleted while streaming
            return False
        return True

    def hide(self) -> None:
        """Restore everything."""
        if self.shown:
            restore_all()
        self.shown = self.head_turning = False

    def _start_showing(self) -> None:
        for mesh in self.meshes:
            save_and_mute(
                mesh.key,
                {"values": {name: mesh.key.key_blocks[name].value for name in mesh.names}},
                {shape_key_path(n) for n in mesh.names},
            )
        if self.bones or self.properties:
            turns = [
                [t.bone, name, list(getattr(t.target, name))]
                for t, _ in self.bones
                for name in (t.attribute, "location")
            ]
            paths = {path for t, _ in self.bones for path in (t.path, t.location_path)} | {
                prop.path for prop in self.properties
            }
            numbers = [[p.path, p.index, get_value(p.owner, p.path, p.index)] for p in self.properties]
            owner = self.bones[0][0].owner if self.bones else self.properties[0].owner
            save_and_mute(owner, {"turns": turns, "numbers": numbers}, paths)
        self.shown = True

    def _start_turning_head(self, transform: DrivenTransform) -> None:
        save_and_mute(
            transform.owner,
            {"turns": [[transform.bone, transform.attribute, list(getattr(transform.target, transform.attribute))]]},
            {transform.path},
        )
        self.head_turning = True


class _PreviewMesh:
    """A mesh of the live face, and which of its shape keys get which values."""

    def __init__(self, mesh: FaceMesh, face: Face) -> None:
        self.object, self.key = mesh.object, mesh.key
        mesh_keys = face.mapped_keys(mesh)
        self.columns, self.names = (
            np.array([place for place, _ in mesh_keys], dtype=int),
            [name for _, name in mesh_keys],
        )
        all_names = [b.name for b in self.key.key_blocks]
        self.all_names = all_names
        self.key_indices = np.array([all_names.index(n) for n in self.names], dtype=int)
        self.buffer = np.empty(len(all_names), dtype=np.float32)

    def write(self, driven: np.ndarray) -> bool:
        """Write the values of mapping destinations; return False where keys were added, removed or renamed.

        Raises ReferenceError where the object was deleted.
        """
        _ = self.object.name  # raises ReferenceError; the mesh outlives the object
        blocks = self.key.key_blocks
        if len(blocks) != len(self.all_names) or [b.name for b in blocks] != self.all_names:
            return False
        blocks.foreach_get("value", self.buffer)
        self.buffer[self.key_indices] = driven[self.columns]
        blocks.foreach_set("value", self.buffer)
        self.key.update_tag()  # 4.2 shows nothing without it
        return True

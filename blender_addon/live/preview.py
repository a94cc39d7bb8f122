"""The live face in the viewport, without a trace.

While it shows, curves and drivers of the live channels are muted and values are written over. What was there before is remembered in the datablocks
themselves, so whatever an undo brings back can be told and mended: `restore_all` finds it.
"""

from __future__ import annotations

import json
from typing import Any

import bpy
import numpy as np

from ...core.errors import InnerfaceError
from ...core.face.channels import ARKIT
from .. import compat
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

SAVED_STATE = "innerface_preview"
_MIN_HEAD_ANGLE = 1e-6  # rad: a camera that sends no head angles leaves the head alone


class Preview:
    """The face that is live. Raises InnerfaceError for one that cannot be written."""

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
        """Let go of all that Blender may free: before undo, and before another file."""
        self.meshes, self.bones, self.properties, self.head_transform, self.shown = [], [], [], None, False

    def find_again(self, scene: Any) -> None:
        """Take hold of the face again, by names. Raises InnerfaceError where it is gone."""
        restore_all()
        present = [n for n in self.objects if n in scene.objects]
        if not present:
            raise InnerfaceError(f"{self.name} is gone from the scene; click another face and press Show Here")
        self._resolve(named_face(list(scene.objects), present))

    def show(self, values: np.ndarray) -> bool:
        """Write a face (55; OUTPUT). False where the face has changed under it, and must be found again."""
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
                set_value(prop.owner, prop.path, prop.index, float(driven[prop.destination]))
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
        """All is as it was before."""
        if self.shown:
            restore_all()
        self.shown = self.head_turning = False

    def _start_showing(self) -> None:
        for mesh in self.meshes:
            _save_and_mute(
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
            _save_and_mute(owner, {"turns": turns, "numbers": numbers}, paths)
        self.shown = True

    def _start_turning_head(self, transform: DrivenTransform) -> None:
        _save_and_mute(
            transform.owner,
            {"turns": [[transform.bone, transform.attribute, list(getattr(transform.target, transform.attribute))]]},
            {transform.path},
        )
        self.head_turning = True


class _PreviewMesh:
    """One mesh of a live face: which of its keys get which weights."""

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
        """False where keys were added, removed or renamed meanwhile. Raises ReferenceError where the object was deleted."""
        _ = self.object.name  # the mesh outlives it
        blocks = self.key.key_blocks
        if len(blocks) != len(self.all_names) or [b.name for b in blocks] != self.all_names:
            return False
        blocks.foreach_get("value", self.buffer)
        self.buffer[self.key_indices] = driven[self.columns]
        blocks.foreach_set("value", self.buffer)
        self.key.update_tag()  # 4.2 shows nothing without it
        return True


def _save_and_mute(owner: Any, state: dict[str, Any], paths: set[str]) -> None:
    """Keep what the preview changes on a datablock in it, then mute what would fight with it. A datablock may be met twice: bones, and then the head."""
    saved = json.loads(owner[SAVED_STATE]) if SAVED_STATE in owner else {}
    data = owner.animation_data
    drivers = (
        []
        if data is None
        else [[d.data_path, d.array_index] for d in data.drivers if d.data_path in paths and not d.mute]
    )
    state = state | {"drivers": drivers}
    merged = {
        name: saved.get(name, []) + value if isinstance(value, list) else value | saved.get(name, {})
        for name, value in state.items()
    }
    owner[SAVED_STATE] = json.dumps(saved | merged)
    if data is None:
        return
    for d in data.drivers:
        if [d.data_path, d.array_index] in drivers:
            d.mute = True
    playing = [data.action] if data.action is not None else []
    for action in dict.fromkeys([*playing, *compat.strip_actions(owner)]):
        if action.library is not None:
            continue  # cannot be told apart from what its file says: its keys win
        muted = []
        for k, curve in enumerate(compat.all_fcurves(action)):
            if curve.data_path in paths and not curve.mute:
                curve.mute = True
                muted.append([k, curve.data_path, curve.array_index])
        if muted:
            saved = json.loads(action[SAVED_STATE])["curves"] if SAVED_STATE in action else []
            action[SAVED_STATE] = json.dumps({"curves": saved + muted})


def restore_all() -> int:
    """Bring back what previews changed, wherever a datablock remembers one; how many did."""
    count = 0
    for collection in (bpy.data.shape_keys, bpy.data.objects, bpy.data.actions):
        for owner in collection:
            if SAVED_STATE in owner:
                _restore(owner)
                count += 1
    return count


def _restore(owner: Any) -> None:
    try:
        state = json.loads(owner[SAVED_STATE])
    except (ValueError, TypeError):
        state = {}
    del owner[SAVED_STATE]
    for name, value in state.get("values", {}).items():
        if name in owner.key_blocks:
            owner.key_blocks[name].value = value
    for bone, attribute, value in state.get("turns", []):
        target = owner if bone is None else owner.pose.bones.get(bone)
        if target is not None and len(getattr(target, attribute)) == len(value):
            setattr(target, attribute, value)
    for path, index, value in state.get("numbers", []):
        if value is not None and get_value(owner, path, index) is not None:
            set_value(owner, path, index, value)
    drivers = state.get("drivers", [])
    for d in owner.animation_data.drivers if drivers and owner.animation_data else ():
        if [d.data_path, d.array_index] in drivers:
            d.mute = False
    muted = {(path, index) for _, path, index in state.get("curves", [])}
    curve_indices = {k for k, _, _ in state.get("curves", [])}
    if muted:
        for k, curve in enumerate(compat.all_fcurves(owner)):
            if k in curve_indices and (curve.data_path, curve.array_index) in muted:
                curve.mute = False
    owner.update_tag()

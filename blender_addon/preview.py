"""The live face in the viewport, without a trace.

While it shows, curves and drivers of the live channels are muted and values are written over. What was there before is remembered in the datablocks
themselves, so whatever an undo brings back can be told and mended: `restore_all` finds it.
"""

from __future__ import annotations

import json
from typing import Any

import bpy
import numpy as np

from ..core.channels import ARKIT
from ..core.errors import InnerfaceError
from . import compat
from .curves import shape_key_path
from .face import Face, FaceMesh, check_editable, named_face
from .lanes import bone_turns, bone_values, properties, set_value, value_of
from .turns import Turn

MEMORY = "innerface_preview"
_TURNED = 1e-6  # rad: a camera that sends no head angles leaves the head alone


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
        self.meshes = [_Mesh(mesh, face) for mesh in face.meshes]
        self.bones = bone_turns(face, [])
        self.properties = properties(face, [])
        turn = face.head_turn()
        self.turn: Turn | None = turn if isinstance(turn, Turn) else None
        self.turning = False

    def forget(self) -> None:
        """Let go of all that Blender may free: before undo, and before another file."""
        self.meshes, self.bones, self.properties, self.turn, self.shown = [], [], [], None, False

    def find(self, scene: Any) -> None:
        """Take hold of the face again, by names. Raises InnerfaceError where it is gone."""
        restore_all()
        there = [n for n in self.objects if n in scene.objects]
        if not there:
            raise InnerfaceError(f"{self.name} is gone from the scene; click another face and press Show Here")
        self._resolve(named_face(list(scene.objects), there))

    def show(self, values: np.ndarray) -> bool:
        """Write a face (55; OUTPUT). False where the face has changed under it, and must be found again."""
        try:
            if not self.shown:
                self._begin()
            if not self.turning and self.turn is not None and np.abs(values[len(ARKIT) :]).max() > _TURNED:
                self._begin_turn(self.turn)
            driven = self.mapping.values(values[: len(ARKIT)])
            for mesh in self.meshes:
                if not mesh.write(driven):
                    return False
            for turn, axes in self.bones:
                angles, moves = bone_values(driven[None], axes)
                setattr(turn.target, turn.attribute, turn.value(angles[0]))
                if moves.any():
                    turn.target.location = turn.places(moves)[0]
            for place, owner, path, index in self.properties:
                set_value(owner, path, index, float(driven[place]))
                owner.update_tag()
            if self.turning and self.turn is not None:
                setattr(self.turn.target, self.turn.attribute, self.turn.value(values[len(ARKIT) :]))
        except (ReferenceError, KeyError):  # deleted while streaming
            return False
        return True

    def hide(self) -> None:
        """All is as it was before."""
        if self.shown:
            restore_all()
        self.shown = self.turning = False

    def _begin(self) -> None:
        for mesh in self.meshes:
            _remember(mesh.key, {"values": {name: mesh.key.key_blocks[name].value for name in mesh.names}}, {shape_key_path(n) for n in mesh.names})
        if self.bones or self.properties:
            turns = [[t.bone, name, list(getattr(t.target, name))] for t, _ in self.bones for name in (t.attribute, "location")]
            paths = {path for t, _ in self.bones for path in (t.path, t.place_path)} | {path for _, _, path, _ in self.properties}
            numbers = [[path, index, value_of(owner, path, index)] for _, owner, path, index in self.properties]
            owner = self.bones[0][0].owner if self.bones else self.properties[0][1]
            _remember(owner, {"turns": turns, "numbers": numbers}, paths)
        self.shown = True

    def _begin_turn(self, turn: Turn) -> None:
        _remember(turn.owner, {"turns": [[turn.bone, turn.attribute, list(getattr(turn.target, turn.attribute))]]}, {turn.path})
        self.turning = True


class _Mesh:
    """One mesh of a live face: which of its keys get which weights."""

    def __init__(self, mesh: FaceMesh, face: Face) -> None:
        self.object, self.key = mesh.object, mesh.key
        own = face.keys(mesh)
        self.sources, self.names = np.array([place for place, _ in own], dtype=int), [name for _, name in own]
        every = [b.name for b in self.key.key_blocks]
        self.every = every
        self.places = np.array([every.index(n) for n in self.names], dtype=int)
        self.buffer = np.empty(len(every), dtype=np.float32)

    def write(self, driven: np.ndarray) -> bool:
        """False where keys were added, removed or renamed meanwhile. Raises ReferenceError where the object was deleted."""
        _ = self.object.name  # the mesh outlives it
        blocks = self.key.key_blocks
        if len(blocks) != len(self.every) or [b.name for b in blocks] != self.every:
            return False
        blocks.foreach_get("value", self.buffer)
        self.buffer[self.places] = driven[self.sources]
        blocks.foreach_set("value", self.buffer)
        self.key.update_tag()  # 4.2 shows nothing without it
        return True


def _remember(owner: Any, state: dict[str, Any], paths: set[str]) -> None:
    """Keep what the preview changes on a datablock in it, then mute what would fight with it. A datablock may be met twice: bones, and then the head."""
    before = json.loads(owner[MEMORY]) if MEMORY in owner else {}
    data = owner.animation_data
    drivers = [] if data is None else [[d.data_path, d.array_index] for d in data.drivers if d.data_path in paths and not d.mute]
    state = state | {"drivers": drivers}
    merged = {name: before.get(name, []) + value if isinstance(value, list) else value | before.get(name, {}) for name, value in state.items()}
    owner[MEMORY] = json.dumps(before | merged)
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
        for k, curve in enumerate(compat.all_curves(action)):
            if curve.data_path in paths and not curve.mute:
                curve.mute = True
                muted.append([k, curve.data_path, curve.array_index])
        if muted:
            before = json.loads(action[MEMORY])["curves"] if MEMORY in action else []
            action[MEMORY] = json.dumps({"curves": before + muted})


def restore_all() -> int:
    """Bring back what previews changed, wherever a datablock remembers one; how many did."""
    count = 0
    for collection in (bpy.data.shape_keys, bpy.data.objects, bpy.data.actions):
        for owner in collection:
            if MEMORY in owner:
                _restore(owner)
                count += 1
    return count


def _restore(owner: Any) -> None:
    try:
        state = json.loads(owner[MEMORY])
    except (ValueError, TypeError):
        state = {}
    del owner[MEMORY]
    for name, value in state.get("values", {}).items():
        if name in owner.key_blocks:
            owner.key_blocks[name].value = value
    for bone, attribute, value in state.get("turns", []):
        target = owner if bone is None else owner.pose.bones.get(bone)
        if target is not None and len(getattr(target, attribute)) == len(value):
            setattr(target, attribute, value)
    for path, index, value in state.get("numbers", []):
        if value is not None and value_of(owner, path, index) is not None:
            set_value(owner, path, index, value)
    drivers = state.get("drivers", [])
    for d in owner.animation_data.drivers if drivers and owner.animation_data else ():
        if [d.data_path, d.array_index] in drivers:
            d.mute = False
    muted = {(path, index) for _, path, index in state.get("curves", [])}
    places = {k for k, _, _ in state.get("curves", [])}
    if muted:
        for k, curve in enumerate(compat.all_curves(owner)):
            if k in places and (curve.data_path, curve.array_index) in muted:
                curve.mute = False
    owner.update_tag()

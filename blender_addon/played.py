"""What a face does in the scene, frame by frame, as arrays: keys, bones, and what hangs on the rig. The way out for files and for takes.

Where only curves play, they are read at once; where anything else moves the face (drivers, constraints, NLA strips), Blender plays the scene.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import bpy
import numpy as np
from mathutils import Euler

from ..core.errors import InnerfaceError
from ..core.imu.quaternion import to_matrix
from . import compat, curves
from .face import Face, parents, rig_of
from .lanes import properties, split, value_of

Progress = Callable[[float], None]
_REPORT = 50  # frames between two reports


@dataclass
class Played:
    """`frames` (F,); `keys`: of each mesh object with shape keys, the values (F, K) of all its keys but the first; `bones`: matrices (F or 1, 4, 4) of the
    rig's bones relative to their rest; `places`: matrices in the world (F or 1, 4, 4) of objects; `numbers` (F,): of the properties that the mapping drives,
    by their destination; `evaluated`: whether Blender had to play the scene."""

    frames: np.ndarray
    keys: dict[Any, np.ndarray] = field(default_factory=dict)
    bones: dict[str, np.ndarray] = field(default_factory=dict)
    places: dict[Any, np.ndarray] = field(default_factory=dict)
    numbers: dict[int, np.ndarray] = field(default_factory=dict)
    evaluated: bool = False


def parts(face: Face, scene: Any) -> list[Any]:
    """The meshes that belong to a face's character: all under its rig, else the face's own.

    Raises InnerfaceError for a part of the face that the scene does not hold."""
    scene.view_layers[0].update()
    there = set(scene.view_layers[0].objects)
    for obj in [m.object for m in face.meshes] + ([face.rig] if face.rig is not None else []):
        if obj not in there:
            raise InnerfaceError(f"'{obj.name}' is not in the scene's view layer; include its collection to export the face")
    own = [m.object for m in face.meshes]
    if face.rig is None:
        return own
    under = [o for o in scene.view_layers[0].objects if o.type == "MESH" and rig_of(o) == face.rig and o not in own and not o.hide_render]
    return own + under


def played(face: Face, scene: Any, meshes: list[Any], progress: Progress | None = None, numbers: bool = False) -> Played:
    """The scene's frame range of a face and the meshes around it; `numbers`: properties as well. Raises InnerfaceError for a curve that holds no number."""
    frames = np.arange(scene.frame_start, scene.frame_end + 1)
    if not len(frames):
        raise InnerfaceError(f"the scene ends at frame {scene.frame_end}, before it begins at {scene.frame_start}; set its range")
    out = Played(frames)
    scene.view_layers[0].update()  # where things are is read from it
    if all(_plain(block) for block in _blocks(face, meshes)) and not _constrained(face, meshes):
        _from_curves(out, face, meshes, numbers)
    else:
        _from_scene(out, face, scene, meshes, progress, numbers)
    for obj, values in out.keys.items():
        if not np.isfinite(values).all():
            raise InnerfaceError(f"a shape key of '{obj.name}' holds no number at frame {frames[int((~np.isfinite(values)).any(1).argmax())]}; mend its curve")
    return out


def _blocks(face: Face, meshes: list[Any]) -> list[Any]:
    """The datablocks whose animation shows."""
    out = [face.turns, face.rig.data if face.rig is not None else None, *meshes, *(o.data.shape_keys for o in meshes if o.data.shape_keys is not None)]
    above = [parent for obj in (face.turns, *meshes) for parent in parents(obj)]
    return list(dict.fromkeys(b for b in [*out, *above] if b is not None))


def _plain(block: Any) -> bool:
    """Whether at most one action moves a datablock."""
    data = block.animation_data
    if data is None:
        return True
    modified = any(len(c.modifiers) or c.mute for c in compat.fcurves_playing(block) or ()) if data.action is not None else False
    blended = data.action is not None and (data.action_blend_type != "REPLACE" or data.action_influence < 1)
    return not any(not d.mute for d in data.drivers) and not any(not t.mute for t in data.nla_tracks) and not blended and not modified


def _bones(face: Face) -> list[Any]:
    """The rig's bones that deform, what they hang on, and those that the face moves; controls stay behind."""
    if face.rig is None:
        return []
    bones = face.rig.pose.bones
    named = {t.name for t in face.mapping.live if t.kind == "bone"} | {face.head_bone}
    kept = {b.name for b in bones if b.bone.use_deform or b.name in named}
    kept |= {parent.name for name in kept for parent in bones[name].parent_recursive} if kept else {b.name for b in bones}
    return [b for b in bones if b.name in kept]


def _constrained(face: Face, meshes: list[Any]) -> bool:
    """Whether more than curves moves bones or objects: constraints, and objects that move by themselves above or beside the rig."""
    rig = face.rig
    if rig is not None and (len(rig.constraints) or any(len(b.constraints) for b in rig.pose.bones) or rig.parent is not None):
        return True
    kept = {b.name for b in _bones(face)}
    for obj in meshes:
        if obj.parent_type == "BONE" and obj.parent_bone not in kept:  # on a control
            return True
        if len(obj.constraints) or (obj is not face.turns and obj.animation_data is not None and obj.animation_data.action is not None):
            return True
        if obj.parent is not None and obj.parent not in (rig, face.turns):
            return True
    moved = any(np.abs(np.array(getattr(o, n))).max() > 1e-9 for o in (face.turns, *meshes) for n in ("delta_location", "delta_rotation_euler"))
    return face.turns.parent is not None or moved


def _from_curves(out: Played, face: Face, meshes: list[Any], numbers: bool) -> None:
    for obj in meshes:
        if obj.data.shape_keys is not None:
            out.keys[obj] = _key_values(obj.data.shape_keys, out.frames)
    for place, owner, path, index in properties(face, []) if numbers else ():
        there = value_of(owner, *split(face.mapping.destinations[place][1]))
        out.numbers[place] = _sampled(_keyed(compat.fcurves_playing(owner), path, index), out.frames, there)
    top = _moved(face.turns, "", face.turns.matrix_basis, out.frames)
    if face.rig is not None:
        for bone in _bones(face):
            prefix = f'pose.bones["{bpy.utils.escape_identifier(bone.name)}"].'
            out.bones[bone.name] = _moved(face.rig, prefix, bone.matrix_basis, out.frames, bone)
    out.places[face.turns] = top
    start = np.array(face.turns.matrix_world)
    for obj in meshes:
        if obj is face.turns:
            out.places[obj] = top
        elif face.turns in parents(obj):
            out.places[obj] = top @ np.linalg.inv(start) @ np.array(obj.matrix_world)
        else:
            out.places[obj] = np.array(obj.matrix_world)[None]
    carried = [o for o in meshes if face.rig is not None and o.parent == face.rig and o.parent_type == "BONE"]
    bones = pose(out, face.rig) if carried else {}
    for obj in carried:
        bone = face.rig.pose.bones[obj.parent_bone]
        local = np.linalg.inv(np.array(face.rig.matrix_world @ bone.matrix)) @ np.array(obj.matrix_world)
        out.places[obj] = top @ bones[obj.parent_bone] @ local


def _keyed(fcurves: Any, path: str, index: int = 0) -> Any:
    """The curve there, None where there is none with keys."""
    curve = fcurves.find(path, index=index) if fcurves is not None else None
    return curve if curve is not None and len(curve.keyframe_points) else None


def _sampled(curve: Any, frames: np.ndarray, there: Any) -> np.ndarray:
    """Values (F,) of a curve, or what is `there` without one."""
    return np.full(len(frames), there) if curve is None else curves.sample(curve, frames)


def _key_values(key: Any, frames: np.ndarray) -> np.ndarray:
    """Values (F, K) as Blender shows them: cut at the sliders' ends, 0 where a key is muted."""
    found = compat.fcurves_playing(key)
    out = np.empty((len(frames), len(key.key_blocks) - 1))
    for k, block in enumerate(key.key_blocks[1:]):
        values = _sampled(_keyed(found, curves.shape_key_path(block.name)), frames, block.value)
        out[:, k] = np.clip(values, block.slider_min, block.slider_max) if not block.mute else 0.0
    return out


def _moved(owner: Any, prefix: str, basis: Any, frames: np.ndarray, target: Any = None) -> np.ndarray:
    """Matrices (F or 1, 4, 4) of a bone's or an object's own transform."""
    found, target = compat.fcurves_playing(owner), target if target is not None else owner
    mode = target.rotation_mode
    rotation = {"QUATERNION": ("rotation_quaternion", 4), "AXIS_ANGLE": ("rotation_axis_angle", 4)}.get(mode, ("rotation_euler", 3))
    names = (("location", 3), rotation, ("scale", 3))
    lanes = {name: [_keyed(found, prefix + name, i) for i in range(count)] for name, count in names}
    if not any(curve is not None for lane in lanes.values() for curve in lane):
        return np.array(basis)[None]
    values = {name: np.stack([_sampled(c, frames, getattr(target, name)[i]) for i, c in enumerate(lane)], axis=1) for name, lane in lanes.items()}
    out = np.zeros((len(frames), 4, 4))
    out[:, :3, :3] = _rotations(values[rotation[0]], mode) * values["scale"][:, None, :]
    out[:, :3, 3], out[:, 3, 3] = values["location"], 1.0
    return out


def _rotations(values: np.ndarray, mode: str) -> np.ndarray:
    if mode == "QUATERNION":
        return to_matrix(values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12))
    if mode == "AXIS_ANGLE":
        axis = values[:, 1:] / np.maximum(np.linalg.norm(values[:, 1:], axis=1, keepdims=True), 1e-12)
        half = values[:, :1] / 2
        return to_matrix(np.concatenate([np.cos(half), np.sin(half) * axis], axis=1))
    return np.array([Euler(row, mode).to_matrix() for row in values.tolist()])


def pose(out: Played, rig: Any) -> dict[str, np.ndarray]:
    """Matrices (F or 1, 4, 4) of all bones in the rig's space."""
    found: dict[str, np.ndarray] = {}
    for bone in sorted((b for b in rig.data.bones if b.name in out.bones), key=lambda b: len(b.parent_recursive)):
        rest = np.array(bone.matrix_local)
        if bone.parent is None:
            found[bone.name] = rest @ out.bones[bone.name]
        else:
            found[bone.name] = found[bone.parent.name] @ np.linalg.inv(np.array(bone.parent.matrix_local)) @ rest @ out.bones[bone.name]
    return found


def _from_scene(out: Played, face: Face, scene: Any, meshes: list[Any], progress: Progress | None, with_numbers: bool) -> None:
    """Have Blender play the scene. Faces rest in their basis shape meanwhile, which costs nothing, unless something follows their surface."""
    out.evaluated = True
    count, rig = len(out.frames), face.rig
    keyed = [o for o in meshes if o.data.shape_keys is not None]
    hidden = [o for o in [*keyed, rig] if o is not None and not o.visible_get()]
    if hidden:
        raise InnerfaceError(f"'{hidden[0].name}' is hidden, or in a hidden collection, and more than keys moves it; show it to export the face")
    buffers = {o: np.empty(len(o.data.shape_keys.key_blocks), dtype=np.float32) for o in keyed}
    out.keys = {o: np.empty((count, len(b) - 1)) for o, b in buffers.items()}
    out.places = {o: np.empty((count, 4, 4)) for o in dict.fromkeys([*meshes, face.turns])}
    bones = _bones(face)
    matrices = np.empty((count, len(bones), 4, 4))
    numbers = [(place, owner, *split(face.mapping.destinations[place][1])) for place, owner, _, _ in (properties(face, []) if with_numbers else ())]
    out.numbers = {place: np.empty(count) for place, *_ in numbers}
    before, sub = scene.frame_current, scene.frame_subframe
    with pinned(face, scene, meshes):
        try:
            for i, frame in enumerate(out.frames.tolist()):
                scene.frame_set(frame)
                for obj, buffer in buffers.items():
                    obj.data.shape_keys.key_blocks.foreach_get("value", buffer)
                    out.keys[obj][i] = buffer[1:]
                for obj, place in out.places.items():
                    place[i] = obj.matrix_world
                for k, bone in enumerate(bones):
                    matrices[i, k] = bone.matrix
                for place, owner, path, index in numbers:
                    out.numbers[place][i] = value_of(owner, path, index)
                if progress is not None and i % _REPORT == 0:
                    progress(i / count)
        finally:
            scene.frame_set(before, subframe=sub)
            bpy.context.view_layer.update()
    for obj in keyed:
        blocks = obj.data.shape_keys.key_blocks[1:]
        muted = np.array([b.mute for b in blocks])
        out.keys[obj][:, muted] = 0.0
    place = {b.name: k for k, b in enumerate(bones)}
    for bone in bones:
        mine, rest = matrices[:, place[bone.name]], np.array(bone.bone.matrix_local)
        if bone.parent is None:
            local, still = mine, rest
        else:
            parent = np.array(bone.parent.bone.matrix_local)
            local, still = np.linalg.inv(matrices[:, place[bone.parent.name]]) @ mine, np.linalg.inv(parent) @ rest
        basis = np.linalg.inv(still) @ local
        out.bones[bone.name] = basis if np.ptp(basis, axis=0).max() > 1e-6 else basis[:1]


@contextmanager
def pinned(face: Face, scene: Any, meshes: list[Any]) -> Iterator[None]:
    """Let faces stay in their rest shape, undeformed, while the scene plays: their keys' values play on. Left out where something follows a face's surface."""
    free = not follows_surface(face, scene)
    own = [mesh.object for mesh in face.meshes] if free else []
    before = [(o, o.show_only_shape_key, o.active_shape_key_index) for o in own]
    shown = [m for o in meshes for m in o.modifiers if m.show_viewport] if free else []
    try:
        for o in own:
            o.show_only_shape_key, o.active_shape_key_index = True, 0
        for modifier in shown:
            modifier.show_viewport = False
        yield
    finally:
        for modifier in shown:
            modifier.show_viewport = True
        for o, only, index in before:
            o.show_only_shape_key, o.active_shape_key_index = only, index


def follows_surface(face: Face, scene: Any) -> bool:
    """Whether any object or bone takes its place from where a face's vertices are."""
    meshes = {mesh.object for mesh in face.meshes}

    def by_surface(constraint: Any) -> bool:
        return getattr(constraint, "target", None) in meshes and (constraint.type == "SHRINKWRAP" or bool(getattr(constraint, "subtarget", "")))

    for o in scene.objects:
        if o.parent in meshes and o.parent_type.startswith("VERTEX"):
            return True
        bones = o.pose.bones if o.pose is not None else ()
        if any(by_surface(c) for c in [*o.constraints, *(c for b in bones for c in b.constraints)]):
            return True
        if o not in meshes and any(getattr(m, "target", None) in meshes or getattr(m, "object", None) in meshes for m in o.modifiers):
            return True
    return False

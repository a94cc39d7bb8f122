"""The animation of a face frame by frame, as arrays: shape keys, bones, and objects on the rig.

Where only F-curves play, they are sampled at once; where anything else moves the face (drivers, constraints, NLA
strips), Blender evaluates the scene at every frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import bpy
import numpy as np
from mathutils import Euler

from ...core.errors import InnerfaceError
from ...core.numerics.quaternion import to_matrix
from .. import compat
from ..animation import curves, obstacles
from ..animation.scene_time import curve_step
from ..character.face import Face
from ..character.face_mesh import parents, rig_of
from ..character.lanes import driven_properties, get_value, shape_key_path, split_index

Progress = Callable[[float], None]
_REPORT_EVERY = 50  # frames between two reports of progress


@dataclass
class EvaluatedScene:
    """What a face does over a range of frames.

    Attributes
    ----------
    frames : ndarray (F,)
    curve_frames : ndarray (F,)
        Where they are on F-curves: elsewhere if the scene's time is stretched.
    key_values : dict of ndarray (F, K)
        By mesh object with shape keys: the values of all keys but the first.
    bone_matrices : dict of ndarray (F or 1, 4, 4)
        By bone of the rig: relative to its rest.
    world_matrices : dict of ndarray (F or 1, 4, 4)
        By object.
    property_values : dict of ndarray (F,)
        By destination of the mapping: properties that it drives.
    evaluated : bool
        Whether Blender had to evaluate the scene.
    """

    frames: np.ndarray
    curve_frames: np.ndarray
    key_values: dict[Any, np.ndarray] = field(default_factory=dict)
    bone_matrices: dict[str, np.ndarray] = field(default_factory=dict)
    world_matrices: dict[Any, np.ndarray] = field(default_factory=dict)
    property_values: dict[int, np.ndarray] = field(default_factory=dict)
    evaluated: bool = False


def character_meshes(face: Face, scene: Any) -> list[Any]:
    """Return the meshes of a face's character: all under its rig, else the face's own.

    Raises InnerfaceError if the scene's view layer lacks a part of the face.
    """
    scene.view_layers[0].update()
    in_view_layer = set(scene.view_layers[0].objects)
    for obj in [m.object for m in face.meshes] + ([face.rig] if face.rig is not None else []):
        if obj not in in_view_layer:
            obstacle = obstacles.of_object(obj, scene)
            reason, remedy = (obstacle.reason, obstacle.remedy) if obstacle is not None else ("it is hidden", "show it")
            raise InnerfaceError(f"'{obj.name}' cannot be exported: {reason}; {remedy}")
    face_meshes = [m.object for m in face.meshes]
    if face.rig is None:
        return face_meshes
    rig_meshes = [
        o
        for o in scene.view_layers[0].objects
        if o.type == "MESH" and rig_of(o) == face.rig and o not in face_meshes and not o.hide_render
    ]
    return face_meshes + rig_meshes


def evaluate_scene(
    face: Face, scene: Any, meshes: list[Any], *, progress: Progress | None = None, with_properties: bool = False
) -> EvaluatedScene:
    """Evaluate a face and the meshes around it over the scene's frame range; `with_properties`: driven properties, too.

    Raises InnerfaceError for a curve that holds no number.
    """
    frames = np.arange(scene.frame_start, scene.frame_end + 1)
    if not len(frames):
        raise InnerfaceError(
            f"the scene ends at frame {scene.frame_end}, before it begins at {scene.frame_start}; set its range"
        )
    out = EvaluatedScene(frames, frames * curve_step(scene))
    scene.view_layers[0].update()  # where things are is read from it
    if all(
        _moved_by_one_action(block) for block in _animated_datablocks(face, meshes)
    ) and not _moved_by_more_than_curves(face, meshes):
        _evaluate_curves(out, face, meshes, with_properties=with_properties)
    else:
        _evaluate_frames(out, face, scene, meshes=meshes, progress=progress, with_properties=with_properties)
    for obj, values in out.key_values.items():
        if not np.isfinite(values).all():
            raise InnerfaceError(
                f"a shape key of '{obj.name}' holds no number at frame "
                f"{frames[int((~np.isfinite(values)).any(1).argmax())]}; fix its curve"
            )
    return out


def _animated_datablocks(face: Face, meshes: list[Any]) -> list[Any]:
    """Return the datablocks whose animation is visible."""
    out = [
        face.head_object,
        face.rig.data if face.rig is not None else None,
        *meshes,
        *(o.data.shape_keys for o in meshes if o.data.shape_keys is not None),
    ]
    ancestors = [parent for obj in (face.head_object, *meshes) for parent in parents(obj)]
    return list(dict.fromkeys(b for b in [*out, *ancestors] if b is not None))


def _moved_by_one_action(block: Any) -> bool:
    """Whether at most one action moves a datablock."""
    data = block.animation_data
    if data is None:
        return True
    modified = (
        any(len(c.modifiers) or c.mute for c in compat.playing_fcurves(block) or ())
        if data.action is not None
        else False
    )
    blended = data.action is not None and (data.action_blend_type != "REPLACE" or data.action_influence < 1)
    return (
        not any(not d.mute for d in data.drivers)
        and not any(not t.mute for t in data.nla_tracks)
        and not blended
        and not modified
    )


def _exported_bones(face: Face) -> list[Any]:
    """Return the rig's deforming bones, their parents, and bones that the face moves; controls are left out."""
    if face.rig is None:
        return []
    bones = face.rig.pose.bones
    driven_names = {t.name for t in face.mapping.active_targets if t.kind == "bone"} | {face.head_bone}
    names = {b.name for b in bones if b.bone.use_deform or b.name in driven_names}
    names |= (
        {parent.name for name in names for parent in bones[name].parent_recursive} if names else {b.name for b in bones}
    )
    return [b for b in bones if b.name in names]


def _moved_by_more_than_curves(face: Face, meshes: list[Any]) -> bool:
    """Whether constraints, or objects with animation of their own above or beside the rig, move bones or objects."""
    rig = face.rig
    if rig is not None and (
        len(rig.constraints) or any(len(b.constraints) for b in rig.pose.bones) or rig.parent is not None
    ):
        return True
    exported = {b.name for b in _exported_bones(face)}
    for obj in meshes:
        if obj.parent_type == "BONE" and obj.parent_bone not in exported:  # on a control
            return True
        if len(obj.constraints) or (
            obj is not face.head_object and obj.animation_data is not None and obj.animation_data.action is not None
        ):
            return True
        if obj.parent is not None and obj.parent not in (rig, face.head_object):
            return True
    has_deltas = any(
        np.abs(np.array(getattr(o, n))).max() > 1e-9
        for o in (face.head_object, *meshes)
        for n in ("delta_location", "delta_rotation_euler")
    )
    return face.head_object.parent is not None or has_deltas


def _evaluate_curves(out: EvaluatedScene, face: Face, meshes: list[Any], *, with_properties: bool) -> None:
    for obj in meshes:
        if obj.data.shape_keys is not None:
            out.key_values[obj] = _sample_key_values(obj.data.shape_keys, out.curve_frames)
    for prop in driven_properties(face, []) if with_properties else ():
        default = get_value(prop.owner, *split_index(face.mapping.destinations[prop.destination][1]))
        out.property_values[prop.destination] = _sample_or_default(
            _find_keyed_curve(compat.playing_fcurves(prop.owner), prop.path, prop.index), out.curve_frames, default
        )
    face_matrices = _sample_transform(face.head_object, "", face.head_object.matrix_basis, frames=out.curve_frames)
    if face.rig is not None:
        for bone in _exported_bones(face):
            prefix = f'pose.bones["{bpy.utils.escape_identifier(bone.name)}"].'
            out.bone_matrices[bone.name] = _sample_transform(
                face.rig, prefix, bone.matrix_basis, frames=out.curve_frames, target=bone
            )
    out.world_matrices[face.head_object] = face_matrices
    face_world = np.array(face.head_object.matrix_world)
    for obj in meshes:
        if obj is face.head_object:
            out.world_matrices[obj] = face_matrices
        elif face.head_object in parents(obj):
            out.world_matrices[obj] = face_matrices @ np.linalg.inv(face_world) @ np.array(obj.matrix_world)
        else:
            out.world_matrices[obj] = np.array(obj.matrix_world)[None]
    bone_children = [o for o in meshes if face.rig is not None and o.parent == face.rig and o.parent_type == "BONE"]
    bones = pose_matrices(out, face.rig) if bone_children else {}
    for obj in bone_children:
        bone = face.rig.pose.bones[obj.parent_bone]
        local = np.linalg.inv(np.array(face.rig.matrix_world @ bone.matrix)) @ np.array(obj.matrix_world)
        out.world_matrices[obj] = face_matrices @ bones[obj.parent_bone] @ local


def _find_keyed_curve(fcurves: Any, path: str, index: int = 0) -> Any:
    """Return the curve at a data path, None where there is none with keys."""
    curve = fcurves.find(path, index=index) if fcurves is not None else None
    return curve if curve is not None and len(curve.keyframe_points) else None


def _sample_or_default(curve: Any, frames: np.ndarray, default: Any) -> np.ndarray:
    """Return the values (F,) of a curve, or `default` without one."""
    return np.full(len(frames), default) if curve is None else curves.sample_curve(curve, frames)


def _sample_key_values(key: Any, frames: np.ndarray) -> np.ndarray:
    """Return values (F, K) as Blender shows them: clamped by the sliders, 0 where a key is muted or not relative."""
    fcurves = compat.playing_fcurves(key)
    out = np.zeros((len(frames), len(key.key_blocks) - 1))
    if not key.use_relative:
        return out
    for k, block in enumerate(key.key_blocks[1:]):
        values = _sample_or_default(_find_keyed_curve(fcurves, shape_key_path(block.name)), frames, block.value)
        out[:, k] = np.clip(values, block.slider_min, block.slider_max) if not block.mute else 0.0
    return out


def _sample_transform(owner: Any, prefix: str, basis: Any, *, frames: np.ndarray, target: Any = None) -> np.ndarray:
    """Return matrices (F or 1, 4, 4) of a bone's or an object's own transform."""
    fcurves, target = compat.playing_fcurves(owner), target if target is not None else owner
    mode = target.rotation_mode
    rotation = {"QUATERNION": ("rotation_quaternion", 4), "AXIS_ANGLE": ("rotation_axis_angle", 4)}.get(
        mode, ("rotation_euler", 3)
    )
    names = (("location", 3), rotation, ("scale", 3))
    curves_by_name = {
        name: [_find_keyed_curve(fcurves, prefix + name, i) for i in range(count)] for name, count in names
    }
    if not any(curve is not None for lane in curves_by_name.values() for curve in lane):
        return np.array(basis)[None]
    values = {
        name: np.stack([_sample_or_default(c, frames, getattr(target, name)[i]) for i, c in enumerate(lane)], axis=1)
        for name, lane in curves_by_name.items()
    }
    out = np.zeros((len(frames), 4, 4))
    out[:, :3, :3] = _rotation_matrices(values[rotation[0]], mode) * values["scale"][:, None, :]
    out[:, :3, 3], out[:, 3, 3] = values["location"], 1.0
    return out


def _rotation_matrices(values: np.ndarray, mode: str) -> np.ndarray:
    if mode == "QUATERNION":
        return to_matrix(values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12))
    if mode == "AXIS_ANGLE":
        axis = values[:, 1:] / np.maximum(np.linalg.norm(values[:, 1:], axis=1, keepdims=True), 1e-12)
        half = values[:, :1] / 2
        return to_matrix(np.concatenate([np.cos(half), np.sin(half) * axis], axis=1))
    return np.array([Euler(row, mode).to_matrix() for row in values.tolist()])


def pose_matrices(evaluated: EvaluatedScene, rig: Any) -> dict[str, np.ndarray]:
    """Return matrices (F or 1, 4, 4) of all bones in the rig's space."""
    matrices: dict[str, np.ndarray] = {}
    for bone in sorted(
        (b for b in rig.data.bones if b.name in evaluated.bone_matrices), key=lambda b: len(b.parent_recursive)
    ):
        rest = np.array(bone.matrix_local)
        if bone.parent is None:
            matrices[bone.name] = rest @ evaluated.bone_matrices[bone.name]
        else:
            matrices[bone.name] = (
                matrices[bone.parent.name]
                @ np.linalg.inv(np.array(bone.parent.matrix_local))
                @ rest
                @ evaluated.bone_matrices[bone.name]
            )
    return matrices


def _evaluate_frames(
    out: EvaluatedScene, face: Face, scene: Any, *, meshes: list[Any], progress: Progress | None, with_properties: bool
) -> None:
    """Evaluate the scene at every frame.

    Faces show their basis shape meanwhile, which is fast, unless something follows their surface.
    """
    out.evaluated = True
    count, rig = len(out.frames), face.rig
    keyed_meshes = [o for o in meshes if o.data.shape_keys is not None]
    hidden = [o for o in [*keyed_meshes, rig] if o is not None and not o.visible_get()]
    if hidden:
        raise InnerfaceError(
            f"'{hidden[0].name}' is hidden, and more than keyframes moves it; show it to export the face"
        )
    buffers = {o: np.empty(len(o.data.shape_keys.key_blocks), dtype=np.float32) for o in keyed_meshes}
    out.key_values = {o: np.empty((count, len(b) - 1)) for o, b in buffers.items()}
    out.world_matrices = {o: np.empty((count, 4, 4)) for o in dict.fromkeys([*meshes, face.head_object])}
    bones = _exported_bones(face)
    matrices = np.empty((count, len(bones), 4, 4))
    property_columns = [
        (prop.destination, prop.owner, *split_index(face.mapping.destinations[prop.destination][1]))
        for prop in (driven_properties(face, []) if with_properties else ())
    ]
    out.property_values = {place: np.empty(count) for place, *_ in property_columns}
    previous_frame, previous_subframe = scene.frame_current, scene.frame_subframe
    with faces_at_rest(face, scene, meshes):
        try:
            for i, frame in enumerate(out.frames.tolist()):
                scene.frame_set(frame)
                for obj, buffer in buffers.items():
                    obj.data.shape_keys.key_blocks.foreach_get("value", buffer)
                    out.key_values[obj][i] = buffer[1:]
                for obj, place in out.world_matrices.items():
                    place[i] = obj.matrix_world
                for k, bone in enumerate(bones):
                    matrices[i, k] = bone.matrix
                for place, owner, path, index in property_columns:
                    out.property_values[place][i] = get_value(owner, path, index)
                if progress is not None and i % _REPORT_EVERY == 0:
                    progress(i / count)
        finally:
            scene.frame_set(previous_frame, subframe=previous_subframe)
            bpy.context.view_layer.update()
    for obj in keyed_meshes:
        blocks = obj.data.shape_keys.key_blocks[1:]
        muted = np.array([b.mute or not obj.data.shape_keys.use_relative for b in blocks], dtype=bool)
        out.key_values[obj][:, muted] = 0.0
    place = {b.name: k for k, b in enumerate(bones)}
    for bone in bones:
        bone_poses, rest = matrices[:, place[bone.name]], np.array(bone.bone.matrix_local)
        if bone.parent is None:
            local, rest_local = bone_poses, rest
        else:
            parent = np.array(bone.parent.bone.matrix_local)
            local, rest_local = (
                np.linalg.inv(matrices[:, place[bone.parent.name]]) @ bone_poses,
                np.linalg.inv(parent) @ rest,
            )
        basis = np.linalg.inv(rest_local) @ local
        out.bone_matrices[bone.name] = basis if np.ptp(basis, axis=0).max() > 1e-6 else basis[:1]


@contextmanager
def faces_at_rest(face: Face, scene: Any, meshes: list[Any]) -> Iterator[None]:
    """Show the basis shape of faces, undeformed, while the scene plays: values of shape keys play on.

    Does nothing if something follows a face's surface.
    """
    can_rest = not follows_surface(face, scene)
    face_objects = [mesh.object for mesh in face.meshes] if can_rest else []
    saved_display = [(o, o.show_only_shape_key, o.active_shape_key_index) for o in face_objects]
    visible_modifiers = [m for o in meshes for m in o.modifiers if m.show_viewport] if can_rest else []
    try:
        for o in face_objects:
            o.show_only_shape_key, o.active_shape_key_index = True, 0
        for modifier in visible_modifiers:
            modifier.show_viewport = False
        yield
    finally:
        for modifier in visible_modifiers:
            modifier.show_viewport = True
        for o, show_only, index in saved_display:
            o.show_only_shape_key, o.active_shape_key_index = show_only, index


def follows_surface(face: Face, scene: Any) -> bool:
    """Whether any object or bone follows the vertices of a face."""
    meshes = {mesh.object for mesh in face.meshes}

    def by_surface(constraint: Any) -> bool:
        return getattr(constraint, "target", None) in meshes and (
            constraint.type == "SHRINKWRAP" or bool(getattr(constraint, "subtarget", ""))
        )

    for o in scene.objects:
        if o.parent in meshes and o.parent_type.startswith("VERTEX"):
            return True
        bones = o.pose.bones if o.pose is not None else ()
        if any(by_surface(c) for c in [*o.constraints, *(c for b in bones for c in b.constraints)]):
            return True
        if o not in meshes and any(
            getattr(m, "target", None) in meshes or getattr(m, "object", None) in meshes for m in o.modifiers
        ):
            return True
    return False

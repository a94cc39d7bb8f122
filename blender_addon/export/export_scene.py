"""A temporary scene of copies for export: one skeleton, meshes skinned to it, and keys on every frame.

The user's scene is only read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from ...core.errors import InnerfaceError
from .. import compat, remedies
from ..animation import curves
from ..character.face import Face
from ..character.lanes import shape_key_path
from ..character.turns import continuous_quaternions
from .evaluate_scene import EvaluatedScene, pose_matrices

ROOT_BONE, HEAD_BONE = "root", "head"
_SUBDIVIDING = {"SUBSURF", "MULTIRES"}
_RIGID_TOLERANCE_M = 1e-5  # metres: what hangs on a bone may move so much against it
_MIN_CHANGE = 1e-6
_SKIPPED_MODIFIERS = {"ARMATURE"}  # becomes the skin


@dataclass
class ExportScene:
    """What is exported: `scene`, `rig`, `meshes`; `notes` for the user; `peak`: the largest value of any shape key."""

    scene: Any
    rig: Any
    meshes: list[Any]
    notes: list[str] = field(default_factory=list)
    peak: float = 0.0


@contextmanager
def export_scene(
    face: Face,
    scene: Any,
    evaluated: EvaluatedScene,
    *,
    name: str,
    unit: float = 1.0,
    modifiers: str = "SHAPE",
    rig_name: str = "",
) -> Iterator[ExportScene]:
    """Build the export scene of an evaluated face, and remove it afterwards.

    `unit`: units per metre (100 for centimetres); `modifiers`: which are applied (NONE, SHAPE: all but subdivision,
    ALL); `rig_name`: replaces the rig's name. Raises InnerfaceError.
    """
    existing = {kind: set(getattr(bpy.data, kind)) for kind in ("objects", "meshes", "armatures", "actions", "scenes")}
    renamed: list[tuple[Any, str]] = []
    try:
        export = ExportScene(bpy.data.scenes.new(name), None, [])
        render, source_render = export.scene.render, scene.render
        render.fps, render.fps_base = source_render.fps, source_render.fps_base
        export.scene.frame_start, export.scene.frame_end = 0, len(evaluated.frames) - 1
        export.scene.unit_settings.scale_length = 1.0 / unit
        export.scene.camera = scene.camera  # else 3D views leave the camera for good
        with _active_scene(export.scene):
            _build_rig_and_meshes(export, face, evaluated, unit=unit, modifiers=modifiers)
            export.scene.view_layers[0].update()  # gives the rig its pose
            _animate(export, face, evaluated, unit=unit, name=name)
            sources = [o for o in evaluated.world_matrices if o.type == "MESH"]
            names = {export.rig: rig_name or (face.rig.name if face.rig is not None else "Armature")}
            names |= {obj: source.name for obj, source in zip(export.meshes, sources)}
            _take_over_names(bpy.data.objects, names, renamed)
            mesh_names = {obj.data: source.data.name for obj, source in zip(export.meshes, sources)}
            _take_over_names(bpy.data.meshes, mesh_names, renamed)
            if face.rig is not None:
                _take_over_names(bpy.data.armatures, {export.rig.data: face.rig.data.name}, renamed)
            yield export
    finally:
        for kind in ("scenes", "objects", "meshes", "armatures", "actions"):
            for block in set(getattr(bpy.data, kind)) - existing[kind]:
                getattr(bpy.data, kind).remove(block)
        for block, original_name in renamed:
            block.name = original_name


@contextmanager
def _active_scene(scene: Any) -> Iterator[None]:
    """Show a scene in the window: the exporters read the window's scene."""
    window = bpy.context.window
    if window is None:
        raise InnerfaceError("Blender's exporters need a window, and this Blender has none; start it with one")
    previous_scene, layer = window.scene, window.view_layer.name
    window.scene = scene
    try:
        yield
    finally:
        window.scene = previous_scene
        if layer in previous_scene.view_layers:
            window.view_layer = previous_scene.view_layers[layer]


def _build_rig_and_meshes(
    export: ExportScene, face: Face, evaluated: EvaluatedScene, *, unit: float, modifiers: str
) -> None:
    """Build the skeleton, and the meshes skinned to it, in units of the file."""
    face_object = face.head_object
    world = evaluated.world_matrices[face_object][0]
    scale = np.linalg.norm(world[:3, :3], axis=0)
    to_file_units = np.diag([*(scale * unit), 1.0])  # from the rig's space to the file's
    if face.rig is not None:
        export.rig = _copy_rig(face.rig, evaluated, to_file_units)
    else:
        export.rig = bpy.data.objects.new("Armature", bpy.data.armatures.new("Armature"))
    export.scene.collection.objects.link(export.rig)
    if face.rig is None:
        _add_root_and_head_bones(export, evaluated, face_object, face=face, to_file_units=to_file_units)
    elif any(b.name not in evaluated.bone_matrices for b in export.rig.data.bones):
        with _edit_bones(export) as bones:
            for bone in [b for b in bones if b.name not in evaluated.bone_matrices]:
                bones.remove(bone)
    bones = pose_matrices(evaluated, face.rig) if face.rig is not None else {}
    rests = (
        {b.name: np.array(b.matrix_local) for b in face.rig.data.bones if b.name in evaluated.bone_matrices}
        if face.rig is not None
        else {}
    )
    for source in evaluated.world_matrices:
        if source is face.rig or source.type != "MESH":
            continue
        relative = (
            np.linalg.inv(evaluated.world_matrices[face_object]) @ evaluated.world_matrices[source]
        )  # (F or 1, 4, 4), in the rig's space
        obj = _copy_mesh(export, source, modifiers)
        skinned = face.rig is not None and any(m.type == "ARMATURE" and m.object == face.rig for m in source.modifiers)
        if skinned:
            placement = relative[0]
        elif face.rig is None:
            placement = relative[0]
            _assign_to_bone(obj, HEAD_BONE)
        else:
            bone, placement = _carrier_bone(face, source, relative, bones=bones, rests=rests)
            if bone is None:
                bone, placement = _add_mesh_bone(
                    export, source.name, relative, evaluated=evaluated, to_file_units=to_file_units
                )
            _assign_to_bone(obj, bone)
        matrix = to_file_units @ placement
        obj.data.transform(Matrix(matrix.tolist()), shape_keys=True)
        if np.linalg.det(matrix[:3, :3]) < 0:
            obj.data.flip_normals()
        obj.parent, obj.matrix_parent_inverse, obj.matrix_basis = export.rig, Matrix(), Matrix()
        modifier = obj.modifiers.new("Armature", "ARMATURE")
        modifier.object = export.rig
        export.meshes.append(obj)


def _copy_rig(rig: Any, evaluated: EvaluatedScene, to_file_units: np.ndarray) -> Any:
    """Copy the skeleton without constraints, drivers and custom shapes."""
    data = rig.data.copy()
    data.animation_data_clear()
    rig_copy = bpy.data.objects.new(rig.name, data)
    data.transform(Matrix(to_file_units.tolist()))
    data.pose_position = "POSE"
    if evaluated.evaluated:  # its bones' matrices assume these settings
        for bone in data.bones:
            bone.use_inherit_rotation, bone.inherit_scale, bone.use_local_location = True, "FULL", True
    return rig_copy


@contextmanager
def _edit_bones(export: ExportScene) -> Iterator[Any]:
    """Yield the skeleton's edit bones."""
    layer = export.scene.view_layers[0]
    layer.objects.active = export.rig
    bpy.ops.object.mode_set(mode="EDIT")
    try:
        yield export.rig.data.edit_bones
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")


def _add_root_and_head_bones(
    export: ExportScene, evaluated: EvaluatedScene, face_object: Any, *, face: Face, to_file_units: np.ndarray
) -> None:
    """Add a root and a head bone, which carries the motion of the face's object, for a face without a rig."""
    size = 0.1 * float(np.abs(to_file_units[0, 0]))
    lowest = min((float((np.array(m.object.bound_box)[:, 2]).min()) for m in face.meshes), default=0.0)
    with _edit_bones(export) as bones:
        root = bones.new(ROOT_BONE)
        root.head, root.tail = (0.0, 0.0, lowest * to_file_units[2, 2] - size), (0.0, 0.0, lowest * to_file_units[2, 2])
        head = bones.new(HEAD_BONE)
        head.head, head.tail, head.parent = (0.0, 0.0, 0.0), (0.0, 0.0, size), root
    first = evaluated.world_matrices[face_object][0]
    rest = np.array(
        export.rig.data.bones[HEAD_BONE].matrix_local
    )  # at the origin: the face turns about that of its object
    evaluated.bone_matrices = {
        HEAD_BONE: np.linalg.inv(rest) @ np.linalg.inv(first) @ evaluated.world_matrices[face_object] @ rest
    }
    evaluated.world_matrices = {
        o: np.repeat(first[None], 1, 0) @ np.linalg.inv(evaluated.world_matrices[face_object]) @ m
        if o is not face_object
        else first[None]
        for o, m in evaluated.world_matrices.items()
    }


def _carrier_bone(
    face: Face, source: Any, relative: np.ndarray, *, bones: dict[str, np.ndarray], rests: dict[str, np.ndarray]
) -> tuple[str | None, np.ndarray]:
    """Return the bone that an unskinned mesh moves with, and its rest matrix; None if it moves by itself."""
    roots = [name for name in bones if face.rig.data.bones[name].parent is None]
    for name in dict.fromkeys(
        n
        for n in [source.parent_bone if source.parent_type == "BONE" else "", face.head_bone or "", *roots]
        if n in bones
    ):
        relative_to_bone = np.linalg.inv(bones[name]) @ relative
        if np.ptp(relative_to_bone, axis=0).max() < _RIGID_TOLERANCE_M:
            return name, rests[name] @ relative_to_bone[0]
    return None, relative[0]


def _add_mesh_bone(
    export: ExportScene, name: str, relative: np.ndarray, *, evaluated: EvaluatedScene, to_file_units: np.ndarray
) -> tuple[str, np.ndarray]:
    """Add a bone for a mesh that moves by itself."""
    with _edit_bones(export) as bones:
        bone = bones.new(name)
        bone.head, bone.tail = (0.0, 0.0, 0.0), (0.0, 0.0, 0.1 * float(np.abs(to_file_units[0, 0])))
        bone_name = bone.name
    rest = np.array(export.rig.data.bones[bone_name].matrix_local)
    evaluated.bone_matrices[bone_name] = np.linalg.inv(rest) @ relative @ np.linalg.inv(relative[0]) @ rest
    return bone_name, relative[0]


def _assign_to_bone(obj: Any, bone: str) -> None:
    obj.vertex_groups.clear()
    group = obj.vertex_groups.new(name=bone)
    group.add(list(range(len(obj.data.vertices))), 1.0, "REPLACE")


def _copy_mesh(export: ExportScene, source: Any, modifiers: str) -> Any:
    """Copy a mesh with its shape keys, with modifiers applied to each of them. Raises InnerfaceError."""
    visible = [m for m in source.modifiers if m.type not in _SKIPPED_MODIFIERS and (m.show_viewport or m.show_render)]
    applied = [m for m in visible if modifiers == "ALL" or (modifiers == "SHAPE" and m.type not in _SUBDIVIDING)]
    omitted = [m.name for m in visible if m not in applied]
    if omitted:
        export.notes.append(f"{source.name} is exported without its modifiers {', '.join(omitted)}")
    obj = source.copy()
    if obj.override_library is not None:
        obj = obj.make_local(clear_liboverride=True)
    obj.data = source.data.copy()
    obj.animation_data_clear()
    obj.parent = None
    for constraint in list(obj.constraints):
        obj.constraints.remove(constraint)
    for modifier in [m for m in obj.modifiers if m.name not in {w.name for w in applied}]:
        obj.modifiers.remove(modifier)
    export.scene.collection.objects.link(obj)
    obj.hide_viewport = obj.hide_select = obj.hide_render = False
    key = obj.data.shape_keys
    if key is not None:
        obj.show_only_shape_key, obj.active_shape_key_index = False, 0
        if not key.use_relative:
            export.notes.append(
                f"{source.name} is exported without motion of its shape keys, as it plays: they are absolute; "
                "turn on Relative in its shape keys"
            )
        _make_shapes_relative(obj)
    if applied:
        obj.matrix_world = source.matrix_world
        _apply_modifiers(export, obj, source, applied=applied)
    return obj


def _make_shapes_relative(obj: Any) -> None:
    """Make every shape key one that adds its offset to the first key, as exporters take all keys to be.

    Keys may be relative to any other key, and vertex groups limit them; absolute keys leave the face as it stands.
    """
    key = obj.data.shape_keys
    count = 3 * len(obj.data.vertices)

    def positions(block: Any) -> np.ndarray:
        out = np.empty(count, dtype=np.float32)
        block.data.foreach_get("co", out)
        return out.astype(np.float64)

    if key.use_relative:
        basis = positions(key.reference_key)
    else:
        mixed = obj.shape_key_add(name="mixed", from_mix=True)
        basis = positions(mixed)
        obj.shape_key_remove(mixed)
    offsets = [
        (positions(block) - positions(block.relative_key)) * np.repeat(_group_weights(obj, block.vertex_group), 3)
        for block in key.key_blocks
    ]
    key.animation_data_clear()
    key.use_relative = True
    for block, offset in zip(key.key_blocks, offsets):
        is_reference = block == key.reference_key
        block.data.foreach_set("co", (basis if is_reference else basis + offset).astype(np.float32))
        block.relative_key, block.vertex_group = key.reference_key, ""
        block.value, block.mute = 0.0, False


def _group_weights(obj: Any, name: str) -> np.ndarray:
    """Return the weights (N,) of a vertex group; 1 where there is no such group, as Blender plays it."""
    if name not in obj.vertex_groups:
        return np.ones(len(obj.data.vertices))
    group = obj.vertex_groups[name].index
    return np.array([next((g.weight for g in v.groups if g.group == group), 0.0) for v in obj.data.vertices])


def _apply_modifiers(export: ExportScene, obj: Any, source: Any, *, applied: list[Any]) -> None:
    """Apply modifiers to the mesh and, one by one, to its shape keys."""
    for modifier in obj.modifiers:
        modifier.show_viewport = True
    layer, key = export.scene.view_layers[0], obj.data.shape_keys
    shapes: dict[str, np.ndarray] = {}
    for k, block in enumerate(key.key_blocks if key is not None else ()):
        obj.show_only_shape_key, obj.active_shape_key_index = True, k
        layer.update()
        mesh = obj.evaluated_get(layer.depsgraph).to_mesh()
        co = np.empty(3 * len(mesh.vertices), dtype=np.float32)
        mesh.vertices.foreach_get("co", co)
        obj.evaluated_get(layer.depsgraph).to_mesh_clear()
        shapes[block.name] = co
    if len({len(co) for co in shapes.values()}) > 1:
        modifier_names = ", ".join(m.name for m in applied)
        raise InnerfaceError(
            f"'{source.name}': modifiers ({modifier_names}) give its shapes different numbers of vertices; "
            f"{remedies.OMIT_MODIFIERS}"
        )
    obj.active_shape_key_index = 0
    layer.update()
    applied_mesh = bpy.data.meshes.new_from_object(
        obj.evaluated_get(layer.depsgraph), preserve_all_data_layers=True, depsgraph=layer.depsgraph
    )
    groups = [g.name for g in obj.vertex_groups]
    obj.modifiers.clear()
    obj.show_only_shape_key = False
    obj.data = applied_mesh
    for name in groups:
        if name not in obj.vertex_groups:
            obj.vertex_groups.new(name=name)
    for name, co in shapes.items():
        block = obj.shape_key_add(name=name, from_mix=False)
        block.data.foreach_set("co", co)
        block.value = 0.0
    obj.matrix_world = Matrix()


def _animate(export: ExportScene, face: Face, evaluated: EvaluatedScene, *, unit: float, name: str) -> None:
    """Key what moves on every frame; set what does not."""
    frames = np.arange(len(evaluated.frames))
    actions: list[Any] = []

    def new_fcurves(owner: Any) -> Any:
        """Return curves of an action: one per datablock in 4.2, else one for all."""
        if not actions or not compat.supports_shared_action():
            actions.append(bpy.data.actions.new(name))
        owner_fcurves = compat.fcurves_of(actions[-1], owner)
        compat.assign_action(actions[-1], owner)
        return owner_fcurves

    sources = [o for o in evaluated.world_matrices if o.type == "MESH"]
    for source, obj in zip(sources, export.meshes):
        if source not in evaluated.key_values or obj.data.shape_keys is None:
            continue
        values, key = evaluated.key_values[source], obj.data.shape_keys
        export.peak = max(export.peak, float(values.max(initial=0.0)))
        moving = np.ptp(values, axis=0) > _MIN_CHANGE
        for k, block in enumerate(key.key_blocks[1:]):
            block.slider_min, block.slider_max = (
                min(float(values[:, k].min()), 0.0),
                max(float(values[:, k].max()), 1.0),
            )
            block.value = float(values[0, k])
        found = new_fcurves(key) if moving.any() else None
        for k in np.flatnonzero(moving):
            curves.write_curve(
                found, shape_key_path(key.key_blocks[int(k) + 1].name), frames=frames, values=values[:, k]
            )
    world = evaluated.world_matrices[face.head_object]
    size = np.linalg.norm(world[0, :3, :3], axis=0)
    transform_curves = _transform_curves(export.rig, "", world @ np.diag([*(1 / size), 1.0]), unit=unit)
    for bone, basis in evaluated.bone_matrices.items():
        rest = np.array(export.rig.data.bones[bone].matrix_local)[:3, :3]
        unit_scale = size * unit if np.ptp(size) > 1e-6 else None
        factor = float(size.mean()) * unit
        scaled = basis.copy()
        if unit_scale is None:
            scaled[:, :3, 3] *= factor
        else:
            scaled[:, :3, 3] = scaled[:, :3, 3] @ (rest.T @ np.diag(unit_scale) @ rest).T
        transform_curves += _transform_curves(
            export.rig.pose.bones[bone], f'pose.bones["{bpy.utils.escape_identifier(bone)}"].', scaled, unit=1.0
        )
    found = new_fcurves(export.rig) if transform_curves else None
    for path, index, values in transform_curves:
        curves.write_curve(found, path, frames=frames, values=values, index=index)
    export.scene.frame_set(0)


def _transform_curves(
    target: Any, prefix: str, matrices: np.ndarray, *, unit: float
) -> list[tuple[str, int, np.ndarray]]:
    """Curves (path, index, values) of what moves of a transform; what stands still is set on the target."""
    scale = np.linalg.norm(matrices[:, :3, :3], axis=1)
    rotation = continuous_quaternions(matrices[:, :3, :3] / np.maximum(scale[:, None, :], 1e-12))
    target.rotation_mode = "QUATERNION"
    out = []
    for name, values in (("location", matrices[:, :3, 3] * unit), ("rotation_quaternion", rotation), ("scale", scale)):
        setattr(target, name, values[0])
        if np.ptp(values, axis=0).max() > _MIN_CHANGE:
            out += [(prefix + name, i, values[:, i]) for i in range(values.shape[1])]
    return out


def _take_over_names(collection: Any, names: dict[Any, str], renamed: list[tuple[Any, str]]) -> None:
    """The copies bear the originals' names while they are exported; of several of one name the first one does."""
    for block, name in names.items():
        existing = collection.get(name)
        if existing in names:
            continue
        if existing is not None and existing.library is None:
            renamed.append((existing, name))
            existing.name = f"{name[:40]} (in the scene)"
        block.name = name

"""A face on its own, as a game engine wants it: a scene with one skeleton, meshes skinned to it, plain keys on every frame, and nothing that moves by itself.

Made of copies, exported, and taken away again; the user's scene is only read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from ..core.errors import InnerfaceError
from . import compat, curves
from .face import Face
from .played import Played, pose
from .turns import quaternions

ROOT, HEAD = "root", "head"
_SUBDIVIDES = {"SUBSURF", "MULTIRES"}
_RIGID = 1e-5  # metres: what hangs on a bone may move so much against it
_MOVES = 1e-6
_LEFT_ALONE = {"ARMATURE"}  # becomes the skin


@dataclass
class Stage:
    """`scene`, `rig` and `meshes` to export; `notes` for the user; `peak`: the largest value of any key."""

    scene: Any
    rig: Any
    meshes: list[Any]
    notes: list[str] = field(default_factory=list)
    peak: float = 0.0


@contextmanager
def staged(face: Face, scene: Any, out: Played, name: str, unit: float = 1.0, modifiers: str = "SHAPE", rig_name: str = "") -> Iterator[Stage]:
    """The stage of what was played. `unit`: units to a metre (100 makes centimetres); `modifiers`: those that are applied (NONE, SHAPE: all that do not only
    subdivide, ALL); `rig_name`: instead of the rig's own. Raises InnerfaceError."""
    known = {kind: set(getattr(bpy.data, kind)) for kind in ("objects", "meshes", "armatures", "actions", "scenes")}
    renamed: list[tuple[Any, str]] = []
    try:
        stage = Stage(bpy.data.scenes.new(name), None, [])
        render, old = stage.scene.render, scene.render
        render.fps, render.fps_base = old.fps, old.fps_base
        stage.scene.frame_start, stage.scene.frame_end = 0, len(out.frames) - 1
        stage.scene.unit_settings.scale_length = 1.0 / unit
        stage.scene.camera = scene.camera  # else 3D views leave the camera for good
        with _inside(stage.scene):
            _build(stage, face, out, unit, modifiers)
            stage.scene.view_layers[0].update()  # gives the rig its pose
            _animate(stage, face, out, unit, name)
            sources = [o for o in out.places if o.type == "MESH"]
            names = {stage.rig: rig_name or (face.rig.name if face.rig is not None else "Armature")}
            _rename(stage, names | {obj: source.name for obj, source in zip(stage.meshes, sources)}, renamed)
            yield stage
    finally:
        for kind in ("scenes", "objects", "meshes", "armatures", "actions"):
            for block in set(getattr(bpy.data, kind)) - known[kind]:
                getattr(bpy.data, kind).remove(block)
        for block, own in renamed:
            block.name = own


@contextmanager
def _inside(scene: Any) -> Iterator[None]:
    """Operators see the stage: the exporters go by the window's scene."""
    window = bpy.context.window
    if window is None:
        raise InnerfaceError("Blender has no window here, not even a hidden one, and its exporters need one; start it in another way")
    before, layer = window.scene, window.view_layer.name
    window.scene = scene
    try:
        yield
    finally:
        window.scene = before
        if layer in before.view_layers:
            window.view_layer = before.view_layers[layer]


def _build(stage: Stage, face: Face, out: Played, unit: float, modifiers: str) -> None:
    """The skeleton, and the meshes skinned to it, in units of the file."""
    top = face.turns
    world = out.places[top][0]
    scale = np.linalg.norm(world[:3, :3], axis=0)
    grow = np.diag([*(scale * unit), 1.0])  # from the rig's space to the file's
    if face.rig is not None:
        stage.rig = _copy_of_rig(face.rig, out, grow)
    else:
        stage.rig = bpy.data.objects.new("Armature", bpy.data.armatures.new("Armature"))
    stage.scene.collection.objects.link(stage.rig)
    if face.rig is None:
        _simple_bones(stage, out, top, face, grow)
    elif any(b.name not in out.bones for b in stage.rig.data.bones):
        with _editing(stage) as bones:
            for bone in [b for b in bones if b.name not in out.bones]:
                bones.remove(bone)
    bones = pose(out, face.rig) if face.rig is not None else {}
    rests = {b.name: np.array(b.matrix_local) for b in face.rig.data.bones if b.name in out.bones} if face.rig is not None else {}
    for source in out.places:
        if source is face.rig or source.type != "MESH":
            continue
        relative = np.linalg.inv(out.places[top]) @ out.places[source]  # (F or 1, 4, 4), in the rig's space
        obj = _copy_of_mesh(stage, source, modifiers)
        skin = face.rig is not None and any(m.type == "ARMATURE" and m.object == face.rig for m in source.modifiers)
        if skin:
            place = relative[0]
        elif face.rig is None:
            place = relative[0]
            _weigh(obj, HEAD)
        else:
            bone, place = _carrier(face, source, relative, bones, rests)
            if bone is None:
                bone, place = _own_bone(stage, source.name, relative, out, grow)
            _weigh(obj, bone)
        matrix = grow @ place
        obj.data.transform(Matrix(matrix.tolist()), shape_keys=True)
        if np.linalg.det(matrix[:3, :3]) < 0:
            obj.data.flip_normals()
        obj.parent, obj.matrix_parent_inverse, obj.matrix_basis = stage.rig, Matrix(), Matrix()
        modifier = obj.modifiers.new("Armature", "ARMATURE")
        modifier.object = stage.rig
        stage.meshes.append(obj)


def _copy_of_rig(rig: Any, out: Played, grow: np.ndarray) -> Any:
    """The skeleton without constraints, drivers and custom shapes."""
    data = rig.data.copy()
    data.animation_data_clear()
    made = bpy.data.objects.new(rig.name, data)
    data.transform(Matrix(grow.tolist()))
    data.pose_position = "POSE"
    if out.evaluated:  # its bones' matrices are told as if these were so
        for bone in data.bones:
            bone.use_inherit_rotation, bone.inherit_scale, bone.use_local_location = True, "FULL", True
    return made


@contextmanager
def _editing(stage: Stage) -> Iterator[Any]:
    """The skeleton's edit bones."""
    layer = stage.scene.view_layers[0]
    layer.objects.active = stage.rig
    bpy.ops.object.mode_set(mode="EDIT")
    try:
        yield stage.rig.data.edit_bones
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")


def _simple_bones(stage: Stage, out: Played, top: Any, face: Face, grow: np.ndarray) -> None:
    """A root, and a head bone that carries what turned the face, for one without a rig."""
    size = 0.1 * float(np.abs(grow[0, 0]))
    low = min((float((np.array(m.object.bound_box)[:, 2]).min()) for m in face.meshes), default=0.0)
    with _editing(stage) as bones:
        root = bones.new(ROOT)
        root.head, root.tail = (0.0, 0.0, low * grow[2, 2] - size), (0.0, 0.0, low * grow[2, 2])
        head = bones.new(HEAD)
        head.head, head.tail, head.parent = (0.0, 0.0, 0.0), (0.0, 0.0, size), root
    first = out.places[top][0]
    rest = np.array(stage.rig.data.bones[HEAD].matrix_local)  # at the origin: the face turns about its object's
    out.bones = {HEAD: np.linalg.inv(rest) @ np.linalg.inv(first) @ out.places[top] @ rest}
    out.places = {o: np.repeat(first[None], 1, 0) @ np.linalg.inv(out.places[top]) @ m if o is not top else first[None] for o, m in out.places.items()}


def _carrier(face: Face, source: Any, relative: np.ndarray, bones: dict[str, np.ndarray], rests: dict[str, np.ndarray]) -> tuple[str | None, np.ndarray]:
    """The bone that an unskinned mesh moves with, and its place in the rest pose; None where it moves by itself."""
    roots = [name for name in bones if face.rig.data.bones[name].parent is None]
    for name in dict.fromkeys(n for n in [source.parent_bone if source.parent_type == "BONE" else "", face.head_bone or "", *roots] if n in bones):
        against = np.linalg.inv(bones[name]) @ relative
        if np.ptp(against, axis=0).max() < _RIGID:
            return name, rests[name] @ against[0]
    return None, relative[0]


def _own_bone(stage: Stage, name: str, relative: np.ndarray, out: Played, grow: np.ndarray) -> tuple[str, np.ndarray]:
    """A bone of its own for a mesh that moves by itself."""
    with _editing(stage) as bones:
        bone = bones.new(name)
        bone.head, bone.tail = (0.0, 0.0, 0.0), (0.0, 0.0, 0.1 * float(np.abs(grow[0, 0])))
        made = bone.name
    rest = np.array(stage.rig.data.bones[made].matrix_local)
    out.bones[made] = np.linalg.inv(rest) @ relative @ np.linalg.inv(relative[0]) @ rest
    return made, relative[0]


def _weigh(obj: Any, bone: str) -> None:
    obj.vertex_groups.clear()
    group = obj.vertex_groups.new(name=bone)
    group.add(list(range(len(obj.data.vertices))), 1.0, "REPLACE")


def _copy_of_mesh(stage: Stage, source: Any, modifiers: str) -> Any:
    """A mesh with its shape keys, some modifiers applied to each of them. Raises InnerfaceError where that cannot be."""
    shown = [m for m in source.modifiers if m.type not in _LEFT_ALONE and (m.show_viewport or m.show_render)]
    wanted = [m for m in shown if modifiers == "ALL" or (modifiers == "SHAPE" and m.type not in _SUBDIVIDES)]
    left = [m.name for m in shown if m not in wanted]
    if left:
        stage.notes.append(f"{source.name} is exported without its modifiers {', '.join(left)}")
    obj = source.copy()
    if obj.override_library is not None:
        obj = obj.make_local(clear_liboverride=True)
    obj.data = source.data.copy()
    obj.animation_data_clear()
    obj.parent = None
    for constraint in list(obj.constraints):
        obj.constraints.remove(constraint)
    for modifier in [m for m in obj.modifiers if m.name not in {w.name for w in wanted}]:
        obj.modifiers.remove(modifier)
    stage.scene.collection.objects.link(obj)
    obj.hide_viewport = obj.hide_select = obj.hide_render = False
    key = obj.data.shape_keys
    if key is not None:
        key.animation_data_clear()
        key.use_relative = True
        obj.show_only_shape_key, obj.active_shape_key_index = False, 0
        for block in key.key_blocks:
            block.value, block.mute = 0.0, False
        _unmask(obj)
    if wanted:
        obj.matrix_world = source.matrix_world
        _apply(stage, obj, source, wanted)
    return obj


def _unmask(obj: Any) -> None:
    """Shapes that a vertex group limits are limited in themselves: the groups become those of the skin."""
    for block in [b for b in obj.data.shape_keys.key_blocks if b.vertex_group in obj.vertex_groups]:
        group = obj.vertex_groups[block.vertex_group].index
        share = np.array([next((g.weight for g in v.groups if g.group == group), 0.0) for v in obj.data.vertices])
        own, base = (np.empty(3 * len(share), dtype=np.float32) for _ in range(2))
        block.data.foreach_get("co", own)
        block.relative_key.data.foreach_get("co", base)
        block.data.foreach_set("co", (base + np.repeat(share, 3) * (own - base)).astype(np.float32))
        block.vertex_group = ""


def _apply(stage: Stage, obj: Any, source: Any, wanted: list[Any]) -> None:
    """Bake modifiers into the mesh and, one by one, into its shapes."""
    for modifier in obj.modifiers:
        modifier.show_viewport = True
    layer, key = stage.scene.view_layers[0], obj.data.shape_keys
    shapes: dict[str, np.ndarray] = {}
    relative = {block.name: block.relative_key.name for block in (key.key_blocks if key is not None else ())}
    for k, block in enumerate(key.key_blocks if key is not None else ()):
        obj.show_only_shape_key, obj.active_shape_key_index = True, k
        layer.update()
        mesh = obj.evaluated_get(layer.depsgraph).to_mesh()
        co = np.empty(3 * len(mesh.vertices), dtype=np.float32)
        mesh.vertices.foreach_get("co", co)
        obj.evaluated_get(layer.depsgraph).to_mesh_clear()
        shapes[block.name] = co
    if len({len(co) for co in shapes.values()}) > 1:
        odd = ", ".join(m.name for m in wanted)
        raise InnerfaceError(f"'{source.name}': modifiers ({odd}) give its shapes different numbers of vertices; export with Modifiers: None")
    obj.active_shape_key_index = 0
    layer.update()
    baked = bpy.data.meshes.new_from_object(obj.evaluated_get(layer.depsgraph), preserve_all_data_layers=True, depsgraph=layer.depsgraph)
    groups = [g.name for g in obj.vertex_groups]
    obj.modifiers.clear()
    obj.show_only_shape_key = False
    obj.data = baked
    for name in groups:
        if name not in obj.vertex_groups:
            obj.vertex_groups.new(name=name)
    for name, co in shapes.items():
        block = obj.shape_key_add(name=name, from_mix=False)
        block.data.foreach_set("co", co)
        block.value = 0.0
    for name, to in relative.items():
        obj.data.shape_keys.key_blocks[name].relative_key = obj.data.shape_keys.key_blocks[to]
    obj.matrix_world = Matrix()


def _animate(stage: Stage, face: Face, out: Played, unit: float, name: str) -> None:
    """Plain keys on every frame of what moves; what stands still is set."""
    frames = np.arange(len(out.frames))
    actions: list[Any] = []

    def fcurves(owner: Any) -> Any:
        """In 4.2 an action for each datablock, else one for all."""
        if not actions or not compat.shared_action():
            actions.append(bpy.data.actions.new(name))
        found = compat.fcurves_of(actions[-1], owner)
        compat.assign(actions[-1], owner)
        return found

    sources = [o for o in out.places if o.type == "MESH"]
    for source, obj in zip(sources, stage.meshes):
        if source not in out.keys or obj.data.shape_keys is None:
            continue
        values, key = out.keys[source], obj.data.shape_keys
        stage.peak = max(stage.peak, float(values.max(initial=0.0)))
        moving = np.ptp(values, axis=0) > _MOVES
        for k, block in enumerate(key.key_blocks[1:]):
            block.slider_min, block.slider_max = min(float(values[:, k].min()), 0.0), max(float(values[:, k].max()), 1.0)
            block.value = float(values[0, k])
        found = fcurves(key) if moving.any() else None
        for k in np.flatnonzero(moving):
            curves.write_curve(found, curves.shape_key_path(key.key_blocks[int(k) + 1].name), frames, values[:, k])
    world = out.places[face.turns]
    size = np.linalg.norm(world[0, :3, :3], axis=0)
    lanes = _transform(stage.rig, "", world @ np.diag([*(1 / size), 1.0]), unit)
    for bone, basis in out.bones.items():
        rest = np.array(stage.rig.data.bones[bone].matrix_local)[:3, :3]
        grown = size * unit if np.ptp(size) > 1e-6 else None
        factor = float(size.mean()) * unit
        moved = basis.copy()
        if grown is None:
            moved[:, :3, 3] *= factor
        else:
            moved[:, :3, 3] = moved[:, :3, 3] @ (rest.T @ np.diag(grown) @ rest).T
        lanes += _transform(stage.rig.pose.bones[bone], f'pose.bones["{bpy.utils.escape_identifier(bone)}"].', moved, 1.0)
    found = fcurves(stage.rig) if lanes else None
    for path, index, values in lanes:
        curves.write_curve(found, path, frames, values, index)
    stage.scene.frame_set(0)


def _transform(target: Any, prefix: str, matrices: np.ndarray, unit: float) -> list[tuple[str, int, np.ndarray]]:
    """Curves (path, index, values) of what moves of a transform; what stands still is set on the target."""
    scale = np.linalg.norm(matrices[:, :3, :3], axis=1)
    rotation = quaternions(matrices[:, :3, :3] / np.maximum(scale[:, None, :], 1e-12))
    target.rotation_mode = "QUATERNION"
    out = []
    for name, values in (("location", matrices[:, :3, 3] * unit), ("rotation_quaternion", rotation), ("scale", scale)):
        setattr(target, name, values[0])
        if np.ptp(values, axis=0).max() > _MOVES:
            out += [(prefix + name, i, values[:, i]) for i in range(values.shape[1])]
    return out


def _rename(stage: Stage, names: dict[Any, str], renamed: list[tuple[Any, str]]) -> None:
    """The copies bear the originals' names while they are exported."""
    for obj, name in names.items():
        there = bpy.data.objects.get(name)
        if there is not None and there is not obj:
            renamed.append((there, name))
            there.name = f"{name[:40]} (in the scene)"
        obj.name = name

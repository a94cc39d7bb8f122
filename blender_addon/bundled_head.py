"""The bundled head as Blender objects: a mesh with 52 shape keys, skinned to a rig of a root and a head bone."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np

from ..core.head import Head, load
from .keying import HEAD_MARK

NAME = "Innerface Head"
RIG = "Innerface Rig"
HEAD_PIVOT = (0.0, 0.01, -0.035)  # where the skull turns on the neck, in Blender's axes (m)

# Base colour (linear), roughness, share of light that goes under the surface.
MATERIALS: dict[str, tuple[tuple[float, float, float], float, float]] = {
    "skin": ((0.60, 0.405, 0.315), 0.52, 0.12),
    "lips": ((0.44, 0.155, 0.135), 0.38, 0.12),
    "mouth": ((0.15, 0.028, 0.028), 0.45, 0.0),
    "sclera": ((0.82, 0.80, 0.78), 0.18, 0.0),
    "iris": ((0.055, 0.135, 0.185), 0.15, 0.0),
    "limbus": ((0.012, 0.026, 0.036), 0.15, 0.0),
    "pupil": ((0.002, 0.002, 0.002), 0.05, 0.0),
    "teeth": ((0.80, 0.76, 0.67), 0.22, 0.0),
    "gums": ((0.36, 0.085, 0.08), 0.35, 0.0),
    "tongue": ((0.42, 0.095, 0.09), 0.42, 0.0),
    "brows": ((0.035, 0.02, 0.014), 0.65, 0.0),
    "lashes": ((0.012, 0.009, 0.008), 0.7, 0.0),
}


def to_blender(points: np.ndarray) -> np.ndarray:
    """Head frame (x left, y up, z forward) to Blender's axes for a character that faces -Y."""
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], axis=-1)


def material(name: str) -> Any:
    """One of the head's materials, made on first use."""
    full = f"Innerface {name}"
    found = bpy.data.materials.get(full)
    if found is not None:
        return found
    colour, roughness, below = MATERIALS[name]
    out = bpy.data.materials.new(full)
    if out.node_tree is None:
        out.use_nodes = True
    shader = next(n for n in out.node_tree.nodes if n.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = (*colour, 1.0)
    shader.inputs["Roughness"].default_value = roughness
    shader.inputs["Subsurface Weight"].default_value = below
    shader.inputs["Subsurface Scale"].default_value = 0.006
    shader.inputs["Subsurface Radius"].default_value = (1.0, 0.35, 0.2)
    out.diffuse_color = (*colour, 1.0)
    out.roughness = roughness
    return out


def head_mesh(name: str, head: Head, points: np.ndarray | None = None) -> Any:
    """A mesh of the head with materials and smooth shading; `points` (N, 3, head frame, m) instead of neutral."""
    mesh = bpy.data.meshes.new(name)
    vertices = to_blender(head.vertices if points is None else points)
    faces = len(head.quads)
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", vertices.astype(np.float32).ravel())
    mesh.loops.add(4 * faces)
    mesh.loops.foreach_set("vertex_index", head.quads.ravel())
    mesh.polygons.add(faces)
    mesh.polygons.foreach_set("loop_start", np.arange(0, 4 * faces, 4, dtype=np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(faces, dtype=bool))
    for part in head.materials:
        mesh.materials.append(material(part))
    mesh.polygons.foreach_set("material_index", head.material_index)
    mesh.update(calc_edges=True)
    return mesh


def add(collection: Any) -> tuple[Any, Any]:
    """Add the head to `collection`: (mesh object, rig object). Shape keys bear Apple's names."""
    head = load()
    mesh = head_mesh(NAME, head)
    obj = bpy.data.objects.new(NAME, mesh)
    collection.objects.link(obj)
    obj.shape_key_add(name="Basis", from_mix=False)
    mesh.shape_keys.name = NAME
    mesh.shape_keys[HEAD_MARK] = True
    rest = to_blender(head.vertices).astype(np.float32)
    for name, delta in zip(head.shapes, head.deltas):
        block = obj.shape_key_add(name=name, from_mix=False)
        block.data.foreach_set("co", (rest + to_blender(delta)).ravel())
        block.value = 0.0
    rig = _rig(collection)
    _skin(obj, rig, head)
    return obj, rig


def _rig(collection: Any) -> Any:
    armature = bpy.data.armatures.new(RIG)
    rig = bpy.data.objects.new(RIG, armature)
    collection.objects.link(rig)
    view_layer = bpy.context.view_layer
    before = view_layer.objects.active
    view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    root = armature.edit_bones.new("root")
    root.head, root.tail = (0.0, 0.02, -0.165), HEAD_PIVOT
    bone = armature.edit_bones.new("head")
    bone.head, bone.tail = HEAD_PIVOT, (HEAD_PIVOT[0], HEAD_PIVOT[1], 0.145)
    bone.parent, bone.use_connect = root, False
    bpy.ops.object.mode_set(mode="OBJECT")
    view_layer.objects.active = before
    rig.pose.bones["head"].rotation_mode = "QUATERNION"
    rig.hide_render = True
    armature.display_type = "WIRE"
    return rig


def _skin(obj: Any, rig: Any, head: Head) -> None:
    """The neck bends between root and head; everything above turns with the head."""
    height = head.vertices[:, 1]
    share = np.clip((height + 0.145) / 0.06, 0.0, 1.0)
    share = share * share * (3 - 2 * share)
    levels = np.round(share * 50) / 50
    groups = {"head": levels, "root": 1.0 - levels}
    for name, weight in groups.items():
        group = obj.vertex_groups.new(name=name)
        for level in np.unique(weight[weight > 0]):
            group.add(np.flatnonzero(weight == level).tolist(), float(level), "REPLACE")
    obj.parent = rig
    modifier = obj.modifiers.new("Armature", "ARMATURE")
    modifier.object = rig

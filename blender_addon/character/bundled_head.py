"""The bundled head as Blender objects: a mesh with 52 shape keys, skinned to a rig of a root and a head bone."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np

from ...core.face.head import Head, load
from .heads import HEAD_MARK, add_rig, add_shapes, add_uv, neck_weights, skin_to_bones, to_blender

HEAD_NAME = "Innerface Head"
RIG_NAME = "Innerface Rig"
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


def material(name: str) -> Any:
    """Return one of the head's materials, created on first use."""
    full_name = f"Innerface {name}"
    existing = bpy.data.materials.get(full_name)
    if existing is not None:
        return existing
    colour, roughness, subsurface = MATERIALS[name]
    new_material = bpy.data.materials.new(full_name)
    if new_material.node_tree is None:
        new_material.use_nodes = True
    shader = next(n for n in new_material.node_tree.nodes if n.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = (*colour, 1.0)
    shader.inputs["Roughness"].default_value = roughness
    shader.inputs["Subsurface Weight"].default_value = subsurface
    shader.inputs["Subsurface Scale"].default_value = 0.006
    shader.inputs["Subsurface Radius"].default_value = (1.0, 0.35, 0.2)
    new_material.diffuse_color = (*colour, 1.0)
    new_material.roughness = roughness
    return new_material


def head_mesh(name: str, head: Head, points: np.ndarray | None = None) -> Any:
    """Return a mesh of the head with materials; `points` (N, 3, head frame, m) replace the neutral ones."""
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
    for material_name in head.materials:
        mesh.materials.append(material(material_name))
    mesh.polygons.foreach_set("material_index", head.material_index)
    add_uv(mesh, head.uv)
    mesh.update(calc_edges=True)
    return mesh


def add(collection: Any) -> tuple[Any, Any]:
    """Add the head, with Apple's names of shape keys, to `collection`; returns the mesh and the rig object."""
    head = load()
    mesh = head_mesh(HEAD_NAME, head)
    obj = bpy.data.objects.new(HEAD_NAME, mesh)
    collection.objects.link(obj)
    rest_points = to_blender(head.vertices).astype(np.float32)
    add_shapes(
        obj, HEAD_NAME, ((name, rest_points + to_blender(delta)) for name, delta in zip(head.shapes, head.deltas))
    )
    mesh.shape_keys[HEAD_MARK] = True
    rig = add_rig(
        collection,
        RIG_NAME,
        {"root": ((0.0, 0.02, -0.165), HEAD_PIVOT, ""), "head": (HEAD_PIVOT, (*HEAD_PIVOT[:2], 0.145), "root")},
    )
    head_weight = neck_weights(head.vertices[:, 1] + 0.145)
    skin_to_bones(obj, rig, {"head": head_weight, "root": 1.0 - head_weight})
    return obj, rig

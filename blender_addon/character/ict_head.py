"""ICT-FaceKit's head as Blender objects: Apple's shapes but tongueOut, skinned to root, head and two eye bones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ...core.face import ict_head
from .bundled_head import material
from .heads import Bones, add_rig, add_shapes, neck_weights, skin_to_bones, to_blender
from .mapping import BONES_PROP

NAME, RIG = "ICT Head", "ICT Rig"
_MATERIALS = {
    "face": "skin",
    "head_neck": "skin",
    "mouth_socket": "mouth",
    "eye_sockets": "mouth",
    "gums_tongue": "gums",
    "teeth": "teeth",
    "sclera_left": "sclera",
    "iris_left": "iris",
    "sclera_right": "sclera",
    "iris_right": "iris",
    "lacrimal": "sclera",
    "eye_blend": "sclera",
    "eyelashes": "lashes",
}
_HEAD_PIVOT_M = (0.0, -0.035, 0.02)  # where the skull turns


def add(collection: Any, path: Path) -> tuple[Any, Any]:
    """Add the head of a user's download to `collection`; returns the mesh and the rig object. Raises InnerfaceError."""
    head = ict_head.load(path)
    visible = np.ones(len(head.faces), dtype=bool)
    low, high = ict_head.REGIONS["eye_occlusion"]  # a shadow shell for game engines
    visible &= ~((head.faces[:, 0] >= low) & (head.faces[:, 0] < high))
    obj = _build_mesh(collection, head, head.faces[visible])
    rig = _build_rig(collection, head)
    skin_to_bones(obj, rig, _bone_weights(head))
    return obj, rig


def _build_mesh(collection: Any, head: ict_head.IctHead, faces: np.ndarray) -> Any:
    mesh = bpy.data.meshes.new(NAME)
    mesh.from_pydata(to_blender(head.vertices).tolist(), [], [[v for v in f if v >= 0] for f in faces.tolist()])
    mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), dtype=bool))
    names = list(dict.fromkeys(_MATERIALS.values()))
    for name in names:
        mesh.materials.append(material(name))
    vertex_materials = np.zeros(ict_head.VERTEX_COUNT, dtype=np.int32)
    for region, name in _MATERIALS.items():
        vertex_materials[slice(*ict_head.REGIONS[region])] = names.index(name)
    mesh.polygons.foreach_set("material_index", vertex_materials[faces[:, 0]])
    mesh.update()
    obj = bpy.data.objects.new(NAME, mesh)
    collection.objects.link(obj)
    rest = to_blender(head.vertices).astype(np.float32)
    add_shapes(obj, NAME, ((name, rest + to_blender(delta)) for name, delta in zip(head.shapes, head.deltas)))
    return obj


def _build_rig(collection: Any, head: ict_head.IctHead) -> Any:
    pivot, bottom = to_blender(np.array(_HEAD_PIVOT_M)), float(head.vertices[:, 1].min())
    bones: Bones = {
        "root": ((0.0, 0.02, bottom), pivot, ""),
        "head": (pivot, pivot + np.array([0.0, 0.0, 0.15]), "root"),
    }
    for side, sign in (("L", 1.0), ("R", -1.0)):
        centre = to_blender(ict_head.EYE_CENTRE_MM * np.array([sign, 1.0, 1.0]) * 1e-3)
        bones[f"eye.{side}"] = (centre, centre + np.array([0.0, -0.03, 0.0]), "head")
    rig = add_rig(collection, RIG, bones)
    rig[BONES_PROP] = True
    return rig


def _bone_weights(head: ict_head.IctHead) -> dict[str, np.ndarray]:
    """The neck bends between root and head; eyeballs turn with their bones."""
    head_weight = neck_weights(head.vertices[:, 1] - head.vertices[:, 1].min())
    weights = {
        "head": head_weight,
        "root": 1.0 - head_weight,
        "eye.L": np.zeros_like(head_weight),
        "eye.R": np.zeros_like(head_weight),
    }
    for name, side in (("eye.L", "left"), ("eye.R", "right")):
        eye_vertices = slice(ict_head.REGIONS[f"sclera_{side}"][0], ict_head.REGIONS[f"iris_{side}"][1])
        for weight in weights.values():
            weight[eye_vertices] = 0.0
        weights[name][eye_vertices] = 1.0
    return weights

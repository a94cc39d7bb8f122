"""ICT-FaceKit's head as Blender objects: a mesh with Apple's shapes (all but tongueOut), skinned to root, head and two eye bones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..core import ict
from .bundled_head import material
from .face import BONES_MARK
from .heads import Bones, add_rig, add_shapes, neck, skin, to_blender

NAME, RIG = "ICT Head", "ICT Rig"
_MATERIALS = {
    "face": "skin", "head_neck": "skin", "mouth_socket": "mouth", "eye_sockets": "mouth", "gums_tongue": "gums", "teeth": "teeth", "sclera_left": "sclera",
    "iris_left": "iris", "sclera_right": "sclera", "iris_right": "iris", "lacrimal": "sclera", "eye_blend": "sclera", "eyelashes": "lashes",
}  # fmt: skip
_PIVOT_M = (0.0, -0.035, 0.02)  # where the skull turns


def add(collection: Any, path: Path) -> tuple[Any, Any]:
    """Add the head of a user's download to `collection`: (mesh object, rig object). Raises InnerfaceError."""
    head = ict.load(path)
    shown = np.ones(len(head.faces), dtype=bool)
    low, high = ict.REGIONS["eye_occlusion"]  # a shadow shell that only renderers of games know what to do with
    shown &= ~((head.faces[:, 0] >= low) & (head.faces[:, 0] < high))
    obj = _mesh(collection, head, head.faces[shown])
    rig = _rig(collection, head)
    skin(obj, rig, _weights(head))
    return obj, rig


def _mesh(collection: Any, head: ict.IctHead, faces: np.ndarray) -> Any:
    mesh = bpy.data.meshes.new(NAME)
    mesh.from_pydata(to_blender(head.vertices).tolist(), [], [[v for v in f if v >= 0] for f in faces.tolist()])
    mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), dtype=bool))
    names = list(dict.fromkeys(_MATERIALS.values()))
    for name in names:
        mesh.materials.append(material(name))
    of_vertex = np.zeros(ict.VERTICES, dtype=np.int32)
    for region, name in _MATERIALS.items():
        of_vertex[slice(*ict.REGIONS[region])] = names.index(name)
    mesh.polygons.foreach_set("material_index", of_vertex[faces[:, 0]])
    mesh.update()
    obj = bpy.data.objects.new(NAME, mesh)
    collection.objects.link(obj)
    rest = to_blender(head.vertices).astype(np.float32)
    add_shapes(obj, NAME, ((name, rest + to_blender(delta)) for name, delta in zip(head.shapes, head.deltas)))
    return obj


def _rig(collection: Any, head: ict.IctHead) -> Any:
    pivot, bottom = to_blender(np.array(_PIVOT_M)), float(head.vertices[:, 1].min())
    bones: Bones = {"root": ((0.0, 0.02, bottom), pivot, ""), "head": (pivot, pivot + np.array([0.0, 0.0, 0.15]), "root")}
    for side, sign in (("L", 1.0), ("R", -1.0)):
        centre = to_blender(ict.EYE_MM * np.array([sign, 1.0, 1.0]) * 1e-3)
        bones[f"eye.{side}"] = (centre, centre + np.array([0.0, -0.03, 0.0]), "head")
    rig = add_rig(collection, RIG, bones)
    rig[BONES_MARK] = True
    return rig


def _weights(head: ict.IctHead) -> dict[str, np.ndarray]:
    """The neck bends between root and head; eyeballs turn with their bones."""
    share = neck(head.vertices[:, 1] - head.vertices[:, 1].min())
    weights = {"head": share, "root": 1.0 - share, "eye.L": np.zeros_like(share), "eye.R": np.zeros_like(share)}
    for name, side in (("eye.L", "left"), ("eye.R", "right")):
        own = slice(ict.REGIONS[f"sclera_{side}"][0], ict.REGIONS[f"iris_{side}"][1])
        for weight in weights.values():
            weight[own] = 0.0
        weights[name][own] = 1.0
    return weights

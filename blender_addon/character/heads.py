"""Building blocks of heads: shape keys, a rig, skin weights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import bpy
import numpy as np

HEAD_MARK = "innerface_head"  # ID property of the Key of a head made here: its sliders may be widened
_NECK_LENGTH_M = 0.06  # of the neck bends

# By name: head, tail (Blender's axes, in the rig's units) and the parent's name, "" for none; parents first.
Bones = dict[str, tuple[Any, Any, str]]


def to_blender(points: np.ndarray) -> np.ndarray:
    """Return points of the head frame (x left, y up, z forward) in Blender's axes, for a character that faces -Y."""
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], axis=-1)


def add_shapes(obj: Any, name: str, shapes: Iterable[tuple[str, np.ndarray]]) -> None:
    """Add shape keys to a mesh, in a Key called `name`: the basis, and each shape's vertex positions (V, 3)."""
    obj.shape_key_add(name="Basis", from_mix=False)
    obj.data.shape_keys.name = name
    for shape, positions in shapes:
        block = obj.shape_key_add(name=shape, from_mix=False)
        block.data.foreach_set("co", positions.astype(np.float32).ravel())
        block.value = 0.0


def add_uv(mesh: Any, corners: np.ndarray) -> None:
    """Add texture coordinates to a mesh: of each face's corners (F, 3 or 4, 2), from the lower left."""
    layer = mesh.uv_layers.new(name="UVMap", do_init=False)
    layer.data.foreach_set("uv", corners.astype(np.float32).ravel())


def add_rig(collection: Any, name: str, bones: Bones) -> Any:
    """Add a rig in quaternion mode, displayed as wire and not rendered."""
    armature = bpy.data.armatures.new(name)
    rig = bpy.data.objects.new(name, armature)
    collection.objects.link(rig)
    layer = bpy.context.view_layer
    previous_active = layer.objects.active
    layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for bone, (head, tail, parent) in bones.items():
        edit_bone = armature.edit_bones.new(bone)
        edit_bone.head, edit_bone.tail = head, tail
        edit_bone.parent = armature.edit_bones[parent] if parent else None
    bpy.ops.object.mode_set(mode="OBJECT")
    layer.objects.active = previous_active
    for pose_bone in rig.pose.bones:
        pose_bone.rotation_mode = "QUATERNION"
    rig.hide_render = True
    armature.display_type = "WIRE"
    return rig


def skin_to_bones(obj: Any, rig: Any, weights: dict[str, np.ndarray]) -> None:
    """Skin a mesh to bones: `weights` (V,) by bone."""
    for bone, weight in weights.items():
        group = obj.vertex_groups.new(name=bone)
        for value in np.unique(weight[weight > 0]):
            group.add(np.flatnonzero(weight == value).tolist(), float(value), "REPLACE")
    obj.parent = rig
    obj.matrix_parent_inverse = rig.matrix_world.inverted()
    obj.modifiers.new("Armature", "ARMATURE").object = rig


def neck_weights(height_m: np.ndarray) -> np.ndarray:
    """Return the skin weight of the head bone (V,) by a vertex's height (m) above the neck's lower end."""
    weight = np.clip(height_m / _NECK_LENGTH_M, 0.0, 1.0)
    return np.round(weight * weight * (3 - 2 * weight) * 50) / 50  # few levels: groups are filled level by level

"""How channels drive a face: the user's own rows, the mapping that a face was made with, or what names yield."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import bpy

from ...core.face import bones
from ...core.face.channels import ARKIT
from ...core.face.mapping import Mapping, Target
from ...core.face.naming.matching import match
from .face_mesh import FaceMesh, rig_of, root_object_of

# ID properties of a rig. The first: its jaw and eye bones move what its shape keys leave alone, though they are one mesh.
BONES_PROP = "innerface_bones"
BUILT_IN_MAPPING_PROP = "innerface_learned"  # the mapping of a face whose names say nothing


def stored_targets(root_object: Any) -> tuple[Target, ...]:
    """The rows that the user keeps on what holds a face; empty where the names decide."""
    return tuple(row.target() for row in mapping_rows(root_object) if row.channel in ARKIT and row.to)


def mapping_rows(root_object: Any) -> Any:
    """Return the user's rows (`InnerfaceTarget`) on the root object of a face; empty where there are none."""
    return getattr(getattr(root_object, "innerface", None), "targets", ())


def built_in_mapping(root_object: Any) -> Mapping | None:
    """The mapping that a face was made with, where it is one whose names say nothing."""
    text = root_object.get(BUILT_IN_MAPPING_PROP)
    return _parse_mapping(text) if isinstance(text, str) else None


@lru_cache(maxsize=8)
def _parse_mapping(text: str) -> Mapping:
    name, *rows = json.loads(text)
    return Mapping(name, tuple(Target(*row) for row in rows))


def mapped_key_names(mapping: Mapping | None) -> set[str]:
    """Return the shape keys that a mapping drives."""
    return set() if mapping is None else {name for kind, name, _ in mapping.destinations if kind == "key"}


def automatic_mapping(meshes: Sequence[FaceMesh], rig: Any, objects: Sequence[Any]) -> Mapping:
    """The mapping that names yield: shape keys by the schemes, jaw and eye bones where they, and no key, move teeth and eyeballs. A face that was made with a
    mapping has that."""
    built_in = built_in_mapping(rig) if rig is not None else None
    if built_in is not None:
        return built_in
    meshes = sorted(meshes, key=lambda m: -len(m.match.targets))
    rows_by_key: dict[
        str, list[tuple[str, str, float]]
    ] = {}  # by key: what the largest mesh that has it says goes for all
    for mesh in meshes:
        mesh_rows: dict[str, list[tuple[str, str, float]]] = {}
        for row in mesh.match.targets:
            mesh_rows.setdefault(row[1], []).append(row)
        rows_by_key = mesh_rows | rows_by_key
    targets = tuple(
        Target(channel, "key", key, gain=weight)
        for key_rows in rows_by_key.values()
        for channel, key, weight in key_rows
    )
    return Mapping(meshes[0].match.scheme, targets + _bone_targets(targets, meshes[0].match.scheme, rig, objects))


def _bone_targets(keys: tuple[Target, ...], scheme: str, rig: Any, objects: Sequence[Any]) -> tuple[Target, ...]:
    if rig is None or rig.type != "ARMATURE":
        return ()
    key_channels, targets = {t.channel for t in keys}, ()
    for role, bone in bones.find_roles(b.name for b in rig.data.bones).items():
        skinned = [o for o in objects if o.type == "MESH" and bone in o.vertex_groups and rig_of(o) == rig]
        bone_channels = bones.channels(role)
        # Character Creator's keys only shape the skin; elsewhere a bone moves what no key does: eyeballs of their own, or a jaw without a key
        lacks_keys = role != "jaw" and any(not bone_channels & _channels_of_keys(o) for o in skinned)
        if skinned and (
            scheme.startswith("Reallusion C") or BONES_PROP in rig or not bone_channels & key_channels or lacks_keys
        ):
            targets += bones.targets(role, bone)
    return targets


def _channels_of_keys(obj: Any) -> set[str]:
    if obj.data.shape_keys is None:
        return set()
    return {c for c, _, _ in match([k.name for k in obj.data.shape_keys.key_blocks[1:]]).targets}


def candidate_names(root_object: Any, kind: str) -> list[str]:
    """What a row of a kind can name on a character."""
    objects = list(bpy.context.scene.objects)
    if kind == "key":
        keys = [
            o.data.shape_keys
            for o in objects
            if o.type == "MESH" and o.data.shape_keys is not None and root_object_of(o) == root_object
        ]
        return list(dict.fromkeys(block.name for key in keys for block in key.key_blocks[1:]))
    rig = root_object if root_object.type == "ARMATURE" else None
    if kind == "bone":
        return [b.name for b in rig.data.bones] if rig is not None else []
    escape = bpy.utils.escape_identifier
    property_owners = [(root_object, "")] + [
        (b, f'pose.bones["{escape(b.name)}"]') for b in (rig.pose.bones if rig is not None else ())
    ]
    return [
        f'{path}["{escape(k)}"]'
        for owner, path in property_owners
        for k in owner.keys()  # noqa: SIM118
        if isinstance(owner[k], (int, float))
    ]

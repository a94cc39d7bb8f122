"""How channels drive a face: the user's own rows, the mapping that a face was made with, or matching names."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import bpy

from ...core.face import bones
from ...core.face.channels import ARKIT
from ...core.face.mapping import KINDS, ROTATION_AXES, TRANSLATION_AXES, Mapping, Target
from ...core.face.naming.matching import combine_matches, match
from ...core.face.naming.name_sets import read_names
from .face_mesh import FaceMesh, rig_of, root_object_of

# ID properties of a rig. The first: its jaw and eye bones move what its shape keys do not, though they are one mesh.
BONES_PROP = "innerface_bones"
BUILT_IN_MAPPING_PROP = "innerface_mapping"  # the mapping of a face whose names say nothing
_MIN_PROPERTIES = 3  # that are named after channels: fewer are chance
_OLD_BUILT_IN_MAPPING_PROP = "innerface_learned"


def stored_targets(root_object: Any) -> tuple[Target, ...]:
    """Return the user's rows on the root object of a face; empty where names decide."""
    return tuple(row.target() for row in mapping_rows(root_object) if row.channel in ARKIT and row.to)


def fill_table(root_object: Any, new_mapping: Mapping) -> None:
    """Replace the rows of a character's table."""
    rows = root_object.innerface.targets
    rows.clear()
    for target in new_mapping.targets:
        rows.add().fill(target)
    root_object.innerface.preset, root_object.innerface.target = new_mapping.name, 0


def mapping_rows(root_object: Any) -> Any:
    """Return the user's rows (`InnerfaceTarget`) on the root object of a face; empty where there are none."""
    return getattr(getattr(root_object, "innerface", None), "targets", ())


def built_in_mapping(root_object: Any) -> Mapping | None:
    """Return the mapping that a face was made with, if its names say nothing; None also where it is damaged."""
    text = _built_in_text(root_object)
    return None if text is None else _parse_mapping(text)


def store_built_in_mapping(root_object: Any, mapping: Mapping) -> None:
    """Keep the mapping that a face was made with on its rig."""
    root_object[BUILT_IN_MAPPING_PROP] = json.dumps(
        [mapping.name, *([t.channel, t.kind, t.name, t.axis, t.gain] for t in mapping.targets)]
    )


def mapping_problems(root_object: Any) -> list[str]:
    """Return notes for the user on a mapping that cannot be read."""
    text = _built_in_text(root_object)
    if text is None or _parse_mapping(text) is not None:
        return []
    return [f"The built-in mapping of {root_object.name} cannot be read; names decide instead"]


def migrate_mapping(root_object: Any) -> bool:
    """Rename what earlier versions wrote. Returns whether anything was."""
    if _OLD_BUILT_IN_MAPPING_PROP not in root_object:
        return False
    if BUILT_IN_MAPPING_PROP not in root_object:
        root_object[BUILT_IN_MAPPING_PROP] = root_object[_OLD_BUILT_IN_MAPPING_PROP]
    del root_object[_OLD_BUILT_IN_MAPPING_PROP]
    return True


def _built_in_text(root_object: Any) -> str | None:
    value = root_object.get(BUILT_IN_MAPPING_PROP, root_object.get(_OLD_BUILT_IN_MAPPING_PROP))
    return None if value is None else value if isinstance(value, str) else ""


@lru_cache(maxsize=8)
def _parse_mapping(text: str) -> Mapping | None:
    """Return the mapping of a JSON list: its name, then rows of channel, kind, name, axis, gain; None if damaged."""
    try:
        name, *rows = json.loads(text)
        targets = tuple(Target(*row) for row in rows)
    except (ValueError, TypeError, RecursionError):
        return None
    return Mapping(str(name), targets) if all(_is_sound(target) for target in targets) else None


def _is_sound(target: Target) -> bool:
    axes = (*ROTATION_AXES, *TRANSLATION_AXES) if target.kind == "bone" else ("",)
    return (
        target.channel in ARKIT
        and target.kind in KINDS
        and isinstance(target.name, str)
        and target.axis in axes
        and isinstance(target.gain, (int, float))
        and math.isfinite(target.gain)
    )


def mapped_key_names(mapping: Mapping | None) -> set[str]:
    """Return the shape keys that a mapping drives."""
    return set() if mapping is None else {name for kind, name, _ in mapping.destinations if kind == "key"}


def automatic_mapping(meshes: Sequence[FaceMesh], rig: Any, objects: Sequence[Any]) -> Mapping:
    """Return the built-in mapping, else the one of matching names.

    Shape keys match by naming schemes; jaw and eye bones are added where they, and no key, move teeth and eyeballs,
    and properties of the rig that are named after channels where nothing else is.
    """
    built_in = built_in_mapping(rig) if rig is not None else None
    if built_in is not None:
        return built_in
    rows = combine_matches([(mesh.key_names, mesh.match) for mesh in meshes])
    targets = tuple(Target(channel, "key", key, gain=weight) for channel, key, weight in rows)
    scheme = max(meshes, key=lambda m: len(m.match.targets)).match.scheme
    targets += _bone_targets(targets, scheme, rig, objects=objects)
    return Mapping(scheme, targets + _property_targets(targets, rig))


def _bone_targets(keys: tuple[Target, ...], scheme: str, rig: Any, *, objects: Sequence[Any]) -> tuple[Target, ...]:
    if rig is None or rig.type != "ARMATURE":
        return ()
    key_channels, targets = {t.channel for t in keys}, ()
    for role, bone in bones.find_roles(b.name for b in rig.data.bones).items():
        skinned = [o for o in objects if o.type == "MESH" and bone in o.vertex_groups and rig_of(o) == rig]
        bone_channels = bones.channels(role)
        # Character Creator's keys only shape the skin; elsewhere a bone moves what no key does: separate eyeballs, or
        # a jaw without a key.
        lacks_keys = role != "jaw" and any(not bone_channels & _channels_of_keys(o) for o in skinned)
        if skinned and (
            scheme.startswith("Reallusion C") or BONES_PROP in rig or not bone_channels & key_channels or lacks_keys
        ):
            targets += bones.targets(role, bone)
    return targets


def _property_targets(targets: tuple[Target, ...], rig: Any) -> tuple[Target, ...]:
    """Return rows for properties of the rig that are named after channels, where nothing else has the channel."""
    driven = {t.channel for t in targets}
    if rig is None or len(driven) == len(ARKIT):
        return ()
    paths = {name: path for path, name, value in _properties(rig) if isinstance(value, float)}
    named = read_names(tuple(paths)).channels
    if len(named.keys() & set(ARKIT)) < _MIN_PROPERTIES:
        return ()
    return tuple(
        Target(channel, "property", paths[name], gain=weight)
        for channel in ARKIT
        if channel not in driven
        for name, weight in named.get(channel, ())
    )


def _channels_of_keys(obj: Any) -> set[str]:
    if obj.data.shape_keys is None:
        return set()
    return {c for c, _, _ in match([k.name for k in obj.data.shape_keys.key_blocks[1:]]).targets}


def candidate_names(root_object: Any, kind: str) -> list[str]:
    """Return the names on a character that a row of this kind can drive."""
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
    return [path for path, _, value in _properties(root_object) if isinstance(value, (int, float))]


def _properties(root_object: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield data path, name and value of the custom properties of a rig and its bones."""
    escape = bpy.utils.escape_identifier
    bones_of_rig = root_object.pose.bones if root_object.pose is not None else ()
    owners = [(root_object, "")] + [(b, f'pose.bones["{escape(b.name)}"]') for b in bones_of_rig]
    for owner, path in owners:
        for name in owner.keys():  # noqa: SIM118
            yield f'{path}["{escape(name)}"]', name, owner[name]

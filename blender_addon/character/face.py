"""A face is a set: every mesh under one rig whose shape keys answer to channels, the bones that do, and what turns the head."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ...core.errors import InnerfaceError
from ...core.face import bones
from ...core.face.channels import ARKIT
from ...core.face.mapping import Mapping, Target
from ...core.face.naming.matching import Match, match
from .turns import DrivenTransform, driven_transform

MIN_CHANNELS = 3  # a set of meshes that answers to fewer is no face: a lone "Smile" on a hand is chance
BONES_PROP = (
    "innerface_bones"  # on a rig whose jaw and eye bones move what its shape keys leave alone, though they are one mesh
)
BUILT_IN_MAPPING_PROP = "innerface_learned"  # on a rig: the mapping of a face whose names say nothing (JSON: its name, then rows of channel, kind, name, axis, gain)
HEAD_BONE_PROP = "innerface_head_bone"  # on a rig: the bone that turns the head, where its name does not say so
_HEAD_BONE_PATTERN = re.compile(r"^(.*[:_.])?(cc_base_|def-|org-|j_bip_c_)?head$", re.IGNORECASE)


@dataclass
class FaceMesh:
    """One mesh of a face: its object and how the names of its keys answer to channels by themselves."""

    object: Any
    match: Match

    @property
    def key(self) -> Any:
        """The Key datablock that carries the shape keys' values."""
        return self.object.data.shape_keys


def check_editable(mesh: FaceMesh) -> None:
    """Raises InnerfaceError for a mesh whose shape keys another file owns."""
    library = mesh.key.library or mesh.object.data.library
    if library is None:
        return
    if mesh.object.override_library is not None:
        raise InnerfaceError(
            f"object '{mesh.object.name}' is an override, but its mesh is linked from {library.filepath}; make an override of the mesh, too, or make it local"
        )
    raise InnerfaceError(
        f"object '{mesh.object.name}' is linked from {library.filepath}; make it local or a library override"
    )


@dataclass
class Face:
    """Meshes, the rig above them (or None), the head bone's name (or None), what holds them together, and how channels drive all of it. `turns`: the object
    whose rotation is keyed by head angles; `whole`: whether that turns all of the face."""

    meshes: list[FaceMesh]
    mapping: Mapping
    root_object: Any
    rig: Any = None
    head_bone: str | None = None
    head_object: Any = None
    turns_only_face: bool = True

    @property
    def name(self) -> str:
        """What to call the face in messages."""
        return self.rig.name if self.rig is not None else self.meshes[0].object.name

    @property
    def owners(self) -> list[Any]:
        """The datablocks whose animation is the face's: each mesh's Key, and what turns the head."""
        return list(dict.fromkeys([*(mesh.key for mesh in self.meshes), self.head_object]))

    def mapped_keys(self, mesh: FaceMesh) -> list[tuple[int, str]]:
        """The mesh's keys that are driven, in its own order: (place in the mapping's destinations, key)."""
        destination_indices = {name: i for i, (kind, name, _) in enumerate(self.mapping.destinations) if kind == "key"}
        return [(destination_indices[k.name], k.name) for k in mesh.key.key_blocks[1:] if k.name in destination_indices]

    def head_turn(self) -> DrivenTransform | str:
        """What turns the face's head, or a sentence that says why nothing does."""
        if self.head_object.type == "ARMATURE" and self.head_bone is None:
            return f"{self.head_object.name} has no bone called head; the take's head angles were not keyed"
        if not self.turns_only_face:
            return f"{self.root_object.name} holds more than this face and has no bones; the take's head angles were not keyed"
        return driven_transform(self.head_object, self.head_bone)

    def unmatched_channels(self) -> list[str]:
        """Channels that nothing of the face answers to."""
        return list(self.mapping.unmatched_channels)


def rig_of(obj: Any) -> Any:
    """The armature that deforms or carries `obj`, or None."""
    for modifier in obj.modifiers:
        if modifier.type == "ARMATURE" and modifier.object is not None:
            return modifier.object
    return next((parent for parent in parents(obj) if parent.type == "ARMATURE"), None)


def parents(obj: Any) -> Iterator[Any]:
    """The objects above one, the nearest first."""
    while obj.parent is not None:
        obj = obj.parent
        yield obj


def find_head_bone(rig: Any) -> str | None:
    """The bone that turns the head, by its name."""
    if rig is None or rig.type != "ARMATURE":
        return None
    if rig.get(HEAD_BONE_PROP, "") in rig.data.bones:
        return rig[HEAD_BONE_PROP]
    names = [b.name for b in rig.data.bones if _HEAD_BONE_PATTERN.match(b.name)]
    return min(names, key=len) if names else None


def _face_mesh(obj: Any) -> FaceMesh | None:
    """The mesh as a part of a face, where a key answers by its name or by the user's rows."""
    if obj.type != "MESH" or obj.data.shape_keys is None:
        return None
    names = [k.name for k in obj.data.shape_keys.key_blocks[1:]]
    name_match, root_object = match(names), root_object_of(obj)
    if (
        not name_match.targets
        and not _key_names(built_in_mapping(root_object)) & set(names)
        and not {row.to for row in _mapping_rows(root_object) if row.kind == "key"} & set(names)
    ):
        return None
    return FaceMesh(obj, name_match)


def _group_by_root(objects: Sequence[Any]) -> dict[Any, list[FaceMesh]]:
    """Meshes with matching keys by what holds them together: the rig, else the parent, else the mesh itself.

    Once a group is a face, even a mesh with a single key belongs to it (lashes that only blink).
    """
    groups: dict[Any, list[FaceMesh]] = {}
    for obj in objects:
        mesh = _face_mesh(obj)
        if mesh is not None:
            groups.setdefault(root_object_of(obj), []).append(mesh)
    return {
        k: v
        for k, v in groups.items()
        if len(_mapping_rows(k))
        or built_in_mapping(k) is not None
        or len({c for m in v for c, _, _ in m.match.targets}) >= MIN_CHANNELS
    }


def root_object_of(obj: Any) -> Any:
    """What holds the face together that `obj` belongs to: the rig, else the parent, else the object itself."""
    return rig_of(obj) or obj.parent or obj


def find_face(objects: Sequence[Any], where: str = "the scene") -> Face:
    """The one face among `objects`. Raises InnerfaceError if there is none, or more than one to choose from."""
    groups = _group_by_root(objects)
    if not groups:
        meshes = [o.name for o in objects if o.type == "MESH"]
        mesh_list = f" (meshes: {', '.join(sorted(meshes)[:8])})" if meshes else ""
        raise InnerfaceError(
            f"{where}: no mesh has shape keys that match face channels{mesh_list}; add shape keys or name the object"
        )
    if len(groups) > 1:
        descriptions = "; ".join(
            f"{getattr(k, 'name', k)}: {', '.join(m.object.name for m in v)}" for k, v in groups.items()
        )
        raise InnerfaceError(
            f"{where}: holds {len(groups)} characters ({descriptions}); name the meshes of one with --object"
        )
    root_object, meshes = next(iter(groups.items()))
    return _build_face(meshes, root_object, objects)


def faces(objects: Sequence[Any]) -> list[Face]:
    """All faces among `objects`."""
    return [_build_face(meshes, root_object, objects) for root_object, meshes in _group_by_root(objects).items()]


def face_of(obj: Any, objects: Sequence[Any]) -> Face | None:
    """The face that `obj` (one of its meshes, or the rig above them) belongs to, or None."""
    groups = _group_by_root(objects)
    root_object = obj if obj in groups else root_object_of(obj)
    return _build_face(groups[root_object], root_object, objects) if root_object in groups else None


def named_face(objects: Sequence[Any], names: Sequence[str], where: str = "the scene") -> Face:
    """The face made of the named mesh objects. Raises InnerfaceError for a name that is missing or has nothing to key."""
    by_name = {o.name: o for o in objects}
    meshes = []
    for name in dict.fromkeys(names):
        obj = by_name.get(name)
        if obj is None:
            known_meshes = ", ".join(sorted(o.name for o in objects if o.type == "MESH")[:12]) or "none"
            raise InnerfaceError(f"{where}: there is no object '{name}'; its meshes are: {known_meshes}")
        if obj.type != "MESH" or obj.data.shape_keys is None or len(obj.data.shape_keys.key_blocks) < 2:
            raise InnerfaceError(f"{where}: object '{name}' has no shape keys; choose a mesh that has them")
        face_mesh = _face_mesh(obj)
        if face_mesh is None:
            keys = ", ".join(k.name for k in obj.data.shape_keys.key_blocks[1:6])
            raise InnerfaceError(
                f"{where}: no shape key of '{name}' matches a face channel (it has: {keys}); rename them or choose another mesh"
            )
        meshes.append(face_mesh)
    return _build_face(meshes, root_object_of(meshes[0].object), objects)


def active_face(context: Any) -> Face:
    """The face that the active object belongs to, else the only one in the scene. Raises InnerfaceError."""
    active = context.active_object
    active_object_face = face_of(active, list(context.scene.objects)) if active is not None else None
    return active_object_face or find_face(list(context.scene.objects))


def face_or_none(context: Any) -> Face | None:
    """As `active_face`; None where there is none, or none that could be told: for what only asks."""
    try:
        return active_face(context)
    except InnerfaceError:
        return None


def stored_targets(root_object: Any) -> tuple[Target, ...]:
    """The rows that the user keeps on what holds a face; empty where the names decide."""
    return tuple(row.target() for row in _mapping_rows(root_object) if row.channel in ARKIT and row.to)


def _mapping_rows(root_object: Any) -> Any:
    return getattr(getattr(root_object, "innerface", None), "targets", ())


def built_in_mapping(root_object: Any) -> Mapping | None:
    """The mapping that a face was made with, where it is one whose names say nothing."""
    text = root_object.get(BUILT_IN_MAPPING_PROP)
    return _parse_mapping(text) if isinstance(text, str) else None


@lru_cache(maxsize=8)
def _parse_mapping(text: str) -> Mapping:
    name, *rows = json.loads(text)
    return Mapping(name, tuple(Target(*row) for row in rows))


def _key_names(mapping: Mapping | None) -> set[str]:
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
    face_mesh = _face_mesh(obj)
    return set() if face_mesh is None else {c for c, _, _ in face_mesh.match.targets}


def _build_face(meshes: list[FaceMesh], root_object: Any, objects: Sequence[Any]) -> Face:
    meshes.sort(key=lambda m: (-len(m.match.targets), m.object.name))
    rig = next((rig for rig in (rig_of(m.object) for m in meshes) if rig is not None), None)
    stored = stored_targets(root_object)
    mapping = (
        Mapping(root_object.innerface.preset or "own", stored) if stored else automatic_mapping(meshes, rig, objects)
    )
    head_object, turns_only_face = rig, True
    if rig is None:
        shared = len(meshes) > 1 and root_object not in [m.object for m in meshes]
        head_object = root_object if shared else meshes[0].object
        mesh_objects = {m.object for m in meshes}
        turns_only_face = not shared or all(
            o in mesh_objects for o in objects if o.type == "MESH" and root_object in parents(o)
        )
    return Face(meshes, mapping, root_object, rig, find_head_bone(rig), head_object, turns_only_face)

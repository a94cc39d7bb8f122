"""A face is a set: every mesh under one rig whose shape keys answer to channels, the bones that do, and what turns the head."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..core import bones
from ..core.channels import ARKIT
from ..core.errors import InnerfaceError
from ..core.mapping import Mapping, Target
from ..core.matching import Match, match
from .turns import Turn, turn_of

MIN_CHANNELS = 3  # a set of meshes that answers to fewer is no face: a lone "Smile" on a hand is chance
BONES_MARK = "innerface_bones"  # on a rig whose jaw and eye bones move what its shape keys leave alone, though they are one mesh
LEARNED = "innerface_learned"  # on a rig: the mapping of a face whose names say nothing (JSON: its name, then rows of channel, kind, name, axis, gain)
HEAD_BONE = "innerface_head_bone"  # on a rig: the bone that turns the head, where its name does not say so
_HEAD_BONE = re.compile(r"^(.*[:_.])?(cc_base_|def-|org-|j_bip_c_)?head$", re.IGNORECASE)


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
    raise InnerfaceError(f"object '{mesh.object.name}' is linked from {library.filepath}; make it local or a library override")


@dataclass
class Face:
    """Meshes, the rig above them (or None), the head bone's name (or None), what holds them together, and how channels drive all of it. `turns`: the object
    whose rotation is keyed by head angles; `whole`: whether that turns all of the face."""

    meshes: list[FaceMesh]
    mapping: Mapping
    holder: Any
    rig: Any = None
    head_bone: str | None = None
    turns: Any = None
    whole: bool = True

    @property
    def name(self) -> str:
        """What to call the face in messages."""
        return self.rig.name if self.rig is not None else self.meshes[0].object.name

    @property
    def owners(self) -> list[Any]:
        """The datablocks whose animation is the face's: each mesh's Key, and what turns the head."""
        return list(dict.fromkeys([*(mesh.key for mesh in self.meshes), self.turns]))

    def keys(self, mesh: FaceMesh) -> list[tuple[int, str]]:
        """The mesh's keys that are driven, in its own order: (place in the mapping's destinations, key)."""
        places = {name: i for i, (kind, name, _) in enumerate(self.mapping.destinations) if kind == "key"}
        return [(places[k.name], k.name) for k in mesh.key.key_blocks[1:] if k.name in places]

    def head_turn(self) -> Turn | str:
        """What turns the face's head, or a sentence that says why nothing does."""
        if self.turns.type == "ARMATURE" and self.head_bone is None:
            return f"{self.turns.name} has no bone called head; the take's head angles were not keyed"
        if not self.whole:
            return f"{self.holder.name} holds more than this face and has no bones; the take's head angles were not keyed"
        return turn_of(self.turns, self.head_bone)

    def unmatched_channels(self) -> list[str]:
        """Channels that nothing of the face answers to."""
        return list(self.mapping.unmatched)


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


def head_bone(rig: Any) -> str | None:
    """The bone that turns the head, by its name."""
    if rig is None or rig.type != "ARMATURE":
        return None
    if rig.get(HEAD_BONE, "") in rig.data.bones:
        return rig[HEAD_BONE]
    names = [b.name for b in rig.data.bones if _HEAD_BONE.match(b.name)]
    return min(names, key=len) if names else None


def _matched(obj: Any) -> FaceMesh | None:
    """The mesh as a part of a face, where a key answers by its name or by the user's rows."""
    if obj.type != "MESH" or obj.data.shape_keys is None:
        return None
    names = [k.name for k in obj.data.shape_keys.key_blocks[1:]]
    found, holder = match(names), holder_of(obj)
    if not found.targets and not _keys_of(learned(holder)) & set(names) and not {row.to for row in _rows(holder) if row.kind == "key"} & set(names):
        return None
    return FaceMesh(obj, found)


def _groups(objects: Sequence[Any]) -> dict[Any, list[FaceMesh]]:
    """Meshes with matching keys by what holds them together: the rig, else the parent, else the mesh itself.

    Once a group is a face, even a mesh with a single key belongs to it (lashes that only blink).
    """
    groups: dict[Any, list[FaceMesh]] = {}
    for obj in objects:
        mesh = _matched(obj)
        if mesh is not None:
            groups.setdefault(holder_of(obj), []).append(mesh)
    return {k: v for k, v in groups.items() if len(_rows(k)) or learned(k) is not None or len({c for m in v for c, _, _ in m.match.targets}) >= MIN_CHANNELS}


def holder_of(obj: Any) -> Any:
    """What holds the face together that `obj` belongs to: the rig, else the parent, else the object itself."""
    return rig_of(obj) or obj.parent or obj


def find_face(objects: Sequence[Any], where: str = "the scene") -> Face:
    """The one face among `objects`. Raises InnerfaceError if there is none, or more than one to choose from."""
    groups = _groups(objects)
    if not groups:
        meshes = [o.name for o in objects if o.type == "MESH"]
        listed = f" (meshes: {', '.join(sorted(meshes)[:8])})" if meshes else ""
        raise InnerfaceError(f"{where}: no mesh has shape keys that match face channels{listed}; add shape keys or name the object")
    if len(groups) > 1:
        named = "; ".join(f"{getattr(k, 'name', k)}: {', '.join(m.object.name for m in v)}" for k, v in groups.items())
        raise InnerfaceError(f"{where}: holds {len(groups)} characters ({named}); name the meshes of one with --object")
    holder, meshes = next(iter(groups.items()))
    return _face(meshes, holder, objects)


def faces(objects: Sequence[Any]) -> list[Face]:
    """All faces among `objects`."""
    return [_face(meshes, holder, objects) for holder, meshes in _groups(objects).items()]


def face_of(obj: Any, objects: Sequence[Any]) -> Face | None:
    """The face that `obj` (one of its meshes, or the rig above them) belongs to, or None."""
    groups = _groups(objects)
    holder = obj if obj in groups else holder_of(obj)
    return _face(groups[holder], holder, objects) if holder in groups else None


def named_face(objects: Sequence[Any], names: Sequence[str], where: str = "the scene") -> Face:
    """The face made of the named mesh objects. Raises InnerfaceError for a name that is missing or has nothing to key."""
    by_name = {o.name: o for o in objects}
    meshes = []
    for name in dict.fromkeys(names):
        obj = by_name.get(name)
        if obj is None:
            known = ", ".join(sorted(o.name for o in objects if o.type == "MESH")[:12]) or "none"
            raise InnerfaceError(f"{where}: there is no object '{name}'; its meshes are: {known}")
        if obj.type != "MESH" or obj.data.shape_keys is None or len(obj.data.shape_keys.key_blocks) < 2:
            raise InnerfaceError(f"{where}: object '{name}' has no shape keys; choose a mesh that has them")
        found = _matched(obj)
        if found is None:
            keys = ", ".join(k.name for k in obj.data.shape_keys.key_blocks[1:6])
            raise InnerfaceError(
                f"{where}: no shape key of '{name}' matches a face channel (it has: {keys}); rename them or choose another mesh"
            )
        meshes.append(found)
    return _face(meshes, holder_of(meshes[0].object), objects)


def active_face(context: Any) -> Face:
    """The face that the active object belongs to, else the only one in the scene. Raises InnerfaceError."""
    active = context.active_object
    found = face_of(active, list(context.scene.objects)) if active is not None else None
    return found or find_face(list(context.scene.objects))


def face_or_none(context: Any) -> Face | None:
    """As `active_face`; None where there is none, or none that could be told: for what only asks."""
    try:
        return active_face(context)
    except InnerfaceError:
        return None


def stored_targets(holder: Any) -> tuple[Target, ...]:
    """The rows that the user keeps on what holds a face; empty where the names decide."""
    return tuple(row.target() for row in _rows(holder) if row.channel in ARKIT and row.to)


def _rows(holder: Any) -> Any:
    return getattr(getattr(holder, "innerface", None), "targets", ())


def learned(holder: Any) -> Mapping | None:
    """The mapping that a face was made with, where it is one whose names say nothing."""
    text = holder.get(LEARNED)
    return _learned(text) if isinstance(text, str) else None


@lru_cache(maxsize=8)
def _learned(text: str) -> Mapping:
    name, *rows = json.loads(text)
    return Mapping(name, tuple(Target(*row) for row in rows))


def _keys_of(mapping: Mapping | None) -> set[str]:
    return set() if mapping is None else {name for kind, name, _ in mapping.destinations if kind == "key"}


def automatic(meshes: Sequence[FaceMesh], rig: Any, objects: Sequence[Any]) -> Mapping:
    """The mapping that names yield: shape keys by the schemes, jaw and eye bones where they, and no key, move teeth and eyeballs. A face that was made with a
    mapping has that."""
    made = learned(rig) if rig is not None else None
    if made is not None:
        return made
    meshes = sorted(meshes, key=lambda m: -len(m.match.targets))
    rows: dict[str, list[tuple[str, str, float]]] = {}  # by key: what the largest mesh that has it says goes for all
    for mesh in meshes:
        own: dict[str, list[tuple[str, str, float]]] = {}
        for row in mesh.match.targets:
            own.setdefault(row[1], []).append(row)
        rows = own | rows
    targets = tuple(Target(channel, "key", key, gain=weight) for found in rows.values() for channel, key, weight in found)
    return Mapping(meshes[0].match.scheme, targets + _bone_targets(targets, meshes[0].match.scheme, rig, objects))


def _bone_targets(keys: tuple[Target, ...], scheme: str, rig: Any, objects: Sequence[Any]) -> tuple[Target, ...]:
    if rig is None or rig.type != "ARMATURE":
        return ()
    answered, out = {t.channel for t in keys}, ()
    for role, bone in bones.roles(b.name for b in rig.data.bones).items():
        skinned = [o for o in objects if o.type == "MESH" and bone in o.vertex_groups and rig_of(o) == rig]
        wanted = bones.channels(role)
        # Character Creator's keys only shape the skin; elsewhere a bone moves what no key does: eyeballs of their own, or a jaw without a key
        unshaped = role != "jaw" and any(not wanted & _answers(o) for o in skinned)
        if skinned and (scheme.startswith("Reallusion C") or BONES_MARK in rig or not wanted & answered or unshaped):
            out += bones.targets(role, bone)
    return out


def _answers(obj: Any) -> set[str]:
    found = _matched(obj)
    return set() if found is None else {c for c, _, _ in found.match.targets}


def _face(meshes: list[FaceMesh], holder: Any, objects: Sequence[Any]) -> Face:
    meshes.sort(key=lambda m: (-len(m.match.targets), m.object.name))
    rig = next((rig for rig in (rig_of(m.object) for m in meshes) if rig is not None), None)
    stored = stored_targets(holder)
    mapping = Mapping(holder.innerface.preset or "own", stored) if stored else automatic(meshes, rig, objects)
    turns, whole = rig, True
    if rig is None:
        shared = len(meshes) > 1 and holder not in [m.object for m in meshes]
        turns = holder if shared else meshes[0].object
        own = {m.object for m in meshes}
        whole = not shared or all(o in own for o in objects if o.type == "MESH" and holder in parents(o))
    return Face(meshes, mapping, holder, rig, head_bone(rig), turns, whole)

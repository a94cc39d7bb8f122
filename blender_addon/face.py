"""A face is a set: every mesh under one rig whose shape keys answer to channels, and what turns the head."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import InnerfaceError
from ..core.matching import Match, match

MIN_CHANNELS = 3  # a set of meshes that answers to fewer is no face: a lone "Smile" on a hand is chance
_HEAD_BONE = re.compile(r"^(.*[:_.])?(cc_base_|def-|org-|j_bip_c_)?head$", re.IGNORECASE)


@dataclass
class FaceMesh:
    """One mesh of a face: its object and how its keys answer to channels."""

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
    """Meshes, the rig above them (or None), the head bone's name (or None), and the object that turns where no bone does."""

    meshes: list[FaceMesh]
    rig: Any = None
    head_bone: str | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What to call the face in messages."""
        return self.rig.name if self.rig is not None else self.meshes[0].object.name

    @property
    def turns(self) -> Any:
        """The object whose rotation is keyed by head angles."""
        return self.rig if self.rig is not None else self.meshes[0].object

    @property
    def owners(self) -> list[Any]:
        """The datablocks whose animation is the face's: each mesh's Key, and what turns the head."""
        return list(dict.fromkeys([*(mesh.key for mesh in self.meshes), self.turns]))

    def unmatched_channels(self) -> list[str]:
        """Channels that no mesh of the face answers to."""
        sets = [set(m.match.unmatched_channels) for m in self.meshes]
        return [c for c in self.meshes[0].match.unmatched_channels if all(c in s for s in sets)]


def rig_of(obj: Any) -> Any:
    """The armature that deforms or carries `obj`, or None."""
    for modifier in obj.modifiers:
        if modifier.type == "ARMATURE" and modifier.object is not None:
            return modifier.object
    parent = obj.parent
    while parent is not None:
        if parent.type == "ARMATURE":
            return parent
        parent = parent.parent
    return None


def head_bone(rig: Any) -> str | None:
    """The bone that turns the head, by its name."""
    if rig is None or rig.type != "ARMATURE":
        return None
    names = [b.name for b in rig.data.bones if _HEAD_BONE.match(b.name)]
    return min(names, key=len) if names else None


def _matched(obj: Any) -> FaceMesh | None:
    if obj.type != "MESH" or obj.data.shape_keys is None:
        return None
    found = match([k.name for k in obj.data.shape_keys.key_blocks[1:]])
    return FaceMesh(obj, found) if found.targets else None


def _groups(objects: Sequence[Any]) -> dict[Any, list[FaceMesh]]:
    """Meshes with matching keys by what holds them together: the rig, else the parent, else the mesh itself.

    Once a group is a face, even a mesh with a single key belongs to it (lashes that only blink).
    """
    groups: dict[Any, list[FaceMesh]] = {}
    for obj in objects:
        mesh = _matched(obj)
        if mesh is not None:
            groups.setdefault(_holder(obj), []).append(mesh)
    return {k: v for k, v in groups.items() if len({c for m in v for c, _, _ in m.match.targets}) >= MIN_CHANNELS}


def _holder(obj: Any) -> Any:
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
    return _face(next(iter(groups.values())))


def face_of(obj: Any, objects: Sequence[Any]) -> Face | None:
    """The face that `obj` (one of its meshes, or the rig above them) belongs to, or None."""
    own = _groups(objects).get(obj if obj.type == "ARMATURE" else _holder(obj))
    return _face(own) if own else None


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
        found = match([k.name for k in obj.data.shape_keys.key_blocks[1:]])
        if not found.targets:
            keys = ", ".join(k.name for k in obj.data.shape_keys.key_blocks[1:6])
            raise InnerfaceError(
                f"{where}: no shape key of '{name}' matches a face channel (it has: {keys}); rename them or choose another mesh"
            )
        meshes.append(FaceMesh(obj, found))
    return _face(meshes)


def active_face(context: Any) -> Face:
    """The face that the active object belongs to, else the only one in the scene. Raises InnerfaceError."""
    active = context.active_object
    found = face_of(active, list(context.scene.objects)) if active is not None else None
    return found or find_face(list(context.scene.objects))


def _face(meshes: list[FaceMesh]) -> Face:
    meshes.sort(key=lambda m: (-len(m.match.targets), m.object.name))
    rigs = [rig for rig in (rig_of(m.object) for m in meshes) if rig is not None]
    rig = rigs[0] if rigs else None
    return Face(meshes, rig, head_bone(rig))

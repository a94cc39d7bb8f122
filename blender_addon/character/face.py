"""A face: all meshes under one rig whose shape keys answer to channels, the bones that do, and what turns the head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ...core.errors import InnerfaceError
from ...core.face import bones
from ...core.face.mapping import Mapping
from ...core.face.naming.matching import match
from .. import remedies
from .face_mesh import FaceMesh, parents, rig_of, root_object_of
from .mapping import (
    automatic_mapping,
    built_in_mapping,
    mapped_key_names,
    mapping_problems,
    mapping_rows,
    stored_targets,
)
from .turns import DrivenTransform, RestPose, driven_transform
from .whereabouts import describe_place, objects_elsewhere

MIN_CHANNELS = 3  # a set of meshes that matches fewer is no face: a lone "Smile" on a hand is chance
HEAD_BONE_PROP = "innerface_head_bone"  # on a rig: the bone that turns the head, where its name does not say so


@dataclass
class Face:
    """Meshes that are animated together, and how channels drive them.

    Attributes
    ----------
    meshes : list of FaceMesh
        The one with most matching shape keys first.
    mapping : Mapping
    root_object : bpy.types.Object
        What holds the face together: the rig, else a parent, else the mesh.
    rig : bpy.types.Object or None
    head_bone : str or None
        Name of the bone that turns the head.
    head_object : bpy.types.Object
        The object whose rotation is keyed by head angles.
    turns_only_face : bool
        Whether turning `head_object` turns all of the face and nothing else.
    notes : list of str
        What about the face could not be read, for the user.
    """

    meshes: list[FaceMesh]
    mapping: Mapping
    root_object: Any
    rig: Any = None
    head_bone: str | None = None
    head_object: Any = None
    turns_only_face: bool = True
    notes: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What to call the face in messages."""
        return self.rig.name if self.rig is not None else self.meshes[0].object.name

    @property
    def owners(self) -> list[Any]:
        """The datablocks that carry the face's animation: each mesh's Key, and the object that turns the head."""
        return list(dict.fromkeys([*(mesh.key for mesh in self.meshes), self.head_object]))

    def mapped_keys(self, mesh: FaceMesh) -> list[tuple[int, str]]:
        """Return the mesh's driven shape keys in its own order: (column of the mapping's destinations, name)."""
        destination_indices = {name: i for i, (kind, name, _) in enumerate(self.mapping.destinations) if kind == "key"}
        return [(destination_indices[k.name], k.name) for k in mesh.key.key_blocks[1:] if k.name in destination_indices]

    def head_turn(self, rest: RestPose | None = None) -> DrivenTransform | str:
        """Return what turns the face's head, or a sentence that says why nothing does.

        `rest`: see `turns.driven_transform`.
        """
        if self.head_object.type == "ARMATURE" and self.head_bone is None:
            return f"{self.head_object.name} has no bone called head; the take's head angles were not keyed"
        if not self.turns_only_face:
            return (
                f"{self.root_object.name} carries more than this face and has no bones; "
                "the take's head angles were not keyed"
            )
        return driven_transform(self.head_object, self.head_bone, rest)

    def unmatched_channels(self) -> list[str]:
        """Return the channels that drive nothing of the face."""
        return list(self.mapping.unmatched_channels)


def find_head_bone(rig: Any) -> str | None:
    """Return the bone that turns the head: the one chosen on the rig, else by its name."""
    if rig is None or rig.type != "ARMATURE":
        return None
    chosen = rig.get(HEAD_BONE_PROP)
    if isinstance(chosen, str) and chosen in rig.data.bones:
        return chosen
    return bones.find_head(b.name for b in rig.data.bones)


def _face_mesh(obj: Any) -> FaceMesh | None:
    """Return the mesh as a part of a face, if a shape key matches by its name or by the user's rows."""
    if obj.type != "MESH" or obj.data.shape_keys is None:
        return None
    names = [k.name for k in obj.data.shape_keys.key_blocks[1:]]
    name_match, root_object = match(names), root_object_of(obj)
    if (
        not name_match.targets
        and not mapped_key_names(built_in_mapping(root_object)) & set(names)
        and not {row.to for row in mapping_rows(root_object) if row.kind == "key"} & set(names)
    ):
        return None
    return FaceMesh(obj, name_match)


def _group_by_root(objects: Sequence[Any]) -> dict[Any, list[FaceMesh]]:
    """Group meshes with matching shape keys by what holds them together: the rig, else the parent, else the mesh.

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
        if len(mapping_rows(k))
        or built_in_mapping(k) is not None
        or len({c for m in v for c, _, _ in m.match.targets}) >= MIN_CHANNELS
    }


class FaceIsElsewhereError(InnerfaceError):
    """The open file has a face, but not among the objects of the scene; `place` says where, and what to do."""

    def __init__(self, where: str, place: str) -> None:
        super().__init__(f"{where}: the active scene has no face; {place}")
        self.place = place


def find_face(objects: Sequence[Any], where: str = "the scene") -> Face:
    """Return the one face among `objects`. Raises InnerfaceError if there is none, or more than one."""
    groups = _group_by_root(objects)
    if not groups:
        elsewhere = _group_by_root(objects_elsewhere(objects))
        if elsewhere:
            face_mesh = max(next(iter(elsewhere.values())), key=lambda m: len(m.match.targets))
            raise FaceIsElsewhereError(where, describe_place(face_mesh.object, objects))
        meshes = [o.name for o in objects if o.type == "MESH"]
        mesh_list = f" (meshes: {', '.join(sorted(meshes)[:8])})" if meshes else ""
        raise InnerfaceError(
            f"{where}: no mesh has shape keys that match face channels{mesh_list}; {remedies.NAME_MESH}"
        )
    if len(groups) > 1:
        descriptions = "; ".join(
            f"{getattr(k, 'name', k)}: {', '.join(m.object.name for m in v)}" for k, v in groups.items()
        )
        raise InnerfaceError(f"{where}: holds {len(groups)} characters ({descriptions}); {remedies.NAME_FACE}")
    root_object, meshes = next(iter(groups.items()))
    return _build_face(meshes, root_object, objects)


def faces(objects: Sequence[Any]) -> list[Face]:
    """Return all faces among `objects`."""
    return [_build_face(meshes, root_object, objects) for root_object, meshes in _group_by_root(objects).items()]


def face_of(obj: Any, objects: Sequence[Any]) -> Face | None:
    """Return the face that `obj` (one of its meshes, or the rig above them) belongs to, or None."""
    groups = _group_by_root(objects)
    root_object = obj if obj in groups else root_object_of(obj)
    return _build_face(groups[root_object], root_object, objects) if root_object in groups else None


def choose_face(objects: Sequence[Any], names: Sequence[str], where: str = "the scene") -> Face:
    """Return the face of the named mesh objects, or, without names, the one face. Raises InnerfaceError."""
    return named_face(objects, names, where) if names else find_face(objects, where)


def named_face(objects: Sequence[Any], names: Sequence[str], where: str = "the scene") -> Face:
    """Return the face of the named mesh objects. Raises InnerfaceError if one is missing or has no matching keys."""
    by_name = {o.name: o for o in objects}
    meshes = []
    for name in dict.fromkeys(names):
        obj = by_name.get(name)
        elsewhere = [] if obj is not None else [o for o in objects_elsewhere(objects) if o.name == name]
        if elsewhere:
            raise InnerfaceError(
                f"{where}: '{name}' is not in the active scene; {describe_place(elsewhere[0], objects)}"
            )
        if obj is None:
            known_meshes = ", ".join(sorted(o.name for o in objects if o.type == "MESH")[:12]) or "none"
            raise InnerfaceError(f"{where}: there is no object '{name}'; its meshes are: {known_meshes}")
        if obj.type != "MESH" or obj.data.shape_keys is None or len(obj.data.shape_keys.key_blocks) < 2:
            raise InnerfaceError(f"{where}: object '{name}' has no shape keys; choose a mesh that has them")
        face_mesh = _face_mesh(obj)
        if face_mesh is None:
            keys = ", ".join(k.name for k in obj.data.shape_keys.key_blocks[1:6])
            raise InnerfaceError(
                f"{where}: no shape key of '{name}' matches a face channel (it has: {keys}); "
                "rename them or choose another mesh"
            )
        meshes.append(face_mesh)
    return _build_face(meshes, root_object_of(meshes[0].object), objects)


def active_face(context: Any) -> Face:
    """Return the face that the active object belongs to, else the only one in the scene. Raises InnerfaceError."""
    active = context.active_object
    active_object_face = face_of(active, list(context.scene.objects)) if active is not None else None
    return active_object_face or find_face(list(context.scene.objects))


def face_or_none(context: Any) -> Face | None:
    """Return the active face; None where there is none, or where it is ambiguous."""
    try:
        return active_face(context)
    except InnerfaceError:
        return None


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
    return Face(
        meshes,
        mapping,
        root_object,
        rig,
        find_head_bone(rig),
        head_object,
        turns_only_face,
        mapping_problems(root_object),
    )

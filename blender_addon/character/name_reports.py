"""How the names of faces in the scene were matched, and what was left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core.errors import InnerfaceError
from ...core.face.mapping import Mapping, Target
from ...core.face.name_report import BUILT_IN, TABLE, NameReport, report_face
from ...core.face.naming.matching import match
from .face import Face, faces, named_face
from .face_mesh import FaceMesh
from .mapping import built_in_mapping, mapping_rows
from .whereabouts import objects_elsewhere


def report_of(face: Face) -> NameReport:
    """Return the report of a face."""
    how = TABLE if len(mapping_rows(face.root_object)) else BUILT_IN if built_in_mapping(face.root_object) else ""
    return report_face(face.name, face.mapping, [(m.key_names, m.match) for m in face.meshes], how=how)


def report_faces(objects: Sequence[Any], names: Sequence[str], where: str) -> list[NameReport]:
    """Return reports of the faces among objects, else elsewhere in the file, or of the one of the named meshes.

    Without a face, what its shape keys are called is reported of every mesh. Raises InnerfaceError.
    """
    if not any(_has_keys(o) for o in objects):
        objects = objects_elsewhere(objects)
    if names:
        by_name = {o.name: o for o in objects}
        chosen = [by_name[name] for name in names if name in by_name]
        if len(chosen) == len(names) and not any(_matches(o) for o in chosen):
            return [_report_mesh(o) for o in chosen if _has_keys(o)] or [report_of(named_face(objects, names, where))]
        return [report_of(named_face(objects, names, where))]
    found = faces(objects)
    if found:
        return [report_of(face) for face in found]
    meshes = [o for o in objects if _has_keys(o)]
    if not meshes:
        raise InnerfaceError(f"{where}: no mesh has shape keys; add shape keys, or give another file")
    return [_report_mesh(o) for o in meshes]


def _has_keys(obj: Any) -> bool:
    return obj.type == "MESH" and obj.data.shape_keys is not None and len(obj.data.shape_keys.key_blocks) > 1


def _matches(obj: Any) -> bool:
    return _has_keys(obj) and bool(match([k.name for k in obj.data.shape_keys.key_blocks[1:]]).targets)


def _report_mesh(obj: Any) -> NameReport:
    """Return the report of a mesh that is no face."""
    mesh = FaceMesh(obj, match([k.name for k in obj.data.shape_keys.key_blocks[1:]]))
    targets = tuple(Target(channel, "key", key, gain=weight) for channel, key, weight in mesh.match.targets)
    mapping = Mapping(mesh.match.scheme, targets)
    return report_face(obj.name, mapping, [(mesh.key_names, mesh.match)])

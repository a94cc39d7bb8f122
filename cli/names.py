"""Show how the names of a face or a take are matched: which channel each name stands for, how, and what was left.

Of a .blend or an FBX the shape keys, bones and properties of its faces, as `key` drives them; of a GLB or VRM the shape
keys; of a take the columns. A name is matched exactly, by a naming scheme, in another spelling, behind a prefix, as a
copy, or as one of few shapes that several channels share.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..core.errors import InnerfaceError
from ..core.face.gltf_shapes import is_gltf, read_shape_names
from ..core.face.mapping import Mapping, Target
from ..core.face.name_report import NameReport, format_report, report_columns, report_face
from ..core.face.naming.matching import combine_matches, match
from ..core.file_kinds import is_blend
from ..core.printable import one_line


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a .blend, FBX, GLB, VRM, or a take of weights")
    parser.add_argument(
        "--object", action="append", default=[], metavar="NAME", help="a mesh of the face; can be repeated"
    )


def run(options: argparse.Namespace) -> dict[str, Any]:
    reports = _reports(options.file, options.object)
    if not options.json:
        for number, report in enumerate(reports):
            print("\n" * (number > 0) + "\n".join(map(one_line, format_report(report))))
    first, *others = [report.to_json() for report in reports]
    return {"file": str(options.file)} | first | {"others": others}


def _reports(path: str, objects: list[str]) -> list[NameReport]:
    if is_blend(path):
        return _report_blend(path, objects)
    if _is_fbx(path):
        return _report_fbx(path, objects)
    if is_gltf(path):
        return [_report_shapes(path, objects)]
    if objects:
        raise InnerfaceError("--object names a mesh of a face, but FILE is none; omit it")
    from ..core.formats.weights_columns import MIN_EXPRESSIONS
    from ..core.formats.weights_names import read_weights_names

    return [
        report_columns(f"{Path(path).name}: {track}", names, MIN_EXPRESSIONS)
        for track, names in read_weights_names(path).items()
    ]


def _report_blend(path: str, objects: list[str]) -> list[NameReport]:
    from . import blender

    blender.load_bpy()
    from ..blender_addon.character.name_reports import report_faces

    scene, _ = blender.open_character(path, None)
    return report_faces(list(scene.objects), objects, path)


def _is_fbx(path: str) -> bool:
    if Path(path).suffix.lower() != ".fbx" or not Path(path).is_file():
        return False
    with open(path, "rb") as source:
        return source.read(18) == b"Kaydara FBX Binary"


def _report_fbx(path: str, objects: list[str]) -> list[NameReport]:
    from . import blender

    blender.load_bpy()
    from ..blender_addon.character.name_reports import report_faces

    scene = blender.import_fbx(path)
    return report_faces(list(scene.objects), objects, path)


def _report_shapes(path: str, objects: list[str]) -> NameReport:
    """The shape keys of a GLB: those of all meshes, or of the named ones."""
    shapes = read_shape_names(path)
    unknown = next((name for name in objects if name not in shapes), None)
    if unknown is not None:
        raise InnerfaceError(f"{path}: there is no mesh '{unknown}'; its meshes are: {', '.join(shapes)}")
    meshes = [(names, match(names)) for mesh, names in shapes.items() if not objects or mesh in objects]
    scheme = max(meshes, key=lambda mesh: len(mesh[1].targets))[1].scheme
    targets = tuple(Target(c, "key", key, gain=weight) for c, key, weight in combine_matches(meshes))
    return report_face(Path(path).name, Mapping(scheme, targets), meshes)

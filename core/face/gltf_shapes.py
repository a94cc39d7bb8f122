"""The names of shape keys in a glTF, GLB or VRM, which are glTF."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from ..errors import InnerfaceError
from ..files import open_file, read_bytes
from ..printable import printable_names

_MAGIC, _HEADER, _JSON_CHUNK = b"glTF", struct.Struct("<4sII"), 0x4E4F534A
_MAX_JSON_BYTES = 64 << 20
_BEGINNINGS = (b"{", b"[")


def is_gltf(path: str | Path) -> bool:
    """Whether a file is a GLB or VRM, or a .gltf."""
    try:
        with open_file(Path(path)) as source:
            head = source.read(4)
    except OSError:
        return False
    return head == _MAGIC or (Path(path).suffix.lower() == ".gltf" and head.lstrip()[:1] in _BEGINNINGS)


def read_shape_names(path: str | Path) -> dict[str, tuple[str, ...]]:
    """Names of the morph targets of each mesh that has any, by the mesh's name. Raises InnerfaceError."""
    path = Path(path)
    try:
        document: Any = json.loads(_json_chunk(path))
    except (ValueError, RecursionError):
        raise InnerfaceError(f"{path}: its description is not JSON; export the file again") from None
    meshes: Any = cast("dict[str, Any]", document).get("meshes") if isinstance(document, dict) else None
    shapes: dict[str, tuple[str, ...]] = {}
    for number, mesh in enumerate(_dictionaries(meshes)):
        names = next((n for n in _target_names(mesh) if n), ())
        if names:
            name = str(mesh.get("name") or f"mesh {number}")
            shapes[f"{name} {number}" if name in shapes else name] = printable_names(names)
    if not shapes:
        raise InnerfaceError(f"{path}: no mesh has named shape keys (morph targets); export it with shape keys")
    return dict(zip(printable_names(shapes), shapes.values()))


def _json_chunk(path: Path) -> bytes:
    with open_file(path) as source:
        head = source.read(_HEADER.size + 8)
        if not head.startswith(_MAGIC):
            return read_bytes(path, _MAX_JSON_BYTES)
        if len(head) == _HEADER.size + 8:
            length, kind = struct.unpack_from("<II", head, _HEADER.size)
            text = source.read(length) if kind == _JSON_CHUNK and length <= _MAX_JSON_BYTES else b""
            if text and len(text) == length:
                return text
    raise InnerfaceError(f"{path}: is a GLB that is cut off or damaged; export it again")


def _target_names(mesh: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Names of a mesh's morph targets in the places where exporters put them, the usual one first."""
    for owner in (mesh, *_dictionaries(mesh.get("primitives"))):
        extras = owner.get("extras")
        names = cast("dict[str, Any]", extras).get("targetNames") if isinstance(extras, dict) else None
        if isinstance(names, list):
            yield tuple(str(name) for name in cast("list[Any]", names))


def _dictionaries(value: Any) -> list[dict[str, Any]]:
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", item) for item in items if isinstance(item, dict)]

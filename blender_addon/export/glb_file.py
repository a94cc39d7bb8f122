"""Rewrite a GLB so that every reader opens it, without changing a number that is in it.

Blender's exporter writes the same data again for every part of a mesh, and what the standard leaves to defaults
(the byteOffset of a sparse accessor, its bufferView) many readers do not take. Here equal data is stored once, and
nothing is left to a default.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import InnerfaceError

_COMPONENTS = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
_VERTICES, _INDICES = 34962, 34963  # targets of bufferViews
_MAX_BYTES = 2**32 - 1  # a GLB counts its bytes in 32 bits
# Extensions that refer to no accessor or bufferView beyond those of the core of glTF.
_HARMLESS = ("KHR_materials_", "KHR_texture_", "KHR_lights_", "EXT_texture_")


@dataclass
class Glb:
    """A glTF 2.0 binary: `document`, its JSON, and `binary`, its one buffer."""

    document: dict[str, Any]
    binary: bytes = b""

    @classmethod
    def read(cls, path: str | Path) -> Glb:
        """Read a file. Raises InnerfaceError for anything but a whole GLB of one buffer."""
        data = Path(path).read_bytes()
        try:
            magic, version, length, size, kind = struct.unpack_from("<4sIII4s", data)
            whole = (magic, version, length, kind) == (b"glTF", 2, len(data), b"JSON")
            document = json.loads(data[20 : 20 + size]) if whole else {}
        except (struct.error, ValueError):
            whole, document = False, {}
        if not whole or len(document.get("buffers", [])) > 1:
            raise InnerfaceError(f"{path}: is no whole GLB; export it again")
        return cls(document, data[28 + size :])

    def write(self, path: str | Path) -> None:
        """Write the file. Raises InnerfaceError for more bytes than a GLB can hold."""
        text = json.dumps(self.document, separators=(",", ":"), ensure_ascii=False).encode()
        text += b" " * (-len(text) % 4)
        binary = self.binary + bytes(-len(self.binary) % 4)
        length = 20 + len(text) + (8 + len(binary) if binary else 0)
        if length > _MAX_BYTES:
            raise InnerfaceError(f"{path}: a GLB holds 4 GiB at most; export fewer frames or another format")
        with open(path, "wb") as out:
            out.write(struct.pack("<4sIII4s", b"glTF", 2, length, len(text), b"JSON") + text)
            if binary:
                out.write(struct.pack("<I4s", len(binary), b"BIN\0") + binary)

    def view(self, number: int) -> bytes:
        """Bytes of a bufferView."""
        view = self.document["bufferViews"][number]
        start = view.get("byteOffset", 0)
        return self.binary[start : start + view["byteLength"]]

    def values(self, number: int) -> np.ndarray:
        """Values (count, width) of an accessor, sparse or not, in its own type."""
        accessor = self.document["accessors"][number]
        kind, count = np.dtype(_COMPONENTS[accessor["componentType"]]), accessor["count"]
        width = _WIDTHS[accessor["type"]]
        out = np.zeros((count, width), kind)
        if "bufferView" in accessor:
            out = self._rows(accessor, kind, count, width=width).copy()
        if "sparse" in accessor:
            sparse = accessor["sparse"]
            indices = self._rows(
                sparse["indices"], np.dtype(_COMPONENTS[sparse["indices"]["componentType"]]), sparse["count"], width=1
            )
            out[indices[:, 0]] = self._rows(sparse["values"], kind, sparse["count"], width=width)
        return out

    def _rows(self, place: dict[str, Any], kind: np.dtype, count: int, *, width: int) -> np.ndarray:
        stride = self.document["bufferViews"][place["bufferView"]].get("byteStride", kind.itemsize * width)
        data, start = self.view(place["bufferView"]), place.get("byteOffset", 0)
        return np.ndarray((count, width), kind, data, start, (stride, kind.itemsize))


@dataclass
class _Buffer:
    """The new buffer, in which equal data lies once.

    Every accessor has a bufferView of its own, though: readers take one bufferView under two accessors for interleaved.
    """

    parts: list[bytes] = field(default_factory=list)
    length: int = 0
    views: list[dict[str, Any]] = field(default_factory=list)
    starts: dict[bytes, int] = field(default_factory=dict)

    def add(self, data: bytes, target: int | None = None, stride: int | None = None) -> int:
        """Add a bufferView of some data; returns its number."""
        if data not in self.starts:
            self.starts[data] = self.length
            self.parts.append(data + bytes(-len(data) % 4))
            self.length += len(self.parts[-1])
        view: dict[str, Any] = {"buffer": 0, "byteOffset": self.starts[data], "byteLength": len(data)}
        view |= {"byteStride": stride} if stride else {}
        self.views.append(view | ({"target": target} if target else {}))
        return len(self.views) - 1


def simplify(path: str | Path, *, sparse: bool = False) -> None:
    """Store equal data of a GLB once, and leave nothing to a default.

    `sparse`: store offsets of shapes as sparse accessors where that takes fewer bytes, each with a bufferView and
    byteOffsets of its own; else all accessors are dense, as some readers know no others. A file with extensions that
    may refer to data in other ways stays as it is. Raises InnerfaceError.
    """
    glb = Glb.read(path)
    if all(name.startswith(_HARMLESS) for name in glb.document.get("extensionsUsed", [])):
        _simplified(glb, sparse=sparse).write(path)


def _simplified(glb: Glb, *, sparse: bool) -> Glb:
    document: dict[str, Any] = json.loads(json.dumps(glb.document))
    buffer, accessors = _Buffer(), []
    numbers: dict[int, int] = {}  # new ones of accessors
    offsets: list[tuple[dict[str, Any], np.ndarray]] = []  # to become sparse
    for number, role in sorted(_roles(document).items()):
        accessor = {k: v for k, v in document["accessors"][number].items() if k != "sparse"} | {"byteOffset": 0}
        values = glb.values(number)
        if sparse and role == "shape" and _bytes_if_sparse(values) < values.nbytes:
            offsets.append((accessor, values))
        else:
            accessor["bufferView"] = _add_dense(buffer, values, role)
        numbers[number] = len(accessors)
        accessors.append(accessor)
    if offsets:
        _add_sparse(buffer, offsets)
    for holder, key, _ in _references(document):
        holder[key] = numbers[holder[key]]
    for image in document.get("images", []):
        if "bufferView" in image:
            image["bufferView"] = buffer.add(glb.view(image["bufferView"]))
    document |= {"accessors": accessors, "bufferViews": buffer.views, "buffers": [{"byteLength": buffer.length}]}
    for name in ("accessors", "bufferViews", "buffers"):
        if not buffer.views:
            document.pop(name)
    return Glb(document, b"".join(buffer.parts))


def _add_dense(buffer: _Buffer, values: np.ndarray, role: str | None) -> int:
    if role in (None, "indices"):
        return buffer.add(values.tobytes(), _INDICES if role else None)
    length = values.itemsize * values.shape[1]
    padding = -length % 4  # each vertex begins on a whole multiple of four bytes
    rows = np.pad(values.view("u1").reshape(len(values), length), ((0, 0), (0, padding)))
    return buffer.add(rows.tobytes(), _VERTICES, length + padding if padding else None)


def _references(document: dict[str, Any]) -> Iterator[tuple[Any, Any, str | None]]:
    """Where accessors are referred to: (holder, key, role)."""
    for mesh in document.get("meshes", []):
        for primitive in mesh["primitives"]:
            for name in primitive["attributes"]:
                yield primitive["attributes"], name, "vertex"
            if "indices" in primitive:
                yield primitive, "indices", "indices"
            for target in primitive.get("targets", []):
                for name in target:
                    yield target, name, "shape"
    for skin in document.get("skins", []):
        if "inverseBindMatrices" in skin:
            yield skin, "inverseBindMatrices", None
    for animation in document.get("animations", []):
        for sampler in animation["samplers"]:
            yield sampler, "input", None
            yield sampler, "output", None


def _roles(document: dict[str, Any]) -> dict[int, str | None]:
    """Role of each accessor that is in use."""
    return {holder[key]: role for holder, key, role in _references(document)}


def _bytes_if_sparse(values: np.ndarray) -> int:
    return int(values.any(axis=1).sum()) * (values.itemsize * values.shape[1] + _index_type(len(values)).itemsize)


def _index_type(count: int) -> np.dtype:
    return np.dtype("<u2" if count <= 2**16 - 1 else "<u4")


def _add_sparse(buffer: _Buffer, offsets: list[tuple[dict[str, Any], np.ndarray]]) -> None:
    """Store accessors as sparse ones, over zeros that all share."""
    zeros = buffer.add(bytes(max(values.nbytes for _, values in offsets)), _VERTICES, 12)
    rows = [np.flatnonzero(values.any(axis=1)) for _, values in offsets]
    for row in range(len(rows)):  # a sparse accessor has one entry at least
        rows[row] = rows[row] if len(rows[row]) else np.zeros(1, dtype=int)
    place_values = _packed([values[row].tobytes() for (_, values), row in zip(offsets, rows)])
    kinds = [_index_type(len(values)) for _, values in offsets]
    place_indices = {
        kind: _packed([row.astype(kind).tobytes() if k == kind else b"" for row, k in zip(rows, kinds)])
        for kind in set(kinds)
    }
    values_view = buffer.add(place_values.data)
    indices_views = {kind: buffer.add(packed.data) for kind, packed in place_indices.items()}
    for i, ((accessor, _), row, kind) in enumerate(zip(offsets, rows, kinds)):
        accessor |= {
            "bufferView": zeros,
            "sparse": {
                "count": len(row),
                "indices": {
                    "bufferView": indices_views[kind],
                    "byteOffset": place_indices[kind].starts[i],
                    "componentType": 5123 if kind.itemsize == 2 else 5125,
                },
                "values": {"bufferView": values_view, "byteOffset": place_values.starts[i]},
            },
        }


@dataclass(frozen=True)
class _Packed:
    """Data one after the other: `starts[i]` is where the i-th begins."""

    data: bytes
    starts: list[int]


def _packed(parts: list[bytes]) -> _Packed:
    """Pack parts; equal ones are stored once."""
    places: dict[bytes, int] = {}
    out, length, starts = [], 0, []
    for part in parts:
        if part not in places:
            places[part] = length
            out.append(part)
            length += len(part)
        starts.append(places[part])
    return _Packed(b"".join(out), starts)

"""Animated custom properties in an FBX, which Blender's exporter leaves out: Unreal makes curves of a bone's.

The file is read and written by the modules of Blender's own exporter, with nothing else in it changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import InnerfaceError

_TICKS_PER_S = 46_186_158_000
_CURVE_VERSION = 4008
_LINEAR_FLAGS = 24836  # of keys, as Blender's exporter writes them
_FIRST_ID = 1 << 40  # beyond those that Blender's exporter gives
_ADDERS = {
    "B": "add_bool",
    "C": "add_char",
    "Z": "add_int8",
    "Y": "add_int16",
    "I": "add_int32",
    "L": "add_int64",
    "F": "add_float32",
    "D": "add_float64",
    "R": "add_bytes",
    "S": "add_string",
    "i": "add_int32_array",
    "l": "add_int64_array",
    "f": "add_float32_array",
    "d": "add_float64_array",
    "b": "add_bool_array",
    "c": "add_byte_array",
}


def animate_properties(path: str | Path, node: str, curves: dict[str, np.ndarray], *, rate: float) -> None:
    """Give a node of an FBX custom properties with a linear key on every frame.

    `curves` (F,) by name of the property; `rate`: frames per second, the first at 0 s. Raises InnerfaceError for a file
    without that node or without animation.
    """
    from io_scene_fbx import encode_bin, parse_fbx

    parsed, version = parse_fbx.parse(str(path))
    root = _writable(parsed, encode_bin.FBXElem)
    sections = {e.id: e for e in root.elems}
    node_id, model = _find(parsed, b"Model", node)
    layer_id, _ = _find(parsed, b"AnimationLayer", "")
    if node_id is None or layer_id is None:
        raise InnerfaceError(f"{path}: has no animated node {node}; key a take, and export it again")
    objects, connections = sections[b"Objects"], sections[b"Connections"]
    model_properties = _child(objects.elems[model], b"Properties70")
    frames = len(next(iter(curves.values())))
    times = np.round(np.arange(frames) / rate * _TICKS_PER_S).astype(np.int64)
    for k, (name, values) in enumerate(curves.items()):
        curve_node, curve = _FIRST_ID + 2 * k, _FIRST_ID + 2 * k + 1
        label, first = name.encode(), float(values[0])
        _add(model_properties, b"P", "SSSSD", label, b"Number", b"", b"A+U", first)
        element = _add(objects, b"AnimationCurveNode", "LSS", curve_node, label + b"\x00\x01AnimCurveNode", b"")
        properties = _add(element, b"Properties70")
        _add(properties, b"P", "SSSSD", b"d|" + label, b"Number", b"", b"A", first)
        element = _add(objects, b"AnimationCurve", "LSS", curve, b"\x00\x01AnimCurve", b"")
        _add(element, b"Default", "D", first)
        _add(element, b"KeyVer", "I", _CURVE_VERSION)
        _add(element, b"KeyTime", "l", times)
        _add(element, b"KeyValueFloat", "f", np.asarray(values, dtype=np.float32))
        _add(element, b"KeyAttrFlags", "i", np.array([_LINEAR_FLAGS], dtype=np.int32))
        _add(element, b"KeyAttrDataFloat", "f", np.zeros(4, dtype=np.float32))
        _add(element, b"KeyAttrRefCount", "i", np.array([frames], dtype=np.int32))
        _add(connections, b"C", "SLL", b"OO", curve_node, layer_id)
        _add(connections, b"C", "SLLS", b"OP", curve_node, node_id, label)
        _add(connections, b"C", "SLLS", b"OP", curve, curve_node, b"d|" + label)
    _count_definitions(sections[b"Definitions"], parsed, len(curves))
    encode_bin.write(str(path), root, version)


def _writable(parsed: Any, element_class: Any) -> Any:
    """An element that was read, with all in it, as one that can be written."""
    out = element_class(parsed.id)
    for kind, value in zip(parsed.props_type.decode(), parsed.props):
        getattr(out, _ADDERS[kind])(value)
    out.elems = [_writable(child, element_class) for child in parsed.elems]
    return out


def _find(parsed: Any, kind: bytes, name: str) -> tuple[int | None, int]:
    """Identifier and number of the first object of a kind and a name, any for "" ."""
    for number, element in enumerate(_child(parsed, b"Objects").elems):
        if element.id == kind and (not name or element.props[1].split(b"\x00\x01")[0] == name.encode()):
            return int(element.props[0]), number
    return None, -1


def _child(element: Any, name: bytes) -> Any:
    return next(child for child in element.elems if child.id == name)


def _add(parent: Any, name: bytes, kinds: str = "", *values: Any) -> Any:
    """Add an element with values of some kinds (see _ADDERS)."""
    out = type(parent)(name)
    for kind, value in zip(kinds, values):
        getattr(out, _ADDERS[kind])(value)
    parent.elems.append(out)
    return out


def _count_definitions(definitions: Any, parsed: Any, added: int) -> None:
    """Count the new objects among those that the file announces."""
    for element, counted in _counts(definitions, _child(parsed, b"Definitions"), added):
        element.props, element.props_type = [], bytearray()
        element.add_int32(counted)


def _counts(definitions: Any, parsed: Any, added: int) -> Iterator[tuple[Any, int]]:
    for element, read in zip(definitions.elems, parsed.elems):
        if read.id == b"Count":
            yield element, read.props[0] + 2 * added
        elif read.id == b"ObjectType" and read.props[0] in (b"AnimationCurve", b"AnimationCurveNode"):
            yield _child(element, b"Count"), _child(read, b"Count").props[0] + added

"""Print, as JSON, what a second reader finds in an FBX (through ufbx) or a GLB (by its bytes).

Needs numpy and, for FBX, the PyPI package ufbx. Lengths stay in the file's own world units; unit_scale is centimetres
per unit. Times are seconds, quaternions are local and xyzw, bounds are those of the unmorphed vertices in the pose the
file stands in. With times after the file, also where the shapes move the vertices at those times (without the skin).
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import struct
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Curve = dict[str, list[Any]]
T = TypeVar("T")

COMPONENTS = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
NAMES: list[str] = []  # of the targets of a GLB that names none: --names A,B,...
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


def check(truth: object, complaint: str) -> None:
    if not truth:
        raise ValueError(complaint)


def keep(curves: dict[str, Curve], name: str, times: Array, values: Array) -> None:
    """Adds a curve; meshes that share a key must agree on it."""
    check(len(times) == len(values) > 0 and bool(np.all(np.diff(times) > 0)), f"{name}: key times are not rising")
    curve: Curve = {"times": times.tolist(), "values": values.tolist()}
    check(curves.setdefault(name, curve) == curve, f"{name}: two meshes move it differently")


def move(matrix: Array, points: Array) -> Array:
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def bounds(clouds: list[Array]) -> list[list[float]]:
    points = np.concatenate(clouds)
    return [points.min(axis=0).tolist(), points.max(axis=0).tolist()]


# ---- FBX

_take = ctypes.pythonapi.Py_IncRef
_take.argtypes, _take.restype = [ctypes.py_object], None


def held(thing: T) -> T:
    """Keeps a ufbx object for good: ufbx 0.0.5 hands elements out a reference short and frees them under our feet."""
    _take(thing)
    return thing


def items(elements: Iterable[T]) -> Iterator[T]:
    return map(held, held(elements))


def fbx_matrix(columns: Iterable[Iterable[float]]) -> Array:
    return np.vstack([np.array([list(c) for c in columns]).T, [0, 0, 0, 1]])


def morphed(rest: Array, offsets: dict[str, Array], clips: list[dict[str, Any]], times: list[float]) -> dict[str, Any]:
    """Vertices at rest and at some times: each shape adds its offset times its curve's value."""
    curves = {name: curve for clip in clips for name, curve in clip["curves"].items()}
    posed = [
        rest + sum(np.interp(t, curves[n]["times"], curves[n]["values"]) * o for n, o in offsets.items() if n in curves)
        for t in times
    ]
    return {"rest": rest.tolist(), "at": [p.tolist() for p in posed]}


def read_fbx(path: str, times: list[float]) -> dict[str, Any]:
    import ufbx  # type: ignore[import-untyped]

    gc.disable()  # ufbx 0.0.5 miscounts references (see held): the collector, at exit too, would free what is in use
    scene = held(ufbx.load_file(path, strict=True, index_error_handling=ufbx.IndexErrorHandling.ABORT_LOADING))
    warnings = [w.description for w in scene.metadata.warnings]
    check(not warnings, f"ufbx warns: {warnings}")
    nodes = list(items(scene.nodes))
    meshes: dict[str, Any] = {}
    clouds: list[Array] = []
    shapes: dict[str, tuple[Array, dict[str, Array]]] = {}
    for node in nodes:
        mesh = held(node.mesh)
        if mesh is None:
            continue
        check(node.name not in meshes, f"two meshes are called {node.name}")
        points = np.array([tuple(v) for v in mesh.vertices])
        placed, total, used = np.zeros_like(points), np.zeros(len(points)), []
        clusters = [c for d in items(mesh.skin_deformers) for c in items(d.clusters)]
        for cluster in clusters:
            bone = held(cluster.bone_node)
            check(bone, f"{node.name}: cluster {cluster.name} has no bone")
            used.append(bone.name)
            at, weight = np.array(cluster.vertices, dtype=int), np.array(cluster.weights, dtype=float)
            placed[at] += weight[:, None] * move(fbx_matrix(cluster.geometry_to_world), points[at])
            total[at] += weight
        free = total == 0
        placed[free] = move(fbx_matrix(node.geometry_to_world), points[free])
        placed[~free] /= total[~free, None]
        clouds.append(placed)
        channels = [c for d in items(mesh.blend_deformers) for c in items(d.channels)]
        morphs = [c.name for c in channels]
        if times:
            shapes[node.name] = points, {c.name: fbx_offsets(c, len(points)) for c in channels}
        meshes[node.name] = {"vertices": len(points), "skinned": bool(clusters), "bones": used, "morphs": morphs}
    clips = [fbx_clip(stack, nodes, ufbx) for stack in items(scene.anim_stacks)]
    return {
        "unit_scale": scene.settings.unit_meters * 100,
        "meshes": meshes,
        "bones": [n.name for n in nodes if held(n.bone)],
        "clips": clips,
        "bounds": bounds(clouds),
        "morphed": {name: morphed(rest, offsets, clips, times) for name, (rest, offsets) in shapes.items()},
    }


def fbx_offsets(channel: Any, count: int) -> Array:
    out = np.zeros((count, 3))
    keyframes = list(items(channel.keyframes))
    check(len(keyframes) == 1, f"{channel.name}: shapes in between")
    shape = held(held(keyframes[0]).shape)
    out[np.array(list(shape.offset_vertices), dtype=int)] = [tuple(v) for v in shape.position_offsets]
    return out


def fbx_clip(stack: Any, nodes: list[Any], ufbx: Any) -> dict[str, Any]:
    layers, anim = list(items(stack.layers)), held(stack.anim)
    check(len(layers) == 1, f"{stack.name}: {len(layers)} layers")
    curves: dict[str, Curve] = {}
    rotations: dict[str, Curve] = {}
    properties: dict[str, dict[str, Curve]] = {}
    by_id = {n.element_id: n for n in nodes}
    for prop in items(layers[0].anim_props):
        element, value = held(prop.element), held(prop.anim_value)
        keys = [[(k.time, k.value) for k in held(c.keyframes)] for c in items(value.curves) if c]
        if isinstance(element, ufbx.BlendChannel) and prop.prop_name == "DeformPercent" and keys:
            times, values = np.array(keys[0]).T
            keep(curves, element.name, times, values / 100)
        elif isinstance(element, ufbx.Node) and prop.prop_name == "Lcl Rotation" and keys:
            node = by_id[element.element_id]
            times = np.unique([t for curve in keys for t, _ in curve])
            turns = np.array([tuple(node.evaluate_transform(anim, float(t)).rotation) for t in times])
            keep(rotations, node.name, times, turns)
        elif isinstance(element, ufbx.Node) and not prop.prop_name.startswith("Lcl ") and keys:
            times, values = np.array(keys[0]).T
            keep(properties.setdefault(by_id[element.element_id].name, {}), prop.prop_name, times, values)
    return {
        "name": stack.name,
        "duration": stack.time_end - stack.time_begin,
        "curves": curves,
        "rotations": rotations,
        "properties": properties,
    }


# ---- GLB


class Glb:
    """A glTF 2.0 binary: its JSON and its one buffer."""

    def __init__(self, data: bytes) -> None:
        magic, version, length = struct.unpack_from("<4sII", data)
        check((magic, version, length) == (b"glTF", 2, len(data)), "not a whole GLB 2")
        size, kind = struct.unpack_from("<I4s", data, 12)
        check(kind == b"JSON", "the first chunk is not JSON")
        self.json: dict[str, Any] = json.loads(data[20 : 20 + size])
        rest, kind = struct.unpack_from("<I4s", data, 20 + size)
        check(kind == b"BIN\0" and 28 + size + rest == length, "the second chunk is not the buffer, or not the last")
        self.bytes = data[28 + size :]
        check(not self.json.get("extensionsRequired"), f"needs {self.json.get('extensionsRequired')}")

    def all(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.json.get(name, [])
        return found

    def view(self, view: int, offset: int, component: int, count: int, width: int) -> NDArray[Any]:
        kind, v = np.dtype(COMPONENTS[component]), self.all("bufferViews")[view]
        step = v.get("byteStride", kind.itemsize * width)
        check(offset + step * (count - 1) + kind.itemsize * width <= v["byteLength"], f"bufferView {view} is too short")
        check(v.get("byteOffset", 0) + v["byteLength"] <= len(self.bytes), f"bufferView {view} leaves the buffer")
        start = v.get("byteOffset", 0) + offset
        return np.ndarray((count, width), kind, self.bytes, start, (step, kind.itemsize)).copy()

    def accessor(self, index: int) -> NDArray[Any]:
        a = self.all("accessors")[index]
        count, width, component = a["count"], WIDTHS[a["type"]], a["componentType"]
        out = np.zeros((count, width), COMPONENTS[component])
        if "bufferView" in a:
            out = self.view(a["bufferView"], a.get("byteOffset", 0), component, count, width)
        if sparse := a.get("sparse"):
            i, v, n = sparse["indices"], sparse["values"], sparse["count"]
            at = self.view(i["bufferView"], i.get("byteOffset", 0), i["componentType"], n, 1)[:, 0]
            check(np.all(np.diff(at.astype(int)) > 0) and at[-1] < count, f"accessor {index}: bad sparse indices")
            out[at] = self.view(v["bufferView"], v.get("byteOffset", 0), component, n, width)
        for name, found in ("min", out.min(axis=0)), ("max", out.max(axis=0)):
            check(
                name not in a or np.allclose(a[name], found, atol=1e-6), f"accessor {index}: {name} is not its {name}"
            )
        return out / np.iinfo(out.dtype).max if a.get("normalized") else out

    def worlds(self) -> list[Array]:
        """The world matrix of every node."""
        nodes = self.all("nodes")
        parent = {c: i for i, n in enumerate(nodes) for c in n.get("children", [])}
        local = [glb_local(n) for n in nodes]

        def world(i: int) -> Array:
            return world(parent[i]) @ local[i] if i in parent else local[i]

        return [world(i) for i in range(len(nodes))]


def glb_local(node: dict[str, Any]) -> Array:
    if "matrix" in node:
        return np.array(node["matrix"], float).reshape(4, 4).T
    x, y, z, w = node.get("rotation", [0, 0, 0, 1])
    check(abs(x * x + y * y + z * z + w * w - 1) < 1e-4, f"{node.get('name')}: its rotation is not of unit length")
    turn = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    out = np.eye(4)
    out[:3, :3] = np.array(turn) * node.get("scale", [1, 1, 1])
    out[:3, 3] = node.get("translation", [0, 0, 0])
    return out


def read_glb(path: str, times: list[float]) -> dict[str, Any]:
    glb = Glb(Path(path).read_bytes())
    nodes, worlds = glb.all("nodes"), glb.worlds()
    names = [n.get("name", f"node {i}") for i, n in enumerate(nodes)]
    meshes: dict[str, Any] = {}
    clouds: list[Array] = []
    targets: dict[int, list[str]] = {}  # by node
    shapes: dict[str, list[tuple[Array, dict[str, Array]]]] = {}
    for i, node in enumerate(nodes):
        if "mesh" not in node:
            continue
        check(names[i] not in meshes, f"two meshes are called {names[i]}")
        mesh = glb.all("meshes")[node["mesh"]]
        skin = glb.all("skins")[node["skin"]] if "skin" in node else None
        joints = skin["joints"] if skin else []
        targets[i] = mesh.get("extras", {}).get("targetNames", NAMES)
        count = 0
        for primitive in mesh["primitives"]:
            check(
                len(primitive.get("targets", [])) == len(targets[i]),
                f"{names[i]}: targetNames and targets differ in number",
            )
            attributes = primitive["attributes"]
            points = glb.accessor(attributes["POSITION"]).astype(float)
            offsets = [glb.accessor(target["POSITION"]).astype(float) for target in primitive.get("targets", [])]
            check(all(len(o) == len(points) for o in offsets), f"{names[i]}: a morph target of another length")
            if times:
                shapes.setdefault(names[i], []).append((points, dict(zip(targets[i], offsets, strict=True))))
            count += len(points)
            clouds.append(glb_skin(glb, skin, attributes, points, worlds) if skin else move(worlds[i], points))
        meshes[names[i]] = {
            "vertices": count,
            "skinned": bool(skin),
            "bones": [names[j] for j in joints],
            "morphs": targets[i],
        }
    clips = [glb_clip(glb, a, names, targets) for a in glb.all("animations")]
    return {
        "unit_scale": 100.0,  # glTF is in metres
        "meshes": meshes,
        "bones": [names[j] for j in dict.fromkeys(j for s in glb.all("skins") for j in s["joints"])],
        "clips": clips,
        "bounds": bounds(clouds),
        "morphed": {
            name: [morphed(rest, offsets, clips, times) for rest, offsets in parts] for name, parts in shapes.items()
        },
    }


def glb_skin(glb: Glb, skin: dict[str, Any], attributes: dict[str, int], points: Array, worlds: list[Array]) -> Array:
    binds = glb.accessor(skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
    matrices = np.array([worlds[j] @ b for j, b in zip(skin["joints"], binds, strict=True)])
    joints, weights = glb.accessor(attributes["JOINTS_0"]), glb.accessor(attributes["WEIGHTS_0"])
    check("JOINTS_1" not in attributes, "more than four influences")
    check(np.allclose(weights.sum(axis=1), 1, atol=1e-3), "skin weights do not sum to 1")
    blend = np.einsum("vj,vjab->vab", weights, matrices[joints])
    out: Array = np.einsum("vab,vb->va", blend[:, :3, :3], points) + blend[:, :3, 3]
    return out


def glb_clip(glb: Glb, animation: dict[str, Any], names: list[str], targets: dict[int, list[str]]) -> dict[str, Any]:
    curves: dict[str, Curve] = {}
    rotations: dict[str, Curve] = {}
    ends = [0.0]
    for channel in animation["channels"]:
        sampler, node = animation["samplers"][channel["sampler"]], channel["target"]["node"]
        times = glb.accessor(sampler["input"])[:, 0].astype(float)
        values = glb.accessor(sampler["output"]).astype(float).reshape(len(times), -1)
        ends.append(float(times[-1]))
        if sampler.get("interpolation") == "CUBICSPLINE":  # in-tangents, values, out-tangents
            values = np.split(values, 3, axis=1)[1]
        if channel["target"]["path"] == "weights":
            for morph, column in zip(targets[node], values.T, strict=True):
                keep(curves, morph, times, column)
        elif channel["target"]["path"] == "rotation":
            check(values.shape[1] == 4, f"{names[node]}: rotations that are not quaternions")
            keep(rotations, names[node], times, values)
    return {"name": animation.get("name", ""), "duration": max(ends), "curves": curves, "rotations": rotations}


def main() -> None:
    path, *rest = sys.argv[1:]
    if rest[:1] == ["--names"]:
        NAMES.extend(rest[1].split(","))
        rest = rest[2:]
    times = [float(t) for t in rest]
    found = read_glb(path, times) if path.lower().endswith(".glb") else read_fbx(path, times)
    json.dump(found, sys.stdout, allow_nan=False)
    sys.stdout.flush()
    os._exit(0)  # no teardown (see held)


if __name__ == "__main__":
    main()

"""Makes `head.npz`: skin, parts, materials and 52 shapes. Run as `python3 build.py head`; a test rebuilds and compares."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..channels import ARKIT
from . import ASSET, DELTA_STEP_M, parts, shapes, skin, surface
from .topology import (
    EYE_SEGMENTS,
    INNER_CANTHUS,
    LID_FRONT,
    LIP_BORDER,
    LIP_CONTACT,
    MOUTH_SEGMENTS,
    OUTER_CANTHUS,
    HalfMesh,
    half_mesh,
    mirror,
)

MATERIALS = ("skin", "lips", "mouth", "sclera", "iris", "limbus", "pupil", "teeth", "gums", "tongue", "brows", "lashes")
_FLIP = np.array([-1.0, 1.0, 1.0])


class _Assembly:
    """Vertices, quads and materials gathered part by part."""

    def __init__(self) -> None:
        self.points: list[np.ndarray] = []
        self.quads: list[np.ndarray] = []
        self.material: list[np.ndarray] = []
        self.ranges: dict[str, tuple[int, int]] = {}
        self.count = 0

    def add(self, name: str, points: np.ndarray, quads: np.ndarray, material: np.ndarray | str) -> None:
        if isinstance(material, str):
            material = np.full(len(quads), MATERIALS.index(material))
        self.points.append(points)
        self.quads.append(quads + self.count)
        self.material.append(material)
        self.ranges[name] = (self.count, self.count + len(points))
        self.count += len(points)

    def add_pair(self, name: str, points: np.ndarray, quads: np.ndarray, material: np.ndarray | str) -> None:
        """A left part and its mirror image."""
        self.add(name + "_left", points, quads, material)
        self.add(name + "_right", points * _FLIP, quads[:, ::-1], material)


def _bind(points: np.ndarray, skin_points: np.ndarray, neighbours: int = 6) -> np.ndarray:
    """Weights (N, S) that let points ride on the skin: inverse squared distance to the nearest skin vertices."""
    gap = ((points[:, None] - skin_points[None]) ** 2).sum(-1)
    near = np.argsort(gap, axis=1)[:, :neighbours]
    weight = np.zeros_like(gap)
    value = 1.0 / (np.take_along_axis(gap, near, axis=1) + 0.5)
    np.put_along_axis(weight, near, value / value.sum(1, keepdims=True), axis=1)
    return weight


def build() -> dict[str, np.ndarray]:
    """All arrays of the asset."""
    half = half_mesh()
    source, side, quads = mirror(half)
    s = shapes.Skin(half, skin.neutral(half), source, side)
    lip_red = s.lip & (s.ring >= LIP_BORDER) & (s.ring <= LIP_CONTACT + 1)
    inside = (s.lip & (s.ring >= LIP_CONTACT + 1)) | s.bag
    material = np.where(inside[quads].all(1), MATERIALS.index("mouth"), np.where(lip_red[quads].all(1), MATERIALS.index("lips"), 0))

    out = _Assembly()
    out.add("skin", s.p, quads, material)
    eye_points, eye_quads, band = parts.eye()
    bands = np.array([MATERIALS.index(m) for m in ("pupil", "iris", "limbus", "sclera")])
    out.add_pair("eye", eye_points, eye_quads, bands[band])
    out.add_pair("ear", *parts.ear(), "skin")
    for row, upper in (("upper", True), ("lower", False)):
        out.add(f"teeth_{row}", *parts.teeth(upper), "teeth")
        out.add(f"gums_{row}", *parts.gums(upper), "gums")
    tongue_points, tongue_quads, along = parts.tongue()
    out.add("tongue", tongue_points, tongue_quads, "tongue")
    out.add_pair("brow", *parts.brow(), "brows")
    number = {key: i for i, key in enumerate(half.keys)}
    rim = np.array([number["e", LID_FRONT, k] for k in range(INNER_CANTHUS, OUTER_CANTHUS - 1, -1)])
    out.add_pair("lashes", *parts.lashes(s.p[rim], 4.0, 0.6), "lashes")

    points = np.concatenate(out.points)
    skin_shapes = shapes.skin_shapes(s)
    ride = {}
    for name in ("brow", "ear"):
        for where in ("left", "right"):
            a, b = out.ranges[f"{name}_{where}"]
            ride[a, b] = _bind(points[a:b], s.p)
    deltas = np.zeros((len(ARKIT), len(points), 3))
    for k, name in enumerate(ARKIT):
        delta = skin_shapes[name]
        deltas[k, : len(s.p)] = delta
        for (a, b), weight in ride.items():
            deltas[k, a:b] = weight @ delta
        _add_lashes(deltas[k], out.ranges, delta, s, rim)
        _add_bones(deltas[k], name, out.ranges, points, along)
    return {
        "vertices": (points * 1e-3).astype(np.float32),
        "quads": np.concatenate(out.quads).astype(np.uint16),
        "materials": np.array(MATERIALS),
        "material_index": np.concatenate(out.material).astype(np.uint8),
        "part_names": np.array(list(out.ranges)),
        "part_ranges": np.array(list(out.ranges.values()), dtype=np.int32),
        "landmarks": landmarks(half, s),
        "face_region": np.flatnonzero((s.p[:, 2] > 24) & (np.abs(s.p[:, 1]) < 100) & ~inside).astype(np.uint16),
        "shapes": np.array(ARKIT),
        "deltas": np.round(deltas * 1e-3 / DELTA_STEP_M).astype(np.int16),
    }


def landmarks(half: HalfMesh, s: shapes.Skin) -> np.ndarray:
    """Skin vertices (51,) of the inner iBUG points 17 to 67, in iBUG's order (the performer's right first)."""
    index = half.index()
    e, m, lid, half_mouth = EYE_SEGMENTS, MOUTH_SEGMENTS, LID_FRONT, MOUTH_SEGMENTS // 2
    brow = [_nearest(s, p) for p in ((51, 56, 80), (42, 62, 92), (32, 63, 99), (22, 61, 104), (12, 57, 107))]  # left, outer first
    nose = [_nearest(s, (0, y, 130)) for y in (38, 27, 15, 4)]
    wing = [_nearest(s, p) for p in ((12.5, -8, 109), (6.5, -11, 115))]
    up, low = (lambda f: round(OUTER_CANTHUS + f * (INNER_CANTHUS - OUTER_CANTHUS))), (lambda f: round(OUTER_CANTHUS - f * e / 2) % e)
    eye = [
        index["e", lid, k] for k in (OUTER_CANTHUS, up(0.33), up(0.67), INNER_CANTHUS, low(0.67), low(0.33))
    ]  # left, from the outer corner
    right = s.mirrored
    outer = {d: index["m", LIP_BORDER, half_mouth + d] for d in (10, 8, 4, 0, -4, -8, -10)}  # left half: 10 upper midline, -10 lower
    inner = {d: index["m", LIP_CONTACT, half_mouth + d] for d in (10, 6, 0, -6, -10)}
    assert m == 20
    out = [right[v] for v in brow] + brow[::-1] + nose
    out += [right[wing[0]], right[wing[1]], _nearest(s, (0, -12, 116)), wing[1], wing[0]]
    out += [right[v] for v in eye] + [eye[k] for k in (3, 2, 1, 0, 5, 4)]
    out += [right[outer[d]] for d in (0, 4, 8)] + [outer[d] for d in (10, 8, 4, 0, -4, -8, -10)] + [right[outer[d]] for d in (-8, -4)]
    out += [right[inner[d]] for d in (0, 6)] + [inner[d] for d in (10, 6, 0, -6, -10)] + [right[inner[-6]]]
    return np.array(out, dtype=np.int32)


def _nearest(s: shapes.Skin, point: tuple[float, float, float]) -> int:
    return int((((s.p - np.asarray(point)) ** 2).sum(1) + 1e6 * (s.inside > 0)).argmin())


def _add_lashes(out: np.ndarray, ranges: dict, delta: np.ndarray, s: shapes.Skin, rim: np.ndarray) -> None:
    """Lashes move with the lid margin that they grow on and turn with it about the eye."""
    for where, sign in (("left", 1.0), ("right", -1.0)):
        a, b = ranges[f"lashes_{where}"]
        root = rim if sign > 0 else s.mirrored[rim]
        flip = np.array([sign, 1.0, 1.0])
        before = s.p[root] * flip - surface.EYE_CENTRE
        after = before + delta[root] * flip
        fall = np.arctan2(before[:, 1], before[:, 2]) - np.arctan2(after[:, 1], after[:, 2])
        rows = np.tile(np.arange(len(rim)), 3)
        base = parts.lashes(s.p[rim], 4.0, 0.6)[0] - surface.EYE_CENTRE - before[rows]
        pitch = fall[rows] * 1.25  # a closed lid's lashes point down and out
        c, sn = np.cos(pitch), np.sin(pitch)
        turned = np.stack([base[:, 0], base[:, 1] * c - base[:, 2] * sn, base[:, 1] * sn + base[:, 2] * c], axis=1)
        out[a:b] = delta[root][rows] + (turned - base) * flip


def _add_bones(out: np.ndarray, name: str, ranges: dict, points: np.ndarray, along: np.ndarray) -> None:
    """What moves like bone: eyeballs turn, the lower teeth and the tongue ride on the jaw."""
    for where, sign in (("Left", 1.0), ("Right", -1.0)):
        for way, degrees in shapes.GAZE_DEGREES.items():
            if name == f"eyeLook{way}{where}":
                a, b = ranges[f"eye_{where.lower()}"]
                centre = surface.EYE_CENTRE * np.array([sign, 1.0, 1.0])
                pitch = {"Up": -degrees, "Down": degrees}.get(way, 0.0)
                yaw = {"Out": degrees * sign, "In": -degrees * sign}.get(way, 0.0)
                out[a:b] = shapes.turn(points[a:b], centre, pitch, yaw)
    for part in ("teeth_lower", "gums_lower", "tongue"):
        a, b = ranges[part]
        out[a:b] = shapes.jaw_bone(name, points[a:b])
    a, b = ranges["tongue"]
    if name == "tongueOut":
        forward = along[:, None] ** 1.6
        out[a:b] = forward * np.array([0.0, 4.5, 43.0]) - along[:, None] ** 4 * np.array([0.0, 15.0, 6.0])
    if name in ("mouthLeft", "mouthRight"):
        out[a:b, 0] += 2.0 * along if name == "mouthLeft" else -2.0 * along


def write(path: Path = ASSET) -> None:
    """Build the head and write it."""
    np.savez_compressed(path, **build())  # type: ignore[arg-type]

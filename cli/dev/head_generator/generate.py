"""Generation of `head.npz`: skin, parts, materials and 52 shapes, by `python3 build.py head`; a test compares it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ....core.arrays import Array
from ....core.face.channels import ARKIT
from ....core.face.head import ASSET, DELTA_STEP_M, UV_STEP
from . import eyes_teeth_hair, shapes, skin, surface, unwrap
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
    mirror_mesh,
)

MATERIALS = ("skin", "lips", "mouth", "sclera", "iris", "limbus", "pupil", "teeth", "gums", "tongue", "brows", "lashes")
_MIRROR_X = np.array([-1.0, 1.0, 1.0])


class _MeshBuilder:
    """Collects vertices, quads, materials and texture coordinates part by part."""

    def __init__(self) -> None:
        self.points: list[Array] = []
        self.quads: list[Array] = []
        self.material_index: list[Array] = []
        self.uv: list[Array] = []
        self.ranges: dict[str, tuple[int, int]] = {}
        self.count = 0

    def add(self, name: str, points: Array, quads: Array, *, material: Array | str, uv: Array | None = None) -> None:
        """Add a part; `uv` (F, 4, 2): its own, else as `unwrap` lays it."""
        if isinstance(material, str):
            material = np.full(len(quads), MATERIALS.index(material))
        self.points.append(points)
        self.quads.append(quads + self.count)
        self.material_index.append(material)
        self.uv.append(unwrap.part(name, points, quads) if uv is None else uv)
        self.ranges[name] = (self.count, self.count + len(points))
        self.count += len(points)

    def add_pair(self, name: str, points: Array, quads: Array, *, material: Array | str) -> None:
        """Add a left part and its mirror image."""
        uv = unwrap.part(name, points, quads)
        self.add(name + "_left", points, quads, material=material, uv=uv)
        mirrored = unwrap.mirrored_part(name, uv)
        self.add(name + "_right", points * _MIRROR_X, quads[:, ::-1], material=material, uv=mirrored)


def _skin_binding(points: Array, skin_points: Array, neighbours: int = 6) -> Array:
    """Weights (N, S) that bind points to the skin: inverse squared distances to the nearest skin vertices."""
    squared_distance = ((points[:, None] - skin_points[None]) ** 2).sum(-1)
    nearest = np.argsort(squared_distance, axis=1)[:, :neighbours]
    weight = np.zeros_like(squared_distance)
    inverse = 1.0 / (np.take_along_axis(squared_distance, nearest, axis=1) + 0.5)
    np.put_along_axis(weight, nearest, inverse / inverse.sum(1, keepdims=True), axis=1)
    return weight


def build() -> dict[str, Array]:
    """Build all arrays of `head.npz`."""
    half = half_mesh()
    source, side, quads = mirror_mesh(half)
    skin_mesh = shapes.SkinMesh(half, skin.neutral_positions(half), source, side=side)
    is_lip_red = skin_mesh.is_lip & (skin_mesh.ring >= LIP_BORDER) & (skin_mesh.ring <= LIP_CONTACT + 1)
    is_mouth_inside = (skin_mesh.is_lip & (skin_mesh.ring >= LIP_CONTACT + 1)) | skin_mesh.is_mouth_bag
    material = np.where(
        is_mouth_inside[quads].all(1),
        MATERIALS.index("mouth"),
        np.where(is_lip_red[quads].all(1), MATERIALS.index("lips"), 0),
    )

    builder = _MeshBuilder()
    is_mouth = (material == MATERIALS.index("mouth"))[: len(half.quads)]
    uv = unwrap.skin(half, skin_mesh.points[: len(half.keys)], is_mouth)
    builder.add("skin", skin_mesh.points, quads, material=material, uv=uv)
    eye_points, eye_quads, band = eyes_teeth_hair.eye()
    band_materials = np.array([MATERIALS.index(m) for m in ("pupil", "iris", "limbus", "sclera")])
    builder.add_pair("eye", eye_points, eye_quads, material=band_materials[band])
    builder.add_pair("ear", *eyes_teeth_hair.ear(), material="skin")
    for arch, upper in (("upper", True), ("lower", False)):
        builder.add(f"teeth_{arch}", *eyes_teeth_hair.teeth(upper), material="teeth")
        builder.add(f"gums_{arch}", *eyes_teeth_hair.gums(upper), material="gums")
    tongue_points, tongue_quads, tongue_position = eyes_teeth_hair.tongue()
    builder.add("tongue", tongue_points, tongue_quads, material="tongue")
    builder.add_pair("brow", *eyes_teeth_hair.brow(), material="brows")
    vertex_index = {key: i for i, key in enumerate(half.keys)}
    lid_margin = np.array([vertex_index["e", LID_FRONT, k] for k in range(INNER_CANTHUS, OUTER_CANTHUS - 1, -1)])
    builder.add_pair("lashes", *eyes_teeth_hair.lashes(skin_mesh.points[lid_margin], 4.0, 0.6), material="lashes")

    points = np.concatenate(builder.points)
    skin_shapes = shapes.skin_shapes(skin_mesh)
    bindings: dict[tuple[int, int], Array] = {}
    for name in ("brow", "ear"):
        for side_name in ("left", "right"):
            a, b = builder.ranges[f"{name}_{side_name}"]
            bindings[a, b] = _skin_binding(points[a:b], skin_mesh.points)
    deltas = np.zeros((len(ARKIT), len(points), 3))
    for k, name in enumerate(ARKIT):
        delta = skin_shapes[name]
        deltas[k, : len(skin_mesh.points)] = delta
        for (a, b), weight in bindings.items():
            deltas[k, a:b] = weight @ delta
        _add_lashes(deltas[k], builder.ranges, delta, skin_mesh=skin_mesh, lid_margin=lid_margin)
        _add_rigid_motion(deltas[k], name, builder.ranges, points=points, tongue_position=tongue_position)
    quads = np.concatenate(builder.quads)
    uv, seams = _split_at_seams(quads, np.concatenate(builder.uv))
    return {
        "vertices": (points * 1e-3).astype(np.float32),
        "quads": quads.astype(np.uint16),
        "uv": uv,
        "uv_seams": seams,
        "materials": np.array(MATERIALS),
        "material_index": np.concatenate(builder.material_index).astype(np.uint8),
        "part_names": np.array(list(builder.ranges)),
        "part_ranges": np.array(list(builder.ranges.values()), dtype=np.int32),
        "landmarks": landmarks(half, skin_mesh),
        "face_region": np.flatnonzero(
            (skin_mesh.points[:, 2] > 24) & (np.abs(skin_mesh.points[:, 1]) < 100) & ~is_mouth_inside
        ).astype(np.uint16),
        "shapes": np.array(ARKIT),
        "deltas": np.round(deltas * 1e-3 / DELTA_STEP_M).astype(np.int16),
    }


def _split_at_seams(quads: Array, corners: Array) -> tuple[Array, Array]:
    """Texture coordinates in whole steps (K, 2): one per vertex, then those of corners that differ from their vertex's.

    The second array (K - N, 2) tells of each of the latter its quad and corner.
    """
    steps = np.round(corners / UV_STEP).astype(np.uint16)
    vertices = quads.ravel()
    _, first = np.unique(vertices, return_index=True)
    of_vertices = steps.reshape(-1, 2)[first]
    places = np.argwhere((steps != of_vertices[quads]).any(axis=2))
    return np.concatenate([of_vertices, steps[places[:, 0], places[:, 1]]]), places.astype(np.uint16)


def landmarks(half: HalfMesh, skin_mesh: shapes.SkinMesh) -> Array:
    """Skin vertices (51,) of the inner iBUG points 17 to 67, in iBUG's order (the performer's right first)."""
    index = half.index_by_key()
    eye_segments, mouth_segments, lid_ring, mouth_corner = EYE_SEGMENTS, MOUTH_SEGMENTS, LID_FRONT, MOUTH_SEGMENTS // 2
    brow_points = ((51, 56, 80), (42, 62, 92), (32, 63, 99), (22, 61, 104), (12, 57, 107))  # left, outer first
    brow = [_nearest_vertex(skin_mesh, p) for p in brow_points]
    nose = [_nearest_vertex(skin_mesh, (0, y, 130)) for y in (38, 27, 15, 4)]
    nostril = [_nearest_vertex(skin_mesh, p) for p in ((12.5, -8, 109), (6.5, -11, 115))]
    upper_lid = [round(OUTER_CANTHUS + f * (INNER_CANTHUS - OUTER_CANTHUS)) for f in (0.33, 0.67)]
    lower_lid = [round(OUTER_CANTHUS - f * eye_segments / 2) % eye_segments for f in (0.67, 0.33)]
    eye = [index["e", lid_ring, k] for k in (OUTER_CANTHUS, *upper_lid, INNER_CANTHUS, *lower_lid)]  # left, outer first
    mirrored = skin_mesh.mirrored
    # left half: 10 is the upper midline, -10 the lower
    outer = {d: index["m", LIP_BORDER, mouth_corner + d] for d in (10, 8, 4, 0, -4, -8, -10)}
    inner = {d: index["m", LIP_CONTACT, mouth_corner + d] for d in (10, 6, 0, -6, -10)}
    assert mouth_segments == 20
    out = [mirrored[v] for v in brow] + brow[::-1] + nose
    out += [
        mirrored[nostril[0]],
        mirrored[nostril[1]],
        _nearest_vertex(skin_mesh, (0, -12, 116)),
        nostril[1],
        nostril[0],
    ]
    out += [mirrored[v] for v in eye] + [eye[k] for k in (3, 2, 1, 0, 5, 4)]
    out += (
        [mirrored[outer[d]] for d in (0, 4, 8)]
        + [outer[d] for d in (10, 8, 4, 0, -4, -8, -10)]
        + [mirrored[outer[d]] for d in (-8, -4)]
    )
    out += [mirrored[inner[d]] for d in (0, 6)] + [inner[d] for d in (10, 6, 0, -6, -10)] + [mirrored[inner[-6]]]
    return np.array(out, dtype=np.int32)


def _nearest_vertex(skin_mesh: shapes.SkinMesh, point: tuple[float, float, float]) -> int:
    return int((((skin_mesh.points - np.asarray(point)) ** 2).sum(1) + 1e6 * (skin_mesh.mouth_depth > 0)).argmin())


def _add_lashes(
    out: Array, ranges: dict[str, tuple[int, int]], delta: Array, *, skin_mesh: shapes.SkinMesh, lid_margin: Array
) -> None:
    """Move lashes with their lid margin, and turn them with it about the eye."""
    for side_name, sign in (("left", 1.0), ("right", -1.0)):
        a, b = ranges[f"lashes_{side_name}"]
        root = lid_margin if sign > 0 else skin_mesh.mirrored[lid_margin]
        mirror_x = np.array([sign, 1.0, 1.0])
        before = skin_mesh.points[root] * mirror_x - surface.EYE_CENTRE
        after = before + delta[root] * mirror_x
        pitch_change = np.arctan2(before[:, 1], before[:, 2]) - np.arctan2(after[:, 1], after[:, 2])
        rows = np.tile(np.arange(len(lid_margin)), 3)
        base = eyes_teeth_hair.lashes(skin_mesh.points[lid_margin], 4.0, 0.6)[0] - surface.EYE_CENTRE - before[rows]
        pitch = pitch_change[rows] * 1.25  # lashes of a closed lid point down and out
        c, sn = np.cos(pitch), np.sin(pitch)
        turned = np.stack([base[:, 0], base[:, 1] * c - base[:, 2] * sn, base[:, 1] * sn + base[:, 2] * c], axis=1)
        out[a:b] = delta[root][rows] + (turned - base) * mirror_x


def _add_rigid_motion(
    out: Array, name: str, ranges: dict[str, tuple[int, int]], *, points: Array, tongue_position: Array
) -> None:
    """Turn eyeballs, and move lower teeth and tongue with the jaw."""
    for side_name, sign in (("Left", 1.0), ("Right", -1.0)):
        for direction, degrees in shapes.GAZE_DEGREES.items():
            if name == f"eyeLook{direction}{side_name}":
                a, b = ranges[f"eye_{side_name.lower()}"]
                centre = surface.EYE_CENTRE * np.array([sign, 1.0, 1.0])
                pitch = {"Up": -degrees, "Down": degrees}.get(direction, 0.0)
                yaw = {"Out": degrees * sign, "In": -degrees * sign}.get(direction, 0.0)
                out[a:b] = shapes.rotation_offsets(points[a:b], centre, pitch=pitch, yaw=yaw)
    for part in ("teeth_lower", "gums_lower", "tongue"):
        a, b = ranges[part]
        out[a:b] = shapes.jaw_bone(name, points[a:b])
    a, b = ranges["tongue"]
    if name == "tongueOut":
        tip_weight = tongue_position[:, None] ** 1.6
        out[a:b] = tip_weight * np.array([0.0, 4.5, 43.0]) - tongue_position[:, None] ** 4 * np.array([0.0, 15.0, 6.0])
    if name in ("mouthLeft", "mouthRight"):
        out[a:b, 0] += 2.0 * tongue_position if name == "mouthLeft" else -2.0 * tongue_position


def write(path: Path = ASSET) -> None:
    """Build and write the head."""
    np.savez_compressed(path, **build())  # type: ignore[arg-type]

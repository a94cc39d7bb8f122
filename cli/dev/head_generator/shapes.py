"""Apple's 52 actions on the skin of the bundled head, as offsets from neutral.

Loops round eyes and mouth give every lid and lip vertex a position (ring, segment), so that closures are exact;
elsewhere the skin follows Gaussian weights about anatomical points. Millimetres.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ....core.arrays import Array
from . import skin, surface
from .topology import (
    INNER_CANTHUS,
    LID_BACK,
    LID_FRONT,
    LIP_BORDER,
    LIP_CONTACT,
    MOUTH_SEGMENTS,
    OUTER_CANTHUS,
    HalfMesh,
    eye_loop,
    mouth_path,
)

JAW_HINGE = np.array([0.0, 6.0, 12.0])
JAW_OPEN_DEGREES = 17.0
GAZE_DEGREES = {"Up": 22.0, "Down": 24.0, "In": 28.0, "Out": 30.0}


def _smoothstep(x: Array) -> Array:
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3 - 2 * x)


def rotation_offsets(points: Array, centre: Array, *, pitch: float = 0.0, yaw: float = 0.0) -> Array:
    """Offsets of points (N, 3) turned about x by `pitch` degrees (front down) and about y by `yaw` (front left)."""
    a, b = np.radians(pitch), np.radians(yaw)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    q = points - centre
    return q @ (about_y @ about_x).T - q


class SkinMesh:
    """The whole skin, with vertices addressed by loop, ring and segment."""

    def __init__(self, half: HalfMesh, points: Array, source: Array, *, side: Array) -> None:
        self.points = points[source] * np.stack([side, np.ones_like(side), np.ones_like(side)], axis=1)
        self.side = side
        keys = [half.keys[int(i)] for i in source]
        kind = np.array([k[0] for k in keys])
        self.ring, self.segment = (np.array([k[n] for k in keys]) for n in (1, 2))
        self.is_lid, self.is_lip = kind == "e", kind == "m"
        self.is_mouth_bag = kind == "q"
        # A loop's first ring is stored as lattice points; shapes address it as ring 0.
        for loop, flag in ((eye_loop(), self.is_lid), (mouth_path(), self.is_lip)):
            segment_of = {("g", c, r): s for s, (c, r) in enumerate(loop)}
            for v, key in enumerate(keys):
                if key in segment_of:
                    flag[v], self.ring[v], self.segment[v] = True, 0, segment_of[key]
        n = len(half.keys)
        off_midline = np.flatnonzero(~half.on_midline)
        self.mirrored = np.arange(len(source))
        self.mirrored[off_midline], self.mirrored[n:] = n + np.arange(len(off_midline)), off_midline
        self.x, self.y, self.z = self.points.T
        self._measure_lips()

    def _measure_lips(self) -> None:
        half = MOUTH_SEGMENTS / 2
        ring = np.where(self.is_lip, self.ring, 0)
        # lower: 1 on the lower lip and jaw, 0 on the upper lip; on the loops by segment, elsewhere by height
        by_segment = _smoothstep((half + 4.0 - self.segment) / 8.0)
        beyond_corner = np.clip(np.abs(self.x) - 26.0, 0.0, 60.0)
        by_height = _smoothstep(0.5 + (-34.5 - self.y) / (9.0 + 1.2 * beyond_corner))
        loop_weight = np.where(self.is_lip, np.clip(ring / LIP_BORDER, 0, 1), 0.0)
        self.lower_weight = by_height * (1 - loop_weight) + by_segment * loop_weight
        self.lower_weight[self.is_mouth_bag] = _smoothstep(0.5 + (-34.5 - self.y[self.is_mouth_bag]) / 12.0)
        # 0 at the midline, 1 at the corner
        self.corner_fraction = np.where(
            self.is_lip, 1 - np.abs(self.segment - half) / half, np.clip(np.abs(self.x) / 24.6, 0, 1)
        )
        border = self.points[self.is_lip & (self.ring == LIP_BORDER)]
        inner = (self.is_lip & (self.ring >= LIP_BORDER)) | self.is_mouth_bag
        distance = np.sqrt(((self.points[:, None] - border[None]) ** 2).sum(-1)).min(1)
        self.lip_distance = np.where(inner, 0.0, distance)
        # 0 at the lips, 1 in the mouth bag
        self.mouth_depth = np.where(self.is_lip, np.clip((self.ring - 9) / 4.0, 0, 1), self.is_mouth_bag * 1.0)

    def gaussian(self, centre: tuple[float, float, float], radius: tuple[float, float, float]) -> Array:
        """A Gaussian weight about a point of the left side (signed x)."""
        return np.exp(-((((self.points - centre) / radius) ** 2).sum(1)))

    def outer_only(self, weight: Array) -> Array:
        """Restrict a weight to the outer skin, without the mouth bag and the undersides of the lids."""
        hidden = np.where(self.is_lip, np.clip((self.ring - 8) / 4.0, 0, 1), 0.0) + self.is_mouth_bag
        return weight * (1 - np.clip(hidden, 0, 1))

    def mirror(self, delta: Array) -> Array:
        """Mirror an action to the other side of the face."""
        return delta[self.mirrored] * np.array([-1.0, 1.0, 1.0])

    def left_weight(self) -> Array:
        """1 on the performer's left, 0 on the right, soft over 8 mm at the midline."""
        return _smoothstep(0.5 + self.x / 16.0)


def _weighted_offsets(weight: Array, direction: tuple[float, float, float]) -> Array:
    return weight[:, None] * np.asarray(direction, float)


def _jaw_weight(mesh: SkinMesh) -> Array:
    """Weight (N,) with which the skin follows the jaw bone."""
    back = _smoothstep((mesh.z - 8.0) / 52.0)
    throat = _smoothstep((mesh.y + 128.0) / 46.0)
    throat = np.where(mesh.z > 62, 1.0, throat)
    return mesh.lower_weight * back * throat


def jaw_bone(name: str, points: Array) -> Array:
    """Offsets of points fixed to the jaw bone, for a shape of the jaw (0 for all others)."""
    if name == "jawOpen":  # a hinge whose condyle slides forward
        return rotation_offsets(points, JAW_HINGE, pitch=JAW_OPEN_DEGREES) + (0.0, -1.5, 2.5)
    if name == "jawForward":
        return np.zeros_like(points) + (0.0, 0.5, 7.5)
    if name in ("jawLeft", "jawRight"):
        sign = 1.0 if name == "jawLeft" else -1.0
        return rotation_offsets(points, JAW_HINGE, yaw=1.5 * sign) + (8.5 * sign, 0.0, 0.0)
    return np.zeros_like(points)


def _jaw_open_offsets(mesh: SkinMesh) -> Array:
    weight = _jaw_weight(mesh)
    d = jaw_bone("jawOpen", mesh.points) * weight[:, None]
    corner = np.exp(-(((np.abs(mesh.x) - 25) / 13) ** 2 + ((mesh.y + 35) / 15) ** 2)) * (mesh.z > 70)
    d += np.stack([-np.sign(mesh.x) * 4.5 * corner, -1.5 * corner, -2.0 * corner], axis=1)
    cheek = np.exp(-(((np.abs(mesh.x) - 46) / 16) ** 2 + ((mesh.y + 22) / 24) ** 2 + ((mesh.z - 66) / 26) ** 2))
    d += np.stack([-np.sign(mesh.x) * 4.0 * cheek, -2.0 * cheek, -1.0 * cheek], axis=1)
    philtrum = mesh.outer_only(
        np.exp(-((mesh.x / 22) ** 2 + ((mesh.y + 26) / 11) ** 2)) * (mesh.z > 80) * (1 - mesh.lower_weight)
    )
    return d + _weighted_offsets(philtrum, (0, -1.2, -0.8))


def _mouth_close_offsets(mesh: SkinMesh, jaw: Array) -> Array:
    """mouthClose: with a fully open jaw it closes every pair of lip vertices, a third of the way down."""
    half = MOUTH_SEGMENTS // 2
    lips = mesh.is_lip & (mesh.ring >= LIP_BORDER)
    border = mesh.is_lip & (mesh.ring == LIP_BORDER)
    # One offset for each distance from the corner and side, so that both lips of a pair move to the same place.
    corner_steps = np.abs(mesh.segment - half)
    lip_offsets = np.zeros((half + 1, 3))
    for d in range(half + 1):
        upper, lower = (np.flatnonzero(border & (mesh.segment == half + k) & (mesh.side > 0))[0] for k in (d, -d))
        lip_offsets[d] = 0.66 * jaw[upper] + 0.34 * jaw[lower]
    smoothing = np.exp(-(((np.arange(half + 1)[:, None] - np.arange(half + 1)[None]) / 1.6) ** 2))
    lip_offsets = smoothing @ lip_offsets / smoothing.sum(1, keepdims=True)
    lip_offsets[:, 2] *= 0.25  # lips stay in front of the teeth
    lip_offsets[half, 0] = 0.0
    target = np.zeros_like(jaw)
    side = np.where(mesh.side > 0, 1.0, -1.0)[:, None] * (1.0, 0.0, 0.0) + (0.0, 1.0, 1.0)
    target[lips] = (lip_offsets[np.clip(corner_steps, 0, half)] * side)[lips]
    border_vertices = np.flatnonzero(border)
    outside = np.flatnonzero(~lips & ~mesh.is_mouth_bag & (mesh.lip_distance < 45.0) & (mesh.z > 40))
    squared_distance = ((mesh.points[outside][:, None] - mesh.points[border_vertices][None]) ** 2).sum(-1)
    # soft, since the nearest vertex alone would leave seams
    nearness = np.exp(
        -(squared_distance - squared_distance.min(1, keepdims=True))
        / np.clip(squared_distance.min(1, keepdims=True), 4.0, 90.0)
    )
    target[outside] = (nearness @ target[border_vertices]) / nearness.sum(1, keepdims=True)
    weight = np.zeros(len(jaw))
    weight[outside] = np.exp(-((mesh.lip_distance[outside] / 15.0) ** 2))
    weight[lips] = 1 - 0.8 * mesh.mouth_depth[lips]
    return weight[:, None] * (target - jaw)


def _lid_offsets(mesh: SkinMesh, upper: float, lower: float) -> Array:
    """Lids of both eyes, with margins at the given openings (1 neutral, 0 closed)."""
    d = np.zeros_like(mesh.points)
    rows = np.flatnonzero(mesh.is_lid)
    side = np.where(mesh.side[rows] > 0, 1.0, -1.0)
    local = mesh.points[rows] * np.stack([side, np.ones_like(side), np.ones_like(side)], axis=1) - surface.EYE_CENTRE
    segment, ring = mesh.segment[rows], mesh.ring[rows]
    is_upper = (segment > OUTER_CANTHUS) & (segment < INNER_CANTHUS)
    is_corner = (segment == OUTER_CANTHUS) | (segment == INNER_CANTHUS)
    opening = np.where(is_upper, upper, np.where(is_corner, 1.0, lower))
    _, before = skin.lid_curve(segment)
    after = np.zeros_like(before)
    for value in np.unique(opening):
        selected = opening == value
        after[selected] = skin.lid_curve(segment[selected], value)[1]
    ring_share = np.array([0.0, 0.14, 0.42, 0.78, 0.95, 1.0, 1.0, 0.85, 0.6])[ring]
    radius = np.linalg.norm(local, axis=1)
    azimuth, elevation = np.arctan2(local[:, 0], local[:, 2]), np.arcsin(np.clip(local[:, 1] / radius, -1, 1))
    elevation_change = (after - before) * ring_share
    plate = np.clip(np.abs(elevation_change) / np.radians(12.0), 0, 1) * np.where(
        (ring >= 2) & (ring < LID_FRONT), 1.0, 0.0
    )
    radius_after = radius + plate * np.minimum(skin.lid_radius(azimuth, surface.LID_RADIUS + 0.25) - radius, 0.0) * 0.8
    # Shapes move on chords: closing lids arch outwards so that the cornea never pokes through half way.
    radius_after += (
        0.9
        * np.clip(np.abs(elevation_change) / np.radians(35.0), 0, 1)
        * np.clip((ring - 1) / 3.0, 0, 1)
        * is_upper
        * (ring < LID_BACK)
    )
    moved = skin.on_eye(azimuth, elevation + elevation_change, radius_after) - surface.EYE_CENTRE
    d[rows] = (moved - local) * np.stack([side, np.ones_like(side), np.ones_like(side)], axis=1)
    return d


def _left_lid_offsets(mesh: SkinMesh, upper: float, lower: float) -> Array:
    return _lid_offsets(mesh, upper, lower) * (mesh.side > 0)[:, None] * (np.abs(mesh.x) > 4)[:, None]


def _lip_roll_offsets(mesh: SkinMesh, upper: bool) -> Array:
    """Roll a lip in over the teeth, its red behind the contact line."""
    on_this_lip = (mesh.segment > MOUTH_SEGMENTS / 2) if upper else (mesh.segment < MOUTH_SEGMENTS / 2)
    fullness = np.clip(1 - mesh.corner_fraction**3, 0, 1)
    ring = np.where(mesh.is_lip, mesh.ring, -1)
    sign = -1.0 if upper else 1.0
    ring_heights = np.array([2.2, 3.4, 4.6, 5.6, 4.6, 2.6, 1.0, 0.0, -0.4, -0.6])
    ring_depths = np.array([-1.0, -1.8, -2.6, -3.6, -5.2, -6.2, -5.6, -4.4, -3.2, -1.5])
    d = np.zeros_like(mesh.points)
    for k in range(10):
        rows = mesh.is_lip & on_this_lip & (ring == k)
        d[rows, 1] = sign * ring_heights[k] * fullness[rows]
        d[rows, 2] = ring_depths[k] * fullness[rows]
    y = -17.0 if upper else -53.0
    skin_beyond = (
        mesh.outer_only(np.exp(-((mesh.x / 24) ** 2 + ((mesh.y - y) / 8) ** 2))) * ~mesh.is_lip * (mesh.z > 80)
    )
    return d + _weighted_offsets(skin_beyond, (0, sign * 2.0, -0.8))


def _mouth_weight(mesh: SkinMesh, width: float = 36.0, height: float = 22.0) -> Array:
    """Gaussian weight over the lips and the skin round them."""
    return mesh.outer_only(
        np.exp(-(((mesh.x / width) ** 2) ** 1.5) - (((mesh.y + 34.5) / height) ** 2)) * _smoothstep((mesh.z - 62) / 25)
    )


def _corner_weight(mesh: SkinMesh, radius: float = 19.0) -> Array:
    return mesh.outer_only(mesh.gaussian((26, -35, 100), (radius, radius * 0.9, 34)))


def _lip_weight(mesh: SkinMesh, upper: bool, height: float) -> Array:
    """Weight of one lip and the skin beyond it, fading towards the corner."""
    lip_share = (1 - mesh.lower_weight) if upper else mesh.lower_weight
    reach = np.where((mesh.y > -34.5) == upper, np.exp(-((mesh.lip_distance / height) ** 2)), 0.0)
    reach = np.where(mesh.is_lip & (mesh.ring >= 1), np.exp(-((mesh.lip_distance / height) ** 2)), reach)
    return mesh.outer_only(lip_share * reach * (1 - 0.9 * np.clip(np.abs(mesh.x) / 27.0, 0, 1) ** 2.2) * (mesh.z > 75))


def skin_shapes(mesh: SkinMesh) -> dict[str, Array]:
    """All 52 offsets (N, 3) of the skin by Apple's names (eyeballs, teeth and tongue: see `generate`)."""
    out: dict[str, Array] = {}
    left_weight = mesh.left_weight()

    def add_sides(name: str, left_offsets: Callable[[], Array]) -> None:
        delta = left_offsets()
        out[name + "Left"], out[name + "Right"] = delta, mesh.mirror(delta)

    mouth_weight = _mouth_weight(mesh)
    jaw_weight = _jaw_weight(mesh)
    out["jawOpen"] = _jaw_open_offsets(mesh)
    out["mouthClose"] = _mouth_close_offsets(mesh, out["jawOpen"])
    for name in ("jawForward", "jawLeft", "jawRight"):
        out[name] = jaw_bone(name, mesh.points) * jaw_weight[:, None]

    # Lips as a whole
    upper_weight, lower_weight = (1 - mesh.lower_weight), mesh.lower_weight
    towards_midline = np.stack([-mesh.x, np.zeros_like(mesh.x), np.zeros_like(mesh.x)], axis=1)
    lip_fullness = np.where(mesh.is_lip, np.clip(1 - np.abs(mesh.ring - 5) / 4.0, 0, 1), 0.0)
    side_weight = np.clip(np.abs(mesh.x) / 26, 0, 1) ** 2
    pucker = (
        towards_midline * (0.46 * mouth_weight)[:, None]
        + _weighted_offsets(mouth_weight, (0, 0, 5.0))
        + _weighted_offsets(mouth_weight * side_weight, (0, 0, 7.5))
    )
    outer = np.where(mesh.is_lip, np.clip(1 - np.abs(mesh.ring - 4) / 2.5, 0, 1), 0.0) * (1 - mesh.corner_fraction**2)
    pucker += _weighted_offsets(outer * upper_weight, (0, 0.6, 2.0)) + _weighted_offsets(
        outer * lower_weight, (0, -0.6, 2.0)
    )
    out["mouthPucker"] = pucker
    funnel = (
        towards_midline * (0.34 * mouth_weight)[:, None]
        + _weighted_offsets(mouth_weight, (0, 0, 3.0))
        + _weighted_offsets(mouth_weight * side_weight, (0, 0, 5.5))
    )
    opening = np.where(mesh.is_lip, np.exp(-((mesh.corner_fraction / 0.95) ** 4)), np.exp(-((mesh.x / 18) ** 2)))
    funnel += _weighted_offsets(_lip_weight(mesh, True, 12) * opening, (0, 5.0, 1.5)) + _weighted_offsets(
        _lip_weight(mesh, False, 12) * opening, (0, -6.0, 1.0)
    )
    funnel += _weighted_offsets(lip_fullness * (1 - mesh.corner_fraction**2), (0, 0, 3.0))
    out["mouthFunnel"] = funnel
    sideways = mesh.outer_only(
        np.exp(-((mesh.x / 46) ** 2) - (((mesh.y + 33) / 24) ** 2)) * _smoothstep((mesh.z - 50) / 35)
    )
    out["mouthLeft"] = _weighted_offsets(sideways, (11.5, 0, 0)) + _weighted_offsets(
        sideways * np.clip(mesh.x / 30, -1, 1), (0, 2.5, -5.0)
    )
    out["mouthRight"] = mesh.mirror(out["mouthLeft"])
    out["mouthRollLower"], out["mouthRollUpper"] = _lip_roll_offsets(mesh, False), _lip_roll_offsets(mesh, True)
    chin = mesh.outer_only(np.exp(-((mesh.x / 20) ** 2) - (((mesh.y + 62) / 15) ** 2)) * (mesh.z > 80))
    out["mouthShrugLower"] = (
        _weighted_offsets(_lip_weight(mesh, False, 16), (0, 4.6, 2.8))
        + _weighted_offsets(chin, (0, 5.0, 1.2))
        + _weighted_offsets(_lip_weight(mesh, True, 9), (0, 2.4, 1.2))
    )
    following = (
        np.where(mesh.is_lip, np.clip((mesh.ring - 1) / 6.0, 0, 1), 0.0)
        * (1 - 0.9 * mesh.corner_fraction**2.2)
        * (1 - mesh.mouth_depth)
    )
    out["mouthShrugUpper"] = _weighted_offsets(_lip_weight(mesh, True, 13), (0, 4.2, 2.2)) + _weighted_offsets(
        lower_weight * following, (0, 4.0, 1.6)
    )

    # One side each
    corner, wide_corner = _corner_weight(mesh), _corner_weight(mesh, 26)
    cheek = mesh.outer_only(mesh.gaussian((42, 2, 82), (20, 18, 30)))
    fold = mesh.outer_only(mesh.gaussian((24, -12, 102), (15, 14, 26)))
    add_sides(
        "mouthSmile",
        lambda: (
            _weighted_offsets(corner, (7.0, 0, -6.5))
            + _weighted_offsets(corner**1.8, (1.5, 11.0, 0))
            + _weighted_offsets(wide_corner, (1.5, 2.0, -1.5))
            + _weighted_offsets(cheek, (1.5, 4.5, 2.5))
            + _weighted_offsets(fold, (1.5, 2.0, 0.5))
        ),
    )
    add_sides(
        "mouthFrown",
        lambda: (
            _weighted_offsets(corner, (1.5, -8.0, -2.0))
            + _weighted_offsets(mesh.outer_only(mesh.gaussian((24, -56, 98), (14, 14, 30))), (1.0, -3.0, 0.0))
        ),
    )
    add_sides(
        "mouthDimple",
        lambda: (
            _weighted_offsets(_corner_weight(mesh, 14), (4.5, 1.8, -7.5))
            + _weighted_offsets(wide_corner, (3.5, 0.8, -3.0))
        ),
    )
    add_sides(
        "mouthStretch",
        lambda: (
            _weighted_offsets(wide_corner, (8.5, -4.5, -6.0))
            + _weighted_offsets(mesh.outer_only(mesh.gaussian((34, -62, 80), (20, 18, 34))), (2.5, -2.5, -1.0))
        ),
    )
    press_in = np.where(mesh.is_lip, np.clip(1 - np.abs(mesh.ring - 5) / 3.5, 0, 1), 0.0) * (
        0.35 + 0.65 * mesh.corner_fraction
    )
    add_sides(
        "mouthPress",
        lambda: (
            (
                _weighted_offsets(press_in * upper_weight, (0, -3.2, -3.2))
                + _weighted_offsets(press_in * lower_weight, (0, 3.6, -3.4))
            )
            * left_weight[:, None]
            + _weighted_offsets(_corner_weight(mesh, 15), (2.5, 1.2, -3.5))
            + _weighted_offsets(mesh.outer_only(mesh.gaussian((20, -52, 102), (13, 9, 30))), (0, 1.4, 1.8))
        ),
    )
    off_mid = mesh.outer_only(np.exp(-(((mesh.x - 12) / 15) ** 2)))
    add_sides(
        "mouthLowerDown",
        lambda: (
            _weighted_offsets(_lip_weight(mesh, False, 15) * off_mid, (1.5, -9.0, 0.5))
            + _weighted_offsets(
                mesh.outer_only(mesh.gaussian((14, -56, 104), (13, 11, 26))) * lower_weight, (0.5, -2.5, 0)
            )
        ),
    )
    add_sides(
        "mouthUpperUp",
        lambda: (
            _weighted_offsets(_lip_weight(mesh, True, 14) * off_mid, (1.0, 7.5, 0.5))
            + _weighted_offsets(fold, (1.0, 4.0, 1.0))
            + _weighted_offsets(mesh.outer_only(mesh.gaussian((13, -4, 110), (8, 8, 16))), (0.8, 1.5, 0.2))
        ),
    )
    left_puff = mesh.outer_only(mesh.gaussian((40, -28, 84), (21, 20, 34)))
    normal = surface.normal(mesh.points * np.array([1.0, 1.0, 1.0]))
    puff = left_puff + mesh.mirror(_weighted_offsets(left_puff, (0, 1, 0)))[:, 1]
    around_mouth = (
        mesh.outer_only(np.exp(-((mesh.x / 34) ** 2) - (((mesh.y + 34) / 22) ** 2)))
        * (mesh.z > 80)
        * ~(mesh.is_lip & (mesh.ring > LIP_CONTACT))
    )
    out["cheekPuff"] = normal * (11.5 * puff * ~mesh.is_lip + 11.5 * puff * mesh.is_lip * (mesh.ring < 3))[
        :, None
    ] + _weighted_offsets(around_mouth, (0, 0, 2.4))
    out["cheekPuff"] += _weighted_offsets(puff * (mesh.is_lip & (mesh.ring >= 3)), (0, 0, 3.0))
    add_sides(
        "cheekSquint",
        lambda: (
            _weighted_offsets(mesh.gaussian((38, 15, 88), (19, 13, 26)), (0.5, 7.0, 3.4))
            + _weighted_offsets(mesh.gaussian((52, 26, 76), (10, 12, 20)), (-1.0, 2.0, 1.0))
            + _left_lid_offsets(mesh, 1.0, 0.75)
        ),
    )
    add_sides(
        "noseSneer",
        lambda: (
            _weighted_offsets(mesh.gaussian((12.5, -2, 110), (9, 9, 16)), (1.8, 6.0, -0.4))
            + _weighted_offsets(mesh.gaussian((9, 22, 110), (9, 13, 14)), (-0.6, 4.4, 2.2))
            + _weighted_offsets(_lip_weight(mesh, True, 12) * off_mid, (0.3, 1.6, 0.3))
            + _weighted_offsets(fold, (0.5, 3.6, 1.4))
            + _weighted_offsets(mesh.gaussian((10, 54, 105), (9, 8, 14)), (-0.8, -2.0, 0.6))
        ),
    )

    # Brows
    mesh.gaussian((30, 58, 98), (25, 15, 40))
    inner, middle, outer = (mesh.gaussian(c, (13, 16, 30)) for c in ((13, 58, 106), (29, 62, 99), (45, 58, 85)))
    lid_top = np.where(mesh.is_lid, _smoothstep((mesh.y - 38) / 8) * np.clip(1 - mesh.ring / 4.0, 0, 1), 1.0)
    add_sides(
        "browDown",
        lambda: (
            (
                _weighted_offsets(inner, (-3.0, -7.5, 2.0))
                + _weighted_offsets(middle, (-1.0, -3.8, 1.4))
                + _weighted_offsets(outer, (0, -1.2, 0.2))
            )
            * lid_top[:, None]
        ),
    )
    raise_inner = (
        _weighted_offsets(inner, (0.3, 9.5, -0.8))
        + _weighted_offsets(middle, (0, 2.0, -0.2))
        + _weighted_offsets(mesh.gaussian((12, 78, 104), (16, 14, 30)), (0, 3.0, 0))
    ) * lid_top[:, None]
    out["browInnerUp"] = raise_inner * 0.92 + mesh.mirror(raise_inner) * 0.92
    add_sides(
        "browOuterUp",
        lambda: (
            (
                _weighted_offsets(outer, (0.8, 8.0, -1.4))
                + _weighted_offsets(middle, (0.2, 6.0, -0.8))
                + _weighted_offsets(mesh.gaussian((38, 80, 90), (18, 14, 34)), (0, 3.0, -0.6))
            )
            * lid_top[:, None]
        ),
    )

    # Lids
    sag = mesh.gaussian((32, 50, 96), (16, 6, 20))
    pinch = mesh.gaussian((52, 36, 80), (9, 12, 20))
    add_sides(
        "eyeBlink", lambda: _left_lid_offsets(mesh, 0.0, 0.0) + _weighted_offsets(sag * ~mesh.is_lid, (0, -1.2, 0))
    )
    add_sides(
        "eyeSquint",
        lambda: (
            _left_lid_offsets(mesh, 0.72, 0.2)
            + _weighted_offsets(mesh.gaussian((34, 25, 94), (17, 8, 20)) * ~mesh.is_lid, (0, 2.6, 1.0))
            + _weighted_offsets(pinch, (-2.0, 0, 0.5))
        ),
    )
    add_sides(
        "eyeWide", lambda: _left_lid_offsets(mesh, 1.42, 1.12) + _weighted_offsets(sag * ~mesh.is_lid, (0, 1.6, 0))
    )
    add_sides("eyeLookUp", lambda: _left_lid_offsets(mesh, 1.22, 0.9))
    add_sides("eyeLookDown", lambda: _left_lid_offsets(mesh, 0.6, 1.18))
    lid_drift = (
        np.where(mesh.is_lid, np.clip((mesh.ring - 1) / 4, 0, 1), 0.0)
        * (np.abs(mesh.x) > 4)
        * (np.abs(mesh.segment - INNER_CANTHUS) > 2)
        * (np.abs(mesh.segment - OUTER_CANTHUS) > 2)
    )
    bulge = lid_drift * np.exp(-(((np.abs(mesh.x) - 31.5) / 8) ** 2)) * (mesh.side > 0)
    add_sides("eyeLookIn", lambda: _weighted_offsets(bulge, (-0.9, 0, 0.3)))
    add_sides("eyeLookOut", lambda: _weighted_offsets(bulge, (0.9, 0, 0.1)))
    lip_weights = _lip_weight(mesh, True, 8), _lip_weight(mesh, False, 10)
    out["tongueOut"] = _weighted_offsets(lip_weights[0] * opening, (0, 2.6, 0.4)) + _weighted_offsets(
        lip_weights[1] * opening, (0, -3.4, 0.8)
    )
    return out

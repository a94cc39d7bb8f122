"""Apple's 52 actions on the skin of the bundled head, as offsets from neutral.

Two ideas do most of the work: loops round eyes and mouth give every lid and lip vertex a place (ring, segment), so
that closures are exact; elsewhere the skin is drawn along by smooth bells about anatomical points. Millimetres.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

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


def _step(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3 - 2 * x)


def turn(points: np.ndarray, centre: np.ndarray, pitch: float = 0.0, yaw: float = 0.0) -> np.ndarray:
    """Offsets when points (N, 3) turn about x by `pitch` degrees (front goes down) and about y by `yaw` (front goes left)."""
    a, b = np.radians(pitch), np.radians(yaw)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    q = points - centre
    return q @ (about_y @ about_x).T - q


class Skin:
    """The whole skin with the names of its vertices, as the shapes see it."""

    def __init__(self, half: HalfMesh, points: np.ndarray, source: np.ndarray, side: np.ndarray) -> None:
        self.p = points[source] * np.stack([side, np.ones_like(side), np.ones_like(side)], axis=1)
        self.side = side
        keys = [half.keys[i] for i in source]
        kind = np.array([k[0] for k in keys])
        self.ring, self.segment = (np.array([k[n] for k in keys]) for n in (1, 2))
        self.lid, self.lip = kind == "e", kind == "m"
        self.bag = kind == "q"
        # A loop's first ring is stored as lattice points; the shapes want it as ring 0.
        for loop, flag in ((eye_loop(), self.lid), (mouth_path(), self.lip)):
            place = {("g", c, r): s for s, (c, r) in enumerate(loop)}
            for v, key in enumerate(keys):
                if key in place:
                    flag[v], self.ring[v], self.segment[v] = True, 0, place[key]
        n = len(half.keys)
        off = np.flatnonzero(~half.on_midline)
        self.mirrored = np.arange(len(source))
        self.mirrored[off], self.mirrored[n:] = n + np.arange(len(off)), off
        self.x, self.y, self.z = self.p.T
        self._place_lips()

    def _place_lips(self) -> None:
        half = MOUTH_SEGMENTS / 2
        ring = np.where(self.lip, self.ring, 0)
        # lower: 1 on the lower lip and jaw, 0 on the upper lip; on the loops by segment, elsewhere by height
        by_segment = _step((half + 4.0 - self.segment) / 8.0)
        away = np.clip(np.abs(self.x) - 26.0, 0.0, 60.0)
        by_height = _step(0.5 + (-34.5 - self.y) / (9.0 + 1.2 * away))
        mix = np.where(self.lip, np.clip(ring / LIP_BORDER, 0, 1), 0.0)
        self.lower = by_height * (1 - mix) + by_segment * mix
        self.lower[self.bag] = _step(0.5 + (-34.5 - self.y[self.bag]) / 12.0)
        self.u = np.where(self.lip, 1 - np.abs(self.segment - half) / half, np.clip(np.abs(self.x) / 24.6, 0, 1))  # 0 midline, 1 corner
        border = self.p[self.lip & (self.ring == LIP_BORDER)]
        inner = (self.lip & (self.ring >= LIP_BORDER)) | self.bag
        gap = np.sqrt(((self.p[:, None] - border[None]) ** 2).sum(-1)).min(1)
        self.from_lips = np.where(inner, 0.0, gap)
        self.inside = np.where(self.lip, np.clip((self.ring - 9) / 4.0, 0, 1), self.bag * 1.0)  # into the mouth bag

    def bell(self, centre: tuple[float, float, float], radius: tuple[float, float, float]) -> np.ndarray:
        """A Gaussian weight about a point of the left side (signed x)."""
        return np.exp(-((((self.p - centre) / radius) ** 2).sum(1)))

    def skin_only(self, weight: np.ndarray) -> np.ndarray:
        """Keep bells on the outer skin: the mouth bag and the lids' undersides stay behind."""
        hidden = np.where(self.lip, np.clip((self.ring - 8) / 4.0, 0, 1), 0.0) + self.bag
        return weight * (1 - np.clip(hidden, 0, 1))

    def mirror(self, delta: np.ndarray) -> np.ndarray:
        """The same action on the other side of the face."""
        return delta[self.mirrored] * np.array([-1.0, 1.0, 1.0])

    def left(self) -> np.ndarray:
        """1 on the performer's left, 0 on the right, soft over 8 mm at the midline."""
        return _step(0.5 + self.x / 16.0)


def _vec(weight: np.ndarray, direction: tuple[float, float, float]) -> np.ndarray:
    return weight[:, None] * np.asarray(direction, float)


def _jaw_weight(s: Skin) -> np.ndarray:
    """How far the skin follows the jaw bone."""
    back = _step((s.z - 8.0) / 52.0)
    throat = _step((s.y + 128.0) / 46.0)
    throat = np.where(s.z > 62, 1.0, throat)
    return s.lower * back * throat


def jaw_bone(name: str, points: np.ndarray) -> np.ndarray:
    """Offsets of points fixed to the jaw bone in one of the jaw's shapes (0 in all others)."""
    if name == "jawOpen":  # a hinge whose condyle slides forward
        return turn(points, JAW_HINGE, pitch=JAW_OPEN_DEGREES) + (0.0, -1.5, 2.5)
    if name == "jawForward":
        return np.zeros_like(points) + (0.0, 0.5, 7.5)
    if name in ("jawLeft", "jawRight"):
        sign = 1.0 if name == "jawLeft" else -1.0
        return turn(points, JAW_HINGE, yaw=1.5 * sign) + (8.5 * sign, 0.0, 0.0)
    return np.zeros_like(points)


def _jaw_open(s: Skin) -> np.ndarray:
    weight = _jaw_weight(s)
    d = jaw_bone("jawOpen", s.p) * weight[:, None]
    corner = np.exp(-(((np.abs(s.x) - 25) / 13) ** 2 + ((s.y + 35) / 15) ** 2)) * (s.z > 70)
    d += np.stack([-np.sign(s.x) * 4.5 * corner, -1.5 * corner, -2.0 * corner], axis=1)
    cheek = np.exp(-(((np.abs(s.x) - 46) / 16) ** 2 + ((s.y + 22) / 24) ** 2 + ((s.z - 66) / 26) ** 2))
    d += np.stack([-np.sign(s.x) * 4.0 * cheek, -2.0 * cheek, -1.0 * cheek], axis=1)
    philtrum = s.skin_only(np.exp(-((s.x / 22) ** 2 + ((s.y + 26) / 11) ** 2)) * (s.z > 80) * (1 - s.lower))
    return d + _vec(philtrum, (0, -1.2, -0.8))


def _mouth_close(s: Skin, jaw: np.ndarray) -> np.ndarray:
    """On top of a fully open jaw this brings every pair of lip vertices together again, a third of the way down."""
    half = MOUTH_SEGMENTS // 2
    lips = s.lip & (s.ring >= LIP_BORDER)
    border = s.lip & (s.ring == LIP_BORDER)
    # One offset for each distance from the corner and side, so that both lips of a pair move to the same place.
    away = np.abs(s.segment - half)
    left = np.zeros((half + 1, 3))
    for d in range(half + 1):
        upper, lower = (np.flatnonzero(border & (s.segment == half + k) & (s.side > 0))[0] for k in (d, -d))
        left[d] = 0.66 * jaw[upper] + 0.34 * jaw[lower]
    near = np.exp(-(((np.arange(half + 1)[:, None] - np.arange(half + 1)[None]) / 1.6) ** 2))
    left = near @ left / near.sum(1, keepdims=True)
    left[:, 2] *= 0.25  # lips stay before the teeth
    left[half, 0] = 0.0
    meet = np.zeros_like(jaw)
    side = np.where(s.side > 0, 1.0, -1.0)[:, None] * (1.0, 0.0, 0.0) + (0.0, 1.0, 1.0)
    meet[lips] = (left[np.clip(away, 0, half)] * side)[lips]
    edge = np.flatnonzero(border)
    outside = np.flatnonzero(~lips & ~s.bag & (s.from_lips < 45.0) & (s.z > 40))
    gap = ((s.p[outside][:, None] - s.p[edge][None]) ** 2).sum(-1)
    soft = np.exp(-(gap - gap.min(1, keepdims=True)) / np.clip(gap.min(1, keepdims=True), 4.0, 90.0))  # a hard nearest would leave seams
    meet[outside] = (soft @ meet[edge]) / soft.sum(1, keepdims=True)
    weight = np.zeros(len(jaw))
    weight[outside] = np.exp(-((s.from_lips[outside] / 15.0) ** 2))
    weight[lips] = 1 - 0.8 * s.inside[lips]
    return weight[:, None] * (meet - jaw)


def _lids(s: Skin, upper: float, lower: float) -> np.ndarray:
    """Both eyes' lids moved so that each margin has the given opening (1 neutral, 0 the closure line)."""
    d = np.zeros_like(s.p)
    rows = np.flatnonzero(s.lid)
    side = np.where(s.side[rows] > 0, 1.0, -1.0)
    local = s.p[rows] * np.stack([side, np.ones_like(side), np.ones_like(side)], axis=1) - surface.EYE_CENTRE
    segment, ring = s.segment[rows], s.ring[rows]
    is_upper = (segment > OUTER_CANTHUS) & (segment < INNER_CANTHUS)
    is_corner = (segment == OUTER_CANTHUS) | (segment == INNER_CANTHUS)
    opening = np.where(is_upper, upper, np.where(is_corner, 1.0, lower))
    _, before = skin.lid_curve(segment)
    after = np.zeros_like(before)
    for value in np.unique(opening):
        pick = opening == value
        after[pick] = skin.lid_curve(segment[pick], value)[1]
    share = np.array([0.0, 0.14, 0.42, 0.78, 0.95, 1.0, 1.0, 0.85, 0.6])[ring]
    radius = np.linalg.norm(local, axis=1)
    azimuth, elevation = np.arctan2(local[:, 0], local[:, 2]), np.arcsin(np.clip(local[:, 1] / radius, -1, 1))
    slid = (after - before) * share
    plate = np.clip(np.abs(slid) / np.radians(12.0), 0, 1) * np.where((ring >= 2) & (ring < LID_FRONT), 1.0, 0.0)
    radius_after = radius + plate * np.minimum(skin.lid_radius(azimuth, surface.LID_RADIUS + 0.25) - radius, 0.0) * 0.8
    # A morph moves along a chord: closing lids arch outwards so that the cornea never shows through half way.
    radius_after += 0.9 * np.clip(np.abs(slid) / np.radians(35.0), 0, 1) * np.clip((ring - 1) / 3.0, 0, 1) * is_upper * (ring < LID_BACK)
    moved = skin.on_eye(azimuth, elevation + slid, radius_after) - surface.EYE_CENTRE
    d[rows] = (moved - local) * np.stack([side, np.ones_like(side), np.ones_like(side)], axis=1)
    return d


def _left_lid(s: Skin, upper: float, lower: float) -> np.ndarray:
    return _lids(s, upper, lower) * (s.side > 0)[:, None] * (np.abs(s.x) > 4)[:, None]


def _lip_roll(s: Skin, upper: bool) -> np.ndarray:
    """The lip turns in over the teeth: its red rolls behind the contact line."""
    own = (s.segment > MOUTH_SEGMENTS / 2) if upper else (s.segment < MOUTH_SEGMENTS / 2)
    full = np.clip(1 - s.u**3, 0, 1)
    ring = np.where(s.lip, s.ring, -1)
    sign = -1.0 if upper else 1.0
    rise = np.array([2.2, 3.4, 4.6, 5.6, 4.6, 2.6, 1.0, 0.0, -0.4, -0.6])
    back = np.array([-1.0, -1.8, -2.6, -3.6, -5.2, -6.2, -5.6, -4.4, -3.2, -1.5])
    d = np.zeros_like(s.p)
    for k in range(10):
        rows = s.lip & own & (ring == k)
        d[rows, 1] = sign * rise[k] * full[rows]
        d[rows, 2] = back[k] * full[rows]
    y = -17.0 if upper else -53.0
    near = s.skin_only(np.exp(-((s.x / 24) ** 2 + ((s.y - y) / 8) ** 2))) * ~s.lip * (s.z > 80)
    return d + _vec(near, (0, sign * 2.0, -0.8))


def _mouth_field(s: Skin, wide: float = 36.0, tall: float = 22.0) -> np.ndarray:
    """A bell over lips and the skin round them."""
    return s.skin_only(np.exp(-(((s.x / wide) ** 2) ** 1.5) - (((s.y + 34.5) / tall) ** 2)) * _step((s.z - 62) / 25))


def _corner(s: Skin, radius: float = 19.0) -> np.ndarray:
    return s.skin_only(s.bell((26, -35, 100), (radius, radius * 0.9, 34)))


def _lip_edge(s: Skin, upper: bool, tall: float) -> np.ndarray:
    """One lip and the skin beyond it, fading to the corner."""
    own = (1 - s.lower) if upper else s.lower
    reach = np.where((s.y > -34.5) == upper, np.exp(-((s.from_lips / tall) ** 2)), 0.0)
    reach = np.where(s.lip & (s.ring >= 1), np.exp(-((s.from_lips / tall) ** 2)), reach)
    return s.skin_only(own * reach * (1 - 0.9 * np.clip(np.abs(s.x) / 27.0, 0, 1) ** 2.2) * (s.z > 75))


def skin_shapes(s: Skin) -> dict[str, np.ndarray]:
    """All 52 offsets (N, 3) of the skin by Apple's names (eyeballs, teeth and tongue: see `generate`)."""
    out: dict[str, np.ndarray] = {}
    left = s.left()

    def both(name: str, make: Callable[[], np.ndarray]) -> None:
        delta = make()
        out[name + "Left"], out[name + "Right"] = delta, s.mirror(delta)

    mouth = _mouth_field(s)
    jaw = _jaw_weight(s)
    out["jawOpen"] = _jaw_open(s)
    out["mouthClose"] = _mouth_close(s, out["jawOpen"])
    for name in ("jawForward", "jawLeft", "jawRight"):
        out[name] = jaw_bone(name, s.p) * jaw[:, None]

    # Lips as a whole
    up, low = (1 - s.lower), s.lower
    radial = np.stack([-s.x, np.zeros_like(s.x), np.zeros_like(s.x)], axis=1)
    flare = np.where(s.lip, np.clip(1 - np.abs(s.ring - 5) / 4.0, 0, 1), 0.0)
    side_drop = np.clip(np.abs(s.x) / 26, 0, 1) ** 2
    pucker = radial * (0.46 * mouth)[:, None] + _vec(mouth, (0, 0, 5.0)) + _vec(mouth * side_drop, (0, 0, 7.5))
    outer = np.where(s.lip, np.clip(1 - np.abs(s.ring - 4) / 2.5, 0, 1), 0.0) * (1 - s.u**2)
    pucker += _vec(outer * up, (0, 0.6, 2.0)) + _vec(outer * low, (0, -0.6, 2.0))
    out["mouthPucker"] = pucker
    funnel = radial * (0.34 * mouth)[:, None] + _vec(mouth, (0, 0, 3.0)) + _vec(mouth * side_drop, (0, 0, 5.5))
    opening = np.where(s.lip, np.exp(-((s.u / 0.95) ** 4)), np.exp(-((s.x / 18) ** 2)))
    funnel += _vec(_lip_edge(s, True, 12) * opening, (0, 5.0, 1.5)) + _vec(_lip_edge(s, False, 12) * opening, (0, -6.0, 1.0))
    funnel += _vec(flare * (1 - s.u**2), (0, 0, 3.0))
    out["mouthFunnel"] = funnel
    shift = s.skin_only(np.exp(-((s.x / 46) ** 2) - (((s.y + 33) / 24) ** 2)) * _step((s.z - 50) / 35))
    out["mouthLeft"] = _vec(shift, (11.5, 0, 0)) + _vec(shift * np.clip(s.x / 30, -1, 1), (0, 2.5, -5.0))
    out["mouthRight"] = s.mirror(out["mouthLeft"])
    out["mouthRollLower"], out["mouthRollUpper"] = _lip_roll(s, False), _lip_roll(s, True)
    chin = s.skin_only(np.exp(-((s.x / 20) ** 2) - (((s.y + 62) / 15) ** 2)) * (s.z > 80))
    out["mouthShrugLower"] = (
        _vec(_lip_edge(s, False, 16), (0, 4.6, 2.8)) + _vec(chin, (0, 5.0, 1.2)) + _vec(_lip_edge(s, True, 9), (0, 2.4, 1.2))
    )
    follow = np.where(s.lip, np.clip((s.ring - 1) / 6.0, 0, 1), 0.0) * (1 - 0.9 * s.u**2.2) * (1 - s.inside)
    out["mouthShrugUpper"] = _vec(_lip_edge(s, True, 13), (0, 4.2, 2.2)) + _vec(low * follow, (0, 4.0, 1.6))

    # One side each
    corner, wide = _corner(s), _corner(s, 26)
    cheek = s.skin_only(s.bell((42, 2, 82), (20, 18, 30)))
    fold = s.skin_only(s.bell((24, -12, 102), (15, 14, 26)))
    both(
        "mouthSmile",
        lambda: (
            _vec(corner, (7.0, 0, -6.5))
            + _vec(corner**1.8, (1.5, 11.0, 0))
            + _vec(wide, (1.5, 2.0, -1.5))
            + _vec(cheek, (1.5, 4.5, 2.5))
            + _vec(fold, (1.5, 2.0, 0.5))
        ),
    )
    both("mouthFrown", lambda: _vec(corner, (1.5, -8.0, -2.0)) + _vec(s.skin_only(s.bell((24, -56, 98), (14, 14, 30))), (1.0, -3.0, 0.0)))
    both("mouthDimple", lambda: _vec(_corner(s, 14), (4.5, 1.8, -7.5)) + _vec(wide, (3.5, 0.8, -3.0)))
    both("mouthStretch", lambda: _vec(wide, (8.5, -4.5, -6.0)) + _vec(s.skin_only(s.bell((34, -62, 80), (20, 18, 34))), (2.5, -2.5, -1.0)))
    press_in = np.where(s.lip, np.clip(1 - np.abs(s.ring - 5) / 3.5, 0, 1), 0.0) * (0.35 + 0.65 * s.u)
    both(
        "mouthPress",
        lambda: (
            (_vec(press_in * up, (0, -3.2, -3.2)) + _vec(press_in * low, (0, 3.6, -3.4))) * left[:, None]
            + _vec(_corner(s, 15), (2.5, 1.2, -3.5))
            + _vec(s.skin_only(s.bell((20, -52, 102), (13, 9, 30))), (0, 1.4, 1.8))
        ),
    )
    off_mid = s.skin_only(np.exp(-(((s.x - 12) / 15) ** 2)))
    both(
        "mouthLowerDown",
        lambda: (
            _vec(_lip_edge(s, False, 15) * off_mid, (1.5, -9.0, 0.5))
            + _vec(s.skin_only(s.bell((14, -56, 104), (13, 11, 26))) * low, (0.5, -2.5, 0))
        ),
    )
    both(
        "mouthUpperUp",
        lambda: (
            _vec(_lip_edge(s, True, 14) * off_mid, (1.0, 7.5, 0.5))
            + _vec(fold, (1.0, 4.0, 1.0))
            + _vec(s.skin_only(s.bell((13, -4, 110), (8, 8, 16))), (0.8, 1.5, 0.2))
        ),
    )
    puffed = s.skin_only(s.bell((40, -28, 84), (21, 20, 34)))
    normal = surface.normal(s.p * np.array([1.0, 1.0, 1.0]))
    whole_puff = puffed + s.mirror(_vec(puffed, (0, 1, 0)))[:, 1]
    around = s.skin_only(np.exp(-((s.x / 34) ** 2) - (((s.y + 34) / 22) ** 2))) * (s.z > 80) * ~(s.lip & (s.ring > LIP_CONTACT))
    out["cheekPuff"] = normal * (11.5 * whole_puff * ~s.lip + 11.5 * whole_puff * s.lip * (s.ring < 3))[:, None] + _vec(around, (0, 0, 2.4))
    out["cheekPuff"] += _vec(whole_puff * (s.lip & (s.ring >= 3)), (0, 0, 3.0))
    both(
        "cheekSquint",
        lambda: (
            _vec(s.bell((38, 15, 88), (19, 13, 26)), (0.5, 7.0, 3.4))
            + _vec(s.bell((52, 26, 76), (10, 12, 20)), (-1.0, 2.0, 1.0))
            + _left_lid(s, 1.0, 0.75)
        ),
    )
    both(
        "noseSneer",
        lambda: (
            _vec(s.bell((12.5, -2, 110), (9, 9, 16)), (1.8, 6.0, -0.4))
            + _vec(s.bell((9, 22, 110), (9, 13, 14)), (-0.6, 4.4, 2.2))
            + _vec(_lip_edge(s, True, 12) * off_mid, (0.3, 1.6, 0.3))
            + _vec(fold, (0.5, 3.6, 1.4))
            + _vec(s.bell((10, 54, 105), (9, 8, 14)), (-0.8, -2.0, 0.6))
        ),
    )

    # Brows
    s.bell((30, 58, 98), (25, 15, 40))
    inner, middle, outer = (s.bell(c, (13, 16, 30)) for c in ((13, 58, 106), (29, 62, 99), (45, 58, 85)))
    lid_top = np.where(s.lid, _step((s.y - 38) / 8) * np.clip(1 - s.ring / 4.0, 0, 1), 1.0)
    both(
        "browDown",
        lambda: (_vec(inner, (-3.0, -7.5, 2.0)) + _vec(middle, (-1.0, -3.8, 1.4)) + _vec(outer, (0, -1.2, 0.2))) * lid_top[:, None],
    )
    raise_inner = (
        _vec(inner, (0.3, 9.5, -0.8)) + _vec(middle, (0, 2.0, -0.2)) + _vec(s.bell((12, 78, 104), (16, 14, 30)), (0, 3.0, 0))
    ) * lid_top[:, None]
    out["browInnerUp"] = raise_inner * 0.92 + s.mirror(raise_inner) * 0.92
    both(
        "browOuterUp",
        lambda: (
            (_vec(outer, (0.8, 8.0, -1.4)) + _vec(middle, (0.2, 6.0, -0.8)) + _vec(s.bell((38, 80, 90), (18, 14, 34)), (0, 3.0, -0.6)))
            * lid_top[:, None]
        ),
    )

    # Lids
    sag = s.bell((32, 50, 96), (16, 6, 20))
    pinch = s.bell((52, 36, 80), (9, 12, 20))
    both("eyeBlink", lambda: _left_lid(s, 0.0, 0.0) + _vec(sag * ~s.lid, (0, -1.2, 0)))
    both(
        "eyeSquint",
        lambda: _left_lid(s, 0.72, 0.2) + _vec(s.bell((34, 25, 94), (17, 8, 20)) * ~s.lid, (0, 2.6, 1.0)) + _vec(pinch, (-2.0, 0, 0.5)),
    )
    both("eyeWide", lambda: _left_lid(s, 1.42, 1.12) + _vec(sag * ~s.lid, (0, 1.6, 0)))
    both("eyeLookUp", lambda: _left_lid(s, 1.22, 0.9))
    both("eyeLookDown", lambda: _left_lid(s, 0.6, 1.18))
    drift = (
        np.where(s.lid, np.clip((s.ring - 1) / 4, 0, 1), 0.0)
        * (np.abs(s.x) > 4)
        * (np.abs(s.segment - INNER_CANTHUS) > 2)
        * (np.abs(s.segment - OUTER_CANTHUS) > 2)
    )
    bulge = drift * np.exp(-(((np.abs(s.x) - 31.5) / 8) ** 2)) * (s.side > 0)
    both("eyeLookIn", lambda: _vec(bulge, (-0.9, 0, 0.3)))
    both("eyeLookOut", lambda: _vec(bulge, (0.9, 0, 0.1)))
    part = _lip_edge(s, True, 8), _lip_edge(s, False, 10)
    out["tongueOut"] = _vec(part[0] * opening, (0, 2.6, 0.4)) + _vec(part[1] * opening, (0, -3.4, 0.8))
    return out

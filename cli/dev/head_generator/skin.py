"""The neutral skin: quads of `topology` projected onto `surface`, with lids and lips placed by curves."""

from __future__ import annotations

import numpy as np

from ....core.arrays import Array
from . import surface
from .topology import (
    COLUMNS,
    EYE_SEGMENTS,
    INNER_CANTHUS,
    LID_BACK,
    LID_FRONT,
    LIP_BORDER,
    LIP_CONTACT,
    MOUTH_RINGS,
    MOUTH_SEGMENTS,
    OUTER_CANTHUS,
    ROWS,
    HalfMesh,
    VertexKey,
    eye_loop,
    mouth_path,
    resolve_key,
)

# Initial rows of the lattice: height and depth at the front midline, height and depth at the back, half width (mm).
# One line for every second row, linear in between.
_ROW_PROFILES = np.array(
    [
        (-152, 40, -152, -70, 56),
        (-132, 44, -138, -68, 53),
        (-114, 48, -124, -67, 51),
        (-100, 53, -110, -68, 52),
        (-90, 64, -97, -70, 54),
        (-84, 80, -85, -73, 56),
        (-76, 96, -72, -76, 58),
        (-64, 107, -60, -79, 61),
        (-53, 108, -48, -82, 64),
        (-34, 112, -36, -85, 67),
        (-18, 114, -24, -88, 70),
        (-11.5, 115, -12, -89, 72),
        (-6.5, 124, 0, -90, 73),
        (2.5, 130.5, 12, -91, 74),
        (13, 125, 24, -91, 75),
        (22, 118.5, 36, -90, 76),
        (31, 111.5, 47, -89, 76),
        (40, 107.5, 58, -87, 76),
        (49, 107, 68, -84, 75),
        (58, 107, 78, -80, 74),
        (69, 105.5, 87, -76, 73),
        (82, 102, 95, -71, 71),
        (95, 96.5, 102, -65, 68),
        (107, 89, 108, -58, 63),
        (117.5, 79.5, 114, -50, 57),
    ]
)
# Angle of every second column, degrees from the front midline.
_COLUMN_ANGLE = np.array([0, 4.8, 10.6, 15.6, 21, 26.5, 32, 38, 46, 57, 71, 87, 106, 124, 143, 161, 180.0])


def _initial_lattice(column: Array, row: Array) -> Array:
    """Initial positions (N, 3) of lattice points, for the relaxation."""
    profile = np.stack(
        [np.interp(row / 2, np.arange(len(_ROW_PROFILES)), _ROW_PROFILES[:, i]) for i in range(5)], axis=1
    )
    angle = np.interp(column / 2, np.arange(len(_COLUMN_ANGLE)), _COLUMN_ANGLE)
    back = np.clip((angle - 25.0) / 120.0, 0.0, 1.0)
    back = back * back * (3 - 2 * back)
    theta = np.radians(angle)
    y = profile[:, 0] * (1 - back) + profile[:, 2] * back
    middle_depth, half_depth = (profile[:, 1] + profile[:, 3]) / 2, (profile[:, 1] - profile[:, 3]) / 2
    return np.stack([profile[:, 4] * np.sin(theta), y, middle_depth + half_depth * np.cos(theta)], axis=1)


def lid_curve(segment: Array, opening: float = 1.0) -> tuple[Array, Array]:
    """Azimuth and elevation (radians) of the left lid margin about the eye centre at loop positions `segment`.

    opening 1 is the relaxed neutral eye, 0 brings both lids to the closure line.
    """
    span = EYE_SEGMENTS / 2
    upper = (segment >= OUTER_CANTHUS) & (segment <= INNER_CANTHUS)
    from_inner = np.where(upper, (INNER_CANTHUS - segment) / span, ((segment - INNER_CANTHUS) % EYE_SEGMENTS) / span)
    t = np.clip(from_inner, 0.0, 1.0)
    azimuth = np.radians(-56.0 + 128.0 * t)
    corner_line = np.radians(-14.0 + 15.0 * t)
    arch_up = np.radians(32.5) * np.sin(np.pi * t**0.86) ** 0.78
    arch_down = np.radians(20.5) * np.sin(np.pi * t**1.12) ** 0.85
    closed = corner_line - np.radians(12.5) * np.sin(np.pi * t) ** 0.9
    open_ = np.where(upper, corner_line + arch_up, corner_line - arch_down)
    return azimuth, closed + (open_ - closed) * opening


def on_eye(azimuth: Array, elevation: Array, radius: Array) -> Array:
    """Points (N, 3) at a radius about the left eye's centre; azimuth grows towards the temple."""
    direction = np.stack(
        [np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)], axis=1
    )
    return surface.EYE_CENTRE + radius[:, None] * direction


def lid_radius(azimuth: Array, base: float) -> Array:
    """Distance from the eyeball at the nasal corner, where the caruncle lies."""
    nasal = np.clip((np.radians(-22.0) - azimuth) / np.radians(34.0), 0.0, 1.0)
    return base + 3.0 * nasal**2


def _eye_rings(ring: Array, segment: Array) -> Array:
    """Lid margins and the lids' inside, from ring LID_FRONT inwards."""
    azimuth, elevation = lid_curve(segment)
    centre_az, centre_el = np.radians(4.0), np.radians(-4.0)
    deeper = np.clip(ring - LID_BACK, 0, 9)
    spread = 1.0 + np.array([0.0, 0.22, 0.5])[deeper]
    azimuth = centre_az + (azimuth - centre_az) * np.where(np.abs(spread) > 1, 1 + (spread - 1) * 0.5, 1.0)
    elevation = centre_el + (elevation - centre_el) * spread
    base = np.where(ring == LID_FRONT, 13.85, 12.5)
    return on_eye(azimuth, elevation, np.where(ring <= LID_BACK, lid_radius(azimuth, 0.0) + base, 12.8))


# Lip profile on the midline, as offsets (dy, dz) from the contact line, per ring from LIP_BORDER inwards.
_UPPER_LIP = {3: (8.4, 4.9), 4: (5.9, 5.9), 5: (3.4, 5.9), 6: (1.2, 3.9), 7: (0.0, 0.0), 8: (0.5, -2.2), 9: (3.4, -4.6)}
_LOWER_LIP = {
    3: (-10.4, 2.9),
    4: (-7.6, 5.6),
    5: (-4.6, 6.4),
    6: (-1.6, 4.2),
    7: (0.0, 0.0),
    8: (-0.5, -2.2),
    9: (-3.4, -4.6),
}
# The mouth bag: height from the contact line, depth at the midline and at the corner, width.
_MOUTH_BAG = {
    10: (9.0, -5.0, -4.0, 1.06),
    11: (15.0, -8.0, -12.0, 1.18),
    12: (17.0, -38.0, -34.0, 1.2),
    13: (12.0, -56.0, -50.0, 0.85),
}


def _lip_rings(ring: Array, segment: Array) -> Array:
    """Lips from their border inwards, and the mouth bag behind them."""
    half = MOUTH_SEGMENTS / 2
    upper = segment >= half
    u = np.where(upper, (MOUTH_SEGMENTS - segment) / half, segment / half)  # 0 at the midline, 1 at the corner
    u = np.sin(u * np.pi / 2) ** 0.94  # points gather towards the corner, where the curve turns
    contact = np.stack(
        [24.6 * u, -34.4 + 0.7 * np.cos(u * 2.6 * np.pi) * (1 - u) - 0.3 * u, 111.0 - 9.6 * u**1.9], axis=1
    )
    fullness = np.maximum(1 - u**2.2, 0.0) ** 0.75
    corner_weight = u**5
    out = contact.copy()
    for k in range(LIP_BORDER, MOUTH_RINGS):
        rows = ring == k
        if not rows.any():
            continue
        if k in _MOUTH_BAG:
            dy, dz, dz_corner, width = _MOUTH_BAG[k]
            sign = np.where(upper[rows], 1.0, -1.0)
            out[rows, 0] = contact[rows, 0] * width
            out[rows, 1] += (
                sign * dy * np.sqrt(np.maximum(1 - 0.92 * u[rows] ** 2, 0.0)) * np.where(u[rows] > 0.999, 0.0, 1.0)
            )
            out[rows, 2] += dz + (dz_corner - dz) * u[rows] ** 2
            continue
        offset = np.where(upper[rows, None], _UPPER_LIP[k], _LOWER_LIP[k])
        cupids_bow = np.zeros(rows.sum())
        if k <= LIP_BORDER + 1:  # the dip and the peaks of the cupid's bow
            cupids_bow = np.where(
                upper[rows],
                1.3 * np.exp(-(((u[rows] - 0.27) / 0.15) ** 2)) - 0.5 * np.exp(-((u[rows] / 0.1) ** 2)),
                0.0,
            )
        out[rows, 1] += fullness[rows] * offset[:, 0] + cupids_bow
        out[rows, 2] += fullness[rows] * offset[:, 1]
        rings_to_contact = LIP_CONTACT - k
        out[rows, 0] += corner_weight[rows] * (
            0.95 * rings_to_contact if rings_to_contact > 0 else 0.5 * rings_to_contact
        )
        out[rows, 2] += corner_weight[rows] * (
            -0.35 * rings_to_contact if rings_to_contact > 0 else 1.6 * rings_to_contact
        )
    return out


def _crease_depth(ring: Array, segment: Array) -> Array:
    """Depth (mm) of the fold above the upper lid plate, along -normal."""
    upper = (segment > OUTER_CANTHUS) & (segment < INNER_CANTHUS)
    t = (segment - OUTER_CANTHUS) / (INNER_CANTHUS - OUTER_CANTHUS)
    return np.where(upper & (ring == 3), 1.0 * np.sin(np.pi * np.clip(t, 0, 1)) ** 0.6, 0.0)


def neutral_positions(half: HalfMesh, iterations: int = 300) -> Array:
    """Vertex positions (N, 3) in mm of the left half."""
    keys = half.keys
    kind = np.array([k[0] for k in keys])
    a, b = np.array([k[1] for k in keys]), np.array([k[2] for k in keys])
    index = half.index_by_key()
    p = np.zeros((len(keys), 3))
    lattice, eye, mouth, crown, neck_base, bag_end = (kind == n for n in "gemtbq")
    p[lattice] = surface.project_to_skin(_initial_lattice(a[lattice], b[lattice]), 8)
    p[lattice & (a == 0), 0] = p[lattice & (a == COLUMNS), 0] = 0.0

    fixed_eye, fixed_lip = eye & (a >= LID_FRONT), mouth & (a >= LIP_BORDER)
    p[fixed_eye] = _eye_rings(a[fixed_eye], b[fixed_eye])
    p[fixed_lip] = _lip_rings(a[fixed_lip], b[fixed_lip])
    for v in map(int, np.flatnonzero((eye & ~fixed_eye) | (mouth & ~fixed_lip))):
        name, k, s = keys[v]
        outer = p[index[resolve_key((name, 0, s))]]
        inner_ring = LID_FRONT if name == "e" else LIP_BORDER
        inner = p[index[name, inner_ring, s]]
        p[v] = outer + (inner - outer) * (k / inner_ring)
    for patch, row, lift in ((crown, ROWS, 1.0), (neck_base, 0, 0.0)):
        for v in map(int, np.flatnonzero(patch)):
            i, j = keys[v][1], keys[v][2]
            p[v] = _initial_crown_point(p, index, i, j=j, row=row, lift=lift)
    for v in map(int, np.flatnonzero(bag_end)):
        i, j = keys[v][1], keys[v][2]
        lower, upper = p[index["m", MOUTH_RINGS - 1, i]], p[index["m", MOUTH_RINGS - 1, MOUTH_SEGMENTS - i]]
        p[v] = lower + (upper - lower) * j / 4.0

    edges = np.unique(np.sort(np.concatenate([half.quads[:, [i, (i + 1) % 4]] for i in range(4)]), axis=1), axis=0)
    free = ~(fixed_eye | fixed_lip | bag_end | neck_base | (lattice & (b == 0)))
    p[:, 0] = np.where(half.on_midline, 0.0, p[:, 0])
    anchors = p.copy()
    anchor_weight = np.where(lattice & (a == 0) & (b > 8), 0.55, np.where(lattice, 0.008, 0.0))
    for name, loop in (("e", eye_loop()), ("m", mouth_path())):
        loop_vertices = np.array([index["g", c, r] for c, r in loop])
        anchors[loop_vertices] = _loop_anchors(name, np.arange(len(loop_vertices)), p[loop_vertices])
        anchor_weight[loop_vertices] = 0.5
    anchor_weight = anchor_weight[:, None]
    midline = half.on_midline  # the mirrored neighbour balances x there
    neighbour_count = np.bincount(edges.ravel(), minlength=len(p))[:, None]
    for n in range(iterations):
        total = np.zeros_like(p)
        for i, j in ((0, 1), (1, 0)):
            np.add.at(total, edges[:, i], p[edges[:, j]])
        average = total / neighbour_count
        average[midline, 0] = 0.0
        move = 0.5 * (average - p) + anchor_weight * (anchors - p)
        if n > iterations - 12:
            move *= 0.3
        p[free] += move[free]
        p[free] = surface.project_to_skin(p[free], 1)
        p[midline, 0] = 0.0
    p[free] = surface.project_to_skin(p[free], 4)
    p[midline, 0] = 0.0
    lids = eye & ~fixed_eye
    depth = np.zeros(len(p))
    depth[lids] = _crease_depth(a[lids], b[lids])
    p -= depth[:, None] * surface.normal(p)
    return p


def _loop_anchors(name: str, segment: Array, start: Array) -> Array:
    """Anchors of the first loop round an eye or the mouth: ovals on the orbital rim and round the lips."""
    out = start.copy()
    if name == "m":
        angle = np.pi * (segment / MOUTH_SEGMENTS - 0.5)
        out[:, 0] = 33.5 * np.cos(angle) ** 0.85
        out[:, 1] = np.where(angle > 0, -34.5 + 18.0 * np.sin(angle), -34.5 + 17.5 * np.sin(angle))
        out[:, 2] = np.interp(out[:, 0], [0, 20, 34], [113, 107, 92])
    else:
        orbit_angle = (segment - OUTER_CANTHUS) / EYE_SEGMENTS * 2 * np.pi + 0.1
        out[:, 0] = 32.3 + 21.5 * np.cos(orbit_angle)
        out[:, 1] = 37.0 + 15.5 * np.sin(orbit_angle) + 1.5 * np.cos(orbit_angle)
        out[:, 2] = np.interp(out[:, 0], [10, 22, 40, 54], [101, 97, 92, 80])
    return surface.project_to_skin(out, 6)


def _initial_crown_point(p: Array, index: dict[VertexKey, int], i: int, *, j: int, row: int, lift: float) -> Array:
    """Initial position of a point of the crown (or the flat base of the neck), bilinear between its borders."""
    side, depth = COLUMNS // 4, COLUMNS // 2
    front, back = p[index["g", i, row]], p[index["g", COLUMNS - i, row]]
    left = p[index["g", side + j, row]]
    v, u = j / depth, i / side
    along = front + (back - front) * v
    across = np.array([left[0] * u, left[1], left[2]])
    out = np.array([across[0], 0.5 * (along[1] + across[1]), across[2] * u + along[2] * (1 - u)])
    if lift:
        out[1] += 22.0 * np.sin(np.pi * v) * np.cos(u * np.pi / 2)
    return out

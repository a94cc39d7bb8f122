"""Texture coordinates of the bundled head: every part is laid flat in the unit square, without overlaps.

The skin is cut at the back of the head and over the crown, where hair would cover the seam; all other seams lie where
materials meet or where a part ends. Left and right are mirror images about the middle of their islands.
"""

# SciPy has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import spsolve

from ....core.arrays import Array
from . import surface
from .eyes_teeth_hair import unit_disc
from .topology import COLUMNS, MOUTH_SEGMENTS, ROWS, HalfMesh

# Where each island lies in the unit square: left, bottom, width, height.
_PLACES = {
    "skin": (0.0, 0.40, 1.0, 0.60),
    "neck": (0.86, 0.20, 0.14, 0.19),
    "mouth": (0.0, 0.20, 0.19, 0.19),
    "ear": (0.20, 0.20, 0.36, 0.19),
    "eye": (0.57, 0.25, 0.28, 0.14),
    "eye_rear": (0.57, 0.20, 0.09, 0.045),
    "tongue": (0.67, 0.20, 0.18, 0.045),
    "teeth_upper": (0.0, 0.15, 0.70, 0.04),
    "teeth_lower": (0.0, 0.10, 0.70, 0.04),
    "gums_upper": (0.0, 0.05, 0.70, 0.04),
    "gums_lower": (0.0, 0.0, 0.70, 0.04),
    "brow": (0.71, 0.12, 0.29, 0.07),
    "lashes": (0.71, 0.05, 0.29, 0.06),
    "tongue_ends": (0.71, 0.0, 0.045, 0.04),
    "teeth_upper_ends": (0.76, 0.0, 0.025, 0.04),
    "teeth_lower_ends": (0.79, 0.0, 0.025, 0.04),
    "gums_upper_ends": (0.82, 0.0, 0.025, 0.04),
    "gums_lower_ends": (0.85, 0.0, 0.025, 0.04),
    "brow_ends": (0.88, 0.0, 0.12, 0.04),
}
_GAP = 0.002  # kept free at the border of each island
_TUBE_SEGMENTS = {"tongue": 16, "brow": 10}  # vertices round each section; 6 for teeth and gums
_REAR_DEGREES = 155.0  # of an eyeball: what lies farther from the pupil is an island of its own


def skin(half: HalfMesh, points: Array, is_mouth: Array) -> Array:
    """Coordinates (2F, 4, 2) of the corners of the whole skin: the left half's quads, then the right half's.

    `points` (N, 3) are the left half's vertices; `is_mouth` (F,) tells its quads inside the mouth.
    """
    kinds = np.array([key[0] for key in half.keys])
    a, b = np.array([key[1:] for key in half.keys]).T
    is_neck = _within_base(half)
    outside = ~is_neck & ~is_mouth
    out = np.zeros((len(half.quads), 4, 2))
    on_seam = ((kinds == "g") & (a == COLUMNS)) | ((kinds == "t") & (a == 0))
    on_front = half.on_midline & ~on_seam
    on_crown_front = (kinds == "g") & (a == 0) & (b == ROWS)
    height, width = _seam_heights(half, points)
    base = (kinds == "g") & (b == 0)
    fixed_u = np.where(on_front | on_crown_front, 0.0, np.where(on_seam & (kinds == "g"), 1.0, np.nan))
    fixed_v = np.where(base, 0.0, np.nan)
    along_base = base & ~on_front
    fixed_u[along_base] = a[along_base] / COLUMNS
    back = on_seam & (kinds == "g")
    fixed_v[back] = height[b[back]]
    crown = on_seam & (kinds == "t")
    fixed_u[crown], fixed_v[crown] = width[b[crown]], 1.0
    fixed_v[on_crown_front], fixed_v[back & (b == ROWS)] = 1.0, 1.0
    flat = _flatten(half.quads[outside], np.stack([fixed_u, fixed_v], axis=1))
    out[outside] = flat[half.quads[outside]]

    rim = (kinds == "m") & np.isin(np.arange(len(kinds)), half.quads[is_mouth])
    ring = a[rim].min()
    rim &= a == ring
    angle = np.pi * (b / MOUTH_SEGMENTS - 0.5)
    fixed = np.full((len(kinds), 2), np.nan)
    fixed[half.on_midline, 0] = 0.0
    fixed[rim] = np.stack([np.cos(angle), 0.5 + 0.5 * np.sin(angle)], axis=1)[rim]
    out[is_mouth] = _flatten(half.quads[is_mouth], fixed)[half.quads[is_mouth]]

    out[is_neck] = _base_grid(half)[half.quads[is_neck]]
    out[is_neck] = _facing(out[is_neck])  # seen from below
    mirrored = (out * (-1, 1))[:, ::-1]
    both = np.concatenate([out, mirrored]) * (0.5, 1) + (0.5, 0)
    for name, mask in (("skin", outside), ("mouth", is_mouth), ("neck", is_neck)):
        where = np.concatenate([mask, mask])
        both[where] = _placed(name, both[where])
    return both


def _within_base(half: HalfMesh) -> Array:
    """Quads (F,) of the patch that closes the neck."""
    on_base = np.array([key[0] == "b" or (key[0] == "g" and key[2] == 0) for key in half.keys])
    return on_base[half.quads].all(axis=1)


def _base_grid(half: HalfMesh) -> Array:
    """Coordinates (N, 2) of the neck's patch: its own grid."""
    side, depth = COLUMNS // 4, COLUMNS // 2
    border = [(i, 0) for i in range(side)] + [(side, j) for j in range(depth)]
    border += [(i, depth) for i in range(side, -1, -1)]
    cells = [
        key[1:] if key[0] == "b" else border[key[1]] if key[0] == "g" and key[2] == 0 else (0, 0) for key in half.keys
    ]
    return np.array(cells) / (side, depth)


def _seam_heights(half: HalfMesh, points: Array) -> tuple[Array, Array]:
    """How far along the seam its vertices lie: up the back (ROWS + 1,) from 0 to 1, over the crown from 1 to 0."""
    index = half.index_by_key()
    depth = COLUMNS // 2
    back = points[[index["g", COLUMNS, r] for r in range(ROWS + 1)]]
    crown = points[[index["g", 0, ROWS], *(index["t", 0, j] for j in range(1, depth)), index["g", COLUMNS, ROWS]]]
    return _arc_length(back), _arc_length(crown)


def _arc_length(line: Array) -> Array:
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    return length / length[-1]


def _flatten(quads: Array, fixed: Array) -> Array:
    """Place vertices (N, 2): the fixed ones (NaN where free) and all others in the middle of their neighbours.

    Tutte's embedding: within a convex border no two quads overlap. Without weights, the fine quads round eyes and
    mouth get more of the texture.
    """
    edges = np.concatenate([quads[:, [k, (k + 1) % 4]] for k in range(4)])
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    rows, columns = np.concatenate([edges, edges[:, ::-1]]).T
    n = len(fixed)
    neighbours = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(n, n)).tocsr()
    count = np.asarray(neighbours.sum(axis=1)).ravel()
    out = np.zeros((n, 2))
    for axis in range(2):
        known = (count > 0) & ~np.isnan(fixed[:, axis])
        free = np.flatnonzero((count > 0) & ~known)
        out[known, axis] = fixed[known, axis]
        laplacian = diags(count[free]) - neighbours[free][:, free]
        out[free, axis] = spsolve(laplacian.tocsc(), neighbours[free][:, known] @ out[known, axis])
    return out


def part(name: str, points: Array, quads: Array) -> Array:
    """Coordinates (F, 4, 2) of the corners of a part other than skin, of the left side or the middle.

    `name` is that of the part without its side, `points` (V, 3) and `quads` (F, 4) are its own.
    """
    if name == "eye":
        return _eye(points, quads)
    if name == "ear":
        return _placed("ear", _half(_ear(len(points))[quads]))
    if name == "lashes":
        rows, columns = np.divmod(np.arange(len(points)), len(points) // 3)
        return _placed("lashes", _half(np.stack([columns / columns.max(), rows / 2], axis=1)[quads]))
    return _tube(name, len(points), quads)


def mirrored_part(name: str, corners: Array) -> Array:
    """The right side's coordinates of a part whose left side has `corners`: beside it, mirrored, for mirrored quads."""
    out = corners.copy()
    for place in (_PLACES[island] for island in (name, f"{name}_ends", f"{name}_rear") if island in _PLACES):
        inside = (corners >= place[:2]) & (corners <= (place[0] + place[2], place[1] + place[3]))
        inside = inside.all(axis=(1, 2))
        out[inside, :, 0] = 2 * place[0] + place[2] - corners[inside, :, 0]
    return out[:, ::-1]


def _half(corners: Array) -> Array:
    """The left part of an island takes the right half of its place."""
    return _facing(corners) * (0.48, 1.0) + (0.52, 0.0)


def _facing(corners: Array) -> Array:
    """Coordinates seen from outside: an island that lies face down is mirrored, in 0 to 1."""
    u, v = corners[..., 0], corners[..., 1]
    is_down = (u * np.roll(v, -1, axis=1) - v * np.roll(u, -1, axis=1)).sum() < 0
    return (1, 0) + corners * (-1, 1) if is_down else corners


def _placed(name: str, corners: Array) -> Array:
    left, bottom, width, height = _PLACES[name]
    corners = _facing(corners)
    return (left + _GAP, bottom + _GAP) + corners * (width - 2 * _GAP, height - 2 * _GAP)


def _eye(points: Array, quads: Array) -> Array:
    """The eyeball seen from the front, as far from the pupil's centre as on the ball; its rear is an island."""
    from_centre = points - surface.EYE_CENTRE
    theta = np.arctan2(np.linalg.norm(from_centre[:, :2], axis=1), from_centre[:, 2])
    round_axis = np.arctan2(from_centre[:, 1], from_centre[:, 0])
    direction = np.stack([np.cos(round_axis), np.sin(round_axis)], axis=1)
    limit = np.radians(_REAR_DEGREES) + 1e-2
    is_rear = (theta[quads] > limit).any(axis=1) | (theta[quads] > limit - 2e-2).all(axis=1)
    front = 0.5 + 0.5 * direction * (theta / limit)[:, None]
    rear = 0.5 + 0.5 * direction * (-1, 1) * ((np.pi - theta) / (np.pi - limit + 2e-2))[:, None]
    out = np.empty((len(quads), 4, 2))
    out[~is_rear] = _placed("eye", _half(np.clip(front, 0, 1)[quads[~is_rear]]))
    out[is_rear] = _placed("eye_rear", _half(np.clip(rear, 0, 1)[quads[is_rear]]))
    return out


def _ear(count: int) -> Array:
    """The ear's disc of quads, with the rings behind it around."""
    cells = 16
    flat, _, loop = unit_disc(cells)
    rings = (count - len(flat)) // len(loop)
    unit = 1.0 / (1.0 + 0.12 * rings)
    around = np.concatenate([flat[loop] * (1.0 + 0.12 * (k + 1)) for k in range(rings)])
    return 0.5 + 0.5 * unit * np.concatenate([flat, around])


def _tube(name: str, count: int, quads: Array) -> Array:
    """A tube unrolled along its path; its ends are islands of strips."""
    segments = _TUBE_SEGMENTS.get(name, 6)
    section, place = np.divmod(quads, segments)
    last = count // segments - 1
    wraps = np.ptp(place, axis=1) > 1
    is_end = (section == section[:, :1]).all(axis=1)
    round_place = np.where(wraps[:, None] & (place == 0), segments, place)
    paired = name == "brow"
    sides = np.stack([section / last, round_place / segments], axis=-1)
    out = _placed(name, _half(sides) if paired else sides)
    along = np.minimum(place, segments - 1 - place) / (segments // 2 - 1)
    along = np.where(section == 0, 1 - along, along)
    across = (place >= segments // 2) * 0.4 + np.where(section == 0, 0.0, 0.6)
    ends = np.stack([across, along], axis=-1)
    out[is_end] = _placed(f"{name}_ends", _half(ends[is_end]) if paired else ends[is_end])
    return out

"""Quads of the bundled head's skin: a lattice round the head, and concentric loops in its holes for eyes and mouth.

Only the performer's left half is described; the right one is its mirror image.

Lattice coordinates: column 0 is the front midline, column COLUMNS the back one; row 0 is the cut of the neck,
row ROWS the edge of the crown patch. Everything is counted in fine cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....core.arrays import Array

COLUMNS, ROWS = 32, 48
EYE_COLUMNS, EYE_ROWS = (4, 14), (30, 36)
MOUTH_COLUMNS, MOUTH_ROWS = 8, (16, 20)
EYE_RINGS = 9  # ring 0 is the hole's edge; 5 the lid margin's front edge, 6 its back edge, 7 and 8 run under the lid
MOUTH_RINGS = 14  # ring 0 is the hole's edge; 3 the lip's border, 5 its fullest line, 7 the contact, 8.. the inside
LID_FRONT, LID_BACK = 5, 6
LIP_BORDER, LIP_FULL, LIP_CONTACT = 3, 5, 7
EYE_SEGMENTS = 2 * (EYE_COLUMNS[1] - EYE_COLUMNS[0] + EYE_ROWS[1] - EYE_ROWS[0])
MOUTH_SEGMENTS = 2 * MOUTH_COLUMNS + MOUTH_ROWS[1] - MOUTH_ROWS[0]  # on one half, from the lower to the upper midline
INNER_CANTHUS, OUTER_CANTHUS = EYE_SEGMENTS - 2, EYE_SEGMENTS // 2 - 2  # segments of the eye loop
MOUTH_CORNER = MOUTH_SEGMENTS // 2

VertexKey = tuple[str, int, int]


@dataclass(frozen=True)
class HalfMesh:
    """Left half of the skin.

    Attributes
    ----------
    keys : key of each vertex: ("g", column, row) of the lattice, ("e", ring, segment) of the eye, ("m", ring, segment)
        of the mouth, ("t", "b" or "q", i, j) of the crown, the neck's base and the end of the mouth bag.
    quads : (F, 4), facing outwards.
    on_midline : (N,) bool.
    """

    keys: list[VertexKey]
    quads: Array
    on_midline: Array

    def index_by_key(self) -> dict[VertexKey, int]:
        """Vertex indices by key."""
        return {key: i for i, key in enumerate(self.keys)}


def eye_loop() -> list[tuple[int, int]]:
    """Lattice points round the eye hole, counter-clockwise from the front: lower nasal corner first."""
    (c0, c1), (r0, r1) = EYE_COLUMNS, EYE_ROWS
    loop = [(c, r0) for c in range(c0, c1)] + [(c1, r) for r in range(r0, r1)]
    return loop + [(c, r1) for c in range(c1, c0, -1)] + [(c0, r) for r in range(r1, r0, -1)]


def mouth_path() -> list[tuple[int, int]]:
    """Lattice points round the left half of the mouth hole, from the lower midline to the upper one."""
    c1, (r0, r1) = MOUTH_COLUMNS, MOUTH_ROWS
    path = [(c, r0) for c in range(c1)] + [(c1, r) for r in range(r0, r1)]
    return path + [(c, r1) for c in range(c1, -1, -1)]


def _half_patch_border(n_side: int, n_depth: int) -> list[tuple[int, int]]:
    """Border of half a patch of quads, from its front midline point to its back one."""
    edge = [(i, 0) for i in range(n_side)] + [(n_side, j) for j in range(n_depth)]
    return edge + [(i, n_depth) for i in range(n_side, -1, -1)]


def half_mesh() -> HalfMesh:
    """Build the left half."""
    alias: dict[VertexKey, VertexKey] = {}
    for s, (c, r) in enumerate(eye_loop()):
        alias["e", 0, s] = ("g", c, r)
    for s, (c, r) in enumerate(mouth_path()):
        alias["m", 0, s] = ("g", c, r)
    side, depth = COLUMNS // 4, COLUMNS // 2
    for c, (i, j) in enumerate(_half_patch_border(side, depth)):
        alias["t", i, j] = ("g", c, ROWS)
        alias["b", i, j] = ("g", c, 0)
    for s, (i, j) in enumerate(_half_patch_border(MOUTH_COLUMNS, MOUTH_ROWS[1] - MOUTH_ROWS[0])):
        alias["q", i, j] = ("m", MOUTH_RINGS - 1, s)

    faces: list[tuple[VertexKey, ...]] = []
    for c in range(COLUMNS):
        for r in range(ROWS):
            in_eye = EYE_COLUMNS[0] <= c < EYE_COLUMNS[1] and EYE_ROWS[0] <= r < EYE_ROWS[1]
            in_mouth = c < MOUTH_COLUMNS and MOUTH_ROWS[0] <= r < MOUTH_ROWS[1]
            if not (in_eye or in_mouth):
                faces.append((("g", c, r), ("g", c + 1, r), ("g", c + 1, r + 1), ("g", c, r + 1)))
    for k in range(EYE_RINGS - 1):
        for s in range(EYE_SEGMENTS):
            next_segment = (s + 1) % EYE_SEGMENTS
            faces.append((("e", k, s), ("e", k, next_segment), ("e", k + 1, next_segment), ("e", k + 1, s)))
    for k in range(MOUTH_RINGS - 1):
        for s in range(MOUTH_SEGMENTS):
            faces.append((("m", k, s), ("m", k, s + 1), ("m", k + 1, s + 1), ("m", k + 1, s)))
    for name, n_side, n_depth in (
        ("t", side, depth),
        ("b", side, depth),
        ("q", MOUTH_COLUMNS, MOUTH_ROWS[1] - MOUTH_ROWS[0]),
    ):
        for i in range(n_side):
            for j in range(n_depth):
                quad = ((name, i, j), (name, i + 1, j), (name, i + 1, j + 1), (name, i, j + 1))
                faces.append(quad[::-1] if name == "b" else quad)

    keys: list[VertexKey] = []
    index: dict[VertexKey, int] = {}
    quads = np.empty((len(faces), 4), dtype=np.int32)
    for f, face in enumerate(faces):
        for v, key in enumerate(face):
            while key in alias:
                key = alias[key]
            if key not in index:
                index[key] = len(keys)
                keys.append(key)
            quads[f, v] = index[key]
    midline = np.array([_is_midline(key) for key in keys])
    return HalfMesh(keys, quads, midline)


def _is_midline(key: VertexKey) -> bool:
    kind, a, b = key
    if kind == "g":
        return a in (0, COLUMNS)
    if kind == "m":
        return b in (0, MOUTH_SEGMENTS)
    return kind in "tbq" and a == 0


def resolve_key(key: VertexKey) -> VertexKey:
    """Key under which a vertex is stored: ring 0 of a loop lies on the lattice."""
    if key[0] == "e" and key[1] == 0:
        return ("g", *eye_loop()[key[2]])
    if key[0] == "m" and key[1] == 0:
        return ("g", *mouth_path()[key[2]])
    return key


def mirror_mesh(half: HalfMesh) -> tuple[Array, Array, Array]:
    """Whole mesh from a half: (source, side, quads).

    Vertex v of the whole is vertex source[v] of the half, on the performer's left or the midline (side +1) or on the
    right (side -1); left vertices come first.
    """
    n = len(half.keys)
    off_midline = np.flatnonzero(~half.on_midline)
    mirror_index = np.arange(n)
    mirror_index[off_midline] = n + np.arange(len(off_midline))
    source = np.concatenate([np.arange(n), off_midline])
    side = np.concatenate([np.ones(n), -np.ones(len(off_midline))])
    quads = np.concatenate([half.quads, mirror_index[half.quads][:, ::-1]])
    return source, side, quads.astype(np.int32)

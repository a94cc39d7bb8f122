"""The bundled head as arrays: a stylised mannequin with human proportions and Apple's 52 shapes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from ...arrays import Array

ASSET = Path(__file__).with_name("head.npz")
DELTA_STEP_M = 2e-6  # stored offsets are whole multiples of this
UV_STEP = 1 / 65535  # and stored texture coordinates of this


@dataclass(frozen=True)
class Head:
    """Neutral mesh and shapes in the head frame (+X the performer's left, +Y up, +Z out of the face), in m.

    Attributes
    ----------
    vertices : (N, 3) float32, from an origin between the ears.
    quads : (F, 4) int32, facing outwards.
    uv : (F, 4, 2) float32, texture coordinates of the quads' corners, from the lower left; nothing overlaps.
    materials, material_index : names of the materials, and (F,) which of them each quad has.
    parts : half-open range of vertices by name of the part.
    shapes : Apple's names.
    deltas : (52, N, 3) float32, offsets from neutral in the order of `shapes`.
    landmarks : (51,) vertices of the inner iBUG points 17 to 67.
    face_region : (R,) vertices of the front of the face without the inside of the mouth.
    """

    vertices: Array
    quads: Array
    uv: Array
    materials: tuple[str, ...]
    material_index: Array
    parts: dict[str, tuple[int, int]]
    shapes: tuple[str, ...]
    deltas: Array
    landmarks: Array
    face_region: Array

    def deform(self, weights: dict[str, float]) -> Array:
        """Vertices (N, 3) at the given weights: B0 + sum of w_k B_k (IMUSIC eq 4)."""
        out = self.vertices.astype(np.float64)
        for name, weight in weights.items():
            out = out + weight * self.deltas[self.shapes.index(name)]
        return out


@lru_cache(maxsize=1)
def load() -> Head:
    """Load the bundled head (made by cli.dev.head_generator)."""
    with np.load(ASSET, allow_pickle=False) as data:
        names = [str(n) for n in data["part_names"]]
        quads, uv = data["quads"].astype(np.int32), data["uv"].astype(np.float32) * np.float32(UV_STEP)
        corners, seams = uv[quads], data["uv_seams"]
        corners[seams[:, 0], seams[:, 1]] = uv[len(data["vertices"]) :]
        ranges = {n: (int(a), int(b)) for n, (a, b) in zip(names, data["part_ranges"], strict=True)}
        return Head(
            vertices=data["vertices"],
            quads=quads,
            uv=corners,
            materials=tuple(str(m) for m in data["materials"]),
            material_index=data["material_index"].astype(np.int32),
            parts=ranges,
            shapes=tuple(str(n) for n in data["shapes"]),
            landmarks=data["landmarks"].astype(np.int64),
            face_region=data["face_region"].astype(np.int64),
            deltas=data["deltas"].astype(np.float32) * np.float32(DELTA_STEP_M),
        )

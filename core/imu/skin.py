"""Motion of the patches of skin under sensors, while a face performs.

Position and shape of a patch are linear in the weights (eq 4), so a face of any resolution costs one small matrix
product per take; only the last step, the rotation of the patch's tangent plane, is nonlinear.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from ..arrays import Array
from ..face.channels import ARKIT
from ..face.face_model import FaceModel
from ..numerics import quaternion as quat
from .layout import Layout

PATCH_RADIUS_M = 0.006  # IMUSIC's sensors measure 12 x 10 mm


@dataclass(frozen=True)
class Patch:
    """Skin under one sensor: `vertices` (P,) of the face; none where it is fixed to the skull at `position` (3,)."""

    vertices: Array
    position: Array


def skin_patches(face: FaceModel, layout: Layout, placement_mm: float, *, rng: np.random.Generator) -> list[Patch]:
    """The patch under each site's sensor, displaced by a random placement error (`placement_mm`: its sd)."""
    skin = face.neutral[face.region]
    out: list[Patch] = []
    for site, position in zip(layout.sites, layout.positions):
        target = position + rng.normal(0, placement_mm * 1e-3 / np.sqrt(3), 3)
        if site == layout.reference:
            out.append(Patch(np.zeros(0, dtype=int), target))
            continue
        centre = skin[((skin - target) ** 2).sum(1).argmin()]
        distance = np.linalg.norm(skin - centre, axis=1)
        nearest = np.flatnonzero(distance < PATCH_RADIUS_M)
        nearest = nearest if len(nearest) >= 6 else np.argsort(distance)[:6]
        out.append(Patch(face.region[nearest], centre))
    return out


def expression_rotations(face: FaceModel, layout: Layout, weights: Array) -> Array:
    """Rotation vectors from neutral (N, S, 3) of the layout's sites in expressions of weights (N, 52)."""
    patches = skin_patches(face, layout, 0.0, rng=np.random.default_rng(0))
    with_neutral = np.concatenate([np.zeros((1, len(ARKIT))), weights])
    turn = quat.from_rotvec(skin_motion(face, patches, with_neutral)[1])
    return quat.to_rotvec(quat.multiply(turn[1:], quat.conjugate(turn[:1])))


def skin_motion(face: FaceModel, site_patches: list[Patch], weights: Array) -> tuple[Array, Array]:
    """Positions (T, S, 3) m and rotation vectors from neutral (T, S, 3) of patches, in the head frame.

    `weights`: (T, 52).

    IMUSIC's eq 6 with a patch instead of one triangle: the gradient (3, 2) of the patch's deformation along its tangent
    plane, by least squares over its vertices, and the nearest right-handed orthonormal frame (polar decomposition).
    """
    count = len(site_patches)
    # rows: position, and the two columns of the gradient
    rest, basis = np.zeros((count, 3, 3)), np.zeros((count, 3, 3, len(ARKIT)))
    tangents = np.zeros((count, 2, 3))
    for s, spot in enumerate(site_patches):
        if not len(spot.vertices):
            rest[s, 0], tangents[s] = spot.position, np.eye(3)[:2]
            rest[s, 1:] = tangents[s]
            continue
        points = face.neutral[spot.vertices]
        centroid = points.mean(axis=0)
        tangents[s] = np.linalg.svd(points - centroid, full_matrices=False)[2][:2]
        gradient = cast(Array, np.linalg.pinv((points - centroid) @ tangents[s].T))  # (2, P)
        deltas = face.deltas[:, spot.vertices]  # (52, P, 3)
        rest[s, 0], rest[s, 1:] = centroid, gradient @ points
        basis[s, 0] = deltas.mean(axis=1).T
        basis[s, 1:] = np.einsum("ap,kpi->aik", gradient, deltas)  # pyright: ignore[reportUnknownMemberType]
    deformed = (weights @ basis.reshape(-1, len(ARKIT)).T).reshape(len(weights), count, 3, 3) + rest
    first, second = deformed[:, :, 1], deformed[:, :, 2]
    # polar decomposition of a (3, 2) gradient G: G (G^T G)^(-1/2); the square root of a 2 x 2 matrix has a closed form
    a, b, d = (first * first).sum(-1), (first * second).sum(-1), (second * second).sum(-1)
    root = np.sqrt(np.maximum(a * d - b * b, 1e-12))
    trace = np.sqrt(a + d + 2 * root)
    p, q, r = (a + root) / trace, b / trace, (d + root) / trace  # (G^T G)^(1/2)
    x = (r[..., None] * first - q[..., None] * second) / root[..., None]
    y = (p[..., None] * second - q[..., None] * first) / root[..., None]
    frame = np.stack([x, y, np.cross(x, y)], axis=-1)
    rest_frame = np.stack([tangents[:, 0], tangents[:, 1], np.cross(tangents[:, 0], tangents[:, 1])], axis=-1)
    return deformed[:, :, 0], quat.to_rotvec(quat.from_matrix(frame @ np.swapaxes(rest_frame, -1, -2)))

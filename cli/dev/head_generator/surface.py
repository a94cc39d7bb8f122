"""The neutral skin of the bundled head as a signed distance field.

Smooth unions of ellipsoids, capsules and round cones, placed by anthropometry: interpupillary distance 63 mm,
face height (nasion to chin) 120 mm, head breadth 152 mm, head length 190 mm. Millimetres; +X the performer's left,
+Y up, +Z out of the face; the origin lies between the ears. The field is symmetric in x.
"""

from __future__ import annotations

import numpy as np

from ....core.arrays import Array

EYE_CENTRE = np.array([31.5, 36.0, 83.5])
EYE_RADIUS = 12.0
LID_RADIUS = 13.8  # outer skin of the lids: eyeball, tear film and 1.7 mm of lid

Point = tuple[float, float, float]


def _smooth_min(a: Array, b: Array, k: float) -> Array:
    h = np.maximum(k - np.abs(a - b), 0.0) / k
    return np.minimum(a, b) - h * h * k * 0.25


def _smooth_max(a: Array, b: Array, k: float) -> Array:
    return -_smooth_min(-a, -b, k)


def _ellipsoid(p: Array, centre: Point, radii: Point, *, pitch: float = 0.0) -> Array:
    """Distance (first-order) to an ellipsoid, turned about x by `pitch` degrees (front down)."""
    q = p - np.asarray(centre)
    if pitch:
        c, s = np.cos(np.radians(pitch)), np.sin(np.radians(pitch))
        q = np.stack([q[:, 0], c * q[:, 1] + s * q[:, 2], -s * q[:, 1] + c * q[:, 2]], axis=1)
    r = np.asarray(radii, dtype=float)
    k0 = np.linalg.norm(q / r, axis=1)
    k1 = np.linalg.norm(q / (r * r), axis=1)
    return k0 * (k0 - 1.0) / np.maximum(k1, 1e-9)


def _round_cone(p: Array, a: Point, b: Point, *, ra: float, rb: float) -> Array:
    """Distance to a capsule whose radius is ra at a and rb at b."""
    a_, b_ = np.asarray(a, float), np.asarray(b, float)
    ab = b_ - a_
    t = np.clip((p - a_) @ ab / (ab @ ab), 0.0, 1.0)
    return np.linalg.norm(p - a_ - t[:, None] * ab, axis=1) - (ra + (rb - ra) * t)


def signed_distance(points: Array) -> Array:
    """Signed distance (N,) in mm of points (N, 3): negative inside the head."""
    p = np.array(points, dtype=float)
    p[:, 0] = np.abs(p[:, 0])
    d = _ellipsoid(p, (0, 60, 6), (74.5, 84, 95))
    d = _smooth_min(d, _ellipsoid(p, (0, 6, 36), (62, 84, 64)), 34)
    d = _smooth_min(d, _round_cone(p, (41, -34, 26), (13, -67, 79), ra=15, rb=12.5), 30)  # jaw line
    d = _smooth_min(d, _ellipsoid(p, (0, -64, 88), (18, 16, 19.5)), 20)  # chin
    d = _smooth_min(d, _ellipsoid(p, (0, -33, 79), (31, 27, 34.5)), 18)  # the dental arch under the lips
    d = _smooth_min(d, _ellipsoid(p, (44, 10, 66), (19, 13, 20), pitch=10), 20)  # cheekbone
    d = _smooth_min(d, _ellipsoid(p, (33, -16, 66), (22, 28, 25)), 20)  # cheek
    d = _smooth_min(d, _round_cone(p, (9, 55.5, 94.5), (43, 56.5, 78), ra=8.5, rb=7.5), 18)  # brow ridge
    d = _smooth_min(d, _ellipsoid(p, (0, 60, 93), (15, 15, 13.5)), 12)  # glabella
    d = _smooth_min(d, _round_cone(p, (0, -50, 0), (0, -130, -14), ra=45, rb=45), 36)  # neck
    d = _smooth_min(d, _ellipsoid(p, (0, -182, -18), (80, 34, 58)), 46)  # its flare
    d = _smooth_max(d, -_ellipsoid(p, (33, 36.5, 108), (19.5, 11.5, 21)), 13)  # eye sockets
    nose = _round_cone(p, (0, 44, 98), (0, 6, 116.5), ra=6.4, rb=9.0)
    nose = _smooth_min(nose, _ellipsoid(p, (0, 3.5, 119), (9.0, 8.6, 11.0)), 9)
    nose = _smooth_min(nose, _ellipsoid(p, (10.4, -3.0, 110.5), (5.6, 6.2, 9.5)), 8)
    d = _smooth_min(d, nose, 10)
    d = _smooth_max(d, -_ellipsoid(p, (5.4, -9.5, 116.5), (2.4, 4.5, 5.0), pitch=-20), 3.0)  # nostrils
    d = _smooth_max(d, -_round_cone(p, (0, -12, 121), (0, -23, 122), ra=2.6, rb=3.2), 6)  # philtrum
    d = _smooth_min(d, np.linalg.norm(p - EYE_CENTRE, axis=1) - LID_RADIUS, 4.5)
    return d


def normal(points: Array) -> Array:
    """Unit outward normals (N, 3), by central differences of the field."""
    p = np.asarray(points, dtype=float)
    grad = np.empty_like(p)
    for axis in range(3):
        step = np.zeros(3)
        step[axis] = 0.4
        grad[:, axis] = signed_distance(p + step) - signed_distance(p - step)
    return grad / np.maximum(np.linalg.norm(grad, axis=1, keepdims=True), 1e-12)


def project_to_skin(points: Array, steps: int = 4) -> Array:
    """Move points (N, 3) along the field's gradient onto the skin."""
    p = np.array(points, dtype=float)
    for _ in range(steps):
        p -= 0.9 * signed_distance(p)[:, None] * normal(p)
    return p

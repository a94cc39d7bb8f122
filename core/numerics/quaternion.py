"""Unit quaternions (..., 4), scalar first, as whole arrays; NaN in, NaN out.

SciPy's Rotation neither takes missing samples nor works on plain arrays.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Array

_TINY = 1e-12


def multiply(a: Array, b: Array) -> Array:
    """The rotation b, then a: (..., 4) by broadcasting."""
    aw, ax, ay, az = a[..., 0], a[..., 1], a[..., 2], a[..., 3]
    bw, bx, by, bz = b[..., 0], b[..., 1], b[..., 2], b[..., 3]
    out = np.empty((*np.broadcast_shapes(a.shape[:-1], b.shape[:-1]), 4))
    out[..., 0] = aw * bw - ax * bx - ay * by - az * bz
    out[..., 1] = aw * bx + ax * bw + ay * bz - az * by
    out[..., 2] = aw * by - ax * bz + ay * bw + az * bx
    out[..., 3] = aw * bz + ax * by - ay * bx + az * bw
    return out


def conjugate(q: Array) -> Array:
    """The inverse rotation (..., 4)."""
    return q * np.array([1.0, -1.0, -1.0, -1.0])


def rotate(q: Array, v: Array) -> Array:
    """Rotate vectors (..., 3) by q."""
    w, x, y, z = q[..., 0], q[..., 1], q[..., 2], q[..., 3]
    vx, vy, vz = v[..., 0], v[..., 1], v[..., 2]
    tx, ty, tz = 2 * (y * vz - z * vy), 2 * (z * vx - x * vz), 2 * (x * vy - y * vx)
    out = np.empty((*np.broadcast_shapes(q.shape[:-1], v.shape[:-1]), 3))
    out[..., 0] = vx + w * tx + y * tz - z * ty
    out[..., 1] = vy + w * ty + z * tx - x * tz
    out[..., 2] = vz + w * tz + x * ty - y * tx
    return out


def from_rotvec(v: Array) -> Array:
    """Convert rotation vectors (..., 3) rad to quaternions (..., 4)."""
    half: Array = np.linalg.norm(v, axis=-1, keepdims=True) / 2
    return np.concatenate([np.cos(half), v * (np.sinc(half / np.pi) / 2)], axis=-1)


def to_rotvec(q: Array) -> Array:
    """Convert quaternions (..., 4) to the shortest rotation vectors (..., 3) rad."""
    w, v = q[..., :1], q[..., 1:]
    sine = np.linalg.norm(v, axis=-1, keepdims=True)
    angle = 2 * np.arctan2(sine, np.abs(w))
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.where(sine > _TINY, angle / sine, 2.0)
    return v * scale * np.where(w < 0, -1.0, 1.0)


def about_axis(axis: int, angle: Array | float) -> Array:
    """Rotations (..., 4) by `angle` (...) rad about the x (0), y (1) or z (2) axis."""
    half = np.asarray(angle, dtype=np.float64) / 2
    out = np.zeros((*half.shape, 4))
    out[..., 0], out[..., 1 + axis] = np.cos(half), np.sin(half)
    return out


def from_euler_yxz(yaw: Array, pitch: Array, roll: Array) -> Array:
    """The rotation Ry(yaw) Rx(pitch) Rz(roll), the convention of head angles (docs/design.md)."""
    return multiply(multiply(about_axis(1, yaw), about_axis(0, pitch)), about_axis(2, roll))


def to_euler_yxz(q: Array) -> Array:
    """Yaw, pitch and roll (..., 3) rad of Ry(yaw) Rx(pitch) Rz(roll)."""
    m = to_matrix(q)
    pitch = np.arcsin(np.clip(-m[..., 1, 2], -1.0, 1.0))
    return np.stack([np.arctan2(m[..., 0, 2], m[..., 2, 2]), pitch, np.arctan2(m[..., 1, 0], m[..., 1, 1])], axis=-1)


def to_matrix(q: Array) -> Array:
    """Convert quaternions (..., 4) to rotation matrices (..., 3, 3)."""
    w, x, y, z = q[..., 0], q[..., 1], q[..., 2], q[..., 3]
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def from_matrix(m: Array) -> Array:
    """Convert right-handed rotation matrices (..., 3, 3) to quaternions (..., 4) with w >= 0.

    IMUSIC's eq 7 with its signs and square roots corrected. The largest component comes from the diagonal and the
    others from sums and differences, so no sign is ambiguous.
    """
    d = np.stack([m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]], axis=-1)
    trace = d.sum(-1, keepdims=True)
    squares = np.concatenate([1 + trace, 1 + 2 * d - trace], axis=-1)  # 4 w^2, 4 x^2, 4 y^2, 4 z^2
    s01, s02, s12 = m[..., 1, 0] + m[..., 0, 1], m[..., 0, 2] + m[..., 2, 0], m[..., 2, 1] + m[..., 1, 2]
    a12, a02, a01 = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    w2, x2, y2, z2 = np.moveaxis(squares, -1, 0)
    rows = np.stack(
        [
            np.stack([w2, a12, a02, a01], -1),
            np.stack([a12, x2, s01, s02], -1),
            np.stack([a02, s01, y2, s12], -1),
            np.stack([a01, s02, s12, z2], -1),
        ],
        axis=-2,
    )
    q = np.take_along_axis(rows, squares.argmax(-1)[..., None, None], axis=-2)[..., 0, :]
    q = q / np.linalg.norm(q, axis=-1, keepdims=True)
    return q * np.where(q[..., :1] < 0, -1.0, 1.0)


def mean(q: Array, weights: Array | None = None, axis: int = 0) -> Array:
    """Mean rotation along `axis`: the largest eigenvector of the sum of outer products (Markley 2007).

    Samples with NaN are left out; the mean is NaN where none is left. `weights`: shape of q without its last axis.
    """
    q = np.moveaxis(q, axis, 0)
    known = ~np.isnan(q).any(-1)
    w = known.astype(np.float64) if weights is None else np.where(known, np.moveaxis(weights, axis, 0), 0.0)
    filled = np.where(known[..., None], q, 0.0)
    outer: Array = np.einsum("t...,t...i,t...j->...ij", w, filled, filled)  # pyright: ignore[reportUnknownMemberType]
    out = np.linalg.eigh(outer)[1][..., -1]
    out = out * np.where(out[..., :1] < 0, -1.0, 1.0)
    return np.where((w.sum(0) > 0)[..., None], out, np.nan)

"""Linear blend skinning as in FLAME's public layers, on many frames at once, and rotations with derivatives."""

from __future__ import annotations

import numpy as np

from ..arrays import Array
from .model import FlameModel

_CHUNK = 32  # frames; their vertices' transforms fit into the cache


def rotations(axis_angle: Array) -> Array:
    """Rotation matrices (..., 3, 3) of axis-angle vectors (..., 3), rad (Rodrigues)."""
    a, b, _, _ = _rodrigues_coefficients(axis_angle)
    k = _cross_matrices(axis_angle)
    return np.eye(3) + a[..., None, None] * k + b[..., None, None] * (k @ k)


def rotations_and_derivatives(axis_angle: Array) -> tuple[Array, Array]:
    """Rotation matrices (..., 3, 3) of axis-angle vectors (..., 3), and derivatives dR/dv_i as [..., i, :, :].

    Equal to Gallego and Yezzi 2015, eq 9, but from Rodrigues' formula, which holds at zero as well.
    """
    a, b, da, db = (x[..., None, None] for x in _rodrigues_coefficients(axis_angle))
    k = _cross_matrices(axis_angle)
    kk, each = k @ k, k[..., None, :, :]
    along = axis_angle[..., None, None] * (da * k + db * kk)[..., None, :, :]
    return np.eye(3) + a * k + b * kk, along + a[..., None] * _BASIS + b[..., None] * (_BASIS @ each + each @ _BASIS)


def _cross_matrices(v: Array) -> Array:
    """Cross product matrices (..., 3, 3)."""
    return np.tensordot(v, _BASIS, axes=1)


def _cross_basis() -> Array:
    """Cross product matrices of the unit vectors (3, 3, 3)."""
    half = np.zeros((3, 3, 3))
    half[0, 2, 1] = half[1, 0, 2] = half[2, 1, 0] = 1.0
    return half - half.transpose(0, 2, 1)


_BASIS = _cross_basis()


def _rodrigues_coefficients(v: Array) -> tuple[Array, Array, Array, Array]:
    """a = sin t / t, b = (1 - cos t) / t^2, a'/t and b'/t of t = |v|, by their series for small t."""
    tt = (v * v).sum(axis=-1)
    small = tt < 1e-2
    safe = np.where(small, 1.0, tt)
    t = np.sqrt(safe)
    sin, cos = np.sin(t), np.cos(t)
    pick = np.where
    return (
        pick(small, 1 - tt / 6 * (1 - tt / 20 * (1 - tt / 42)), sin / t),
        pick(small, 0.5 - tt / 24 * (1 - tt / 30 * (1 - tt / 56)), (1 - cos) / safe),
        pick(small, -1 / 3 + tt / 30 * (1 - tt / 28 * (1 - tt / 54)), (t * cos - sin) / (safe * t)),
        pick(
            small,
            -1 / 12 + tt / 180 * (1 - tt / (112 / 3) * (1 - tt / 67.5)),
            (t * sin - 2 * (1 - cos)) / (safe * safe),
        ),
    )


def pose_vertices(
    model: FlameModel,
    shape: Array,
    *,
    expression: Array,
    jaw: Array,
    eyes: Array,
    neck: Array,
    root: Array | None = None,
) -> Array:
    """Vertices (T, V, 3), m, of posed faces (Loper 2015, eq 2 to 10, as in the public `lbs`).

    Shape and expression displace the template and with it the joints; pose correctives are added; then joints rotate
    the vertices that are skinned to them.

    Parameters
    ----------
    model : FLAME
    shape : (S,), the identity
    expression : (T, E)
    jaw, eyes, neck, root : (T, 3), (T, 6) left and right, (T, 3), (T, 3), axis-angle, rad

    Raises
    ------
    ValueError
        if array shapes do not match
    """
    T, V = len(expression), len(model.template)
    root = np.zeros((T, 3)) if root is None else root
    local_rotations = rotations(np.stack([root, neck, jaw, eyes[:, :3], eyes[:, 3:]], axis=1))
    neutral = model.template + model.shape_dirs @ np.asarray(shape, dtype=np.float64)
    directions = np.concatenate([model.expression_dirs, model.pose_dirs], axis=2).reshape(3 * V, -1).T
    joint_moves = np.tensordot(model.joint_regressor, model.expression_dirs, axes=1)
    out = np.empty((T, V, 3))
    for start in range(0, T, _CHUNK):
        rows = slice(start, start + _CHUNK)
        joints = model.joint_regressor @ neutral + np.tensordot(expression[rows], joint_moves, axes=(1, 2))
        world = joint_transforms(local_rotations[rows], joints, model.parents)
        coefficients = np.concatenate(
            [expression[rows], (local_rotations[rows, 1:] - np.eye(3)).reshape(-1, 36)], axis=1
        )
        rest = neutral + (coefficients @ directions).reshape(-1, V, 3)
        blended = (model.skin_weights @ world.reshape(-1, 5, 12)).reshape(-1, V, 3, 4)
        out[rows] = (blended[..., :3] @ rest[..., None])[..., 0] + blended[..., 3]
    return out


def joint_transforms(local_rotations: Array, joints: Array, parents: Array) -> Array:
    """Transforms (T, J, 3, 4) of rest points, from local rotations (T, J, 3, 3) about joints at rest (T, J, 3)."""
    world = np.empty((*local_rotations.shape[:2], 3, 4))
    for j, parent in enumerate(parents):  # a loop over joints, not over frames
        if parent < 0:
            rotation, position = local_rotations[:, j], joints[:, j]
        else:
            rotation = world[:, parent, :, :3] @ local_rotations[:, j]
            position = (world[:, parent, :, :3] @ joints[:, j, :, None])[..., 0] + world[:, parent, :, 3]
        world[:, j, :, :3] = rotation
        world[:, j, :, 3] = position - (rotation @ joints[:, j, :, None])[..., 0]
    return world

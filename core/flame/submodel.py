"""The part of a FLAME model that moves the 53 points, exactly, with derivatives: some hundred rows of the vertices.

A point is a weighted mean of skinned vertices, so with FLAME's joints (root, neck, and below the neck jaw and eyes) it
is

    p = a + R_neck (n + R_jaw l_jaw + R_left l_left + R_right l_right)

where a, n and l are linear in shape, expression and pose correctives, as vertices and joints are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..arrays import Array
from ..landmarks.points import LEFT_PUPIL, POINT_COUNT, RIGHT_PUPIL
from .embedding import Embedding
from .model import JAW, NECK, ROOT, FlameModel
from .skinning import rotations_and_derivatives

POSE_SIZE = 12  # axis-angle of neck, jaw, left eye, right eye, in the order of the joints
_CORRECTIVES = 36


@dataclass(frozen=True)
class Submodel:
    """The points as linear tables.

    Attributes
    ----------
    tables : each (rows, 3, 1 + E + 36 + K), a constant and the directions of expression, correctives and K shapes: of a
        and n (53 rows), then of l of jaw, left and right eye
    rows : indices among the 53 points of the rows of jaw, left and right eye
    expressions, shapes : E and K
    """

    tables: tuple[Array, ...]
    rows: tuple[Array, ...]
    expressions: int
    shapes: int

    @property
    def parameter_count(self) -> int:
        """Number of parameters of expression, pose and shape."""
        return self.expressions + POSE_SIZE + self.shapes

    def for_identity(self, shape: Array, basis: Array | None = None) -> Submodel:
        """Submodel of one identity (S,); with `basis` (S, K) its shape can still vary along these directions."""
        first = 1 + self.expressions + _CORRECTIVES
        free_basis = basis if basis is not None else np.zeros((self.shapes, 0))
        tables = tuple(
            np.concatenate(
                [t[..., :1] + (t[..., first:] @ shape)[..., None], t[..., 1:first], t[..., first:] @ free_basis], axis=2
            )
            for t in self.tables
        )
        return replace(self, tables=tables, shapes=free_basis.shape[1])

    def rest_points(self) -> Array:
        """Points at rest (53, 3, 1 + K), m: a constant and the directions of shape."""
        keep = [0, *range(1 + self.expressions + _CORRECTIVES, self.tables[0].shape[2])]
        out = self.tables[0][..., keep] + self.tables[1][..., keep]
        for table, rows in zip(self.tables[2:], self.rows):
            out[rows] += table[..., keep]
        return out

    def points(self, x: Array) -> Array:
        """Points (T, 53, 2) in the common face space, of parameters (T, n)."""
        return self.evaluate(x, False)[0].reshape(-1, 2, POINT_COUNT).transpose(0, 2, 1)

    def evaluate(self, x: Array, with_jacobian: bool = True) -> tuple[Array, Array]:
        """Points (T, 106), all x then all y, and their Jacobian (T, 106, n), of parameters (T, n).

        In the common face space. Without a Jacobian the second array is empty.
        """
        T, E, K = len(x), self.expressions, self.shapes
        rotation, rotation_derivatives = rotations_and_derivatives(x[:, E : E + POSE_SIZE].reshape(T, 4, 3))
        shapes = x[:, E + POSE_SIZE :]
        coefficients = np.concatenate([x[:, :E], (rotation - np.eye(3)).reshape(T, _CORRECTIVES), shapes], axis=1)
        a, n, *arms = (
            (constant + coefficients @ directions).reshape(T, -1, 3) for constant, directions in self._table_matrices
        )
        neck_points = n.copy()
        for k, (arm, rows) in enumerate(zip(arms, self.rows), start=1):
            neck_points[:, rows] += arm @ rotation[:, k].transpose(0, 2, 1)
        neck = rotation[:, 0, :2]  # depth is not visible
        positions = (a[..., :2] + neck_points @ neck.transpose(0, 2, 1)).transpose(0, 2, 1)
        pupils = self._rest_pupils
        current_pupils = pupils[..., 0] + np.tensordot(shapes, pupils[..., 1:], axes=(1, 2))
        centre = current_pupils.mean(axis=1)[..., None]
        pupil_vector = current_pupils[:, 0] - current_pupils[:, 1]
        distance = np.linalg.norm(pupil_vector, axis=1)[:, None, None]
        out = (positions - centre) / distance
        if not with_jacobian:
            return out.reshape(T, 2 * POINT_COUNT), np.empty((T, 0, 0))
        direction_count = self.tables[0].shape[2] - 1
        flat = self._flat_directions
        linear_jacobian = (flat[0][:2] + neck @ flat[1]).reshape(T, 2, POINT_COUNT, direction_count)
        pose_jacobian = np.zeros((T, 2, POINT_COUNT, 4, 3))
        pose_jacobian[..., 0, :] = (
            neck_points[:, None] @ rotation_derivatives[:, 0, :, :2].transpose(0, 1, 3, 2)
        ).transpose(0, 3, 2, 1)
        for k, (arm, rows) in enumerate(zip(arms, self.rows), start=1):
            linear_jacobian[:, :, rows] += (neck @ rotation[:, k] @ flat[k + 1]).reshape(T, 2, -1, direction_count)
            pose_jacobian[:, :, rows, k] = (
                arm[:, None] @ (neck[:, None] @ rotation_derivatives[:, k]).transpose(0, 1, 3, 2)
            ).transpose(0, 3, 2, 1)
        linear_jacobian = linear_jacobian.reshape(T, 2 * POINT_COUNT, direction_count)
        jacobian = np.empty((T, 2 * POINT_COUNT, self.parameter_count))
        jacobian[..., :E] = linear_jacobian[..., :E]
        corrective_jacobian = linear_jacobian[..., E : E + _CORRECTIVES].reshape(T, -1, 4, 9).transpose(
            0, 2, 1, 3
        ) @ rotation_derivatives.reshape(T, 4, 3, 9).transpose(0, 1, 3, 2)
        jacobian[..., E : E + POSE_SIZE] = pose_jacobian.reshape(T, -1, POSE_SIZE) + corrective_jacobian.transpose(
            0, 2, 1, 3
        ).reshape(T, -1, POSE_SIZE)
        jacobian[..., E + POSE_SIZE :] = linear_jacobian[..., E + _CORRECTIVES :]
        if K:
            centre_jacobian, pupil_vector_jacobian = pupils[..., 1:].mean(axis=0), pupils[0, :, 1:] - pupils[1, :, 1:]
            jacobian[..., E + POSE_SIZE :] -= np.repeat(centre_jacobian, POINT_COUNT, axis=0)
            distance_jacobian = (pupil_vector[:, None] @ pupil_vector_jacobian) / distance
            jacobian[..., E + POSE_SIZE :] -= out.reshape(T, -1, 1) * distance_jacobian
        return out.reshape(T, 2 * POINT_COUNT), jacobian / distance

    @cached_property
    def _table_matrices(self) -> list[tuple[Array, Array]]:
        """Constant (rows * 3,) and directions (directions, rows * 3) of each table."""
        return [
            (t[..., 0].ravel(), np.ascontiguousarray(t[..., 1:].reshape(-1, t.shape[2] - 1).T)) for t in self.tables
        ]

    @cached_property
    def _flat_directions(self) -> list[Array]:
        """Directions (3, rows * directions) of each table."""
        return [t[..., 1:].transpose(1, 0, 2).reshape(3, -1) for t in self.tables]

    @cached_property
    def _rest_pupils(self) -> Array:
        """Left and right pupil at rest (2, 2, 1 + K), x and y."""
        return self.rest_points()[[LEFT_PUPIL, RIGHT_PUPIL], :2]


def build_submodel(model: FlameModel, embedding: Embedding) -> Submodel:
    """Build the submodel with all S shapes free."""
    vertices = model.faces[embedding.faces]
    no_correctives = np.zeros((5, 3, _CORRECTIVES))  # correctives move no joint
    regressor = model.joint_regressor
    joints = np.concatenate(
        [
            (regressor @ model.template)[..., None],
            np.tensordot(regressor, model.expression_dirs, axes=1),
            no_correctives,
            np.tensordot(regressor, model.shape_dirs, axes=1),
        ],
        axis=2,
    )
    blocks = (
        model.template[vertices][..., None],
        model.expression_dirs[vertices],
        model.pose_dirs[vertices],
        model.shape_dirs[vertices],
    )
    directions = np.concatenate(blocks, axis=3)
    corner_weights = embedding.bary[..., None] * model.skin_weights[vertices]
    point_weights = corner_weights.sum(axis=1)
    y: Array = np.einsum(  # pyright: ignore[reportUnknownMemberType]
        "lmj,lmcn->jlcn", corner_weights, directions, optimize=True
    )
    local = y - point_weights.T[:, :, None, None] * joints[:, None]
    a = y[ROOT] + point_weights[:, NECK:].sum(axis=1)[:, None, None] * joints[NECK]
    n = local[NECK] + np.tensordot(point_weights[:, JAW:], joints[JAW:] - joints[NECK], axes=1)
    rows = tuple(np.flatnonzero(point_weights[:, k] > 1e-9) for k in range(JAW, 5))
    return Submodel(
        (a, n, *(local[k][r] for k, r in zip(range(JAW, 5), rows))),
        rows,
        model.expression_dirs.shape[2],
        model.shape_dirs.shape[2],
    )


def pack_parameters(expression: Array, *, jaw: Array, eyes: Array, neck: Array) -> Array:
    """FLAME's parameters in the solver's order (T, E + 12)."""
    return np.concatenate([expression, neck, jaw, eyes], axis=1)


def unpack_parameters(x: Array, expressions: int) -> tuple[Array, Array, Array, Array]:
    """Expression, jaw, eyes and neck of parameters (..., E + 12)."""
    E = expressions
    return x[..., :E], x[..., E + 3 : E + 6], x[..., E + 6 : E + 12], x[..., E : E + 3]

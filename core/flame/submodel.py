"""Of a FLAME model only what moves the 53 points, exactly: a few hundred rows instead of thousands of vertices, with derivatives.

A point is a mean of skinned vertices, so with FLAME's joints (root, neck, and under the neck: jaw, eyes) it is

    p = a + R_neck (n + R_jaw l_jaw + R_left l_left + R_right l_right)

where a, n and l are linear in shape, expression and the rotations' correctives, for so are vertices and joints.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..landmarks.points import COUNT, LEFT_PUPIL, RIGHT_PUPIL
from .embedding import Embedding
from .model import JAW, NECK, ROOT, FlameModel
from .skinning import rotations_and_derivatives

POSE = 12  # neck, jaw, left eye, right eye: axis-angle each, in the joints' order
_FEATURES = 36


@dataclass(frozen=True)
class Submodel:
    """The points as tables (rows, 3, 1 + E + 36 + K) of a constant and the directions of expression, correctives and K shapes.

    `tables`: a, n (53 rows), then the l of jaw, left and right eye for their `rows` among the 53. `scaled` by the resting pupils of the identity:
    without it points stay in metres.
    """

    tables: tuple[np.ndarray, ...]
    rows: tuple[np.ndarray, ...]
    expressions: int
    shapes: int

    @property
    def size(self) -> int:
        """Number of parameters: expression, pose, shape."""
        return self.expressions + POSE + self.shapes

    def at(self, shape: np.ndarray, basis: np.ndarray | None = None) -> Submodel:
        """The points of one identity; with `basis` (S, K) its shape goes on to move along these directions."""
        first = 1 + self.expressions + _FEATURES
        more = basis if basis is not None else np.zeros((self.shapes, 0))
        tables = tuple(
            np.concatenate([t[..., :1] + (t[..., first:] @ shape)[..., None], t[..., 1:first], t[..., first:] @ more], axis=2) for t in self.tables
        )
        return replace(self, tables=tables, shapes=more.shape[1])

    def resting(self) -> np.ndarray:
        """The points at rest (53, 3, 1 + K), m: a constant and the shapes' directions."""
        keep = [0, *range(1 + self.expressions + _FEATURES, self.tables[0].shape[2])]
        out = self.tables[0][..., keep] + self.tables[1][..., keep]
        for table, rows in zip(self.tables[2:], self.rows):
            out[rows] += table[..., keep]
        return out

    def points(self, x: np.ndarray) -> np.ndarray:
        """Points (T, 53, 2) in the common face space, of parameters (T, size)."""
        return self.evaluate(x, False)[0].reshape(-1, 2, COUNT).transpose(0, 2, 1)

    def evaluate(self, x: np.ndarray, derive: bool = True) -> tuple[np.ndarray, np.ndarray]:
        """Points (T, 106), all x then all y, in the common face space, and their Jacobian (T, 106, size), of parameters (T, size)."""
        T, E, K = len(x), self.expressions, self.shapes
        turn, turning = rotations_and_derivatives(x[:, E : E + POSE].reshape(T, 4, 3))
        shapes = x[:, E + POSE :]
        amounts = np.concatenate([x[:, :E], (turn - np.eye(3)).reshape(T, _FEATURES), shapes], axis=1)
        a, n, *arms = ((start + amounts @ moves).reshape(T, -1, 3) for start, moves in self._moves)
        inner = n.copy()
        for k, (arm, rows) in enumerate(zip(arms, self.rows), start=1):
            inner[:, rows] += arm @ turn[:, k].transpose(0, 2, 1)
        neck = turn[:, 0, :2]  # depth is not seen
        place = (a[..., :2] + inner @ neck.transpose(0, 2, 1)).transpose(0, 2, 1)
        pupils = self._pupils
        pupils_now = pupils[..., 0] + np.tensordot(shapes, pupils[..., 1:], axes=(1, 2))
        centre = pupils_now.mean(axis=1)[..., None]
        apart = pupils_now[:, 0] - pupils_now[:, 1]
        distance = np.linalg.norm(apart, axis=1)[:, None, None]
        out = (place - centre) / distance
        if not derive:
            return out.reshape(T, 2 * COUNT), np.empty((T, 0, 0))
        wide = self.tables[0].shape[2] - 1
        flat = self._flat
        by = (flat[0][:2] + neck @ flat[1]).reshape(T, 2, COUNT, wide)
        direct = np.zeros((T, 2, COUNT, 4, 3))
        direct[..., 0, :] = (inner[:, None] @ turning[:, 0, :, :2].transpose(0, 1, 3, 2)).transpose(0, 3, 2, 1)
        for k, (arm, rows) in enumerate(zip(arms, self.rows), start=1):
            by[:, :, rows] += (neck @ turn[:, k] @ flat[k + 1]).reshape(T, 2, -1, wide)
            direct[:, :, rows, k] = (arm[:, None] @ (neck[:, None] @ turning[:, k]).transpose(0, 1, 3, 2)).transpose(0, 3, 2, 1)
        by = by.reshape(T, 2 * COUNT, wide)
        jacobian = np.empty((T, 2 * COUNT, self.size))
        jacobian[..., :E] = by[..., :E]
        correct = by[..., E : E + _FEATURES].reshape(T, -1, 4, 9).transpose(0, 2, 1, 3) @ turning.reshape(T, 4, 3, 9).transpose(0, 1, 3, 2)
        jacobian[..., E : E + POSE] = direct.reshape(T, -1, POSE) + correct.transpose(0, 2, 1, 3).reshape(T, -1, POSE)
        jacobian[..., E + POSE :] = by[..., E + _FEATURES :]
        if K:
            centre_by, apart_by = pupils[..., 1:].mean(axis=0), pupils[0, :, 1:] - pupils[1, :, 1:]
            jacobian[..., E + POSE :] -= np.repeat(centre_by, COUNT, axis=0)
            stretch = (apart[:, None] @ apart_by) / distance
            jacobian[..., E + POSE :] -= out.reshape(T, -1, 1) * stretch
        return out.reshape(T, 2 * COUNT), jacobian / distance

    @cached_property
    def _moves(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Of each table the constant (rows * 3,) and the directions (directions, rows * 3)."""
        return [(t[..., 0].ravel(), np.ascontiguousarray(t[..., 1:].reshape(-1, t.shape[2] - 1).T)) for t in self.tables]

    @cached_property
    def _flat(self) -> list[np.ndarray]:
        """Of each table the directions (3, rows * directions)."""
        return [t[..., 1:].transpose(1, 0, 2).reshape(3, -1) for t in self.tables]

    @cached_property
    def _pupils(self) -> np.ndarray:
        """Left and right pupil at rest (2, 2, 1 + K), seen from the front."""
        return self.resting()[[LEFT_PUPIL, RIGHT_PUPIL], :2]


def submodel(model: FlameModel, embedding: Embedding) -> Submodel:
    """The points of a model with all its S shapes free."""
    vertices = model.faces[embedding.faces]
    constant = np.zeros((5, 3, _FEATURES))  # correctives move no joint
    regress = model.joint_regressor
    joints = np.concatenate([
        (regress @ model.template)[..., None], np.tensordot(regress, model.expression_dirs, axes=1), constant, np.tensordot(regress, model.shape_dirs, axes=1),
    ], axis=2)  # fmt: skip
    parts = model.template[vertices][..., None], model.expression_dirs[vertices], model.pose_dirs[vertices], model.shape_dirs[vertices]
    moves = np.concatenate(parts, axis=3)
    shares = embedding.bary[..., None] * model.skin_weights[vertices]
    share = shares.sum(axis=1)
    y = np.einsum("lmj,lmcn->jlcn", shares, moves, optimize=True)
    local = y - share.T[:, :, None, None] * joints[:, None]
    a = y[ROOT] + share[:, NECK:].sum(axis=1)[:, None, None] * joints[NECK]
    n = local[NECK] + np.tensordot(share[:, JAW:], joints[JAW:] - joints[NECK], axes=1)
    rows = tuple(np.flatnonzero(share[:, k] > 1e-9) for k in range(JAW, 5))
    return Submodel((a, n, *(local[k][r] for k, r in zip(range(JAW, 5), rows))), rows, model.expression_dirs.shape[2], model.shape_dirs.shape[2])


def parameters(expression: np.ndarray, jaw: np.ndarray, eyes: np.ndarray, neck: np.ndarray) -> np.ndarray:
    """FLAME's parameters in the order that is solved for (T, E + 12)."""
    return np.concatenate([expression, neck, jaw, eyes], axis=1)


def parts(x: np.ndarray, expressions: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Expression, jaw, eyes and neck of parameters (..., E + 12)."""
    E = expressions
    return x[..., :E], x[..., E + 3 : E + 6], x[..., E + 6 : E + 12], x[..., E : E + 3]

"""Where a face looks, from its own motion: for takes without a nod, which would show it.

Gravity shows the vertical. About it every direction is tried: in the right one, what the sites do is what some
expression does (weights from 0 up that the face model turns into these rotations), and the accelerations of a turning
head are those of sensors at the layout's places.
"""

from __future__ import annotations

from functools import lru_cache
from typing import cast

import numpy as np
from scipy.optimize import nnls  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

from ..arrays import Array
from ..errors import InnerfaceError
from ..face.channels import ARKIT
from ..face.face_model import load_bundled
from ..numerics import quaternion as quat
from ..performance.generate import generate
from .kinematics import lever_accelerations
from .layout import Layout
from .skin import expression_rotations

_STEP, _FINE_STEP = np.radians(15.0), np.radians(4.0)  # between directions that are tried, all around and near the best
_MIN_MARGIN = 0.2  # between the logarithms of the mismatch there and in the best direction
_MAX_FRAMES = 100  # that are compared, of the half with the most motion
_WEIGHT_PENALTY = 0.03  # rad per weight of a channel that is usual by 1
_LEAST_USUAL = 0.02
_GENERATED_S, _GENERATED_TAKES = 30.0, 4


def find_face_direction(
    vectors: Array, sites: tuple[str, ...], layout: Layout, *, relative: Array, tensor: Array, levers: Array
) -> float:
    """Rotation about the vertical, rad, that brings the axes of all arguments to the head's.

    Raises InnerfaceError where another direction, more than 90 degrees away, fits nearly as well.

    Parameters
    ----------
    vectors : (T, F, 3) rad, rotation vectors of the sites from neutral, with y up
    sites : F ids
    layout : that knows them
    relative : (T, F, 3) m/s^2, accelerations of the sites relative to the reference; NaN where missing
    tensor : (T, 3, 3) 1/s^2, by which the head's rotation accelerates a lever
    levers : (F, 3) m, from the reference, in head axes
    """
    index = [layout.sites.index(s) for s in sites]
    rotations = expression_rotations(load_bundled(), layout, np.eye(len(ARKIT)))[:, index]
    expressions = rotations.reshape(len(ARKIT), -1).T  # (3 F, 52)
    known = np.flatnonzero(np.isfinite(vectors).all(axis=(1, 2)))
    size = np.linalg.norm(vectors[known], axis=-1).mean(axis=1)
    moving = known[np.argsort(-size)[: max(len(known) // 2, 1)]]
    shown = vectors[np.sort(moving)[:: max(len(moving) // _MAX_FRAMES, 1)]]
    usable = np.isfinite(relative).all(axis=(1, 2)) & np.isfinite(tensor).all(axis=(1, 2))

    def mismatch(angle: float) -> float:  # of a direction, as the sum of two logarithms
        turn = quat.to_matrix(quat.about_axis(1, np.array(angle)))
        face = _unexplained(shown @ turn.T, expressions)
        accelerations = lever_accelerations(tensor[usable], levers @ turn)  # the levers in the arguments' axes
        return float(np.log(face + 1e-12) + np.log(((relative[usable] - accelerations) ** 2).sum() + 1e-12))

    around = np.arange(-np.pi, np.pi, _STEP)
    found = np.array([mismatch(a) for a in around])
    best = float(around[found.argmin()])
    if found[np.cos(around - best) < 0].min() - found.min() < _MIN_MARGIN:
        raise InnerfaceError(
            "there is no nod and shake of the head in the take, and its motion does not show which way the face looks; "
            "record again: relax, nod, shake the head, then perform"
        )
    near = [best + offset for offset in np.arange(-float(_STEP), float(_STEP), float(_FINE_STEP)).tolist()]
    return min(near, key=mismatch)


def _unexplained(vectors: Array, expressions: Array) -> float:
    """Squared rotation that no expression explains, of frames (N, F, 3), and the penalty of the weights."""
    matrix = np.concatenate([expressions, _WEIGHT_PENALTY * np.diag(1 / np.sqrt(_usual_sizes() + _LEAST_USUAL))])
    rows = np.concatenate([vectors.reshape(len(vectors), -1), np.zeros((len(vectors), len(ARKIT)))], axis=1)
    return float(sum(cast(float, nnls(matrix, row)[1]) ** 2 for row in rows))


@lru_cache(maxsize=1)
def _usual_sizes() -> Array:
    """How large each channel (52,) usually is, in generated performances."""
    weights = [generate(_GENERATED_S, np.random.default_rng(k)).select(ARKIT) for k in range(_GENERATED_TAKES)]
    return cast(Array, np.mean([w.mean(axis=0) + w.std(axis=0) for w in weights], axis=0))

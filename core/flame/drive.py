"""Apple's 52 channels onto a FLAME face: a linear map, learned once for a model.

The bundled head performs the channels; what its 53 points do from rest is put onto the model's own resting points, and the fit says which expression and
jaw do that. Eyes turn as everywhere.
"""

from __future__ import annotations

import numpy as np

from ..bones import targets
from ..channels import ARKIT
from ..face_model import bundled
from ..imu.quaternion import from_rotvec, to_euler_yxz
from ..landmarks.camera import point_model
from ..mapping import TURNS, Mapping, Target
from .embedding import Embedding
from .fit import Fitter
from .model import FlameModel
from .submodel import POSE

NAME = "FLAME"
JAW, EYES = "jaw", ("eye.L", "eye.R")  # bones of a face
_STRENGTHS = (0.5, 1.0)
# mouthClose means nothing without an open jaw; the others are how lips look on one.
_CLOSED = ("jawOpen", "mouthClose")
_TOGETHER = (
    ("jawOpen", "mouthFunnel"), ("jawOpen", "mouthPucker"), ("jawOpen", "mouthSmileLeft", "mouthSmileRight"),
    ("jawOpen", "mouthStretchLeft", "mouthStretchRight"), ("jawOpen", "mouthLowerDownLeft", "mouthLowerDownRight"),
)  # fmt: skip
_SHARE = 0.2  # what such a mixture counts beside a channel alone
_RIDGE = 1e-3
_LEAST, _LEAST_DEGREES = 0.08, 0.5  # smaller gains are left out, which costs a face 0.1 mm


def expression_key(k: int) -> str:
    """The name of an expression's shape key."""
    return f"expression{k}"


def mapping(model: FlameModel, embedding: Embedding, shape: np.ndarray | None = None) -> Mapping:
    """The table of a face with the model's E expressions and the identity `shape` (S,), the mean one by default: keys `expression0` and so on, the bone of
    the jaw in degrees, and both eyes'. Channels that the points do not show (jawForward, cheekPuff) drive little or nothing."""
    weights, counts = _performed()
    driven = _fitted(model, embedding, weights, shape)
    square = (weights * counts[:, None]).T @ weights + _RIDGE * np.eye(len(ARKIT))
    gains = np.linalg.solve(square, (weights * counts[:, None]).T @ driven)
    E = model.expression_dirs.shape[2]
    rows = []
    for channel, gain in zip(ARKIT, gains):
        rows += [Target(channel, "key", expression_key(k), gain=round(float(g), 3)) for k, g in enumerate(gain[:E]) if abs(g) >= _LEAST]
        rows += [Target(channel, "bone", JAW, axis, round(float(g), 2)) for axis, g in zip(TURNS, gain[E:]) if abs(g) >= _LEAST_DEGREES]
    return Mapping(NAME, (*rows, *targets("eye_left", EYES[0]), *targets("eye_right", EYES[1])))


def _performed() -> tuple[np.ndarray, np.ndarray]:
    """Weights (N, 52) of what is fitted, and how much each counts (N,)."""
    alone = [((c,), 1.0) for c in ARKIT if c != _CLOSED[1]]
    rows, counts = [], []
    for channels, count in [*alone, (_CLOSED, 1.0), *((mixed, _SHARE) for mixed in _TOGETHER)]:
        for strength in _STRENGTHS:
            row = np.zeros(len(ARKIT))
            row[[ARKIT.index(c) for c in channels]] = strength
            rows.append(row)
            counts.append(count)
    return np.array(rows), np.array(counts)


def _fitted(model: FlameModel, embedding: Embedding, weights: np.ndarray, shape: np.ndarray | None) -> np.ndarray:
    """Expression and the jaw's yaw, pitch and roll in degrees (N, E + 3) of weights (N, 52)."""
    fitter = Fitter(model, embedding, np.zeros(model.shape_dirs.shape[2]) if shape is None else shape)
    fitter.placed = True  # the points are the model's own
    found = fitter.fit(retargeted(fitter, weights))
    return np.concatenate([found.expression, np.degrees(to_euler_yxz(from_rotvec(found.jaw)))], axis=1)


def retargeted(fitter: Fitter, weights: np.ndarray) -> np.ndarray:
    """Points (N, 53, 2) of the fitter's face as it should look at weights (N, 52): at rest its own, moved as the bundled head's."""
    head = point_model(bundled())
    rest = fitter.face.points(np.zeros((1, fitter.face.expressions + POSE)))[0]
    return rest + head.points(weights) - head.rest

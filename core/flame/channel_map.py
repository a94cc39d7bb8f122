"""Map the 52 ARKit channels to a FLAME face: a linear map, fitted once per model.

The bundled head performs the channels; its 53 points' displacements from rest are added to the model's resting points,
and the fit finds the expression and jaw for them. Eyes rotate by the eyeLook channels directly.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Array
from ..face.bones import BoneRole, targets
from ..face.channels import ARKIT
from ..face.face_model import load_bundled
from ..face.mapping import ROTATION_AXES, Mapping, Target
from ..landmarks.camera import point_model
from ..numerics import ridge
from ..numerics.quaternion import from_rotvec, to_euler_yxz
from .embedding import Embedding
from .fit import FlameFitter
from .model import FlameModel
from .submodel import POSE_SIZE

MAPPING_NAME = "FLAME"
JAW_BONE, EYE_BONES = "jaw", ("eye.L", "eye.R")  # bone names
_STRENGTHS = (0.5, 1.0)
# mouthClose needs an open jaw; the other combinations show lip shapes on one.
_MOUTH_CLOSE = ("jawOpen", "mouthClose")
_COMBINATIONS = (
    ("jawOpen", "mouthFunnel"),
    ("jawOpen", "mouthPucker"),
    ("jawOpen", "mouthSmileLeft", "mouthSmileRight"),
    ("jawOpen", "mouthStretchLeft", "mouthStretchRight"),
    ("jawOpen", "mouthLowerDownLeft", "mouthLowerDownRight"),
)
_COMBINATION_WEIGHT = 0.2  # relative to a single channel
_RIDGE = 1e-3
_MIN_GAIN, _MIN_GAIN_DEGREES = 0.08, 0.5  # smaller gains are left out, at a cost of 0.1 mm


def expression_key(k: int) -> str:
    """Name of an expression's shape key."""
    return f"expression{k}"


def flame_mapping(model: FlameModel, embedding: Embedding, shape: Array | None = None) -> Mapping:
    """Mapping from channels to a face with the model's E expressions.

    Targets are the shape keys `expression0` and so on, the jaw bone in degrees, and both eye bones. Channels that the
    points do not show (jawForward, cheekPuff) drive little or nothing.

    Parameters
    ----------
    model, embedding : of the face
    shape : identity (S,), the mean face by default
    """
    weights, importance = _training_poses()
    outputs = _fit_poses(model, embedding, weights, shape=shape)
    weighted = (weights * importance[:, None]).T
    gains = ridge.solve(weighted @ weights, weighted @ outputs, _RIDGE)
    E = model.expression_dirs.shape[2]
    rows: list[Target] = []
    for channel, gain in zip(ARKIT, gains):
        rows += [
            Target(channel, "key", expression_key(k), gain=round(float(g), 3))
            for k, g in enumerate(gain[:E])
            if abs(g) >= _MIN_GAIN
        ]
        rows += [
            Target(channel, "bone", JAW_BONE, axis, round(float(g), 2))
            for axis, g in zip(ROTATION_AXES, gain[E:])
            if abs(g) >= _MIN_GAIN_DEGREES
        ]
    return Mapping(
        MAPPING_NAME, (*rows, *targets(BoneRole.EYE_LEFT, EYE_BONES[0]), *targets(BoneRole.EYE_RIGHT, EYE_BONES[1]))
    )


def _training_poses() -> tuple[Array, Array]:
    """Weights (N, 52) to fit, and the importance (N,) of each."""
    singles = [((c,), 1.0) for c in ARKIT if c != _MOUTH_CLOSE[1]]
    rows: list[Array] = []
    importance: list[float] = []
    for channels, count in [
        *singles,
        (_MOUTH_CLOSE, 1.0),
        *((combination, _COMBINATION_WEIGHT) for combination in _COMBINATIONS),
    ]:
        for strength in _STRENGTHS:
            row = np.zeros(len(ARKIT))
            row[[ARKIT.index(c) for c in channels]] = strength
            rows.append(row)
            importance.append(count)
    return np.array(rows), np.array(importance)


def _fit_poses(model: FlameModel, embedding: Embedding, weights: Array, *, shape: Array | None) -> Array:
    """Expression, and yaw, pitch and roll of the jaw in degrees, (N, E + 3) of weights (N, 52)."""
    fitter = FlameFitter(model, embedding, np.zeros(model.shape_dirs.shape[2]) if shape is None else shape)
    fitter.placement_known = True  # the points are the model's own
    poses = fitter.fit(retarget(fitter, weights))
    return np.concatenate([poses.expression, np.degrees(to_euler_yxz(from_rotvec(poses.jaw)))], axis=1)


def retarget(fitter: FlameFitter, weights: Array) -> Array:
    """Target points (N, 53, 2) of the fitter's face at weights (N, 52): its rest, with the bundled head's motion."""
    head = point_model(load_bundled())
    rest = fitter.face.points(np.zeros((1, fitter.face.expressions + POSE_SIZE)))[0]
    return rest + head.points(weights) - head.rest

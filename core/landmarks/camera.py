"""From the 52 ARKit channels to the 53 points of a face model, as a camera in front of that face would see them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ..face.channels import ARKIT
from ..face.face_model import FaceModel
from ..face.gaze import DOWN_RAD, UP_RAD, YAW_RAD
from ..take import Track
from .points import IBUG_COUNT, POINT_COUNT, landmark_track

_LOOK_DIRECTIONS = ("In", "Out", "Up", "Down")


@dataclass(frozen=True)
class PointModel:
    """A face's 53 points in the common face space.

    Attributes
    ----------
    rest : (53, 2)
    basis : (52, 53, 2), displacement per full weight; 0 for the pupils, which rotate with the eyes
    eyes, pupils : (2, 3), centres of the eyeballs, and pupils at rest
    interocular_mm : length of the unit, mm
    """

    rest: Array
    basis: Array
    eyes: Array
    pupils: Array
    interocular_mm: float

    def points(self, weights: Array) -> Array:
        """Points (T, 53, 2) of weights (T, 52); NaN in rows with a missing weight."""
        out = self.rest + np.tensordot(weights, self.basis, axes=1)
        yaw, pitch = gaze(weights)
        pupil_offset = self.pupils - self.eyes
        # R = Ry(yaw) Rx(pitch); the pupil lies in front of the eye's centre
        rotated_y = pupil_offset[:, 1] * np.cos(pitch) - pupil_offset[:, 2] * np.sin(pitch)
        rotated_z = pupil_offset[:, 1] * np.sin(pitch) + pupil_offset[:, 2] * np.cos(pitch)
        out[:, IBUG_COUNT:, 0] = self.eyes[:, 0] + pupil_offset[:, 0] * np.cos(yaw) + rotated_z * np.sin(yaw)
        out[:, IBUG_COUNT:, 1] = self.eyes[:, 1] + rotated_y
        return out


def gaze(weights: Array) -> tuple[Array, Array]:
    """Yaw (to the performer's left) and pitch (down) of the left and right eye, each (T, 2) rad, from weights (T, 52).

    The angle at full weight is Live Link Face's.
    """
    yaw: list[Array] = []
    pitch: list[Array] = []
    for side, outward in (("Left", 1.0), ("Right", -1.0)):
        look = {direction: weights[:, ARKIT.index(f"eyeLook{direction}{side}")] for direction in _LOOK_DIRECTIONS}
        yaw.append(outward * YAW_RAD * (look["Out"] - look["In"]))
        pitch.append(DOWN_RAD * look["Down"] - UP_RAD * look["Up"])
    return np.stack(yaw, axis=1), np.stack(pitch, axis=1)


def point_model(face: FaceModel) -> PointModel:
    """Build the point model of a face."""
    unit = float(np.linalg.norm(face.pupils[0] - face.pupils[1]))
    origin = face.pupils.mean(axis=0)
    rest = np.concatenate([face.neutral[face.landmarks], face.pupils])
    basis = np.zeros((len(ARKIT), POINT_COUNT, 2))
    basis[:, :IBUG_COUNT] = face.deltas[:, face.landmarks, :2] / unit
    return PointModel(
        (rest - origin)[:, :2] / unit, basis, (face.eyes - origin) / unit, (face.pupils - origin) / unit, unit * 1000
    )


def landmarks_from_weights(track: Track, face: FaceModel) -> Track:
    """Landmarks of a camera's track of weights; rows without a face become NaN."""
    model = point_model(face)
    weights = track.select(ARKIT)
    known = np.where(track.lost_rows()[:, None], np.nan, np.nan_to_num(weights))
    return landmark_track(
        track.time, model.points(known), interocular_mm=model.interocular_mm, meta={"face": face.name}
    )

"""A face in a picture: Apple's channels, points, the head's pose and a box."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np

from ..core.arrays import Array
from ..core.errors import InnerfaceError
from ..core.face.channels import ARKIT
from ..core.numerics import quaternion as quat

# MediaPipe's point of each of the 53: iBUG 17 to 67, from the performer's right brow on, then the left and right pupil.
POINTS = (
    *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300),
    *(168, 6, 195, 4, 98, 97, 2, 326, 327),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),
    *(78, 82, 13, 312, 308, 317, 14, 87),
    *(473, 468),
)
INSTALL = "pip install 'innerface[camera]'"
_MAX_FACES = 5
_MIN_OVERLAP = 0.3  # of the boxes of one face in two pictures


@dataclass(frozen=True)
class TrackedFace:
    """One face of one picture.

    Attributes
    ----------
    weights : (52,) in 0..1, of Apple's channels; what the tracker does not know is 0
    points : (53, 2) pixels, x to the right and y down; those of `core.landmarks.points`
    dense : (P, 3) pixels, all points of the tracker, depth towards the camera last
    head : (3,) rad, yaw, pitch and roll relative to the camera
    box : (4,) pixels: left, top, right, bottom
    """

    weights: Array
    points: Array
    dense: Array
    head: Array
    box: Array


class FaceTracker(Protocol):
    """What finds faces. Pictures come in the order of their times."""

    def push(self, picture: Array, time: float) -> TrackedFace | None:
        """The performer's face in a picture (H, W, 3) of uint8 RGB at `time` s; None where there is none."""
        ...

    def close(self) -> None:
        """Give everything back."""
        ...


class MediaPipeTracker:
    """MediaPipe's Face Landmarker. Use it as a context manager.

    Of several faces it follows the largest one of the first picture for as long as that is seen, then the largest one.

    Parameters
    ----------
    model : file that `face_model.find` gives
    face : number of the face to follow, from 0, by size in the first picture with a face
    """

    def __init__(self, model: Path, face: int = 0) -> None:
        try:
            import mediapipe
            from mediapipe.tasks.python import vision
            from mediapipe.tasks.python.core.base_options import BaseOptions
        except ImportError as error:
            raise InnerfaceError(f"tracking faces needs MediaPipe, which does not load ({error}); {INSTALL}") from None
        if not 0 <= face < _MAX_FACES:
            raise InnerfaceError(f"--face {face}: give a number from 0 to {_MAX_FACES - 1}")
        self._mediapipe: Any = mediapipe
        self._image_format: Any = mediapipe.ImageFormat.SRGB
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_buffer=model.read_bytes()),
            running_mode=vision.RunningMode.VIDEO,
            num_faces=_MAX_FACES,
            output_face_blendshapes=True,
            output_facial_transformation_matrixes=True,
        )
        try:
            self._landmarker: Any = vision.FaceLandmarker.create_from_options(options)
        except (RuntimeError, ValueError, OSError) as error:
            raise InnerfaceError(f"{model}: MediaPipe cannot open it ({error}); fetch it again") from None
        self._face, self._box, self._last_ms = face, None, -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give everything back."""
        self._landmarker.close()

    def push(self, picture: Array, time: float) -> TrackedFace | None:
        """The performer's face in a picture (H, W, 3) of uint8 RGB at `time` s; None where there is none."""
        self._last_ms = max(round(time * 1000), self._last_ms + 1)  # its times have to increase
        image = self._mediapipe.Image(image_format=self._image_format, data=np.ascontiguousarray(picture))
        found = self._landmarker.detect_for_video(image, self._last_ms)
        height, width = picture.shape[:2]
        dense = [
            np.array([(p.x * width, p.y * height, -p.z * width) for p in face], dtype=np.float64)
            for face in found.face_landmarks
        ]
        chosen = self._choose([np.concatenate([d[:, :2].min(axis=0), d[:, :2].max(axis=0)]) for d in dense])
        if chosen is None or self._box is None:
            return None
        points = dense[chosen]
        return TrackedFace(
            _weights(found.face_blendshapes[chosen]),
            points[list(POINTS), :2],
            points,
            head_angles(np.asarray(found.facial_transformation_matrixes[chosen], dtype=np.float64)),
            self._box,
        )

    def _choose(self, boxes: Sequence[Array]) -> int | None:
        """Index of the face that was followed, or of the largest one; `_box` becomes its box."""
        if not boxes:
            return None
        areas = np.array([(b[2] - b[0]) * (b[3] - b[1]) for b in boxes])
        if self._box is None:
            chosen = int(np.argsort(-areas)[min(self._face, len(boxes) - 1)])
        else:
            overlaps = [overlap(self._box, b) for b in boxes]
            chosen = int(np.argmax(overlaps)) if max(overlaps) > _MIN_OVERLAP else int(areas.argmax())
        self._box = boxes[chosen]
        return chosen


def overlap(a: Array, b: Array) -> float:
    """Intersection over union of two boxes (left, top, right, bottom)."""
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    shared = float(np.prod(np.maximum(high - low, 0.0)))
    total = float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2])) - shared
    return shared / total if total > 0 else 0.0


def head_angles(matrix: Array) -> Array:
    """Yaw, pitch and roll (3,) rad of a head from MediaPipe's matrix (4, 4).

    Its axes are those of Innerface's head: x to the performer's left (right in the picture), y up, z to the camera.
    """
    u, _, v = np.linalg.svd(matrix[:3, :3])
    rotation = u @ np.diag([1.0, 1.0, math.copysign(1.0, float(np.linalg.det(u @ v)))]) @ v
    return quat.to_euler_yxz(quat.from_matrix(rotation))


def _weights(categories: Sequence[Any]) -> Array:
    scores = {str(c.category_name): float(c.score) for c in categories}
    return np.clip([scores.get(name, 0.0) for name in ARKIT], 0.0, 1.0)

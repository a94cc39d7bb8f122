"""Faces in the pictures of a camera or a video, tracked in a thread on this computer."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from ...core.face.channels import OUTPUT_CHANNELS
from ..arguments import argument
from ..messages import FaceSample
from .polled_source import PolledSource

if TYPE_CHECKING:
    from ...camera.tracker import FaceTracker
    from ...core.arrays import Array


def model_argument() -> str:
    """Declare the argument `model` of a camera's options."""
    return argument(
        "", path=True, metavar="F", help="the face tracker's model (else that of 'innerface fetch face-model')"
    )


class CameraSource(PolledSource):
    """Sends the face of each picture, and no face where there is none. No picture is kept.

    `face_model`: the tracker's model file; empty for the one that `innerface fetch face-model` got.
    """

    poll_interval_s = 0.0  # the next picture is waited for

    def __init__(self, device: str, face_model: str) -> None:
        super().__init__()
        self.device, self.face_model = device, face_model
        self.tracker: FaceTracker | None = None

    def connect(self) -> None:
        """Open the tracker and the pictures. Raises InnerfaceError."""
        from ...camera import face_model
        from ...camera.tracker import MediaPipeTracker

        self.tracker = MediaPipeTracker(face_model.find(self.face_model or None))
        try:
            self.open_pictures()
        except BaseException:
            self.disconnect()
            raise

    def disconnect(self) -> None:
        """Close both."""
        tracker, self.tracker = self.tracker, None
        if tracker is not None:
            tracker.close()
        self.close_pictures()

    def poll(self) -> FaceSample | None:
        """The face of the next picture; None where no picture comes any more."""
        following = self.next_picture()
        if following is None or self.tracker is None:
            return None
        time, picture = following
        face = self.tracker.push(picture, time)
        values = {} if face is None else dict(zip(OUTPUT_CHANNELS, np.append(face.weights, face.head).tolist()))
        return FaceSample(self.device, values, time)

    @abstractmethod
    def open_pictures(self) -> None:
        """Open the camera or file. Raises InnerfaceError."""

    @abstractmethod
    def close_pictures(self) -> None:
        """Close it."""

    @abstractmethod
    def next_picture(self) -> tuple[float, Array] | None:
        """Wait for the next picture (H, W, 3), and return it with its time in s; None if there are no more."""

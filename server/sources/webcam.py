"""A webcam of this computer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..arguments import argument
from ..specs import SourceGroup, SourceSpec, no_peer
from .camera_source import CameraSource, model_argument

if TYPE_CHECKING:
    from ...camera.webcam import Webcam
    from ...core.arrays import Array


class WebcamSource(CameraSource):
    """Tracks the face before a webcam; one that is unplugged is looked for until it is back."""

    name = "webcam"

    def __init__(self, number: int = 0, face_model: str = "") -> None:
        super().__init__(f"webcam {number}", face_model)
        self.number = number
        self._webcam: Webcam | None = None

    def open_pictures(self) -> None:
        """Open the webcam. Raises InnerfaceError."""
        from ...camera.webcam import Webcam

        self._webcam = Webcam(self.number)

    def close_pictures(self) -> None:
        """Give it back."""
        webcam, self._webcam = self._webcam, None
        if webcam is not None:
            webcam.close()

    def next_picture(self) -> tuple[float, Array] | None:
        """The newest picture. Raises InnerfaceError where the webcam is gone."""
        return None if self._webcam is None else self._webcam.next_picture()

    def describe(self) -> str:
        """Return the webcam and its problem, if any."""
        return self.with_problem(f"webcam {self.number}; pictures stay on this computer and are not kept")


@dataclass(frozen=True)
class WebcamOptions:
    """Arguments of `webcam`."""

    number: int = argument(0, positional=True, metavar="N", help="which webcam, from 0")
    model: str = model_argument()


SPEC = SourceSpec(
    kind="webcam",
    summary="the face before a webcam; no picture is kept or sent",
    options=WebcamOptions,
    peer=no_peer,
    create=lambda options, _: WebcamSource(options.number, options.model),
    group=SourceGroup.CAMERA,
    hints=("the webcam sees no face: look into it, in good light", "another program uses the webcam"),
    extra="camera",
    library="mediapipe",
)

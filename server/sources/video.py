"""A video file as if it were a camera."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..arguments import argument
from ..specs import SourceGroup, SourceSpec, no_peer
from .camera_source import CameraSource, model_argument

if TYPE_CHECKING:
    from ...core.arrays import Array

_END_WAIT_S = 0.2
_LATE_S = 0.1  # pictures this late are left out, as a camera leaves them out that nobody reads


class VideoSource(CameraSource):
    """Plays a video in real time, once or in a loop, and tracks the face in it."""

    name = "video"

    def __init__(self, path: str, loop: bool = False, face_model: str = "") -> None:
        super().__init__(Path(path).name, face_model)
        self.path, self.loop = Path(path), loop
        self._pictures: Iterator[tuple[float, Array]] = iter(())
        self._started, self._offset = 0.0, 0.0

    def open_pictures(self) -> None:
        """Open the file. Raises InnerfaceError."""
        from ...camera.video import VideoFile

        self._video = VideoFile(self.path)
        self._pictures, self._started, self._offset = iter(self._video), time.monotonic(), 0.0

    def close_pictures(self) -> None:
        """Close the file."""
        self._pictures = iter(())

    def next_picture(self) -> tuple[float, Array] | None:
        """The next picture at its time; those that are late already are left out."""
        while True:
            following = next(self._pictures, None)
            if following is None:
                if not self.loop:
                    self.stop_event.wait(_END_WAIT_S)
                    return None
                self._pictures, self._offset = iter(self._video), time.monotonic() - self._started
                continue
            at = following[0] + self._offset
            wait = self._started + at - time.monotonic()
            if wait > 0:
                self.stop_event.wait(wait)
            if wait > -_LATE_S:
                return at, following[1]

    def describe(self) -> str:
        """Return the file and its problem, if any."""
        return self.with_problem(f"{self.path}, in real time" + (", in a loop" if self.loop else ""))


@dataclass(frozen=True)
class VideoOptions:
    """Arguments of `video`."""

    path: str = argument("", positional=True, required=True, path=True, metavar="FILE", help="a video of one performer")
    loop: bool = argument(False, help="start again at the end")
    model: str = model_argument()


SPEC = SourceSpec(
    kind="video",
    summary="the face in a video file, in real time",
    options=VideoOptions,
    peer=no_peer,
    create=lambda options, _: VideoSource(options.path, options.loop, options.model),
    group=SourceGroup.CAMERA,
    hints=("the video has ended: loop plays it again and again", "it shows no face from the front"),
    extra="camera",
    library="mediapipe",
)

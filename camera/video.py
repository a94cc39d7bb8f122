"""Pictures of a video file, upright and with their real times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.errors import InnerfaceError

MAX_SIDE = 1280  # pixels; larger pictures are reduced, which costs no accuracy of a face in them
_REMEDY = "give a video that a player can show, such as .mp4 or .mov"


@dataclass(frozen=True)
class VideoInfo:
    """What a file says of its video.

    Attributes
    ----------
    rate : frames per second on average; 0 if unknown
    width, height : pixels of an upright picture
    duration : s; 0 if unknown
    has_sound : whether there is sound, too
    """

    rate: float
    width: int
    height: int
    duration: float
    has_sound: bool


class VideoFile:
    """A video file. Iterate over it for pictures (H, W, 3) of uint8 RGB with their times in s from the first one.

    Raises InnerfaceError for a file without a video, and for one that no decoder knows.
    """

    def __init__(self, path: str | Path) -> None:
        try:
            import av
        except ImportError as error:
            raise InnerfaceError(
                f"reading videos needs PyAV, which does not load ({error}); pip install 'innerface[camera]'"
            ) from None
        self.path, self._av = Path(path), av
        if not self.path.is_file():
            raise InnerfaceError(f"{self.path}: there is no such file; {_REMEDY}")
        with self._open() as container:
            stream = container.streams.video[0]
            size = (stream.codec_context.width, stream.codec_context.height)
            width, height = reversed(size) if self._is_turned(container) else size
            self.info = VideoInfo(
                float(stream.average_rate or 0),
                width,
                height,
                float((container.duration or 0) / 1e6),
                bool(container.streams.audio),
            )

    def _is_turned(self, container: Any) -> bool:
        """Whether the first picture lies on its side; False where it cannot be decoded, which iterating reports."""
        try:
            return any(_quarter_turns(frame) % 2 for frame in islice(container.decode(video=0), 1))
        except (self._av.FFmpegError, OSError, ValueError):
            return False

    def _open(self) -> Any:
        try:
            container = self._av.open(str(self.path), mode="r")
        except (self._av.FFmpegError, OSError, ValueError) as error:
            raise InnerfaceError(f"{self.path}: is no video that can be read ({error}); {_REMEDY}") from None
        if not container.streams.video:
            container.close()
            raise InnerfaceError(f"{self.path}: has no pictures, only sound; {_REMEDY}")
        return container

    def __iter__(self) -> Iterator[tuple[float, Array]]:
        with self._open() as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            start: Fraction | None = None
            last = -1.0
            try:
                for frame in container.decode(stream):
                    if frame.pts is None or frame.time_base is None:
                        continue
                    start = frame.pts * frame.time_base if start is None else start
                    time = float(frame.pts * frame.time_base - start)
                    if time <= last:
                        continue  # a frame that repeats a time cannot be told from the one before
                    last = time
                    yield time, np.rot90(picture_of(frame), _quarter_turns(frame))
            except (self._av.FFmpegError, OSError, ValueError) as error:
                if start is None:
                    raise InnerfaceError(f"{self.path}: no picture can be decoded ({error}); {_REMEDY}") from None
                return  # a cut-off file: what came before the damage counts


def picture_of(frame: Any) -> Array:
    """RGB (H, W, 3) of a frame, 10-bit and HDR ones as 8 bits, with at most MAX_SIDE pixels on a side."""
    shrink = max(frame.width, frame.height) / MAX_SIDE
    if shrink > 1:
        frame = frame.reformat(width=round(frame.width / shrink), height=round(frame.height / shrink), format="rgb24")
    return frame.to_ndarray(format="rgb24")


def _quarter_turns(frame: Any) -> int:
    """Quarter turns, counter-clockwise, by which a picture has to be turned to be upright."""
    return round(int(getattr(frame, "rotation", 0) or 0) / 90) % 4

"""Pictures of a webcam: always the newest one, whoever is slow."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Any

from ..core.arrays import Array
from ..core.errors import InnerfaceError
from .tracker import INSTALL
from .video import picture_of

_WAIT_S = 5.0  # for the next picture, before the camera counts as lost
_SIZES = ("1280x720", "640x480", "")  # asked for in this order; the last is what the camera likes


class Webcam:
    """Opens webcam number `number` and reads it in a thread.

    Raises InnerfaceError where there is none, or where another program or a missing permission keeps it.
    """

    def __init__(self, number: int = 0) -> None:
        try:
            import av
        except ImportError as error:
            raise InnerfaceError(f"webcams need PyAV, which does not load ({error}); {INSTALL}") from None
        self._av: Any = av
        self.number = number
        self._container = self._open()
        self._condition = threading.Condition()
        self._newest: tuple[float, Any] | None = None
        self._error: Exception | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._read, name="innerface webcam", daemon=True)
        self._thread.start()

    def _open(self) -> Any:
        name, form = _device(self.number)
        problem: Exception | None = None
        for size in _SIZES:
            options = {"framerate": "30"} | ({"video_size": size} if size else {})
            try:
                return self._av.open(name, format=form, options=options if size else {}, timeout=_WAIT_S)
            except (self._av.FFmpegError, OSError, ValueError) as error:
                problem = error
        raise InnerfaceError(
            f"webcam {self.number} ({name}) cannot be opened ({problem}); check that it is plugged in, that no other "
            "program uses it, and that this program may use the camera (privacy settings)"
        )

    def _read(self) -> None:
        try:
            for frame in self._container.decode(video=0):
                with self._condition:
                    self._newest = time.monotonic(), frame
                    self._condition.notify_all()
                if self._stopped:
                    break
        except Exception as error:  # unplugged: the libraries' errors share no base class
            self._error = error
        finally:
            with self._condition:
                self._stopped = True
                self._condition.notify_all()

    def next_picture(self) -> tuple[float, Array]:
        """The newest picture (H, W, 3) of uint8 RGB that was not returned before, and when it came (monotonic s).

        Raises InnerfaceError where the camera is gone.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._newest is not None or self._stopped, _WAIT_S)
            newest, self._newest = self._newest, None
        if newest is None:
            raise InnerfaceError(f"webcam {self.number} gives no pictures any more ({self._error or 'silent'})")
        return newest[0], picture_of(newest[1])

    def close(self) -> None:
        """Give the camera back."""
        self._stopped = True
        self._thread.join(2 * _WAIT_S)
        self._container.close()


def _device(number: int) -> tuple[str, str]:
    """Name and FFmpeg format of a webcam. Raises InnerfaceError where the system is known to have no such one."""
    if sys.platform == "darwin":
        return str(number), "avfoundation"
    if sys.platform == "win32":
        return f"video={_windows_name(number)}", "dshow"
    path = Path(f"/dev/video{number}")
    if not path.exists():
        raise InnerfaceError(f"webcam {number}: there is no {path}; plug it in, or give another number")
    return str(path), "v4l2"


def _windows_name(number: int) -> str:
    from av.device import enumerate_input_devices

    devices = enumerate_input_devices("dshow")
    cameras = [d.name for d in devices if "video" in (getattr(d, "media_types", None) or ["video"])]
    if number >= len(cameras):
        raise InnerfaceError(
            f"webcam {number}: Windows knows {len(cameras)} cameras; plug it in, or give another number"
        )
    return str(cameras[number])

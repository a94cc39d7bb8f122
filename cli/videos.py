"""Videos and photographs where a command expects a take of a face: they are tracked first."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

from ..core import formats
from ..core.take import Take
from .progress import filter_tracker_logs, step

SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".jpg", ".jpeg", ".png")


def is_video(path: str | Path) -> bool:
    """Whether a path names a video or a photograph."""
    return str(path).lower().endswith(SUFFIXES)


def track(path: str | Path, face_model: str | None, face: int = 0) -> Take:
    """Track the face of a video or photograph. Raises InnerfaceError."""
    from ..camera.face_model import find
    from ..camera.track_video import track_video
    from ..camera.tracker import MediaPipeTracker

    model = find(face_model)
    with step("tracking") as bar, filter_tracker_logs(), MediaPipeTracker(model, face) as tracker:
        return track_video(path, tracker, bar)


def read_face_take(path: str | Path, face_model: str | None) -> Take:
    """Read a take, or track a video or photograph. Raises InnerfaceError."""
    return track(path, face_model) if is_video(path) else formats.read_take(path)


def face_take_file(path: str, face_model: str | None) -> str:
    """A take's own path; for a video or photograph, that of a tracked take that lasts as long as the program."""
    if not path or not is_video(path):
        return path
    folder = Path(tempfile.mkdtemp(prefix="innerface-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    out = folder / f"{Path(path).stem}.mcap"
    formats.write_take(track(path, face_model), out)
    return str(out)

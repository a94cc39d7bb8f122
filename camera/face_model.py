"""The model file of the face tracker: where it is looked for, what it must be, and how it is fetched when asked.

It is not Innerface's own (Apache-2.0, by Google): the user fetches it once, or points to it.
"""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from platformdirs import user_data_path

from ..core.errors import InnerfaceError
from ..core.files import atomic_write, read_bytes

NAME = "face_landmarker.task"
ADDRESS = f"https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/{NAME}"
SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
SIZE, LICENCE = 3_758_596, "Apache-2.0"
_LIMIT, _TIMEOUT_S, _CHUNK = 64 << 20, 30.0, 1 << 16


def default_path() -> Path:
    """Where `fetch` puts the file, and where it is looked for if none is given."""
    return user_data_path("innerface", False) / NAME


def find(path: str | Path | None = None) -> Path:
    """The model file: `path`, or the one at `default_path`. Raises InnerfaceError where it is missing or another."""
    chosen = Path(path) if path else default_path()
    if not chosen.is_file():
        raise InnerfaceError(
            f"{chosen}: the face tracker's model is not there; fetch it once with 'innerface fetch face-model', "
            f"or give a {NAME} with --face-model"
        )
    _check(read_bytes(chosen, limit=_LIMIT), str(chosen))
    return chosen


def fetch(out: Path | None = None, progress: Callable[[float], None] = lambda _: None) -> Path:
    """Download the file, check it and put it in its place. Raises InnerfaceError; nothing half-written is left."""
    chosen = out or default_path()
    data = bytearray()
    try:
        with urllib.request.urlopen(ADDRESS, timeout=_TIMEOUT_S) as answer:
            while chunk := answer.read(_CHUNK):
                data += chunk
                progress(min(len(data) / SIZE, 1.0))
                if len(data) > _LIMIT:
                    break
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise InnerfaceError(
            f"{ADDRESS}: cannot be reached ({getattr(error, 'reason', error)}); download it on another computer, and "
            f"put it at {chosen}"
        ) from None
    _check(bytes(data), ADDRESS)
    with atomic_write(chosen) as temporary:
        temporary.write_bytes(data)
    return chosen


def _check(data: bytes, name: str) -> None:
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise InnerfaceError(
            f"{name}: is not the face tracker's model that Innerface was tested with (another SHA-256 than "
            f"{SHA256[:12]}...); fetch it with 'innerface fetch face-model'"
        )

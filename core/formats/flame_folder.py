"""A folder with a file of FLAME parameters for each frame, as VHAP exports them (`flame_param/00000.npz`, ...)."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import InnerfaceError
from ..flame.flame_track import require_flame
from ..take import Take, TrackKind
from . import flame_npz
from .flame_trackers import DEFAULT_RATE

_NUMBERED = re.compile(r"\D*(\d{1,9})\D*")
_MAX_FRAMES = 100_000


def frame_files(folder: Path) -> dict[int, Path]:
    """The files of a folder's frames by number; empty for any other folder."""
    files = [p for p in sorted(folder.iterdir()) if p.suffix.lower() == ".npz"]
    matches = [_NUMBERED.fullmatch(p.stem) for p in files]
    numbered = {int(m[1]): p for m, p in zip(matches, files) if m}
    return numbered if 1 < len(numbered) == len(files) <= _MAX_FRAMES else {}


def read(folder: Path, frame_rate: float | None = None) -> Take:
    """One take of all frames, numbered as the files are. Raises InnerfaceError that names a file."""
    files = frame_files(folder)
    numbers = sorted(files)
    takes = [flame_npz.read(files[k], frame_rate) for k in numbers]
    tracks = [require_flame(take) for take in takes]
    for k, track in zip(numbers, tracks):
        if len(track.time) != 1 or track.columns != tracks[0].columns:
            raise InnerfaceError(
                f"{files[k]}: has {len(track.time)} frames of {len(track.columns)} numbers, where "
                f"{files[numbers[0]].name} has one of {len(tracks[0].columns)}; "
                "give one file, or a folder with a file for each frame"
            )
    time = np.array(numbers, dtype=np.float64) / (frame_rate or DEFAULT_RATE)
    values = np.concatenate([track.values for track in tracks])
    notes = [f"{len(files)} files, each of one frame, were read as one take", *takes[0].notes]
    return Take(folder.name, {TrackKind.FLAME: replace(tracks[0], time=time, values=values)}, notes)

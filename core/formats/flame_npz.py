"""`*.flame.npz`: FLAME parameters.

Arrays `time (T,)`, `expression (T, E)`, `jaw (T, 3)`, `eyes (T, 6)` (left, right), `neck (T, 3)` and `shape (S,)`;
rotations are axis-angle in rad. `model` optionally names the FLAME file that the parameters belong to.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import InnerfaceError
from ..files import atomic_write, read_bytes
from ..flame import unpickle
from ..flame.flame_track import arrays_of, build_flame_track, require_flame
from ..numerics.npz import MAX_FILE_BYTES, NpzArchive
from ..take import Take, TrackKind
from . import flame_trackers

_WIDTHS = {"expression": None, "jaw": 3, "eyes": 6, "neck": 3}
_KEYS = ("time", *_WIDTHS, "shape")
_MAX_VALUE = 1e6


def read(path: Path, frame_rate: float | None = None) -> Take:
    """Read a FLAME take, or a tracker's parameters; frames without times are `frame_rate` (Hz) a second.

    Raises InnerfaceError that names the array.
    """
    path = Path(path)
    content = read_bytes(path, MAX_FILE_BYTES)
    if not content.startswith(b"PK"):
        arrays, names = unpickle.read_chosen(content, path, flame_trackers.wanted)
        return flame_trackers.parse(arrays, names, path, frame_rate=frame_rate)
    archive = NpzArchive(content, path)
    if flame_trackers.is_tracker(archive.names):
        names = sorted(archive.names)
        arrays = {name: archive.read(name) for name in flame_trackers.wanted(names)}
        return flame_trackers.parse(arrays, names, path, frame_rate=frame_rate)
    missing = [key for key in _KEYS if key not in archive.names]
    if missing:
        there = ", ".join(sorted(archive.names)[:8]) or "no arrays"
        raise InnerfaceError(
            f"{path}: has no {', '.join(missing)}, but {there}; a .flame.npz holds {', '.join(_KEYS)}, and a tracker's "
            "file expr, exp or expcode, with jaw_pose, neck_pose and eyes_pose, or pose"
        )
    arrays = {key: archive.read(key) for key in (*_KEYS, "model") if key in archive.names}
    for key in _KEYS:
        if arrays[key].dtype.kind not in "iuf":
            raise InnerfaceError(f"{path}: {key} holds {arrays[key].dtype}, not numbers; write the file again")
    data = {key: arrays[key].astype(np.float64, copy=False) for key in _KEYS}
    time, T = data["time"], data["time"].size
    if time.ndim != 1 or not T:
        raise InnerfaceError(
            f"{path}: time has shape {time.shape} where (T,) with at least one row is expected; write the file again"
        )
    if not np.isfinite(time).all() or (np.diff(time) <= 0).any():
        row = (
            int(np.append(np.diff(time, prepend=-np.inf) <= 0, True).argmax())
            if np.isfinite(time).all()
            else int((~np.isfinite(time)).argmax())
        )
        raise InnerfaceError(f"{path}: time of row {row} is missing or does not advance; correct the times")
    for key, width in _WIDTHS.items():
        shape = data[key].shape
        if len(shape) != 2 or shape[0] != T or not shape[1] or (width is not None and shape[1] != width):
            raise InnerfaceError(
                f"{path}: {key} has shape {shape} where ({T}, {width or 'E'}) is expected; write the file again"
            )
    if data["shape"].ndim != 1:
        raise InnerfaceError(
            f"{path}: shape has shape {data['shape'].shape} where (S,) is expected; write the file again"
        )
    for key in (*_WIDTHS, "shape"):
        if not (np.abs(data[key]) < _MAX_VALUE).all():
            raise InnerfaceError(f"{path}: {key} holds values that are missing or too large; write the file again")
    model = (
        str(arrays["model"])
        if "model" in arrays and arrays["model"].dtype.kind == "U" and arrays["model"].ndim == 0
        else ""
    )
    return Take(
        path.name.removesuffix(".npz").removesuffix(".flame"),
        {TrackKind.FLAME: build_flame_track(**data, model=model[:64])},
    )


def write(take: Take, path: Path) -> None:
    """Write the complete rows of the take's FLAME track. Raises InnerfaceError."""
    track = require_flame(take)
    data = arrays_of(track)
    complete = np.isfinite(track.values).all(axis=1)
    if not complete.any():
        raise InnerfaceError(f"{take.name}: no row of the FLAME track is complete; fit the landmarks again")
    complete_rows = {key: data[key][complete] for key in ("time", *_WIDTHS)}
    with atomic_write(path) as temporary, open(temporary, "wb") as out:
        np.savez(out, **complete_rows, shape=data["shape"], model=np.array(track.meta.get("model", "")))

"""FLAME's parameters as a track of kind `flame`.

Columns are `expression0` and so on, then axis-angle in rad of jaw, both eyes and neck; the identity is in the metadata.
"""

from __future__ import annotations

import json

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..take import Take, Track, TrackKind

POSE_COLUMNS = tuple(f"{part}{axis}" for part in ("jaw", "eyeLeft", "eyeRight", "neck") for axis in "XYZ")


def build_flame_track(
    time: Array,
    *,
    expression: Array,
    jaw: Array,
    eyes: Array,
    neck: Array,
    shape: Array,
    model: str = "",
) -> Track:
    """Make a track of FLAME's parameters.

    Parameters
    ----------
    time : (T,) s
    expression, jaw, eyes, neck : (T, E), (T, 3), (T, 6) left and right, (T, 3)
    shape : (S,)
    model : FlameModel.sha

    Raises
    ------
    ValueError
        if array shapes do not match
    """
    columns = tuple(f"expression{k}" for k in range(np.shape(expression)[1])) + POSE_COLUMNS
    meta = {"shape": json.dumps(np.asarray(shape, dtype=np.float64).tolist())} | ({"model": model} if model else {})
    return Track(TrackKind.FLAME, time, columns, np.concatenate([expression, jaw, eyes, neck], axis=1), meta)


def arrays_of(track: Track) -> dict[str, Array]:
    """Arrays `time`, `expression`, `jaw`, `eyes`, `neck` and `shape` of a track, NaN where missing.

    Raises InnerfaceError for metadata without a valid shape.
    """
    count = sum(c.startswith("expression") for c in track.columns)
    values = track.select(tuple(f"expression{k}" for k in range(count)) + POSE_COLUMNS)
    try:
        shape = np.array(json.loads(track.meta.get("shape", "[]")), dtype=np.float64)
        if shape.ndim != 1 or not np.isfinite(shape).all():
            raise ValueError
    except (ValueError, TypeError, RecursionError, OverflowError):
        raise InnerfaceError("the FLAME track's shape is not a list of numbers; fit the landmarks again") from None
    expression, jaw, eyes, neck = np.split(values, np.cumsum([count, 3, 6]), axis=1)
    return {"time": track.time, "expression": expression, "jaw": jaw, "eyes": eyes, "neck": neck, "shape": shape}


def find_flame(take: Take) -> Track | None:
    """The take's first FLAME track that is not empty, or None."""
    return next(
        (t for t in take.tracks.values() if t.kind == TrackKind.FLAME and len(t.time) and not t.lost_rows().all()), None
    )


def require_flame(take: Take) -> Track:
    """The track of `find_flame`. Raises InnerfaceError if there is none."""
    track = find_flame(take)
    if track is None:
        kinds = take.kinds_text
        raise InnerfaceError(
            f"{take.name}: has {kinds} but no FLAME parameters; give a .flame.npz, or make one with innerface flame-fit"
        )
    return track

"""The 53 points: iBUG 17 to 67 and the two pupils, in the common face space of docs/formats.md.

x to the performer's left, y up, origin midway between the resting pupils, unit = the distance between them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..take import Take, Track, TrackKind

POINT_COUNT = 53
IBUG_COUNT = 51  # iBUG 17 to 67; then the left and the right pupil
LEFT_PUPIL, RIGHT_PUPIL = 51, 52
COLUMNS = tuple(f"{axis}{k}" for k in range(POINT_COUNT) for axis in "xy")
INTEROCULAR_MM = 63.9  # of ICT-FaceKit's mean face; the default for files that do not give it

# Indices among the 53. iBUG counts from the performer's right brow to the left.
POINT_GROUPS: dict[str, tuple[int, ...]] = {
    "brows": tuple(range(0, 10)),
    "nose": tuple(range(10, 19)),
    "lids": tuple(range(19, 31)),
    "mouth": tuple(range(31, 51)),
    "pupils": (LEFT_PUPIL, RIGHT_PUPIL),
}
STABLE_POINTS = (10, 11, 12, 13, 19, 22, 25, 28)  # nose bridge and eye corners, which expressions hardly move


def landmark_track(
    time: Array, points: Array, *, interocular_mm: float = INTEROCULAR_MM, meta: dict[str, str] | None = None
) -> Track:
    """Make a track of points (T, 53, 2)."""
    track_meta = {"interocular_mm": f"{interocular_mm:.6g}"} | (meta or {})
    return Track(
        TrackKind.LANDMARKS,
        time,
        COLUMNS,
        np.asarray(points, dtype=np.float64).reshape(len(time), 2 * POINT_COUNT),
        track_meta,
    )


def points_of(track: Track) -> Array:
    """Points (T, 53, 2) of a landmark track, NaN where missing."""
    return track.select(COLUMNS).reshape(len(track.time), POINT_COUNT, 2)


def without_eyes(track: Track) -> Track:
    """The track with NaN for eyelids and pupils."""
    points = points_of(track).copy()
    points[:, [*POINT_GROUPS["lids"], *POINT_GROUPS["pupils"]]] = np.nan
    return replace(track, values=points.reshape(track.values.shape))


def interocular_mm(track: Track) -> float:
    """Distance (mm) between the resting pupils."""
    return track.number("interocular_mm", INTEROCULAR_MM)


def find_landmarks(take: Take) -> Track | None:
    """The take's first landmark track that is not empty, or None."""
    return next(
        (t for t in take.tracks.values() if t.kind == TrackKind.LANDMARKS and len(t.time) and not t.lost_rows().all()),
        None,
    )


def require_landmarks(take: Take) -> Track:
    """The track of `find_landmarks`. Raises InnerfaceError if there is none."""
    track = find_landmarks(take)
    if track is None:
        if TrackKind.LANDMARKS in take.kinds:
            raise InnerfaceError(f"{take.name}: all its landmarks are empty; track the face again")
        kinds = take.kinds_text
        raise InnerfaceError(
            f"{take.name}: has {kinds} but no landmarks; give a .landmarks.csv, or make one with innerface landmarks"
        )
    return track


def median_face(points: Array) -> Array:
    """Median face (53, 2) of points (T, 53, 2); NaN for points without any value."""
    return _over_time(np.nanmedian, points)


def mean_face(points: Array) -> Array:
    """Mean face (53, 2) of points (T, 53, 2); NaN for points without any value."""
    return _over_time(np.nanmean, points)


def _over_time(statistic: Callable[..., Array], points: Array) -> Array:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all-NaN points, for which NaN is the result
        return statistic(points, axis=0)


def group_indices(names: Sequence[str]) -> Array:
    """Indices of the points of these groups."""
    return np.array([k for name in names for k in POINT_GROUPS[name]])

"""Bring a tracker's image points into the common face space, without position, roll and size of the head."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..take import Track
from .points import LEFT_PUPIL, POINT_COUNT, POINT_GROUPS, RIGHT_PUPIL, STABLE_POINTS, median_face, points_of

IMAGE_SPACE = "image"  # meta "space" of a track in image coordinates
_ITERATIONS = 8
_MAX_UNIT_RATIO = 2.0  # of the eyes' distance to 1, in either direction
_EYE_CORNERS = {LEFT_PUPIL: (25, 28), RIGHT_PUPIL: (19, 22)}  # of the eye that the pupil rests in


def to_face_space(track: Track) -> Track:
    """Transform a track into the common face space, unless it is there already.

    Raises InnerfaceError if it shows too little of a face.
    """
    if track.meta.get("space") != IMAGE_SPACE:
        return track
    points = points_of(track)
    aligned = generalised_procrustes(points)
    rest = median_face(aligned)
    eyes = np.stack(
        [rest[k] if np.isfinite(rest[k]).all() else rest[list(c)].mean(axis=0) for k, c in _EYE_CORNERS.items()]
    )
    eye_axis = eyes[0] - eyes[1]
    unit = float(np.hypot(*eye_axis))
    if not np.isfinite(unit) or unit <= 0:
        raise InnerfaceError("no row of the landmarks has eyes; track the face again")
    c, s = eye_axis / unit
    rotated = (aligned - eyes.mean(axis=0)) @ np.array([[c, -s], [s, c]]) / unit
    return replace(
        track,
        values=rotated.reshape(len(rotated), 2 * POINT_COUNT),
        meta={k: v for k, v in track.meta.items() if k != "space"},
    )


def generalised_procrustes(points: Array) -> Array:
    """Align each row of points (T, 53, 2) with the mean of all by a similarity transform of the stable points.

    Rows without three stable points become NaN. Raises InnerfaceError if no row has them. See Gower 1975.
    """
    stable = list(STABLE_POINTS)
    z = points[..., 0] + 1j * points[..., 1]  # a similarity of the plane is one complex factor and one offset
    seen = np.isfinite(z[:, stable])
    usable = seen.sum(axis=1) >= 3
    if not usable.any():
        raise InnerfaceError("no row has the bridge of the nose and the eyes; track the face again")
    observed = np.where(seen, z[:, stable], 0)
    first = int(np.flatnonzero(usable)[seen[usable].sum(axis=1).argmax()])
    model: Array = np.where(seen[first], z[first, stable], np.nan)
    size = float(np.nanstd(model))
    aligned = z
    for _ in range(_ITERATIONS):
        used = seen & np.isfinite(model)
        count = np.maximum(used.sum(axis=1), 1)
        target = np.where(used, model, 0)
        source = np.where(used, observed, 0)
        source_mean, target_mean = source.sum(axis=1) / count, target.sum(axis=1) / count
        a, b = np.where(used, source - source_mean[:, None], 0), np.where(used, target - target_mean[:, None], 0)
        power = (np.abs(a) ** 2).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            factor = np.where(usable & (power > 0), (np.conj(a) * b).sum(axis=1) / power, np.nan)
        aligned = factor[:, None] * (z - source_mean[:, None]) + target_mean[:, None]
        with np.errstate(invalid="ignore"):
            model = np.asarray(np.nanmean(aligned[usable][:, stable], axis=0))
        model = (model - np.nanmean(model)) * (size / float(np.nanstd(model)))
    return np.stack([aligned.real, aligned.imag], axis=-1)


def fill_pupils(points: Array) -> Array:
    """Add static pupils, midway between the eye corners at rest, to points (T, 53, 2) of a tracker without pupils."""
    rest = median_face(points)
    out = np.array(points)
    for pupil, corners in _EYE_CORNERS.items():
        if np.isnan(rest[pupil]).any():
            out[:, pupil] = rest[list(corners)].mean(axis=0)
    out[np.isnan(points).all(axis=(1, 2))] = np.nan
    return out


def check_faces(points: Array) -> str:
    """Message on what is wrong with points (T, 53, 2) of the common face space, or "".

    Raises InnerfaceError if they are no face at all.
    """
    rest = median_face(points)
    eyes = [rest[list(corners)] for corners in _EYE_CORNERS.values()]
    eye_distance = float(np.linalg.norm(eyes[0].mean(axis=0) - eyes[1].mean(axis=0)))
    if not eye_distance > 0:  # also for NaN
        raise InnerfaceError("the landmarks do not have two eyes; track the face again")
    if not 1 / _MAX_UNIT_RATIO < eye_distance < _MAX_UNIT_RATIO:
        return (
            f"the eyes are {eye_distance:.3g} units apart instead of 1; "
            "divide by the pupil distance, which is the unit rather than mm or pixels"
        )
    eye_axis = np.abs(eyes[0].mean(axis=0) - eyes[1].mean(axis=0))
    if eye_axis[1] > eye_axis[0]:
        return "one eye is above the other: x and y are swapped"
    brows, mouth = (np.nanmean(rest[list(POINT_GROUPS[g]), 1]) for g in ("brows", "mouth"))
    if not mouth < brows:
        return "the mouth is above the brows: the y axis points down, or the points are not in iBUG's order"
    if np.nanmean(rest[[37], 0]) < np.nanmean(rest[[31], 0]):
        return "left and right are swapped: +x must be the performer's left"
    return ""

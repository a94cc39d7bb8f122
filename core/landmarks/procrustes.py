"""Points as a tracker finds them in a picture, brought into the common face space: position, roll and size of the head are taken out of every row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..errors import InnerfaceError
from ..take import Track
from .points import LEFT_PUPIL, POINT_COUNT, POINT_GROUPS, RIGHT_PUPIL, STABLE_POINTS, median_face, points_of

IMAGE_SPACE = "image"  # meta "space" of a track that is still as a tracker saw it
_ITERATIONS = 8
_MAX_UNIT_RATIO = 2.0  # so many times farther apart or nearer than 1 no eyes lie
_EYE_CORNERS = {LEFT_PUPIL: (25, 28), RIGHT_PUPIL: (19, 22)}  # corners of the eye that the pupil rests between


def to_face_space(track: Track) -> Track:
    """The track in the common face space; one that is there already comes back as it is. Raises InnerfaceError where too little of a face is in it."""
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
        raise InnerfaceError("the landmarks show no eyes in any row; track the face again")
    c, s = eye_axis / unit
    rotated = (aligned - eyes.mean(axis=0)) @ np.array([[c, -s], [s, c]]) / unit
    return replace(
        track,
        values=rotated.reshape(len(rotated), 2 * POINT_COUNT),
        meta={k: v for k, v in track.meta.items() if k != "space"},
    )


def generalised_procrustes(points: np.ndarray) -> np.ndarray:
    """Points (T, 53, 2), each row moved, turned and scaled onto the mean of all (generalised Procrustes) by the points that expressions hardly move.

    Rows without three of them become NaN. Raises InnerfaceError where no row has them.
    """
    stable = list(STABLE_POINTS)
    z = points[..., 0] + 1j * points[..., 1]  # a similarity of the plane is one complex factor and one offset
    seen = np.isfinite(z[:, stable])
    usable = seen.sum(axis=1) >= 3
    if not usable.any():
        raise InnerfaceError("no row shows the bridge of the nose and the eyes; track the face again")
    observed = np.where(seen, z[:, stable], 0)
    first = int(np.flatnonzero(usable)[seen[usable].sum(axis=1).argmax()])
    model = np.where(seen[first], z[first, stable], np.nan)
    size = np.nanstd(model)
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
            model = np.nanmean(aligned[usable][:, stable], axis=0)
        model = (model - np.nanmean(model)) * (size / np.nanstd(model))
    return np.stack([aligned.real, aligned.imag], axis=-1)


def fill_pupils(points: np.ndarray) -> np.ndarray:
    """Points (T, 53, 2) of a tracker that knows no pupils with still ones, midway between the corners of the resting eyes; others as they are."""
    rest = median_face(points)
    out = np.array(points)
    for pupil, corners in _EYE_CORNERS.items():
        if np.isnan(rest[pupil]).any():
            out[:, pupil] = rest[list(corners)].mean(axis=0)
    out[np.isnan(points).all(axis=(1, 2))] = np.nan
    return out


def check_faces(points: np.ndarray) -> str:
    """What is wrong with points (T, 53, 2) of the common space, as a sentence, or "" where they look like a face. Raises InnerfaceError for what is none."""
    rest = median_face(points)
    eyes = [rest[list(corners)] for corners in _EYE_CORNERS.values()]
    eye_distance = float(np.linalg.norm(eyes[0].mean(axis=0) - eyes[1].mean(axis=0)))
    if not eye_distance > 0:  # NaN as well
        raise InnerfaceError("the landmarks show no two eyes; track the face again")
    if not 1 / _MAX_UNIT_RATIO < eye_distance < _MAX_UNIT_RATIO:
        return f"the eyes lie {eye_distance:.3g} units apart where 1 is meant: the unit is the pupils' distance, not mm or pixels; divide by it"
    eye_axis = np.abs(eyes[0].mean(axis=0) - eyes[1].mean(axis=0))
    if eye_axis[1] > eye_axis[0]:
        return "the eyes lie one above the other; x and y are swapped"
    brows, mouth = (np.nanmean(rest[list(POINT_GROUPS[g]), 1]) for g in ("brows", "mouth"))
    if not mouth < brows:
        return (
            "the mouth lies above the brows; the y axis points down, or the order of the points is another than iBUG's"
        )
    if np.nanmean(rest[[37], 0]) < np.nanmean(rest[[31], 0]):
        return "left and right are swapped; x must grow to the performer's left"
    return ""

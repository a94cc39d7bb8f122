"""Landmarks of a take: its own, or those of a face model driven by its weights."""

from __future__ import annotations

from ..errors import InnerfaceError
from ..face.face_model import FaceModel
from ..take import Take, Track, TrackKind
from . import camera, procrustes
from .points import find_landmarks, points_of


def landmarks_of(take: Take, face: FaceModel) -> tuple[Track, list[str]]:
    """Landmark track of a take with landmarks or weights, and notes for the user. Raises InnerfaceError."""
    track = find_landmarks(take)
    if track is None:
        if TrackKind.WEIGHTS not in take.kinds:
            kinds = take.kinds_text
            raise InnerfaceError(f"{take.name}: has {kinds} but no face; give a take with weights or landmarks")
        return camera.landmarks_from_weights(take.weights(), face), list(take.notes)
    notes = list(take.notes)
    try:
        track = procrustes.to_face_space(track)
        defect = procrustes.check_faces(points_of(track))
    except InnerfaceError as error:
        raise InnerfaceError(f"{take.name}: {error}") from None
    if defect:
        notes.append(defect)
    return track, notes

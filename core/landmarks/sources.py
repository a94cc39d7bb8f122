"""Any take as the 53 points: landmarks as they are, cameras through a face, sensors by way of their channels, electrodes through a network."""

from __future__ import annotations

from ..errors import InnerfaceError
from ..face.face_model import FaceModel
from ..take import Take, Track, TrackKind
from . import camera, procrustes
from .points import find_landmarks, points_of


def landmarks_of(take: Take, face: FaceModel) -> tuple[Track, list[str]]:
    """The points of a take that holds landmarks or weights, and what a user should know. Raises InnerfaceError."""
    track = find_landmarks(take)
    if track is None:
        if TrackKind.WEIGHTS not in take.kinds:
            kinds = take.kinds_text
            raise InnerfaceError(f"{take.name}: holds {kinds} but no face; give a weights take or landmarks")
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

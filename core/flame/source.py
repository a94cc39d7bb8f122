"""Reference to a face's FLAME model, so that it can be loaded again, and takes fitted with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..landmarks import points, procrustes
from ..take import Take, TrackKind
from . import flame_track, stand_in
from .embedding import Embedding, load_embedding
from .fit import FlameFitter
from .model import FlameModel, load

STAND_IN = "stand-in"  # name of the generated face in place of a file


@dataclass(frozen=True)
class FlameSource:
    """Reference to the model of a face.

    Attributes
    ----------
    model : a file, or STAND_IN
    landmarks : file of its landmark embedding; "" for one beside the model, or by geometry
    expressions : how many of the model's are used, None for all
    shape : identity of the face, () for the mean one
    """

    model: str
    landmarks: str = ""
    expressions: int | None = None
    shape: tuple[float, ...] = ()

    def load(self) -> FlameModel:
        """Load the model with the expressions that are used. Raises InnerfaceError."""
        flame_model = stand_in.make_stand_in() if self.model == STAND_IN else load(Path(self.model))
        return replace(flame_model, expression_dirs=flame_model.expression_dirs[:, :, : self.expressions])

    def load_embedding(self, model: FlameModel) -> Embedding:
        """Load the embedding of the 53 points. Raises InnerfaceError."""
        return load_embedding(model, self.landmarks or None)


def pad_shape(shape: Array, model: FlameModel, label: str) -> Array:
    """Pad an identity with zeros to a model's (S,). Raises InnerfaceError that begins with `label` if it is longer."""
    S = model.shape_dirs.shape[2]
    if len(shape) > S:
        raise InnerfaceError(
            f"{label}: the identity has {len(shape)} numbers, but {model.name} has {S}; "
            "give a take that was fitted with this model"
        )
    return np.pad(shape, (0, S - len(shape)))


def drop_redundant_landmarks(original: Take, take: Take) -> Take:
    """Drop the landmarks of `take`, made from `original`, if that had weights or IMUs, which carry more information."""
    if not {TrackKind.WEIGHTS, TrackKind.IMU} & original.kinds:
        return take
    return Take(
        take.name, {name: t for name, t in take.tracks.items() if t.kind != TrackKind.LANDMARKS}, take.notes, take.sound
    )


def fit_take(take: Take, source: FlameSource, progress: Callable[[float], None] = lambda _: None) -> Take:
    """Fit a take's landmarks with the model of a face, and add the FLAME track.

    The identity is fitted as well unless the face has one. A take without landmarks, or with a FLAME track, is returned
    as it is. Raises InnerfaceError.
    """
    track = points.find_landmarks(take)
    if track is None or flame_track.find_flame(take) is not None:
        return take
    model, track = source.load(), procrustes.to_face_space(track)
    shape = np.array(source.shape) if source.shape else None
    result = FlameFitter(model, source.load_embedding(model), shape).fit(points.points_of(track), progress)
    fitted_track = flame_track.build_flame_track(
        track.time,
        expression=result.expression,
        jaw=result.jaw,
        eyes=result.eyes,
        neck=result.neck,
        shape=result.shape,
        model=model.sha,
    )
    return Take(
        take.name,
        take.tracks | {TrackKind.FLAME: fitted_track},
        [*take.notes, f"the landmarks were fitted with {model.name}"],
        take.sound,
    )

"""Where a face's FLAME model comes from, so that it can be loaded again, and takes fitted with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import InnerfaceError
from ..landmarks import points, procrustes
from ..take import Take, TrackKind
from . import flame_track, stand_in
from .embedding import Embedding, load_embedding
from .fit import FlameFitter
from .model import FlameModel, load

STAND_IN = "stand-in"  # instead of a file: a generated face in FLAME's layout


@dataclass(frozen=True)
class FlameSource:
    """`model`: a file, or STAND_IN; `landmarks`: the file of its landmark embedding, "" for what lies beside the model or is found; `expressions`: how many of
    the model's are used, None for all; `shape`: the identity that the face wears, () for the mean one."""

    model: str
    landmarks: str = ""
    expressions: int | None = None
    shape: tuple[float, ...] = ()

    def load(self) -> FlameModel:
        """The model with the expressions that are used. Raises InnerfaceError."""
        flame_model = stand_in.make_stand_in() if self.model == STAND_IN else load(Path(self.model))
        return replace(flame_model, expression_dirs=flame_model.expression_dirs[:, :, : self.expressions])

    def load_embedding(self, model: FlameModel) -> Embedding:
        """Where its points lie. Raises InnerfaceError."""
        return load_embedding(model, self.landmarks or None)


def pad_shape(shape: np.ndarray, model: FlameModel, label: str) -> np.ndarray:
    """An identity (S,) for a model; what leaves out the last, smallest coefficients is filled up. Raises InnerfaceError that begins with `whose`."""
    S = model.shape_dirs.shape[2]
    if len(shape) > S:
        raise InnerfaceError(
            f"{label}: its identity has {len(shape)} numbers where {model.name} has {S}; give a take that was fitted with this model"
        )
    return np.pad(shape, (0, S - len(shape)))


def drop_redundant_landmarks(original: Take, take: Take) -> Take:
    """`take`, as which the take `read` was understood, for `fitted`: its landmarks are left out where a camera's weights or IMUs told more than they do."""
    if not {TrackKind.WEIGHTS, TrackKind.IMU} & original.kinds:
        return take
    return Take(
        take.name, {name: t for name, t in take.tracks.items() if t.kind != TrackKind.LANDMARKS}, take.notes, take.sound
    )


def fit_take(take: Take, source: FlameSource, progress: Callable[[float], None] = lambda _: None) -> Take:
    """A take for a face of `source`: landmarks in it become a FLAME track, fitted with the face's own model, and its identity is found in them unless the face
    wears one. Any other take, and one that holds FLAME parameters, comes back as it is. Raises InnerfaceError."""
    track = points.find_landmarks(take)
    if track is None or flame_track.find_flame(take) is not None:
        return take
    model, track = source.load(), procrustes.to_face_space(track)
    shape = np.array(source.shape) if source.shape else None
    result = FlameFitter(model, source.load_embedding(model), shape).fit(points.points_of(track), progress)
    fitted_track = flame_track.build_flame_track(
        track.time, result.expression, result.jaw, result.eyes, result.neck, result.shape, model.sha
    )
    return Take(
        take.name,
        take.tracks | {TrackKind.FLAME: fitted_track},
        [*take.notes, f"its landmarks were fitted with {model.name}"],
        take.sound,
    )

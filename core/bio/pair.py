"""A performer's electrodes and camera on one clock, for training."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..errors import InnerfaceError
from ..face_model import FaceModel
from ..landmarks import sources
from ..landmarks.align import with_pupils
from ..landmarks.points import find, points_of
from ..take import Take, Track
from . import quality
from .align import align
from .signal import BioSignal, bio_track, even

_ALIKE_S, _ALIKE_SHARE = 2.0, 0.03  # takes of other clocks whose lengths differ by no more began together


@dataclass(frozen=True)
class Pair:
    """The electrodes' `signal`, the camera's `points` on its clock, its `weights` row by row where it gave channels, and `notes` for the user."""

    signal: BioSignal
    points: Track
    weights: Track | None
    notes: list[str]


def pair(electrodes: Take, camera: Take, face: FaceModel, find_offset: bool = False) -> Pair:
    """Two takes of one performance. `find_offset`: the clocks differ. Raises InnerfaceError."""
    try:
        signal = even(bio_track(electrodes))
        notes = quality.refuse(signal)
    except InnerfaceError as error:
        text = str(error)
        raise InnerfaceError(text if text.startswith(electrodes.name) else f"{electrodes.name}: {text}") from None
    if len(signal.channels) == 1:
        notes.append(f"one electrode ({signal.channels[0]}) only: nothing tells where a muscle lies; two at one ear are what this is made for")
    points, said = sources.landmarks_of(camera, face)
    notes += said
    whole = with_pupils(points_of(points))
    if np.isnan(points.values).all(axis=0).any() and np.isfinite(whole).any():
        notes.append("the landmarks have no pupils; the network will know nothing of where the eyes look")
    points = replace(points, values=whole.reshape(len(whole), -1))
    if find_offset:
        found = align(signal, points)
        points = replace(points, time=(points.time - found.offset_s) / (1 + found.drift_ppm * 1e-6))
        notes.append(f"the camera's clock is {found.offset_s:+.3f} s from the electrodes' (by {found.method}, confidence {found.confidence:.2f})")
    elif min(points.time[-1], signal.start + signal.duration) - max(points.time[0], signal.start) < 1.0:
        apart = abs(points.duration - signal.duration)
        if apart > _ALIKE_S + _ALIKE_SHARE * signal.duration:
            raise InnerfaceError(
                f"{electrodes.name} and {camera.name}: no second of the two lies beside the other (clocks from {signal.start:.1f} and {points.time[0]:.1f} s); "
                "give takes on one clock, or --align"
            )
        points = replace(points, time=points.time - points.time[0] + signal.start)
        notes.append("the two takes' clocks have nothing in common, but they are as long as each other: taken to begin together; --align finds the true offset")
    weights = None if find(camera) is not None else replace(camera.weights(), time=points.time)
    return Pair(signal, points, weights, notes)

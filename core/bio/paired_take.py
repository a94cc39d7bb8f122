"""A performer's electrodes and camera on one clock, for training."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..errors import InnerfaceError
from ..face.face_model import FaceModel
from ..landmarks import sources
from ..landmarks.points import find_landmarks, points_of
from ..landmarks.procrustes import fill_pupils
from ..take import Take, Track
from . import quality
from .alignment import align
from .signal import BioSignal, bio_track, to_uniform_rate

_MAX_LENGTH_DIFFERENCE_S, _MAX_LENGTH_DIFFERENCE_SHARE = (
    2.0,
    0.03,
)  # takes of other clocks whose lengths differ by no more began together


@dataclass(frozen=True)
class PairedTake:
    """The electrodes' `signal`, the camera's `points` on its clock, its `weights` row by row where it gave channels, and `notes` for the user."""

    signal: BioSignal
    points: Track
    weights: Track | None
    notes: list[str]


def pair_takes(electrodes: Take, camera: Take, face: FaceModel, find_offset: bool = False) -> PairedTake:
    """Two takes of one performance. `find_offset`: the clocks differ. Raises InnerfaceError."""
    try:
        signal = to_uniform_rate(bio_track(electrodes))
        notes = quality.check_usable(signal)
    except InnerfaceError as error:
        text = str(error)
        raise InnerfaceError(text if text.startswith(electrodes.name) else f"{electrodes.name}: {text}") from None
    if len(signal.channels) == 1:
        notes.append(
            f"one electrode ({signal.channels[0]}) only: nothing tells where a muscle lies; two at one ear are what this is made for"
        )
    points, camera_notes = sources.landmarks_of(camera, face)
    notes += camera_notes
    complete_points = fill_pupils(points_of(points))
    if np.isnan(points.values).all(axis=0).any() and np.isfinite(complete_points).any():
        notes.append("the landmarks have no pupils; the network will know nothing of where the eyes look")
    points = replace(points, values=complete_points.reshape(len(complete_points), -1))
    if find_offset:
        alignment = align(signal, points)
        points = replace(points, time=(points.time - alignment.offset_s) / (1 + alignment.drift_ppm * 1e-6))
        notes.append(
            f"the camera's clock is {alignment.offset_s:+.3f} s from the electrodes' (by {alignment.method}, confidence {alignment.confidence:.2f})"
        )
    elif min(points.time[-1], signal.start + signal.duration) - max(points.time[0], signal.start) < 1.0:
        length_difference_s = abs(points.duration - signal.duration)
        if length_difference_s > _MAX_LENGTH_DIFFERENCE_S + _MAX_LENGTH_DIFFERENCE_SHARE * signal.duration:
            raise InnerfaceError(
                f"{electrodes.name} and {camera.name}: no second of the two lies beside the other (clocks from {signal.start:.1f} and {points.time[0]:.1f} s); "
                "give takes on one clock, or --align"
            )
        points = replace(points, time=points.time - points.time[0] + signal.start)
        notes.append(
            "the two takes' clocks have nothing in common, but they are as long as each other: taken to begin together; --align finds the true offset"
        )
    weights = None if find_landmarks(camera) is not None else replace(camera.weights(), time=points.time)
    return PairedTake(signal, points, weights, notes)

"""Electrodes and camera of one performance on one clock, for training."""

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

# Takes on unrelated clocks whose durations differ by no more are taken to begin together.
_MAX_LENGTH_DIFFERENCE_S, _MAX_LENGTH_DIFFERENCE_SHARE = 2.0, 0.03


@dataclass(frozen=True)
class PairedTake:
    """Electrodes and camera on the electrodes' clock.

    Attributes
    ----------
    signal : of the electrodes
    points : landmarks of the camera
    weights : of the camera, at the rows of the points; None if it gave landmarks only
    notes : for the user
    """

    signal: BioSignal
    points: Track
    weights: Track | None
    notes: list[str]


def pair_takes(electrodes: Take, camera: Take, face: FaceModel, *, find_offset: bool = False) -> PairedTake:
    """Pair two takes of one performance; `find_offset` aligns their clocks first. Raises InnerfaceError."""
    try:
        signal = to_uniform_rate(bio_track(electrodes))
        notes = quality.check_usable(signal)
    except InnerfaceError as error:
        text = str(error)
        raise InnerfaceError(text if text.startswith(electrodes.name) else f"{electrodes.name}: {text}") from None
    if len(signal.channels) == 1:
        notes.append(f"only one electrode ({signal.channels[0]}): muscles cannot be located; use two at one ear")
    points, camera_notes = sources.landmarks_of(camera, face)
    notes += camera_notes
    complete_points = fill_pupils(points_of(points))
    if np.isnan(points.values).all(axis=0).any() and np.isfinite(complete_points).any():
        notes.append("the landmarks have no pupils; the network will not learn the gaze")
    points = replace(points, values=complete_points.reshape(len(complete_points), -1))
    if find_offset:
        alignment = align(signal, points)
        points = replace(points, time=(points.time - alignment.offset_s) / (1 + alignment.drift_ppm * 1e-6))
        notes.append(
            f"the camera's clock is offset by {alignment.offset_s:+.3f} s from the electrodes' "
            f"(by {alignment.method}, confidence {alignment.confidence:.2f})"
        )
    elif min(points.time[-1], signal.start + signal.duration) - max(points.time[0], signal.start) < 1.0:
        length_difference_s = abs(points.duration - signal.duration)
        if length_difference_s > _MAX_LENGTH_DIFFERENCE_S + _MAX_LENGTH_DIFFERENCE_SHARE * signal.duration:
            raise InnerfaceError(
                f"{electrodes.name} and {camera.name}: do not overlap by a second "
                f"(they begin at {signal.start:.1f} and {points.time[0]:.1f} s); give takes on one clock, or --align"
            )
        points = replace(points, time=points.time - points.time[0] + signal.start)
        notes.append(
            "the takes' clocks do not overlap, but their durations match: taken to begin together; "
            "--align finds the true offset"
        )
    weights = None if find_landmarks(camera) is not None else replace(camera.weights(), time=points.time)
    return PairedTake(signal, points, weights, notes)

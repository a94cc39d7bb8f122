"""A performer's electrodes and camera on one clock, for training."""

from __future__ import annotations

from dataclasses import replace

from ..errors import InnerfaceError
from ..face_model import FaceModel
from ..landmarks import sources
from ..take import Take, Track
from . import quality
from .align import align
from .signal import BioSignal, bio_track, even


def pair(electrodes: Take, camera: Take, face: FaceModel, find_offset: bool = False) -> tuple[BioSignal, Track, list[str]]:
    """The electrodes' signal, the camera's points on its clock, and what a user should know. `find_offset`: the clocks differ. Raises InnerfaceError."""
    try:
        signal = even(bio_track(electrodes))
        notes = quality.refuse(signal)
    except InnerfaceError as error:
        text = str(error)
        raise InnerfaceError(text if text.startswith(electrodes.name) else f"{electrodes.name}: {text}") from None
    if len(signal.channels) < 2:
        notes.append(f"one electrode ({signal.channels[0]}) only: nothing tells where a muscle lies; two at one ear are what this is made for")
    points, said = sources.landmarks_of(camera, face)
    notes += said
    if find_offset:
        found = align(signal, points)
        points = replace(points, time=(points.time - found.offset_s) / (1 + found.drift_ppm * 1e-6))
        notes.append(f"the camera's clock is {found.offset_s:+.3f} s from the electrodes' (by {found.method}, confidence {found.confidence:.2f})")
    elif min(points.time[-1], signal.start + signal.duration) - max(points.time[0], signal.start) < 1.0:
        raise InnerfaceError(
            f"{electrodes.name} and {camera.name}: no second of the two lies beside the other (clocks from {signal.start:.1f} and {points.time[0]:.1f} s); "
            "give takes on one clock, or --align"
        )
    return signal, points, notes

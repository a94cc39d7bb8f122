"""What goes into the pipeline and what comes out of it. All times are in s, on the pipeline's one clock."""

from __future__ import annotations

from dataclasses import dataclass

from ..arrays import Array


@dataclass(frozen=True, slots=True)
class CameraChunk:
    """One face of a camera.

    Attributes:
        time: when it was taken.
        arrival: when it was received.
        values: (55,; OUTPUT) weights as the camera sent them and head angles in rad; None where it sees no face.
    """

    time: float
    arrival: float
    values: Array | None


@dataclass(frozen=True, slots=True)
class ImuChunk:
    """One sample of a device's G sites.

    Attributes:
        device: its number in the IMU session.
        time: when it was taken.
        arrival: when it was received.
        rotation: (G, 4) orientations (w, x, y, z), NaN where missing.
        acceleration: (G, 3) m/s^2 in the sensors' frames, NaN where missing.
    """

    device: int
    time: float
    arrival: float
    rotation: Array
    acceleration: Array


@dataclass(frozen=True, slots=True)
class BioChunk:
    """A batch of biosignals.

    Attributes:
        time: when the last sample was taken.
        arrival: when the batch was received.
        columns: names of the board's C inputs.
        rate: samples per second.
        values: (n, C) µV, NaN where lost.
    """

    time: float
    arrival: float
    columns: tuple[str, ...]
    rate: float
    values: Array


Chunk = CameraChunk | ImuChunk | BioChunk


@dataclass(frozen=True, slots=True)
class FaceFrame:
    """One face.

    Attributes:
        time: the moment it shows.
        arrival: when the sample that completed it was received.
        values: (55,; OUTPUT) weights and head angles in rad.
        confidence: (52,) 0..1, None where nothing is known of it.
        source: "sensors", "electrodes", "camera", or "hybrid" where camera and sensors are mixed.
        observed: it was measured now, not held.
    """

    time: float
    arrival: float
    values: Array
    confidence: Array | None
    source: str
    observed: bool

"""Faces as sinks and clients get them, and their encoding for WebSocket clients (docs/protocol.md)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from ..core.arrays import Array
from ..core.face.channels import ARKIT, OUTPUT_CHANNELS
from ..core.formats.live_link_face import complete_values
from ..core.take import Track, TrackKind

MAGIC, VERSION = b"IW", 1
FACE, SENSORS = 1, 2
_HEADER = struct.Struct("<2sBBIdd")  # magic, kind, version, sequence, time, arrival


@dataclass(frozen=True)
class Frame:
    """A face.

    Attributes
    ----------
    sequence
        Number of the frame.
    time
        Of the face, s on the hub's clock.
    arrival
        Of the packet that completed it, s on the hub's clock.
    values
        (55,) weights and head angles (rad) in the order of OUTPUT_CHANNELS.
    confidence
        (52,) 0..1 in the order of ARKIT, or None.
    source
        "sensors", "camera" or "hybrid"; "" if decoded.
    seen
        Whether it was measured, rather than held or faded.
    """

    sequence: int
    time: float
    arrival: float
    values: Array
    confidence: Array | None
    source: str
    seen: bool


@dataclass(frozen=True)
class SensorReading:
    """What the sensors on the face last showed.

    Attributes
    ----------
    time
        When it was read, s on the hub's clock.
    arrival
        Of the newest sample, s on the hub's clock.
    angle
        (sites,) rotation since the start, rad; NaN where missing.
    acceleration
        (sites,) magnitude, m/s²; NaN where missing.
    """

    time: float
    arrival: float
    angle: Array
    acceleration: Array


def clipped_values(frame: Frame) -> Array:
    """Values (55,) with weights in 0..1, for protocols that promise that; cameras send up to 1.08."""
    values = frame.values.copy()
    values[: len(ARKIT)] = np.clip(values[: len(ARKIT)], 0.0, 1.0)
    return values


def live_link_values(frame: Frame) -> Array:
    """Return values (61,) in the order of LIVE_LINK_FACE, with eye angles from the gaze channels."""
    return complete_values(Track(TrackKind.WEIGHTS, np.zeros(1), OUTPUT_CHANNELS, frame.values[None]))[0]


def encode_face(frame: Frame) -> bytes:
    """Return u8 flags (1 measured, 2 confidences follow), u8 count, u16 0, float32 values and u8 confidences."""
    flags = (1 if frame.seen else 0) | (2 if frame.confidence is not None else 0)
    data = _HEADER.pack(MAGIC, FACE, VERSION, frame.sequence & 0xFFFFFFFF, frame.time, frame.arrival)
    data += struct.pack("<BBH", flags, len(frame.values), 0) + frame.values.astype("<f4").tobytes()
    if frame.confidence is not None:
        data += np.clip(np.round(frame.confidence * 255), 0, 255).astype(np.uint8).tobytes()
    return data


def encode_sensors(sequence: int, reading: SensorReading) -> bytes:
    """Return u8 0, u8 count, u16 0 and float32 pairs per site: rotation since the start (rad), |acceleration| (m/s²).

    NaN where missing.
    """
    pairs = np.stack([reading.angle, reading.acceleration], axis=1).astype("<f4")
    return (
        _HEADER.pack(MAGIC, SENSORS, VERSION, sequence & 0xFFFFFFFF, reading.time, reading.arrival)
        + struct.pack("<BBH", 0, len(pairs), 0)
        + pairs.tobytes()
    )


def decode_face(data: bytes) -> Frame | None:
    """Return the face that `encode_face` encoded, None for other data."""
    if len(data) < _HEADER.size + 4 or data[:4] != MAGIC + bytes([FACE, VERSION]):
        return None
    _, _, _, sequence, time, arrival = _HEADER.unpack_from(data)
    flags, count, _ = struct.unpack_from("<BBH", data, _HEADER.size)
    start = _HEADER.size + 4
    end = start + 4 * count
    if count != len(OUTPUT_CHANNELS) or len(data) != end + (52 if flags & 2 else 0):
        return None
    values = np.frombuffer(data, dtype="<f4", count=count, offset=start).astype(np.float64)
    confidence = np.frombuffer(data, dtype=np.uint8, offset=end) / 255 if flags & 2 else None
    return Frame(sequence, time, arrival, values, confidence, "", bool(flags & 1))

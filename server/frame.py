"""What the hub hands to sinks and clients, and its bytes for WebSocket clients (docs/protocol.md)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from ..core.arrays import Array
from ..core.face.channels import OUTPUT_CHANNELS
from ..core.formats.live_link_face import complete_values
from ..core.take import Track, TrackKind

VERSION = 1
FACE, SENSORS = 1, 2
_HEADER = struct.Struct("<2sBBIdd")  # magic, kind, version, sequence, time, arrived


@dataclass(frozen=True)
class Frame:
    """`time`: of the face, s on the hub's clock; `arrived`: when the packet came that completed it; `values` (55,; OUTPUT) weights 0..1 and head angles
    in rad; `confidence` (52,) or None; `source`: the stream it is of; `seen`: it was measured just now, not held."""

    sequence: int
    time: float
    arrival: float
    values: Array
    confidence: Array | None
    source: str
    seen: bool


def live_link_values(frame: Frame) -> Array:
    """(61,) in LIVE_LINK_FACE's order; the eyes' angles follow the gaze channels."""
    return complete_values(Track(TrackKind.WEIGHTS, np.zeros(1), OUTPUT_CHANNELS, frame.values[None]))[0]


def encode_face(frame: Frame) -> bytes:
    """u8 flags (1: measured, 2: confidence follows), u8 count, u16 0, then float32 values and u8 confidences."""
    flags = (1 if frame.seen else 0) | (2 if frame.confidence is not None else 0)
    data = _HEADER.pack(b"IW", FACE, VERSION, frame.sequence & 0xFFFFFFFF, frame.time, frame.arrival)
    data += struct.pack("<BBH", flags, len(frame.values), 0) + frame.values.astype("<f4").tobytes()
    if frame.confidence is not None:
        data += np.clip(np.round(frame.confidence * 255), 0, 255).astype(np.uint8).tobytes()
    return data


def encode_sensors(sequence: int, time: float, arrival: float, angle: Array, acceleration: Array) -> bytes:
    """Per site how far it is turned from where it began (rad) and its acceleration's length (m/s^2): u8 0, u8 count, u16 0, float32 pairs; NaN: missing."""
    pairs = np.stack([angle, acceleration], axis=1).astype("<f4")
    return (
        _HEADER.pack(b"IW", SENSORS, VERSION, sequence & 0xFFFFFFFF, time, arrival)
        + struct.pack("<BBH", 0, len(pairs), 0)
        + pairs.tobytes()
    )


def decode_face(data: bytes) -> Frame | None:
    """A face frame's bytes, for clients in Python; None for other bytes."""
    if len(data) < _HEADER.size + 4 or data[:4] != b"IW" + bytes([FACE, VERSION]):
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

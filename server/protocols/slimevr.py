"""SlimeVR's tracker protocol over UDP, big-endian. Packets: docs/protocol.md, "SlimeVR trackers"."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from ...core.arrays import Array

PORT = 6969
HANDSHAKE_REPLY = (b"\x03Hey OVR =D 5").ljust(64, b"\0")
HEARTBEAT = struct.pack(">IQ", 1, 0)
_MAX_BYTES, _MAX_EVENTS = 1472, 64


@dataclass(frozen=True)
class Handshake:
    """A tracker looking for its server; `mac` is "" if it sends none."""

    board: int
    firmware: str
    protocol: int
    mac: str


@dataclass(frozen=True)
class Rotation:
    """`rotation` (4,), scalar first, sensor to world (z up); `acceleration` (3,) m/s² if the packet holds it."""

    sensor: int
    rotation: Array
    acceleration: Array | None = None


@dataclass(frozen=True)
class Acceleration:
    """Linear acceleration (3,) in the sensor's frame, m/s²."""

    sensor: int
    acceleration: Array


@dataclass(frozen=True)
class SensorInfo:
    """State of a sensor: 0 offline, 1 ok, 2 error."""

    sensor: int
    state: int
    imu: int


@dataclass(frozen=True)
class Battery:
    """Volts and level (0..1), NaN if unknown."""

    volts: float
    level: float


@dataclass(frozen=True)
class Tap:
    """A tap on a sensor; off in stock firmware."""

    sensor: int


@dataclass(frozen=True)
class Signal:
    """Signal strength, dBm."""

    dbm: int


@dataclass(frozen=True)
class TrackerError:
    """An error code of a sensor."""

    sensor: int
    code: int


@dataclass(frozen=True)
class KeepAlive:
    """Any other packet: the tracker is alive."""

    kind: int


Event = Handshake | Rotation | Acceleration | SensorInfo | Battery | Tap | Signal | TrackerError | KeepAlive


def parse(data: bytes) -> tuple[int, list[Event]] | None:
    """Return the number and the events of a packet, None if `data` is not a packet."""
    if not 12 <= len(data) <= _MAX_BYTES or data[:3] != b"\0\0\0":
        return None
    kind, number = struct.unpack_from(">IQ", data)
    body = data[12:]
    if kind not in (100, 101):
        return number, [_parse_event(kind, body)]
    events: list[Event] = []
    offset, is_wide = 0, kind == 100
    while len(events) < _MAX_EVENTS:
        length_bytes = body[offset : offset + (2 if is_wide else 1)]
        size = int.from_bytes(length_bytes, "big")
        offset += len(length_bytes)
        content = body[offset : offset + size]
        offset += size
        if len(content) < (4 if is_wide else 1) or len(content) < size:
            break
        inner_kind = int.from_bytes(content[:4], "big") if is_wide else content[0]
        if inner_kind not in (100, 101):  # bundles hold no bundles
            events.append(_parse_event(inner_kind, content[4:] if is_wide else content[1:]))
    return number, events or [KeepAlive(kind)]


def _parse_event(kind: int, body: bytes) -> Event:
    try:
        if kind == 3:
            return _parse_handshake(body)
        if kind in (1, 16) and len(body) >= 16:
            return _parse_rotation(0 if kind == 1 else 1, struct.unpack_from(">4f", body)) or KeepAlive(kind)
        if kind == 17:
            sensor, _, *q = struct.unpack_from(">BB4f", body)
            return _parse_rotation(sensor, q) or KeepAlive(kind)
        if kind == 4:
            a = np.array(struct.unpack_from(">3f", body), dtype=np.float64)
            ok = np.isfinite(a).all() and (np.abs(a) < 1e4).all()
            return Acceleration(body[12] if len(body) > 12 else 0, a) if ok else KeepAlive(kind)
        if kind == 23:
            sensor, *rest = struct.unpack_from(">B7h", body)
            a = np.array(rest[4:], dtype=np.float64) / 128
            return _parse_rotation(sensor, [v / 32768 for v in rest[:4]], a) or KeepAlive(kind)
        if kind == 12:
            values = (
                struct.unpack_from(">2f", body) if len(body) >= 8 else (float("nan"), *struct.unpack_from(">f", body))
            )
            return Battery(*(v if 0 <= v < 100 else float("nan") for v in values))
        if kind == 15 and len(body) >= 2:
            return SensorInfo(body[0], body[1], body[2] if len(body) > 2 else 0)
        if kind == 13:
            return Tap(body[0])
        if kind == 14:
            return TrackerError(body[0], body[1])
        if kind == 19:
            return Signal(struct.unpack_from(">Bb", body)[1])
    except (struct.error, IndexError):
        pass
    return KeepAlive(kind)


def _parse_rotation(
    sensor: int, xyzw: tuple[float, ...] | list[float], acceleration: Array | None = None
) -> Rotation | None:
    q = np.array([xyzw[3], xyzw[0], xyzw[1], xyzw[2]], dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        norm = float(np.linalg.norm(q))
    if not 0.5 < norm < 2.0:
        return None
    return Rotation(sensor, q / norm, acceleration)


def _parse_handshake(body: bytes) -> Handshake:
    """Parse as much as the packet holds: owoTrack and old firmware send less."""
    numbers = [
        int.from_bytes(body[k : k + 4], "big", signed=True) if len(body) >= k + 4 else 0 for k in range(0, 28, 4)
    ]
    size = body[28] if len(body) > 28 else 0
    firmware = body[29 : 29 + size].split(b"\0")[0].decode("ascii", "replace")
    mac = body[29 + size : 35 + size]
    return Handshake(numbers[0], firmware, numbers[6], mac.hex(":") if len(mac) == 6 and any(mac) else "")


def sensor_info_ack(sensor: int, state: int) -> bytes:
    """Return the acknowledgement of a sensor's state: six bytes, because longer ones make the firmware repeat it."""
    return struct.pack(">IBB", 15, sensor, state)


def ping_reply(data: bytes) -> bytes | None:
    """Return a tracker's reply to a ping, which is the same datagram; None if `data` is not a ping."""
    return data if len(data) == 16 and data[:4] == b"\0\0\0\x0a" else None

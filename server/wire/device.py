"""Innerface's own device packet, version 1 (docs/protocol.md): little-endian, at most 1,200 bytes, CRC-32 at its end. `device/` has the same in C."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import numpy as np

from ..messages import About, Imu, Message

VERSION, LIMIT = 1, 1200
SAMPLES, INFO, WELCOME = 1, 2, 3
LINEAR, GYRO = 1, 2  # flags
_HEADER = struct.Struct("<2sBBBBHIQ")  # magic, version, kind, header's length, flags, battery mV, sequence, time us
_SAMPLES = struct.Struct("<HHIBB2x")  # of a SAMPLES header: device, sync pulses, us since the last, sites, bytes of each; up axis is in flags
_WELCOME = struct.Struct("<Q")
MAGIC = b"IF"
HEADER = _HEADER.size + _SAMPLES.size  # 32
_SITE = 16
_SITE_GYRO = 22
_Q, _A, _G = 1 / 32767, 0.005, 0.001  # a step of the wire: of a quaternion, m/s^2, rad/s
NO_SYNC = 0xFFFFFFFF
OK, LOST, SATURATED, CALIBRATING = 0, 1, 2, 4  # a site's status bits
_NEVER = np.nan


@dataclass(frozen=True)
class Newer:
    """A packet of a protocol that this version does not know."""

    version: int


@dataclass(frozen=True)
class Hello:
    """A device that looks for its host: `about` it, and the ids of its sites."""

    about: About
    sites: tuple[int, ...]
    sequence: int


def name(device: int) -> str:
    """`7a3f`: what a device is called."""
    return f"{device:04x}"


def parse(data: bytes) -> Imu | Hello | Newer | None:
    """A packet; None for what is none of ours or was damaged. Sites' keys are their numbers in the layout, as text."""
    if len(data) < _HEADER.size + 4 or len(data) > LIMIT or data[:2] != MAGIC:
        return None
    _, version, kind, header, flags, battery, sequence, time = _HEADER.unpack_from(data)
    if version != VERSION:  # what follows may be anything
        return Newer(version)
    if zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
        return None
    if kind == INFO:
        return _hello(data[_HEADER.size : -4], sequence)
    if kind != SAMPLES or header < HEADER or len(data) < header + 4:
        return None
    device, pulses, since, count, size = _SAMPLES.unpack_from(data, _HEADER.size)
    gyro = bool(flags & GYRO)
    if size < (_SITE_GYRO if gyro else _SITE) or len(data) != header + count * size + 4:
        return None
    rows = np.frombuffer(data, dtype=np.uint8, count=count * size, offset=header).reshape(count, size)
    numbers = np.ascontiguousarray(rows[:, 2 : 22 if gyro else 16]).view("<i2").astype(np.float64)
    rotation, acceleration = numbers[:, :4] * _Q, numbers[:, 4:7] * _A
    norm = np.sqrt((rotation * rotation).sum(1))
    lost = (rows[:, 1] & LOST > 0) | (norm < 0.5)
    norm[lost] = _NEVER
    rotation /= norm[:, None]
    acceleration[lost] = _NEVER
    ids = rows[:, 0].tolist()
    if len(set(ids)) != count:
        return None
    return Imu(
        name(device),
        tuple(map(str, ids)),
        rotation,
        acceleration,
        time * 1e-6,
        sequence,
        bool(flags & LINEAR),
        ("", "x", "y", "z")[flags >> 2 & 3],
        numbers[:, 7:10] * _G if gyro else None,
        tuple(rows[:, 1].tolist()),
        battery / 1000 if battery else float("nan"),
        sync=None if since == NO_SYNC else (pulses, (time - since) * 1e-6),
    )


def _hello(body: bytes, sequence: int) -> Hello | None:
    """u16 device, u8 name's length, name, u8 firmware's length, firmware, u8 count, site ids."""
    try:
        device = int.from_bytes(body[:2], "little")
        at, texts = 2, []
        for _ in range(2):
            size = body[at]
            texts.append(body[at + 1 : at + 1 + size].decode("utf-8", "replace"))
            at += 1 + size
        sites = tuple(body[at + 1 : at + 1 + body[at]])
        if len(sites) != body[at]:
            return None
    except IndexError:
        return None
    return Hello(About(name(device), texts[0], texts[1]), sites, sequence)


def encode(packet: Imu) -> bytes:
    """A packet's bytes, as the firmware's encoder writes them; values beyond the wire's range are clamped. Raises ValueError where it gets too long."""
    up = {"": 0, "x": 1, "y": 2, "z": 3}[packet.up]
    flags = (LINEAR if packet.linear else 0) | (GYRO if packet.gyro is not None else 0) | up << 2
    battery = 0 if packet.battery != packet.battery else round(packet.battery * 1000)
    time = round((packet.time or 0.0) * 1e6)
    lost = np.isnan(packet.rotation).any(1) | np.isnan(packet.acceleration).any(1)
    size = _SITE if packet.gyro is None else _SITE_GYRO
    rows = np.zeros((len(packet.keys), size), dtype=np.uint8)
    rows[:, 0] = [int(k) for k in packet.keys]
    rows[:, 1] = packet.status or OK
    rows[:, 1] |= np.where(lost, LOST, 0).astype(np.uint8)
    parts = [packet.rotation / _Q, packet.acceleration / _A] + ([packet.gyro / _G] if packet.gyro is not None else [])
    numbers = np.clip(np.round(np.where(lost[:, None], 0.0, np.nan_to_num(np.concatenate(parts, axis=1)))), -32767, 32767).astype("<i2")
    rows[:, 2:size] = np.ascontiguousarray(numbers).view(np.uint8)
    pulses, since = (0, NO_SYNC) if packet.sync is None else (packet.sync[0], round(time - packet.sync[1] * 1e6))
    head = _HEADER.pack(MAGIC, VERSION, SAMPLES, HEADER, flags, battery, (packet.sequence or 0) & 0xFFFFFFFF, time)
    head += _SAMPLES.pack(int(packet.device, 16), pulses & 0xFFFF, min(since, NO_SYNC), len(packet.keys), size)
    return _closed(head + rows.tobytes())


def encode_hello(device: int, title: str, firmware: str, sites: tuple[int, ...], sequence: int = 0) -> bytes:
    """A device's call for its host."""
    body = struct.pack("<H", device)
    for text in (title, firmware):
        raw = text.encode()[:60]
        body += bytes([len(raw)]) + raw
    body += bytes([len(sites), *sites])
    return _closed(_HEADER.pack(MAGIC, VERSION, INFO, _HEADER.size, 0, 0, sequence, 0) + body)


def welcome(sequence: int, now_us: int) -> bytes:
    """The host's answer to a hello: the hello's sequence and the host's clock. The device then sends its samples to where this came from."""
    return _closed(_HEADER.pack(MAGIC, VERSION, WELCOME, _HEADER.size, 0, 0, sequence, now_us))


def is_welcome(data: bytes) -> bool:
    """Whether a host answers (the virtual device asks; the firmware does the same in C)."""
    return len(data) == _HEADER.size + 4 and data[:4] == MAGIC + bytes([VERSION, WELCOME]) and data == _closed(data[:-4])


def _closed(body: bytes) -> bytes:
    if len(body) + 4 > LIMIT:
        raise ValueError(f"{len(body) + 4} bytes are more than the {LIMIT} of a packet; send fewer sites in each")
    return body + zlib.crc32(body).to_bytes(4, "little")


def messages(got: Imu | Hello | Newer | None) -> list[Message]:
    """What the hub should hear of a packet."""
    return [got] if isinstance(got, Imu) else [got.about] if isinstance(got, Hello) else []

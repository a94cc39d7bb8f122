"""Innerface's own device packet, version 1 (docs/protocol.md): little-endian, at most 1,200 bytes, CRC-32 at its end. `device/` has the same in C."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..messages import About, Imu, Message

VERSION, LIMIT = 1, 1200
SAMPLES, INFO, WELCOME = 1, 2, 3
LINEAR, GYRO = 1, 2  # flags
_HEADER = struct.Struct("<2sBBBBHIQ")  # magic, version, kind, header's length, flags, battery mV, sequence, time us
_SAMPLES = struct.Struct("<HHIBB2x")  # of a SAMPLES header: device, sync pulses, us since the last, sites, bytes of each; up axis is in flags
MAGIC = b"IF"
HEADER = _HEADER.size + _SAMPLES.size  # 32
_SITE = 16
_SITE_GYRO = 22
_Q, _A, _G = 1 / 32767, 0.005, 0.001  # a step of the wire: of a quaternion, m/s^2, rad/s
NO_SYNC = 0xFFFFFFFF
OK, LOST, SATURATED, CALIBRATING = 0, 1, 2, 4  # a site's status bits
_NAN = float("nan")
_NUMBER, _NOTHING = np.dtype("<i2"), bytes(8)
_STEPS = np.array([0.0, *[_Q] * 4, *[_A] * 3, *[_G] * 3])  # of a site's 16-bit numbers; the first is its id and status
_STEPS_PLAIN = _STEPS[: _SITE // 2]


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


@lru_cache(maxsize=256)
def name(device: int) -> str:
    """`7a3f`: what a device is called."""
    return f"{device:04x}"


def parse(data: bytes) -> Imu | Hello | Newer | None:
    """A packet; None for what is none of ours or was damaged. Sites' keys are their numbers in the layout, as text. Rotations are of unit length as far
    as the device and the wire's step make them so."""
    if len(data) < _HEADER.size + 4 or len(data) > LIMIT or data[:2] != MAGIC:
        return None
    _, version, kind, header, flags, battery, sequence, time = _HEADER.unpack_from(data)
    if version != VERSION:  # what follows may be anything
        return Newer(version)
    if zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
        return None
    if kind == INFO:
        return _hello(data[max(header, _HEADER.size) : -4], sequence)
    if kind != SAMPLES or header < HEADER or len(data) < header + 4:
        return None
    device, pulses, since, count, size = _SAMPLES.unpack_from(data, _HEADER.size)
    gyro = bool(flags & GYRO)
    least = _SITE_GYRO if gyro else _SITE
    if size < least or size % 2 or header % 2 or len(data) != header + count * size + 4:
        return None
    keys = _keys(data[header:-4:size])
    if keys is None:
        return None
    numbers = np.frombuffer(data, _NUMBER, count * size // 2, header).reshape(count, size // 2)
    if size > least:  # a later version's sites say more
        numbers = numbers[:, : least // 2]
    values = numbers * (_STEPS if gyro else _STEPS_PLAIN)
    rotation, acceleration = values[:, 1:5], values[:, 5:8]
    status = data[header + 1 : -4 : size]
    lost = _lost(status)
    if lost or _NOTHING in data[header:]:  # rare: looked at closely
        gone = ~rotation.any(axis=1)
        gone[list(lost)] = True
        rotation[gone], acceleration[gone] = np.nan, np.nan
    return Imu(
        name(device), keys, rotation, acceleration, time * 1e-6, sequence, bool(flags & LINEAR), ("", "x", "y", "z")[flags >> 2 & 3],
        values[:, 8:11] if gyro else None, status, battery / 1000 if battery else _NAN,
        sync=None if since == NO_SYNC else (pulses, (time - since) * 1e-6),
    )  # fmt: skip


@lru_cache(maxsize=256)
def _keys(ids: bytes) -> tuple[str, ...] | None:
    """Sites' numbers as text; None where one stands there twice."""
    return tuple(map(str, ids)) if len(set(ids)) == len(ids) else None


@lru_cache(maxsize=256)
def _lost(status: bytes) -> tuple[int, ...]:
    """Which sites sent nothing."""
    return tuple(k for k, s in enumerate(status) if s & LOST)


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
    rows[:, 1] = list(packet.status) or OK
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


def messages(got: Imu | Hello | Newer | None, place: str) -> list[Message]:
    """What the hub should hear of a packet; `place`: where it came from, for one that does not say more of itself."""
    if isinstance(got, Newer):
        text = f"speaks version {got.version} of the device protocol, this Innerface version {VERSION}; update Innerface"
        return [About(place, problem=text)]
    return [got] if isinstance(got, Imu) else [got.about] if isinstance(got, Hello) else []

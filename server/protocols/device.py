"""Innerface's device packet, version 1 (docs/protocol.md): little-endian, at most 1,200 bytes, CRC-32 at the end.

`server/device` has the encoder in C.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..messages import DeviceInfo, ImuSample, Message

VERSION, MAX_PACKET_BYTES = 1, 1200
SAMPLES, INFO, WELCOME = 1, 2, 3
LINEAR, GYRO = 1, 2  # flags
_HEADER = struct.Struct("<2sBBBBHIQ")  # magic, version, kind, header size, flags, battery mV, sequence, time µs
_SAMPLES_HEADER = struct.Struct("<HHIBB2x")  # device, sync pulses, µs since the last, number of sites, bytes per site
MAGIC = b"IF"
SAMPLES_HEADER_SIZE = _HEADER.size + _SAMPLES_HEADER.size  # 32
_SITE_SIZE = 16
_SITE_SIZE_GYRO = 22
_QUATERNION_STEP, _ACCELERATION_STEP, _GYRO_STEP = 1 / 32767, 0.005, 0.001  # resolution: 1, m/s², rad/s
NO_SYNC = 0xFFFFFFFF
OK, LOST, SATURATED, CALIBRATING = 0, 1, 2, 4  # a site's status bits
_NAN = float("nan")
_UP_AXES = ("", "x", "y", "z")  # bits 2 and 3 of the flags
_INT16, _ZERO_QUATERNION = np.dtype("<i2"), bytes(8)
# per 16-bit number of a site; the first holds its ID and status
_SITE_STEPS = np.array([0.0, *[_QUATERNION_STEP] * 4, *[_ACCELERATION_STEP] * 3, *[_GYRO_STEP] * 3])
_SITE_STEPS_PLAIN = _SITE_STEPS[: _SITE_SIZE // 2]


@dataclass(frozen=True)
class UnknownVersion:
    """A packet of an unknown protocol version."""

    version: int


@dataclass(frozen=True)
class Hello:
    """A device looking for its host; `sites` are the IDs of its sites in the layout."""

    info: DeviceInfo
    sites: tuple[int, ...]
    sequence: int


@lru_cache(maxsize=256)
def device_name(device: int) -> str:
    """Return the name of a device, such as `7a3f`."""
    return f"{device:04x}"


def parse(data: bytes) -> ImuSample | Hello | UnknownVersion | None:
    """Return the content of a packet, None for other or damaged data.

    `ImuSample.keys` are the sites' numbers in the layout, as text. Quaternions have unit length within the resolution.
    """
    if len(data) < _HEADER.size + 4 or len(data) > MAX_PACKET_BYTES or data[:2] != MAGIC:
        return None
    _, version, kind, header_size, flags, battery, sequence, time = _HEADER.unpack_from(data)
    if version != VERSION:  # the rest may be anything
        return UnknownVersion(version)
    if zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
        return None
    if kind == INFO:
        return _parse_hello(data[max(header_size, _HEADER.size) : -4], sequence)
    if kind != SAMPLES or header_size < SAMPLES_HEADER_SIZE or len(data) < header_size + 4:
        return None
    device, pulses, since_sync, count, site_size = _SAMPLES_HEADER.unpack_from(data, _HEADER.size)
    gyro = bool(flags & GYRO)
    min_site_size = _SITE_SIZE_GYRO if gyro else _SITE_SIZE
    if (
        site_size < min_site_size
        or site_size % 2
        or header_size % 2
        or len(data) != header_size + count * site_size + 4
    ):
        return None
    keys = _site_keys(data[header_size:-4:site_size])
    if keys is None:
        return None
    numbers = np.frombuffer(data, _INT16, count * site_size // 2, header_size).reshape(count, site_size // 2)
    if site_size > min_site_size:  # a later version adds fields
        numbers = numbers[:, : min_site_size // 2]
    values = numbers * (_SITE_STEPS if gyro else _SITE_STEPS_PLAIN)
    rotation, acceleration = values[:, 1:5], values[:, 5:8]
    status = data[header_size + 1 : -4 : site_size]
    lost = _lost_sites(status)
    if lost or _ZERO_QUATERNION in data[header_size:]:  # rare, so the check is cheap for all others
        missing = ~rotation.any(axis=1)
        missing[list(lost)] = True
        rotation[missing], acceleration[missing] = np.nan, np.nan
    return ImuSample(
        device_name(device),
        keys,
        rotation,
        acceleration,
        time * 1e-6,
        sequence,
        bool(flags & LINEAR),
        _UP_AXES[int(flags) >> 2 & 3],
        values[:, 8:11] if gyro else None,
        status,
        battery / 1000 if battery else _NAN,
        sync=None if since_sync == NO_SYNC else (pulses, (time - since_sync) * 1e-6),
    )


@lru_cache(maxsize=256)
def _site_keys(ids: bytes) -> tuple[str, ...] | None:
    """Return the sites' numbers as text, None if one occurs twice."""
    return tuple(map(str, ids)) if len(set(ids)) == len(ids) else None


@lru_cache(maxsize=256)
def _lost_sites(status: bytes) -> tuple[int, ...]:
    """Return the indices of the sites that did not answer."""
    return tuple(k for k, s in enumerate(status) if s & LOST)


def _parse_hello(body: bytes, sequence: int) -> Hello | None:
    """Parse u16 device, u8 length and name, u8 length and firmware, u8 count and site IDs."""
    try:
        device = int.from_bytes(body[:2], "little")
        offset, texts = 2, list[str]()
        for _ in range(2):
            size = body[offset]
            texts.append(body[offset + 1 : offset + 1 + size].decode("utf-8", "replace"))
            offset += 1 + size
        sites = tuple(body[offset + 1 : offset + 1 + body[offset]])
        if len(sites) != body[offset]:
            return None
    except IndexError:
        return None
    return Hello(DeviceInfo(device_name(device), texts[0], texts[1]), sites, sequence)


def encode(packet: ImuSample) -> bytes:
    """Return a packet as the firmware encodes it; values out of range are clamped.

    Raises ValueError if the packet is longer than MAX_PACKET_BYTES.
    """
    up = _UP_AXES.index(packet.up)
    flags = (LINEAR if packet.linear else 0) | (GYRO if packet.gyro is not None else 0) | up << 2
    battery = 0 if packet.battery != packet.battery else round(packet.battery * 1000)
    time = round((packet.time or 0.0) * 1e6)
    lost = np.isnan(packet.rotation).any(1) | np.isnan(packet.acceleration).any(1)
    site_size = _SITE_SIZE if packet.gyro is None else _SITE_SIZE_GYRO
    rows = np.zeros((len(packet.keys), site_size), dtype=np.uint8)
    rows[:, 0] = [int(k) for k in packet.keys]
    rows[:, 1] = list(packet.status) or OK
    rows[:, 1] |= np.where(lost, LOST, 0).astype(np.uint8)
    fields = [packet.rotation / _QUATERNION_STEP, packet.acceleration / _ACCELERATION_STEP] + (
        [packet.gyro / _GYRO_STEP] if packet.gyro is not None else []
    )
    numbers = np.clip(
        np.round(np.where(lost[:, None], 0.0, np.nan_to_num(np.concatenate(fields, axis=1)))), -32767, 32767
    ).astype("<i2")
    rows[:, 2:site_size] = np.ascontiguousarray(numbers).view(np.uint8)
    pulses, since_sync = (0, NO_SYNC) if packet.sync is None else (packet.sync[0], round(time - packet.sync[1] * 1e6))
    header = _HEADER.pack(
        MAGIC, VERSION, SAMPLES, SAMPLES_HEADER_SIZE, flags, battery, (packet.sequence or 0) & 0xFFFFFFFF, time
    )
    header += _SAMPLES_HEADER.pack(
        int(packet.device, 16), pulses & 0xFFFF, min(since_sync, NO_SYNC), len(packet.keys), site_size
    )
    return _with_checksum(header + rows.tobytes())


def encode_hello(device: int, *, title: str, firmware: str, sites: tuple[int, ...], sequence: int = 0) -> bytes:
    """Return the packet by which a device looks for its host."""
    body = struct.pack("<H", device)
    for text in (title, firmware):
        raw = text.encode()[:60]
        body += bytes([len(raw)]) + raw
    body += bytes([len(sites), *sites])
    return _with_checksum(_HEADER.pack(MAGIC, VERSION, INFO, _HEADER.size, 0, 0, sequence, 0) + body)


def welcome(sequence: int, now_us: int) -> bytes:
    """Return the host's reply to a hello; the device then sends its samples to the sender of this packet."""
    return _with_checksum(_HEADER.pack(MAGIC, VERSION, WELCOME, _HEADER.size, 0, 0, sequence, now_us))


def is_welcome(data: bytes) -> bool:
    """Return whether `data` is a host's reply to a hello."""
    return (
        len(data) == _HEADER.size + 4
        and data[:4] == MAGIC + bytes([VERSION, WELCOME])
        and data == _with_checksum(data[:-4])
    )


def _with_checksum(body: bytes) -> bytes:
    if len(body) + 4 > MAX_PACKET_BYTES:
        raise ValueError(
            f"{len(body) + 4} bytes do not fit into a packet of {MAX_PACKET_BYTES}; send fewer sites in each"
        )
    return body + zlib.crc32(body).to_bytes(4, "little")


def to_messages(packet: ImuSample | Hello | UnknownVersion | None, address: str) -> list[Message]:
    """Return what a packet means for the hub; `address` names the sender of one of an unknown version."""
    if isinstance(packet, UnknownVersion):
        problem = (
            f"uses version {packet.version} of the device protocol, but Innerface knows only version {VERSION}; "
            "update Innerface"
        )
        return [DeviceInfo(address, problem=problem)]
    return [packet] if isinstance(packet, ImuSample) else [packet.info] if isinstance(packet, Hello) else []

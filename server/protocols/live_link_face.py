"""Live Link Face over UDP, version 6: 61 values in Unreal's order, big-endian. See docs/protocol.md."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from ...core.arrays import Array
from ...core.face.channels import LIVE_LINK_FACE

PORT, VERSION, VALUE_COUNT = 11111, 6, 61
_MAX_TEXT_BYTES, _MAX_BYTES = 512, 2048
_FRAME = struct.Struct(">ifii")


def _udp_order() -> tuple[str, ...]:
    """Return the order of the CSV with jawLeft/jawRight and mouthLeft/mouthRight exchanged."""
    names = list(LIVE_LINK_FACE)
    for a, b in (("jawRight", "jawLeft"), ("mouthRight", "mouthLeft")):
        i, j = names.index(a), names.index(b)
        names[i], names[j] = names[j], names[i]
    return tuple(names)


UDP_ORDER = _udp_order()
_SWAP_MOUTH = {"mouthLeft": "mouthRight", "mouthRight": "mouthLeft"}
_SWAP_JAW = {"jawLeft": "jawRight", "jawRight": "jawLeft"}


@dataclass(frozen=True)
class Packet:
    """One frame.

    Attributes
    ----------
    device, subject
        ID of the phone, and the name that Unreal lists.
    frame, subframe
        Frame number and fraction of a frame on the phone's own clock.
    numerator, denominator
        Frame rate, Hz.
    values
        (61,) float32 in UDP_ORDER; None if the phone tracks no face.
    """

    device: str
    subject: str
    frame: int
    subframe: float
    numerator: int
    denominator: int
    values: Array | None


def parse(data: bytes) -> Packet | None:
    """Return the content of a datagram, None if it is not of version 6."""
    if not 25 <= len(data) <= _MAX_BYTES or data[0] != VERSION:
        return None
    texts, offset = list[str](), 1
    for _ in range(2):
        if offset + 4 > len(data):
            return None
        size = int.from_bytes(data[offset : offset + 4], "big", signed=True)
        if not 0 <= size <= _MAX_TEXT_BYTES or offset + 4 + size > len(data):
            return None
        texts.append(data[offset + 4 : offset + 4 + size].decode("utf-8", "surrogateescape"))
        offset += 4 + size
    if offset + _FRAME.size > len(data):
        return None
    frame, subframe, numerator, denominator = _FRAME.unpack_from(data, offset)
    offset += _FRAME.size
    if offset == len(data):
        return Packet(texts[0], texts[1], frame, subframe, numerator, denominator, None)
    if data[offset] != VALUE_COUNT or len(data) != offset + 1 + 4 * VALUE_COUNT:
        return None
    values = np.frombuffer(data, dtype=">f4", count=VALUE_COUNT, offset=offset + 1).astype(np.float32)
    return Packet(texts[0], texts[1], frame, subframe, numerator, denominator, values)


def encode(packet: Packet) -> bytes:
    """Return the datagram of a packet; the exact inverse of `parse`."""
    out = bytes([VERSION])
    for text in (packet.device, packet.subject):
        raw = text.encode("utf-8", "surrogateescape")[:_MAX_TEXT_BYTES]
        out += struct.pack(">i", len(raw)) + raw
    out += _FRAME.pack(packet.frame, packet.subframe, packet.numerator, packet.denominator)
    return (
        out if packet.values is None else out + bytes([VALUE_COUNT]) + np.asarray(packet.values, dtype=">f4").tobytes()
    )


def named_weights(packet: Packet, swap_mouth: bool = True, swap_jaw: bool = False) -> dict[str, float]:
    """Return weights and angles by channel name, as they were sent; empty if no face is tracked.

    The app's packets exchange the left and right of the mouth, unlike its CSV (docs/protocol.md); `swap_mouth` and
    `swap_jaw` exchange them back.
    """
    if packet.values is None:
        return {}
    swap = (_SWAP_MOUTH if swap_mouth else {}) | (_SWAP_JAW if swap_jaw else {})
    return {swap.get(name, name): v for name, v in zip(UDP_ORDER, packet.values.tolist())}


def packet_seconds(packet: Packet) -> float | None:
    """Return the time on the phone's clock, s; None if the frame rate is invalid."""
    if packet.numerator <= 0 or packet.denominator <= 0 or not np.isfinite(packet.subframe):
        return None
    return (packet.frame + packet.subframe) * packet.denominator / packet.numerator

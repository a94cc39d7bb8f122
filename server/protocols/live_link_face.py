"""Live Link Face over UDP, version 6, as the phone sends it and Unreal reads it: 61 values in Unreal's order. Big-endian; docs/protocol.md."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from ...core.face.channels import LIVE_LINK_FACE

PORT, VERSION, VALUE_COUNT = 11111, 6, 61
_MAX_TEXT_BYTES, _MAX_BYTES = 512, 2048
_FRAME = struct.Struct(">ifii")


def _udp_order() -> tuple[str, ...]:
    """The CSV's order with jawLeft/jawRight and mouthLeft/mouthRight exchanged (names/livelinkface61_udp_order.csv; a test compares)."""
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
    """`values` (61,) float32 in ORDER, or None where the phone sees no face; frame time as the phone counts it (`numerator / denominator` a second)."""

    device: str
    subject: str
    frame: int
    subframe: float
    numerator: int
    denominator: int
    values: np.ndarray | None


def parse(data: bytes) -> Packet | None:
    """A datagram; None for what is none of version 6."""
    if not 25 <= len(data) <= _MAX_BYTES or data[0] != VERSION:
        return None
    texts, offset = [], 1
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
    """The bytes of a packet; a parsed one comes back bit for bit."""
    out = bytes([VERSION])
    for text in (packet.device, packet.subject):
        raw = text.encode("utf-8", "surrogateescape")[:_MAX_TEXT_BYTES]
        out += struct.pack(">i", len(raw)) + raw
    out += _FRAME.pack(packet.frame, packet.subframe, packet.numerator, packet.denominator)
    return (
        out if packet.values is None else out + bytes([VALUE_COUNT]) + np.asarray(packet.values, dtype=">f4").tobytes()
    )


def named_weights(packet: Packet, swap_mouth: bool = True, swap_jaw: bool = False) -> dict[str, float]:
    """Weights by name; empty without a face. The app's packets call the mouth's left right, against its own CSV (docs/protocol.md):
    `swap_mouth` and `swap_jaw` put that right."""
    if packet.values is None or not np.isfinite(packet.values).all():
        return {}
    swap = (_SWAP_MOUTH if swap_mouth else {}) | (_SWAP_JAW if swap_jaw else {})
    return {swap.get(name, name): float(v) for name, v in zip(UDP_ORDER, np.clip(packet.values, -4, 4))}


def packet_seconds(packet: Packet) -> float | None:
    """The phone's own time; only differences mean something. None where it gives no rate."""
    if packet.numerator <= 0 or packet.denominator <= 0 or not np.isfinite(packet.subframe):
        return None
    return (packet.frame + packet.subframe) * packet.denominator / packet.numerator

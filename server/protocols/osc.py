"""Parser of OSC 1.0 datagrams; python-osc encodes (its parser logs every foreign packet and takes 1 ms per face)."""

from __future__ import annotations

import struct
from typing import Any

MAX_BYTES, MAX_MESSAGES, MAX_DEPTH = 65507, 512, 4
_NUMBERS = {"i": ">i", "f": ">f", "h": ">q", "d": ">d", "t": ">Q", "c": ">i", "r": ">I", "m": ">I"}
_CONSTANTS = {"T": True, "F": False, "N": None, "I": True}


def parse_messages(data: bytes) -> list[tuple[str, list[Any]]]:
    """Return addresses and arguments of a message, or of a bundle's messages (at most MAX_MESSAGES), in order.

    Invalid data ends the list.
    """
    out: list[tuple[str, list[Any]]] = []
    if len(data) <= MAX_BYTES:
        _parse_packet(data, out, 0)
    return out


def _parse_packet(data: bytes, out: list[tuple[str, list[Any]]], depth: int) -> None:
    if data[:8] == b"#bundle\0" and depth < MAX_DEPTH:
        offset = 16
        while offset + 4 <= len(data) and len(out) < MAX_MESSAGES:
            size = int.from_bytes(data[offset : offset + 4], "big")
            if size % 4 or offset + 4 + size > len(data):
                return
            _parse_packet(data[offset + 4 : offset + 4 + size], out, depth + 1)
            offset += 4 + size
    elif data[:1] == b"/":
        message = _parse_message(data)
        if message is not None:
            out.append(message)


def _parse_string(data: bytes, offset: int) -> tuple[str, int]:
    """Return a string and the offset of the next argument, -1 if the string is not terminated."""
    end = data.find(0, offset)
    if end < 0:
        return "", -1
    return data[offset:end].decode("utf-8", "replace"), end + 4 - end % 4


def _parse_message(data: bytes) -> tuple[str, list[Any]] | None:
    address, offset = _parse_string(data, 0)
    tags, offset = _parse_string(data, offset) if offset >= 0 else ("", -1)
    if offset < 0 or not tags.startswith(","):
        return None
    args: list[Any] = []
    try:
        for tag in tags[1:]:
            if tag in _NUMBERS:
                args.append(struct.unpack_from(_NUMBERS[tag], data, offset)[0])
                offset += struct.calcsize(_NUMBERS[tag])
            elif tag in ("s", "S"):
                value, offset = _parse_string(data, offset)
                if offset < 0:
                    return None
                args.append(value)
            elif tag == "b":
                size = struct.unpack_from(">I", data, offset)[0]
                if offset + 4 + size > len(data):
                    return None
                args.append(data[offset + 4 : offset + 4 + size])
                offset += 4 + size + -size % 4
            elif tag in _CONSTANTS:
                args.append(_CONSTANTS[tag])
            else:
                return None
    except struct.error:
        return None
    return address, args

"""Reading OSC 1.0 datagrams. python-osc writes ours; its reader prints a warning for every foreign packet and takes a millisecond for a face."""

from __future__ import annotations

import struct
from typing import Any

LONGEST, MOST, DEEPEST = 65507, 512, 4
_NUMBERS = {"i": ">i", "f": ">f", "h": ">q", "d": ">d", "t": ">Q", "c": ">i", "r": ">I", "m": ">I"}
_CONSTANTS = {"T": True, "F": False, "N": None, "I": True}


def messages(data: bytes) -> list[tuple[str, list[Any]]]:
    """The addresses and arguments of a message or of a bundle's messages (at most MOST), in order; what is no OSC ends the list."""
    out: list[tuple[str, list[Any]]] = []
    if len(data) <= LONGEST:
        _read(data, out, 0)
    return out


def _read(data: bytes, out: list[tuple[str, list[Any]]], depth: int) -> None:
    if data[:8] == b"#bundle\0" and depth < DEEPEST:
        at = 16
        while at + 4 <= len(data) and len(out) < MOST:
            size = int.from_bytes(data[at : at + 4], "big")
            if size % 4 or at + 4 + size > len(data):
                return
            _read(data[at + 4 : at + 4 + size], out, depth + 1)
            at += 4 + size
    elif data[:1] == b"/":
        message = _message(data)
        if message is not None:
            out.append(message)


def _text(data: bytes, at: int) -> tuple[str, int]:
    """A string and where the next argument begins; -1 where it does not end."""
    end = data.find(0, at)
    if end < 0:
        return "", -1
    return data[at:end].decode("utf-8", "replace"), end + 4 - end % 4


def _message(data: bytes) -> tuple[str, list[Any]] | None:
    address, at = _text(data, 0)
    tags, at = _text(data, at) if at >= 0 else ("", -1)
    if at < 0 or not tags.startswith(","):
        return None
    args: list[Any] = []
    try:
        for tag in tags[1:]:
            if tag in _NUMBERS:
                args.append(struct.unpack_from(_NUMBERS[tag], data, at)[0])
                at += struct.calcsize(_NUMBERS[tag])
            elif tag in ("s", "S"):
                value, at = _text(data, at)
                if at < 0:
                    return None
                args.append(value)
            elif tag == "b":
                size = struct.unpack_from(">I", data, at)[0]
                if at + 4 + size > len(data):
                    return None
                args.append(data[at + 4 : at + 4 + size])
                at += 4 + size + -size % 4
            elif tag in _CONSTANTS:
                args.append(_CONSTANTS[tag])
            else:
                return None
    except struct.error:
        return None
    return address, args

"""COBS: bytes without zeros, so that a zero ends a frame on a serial line (Cheshire and Baker, 1999). The firmware's encoder does the same in C."""

from __future__ import annotations


def encode(data: bytes) -> bytes:
    """A frame's bytes without zeros; the delimiter is not added."""
    out, block = bytearray(), bytearray()
    for piece in _blocks(data):
        block = bytearray(piece)
        out.append(len(block) + 1)
        out += block
    return bytes(out)


def _blocks(data: bytes) -> list[bytes]:
    """Runs between zeros, of at most 254 bytes; a full run is not followed by a zero."""
    out = []
    parts = data.split(b"\0")
    for k, part in enumerate(parts):
        while len(part) >= 254:
            out.append(part[:254])
            part = part[254:]
            if not part and k == len(parts) - 1:
                break
        else:
            out.append(part)
    return out


def decode(frame: bytes) -> bytes | None:
    """What was encoded; None for what no encoder writes."""
    out, at, size = bytearray(), 0, len(frame)
    while at < size:
        code = frame[at]
        if code == 0 or at + code > size:
            return None
        out += frame[at + 1 : at + code]
        at += code
        if code < 255 and at < size:
            out.append(0)
    return bytes(out)


class Framer:
    """Frames out of a serial line's bytes, however they are cut; a frame longer than `limit` is given up."""

    def __init__(self, limit: int) -> None:
        self.limit, self.rest, self.skipping, self.broken = limit, bytearray(), True, 0

    def push(self, data: bytes) -> list[bytes]:
        """Whole decoded frames. Of the first one, and of one after noise, the start may be missing: a checksum tells."""
        out = []
        *whole, rest = bytes(data).split(b"\0")
        for piece in whole:
            frame = bytes(self.rest) + piece
            self.rest.clear()
            skipped, self.skipping = self.skipping, False
            if not frame:
                continue
            got = decode(frame) if len(frame) <= self.limit else None
            if got is not None and not (skipped and not got):
                out.append(got)
            elif not skipped:
                self.broken += 1
        self.rest += rest
        if len(self.rest) > self.limit:
            self.rest.clear()
            self.skipping = True
            self.broken += 1
        return out

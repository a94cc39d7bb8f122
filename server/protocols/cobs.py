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
    out, position, size = bytearray(), 0, len(frame)
    while position < size:
        code = frame[position]
        if code == 0 or position + code > size:
            return None
        out += frame[position + 1 : position + code]
        position += code
        if code < 255 and position < size:
            out.append(0)
    return bytes(out)


class Framer:
    """Frames out of a serial line's bytes, however they are cut; a frame longer than `limit` is given up."""

    def __init__(self, limit: int) -> None:
        self.limit, self.buffer, self.skipping, self.dropped = limit, bytearray(), True, 0

    def push(self, data: bytes) -> list[bytes]:
        """Whole decoded frames. Of the first one, and of one after noise, the start may be missing: a checksum tells."""
        out = []
        *complete, tail = bytes(data).split(b"\0")
        for piece in complete:
            frame = bytes(self.buffer) + piece
            self.buffer.clear()
            was_skipping, self.skipping = self.skipping, False
            if not frame:
                continue
            decoded = decode(frame) if len(frame) <= self.limit else None
            if decoded is not None and not (was_skipping and not decoded):
                out.append(decoded)
            elif not was_skipping:
                self.dropped += 1
        self.buffer += tail
        if len(self.buffer) > self.limit:
            self.buffer.clear()
            self.skipping = True
            self.dropped += 1
        return out

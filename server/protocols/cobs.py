"""Consistent Overhead Byte Stuffing (Cheshire and Baker, 1999): frames without zero bytes, delimited by one.

`server/device` has the encoder in C.
"""

from __future__ import annotations


def encode(data: bytes) -> bytes:
    """Return `data` without zero bytes; the delimiter is not added."""
    out = bytearray()
    for block in _blocks(data):
        out.append(len(block) + 1)
        out += block
    return bytes(out)


def _blocks(data: bytes) -> list[bytes]:
    """Return the runs between zeros, at most 254 bytes each; a full run is not followed by a zero."""
    out: list[bytes] = []
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
    """Return the encoded bytes, None for an invalid frame."""
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
    """Splits a byte stream into decoded frames.

    Attributes
    ----------
    limit
        Longest frame in bytes; a longer one is dropped.
    buffer
        Bytes of the incomplete frame.
    skipping
        Whether the stream is skipped up to the next delimiter.
    dropped
        Number of invalid or too long frames.
    """

    def __init__(self, limit: int) -> None:
        self.limit, self.buffer, self.skipping, self.dropped = limit, bytearray(), True, 0

    def push(self, data: bytes) -> list[bytes]:
        """Add bytes and return the frames they complete.

        The first frame, and one after noise, may lack its start; the packet's checksum reveals that.
        """
        out: list[bytes] = []
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

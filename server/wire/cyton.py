"""OpenBCI Cyton over serial: 33-byte frames A0 ... C0, eight channels of 24 bits, 250 a second. docs/protocol.md."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BAUD, RATE, CHANNELS, SIZE = 115200, 250.0, 8, 33
RESET, BEGIN, END = b"v", b"b", b"s"
_UV = 4.5 / 24 / (2**23 - 1) * 1e6  # a count at gain 24
_LIMIT = 4096


@dataclass(frozen=True)
class Sample:
    """`counter` 0..255, `microvolts` (8,), the six auxiliary bytes and what they mean (the stop byte's low half)."""

    counter: int
    microvolts: np.ndarray
    aux: bytes
    meaning: int


class Reader:
    """Frames out of a serial line's bytes, however they are cut; it finds its place again after noise."""

    def __init__(self) -> None:
        self.rest, self.skipped = bytearray(), 0

    def push(self, data: bytes) -> list[Sample]:
        """Whole frames."""
        self.rest += data
        out = []
        while len(self.rest) >= SIZE:
            if self.rest[0] != 0xA0 or self.rest[32] & 0xF0 != 0xC0:
                jump = self.rest.find(0xA0, 1)
                jump = len(self.rest) if jump < 0 else jump
                self.skipped += jump
                del self.rest[:jump]
                continue
            frame = bytes(self.rest[:SIZE])
            del self.rest[:SIZE]
            out.append(_sample(frame))
        if len(self.rest) > _LIMIT:
            del self.rest[:-SIZE]
        return out


def _sample(frame: bytes) -> Sample:
    counts = [int.from_bytes(frame[k : k + 3], "big", signed=True) for k in range(2, 26, 3)]
    return Sample(frame[1], np.array(counts) * _UV, frame[26:32], frame[32] & 0x0F)

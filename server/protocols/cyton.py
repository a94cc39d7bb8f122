"""OpenBCI Cyton over serial: 33-byte packets, eight channels of 24 bits, 250 Hz. See docs/protocol.md."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.arrays import Array

BAUD, RATE, CHANNELS, FRAME_SIZE = 115200, 250.0, 8, 33
RESET, BEGIN, END, EIGHT_CHANNELS = b"v", b"b", b"s", b"c"
END_OF_REPLY, DAISY = b"$$$", b"On Daisy"  # in the reply to RESET
_UV_PER_COUNT = 4.5 / 24 / (2**23 - 1) * 1e6  # 4.5 V reference, gain 24
_MAX_BUFFER = 4096


@dataclass(frozen=True)
class Sample:
    """One packet.

    Attributes
    ----------
    counter
        0..255, wraps.
    microvolts
        (8,) float64 µV.
    aux
        Six auxiliary bytes.
    stop_code
        Low nibble of the stop byte: the format of `aux`.
    """

    counter: int
    microvolts: Array
    aux: bytes
    stop_code: int


class Reader:
    """Splits a byte stream into packets, and resynchronises after noise."""

    def __init__(self) -> None:
        self.buffer, self.skipped = bytearray(), 0

    def push(self, data: bytes) -> list[Sample]:
        """Add bytes and return the packets they complete."""
        self.buffer += data
        out: list[Sample] = []
        while len(self.buffer) >= FRAME_SIZE:
            if self.buffer[0] != 0xA0 or self.buffer[32] & 0xF0 != 0xC0:
                jump = self.buffer.find(0xA0, 1)
                jump = len(self.buffer) if jump < 0 else jump
                self.skipped += jump
                del self.buffer[:jump]
                continue
            frame = bytes(self.buffer[:FRAME_SIZE])
            del self.buffer[:FRAME_SIZE]
            out.append(_parse_sample(frame))
        if len(self.buffer) > _MAX_BUFFER:
            del self.buffer[:-FRAME_SIZE]
        return out


def _parse_sample(frame: bytes) -> Sample:
    counts = [int.from_bytes(frame[k : k + 3], "big", signed=True) for k in range(2, 26, 3)]
    return Sample(frame[1], np.array(counts) * _UV_PER_COUNT, frame[26:32], frame[32] & 0x0F)

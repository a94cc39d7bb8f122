"""Live Link Face timecode: HH:MM:SS:FF.mmm, with frames of 1/60 s whatever the take's rate."""

from __future__ import annotations

import re

import numpy as np

from ..arrays import Array

FRAMES_PER_SECOND = 60  # Hz, of the frames FF
TICKS_PER_SECOND = FRAMES_PER_SECOND * 1000  # a tick is a thousandth of a frame
TICKS_PER_DAY = 24 * 3600 * TICKS_PER_SECOND

_PATTERN = re.compile(r"^\s*(\d{1,2}):(\d{1,2}):(\d{1,2})[:;](\d{1,3})(?:\.(\d{1,3}))?\s*$")


def parse(text: str, base: int = FRAMES_PER_SECOND) -> int:
    """Ticks since midnight; `base` is the rate (Hz) of the frames FF. Raises ValueError for other text."""
    match = _PATTERN.match(text)
    if match is None:
        raise ValueError(text)
    h, m, s, frame = (int(g) for g in match.groups()[:4])
    subframe = int((match.group(5) or "0").ljust(3, "0"))
    if h > 23 or m > 59 or s > 59 or frame >= base:
        raise ValueError(text)
    return ((h * 60 + m) * 60 + s) * TICKS_PER_SECOND + round((frame * 1000 + subframe) * FRAMES_PER_SECOND / base)


def to_text(seconds: float) -> str:
    """Timecode of a time of day in seconds; times outside the day wrap around."""
    ticks = round(seconds * TICKS_PER_SECOND) % TICKS_PER_DAY
    s, remainder = divmod(ticks, TICKS_PER_SECOND)
    return f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}:{remainder // 1000:02d}.{remainder % 1000:03d}"


def unwrap(ticks: Array) -> Array:
    """Ticks (T,) with a day added after each midnight, which shows as a step back of more than twelve hours."""
    wraps = np.concatenate([[0], np.cumsum(np.diff(ticks) < -TICKS_PER_DAY // 2)]) if len(ticks) else np.zeros(0)
    return ticks + wraps.astype(np.int64) * TICKS_PER_DAY

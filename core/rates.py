"""Frame rates: of all processing, and of scenes as people write them."""

from __future__ import annotations

import math

from .errors import InnerfaceError

FRAME_RATE = 60.0  # Hz, of everything after resampling


def parse_frame_rate(text: str) -> tuple[int, float]:
    """`23.976`, `24`, `30000/1001` or `12.5` as Blender's (fps, fps_base). Raises InnerfaceError."""
    try:
        numerator, _, denominator = text.partition("/")
        rate = float(numerator) / (float(denominator) if denominator else 1.0)
    except (ValueError, ZeroDivisionError):
        rate = math.nan
    if not 1.0 <= rate <= 1000.0:
        raise InnerfaceError(f"frame rate {text}: give a number from 1 to 1000, such as 24 or 23.976")
    nearest = round(rate)
    if abs(rate - nearest) < 1e-9:
        return nearest, 1.0
    ceiling = math.ceil(rate)
    if abs(rate - ceiling * 1000 / 1001) < 0.006:  # 23.976, 23.98, 29.97, 59.94: NTSC rates
        return ceiling, 1.001
    return ceiling, ceiling / rate

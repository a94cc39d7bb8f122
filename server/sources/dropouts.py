"""Simulated dropouts of a device."""

from __future__ import annotations

import math

NO_DROPOUTS = (math.inf, 0.0)
_DEFAULT_DURATION_S = 2.0


def parse_dropouts(text: str) -> tuple[float, float]:
    """Parse EVERY:FOR in s; no dropouts if empty. Raises ValueError."""
    period, _, duration = text.partition(":")
    try:
        return (float(period), float(duration or _DEFAULT_DURATION_S)) if period else NO_DROPOUTS
    except ValueError:
        raise ValueError("is not EVERY:FOR in seconds, such as 20:3") from None

"""Simulated dropouts of a device."""

from __future__ import annotations

import math

from ..arguments import argument

_NO_DROPOUTS = (math.inf, 0.0)
_DEFAULT_DURATION_S = 2.0


def dropouts_argument() -> tuple[float, float]:
    """Declare the option of a simulated device that drops out: every how many seconds, and for how many."""
    return argument(
        _NO_DROPOUTS,
        metavar="EVERY:FOR",
        parse=_parse_dropouts,
        help="dropout of FOR seconds every EVERY seconds",
    )


def _parse_dropouts(text: str) -> tuple[float, float]:
    """Parse EVERY:FOR in s; no dropouts if empty. Raises ValueError."""
    period, _, duration = text.partition(":")
    try:
        return (float(period), float(duration or _DEFAULT_DURATION_S)) if period else _NO_DROPOUTS
    except ValueError:
        raise ValueError("is not EVERY:FOR in seconds, such as 20:3") from None

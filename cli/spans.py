"""START:END on the command line, in seconds from a take's first row."""

from __future__ import annotations

from ..core.errors import InnerfaceError
from ..core.imu.spans import Span


def span(text: str | None, flag: str) -> Span | None:
    """`1.5:4` -> (1.5, 4.0); nothing stays nothing. Raises InnerfaceError."""
    if text is None:
        return None
    first, _, last = text.partition(":")
    try:
        start, end = float(first), float(last)
    except ValueError:
        raise InnerfaceError(
            f"{flag} {text}: is not START:END; give two numbers of seconds from the first row, such as 0.5:4"
        ) from None
    if not 0 <= start < end < 1e7:
        raise InnerfaceError(f"{flag} {text}: the end must come after the start, both in seconds from the first row")
    return start, end

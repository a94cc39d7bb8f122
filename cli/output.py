"""What several commands print."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..core.printable import one_line

if TYPE_CHECKING:
    from ..core.imu.spans import Span
    from ..core.take import Take


def print_notes(notes: Iterable[str]) -> None:
    """Print notes for the user on stderr."""
    for note in notes:
        print(f"note: {one_line(note)}", file=sys.stderr)


def print_take_notes(*takes: Take) -> None:
    """Print what was met on reading takes."""
    print_notes(f"{take.name}: {note}" for take in takes for note in take.notes)


def print_calibration_spans(neutral: Span, turn: Span) -> None:
    """Print the spans that a calibration used."""
    print(f"neutral {neutral[0]:.2f}:{neutral[1]:.2f}, turn {turn[0]:.2f}:{turn[1]:.2f} (seconds from the first row)")


def print_electrode_quality(quality: Iterable[Mapping[str, Any]]) -> None:
    """Print a line per electrode; `quality` holds the fields of ElectrodeQuality."""
    for electrode in quality:
        print(
            f"  {electrode['channel']:<12} rest {electrode['rest_uv']:.1f} µV, peak {electrode['peak_uv']:.1f} µV, "
            f"mains {electrode['mains_uv']:.1f} µV, missing {electrode['missing']:.1%}"
        )

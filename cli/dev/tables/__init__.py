"""Sections of docs/results.md: each function measures, and returns the lines and figures of its section."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

INTRODUCTION = """# Results

Written by `innerface report`; nothing here is typed by hand. **Sensors are simulated** on real motion (no recording
of face-worn IMUs is public): these figures compare methods and say what can be expected, not what a device does.
Motion comes from real ARKit takes, whose channels count as the truth. Millimetres are on ICT-FaceKit's narrow face
(PVE) and its 51 inner iBUG points (PVE_LMK), means over frames. *Neutral* is a face that never moves, *mean face* the
take's own mean, which knows the take: a method that does not beat both is worth nothing. Figures of the IMUSIC paper,
where they are quoted, are of real sensors on real people, tuned to the one user; all others are of simulated sensors on
real motion."""

# name, file, whether its performer was in training
TAKES = (
    ("alex_rom_3", "alex_rom_3.csv", False),
    ("alex_rom_4", "alex_rom_4.csv", False),
    ("MySlate_3", "MySlate_3_Jason_Millers_iPhone.csv", False),
    ("S07-001", "S07-001.csv", True),
    ("apfel", "apfel.csv", True),
)
ProgressCallback = Callable[[float], None]


@dataclass(frozen=True)
class Section:
    """A section: `lines` of Markdown, and the `figures` in them."""

    lines: list[str]
    figures: dict[str, Any]


def markdown_table(header: str, rows: list[str]) -> list[str]:
    """Lines of a Markdown table from a header `a | b` and rows of the same form."""
    return [f"\n| {header} |", "|" + "---|" * (header.count("|") + 1), *(f"| {row} |" for row in rows)]

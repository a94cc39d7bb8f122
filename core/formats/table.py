"""Numbers out of comma-separated text, with the exact place of what is wrong."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from ..errors import InnerfaceError

_LONGEST = 40  # characters of a number that are converted at once; longer cells one by one
LIMIT = 10.0  # a blendshape weight beyond this is a percentage or not a weight


def numbers(rows: list[list[str]], lines: list[int], header: list[str], path: Path) -> np.ndarray:
    """Cells to float64 (T, C); empty and NaN cells become NaN. Raises InnerfaceError naming line and column.

    `rows`: T lists of C texts; `lines`: their 1-based line numbers; `header`: the columns' names.
    """
    if not rows:
        return np.zeros((0, len(header)))
    try:
        if max(len(cell) for row in rows for cell in row) > _LONGEST:
            raise ValueError
        out = np.array(rows, dtype=f"U{_LONGEST}").astype(np.float64)
    except ValueError:
        out = np.empty((len(rows), len(header)))
        for r, row in enumerate(rows):
            for c, cell in enumerate(row):
                out[r, c] = _number(cell, lines[r], header[c], path)
    bad = np.isinf(out)
    if bad.any():
        r, c = np.argwhere(bad)[0]
        raise InnerfaceError(f"{path}: line {lines[r]}, column {header[c]}: the number is infinite; leave the cell empty if it is missing")
    return out


def _number(cell: str, line: int, column: str, path: Path) -> float:
    cell = cell.strip()
    if not cell:
        return math.nan
    try:
        return float(cell)
    except ValueError:
        raise InnerfaceError(f"{path}: line {line}, column {column}: '{cell[:24]}' is not a number; mend or empty the cell") from None


def check_weights(values: np.ndarray, names: list[str], lines: list[int], path: Path) -> None:
    """Refuse what cannot be weights (nominally 0..1; real takes reach 1.08 and -0.02)."""
    with np.errstate(invalid="ignore"):
        bad = np.abs(values) > LIMIT
    if bad.any():
        r, c = np.argwhere(bad)[0]
        raise InnerfaceError(
            f"{path}: line {lines[r]}, column {names[c]}: {values[r, c]:g} is no weight between 0 and 1; divide percentages by 100"
        )


def check_advances(time: np.ndarray, lines: list[int], path: Path, what: str = "time") -> tuple[np.ndarray, int]:
    """Rows to keep (T,) bool and the number of repeats dropped. Raises InnerfaceError where time runs backwards."""
    step = np.diff(time)
    if (step < 0).any():
        r = int(np.flatnonzero(step < 0)[0])
        raise InnerfaceError(f"{path}: line {lines[r + 1]}: {what} jumps back by {-step[r]:.3f} s; split the file there into two takes")
    keep = np.concatenate([[True], step > 0]) if len(time) else np.zeros(0, bool)
    return keep, int((~keep).sum())

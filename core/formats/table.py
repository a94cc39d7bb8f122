"""Numbers out of comma-separated text, with the exact place of what is wrong."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError

_MAX_CELL_LENGTH = 40  # characters of a number that are converted at once; longer cells one by one
_BLOCK_LINES = 8192  # lines that are converted at once: long files do not fit into memory as texts
MAX_WEIGHT = 10.0  # a blendshape weight beyond this is a percentage or not a weight


def parse_cells(rows: list[list[str]], line_numbers: list[int], header: list[str], path: Path) -> Array:
    """Cells to float64 (T, C); empty and NaN cells become NaN. Raises InnerfaceError naming line and column.

    `rows`: T lists of C texts; `lines`: their 1-based line numbers; `header`: the columns' names.
    """
    if not rows:
        return np.zeros((0, len(header)))
    try:
        if max(len(cell) for row in rows for cell in row) > _MAX_CELL_LENGTH:
            raise ValueError
        out = np.array(rows, dtype=f"U{_MAX_CELL_LENGTH}").astype(np.float64)
    except ValueError:
        out = np.empty((len(rows), len(header)))
        for r, row in enumerate(rows):
            for c, cell in enumerate(row):
                out[r, c] = _parse_cell(cell, line_numbers[r], header[c], path)
    bad = np.isinf(out)
    if bad.any():
        r, c = np.argwhere(bad)[0]
        raise InnerfaceError(
            f"{path}: line {line_numbers[r]}, column {header[c]}: the number is infinite; leave the cell empty if it is missing"
        )
    return out


def _parse_cell(cell: str, line: int, column: str, path: Path) -> float:
    cell = cell.strip()
    if not cell:
        return math.nan
    try:
        return float(cell)
    except ValueError:
        raise InnerfaceError(
            f"{path}: line {line}, column {column}: '{cell[:24]}' is not a number; mend or empty the cell"
        ) from None


def parse_header(line: str, line_number: int, path: Path, separator: str = ",") -> list[str]:
    """The names of a header's columns. Raises InnerfaceError for empty ones and for those that stand there twice."""
    try:
        header = [cell.strip() for cell in next(csv.reader([line.strip("\r\n")], delimiter=separator), [])]
    except csv.Error as error:
        raise InnerfaceError(
            f"{path}: line {line_number}: is not a readable header ({error}); export the file again"
        ) from None
    seen: set[str] = set()
    for k, name in enumerate(header):
        if not name:
            raise InnerfaceError(f"{path}: line {line_number}: column {k + 1} has no name; name or delete it")
        if name in seen:
            raise InnerfaceError(f"{path}: line {line_number}: column {name[:32]} stands there twice; delete one")
        seen.add(name)
    return header


def parse_lines(
    lines: list[str], first_line_number: int, header: list[str], path: Path, separator: str = ","
) -> tuple[Array, Array]:
    """Rows of a long file to float64 (T, C), and their line numbers (T,); empty lines are left out, empty and NaN cells become NaN. Millions of cells a second.

    `lines`: texts of which the first stands on line `first`; `header`: the columns' names. Raises InnerfaceError naming line and column.
    """
    blank = " \t\r" + separator
    width, blocks, block_line_numbers = len(header), [np.zeros((0, len(header)))], [np.zeros(0, dtype=np.int64)]
    for start in range(0, len(lines), _BLOCK_LINES):
        block = lines[start : start + _BLOCK_LINES]
        line_numbers = np.arange(first_line_number + start, first_line_number + start + len(block))
        if any(line.count(separator) != width - 1 or not line.strip(blank) for line in block):
            block, line_numbers = _non_blank_lines(
                block, first_line_number + start, header, path, separator, start + _BLOCK_LINES >= len(lines)
            )
        if not block:
            continue
        text = separator.join(block)
        cells = text.replace('"', "").split(separator)
        try:
            values = _to_floats(cells, width)
        except ValueError:
            for k, cell in enumerate(cells):
                _parse_cell(cell, int(line_numbers[k // width]), header[k % width], path)
            raise
        bad = np.isinf(values)
        if bad.any():
            r, c = np.argwhere(bad)[0]
            raise InnerfaceError(
                f"{path}: line {line_numbers[r]}, column {header[c]}: the number is infinite; leave the cell empty if it is missing"
            )
        blocks.append(values)
        block_line_numbers.append(line_numbers)
    return np.concatenate(blocks), np.concatenate(block_line_numbers)


def _to_floats(cells: list[str], width: int) -> Array:
    try:
        return np.fromiter(map(float, cells), np.float64, len(cells)).reshape(-1, width)
    except ValueError:  # some are empty
        return np.fromiter((float(c.strip() or "nan") for c in cells), np.float64, len(cells)).reshape(-1, width)


def _non_blank_lines(
    block: list[str], first_line_number: int, header: list[str], path: Path, separator: str, is_last_block: bool
) -> tuple[list[str], Array]:
    """The lines that hold anything, and their numbers; all of them have all columns."""
    kept = [(n, line) for n, line in enumerate(block, start=first_line_number) if line.strip(" \t\r" + separator)]
    for n, line in kept:
        count = line.count(separator) + 1
        if count != len(header):
            hint = (
                "the file is cut off: delete that line"
                if is_last_block and n == kept[-1][0]
                else "mend or delete the line"
            )
            raise InnerfaceError(f"{path}: line {n}: {count} columns where there are {len(header)} in others; {hint}")
    return [line for _, line in kept], np.array([n for n, _ in kept], dtype=np.int64)


def check_weights(values: Array, names: list[str], line_numbers: list[int], path: Path) -> None:
    """Refuse what cannot be weights (nominally 0..1; real takes reach 1.08 and -0.02)."""
    with np.errstate(invalid="ignore"):
        bad = np.abs(values) > MAX_WEIGHT
    if bad.any():
        r, c = np.argwhere(bad)[0]
        raise InnerfaceError(
            f"{path}: line {line_numbers[r]}, column {names[c]}: {values[r, c]:g} is no weight between 0 and 1; divide percentages by 100"
        )


def check_increasing(
    time: Array, line_numbers: Sequence[int] | Array, path: Path, time_name: str = "time"
) -> tuple[Array, int]:
    """Rows to keep (T,) bool and the number of repeats dropped. Raises InnerfaceError where time runs backwards."""
    step = np.diff(time)
    if (step < 0).any():
        r = int(np.flatnonzero(step < 0)[0])
        raise InnerfaceError(
            f"{path}: line {line_numbers[r + 1]}: {time_name} jumps back by {-step[r]:.3f} s; split the file there into two takes"
        )
    keep = np.concatenate([[True], step > 0]) if len(time) else np.zeros(0, bool)
    return keep, int((~keep).sum())

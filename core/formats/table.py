"""Numbers from comma-separated text, with errors that name line and column."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError

_MAX_CELL_LENGTH = 40  # characters; longer cells are converted one by one
_BLOCK_LINES, _BLOCK_CELLS = 8192, 1 << 20  # converted at once: long files do not fit into memory as text
MAX_COLUMNS = 4096
MAX_WEIGHT = 10.0  # anything above is a percentage or not a weight


def parse_cells(rows: list[list[str]], *, line_numbers: list[int], header: list[str], path: Path) -> Array:
    """Convert T rows of C cells to float64 (T, C); empty cells become NaN.

    `line_numbers` (T,) count from 1; `header` names the columns. Raises InnerfaceError with line and column.
    """
    if not rows:
        return np.zeros((0, len(header)))
    out = np.empty((len(rows), len(header)))
    step = _block_lines(len(header))
    for start in range(0, len(rows), step):
        block = rows[start : start + step]
        try:
            if max(len(cell) for row in block for cell in row) > _MAX_CELL_LENGTH:
                raise ValueError
            out[start : start + step] = np.array(block, dtype=f"U{_MAX_CELL_LENGTH}").astype(np.float64)
        except ValueError:
            for r, row in enumerate(block, start=start):
                for c, cell in enumerate(row):
                    out[r, c] = _parse_cell(cell, line=line_numbers[r], column=header[c], path=path)
    _check_finite(out, line_numbers=line_numbers, header=header, path=path)
    return out


def _block_lines(columns: int) -> int:
    """Lines that are converted at once."""
    return max(min(_BLOCK_LINES, _BLOCK_CELLS // max(columns, 1)), 1)


def check_column_count(count: int, line_number: int, path: Path) -> None:
    """Raise InnerfaceError for more columns than are read."""
    if count > MAX_COLUMNS:
        raise InnerfaceError(
            f"{path}: line {line_number}: {count} columns, and at most {MAX_COLUMNS} are read; export fewer channels"
        )


def _check_finite(values: Array, *, line_numbers: Sequence[int] | Array, header: list[str], path: Path) -> None:
    """Raise InnerfaceError for infinite values; NaN is a missing value."""
    infinite = np.argwhere(np.isinf(values))
    if len(infinite):
        r, c = infinite[0]
        raise InnerfaceError(
            f"{path}: line {line_numbers[r]}, column {header[c]}: the number is infinite; "
            "leave the cell empty if it is missing"
        )


def _parse_cell(cell: str, *, line: int, column: str, path: Path) -> float:
    cell = cell.strip()
    if not cell:
        return math.nan
    try:
        return float(cell)
    except ValueError:
        raise InnerfaceError(
            f"{path}: line {line}, column {column}: '{cell[:24]}' is not a number; correct or empty the cell"
        ) from None


def parse_header(line: str, *, line_number: int, path: Path, separator: str = ",") -> list[str]:
    """Names of a header's columns. Raises InnerfaceError for empty and repeated names."""
    try:
        header = [cell.strip() for cell in next(csv.reader([line.strip("\r\n")], delimiter=separator), list[str]())]
    except csv.Error as error:
        raise InnerfaceError(
            f"{path}: line {line_number}: is not a readable header ({error}); export the file again"
        ) from None
    check_column_count(len(header), line_number, path)
    seen: set[str] = set()
    for k, name in enumerate(header):
        if not name:
            raise InnerfaceError(f"{path}: line {line_number}: column {k + 1} has no name; name or delete it")
        if name in seen:
            raise InnerfaceError(f"{path}: line {line_number}: column {name[:32]} appears twice; delete one")
        seen.add(name)
    return header


def parse_lines(
    lines: list[str], *, first_line_number: int, header: list[str], path: Path, separator: str = ","
) -> tuple[Array, Array]:
    """Convert the lines of a long file to float64 (T, C), and give their line numbers (T,).

    Empty lines are skipped, empty cells become NaN. `header` names the columns. Raises InnerfaceError with line and
    column.
    """
    blank = " \t\r" + separator
    width, blocks, block_line_numbers = len(header), [np.zeros((0, len(header)))], [np.zeros(0, dtype=np.int64)]
    step = _block_lines(width)
    for start in range(0, len(lines), step):
        block = lines[start : start + step]
        line_numbers = np.arange(first_line_number + start, first_line_number + start + len(block))
        if any(line.count(separator) != width - 1 or not line.strip(blank) for line in block):
            block, line_numbers = _non_blank_lines(
                block,
                first_line_number=first_line_number + start,
                header=header,
                path=path,
                separator=separator,
                is_last_block=start + step >= len(lines),
            )
        if not block:
            continue
        text = separator.join(block)
        cells = text.replace('"', "").split(separator)
        try:
            values = _to_floats(cells, width)
        except ValueError:
            for k, cell in enumerate(cells):
                _parse_cell(cell, line=int(line_numbers[k // width]), column=header[k % width], path=path)
            raise
        _check_finite(values, line_numbers=line_numbers, header=header, path=path)
        blocks.append(values)
        block_line_numbers.append(line_numbers)
    return np.concatenate(blocks), np.concatenate(block_line_numbers)


def _to_floats(cells: list[str], width: int) -> Array:
    try:
        return np.fromiter(map(float, cells), np.float64, len(cells)).reshape(-1, width)
    except ValueError:  # some are empty
        return np.fromiter((float(c.strip() or "nan") for c in cells), np.float64, len(cells)).reshape(-1, width)


def _non_blank_lines(
    block: list[str], *, first_line_number: int, header: list[str], path: Path, separator: str, is_last_block: bool
) -> tuple[list[str], Array]:
    """Lines that are not blank, and their numbers. Raises InnerfaceError for a line with missing columns."""
    kept = [(n, line) for n, line in enumerate(block, start=first_line_number) if line.strip(" \t\r" + separator)]
    for n, line in kept:
        count = line.count(separator) + 1
        if count != len(header):
            hint = (
                "the file is cut off: delete that line"
                if is_last_block and n == kept[-1][0]
                else "correct or delete the line"
            )
            raise InnerfaceError(f"{path}: line {n}: {count} columns where other lines have {len(header)}; {hint}")
    return [line for _, line in kept], np.array([n for n, _ in kept], dtype=np.int64)


def check_weights(values: Array, names: list[str], *, line_numbers: list[int], path: Path) -> None:
    """Raise InnerfaceError for values that cannot be weights (nominally 0..1; real takes reach 1.08 and -0.02)."""
    with np.errstate(invalid="ignore"):
        bad = np.abs(values) > MAX_WEIGHT
    if bad.any():
        r, c = np.argwhere(bad)[0]
        raise InnerfaceError(
            f"{path}: line {line_numbers[r]}, column {names[c]}: {values[r, c]:g} is not a weight between 0 and 1; "
            "divide percentages by 100"
        )


def check_increasing(
    time: Array, line_numbers: Sequence[int] | Array, *, path: Path, time_name: str = "time"
) -> tuple[Array, int]:
    """Rows to keep (T,) bool, and the number of repeated times. Raises InnerfaceError where time runs backwards."""
    step = np.diff(time)
    if (step < 0).any():
        r = int(np.flatnonzero(step < 0)[0])
        raise InnerfaceError(
            f"{path}: line {line_numbers[r + 1]}: {time_name} jumps back by {-step[r]:.3f} s; "
            "split the file there into two takes"
        )
    keep = np.concatenate([[True], step > 0]) if len(time) else np.zeros(0, bool)
    return keep, int((~keep).sum())


@dataclass(frozen=True)
class TimedRows:
    """Rows with increasing times: `time` (T,) s, `values` (T, C), and `notes` for the user."""

    time: Array
    values: Array
    notes: list[str]


def extract_time(values: Array, line_numbers: Sequence[int] | Array, *, time_column: int, path: Path) -> TimedRows:
    """Rows (T, C) in which time advances, of one column. Raises InnerfaceError for missing times or no rows."""
    if not len(values):
        raise InnerfaceError(f"{path}: has a header but no rows; export the take again")
    time = values[:, time_column]
    missing = np.flatnonzero(np.isnan(time))
    if len(missing):
        raise InnerfaceError(
            f"{path}: line {line_numbers[missing[0]]}: the time is missing; correct or delete the line"
        )
    keep, repeats = check_increasing(time, line_numbers, path=path)
    return TimedRows(time[keep], values[keep], repeat_notes(repeats))


def repeat_notes(repeats: int, rows: str = "rows", time_name: str = "time") -> list[str]:
    """Notes on rows that repeat the time of the row before."""
    if not repeats:
        return []
    return [f"{repeats} {rows} repeat the {time_name} of the {rows[:-1]} before; the first of each is kept"]


def parse_first_line(line: str, *, signature: str, example: str, path: Path) -> dict[str, str]:
    """Settings of a first line `# innerface-<kind> 1 key=value ...`. Raises InnerfaceError for any other line."""
    words = line.split()
    if words[:3] != [*signature.split(), "1"]:
        raise InnerfaceError(
            f"{path}: line 1: '{line[:40]}' is not '{signature} 1 {example}'; correct it, or update Innerface"
        )
    return dict(word.split("=", 1) for word in words[3:] if "=" in word)

"""Tables in text: separators, decimal commas and cut ends are found here, numbers with errors that name the place."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from .text_file import TextFile

_BLOCK_LINES, _BLOCK_CELLS = 8192, 1 << 20  # converted at once: long files do not fit into memory as text
MAX_COLUMNS = 4096
_SEPARATORS = "\t;|,"  # in this order where several are possible: a comma may be a decimal one
_SEPARATOR_NAMES = {"\t": "tabs", ";": "semicolons", "|": "bars"}
_SAMPLE_LINES = 20  # that are looked at for the separator, and for what the last line is compared with
_SEPARATOR_LINE = re.compile(r'"?sep=([\t;|,])"?', re.IGNORECASE)  # the first line of spreadsheets
_TIMECODE_FRAMES = re.compile(r"(?<![\d:])(\d\d:\d\d:\d\d);(?=\d\d)")  # drop-frame timecode, which has a semicolon
_DECIMAL_COMMA = re.compile(r"(?<![0-9.,])[+-]?[0-9]+,[0-9]+(?![0-9,])")
_QUOTED_COMMA = re.compile(r'"[+-]?[0-9]+,[0-9]+"')
_TORN_NUMBER = re.compile(r"[+-]?[0-9]*[.,]?[0-9]*(e[+-]?)?|na?", re.IGNORECASE)
_DECIMALS = re.compile(r"[+-]?[0-9]+[.,]([0-9]+)")
_PERCENT = re.compile(r"(?<=[0-9.]) ?%")
_MISSING = frozenset(
    ("na", "n/a", "#n/a", "null", "none", "nil", "-nan", "-nan(ind)", "nan(ind)", "1.#qnan", "-1.#ind")
)
_SEPARATOR_MARK = "\x1f"  # in place of a separator within quotes


@dataclass(frozen=True)
class Rows:
    """Rows of some columns of a table.

    Attributes
    ----------
    values : (T, C) float64 of the columns of numbers, NaN where a cell is empty.
    texts : T texts for each column of texts.
    line_numbers : (T,) lines of the file, from 1.
    notes : for the user.
    """

    values: Array
    texts: list[list[str]]
    line_numbers: Array
    notes: list[str]


@dataclass(frozen=True)
class Table:
    """Lines under a header.

    Attributes
    ----------
    path : of the file.
    header : names of the columns as they stand in the file, perhaps empty or repeated.
    header_line : number of the header's line, from 1.
    lines : what follows, with blank lines.
    first_line_number : of the first of `lines`.
    separator : of the columns.
    ends_with_line : whether the last line has an end.
    """

    path: Path
    header: tuple[str, ...]
    header_line: int
    lines: list[str]
    first_line_number: int
    separator: str
    ends_with_line: bool

    @property
    def notes(self) -> list[str]:
        """Notes on what is unusual about the table's form."""
        pattern = _QUOTED_COMMA if self.separator == "," else _DECIMAL_COMMA
        commas = any(pattern.search(line) for line in self.lines[:_BLOCK_LINES])
        if self.separator not in _SEPARATOR_NAMES:
            return ["its numbers have decimal commas"] if commas else []
        return [f"its columns are separated by {_SEPARATOR_NAMES[self.separator]}" + ", with decimal commas" * commas]

    def index(self, name: str) -> int | None:
        """Index of the first column of this name in small letters, if there is one."""
        return next((k for k, cell in enumerate(self.header) if cell.lower() == name), None)

    def first_cells(self) -> list[str]:
        """Cells of the first row."""
        return split_line(next((line for line in self.lines if line.strip()), ""), self.separator)

    def text_columns(self) -> list[int]:
        """Columns whose first cells are all texts, not numbers: labels and the like."""
        sample = [split_line(line, self.separator) for line in self.lines[:_SAMPLE_LINES] if line.strip()]
        sample = [cells for cells in sample if len(cells) == len(self.header)]
        if len(sample) < 3:
            return []
        cells = [[cell.strip() for cell in column] for column in zip(*sample)]
        return [
            k
            for k, column in enumerate(cells)
            if all(cell and not is_number(cell) and cell.lower() not in _MISSING for cell in column)
        ]

    def check_names(self) -> None:
        """Raise InnerfaceError for columns without a name and repeated names."""
        seen: set[str] = set()
        for k, name in enumerate(self.header):
            if not name:
                self._refuse_header(f"column {k + 1} has no name; name or delete it")
            if name in seen:
                self._refuse_header(f"column {name[:32]} appears twice; delete one")
            seen.add(name)

    def _refuse_header(self, reason: str) -> None:
        raise InnerfaceError(f"{self.path}: line {self.header_line}: {reason}")

    def read(self, numbers: Sequence[int], texts: Sequence[int] = ()) -> Rows:
        """Rows with the columns of these indices as numbers and as texts; blank lines are skipped.

        A last line that is cut off is left out, with a note. Raises InnerfaceError with line and column.
        """
        width = len(self.header)
        notes, lines = self._without_cut_line()
        values, line_numbers = [np.zeros((0, len(numbers)))], [np.zeros(0, dtype=np.int64)]
        columns: list[list[str]] = [[] for _ in texts]
        percent = False
        for cells, block_line_numbers in self._blocks(lines):
            for column, k in zip(columns, texts):
                column += [cell.strip() for cell in cells[k::width]]
            block, had_percent = self._to_numbers(cells, numbers, block_line_numbers)
            percent |= had_percent
            names = [self.header[k] for k in numbers]
            _check_finite(block, line_numbers=block_line_numbers, names=names, path=self.path)
            values.append(block)
            line_numbers.append(block_line_numbers)
        if percent:
            notes.append("cells with a percent sign are hundredths")
        return Rows(np.concatenate(values), columns, np.concatenate(line_numbers), notes)

    def _blocks(self, lines: list[str]) -> Iterator[tuple[list[str], Array]]:
        """Cells of many lines one after the other, and the numbers of those lines."""
        separator, width = self.separator, len(self.header)
        step = max(min(_BLOCK_LINES, _BLOCK_CELLS // max(width, 1)), 1)
        blank = " \t" + separator
        for start in range(0, len(lines), step):
            block = lines[start : start + step]
            line_numbers = np.arange(self.first_line_number + start, self.first_line_number + start + len(block))
            quoted = any('"' in line for line in block)
            if quoted or any(line.count(separator) != width - 1 or not line.strip(blank) for line in block):
                block, line_numbers = self._whole_lines(block, self.first_line_number + start)
            if block:
                text = separator.join(block)
                if separator != "," and "," in text:
                    text = text.replace(",", ".")
                cells = text.split(separator)
                if _SEPARATOR_MARK in text:
                    cells = [cell.replace(_SEPARATOR_MARK, separator) for cell in cells]
                yield cells, line_numbers

    def _whole_lines(self, block: list[str], first: int) -> tuple[list[str], Array]:
        """Lines that are not blank, without quotes, and their numbers. Raises InnerfaceError for other widths."""
        separator, width, blank = self.separator, len(self.header), " \t" + self.separator
        kept = [(n, self._unquote(line)) for n, line in enumerate(block, start=first) if line.strip(blank)]
        for k, (n, line) in enumerate(kept):
            count = line.count(separator) + 1
            if count == width:
                continue
            cells = line.split(separator)
            if count < width or any(cell.strip() for cell in cells[width:]):
                self._refuse_width(n, count)
            kept[k] = n, separator.join(cells[:width])  # a spreadsheet has filled the line up
        return [line for _, line in kept], np.array([n for n, _ in kept], dtype=np.int64)

    def _unquote(self, line: str) -> str:
        """The line without quotes; separators within them are marked."""
        if '"' not in line:
            return line
        cells = split_line(line, self.separator)
        if self.separator == "," and any("," in cell for cell in cells):
            cells = [cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell.strip()) else cell for cell in cells]
        return self.separator.join(cell.replace(self.separator, _SEPARATOR_MARK) for cell in cells)

    def _refuse_width(self, line_number: int, count: int) -> None:
        width = len(self.header)
        remedy = "correct or delete the line"
        if self.separator == "," and count in (2 * width, 2 * width - 1):
            remedy = "do its numbers have decimal commas? export it with points, or separated by semicolons"
        raise InnerfaceError(
            f"{self.path}: line {line_number}: {count} columns where other lines have {width}; {remedy}"
        )

    def _to_numbers(self, cells: list[str], columns: Sequence[int], line_numbers: Array) -> tuple[Array, bool]:
        """Numbers (T, C), and whether some are in percent."""
        width, count = len(self.header), len(line_numbers)
        if list(columns) == list(range(width)):
            try:
                return np.fromiter(map(float, cells), np.float64, len(cells)).reshape(-1, width), False
            except ValueError:
                pass  # some are empty or no numbers
        out, percent = np.empty((count, len(columns))), False
        for c, k in enumerate(columns):
            column = cells[k::width]
            try:
                out[:, c] = np.fromiter(map(float, column), np.float64, count)
                continue
            except ValueError:
                pass
            if any("%" in cell for cell in column):
                column, percent = [_PERCENT.sub("e-2", cell) for cell in column], True
            for r, cell in enumerate(column):
                out[r, c] = self._to_number(cell, int(line_numbers[r]), k)
        return out, percent

    def _to_number(self, cell: str, line_number: int, column: int) -> float:
        try:
            return float(cell)
        except ValueError:
            cell = cell.strip()
            if not cell or cell.lower() in _MISSING:
                return math.nan
        name = self.header[column] or str(column + 1)
        raise InnerfaceError(
            f"{self.path}: line {line_number}, column {name}: '{cell[:24]}' is not a number; correct or empty the cell"
        )

    # A cut end

    def _without_cut_line(self) -> tuple[list[str], list[str]]:
        """Notes, and the lines without the last one if that is cut off."""
        last = next((k for k in range(len(self.lines) - 1, -1, -1) if self.lines[k].strip()), None)
        if last is None or not self._is_cut(last):
            return [], self.lines
        number = self.first_line_number + last
        note = f"the file is cut off within its last line ({number}); all lines before it were read"
        return [note], self.lines[:last]

    def _is_cut(self, last: int) -> bool:
        """Whether a line has too few columns, or ends in the middle of a number.

        A number that is cut off may be one still: it is recognised where all lines before have more decimals.
        """
        cells = split_line(self.lines[last], self.separator)
        if len(cells) < len(self.header):
            return True
        if self.ends_with_line or len(cells) > len(self.header):
            return False
        before = [line for line in self.lines[max(last - _SAMPLE_LINES, 0) : last] if line.strip()]
        last_cells = [split_line(line, self.separator)[-1].strip() for line in before]
        cell = cells[-1].strip()
        if not last_cells or not all(map(is_number, last_cells)):
            return False
        decimals = {len(m[1]) if (m := _DECIMALS.fullmatch(c)) else 0 for c in last_cells}
        own = len(m[1]) if (m := _DECIMALS.fullmatch(cell)) else 0
        if not is_number(cell):
            return _TORN_NUMBER.fullmatch(cell) is not None
        return len(decimals) == 1 and len(last_cells) > 2 and own < decimals.pop()


def open_table(source: TextFile, start: int | None = None) -> Table:
    """The table whose header is the first line from `start` on that is no comment.

    `start` is an index of `source.lines`, by default that of the first one that is not blank. Raises InnerfaceError.
    """
    start = source.start if start is None else start
    separator = ""
    if source.lines[start : start + 1] and (found := _SEPARATOR_LINE.fullmatch(source.lines[start].strip())):
        separator, start = found[1], start + 1
    lines = source.lines
    while start < len(lines) - 1 and (not lines[start].strip() or lines[start].lstrip(' "').startswith("#")):
        start += 1
    separator = separator or find_separator(lines[start:])
    names = [cell.strip() for cell in split_line(lines[start] if start < len(lines) else "", separator)]
    table = _make_table(source, names, header_at=start, first=start + 1, separator=separator)
    check_column_count(len(names), start + 1, source.path)
    return _without_empty_columns(table)


def open_headless(source: TextFile, start: int | None = None) -> Table:
    """The table of a file without a header, from the line of index `start` or the first that is not blank on.

    Columns are named by their numbers. Raises InnerfaceError.
    """
    start = source.start if start is None else start
    lines = source.lines[start:]
    separator = find_separator(lines)
    names = [f"{k + 1}" for k in range(len(split_line(lines[0].strip() if lines else "", separator)))]
    check_column_count(len(names), start + 1, source.path)
    return _make_table(source, names, header_at=start, first=start, separator=separator)


def _make_table(source: TextFile, names: list[str], *, header_at: int, first: int, separator: str) -> Table:
    lines = source.lines[first:]
    row = next((line for line in lines if line.strip()), "")
    if separator == ";" and len(split_line(row, separator)) > len(names) and _TIMECODE_FRAMES.search(row):
        lines = [_TIMECODE_FRAMES.sub(r"\1" + _SEPARATOR_MARK, line) for line in lines]
    return Table(source.path, tuple(names), header_at + 1, lines, first + 1, separator, source.ends_with_line)


def _without_empty_columns(table: Table) -> Table:
    """The table without columns at its end that have neither a name nor, in the first line, a value."""
    names = list(table.header)
    first = next((line for line in table.lines if line.strip(" \t" + table.separator)), "")
    cells = split_line(first, table.separator)
    while len(names) > 1 and not names[-1] and not "".join(cells[len(names) - 1 :]).strip():
        names.pop()
    return replace(table, header=tuple(names))


def find_separator(lines: list[str]) -> str:
    """What separates the columns of lines: the one that most lines have as often as the first one does."""
    sample: list[str] = []
    for line in lines:
        if line.strip():
            sample.append(line)
        if len(sample) > _SAMPLE_LINES:
            break
    if not sample:
        return ","
    best, best_count = ",", -1
    for separator in _SEPARATORS:
        width = len(split_line(sample[0], separator))
        same = sum(_has_width(line, separator, width) for line in sample[1:])
        if width > 1 and same > best_count:
            best, best_count = separator, same
    return best


def _has_width(line: str, separator: str, width: int) -> bool:
    """Whether a line has so many cells, with the semicolon of a drop-frame timecode or without."""
    if len(split_line(line, separator)) == width:
        return True
    return separator == ";" and len(split_line(_TIMECODE_FRAMES.sub(r"\1:", line), separator)) == width


def strip_cells(line: str) -> str:
    """A line of a single text without quotes, and without the separators with which a spreadsheet fills it up."""
    return line.strip().strip('"').rstrip(' \t;|,"').replace('""', '"')


def split_line(line: str, separator: str) -> list[str]:
    """Cells of a line, without quotes."""
    if '"' not in line:
        return line.split(separator)
    try:
        return next(csv.reader([line], delimiter=separator, skipinitialspace=True), list[str]())
    except csv.Error:
        return line.split(separator)


def is_number(cell: str) -> bool:
    """Whether a cell holds a number, with a point or a comma."""
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def check_column_count(count: int, line_number: int, path: Path) -> None:
    """Raise InnerfaceError for more columns than are read."""
    if count > MAX_COLUMNS:
        raise InnerfaceError(
            f"{path}: line {line_number}: {count} columns, and at most {MAX_COLUMNS} are read; export fewer channels"
        )


def _check_finite(values: Array, *, line_numbers: Array, names: list[str], path: Path) -> None:
    """Raise InnerfaceError for infinite values; NaN is a missing value."""
    infinite = np.argwhere(np.isinf(values))
    if len(infinite):
        r, c = infinite[0]
        raise InnerfaceError(
            f"{path}: line {line_numbers[r]}, column {names[c]}: the number is infinite; "
            "leave the cell empty if it is missing"
        )


def check_increasing(
    time: Array, line_numbers: Sequence[int] | Array, *, path: Path, time_name: str = "time", row_name: str = "line"
) -> tuple[Array, int]:
    """Rows to keep (T,) bool, and the number of repeated times. Raises InnerfaceError where time runs backwards."""
    step = np.diff(time)
    if (step < 0).any():
        r = int(np.flatnonzero(step < 0)[0])
        raise InnerfaceError(
            f"{path}: {row_name} {line_numbers[r + 1]}: {time_name} jumps back by {-step[r]:.3f} s; "
            "split the file there into two takes"
        )
    keep = np.concatenate([[True], step > 0]) if len(time) else np.zeros(0, bool)
    return keep, int((~keep).sum())


def repeat_notes(repeats: int, rows: str = "rows", time_name: str = "time") -> list[str]:
    """Notes on rows that repeat the time of the row before."""
    if not repeats:
        return []
    return [f"{repeats} {rows} repeat the {time_name} of the {rows[:-1]} before; the first of each is kept"]


def skipped_column_notes(names: Sequence[str], what: str) -> list[str]:
    """Notes on columns that were not read because they are not `what`."""
    names = [name[:32] for name in names if name]
    return [f"columns that are not {what} were skipped: {abbreviate(names)}"] if names else []


def abbreviate(names: Sequence[str], limit: int = 8) -> str:
    """The first names of a list for a message."""
    return ", ".join(names[:limit]) + (" ..." if len(names) > limit else "")


def parse_first_line(line: str, *, signature: str, example: str, path: Path) -> dict[str, str]:
    """Settings of a first line `# innerface-<kind> 1 key=value ...`. Raises InnerfaceError for any other line."""
    line = strip_cells(line)
    words = line.split()
    if words[:3] != [*signature.split(), "1"]:
        raise InnerfaceError(
            f"{path}: line 1: '{line[:40]}' is not '{signature} 1 {example}'; correct it, or update Innerface"
        )
    settings = dict(word.split("=", 1) for word in words[3:] if "=" in word)
    return {key: value.replace(",", ".") for key, value in settings.items()}

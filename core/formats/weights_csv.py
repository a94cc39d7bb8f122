"""Tables of weights: Live Link Face's, Unreal's, and any with a column of times and columns of channels.

Channels have Apple's names in any spelling, or those of another naming scheme. A row may say by a count of 0 that the
face was lost.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..files import atomic_write
from ..take import Take, Track, TrackKind, timecode
from . import time_column
from .table import Rows, Table, abbreviate, check_increasing, is_number, open_table, repeat_notes
from .text_file import TextFile
from .weights_columns import match_columns, missing_notes, skipped_notes, to_units

_TIMECODES = frozenset(("timecode", "smpte", "tc"))
_COUNTS = frozenset(("blendshapecount", "blendshapescount"))
_RATES = frozenset(("framerate", "fps", "rate"))
_MAX_HEADER = 120  # characters of a header that a message quotes
_READ = "tables of face channels, face IMUs, electrodes (also BrainFlow's and OpenBCI's), landmarks and trackers"


@dataclass(frozen=True)
class _Columns:
    """Indices of a table's columns by what they are for; the rest may be channels."""

    time: time_column.TimeColumn | None
    timecode: int | None
    rate: int | None
    count: int | None

    @property
    def taken(self) -> set[int]:
        """Columns that are no channels."""
        time = None if self.time is None else self.time.index
        return {k for k in (time, self.timecode, self.rate, self.count) if k is not None}


def _find_columns(table: Table) -> _Columns:
    header, cells = table.header, table.first_cells()
    plain = [re.sub(r"[\W_]", "", name).lower() for name in header]
    found = [
        next((k for k, name in enumerate(plain) if name in names), None) for names in (_TIMECODES, _RATES, _COUNTS)
    ]
    time = time_column.find(header)
    if time is not None and found[0] is not None and (not time.per_second or found[0] < time.index):
        time = None  # timecodes are there, which mean more than numbers of frames
    if time is not None and time.index < len(cells) and time_column.is_clock(cells[time.index]):
        return _Columns(None, time.index, found[1], found[2])
    if time is None and found[0] is not None and found[0] < len(cells) and is_number(cells[found[0]]):
        time = time_column.TimeColumn(found[0], header[found[0]], 1.0)
    return _Columns(time, None if time is not None else found[0], found[1], found[2])


def recognises(source: TextFile) -> bool:
    """Whether a file is a table with a column of a face."""
    return bool(match_columns(channel_labels(source)).used)


def channel_labels(source: TextFile) -> list[str]:
    """The columns of a table that may be channels: all but times, counts and empty names."""
    table = open_table(source)
    taken = _find_columns(table).taken
    return [name for k, name in enumerate(table.header) if k not in taken and name]


def parse(source: TextFile) -> Take:
    """Parse weights. Raises InnerfaceError with line and column."""
    path, table = source.path, open_table(source)
    header, columns = table.header, _find_columns(table)
    labels = ["" if k in columns.taken else name for k, name in enumerate(header)]
    channels = match_columns([label for label in labels if label])
    duplicate = next((n for n in channels.used if sum(n.lower() == label.lower() for label in labels) > 1), None)
    if duplicate:
        raise InnerfaceError(f"{path}: line {table.header_line}: column {duplicate} appears twice; delete one")
    if columns.time is None and columns.timecode is None:
        raise time_column.missing(table)
    if columns.count is not None:
        _fill_lost_rows(table, columns.count)
    times = [] if columns.time is None else [columns.time.index]
    texts = [k for k in (columns.timecode, columns.rate) if k is not None]
    rows = table.read([*times, *(labels.index(name) for name in channels.used)], texts)
    if not len(rows.line_numbers):
        raise InnerfaceError(f"{path}: has a header but no rows; record or export the take again")
    time, time_notes = _read_times(table, columns, rows)
    values = channels.to_channels(rows.values[:, len(times) :])
    values, unit_notes = to_units(values, channels.channels, line_numbers=rows.line_numbers, path=path)
    time_name = "time" if columns.timecode is None else "timecode"
    keep, repeats = check_increasing(time, rows.line_numbers, path=path, time_name=time_name)
    notes = [
        *_missing_value_notes(values),
        *repeat_notes(repeats, time_name=time_name),
        *rows.notes,
        *table.notes,
        *time_notes,
        *unit_notes,
        *skipped_notes([label for label in labels if label]),
        *missing_notes(channels.channels),
    ]
    meta = {} if columns.count is None else {"llf_header": ",".join(header), "newline": source.newline}
    track = Track(TrackKind.WEIGHTS, time[keep], channels.channels, values[keep], meta)
    return Take(path.stem, {TrackKind.WEIGHTS: track}, notes)


def _fill_lost_rows(table: Table, count_column: int) -> None:
    """Give rows that end at a count of 0, in which the face was lost, their empty cells."""
    separator, missing = table.separator, len(table.header) - count_column - 1
    for k, line in enumerate(table.lines):
        if line.count(separator) == count_column and line.rpartition(separator)[2].strip(' "') == "0":
            table.lines[k] = line + separator * missing


def _missing_value_notes(values: Array) -> list[str]:
    absent = np.isnan(values)
    lost, incomplete = int(absent.all(axis=1).sum()), int((absent.any(axis=1) & ~absent.all(axis=1)).sum())
    notes: list[str] = []
    if lost:
        notes.append(f"{lost} of {len(values)} rows have no face (tracking was lost); they are interpolated")
    if incomplete:
        notes.append(f"{incomplete} of {len(values)} rows have missing values; they are interpolated")
    return notes


def _read_times(table: Table, columns: _Columns, rows: Rows) -> tuple[Array, list[str]]:
    """Times (T,) in s, and notes."""
    path, line_numbers = table.path, rows.line_numbers
    rate, rate_notes = _read_rate(table, columns, rows)
    if columns.time is not None:
        frame_rate = 0.0 if rate is None else rate.count / (1.001 if rate.ntsc else 1.0)
        return time_column.to_seconds(
            rows.values[:, 0], columns.time, line_numbers=line_numbers, path=path, frame_rate=frame_rate
        )
    try:
        times = time_column.read_clock(rows.texts[0], rate)
    except timecode.TimecodeError as error:
        raise InnerfaceError(
            f"{path}: line {line_numbers[error.row]}, column {table.header[columns.timecode or 0]}: {error.reason}; "
            "correct or delete the line"
        ) from None
    return times.time, [*times.notes, *rate_notes]


def _read_rate(table: Table, columns: _Columns, rows: Rows) -> tuple[timecode.FrameRate | None, list[str]]:
    """The rate that a column says for the frames, and a note if it says several."""
    if columns.rate is None:
        return None, []
    texts = rows.texts[-1]
    usual, count = Counter(texts).most_common(1)[0]
    if not usual:
        return None, []
    try:
        rate = timecode.parse_rate(usual)
    except ValueError:
        raise InnerfaceError(
            f"{table.path}: line {rows.line_numbers[texts.index(usual)]}, column {table.header[columns.rate]}: "
            f"'{usual[:24]}' is not a frame rate such as 30, 29.97 or 30000/1001; correct or delete the column"
        ) from None
    others = len(texts) - count
    return rate, [f"{others} of {len(texts)} rows say another frame rate than {usual}, which was taken"] * (others > 0)


def describe_unknown(source: TextFile) -> str:
    """What a table looks like that is of no known kind, and how to proceed."""
    table = open_table(source)
    names = [name for name in table.header if name]
    if len(table.header) < 2:
        return f"line {table.header_line}: '{source.first_line[:40]}' is the header of no table; {_READ} are read"
    shown = abbreviate(names)[:_MAX_HEADER]
    return (
        f"line {table.header_line}: no column has a known name among its {len(table.header)} ({shown}); {_READ} are "
        "read: give one, or name the columns as docs/formats.md says (time, jawOpen, mouthSmileLeft, ...)"
    )


def write(take: Take, path: Path) -> None:
    """Write time and the take's channels losslessly; missing cells are empty."""
    track = take.weights()
    with atomic_write(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as out:
        out.write("time," + ",".join(track.columns) + "\n")
        for t, row in zip(track.time.tolist(), track.values.tolist()):
            out.write(f"{t!r}," + ",".join("" if v != v else repr(v) for v in row) + "\n")

"""Plain CSV: a time column and columns of channels, by Apple's names in any spelling or by another naming scheme's."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..files import atomic_write
from ..take import Take, Track, TrackKind, timecode
from .table import check_column_count, check_increasing, check_weights, parse_cells, repeat_notes
from .weights_columns import match_columns, skipped_notes

# Seconds per unit, by header in lower case.
TIME_COLUMNS = {
    "time": 1.0,
    "time_s": 1.0,
    "time(s)": 1.0,
    "timestamp": 1.0,
    "seconds": 1.0,
    "t": 1.0,
    "sec": 1.0,
    "time_ms": 1e-3,
    "time(ms)": 1e-3,
    "timestamp_ms": 1e-3,
    "milliseconds": 1e-3,
    "ms": 1e-3,
}


def parse(text: str, path: Path) -> Take:
    """Parse a plain CSV. Raises InnerfaceError."""
    try:
        lines = list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise InnerfaceError(f"{path}: is not a readable CSV ({error}); export it again") from None
    if not lines:
        raise InnerfaceError(f"{path}: has no lines; export the take again")
    header = [cell.strip() for cell in lines[0]]
    check_column_count(len(header), 1, path)
    lower_header = [cell.lower() for cell in header]
    time_column = next((i for i, cell in enumerate(lower_header) if cell in TIME_COLUMNS or cell == "timecode"), None)
    labels = [cell for i, cell in enumerate(header) if i != time_column]
    table = match_columns(labels)
    names = list(table.used)
    if not names:
        raise InnerfaceError(
            f"{path}: line 1: no column has one of Apple's 52 names (jawOpen, mouthSmileLeft, ...); give a face take"
        )
    duplicate = next((n for n in names if lower_header.count(n.lower()) > 1), None)
    if duplicate:
        raise InnerfaceError(f"{path}: line 1: column {duplicate} appears twice; delete one")
    if time_column is None:
        raise InnerfaceError(f"{path}: line 1: no time column; name one 'time' (seconds)")
    rows: list[list[str]] = []
    line_numbers: list[int] = []
    for n, row in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(header):
            hint = "the file is cut off: delete that line" if n == len(lines) else "correct or delete the line"
            raise InnerfaceError(f"{path}: line {n}: {len(row)} columns where the header has {len(header)}; {hint}")
        rows.append(row)
        line_numbers.append(n)
    if not rows:
        raise InnerfaceError(f"{path}: has a header but no rows; export the take again")
    time = _parse_times(rows, line_numbers=line_numbers, lower_header=lower_header, time_column=time_column, path=path)
    columns = [header.index(name) for name in names]
    cells = parse_cells(
        [[row[i].strip() or "nan" for i in columns] for row in rows], line_numbers=line_numbers, header=names, path=path
    )
    check_weights(cells, names, line_numbers=line_numbers, path=path)
    values = table.to_channels(cells)
    keep, repeats = check_increasing(time, line_numbers, path=path)
    notes = repeat_notes(repeats)
    missing = int(np.isnan(values).any(axis=1).sum())
    if missing:
        notes.append(f"{missing} of {len(rows)} rows have missing values; they are interpolated")
    notes += skipped_notes(labels)
    return Take(
        path.stem, {TrackKind.WEIGHTS: Track(TrackKind.WEIGHTS, time[keep], table.channels, values[keep])}, notes
    )


def _parse_times(
    rows: list[list[str]], *, line_numbers: list[int], lower_header: list[str], time_column: int, path: Path
) -> Array:
    if lower_header[time_column] != "timecode":
        time = (
            parse_cells(
                [[row[time_column].strip() or "nan"] for row in rows],
                line_numbers=line_numbers,
                header=[lower_header[time_column]],
                path=path,
            )[:, 0]
            * TIME_COLUMNS[lower_header[time_column]]
        )
        if np.isnan(time).any():
            raise InnerfaceError(
                f"{path}: line {line_numbers[int(np.isnan(time).argmax())]}: the time is missing; "
                "correct or delete the line"
            )
        return time
    rate = lower_header.index("framerate") if "framerate" in lower_header else None
    ticks: list[int] = []
    for n, row in zip(line_numbers, rows):
        try:  # Unreal counts frames at the rate beside, the app always at 60 Hz
            base = timecode.FRAMES_PER_SECOND if rate is None else round(float(row[rate]))
            ticks.append(timecode.parse(row[time_column], base))
        except (ValueError, ZeroDivisionError, OverflowError):
            raise InnerfaceError(
                f"{path}: line {n}: '{row[time_column][:24]}' is not a timecode HH:MM:SS:FF.mmm; "
                "correct or delete the line"
            ) from None
    return timecode.unwrap(np.array(ticks, dtype=np.int64)) / timecode.TICKS_PER_SECOND


def write(take: Take, path: Path) -> None:
    """Write time and the take's channels losslessly; missing cells are empty."""
    track = take.weights()
    with atomic_write(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as out:
        out.write("time," + ",".join(track.columns) + "\n")
        for t, row in zip(track.time.tolist(), track.values.tolist()):
            out.write(f"{t!r}," + ",".join("" if v != v else repr(v) for v in row) + "\n")

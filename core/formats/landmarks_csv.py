"""`*.landmarks.csv`: landmarks as text.

The first line is `# innerface-landmarks 1 [interocular_mm=63.9] [space=image]`; then follow a header
`time,x0,y0,...,x52,y52` in any order, and rows. Points are those of `landmarks.points`, in its face space, or with
`space=image` in a camera's image (`tracker_csv`). Empty and NaN cells are missing.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..files import atomic_write
from ..landmarks import points
from ..take import Take, Track, TrackKind
from . import time_column
from .table import open_table, parse_first_line, skipped_column_notes
from .text_file import TextFile
from .time_column import extract_time

SIGNATURE = "# innerface-landmarks"
_PUPIL_COLUMNS = points.COLUMNS[2 * points.IBUG_COUNT :]


def parse(source: TextFile) -> Take:
    """Parse a landmark take. Raises InnerfaceError with line and column."""
    path = source.path
    meta = _parse_first_line(source.first_line, path)
    table = open_table(source, source.start + 1)
    if not any(table.header):
        raise InnerfaceError(f"{path}: line 2: the header is missing; it is time,x0,y0,...,x52,y52")
    table.check_names()
    header, time = table.header, time_column.find(table.header)
    without_pupils = not any(c in header for c in _PUPIL_COLUMNS)
    present = tuple(c for c in points.COLUMNS if not (without_pupils and c in _PUPIL_COLUMNS))
    missing = (["time"] if time is None else []) + [c for c in present if c not in header]
    if time is None or missing:
        raise InnerfaceError(f"{path}: line 2: column {missing[0]} is missing; the header is time,x0,y0,...,x52,y52")
    rows = table.read([time.index, *(header.index(c) for c in present)])
    timed = extract_time(rows.values, rows.line_numbers, column=time, path=path)
    notes = rows.notes + table.notes + timed.notes
    if without_pupils:
        notes.append("the pupils (x51, y51, x52, y52) are not in the file; they count as missing")
    notes += skipped_column_notes([c for c in header if c != time.name and c not in points.COLUMNS], "landmarks")
    values = np.full((len(timed.values), len(points.COLUMNS)), np.nan)
    values[:, : len(present)] = timed.values  # the pupils are the last
    return Take(
        path.name.removesuffix(".csv").removesuffix(".landmarks"),
        {TrackKind.LANDMARKS: Track(TrackKind.LANDMARKS, timed.time, points.COLUMNS, values, meta)},
        notes + missing_face_notes(values),
    )


def missing_face_notes(values: Array) -> list[str]:
    """Notes on rows (T, C) without a face."""
    lost = int(np.isnan(values).all(axis=1).sum())
    return [f"{lost} of {len(values)} rows have no face"] if lost else []


def _parse_first_line(line: str, path: Path) -> dict[str, str]:
    settings = parse_first_line(line, signature=SIGNATURE, example="interocular_mm=...", path=path)
    distance = settings.get("interocular_mm", f"{points.INTEROCULAR_MM}")
    try:
        if not 0 < float(distance) < math.inf:
            raise ValueError
    except ValueError:
        raise InnerfaceError(
            f"{path}: line 1: interocular_mm={distance[:16]} is not a distance; "
            "give the distance between the pupils in mm, or omit it"
        ) from None
    if settings.get("space", "image") != "image":
        raise InnerfaceError(
            f"{path}: line 1: space={settings['space'][:16]} is unknown; omit it for the common face space"
        )
    return {"interocular_mm": distance} | ({"space": "image"} if "space" in settings else {})


def write(take: Take, path: Path) -> None:
    """Write the take's landmarks losslessly; missing cells are empty. Raises InnerfaceError."""
    track = points.require_landmarks(take)
    values = track.select(points.COLUMNS)
    space = f" space={track.meta['space']}" if track.meta.get("space") else ""
    with atomic_write(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as out:
        out.write(f"{SIGNATURE} 1 interocular_mm={track.meta.get('interocular_mm', points.INTEROCULAR_MM)}{space}\n")
        out.write("time," + ",".join(points.COLUMNS) + "\n")
        for t, row in zip(track.time.tolist(), values.tolist()):
            out.write(f"{t!r}," + ",".join("" if v != v else repr(v) for v in row) + "\n")

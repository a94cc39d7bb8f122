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
from .table import extract_time, parse_first_line, parse_header, parse_lines

SIGNATURE = "# innerface-landmarks"
_PUPIL_COLUMNS = points.COLUMNS[2 * points.IBUG_COUNT :]


def parse(text: str, path: Path) -> Take:
    """Parse a landmark take. Raises InnerfaceError with line and column."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    meta = _parse_first_line(lines[0].strip(), path)
    if len(lines) < 2 or not lines[1].strip():
        raise InnerfaceError(f"{path}: line 2: the header is missing; it is time,x0,y0,...,x52,y52")
    header = parse_header(lines[1], line_number=2, path=path)
    without_pupils = not any(c in header for c in _PUPIL_COLUMNS)
    missing_column = next(
        (c for c in ("time", *points.COLUMNS) if c not in header and not (without_pupils and c in _PUPIL_COLUMNS)), None
    )
    if missing_column is not None:
        raise InnerfaceError(
            f"{path}: line 2: column {missing_column} is missing; the header is time,x0,y0,...,x52,y52"
        )
    values, line_numbers = parse_lines(lines[2:], first_line_number=3, header=header, path=path)
    rows = extract_time(values, line_numbers, time_column=header.index("time"), path=path)
    values, notes = rows.values, rows.notes
    if without_pupils:
        notes.append("the pupils (x51, y51, x52, y52) are not in the file; they count as missing")
    extra = [c for c in header if c != "time" and c not in points.COLUMNS]
    if extra:
        notes.append(
            f"columns that are not landmarks were skipped: {', '.join(extra[:8])}{' ...' if len(extra) > 8 else ''}"
        )
    column_indices = [header.index(c) if c in header else -1 for c in points.COLUMNS]
    ordered = np.column_stack([values, np.full(len(values), np.nan)])[:, column_indices]
    notes += missing_face_notes(ordered)
    return Take(
        path.name.removesuffix(".csv").removesuffix(".landmarks"),
        {TrackKind.LANDMARKS: Track(TrackKind.LANDMARKS, rows.time, points.COLUMNS, ordered, meta)},
        notes,
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

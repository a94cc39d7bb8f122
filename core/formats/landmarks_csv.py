"""`*.landmarks.csv`: a first line `# innerface-landmarks 1 [interocular_mm=63.9] [space=image]`, then a header `time,x0,y0,...,x52,y52` in any order, and rows.

Points are those of `landmarks.points`, in its face space; with `space=image` they are still a camera's (`tracker_csv`). Empty or NaN cells are missing.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from ..errors import InnerfaceError
from ..files import replacing
from ..landmarks import points
from ..take import Take, Track
from .table import check_advances, grid, header_of

MARK = "# innerface-landmarks"
_PUPILS = points.COLUMNS[2 * points.INNER :]


def parse(text: str, path: Path) -> Take:
    """Parse a landmark take. Raises InnerfaceError with line and column."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    meta = _first_line(lines[0].strip(), path)
    if len(lines) < 2 or not lines[1].strip():
        raise InnerfaceError(f"{path}: line 2: the header is missing; it is time,x0,y0,...,x52,y52")
    header = header_of(lines[1], 2, path)
    bare = not any(c in header for c in _PUPILS)
    lacking = next((c for c in ("time", *points.COLUMNS) if c not in header and not (bare and c in _PUPILS)), None)
    if lacking is not None:
        raise InnerfaceError(f"{path}: line 2: column {lacking} is missing; the header is time,x0,y0,...,x52,y52")
    values, places = grid(lines[2:], 3, header, path)
    time, values, notes = clocked(values, places, header.index("time"), path)
    if bare:
        notes.append("the pupils (x51, y51, x52, y52) are not in the file; they count as missing")
    extra = [c for c in header if c != "time" and c not in points.COLUMNS]
    if extra:
        notes.append(f"columns that are no landmarks were left out: {', '.join(extra[:8])}{' ...' if len(extra) > 8 else ''}")
    places_in = [header.index(c) if c in header else -1 for c in points.COLUMNS]
    picked = np.column_stack([values, np.full(len(values), np.nan)])[:, places_in]
    notes += missing(picked)
    return Take(path.name.removesuffix(".csv").removesuffix(".landmarks"), {points.KIND: Track(points.KIND, time, points.COLUMNS, picked, meta)}, notes)


def clocked(values: np.ndarray, places: np.ndarray, clock: int, path: Path) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Time (T,) and rows (T, C) that advance, and what to say of those that do not. `places`: the rows' lines. Raises InnerfaceError."""
    if not len(values):
        raise InnerfaceError(f"{path}: has a header but no rows; export the take again")
    time = values[:, clock]
    if np.isnan(time).any():
        raise InnerfaceError(f"{path}: line {places[int(np.isnan(time).argmax())]}: the time is missing; mend or delete the line")
    keep, repeats = check_advances(time, places, path)
    notes = [f"{repeats} rows repeat the time of the row before; the first of each is kept"] if repeats else []
    return time[keep], values[keep], notes


def missing(values: np.ndarray) -> list[str]:
    """What to say of rows (T, C) without a face."""
    lost = int(np.isnan(values).all(axis=1).sum())
    return [f"{lost} of {len(values)} rows have no face in them"] if lost else []


def _first_line(line: str, path: Path) -> dict[str, str]:
    words = line.split()
    if words[:3] != ["#", "innerface-landmarks", "1"]:
        raise InnerfaceError(f"{path}: line 1: '{line[:40]}' is not '# innerface-landmarks 1 interocular_mm=...'; mend it, or use a newer Innerface")
    said = dict(word.split("=", 1) for word in words[3:] if "=" in word)
    distance = said.get("interocular_mm", f"{points.INTEROCULAR_MM}")
    try:
        if not 0 < float(distance) < math.inf:
            raise ValueError
    except ValueError:
        raise InnerfaceError(f"{path}: line 1: interocular_mm={distance[:16]} is no distance; give the mm between the pupils, or leave it away") from None
    if said.get("space", "image") != "image":
        raise InnerfaceError(f"{path}: line 1: space={said['space'][:16]} is unknown; leave it away for the common face space")
    return {"interocular_mm": distance} | ({"space": "image"} if "space" in said else {})


def write(take: Take, path: Path) -> None:
    """Write the take's landmarks, exactly (shortest text that reads back the same); missing cells are empty. Raises InnerfaceError."""
    track = points.require(take)
    values = track.select(points.COLUMNS)
    space = f" space={track.meta['space']}" if track.meta.get("space") else ""
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as out:
        out.write(f"{MARK} 1 interocular_mm={track.meta.get('interocular_mm', points.INTEROCULAR_MM)}{space}\n")
        out.write("time," + ",".join(points.COLUMNS) + "\n")
        for t, row in zip(track.time.tolist(), values.tolist()):
            out.write(f"{t!r}," + ",".join("" if v != v else repr(v) for v in row) + "\n")

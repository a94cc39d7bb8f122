"""Landmarks as camera trackers write them, in pixels: OpenFace's CSV (x_0..x_67, y_0..y_67), or x0,y0..x67,y67.

Points 0 to 16 are optional. The track has meta `space=image`: x to the right of an unmirrored image (the performer's
left), y up. `landmarks.procrustes` aligns it to the common face space.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..landmarks import points
from ..take import Take, Track, TrackKind
from .landmarks_csv import missing_face_notes
from .table import extract_time, parse_header, parse_lines
from .weights_csv import TIME_COLUMNS

_FIRST_POINT, _LAST_POINT = 17, 67  # of the 68 iBUG points, those within the face
# OpenFace's eye 0 is the one on the left of the image, around iBUG 36 to 41.
_IRIS_POINTS = {points.RIGHT_PUPIL: range(0, 8), points.LEFT_PUPIL: range(28, 36)}
_POINT = re.compile(r"\s*\"?([xy])_?(\d{1,2})\"?\s*")


def sniff(line: str) -> bool:
    """Whether a file's first line is the header of this format."""
    labels = {(m[1], int(m[2])) for m in map(_POINT.fullmatch, line.split(",")) if m}
    return {("x", _LAST_POINT), ("y", _LAST_POINT)} <= labels or {("x", points.POINT_COUNT - 1), ("y", 0)} <= labels


def parse(text: str, path: Path) -> Take:
    """Parse a tracker's CSV. Raises InnerfaceError with line and column."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    header = parse_header(lines[0], line_number=1, path=path)
    # X_0, in capitals, is OpenFace's point in space
    columns = {(m[1], int(m[2])): k for k, m in enumerate(map(_POINT.fullmatch, header)) if m}
    if ("x", _LAST_POINT) not in columns:
        raise InnerfaceError(
            f"{path}: line 1: is the header of a .landmarks.csv; put '# innerface-landmarks 1' on a line before it"
        )
    required = [(axis, k) for k in range(_FIRST_POINT, _LAST_POINT + 1) for axis in "xy"]
    missing_column = next((f"{axis}_{k}" for axis, k in required if (axis, k) not in columns), None)
    if missing_column is not None:
        raise InnerfaceError(
            f"{path}: line 1: column {missing_column} is missing; export all 68 points, or those from 17 on"
        )
    time_column = next((i for i, cell in enumerate(header) if cell.lower() in TIME_COLUMNS), None)
    if time_column is None:
        raise InnerfaceError(f"{path}: line 1: no time column; name one 'time' (seconds)")
    values, line_numbers = parse_lines(lines[1:], first_line_number=2, header=header, path=path)
    mask, notes = _most_seen_face(values, header)
    rows = extract_time(values[mask], line_numbers[mask], time_column=time_column, path=path)
    values = rows.values
    out = np.full((len(values), points.POINT_COUNT, 2), np.nan)
    out[:, : points.IBUG_COUNT] = values[:, [columns[c] for c in required]].reshape(-1, points.IBUG_COUNT, 2)
    for pupil, ring in _IRIS_POINTS.items():
        names = [f"eye_lmk_{axis}_{k}" for axis in "xy" for k in ring]
        if all(n in header for n in names):
            out[:, pupil] = values[:, [header.index(n) for n in names]].reshape(len(values), 2, -1).mean(axis=2)
    if np.isnan(out[:, points.IBUG_COUNT :]).all():
        notes.append("the pupils are not in the file; they count as missing")
    if "success" in header:
        out[values[:, header.index("success")] == 0] = np.nan
    out[..., 1] *= -1
    track = Track(
        TrackKind.LANDMARKS,
        rows.time * TIME_COLUMNS[header[time_column].lower()],
        points.COLUMNS,
        out.reshape(len(out), -1),
        {"space": "image"},
    )
    return Take(path.stem, {TrackKind.LANDMARKS: track}, notes + rows.notes + missing_face_notes(track.values))


def _most_seen_face(values: Array, header: list[str]) -> tuple[Array, list[str]]:
    """Rows (T,) bool of the face that is in most of them, and notes."""
    mask = np.ones(len(values), dtype=bool)
    if "face_id" not in header or not len(values):
        return mask, []
    row_face_ids = values[:, header.index("face_id")]
    face_ids, counts = np.unique(row_face_ids, return_counts=True)
    if len(face_ids) == 1:
        return mask, []
    chosen = face_ids[counts.argmax()]
    note = (
        f"{len(face_ids)} faces are in the file; the one seen longest was taken "
        f"(face_id {chosen:g}, {counts.max()} of {len(values)} rows)"
    )
    return row_face_ids == chosen, [note]

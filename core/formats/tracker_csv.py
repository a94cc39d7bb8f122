"""Landmarks as camera trackers write them, in pixels: OpenFace's CSV (x_0..x_67, y_0..y_67), or x0,y0..x67,y67.

Points 0 to 16 are optional. The track has meta `space=image`: x to the right of an unmirrored image (the performer's
left), y up. `landmarks.procrustes` aligns it to the common face space.
"""

from __future__ import annotations

import re

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..landmarks import points
from ..take import Take, Track, TrackKind
from . import time_column
from .landmarks_csv import missing_face_notes
from .table import open_table
from .text_file import TextFile
from .time_column import extract_time

_FIRST_POINT, _LAST_POINT = 17, 67  # of the 68 iBUG points, those within the face
# OpenFace's eye 0 is the one on the left of the image, around iBUG 36 to 41.
_IRIS_POINTS = {points.RIGHT_PUPIL: range(0, 8), points.LEFT_PUPIL: range(28, 36)}
_POINT = re.compile(r"\s*\"?([xy])_?(\d{1,2})\"?\s*")


def recognises(source: TextFile) -> bool:
    """Whether a file's first line is the header of this format."""
    labels = {(m[1], int(m[2])) for m in map(_POINT.fullmatch, open_table(source).header) if m}
    return {("x", _LAST_POINT), ("y", _LAST_POINT)} <= labels or {("x", points.POINT_COUNT - 1), ("y", 0)} <= labels


def parse(source: TextFile) -> Take:
    """Parse a tracker's CSV. Raises InnerfaceError with line and column."""
    path, table = source.path, open_table(source)
    table.check_names()
    header = table.header
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
    time = time_column.find(header)
    if time is None:
        raise time_column.missing(table)
    rings = {
        pupil: [header.index(name) for axis in "xy" for k in ring if (name := f"eye_lmk_{axis}_{k}") in header]
        for pupil, ring in _IRIS_POINTS.items()
    }
    wanted = [columns[c] for c in required]
    wanted += [k for pupil, ring in rings.items() if len(ring) == 2 * len(_IRIS_POINTS[pupil]) for k in ring]
    face, success = table.index("face_id"), table.index("success")
    read = [time.index, *wanted, *(k for k in (face, success) if k is not None)]
    rows = table.read(read)
    values, line_numbers = rows.values, rows.line_numbers
    mask, notes = _most_seen_face(values[:, read.index(face)] if face is not None else np.zeros(len(values)))
    timed = extract_time(values[mask], line_numbers[mask], column=time, path=path)
    values = timed.values
    out = np.full((len(values), points.POINT_COUNT, 2), np.nan)
    out[:, : points.IBUG_COUNT] = values[:, : len(required)].reshape(-1, points.IBUG_COUNT, 2)
    place = len(required)
    for pupil, ring in rings.items():
        if len(ring) == 2 * len(_IRIS_POINTS[pupil]):
            out[:, pupil] = values[:, place : place + len(ring)].reshape(len(values), 2, -1).mean(axis=2)
            place += len(ring)
    if np.isnan(out[:, points.IBUG_COUNT :]).all():
        notes.append("the pupils are not in the file; they count as missing")
    if success is not None:
        out[values[:, read.index(success) - 1] == 0] = np.nan
    out[..., 1] *= -1
    track = Track(TrackKind.LANDMARKS, timed.time, points.COLUMNS, out.reshape(len(out), -1), {"space": "image"})
    notes += [*rows.notes, *table.notes, *timed.notes, *missing_face_notes(track.values)]
    return Take(path.stem, {TrackKind.LANDMARKS: track}, notes)


def _most_seen_face(row_face_ids: Array) -> tuple[Array, list[str]]:
    """Rows (T,) bool of the face that is in most of them, by the faces' numbers (T,), and notes."""
    mask = np.ones(len(row_face_ids), dtype=bool)
    face_ids, counts = np.unique(row_face_ids, return_counts=True)
    if len(face_ids) < 2:
        return mask, []
    chosen = face_ids[counts.argmax()]
    note = (
        f"{len(face_ids)} faces are in the file; the one seen longest was taken "
        f"(face_id {chosen:g}, {counts.max()} of {len(mask)} rows)"
    )
    return row_face_ids == chosen, [note]

"""Landmarks of a camera, as trackers write them: OpenFace's CSV (x_0..x_67, y_0..y_67), or a time column and x0,y0..x67,y67 (or from 17 on), in pixels.

They are kept as a track of landmarks with meta `space=image`: x as it is (to the right of an unmirrored picture, which is the performer's left), y up.
Aligning them to the common face space is the next one's work.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ..errors import InnerfaceError
from ..landmarks import points
from ..take import Take, Track
from .landmarks_csv import clocked, missing
from .table import grid, header_of
from .weights_csv import TIME_COLUMNS

_FIRST, _LAST = 17, 67  # of the 68 iBUG points, those inside the face
_IRIS = {points.RIGHT_PUPIL: range(0, 8), points.LEFT_PUPIL: range(28, 36)}  # OpenFace's eye 0 lies left in the picture, around iBUG 36 to 41
_POINT = re.compile(r"\s*\"?([xy])_?(\d{1,2})\"?\s*")


def is_one(line: str) -> bool:
    """Whether a first line is the header of such a file."""
    found = {(m[1], int(m[2])) for m in map(_POINT.fullmatch, line.split(",")) if m}
    return {("x", _LAST), ("y", _LAST)} <= found or {("x", points.COUNT - 1), ("y", 0)} <= found


def parse(text: str, path: Path) -> Take:
    """Parse a tracker's CSV. Raises InnerfaceError with line and column."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    header = header_of(lines[0], 1, path)
    columns = {(m[1], int(m[2])): k for k, m in enumerate(map(_POINT.fullmatch, header)) if m}  # X_0, in capitals, is OpenFace's point in space
    if ("x", _LAST) not in columns:
        raise InnerfaceError(f"{path}: line 1: is the header of a .landmarks.csv; put '# innerface-landmarks 1' on a line before it")
    wanted = [(axis, k) for k in range(_FIRST, _LAST + 1) for axis in "xy"]
    lacking = next((f"{axis}_{k}" for axis, k in wanted if (axis, k) not in columns), None)
    if lacking is not None:
        raise InnerfaceError(f"{path}: line 1: column {lacking} is missing; export all 68 points, or those from 17 on")
    clock = next((i for i, cell in enumerate(header) if cell.lower() in TIME_COLUMNS), None)
    if clock is None:
        raise InnerfaceError(f"{path}: line 1: no time column; name one 'time' (seconds)")
    values, places = grid(lines[1:], 2, header, path)
    values, places, notes = _one_face(values, places, header)
    time, values, more = clocked(values, places, clock, path)
    out = np.full((len(values), points.COUNT, 2), np.nan)
    out[:, : points.INNER] = values[:, [columns[c] for c in wanted]].reshape(-1, points.INNER, 2)
    for pupil, ring in _IRIS.items():
        names = [f"eye_lmk_{axis}_{k}" for axis in "xy" for k in ring]
        if all(n in header for n in names):
            out[:, pupil] = values[:, [header.index(n) for n in names]].reshape(len(values), 2, -1).mean(axis=2)
    if np.isnan(out[:, points.INNER :]).all():
        notes.append("the pupils are not in the file; they count as missing")
    if "success" in header:
        out[values[:, header.index("success")] == 0] = np.nan
    out[..., 1] *= -1
    track = Track(points.KIND, time * TIME_COLUMNS[header[clock].lower()], points.COLUMNS, out.reshape(len(out), -1), {"space": "image"})
    return Take(path.stem, {points.KIND: track}, notes + more + missing(track.values))


def _one_face(values: np.ndarray, places: np.ndarray, header: list[str]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The rows of the face that is seen longest."""
    if "face_id" not in header or not len(values):
        return values, places, []
    faces = values[:, header.index("face_id")]
    found, counts = np.unique(faces, return_counts=True)
    if len(found) == 1:
        return values, places, []
    chosen = found[counts.argmax()]
    note = f"{len(found)} faces are in the file; the one seen longest was taken (face_id {chosen:g}, {counts.max()} of {len(values)} rows)"
    return values[faces == chosen], places[faces == chosen], [note]

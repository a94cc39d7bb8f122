"""Live Link Face CSV, byte for byte as the app writes it (layout measured on real files, see docs/formats.md).

63 columns: Timecode, count, 61 values of ten decimals. The count is 61, or 0 with no values where the face was lost.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..face.channels import ARKIT, LIVE_LINK_FACE, pascal_case
from ..face.gaze import DOWN_RAD, UP_RAD, YAW_RAD
from ..files import atomic_write
from ..take import Take, Track, TrackKind, timecode
from ..take.resample import fill_gaps
from .table import check_increasing, check_weights, parse_cells, repeat_notes

HEADER = "Timecode,BlendshapeCount," + ",".join(pascal_case(c) for c in LIVE_LINK_FACE)
_BY_LOWER = {c.lower(): c for c in LIVE_LINK_FACE}

_YAW_AT_REST_RAD = 0.066  # of each eye


def parse(text: str, path: Path) -> Take:
    """Parse the app's CSV. Raises InnerfaceError with line and column."""
    newline = "\r\n" if "\r\n" in text[:4000] else "\n"
    lines = text.split("\n")
    header = [cell.strip() for cell in lines[0].rstrip("\r").split(",")]
    names: list[str] = []
    for cell in header[2:]:
        name = _BY_LOWER.get(cell.lower())
        if name is None:
            raise InnerfaceError(f"{path}: line 1: '{cell[:32]}' is not a Live Link Face column; export the take again")
        if name in names:
            raise InnerfaceError(f"{path}: line 1: column '{cell[:32]}' appears twice; export the take again")
        names.append(name)
    ticks: list[int] = []
    rows: list[list[str]] = []
    line_numbers: list[int] = []
    lost: list[bool] = []  # rows without a face
    for n, line in enumerate(lines[1:], start=2):
        line = line.rstrip("\r")
        if not line.strip():
            continue
        cells = line.split(",")
        try:
            ticks.append(timecode.parse(cells[0]))
        except ValueError:
            raise InnerfaceError(
                f"{path}: line {n}: '{cells[0][:24]}' is not a timecode HH:MM:SS:FF.mmm; correct or delete the line"
            ) from None
        empty = len(cells) == 2 and cells[1].strip() == "0"
        if not empty and len(cells) != len(header):
            hint = "the file is cut off: delete that line" if n >= len(lines) - 1 else "correct or delete the line"
            raise InnerfaceError(f"{path}: line {n}: {len(cells)} columns where the header has {len(header)}; {hint}")
        lost.append(empty)
        rows.append([""] * len(names) if empty else cells[2:])
        line_numbers.append(n)
    if not rows:
        raise InnerfaceError(f"{path}: has a header but no rows; record or export the take again")
    if any(lost):
        face_rows = [row for row, is_lost in zip(rows, lost) if not is_lost]
        face_line_numbers = [n for n, is_lost in zip(line_numbers, lost) if not is_lost]
        values = np.full((len(rows), len(names)), np.nan)
        if face_rows:
            values[~np.array(lost)] = parse_cells(face_rows, line_numbers=face_line_numbers, header=names, path=path)
    else:
        values = parse_cells(rows, line_numbers=line_numbers, header=names, path=path)
    check_weights(values, names, line_numbers=line_numbers, path=path)
    time = timecode.unwrap(np.array(ticks, dtype=np.int64)) / timecode.TICKS_PER_SECOND
    keep, repeats = check_increasing(time, line_numbers, path=path, time_name="timecode")
    notes: list[str] = []
    if any(lost):
        notes.append(f"{sum(lost)} of {len(rows)} rows have no face (tracking was lost); they are interpolated")
    incomplete = int((np.isnan(values).any(axis=1) & ~np.array(lost)).sum())
    if incomplete:
        notes.append(f"{incomplete} of {len(rows)} rows have missing values; they are interpolated")
    notes += repeat_notes(repeats, time_name="timecode")
    track = Track(
        TrackKind.WEIGHTS,
        time[keep],
        tuple(names),
        values[keep],
        {"llf_header": lines[0].rstrip("\r"), "newline": newline},
    )
    return Take(path.stem, {TrackKind.WEIGHTS: track}, notes)


def eye_angles(track: Track) -> dict[str, Array]:
    """Six eye angles (rad) as the app derives them: yaw > 0 to the performer's right, pitch > 0 down."""
    weights = {c: np.nan_to_num(v) for c, v in zip(ARKIT, track.select(ARKIT).T)}
    out: dict[str, Array] = {}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        gaze = {
            direction: weights[f"eyeLook{direction}{side.capitalize()}"] for direction in ("In", "Out", "Up", "Down")
        }
        out[f"{side}EyeYaw"] = sign * (YAW_RAD * (gaze["In"] - gaze["Out"]) - _YAW_AT_REST_RAD)
        out[f"{side}EyePitch"] = DOWN_RAD * gaze["Down"] - UP_RAD * gaze["Up"]
        out[f"{side}EyeRoll"] = np.zeros(len(track.time))
    return out


def complete_values(track: Track) -> Array:
    """Values (T, 61) in LIVE_LINK_FACE's order: absent channels 0, absent eye angles derived; NaN where missing."""
    values = track.select(LIVE_LINK_FACE)
    derived = eye_angles(track)
    for i, name in enumerate(LIVE_LINK_FACE):
        if name not in track.columns:
            values[:, i] = derived.get(name, 0.0)
    return values


def format_row(seconds: float, values: list[float]) -> str:
    """A row of the file without its line end; give no values where tracking was lost."""
    start = f"{timecode.to_text(seconds)},{len(values)}"
    return f"{start},{_row_format(len(values)) % tuple(values)}" if values else start


@lru_cache
def _row_format(count: int) -> str:
    return ",".join(["%.10f"] * count)


def write(take: Take, path: Path) -> None:
    """Write the weights as the app would: absent channels are 0, absent eye angles follow the gaze channels."""
    track = take.weights()
    lost = track.lost_rows()
    values = np.nan_to_num(fill_gaps(track.time, complete_values(track)))
    header = track.meta.get("llf_header", HEADER)
    order = [_BY_LOWER.get(cell.strip().lower(), "") for cell in header.split(",")[2:]]
    if sorted(order) != sorted(LIVE_LINK_FACE):
        header, order = HEADER, list(LIVE_LINK_FACE)
    values = values[:, [LIVE_LINK_FACE.index(c) for c in order]]
    newline = track.meta.get("newline", "\n")
    with atomic_write(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as out:
        out.write(header + newline)
        for t, row, is_lost in zip(track.time, values.tolist(), lost):
            out.write(format_row(t, [] if is_lost else row) + newline)

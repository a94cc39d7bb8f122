"""Live Link Face CSV, byte for byte as the app writes it (layout measured on real files, see docs/formats.md).

63 columns: Timecode, count, 61 values of ten decimals. The count is 61, or 0 with no values where the face was lost.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..arrays import Array
from ..face.channels import ARKIT, LIVE_LINK_FACE, pascal_case
from ..face.gaze import DOWN_RAD, UP_RAD, YAW_RAD
from ..files import atomic_write
from ..take import Take, Track, timecode
from ..take.resample import fill_gaps
from .text_file import TextFile

HEADER = "Timecode,BlendshapeCount," + ",".join(pascal_case(c) for c in LIVE_LINK_FACE)
_HEADER_START = re.compile(r'"?timecode"?\s*[,;\t|]\s*"?blendshapecount', re.IGNORECASE)
_BY_LOWER = {c.lower(): c for c in LIVE_LINK_FACE}

_YAW_AT_REST_RAD = 0.066  # of each eye


def recognises(source: TextFile) -> bool:
    """Whether a file's header is the app's; `weights_csv` reads it."""
    return _HEADER_START.match(source.first_line) is not None


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
    """Write the weights as the app would: absent channels are 0, absent eye angles follow the gaze channels.

    Rows before time 0, such as those of a calibration, have time codes with a minus sign.
    """
    track = take.weights()
    if before_zero := int((track.time < 0).sum()):
        take.notes.append(
            f"{before_zero} rows before time 0 have time codes with a minus sign, which other programs may not read"
        )
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

"""Plain CSV: a time column and columns with Apple's names (camelCase, PascalCase or with _L/_R)."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from .. import timecode
from ..channels import LIVE_LINK_FACE
from ..errors import InnerfaceError
from ..files import replacing
from ..take import Take, Track
from .table import check_advances, check_weights, numbers

# header (lower case) -> seconds per unit
TIME_COLUMNS = {
    "time": 1.0, "time_s": 1.0, "time(s)": 1.0, "timestamp": 1.0, "seconds": 1.0, "t": 1.0, "sec": 1.0,
    "time_ms": 1e-3, "time(ms)": 1e-3, "timestamp_ms": 1e-3, "milliseconds": 1e-3, "ms": 1e-3,
}  # fmt: skip


def channel_names() -> dict[str, str]:
    """Accepted spellings (lower case) of the channels."""
    out = {c.lower(): c for c in LIVE_LINK_FACE}
    for c in LIVE_LINK_FACE:
        for word, short in (("Left", "_l"), ("Right", "_r")):
            if c.endswith(word):
                out[c[: -len(word)].lower() + short] = c
    return out


def parse(text: str, path: Path) -> Take:
    """Parse a plain CSV. Raises InnerfaceError."""
    try:
        table = list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise InnerfaceError(f"{path}: is not a readable CSV ({error}); export it again") from None
    if not table:
        raise InnerfaceError(f"{path}: has no lines; export the take again")
    header = [cell.strip() for cell in table[0]]
    known = channel_names()
    lower = [cell.lower() for cell in header]
    picks = [(i, known[cell]) for i, cell in enumerate(lower) if cell in known]
    names = [name for _, name in picks]
    if not names:
        raise InnerfaceError(f"{path}: line 1: no column bears one of Apple's 52 names (jawOpen, mouthSmileLeft, ...); is it a face take?")
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice:
        raise InnerfaceError(f"{path}: line 1: column {twice} stands there twice; delete one")
    clock = next((i for i, cell in enumerate(lower) if cell in TIME_COLUMNS or cell == "timecode"), None)
    if clock is None:
        raise InnerfaceError(f"{path}: line 1: no time column; name one 'time' (seconds)")
    rows, lines = [], []
    for n, row in enumerate(table[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(header):
            hint = "the file is cut off: delete that line" if n == len(table) else "mend or delete the line"
            raise InnerfaceError(f"{path}: line {n}: {len(row)} columns where the header has {len(header)}; {hint}")
        rows.append(row)
        lines.append(n)
    if not rows:
        raise InnerfaceError(f"{path}: has a header but no rows; export the take again")
    time = _times(rows, lines, lower, clock, path)
    values = numbers([[row[i].strip() or "nan" for i, _ in picks] for row in rows], lines, names, path)
    check_weights(values, names, lines, path)
    keep, repeats = check_advances(time, lines, path)
    notes = [f"{repeats} rows repeat the time of the row before; the first of each is kept"] if repeats else []
    missing = int(np.isnan(values).any(axis=1).sum())
    if missing:
        notes.append(f"{missing} of {len(rows)} rows have missing values; they are bridged")
    ignored = [cell for i, cell in enumerate(header) if i != clock and lower[i] not in known and cell]
    if ignored:
        notes.append(f"columns that are no face channels were left out: {', '.join(ignored[:8])}{' ...' if len(ignored) > 8 else ''}")
    return Take(path.stem, {"weights": Track("weights", time[keep], tuple(names), values[keep])}, notes)


def _times(rows: list[list[str]], lines: list[int], lower: list[str], clock: int, path: Path) -> np.ndarray:
    if lower[clock] != "timecode":
        time = numbers([[row[clock].strip() or "nan"] for row in rows], lines, [lower[clock]], path)[:, 0] * TIME_COLUMNS[lower[clock]]
        if np.isnan(time).any():
            raise InnerfaceError(
                f"{path}: line {lines[int(np.flatnonzero(np.isnan(time))[0])]}: the time is missing; mend or delete the line"
            )
        return time
    rate = lower.index("framerate") if "framerate" in lower else None
    ticks = []
    for n, row in zip(lines, rows):
        try:  # Unreal's own writer counts frames at the rate that stands beside; the app always in 60ths
            base = timecode.BASE if rate is None else round(float(row[rate]))
            ticks.append(timecode.parse(row[clock], base))
        except (ValueError, ZeroDivisionError, OverflowError):
            raise InnerfaceError(
                f"{path}: line {n}: '{row[clock][:24]}' is not a timecode HH:MM:SS:FF.mmm; mend or delete the line"
            ) from None
    return timecode.unwrap(np.array(ticks, dtype=np.int64)) / timecode.TICKS


def write(take: Take, path: Path) -> None:
    """Write `time` and the take's own channels, exactly (shortest text that reads back the same); missing cells are empty."""
    track = take.weights()
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as out:
        out.write("time," + ",".join(track.columns) + "\n")
        for t, row in zip(track.time.tolist(), track.values.tolist()):
            out.write(f"{t!r}," + ",".join("" if v != v else repr(v) for v in row) + "\n")

"""What OpenBCI's GUI saves as `OpenBCI-RAW-*.txt`: lines that begin with %, then a sample a line, in µV.

Since version 5 a line names the columns; before, the counter came first, then the electrodes, accelerometer and
auxiliary channels, and last the time of day, or that and ms since 1970.
Source: https://docs.openbci.com/Software/OpenBCISoftware/GUIDocs/ and the GUI's DataWriterODF.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..take import Take, Track, TrackKind
from .biosignals import build_marker_track
from .brainflow_csv import BOARDS, Board, even_clock
from .table import Rows, open_headless, open_table
from .text_file import TextFile

_SIGNATURE = "%openbci raw e"
_COLUMNS = re.compile(r"sample index\s*[,;\t].*\b(exg|eeg|emg) channel", re.IGNORECASE)
_SETTING = re.compile(r"%\s*(Number of channels|Sample Rate|Board)\s*=\s*(.{1,80})", re.IGNORECASE)
_ELECTRODE = re.compile(r"(exg|eeg|emg) channel", re.IGNORECASE)
_CLOCK = re.compile(r"\s*(?:\d{4}-\d\d-\d\d[ T])?(\d{1,2}):(\d\d):(\d\d(?:\.\d+)?)\s*")
_QUOTES = ' "\t'
_DAY_S = 86400.0
_MIN_UNIX_MS = 1e11
_MAX_RATE = 20_000.0
_PLAIN_NUMBER = re.compile(r"\s*\d{1,20}(\.\d{0,12})?([eE][+]?\d{1,2})?\s*")
_RATES = (125.0, 200.0, 250.0, 500.0, 1000.0)
_ELECTRODE_COUNTS = (16, 8, 4)  # of boards, where neither the header nor the columns tell
_AUX_COUNT = 3  # accelerometer's columns before the time
_BOARD_NAMES = (
    ("cyton.*daisy", "OpenBCI Cyton with Daisy"),
    ("cyton", "OpenBCI Cyton"),
    ("ganglion", "OpenBCI Ganglion"),
    ("galea", "OpenBCI Galea"),
    ("synthetic", "BrainFlow's synthetic board"),
)


@dataclass(frozen=True)
class _Layout:
    """Where the columns are: `counter`, `electrodes`, `time`, `markers` (-1 without); and the `names` of all."""

    counter: int
    electrodes: Sequence[int]
    time: int
    markers: int
    names: Sequence[str]


def recognises(source: TextFile) -> bool:
    """Whether a file is one of this format."""
    first_line = source.first_line.lstrip('"')
    return first_line[: len(_SIGNATURE)].lower() == _SIGNATURE or bool(_COLUMNS.match(first_line))


def parse(source: TextFile) -> Take:
    """Parse electrodes (µV) on an even clock (s), and markers. Raises InnerfaceError with line and column."""
    path, lines = source.path, source.lines
    first = next((k for k, line in enumerate(lines) if line.strip() and not _is_comment(line)), len(lines))
    settings = {m[1].lower(): m[2].strip() for line in lines[:20] if (m := _SETTING.match(line.strip(_QUOTES)))}
    if first < len(lines) and _COLUMNS.match(lines[first].strip(_QUOTES)):
        table = open_table(source, first)
        layout = _named_layout(list(table.header), path)
    else:
        table = open_headless(source, first)
        cells = lines[first].split(table.separator) if first < len(lines) else []
        layout = _old_layout([cell.replace(",", ".") for cell in cells], settings, path) if cells else None
    table = replace(table, lines=["" if _is_comment(line) else line for line in table.lines])
    if layout is None or not any(map(str.strip, table.lines)):
        raise InnerfaceError(f"{path}: has a header but no samples; record again with the stream running")
    picks = [layout.counter, *layout.electrodes, *([layout.markers] if layout.markers >= 0 else [])]
    rows = table.read(picks, [layout.time])
    arrival, notes = _arrivals(rows, path), rows.notes
    if len(arrival) > 1 and not source.ends_with_line and not -1 < arrival[-1] - arrival[-2] < _DAY_S / 2:
        arrival = arrival[:-1]
        notes.append("the last line is cut off; it was left out")
    values = rows.values[: len(arrival)]
    board = _board(settings, len(layout.electrodes))
    time, rate, lost, clock_notes = even_clock(values[:, 0], arrival, board)
    notes += clock_notes
    if lost:
        notes.append(f"{lost} of {len(time) + lost} samples were lost in transmission; the gaps remain")
    others = [
        name
        for k, name in enumerate(layout.names)
        if k not in picks and name and not name.lower().startswith("timestamp")
    ]
    if others:
        notes.append(f"left out, being no electrodes: {', '.join(dict.fromkeys(others))}")
    count = len(layout.electrodes)
    electrodes = Track(
        TrackKind.BIOSIGNAL,
        time,
        tuple(f"exg{k + 1}" for k in range(count)),
        values[:, 1 : 1 + count],
        {"unit": "uV", "rate_hz": f"{rate:.6g}", "device": board.names[0]},
    )
    tracks: dict[str, Track] = {TrackKind.BIOSIGNAL: electrodes}
    marks = np.nan_to_num(values[:, -1]) if layout.markers >= 0 else np.zeros(0)
    marker_track = build_marker_track(time[: len(marks)][marks != 0], marks[marks != 0])
    if marker_track is not None:
        tracks[TrackKind.EVENTS] = marker_track
    return Take(path.stem, tracks, notes)


def _is_comment(line: str) -> bool:
    """Whether a line is one of those that begin with %, perhaps in the quotes of a spreadsheet."""
    return line.lstrip(_QUOTES).startswith("%")


def _named_layout(names: list[str], path: Path) -> _Layout:
    """Layout of a file with a line of names."""
    lower = [name.lower() for name in names]
    electrodes = [k for k, name in enumerate(lower) if _ELECTRODE.match(name)]
    time = next((lower.index(name) for name in ("timestamp", "timestamp (formatted)") if name in lower), -1)
    if time < 0:
        raise InnerfaceError(f"{path}: has no column Timestamp; give the file as OpenBCI's GUI saved it")
    markers = lower.index("marker channel") if "marker channel" in lower else -1
    return _Layout(0, electrodes, time, markers, names)


def _old_layout(first: list[str], settings: dict[str, str], path: Path) -> _Layout:
    """Layout of a file without a line of names, by the cells of its first row and the header's number of channels."""
    clock = next((k for k, cell in enumerate(first) if _CLOCK.fullmatch(cell)), -1)
    stamp = next((k for k, cell in enumerate(first) if k and _MIN_UNIX_MS < _number(cell) < 1e14), -1)
    time = stamp if stamp >= 0 else clock
    if time < 0:
        raise InnerfaceError(f"{path}: has no time of day in its rows; give the file as OpenBCI's GUI saved it")
    before = (min(k for k in (clock, stamp) if k >= 0)) - 1  # electrodes and auxiliary channels
    count = int(_number(settings.get("number of channels", "")) or 0)
    if not 0 < count <= before:
        fitting = [n for n in _ELECTRODE_COUNTS if n + _AUX_COUNT <= before] or [before]
        count = fitting[0]
    names = ["Sample Index", *(f"EXG {k + 1}" for k in range(count))]
    others = before - count
    names += [f"Accel {axis}" for axis in "XYZ"[: min(others, _AUX_COUNT)]]
    names += [f"Aux {k + 1}" for k in range(others - _AUX_COUNT)]
    names += [""] * (len(first) - len(names))  # the times
    return _Layout(0, range(1, 1 + count), time, -1, names)


def _number(text: str) -> float:
    """The number that a text begins with; 0 without one."""
    match = re.match(r"\s*\d+(?:[.,]\d+)?\s*(Hz)?\s*$", text, re.IGNORECASE)
    return float(match[0].lower().replace("hz", "").replace(",", ".")) if match else 0.0


def _board(settings: dict[str, str], count: int) -> Board:
    """Name and rates of the board, by the header, or by the number of electrodes."""
    declared = settings.get("board", "").lower()
    name = next((name for pattern, name in _BOARD_NAMES if re.search(pattern, declared)), "")
    rate = _number(settings.get("sample rate", ""))
    known = next((b for b in BOARDS.values() if b.exg_count == count), None)
    rates = (rate,) if 0 < rate < _MAX_RATE else known.rates if known else _RATES
    return Board((name or (known.names[0] if known else "an OpenBCI board"),), rates, count, 0)


def _arrivals(rows: Rows, path: Path) -> Array:
    """Times (T,) s at which samples came: since 1970, or since the first day's midnight."""
    cells = rows.texts[0]
    if not cells:
        raise InnerfaceError(f"{path}: has no whole rows; record again with the stream running")
    if not _CLOCK.fullmatch(cells[0]):
        times = np.array([float(c) if _PLAIN_NUMBER.fullmatch(c) else np.nan for c in cells])
        times = np.where(np.abs(times) > _MIN_UNIX_MS, times / 1000, times)
    else:
        clocks = [_CLOCK.fullmatch(cell) for cell in cells]
        times = np.array([int(m[1]) * 3600 + int(m[2]) * 60 + float(m[3]) if m else np.nan for m in clocks])
        days = np.cumsum(np.diff(times, prepend=times[0]) < -_DAY_S / 2)
        times = times + _DAY_S * days
    bad = [int(k) for k in np.flatnonzero(~np.isfinite(times))]
    if bad and (bad[0] < len(times) - 1 or len(times) < 2):
        raise InnerfaceError(
            f"{path}: line {rows.line_numbers[bad[0]]}: '{cells[bad[0]].strip()[:30]}' is not a time; "
            "correct or delete the line"
        )
    return times

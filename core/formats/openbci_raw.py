"""What OpenBCI's GUI saves as `OpenBCI-RAW-*.txt`: lines that begin with %, then a sample a line, in µV.

Since version 5 a line names the columns; before, the counter came first, then the electrodes, accelerometer and
auxiliary channels, and last the time of day, or that and ms since 1970.
Source: https://docs.openbci.com/Software/OpenBCISoftware/GUIDocs/ and the GUI's DataWriterODF.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..take import Take, Track, TrackKind
from .biosignals import build_marker_track
from .brainflow_csv import BOARDS, Board, even_clock
from .table import check_column_count, parse_cells

_SIGNATURE = "%openbci raw e"
_COLUMNS = re.compile(r"sample index\s*[,;\t].*\b(exg|eeg|emg) channel", re.IGNORECASE)
_SETTING = re.compile(r"%\s*(Number of channels|Sample Rate|Board)\s*=\s*(.{1,80})", re.IGNORECASE)
_ELECTRODE = re.compile(r"(exg|eeg|emg) channel", re.IGNORECASE)
_CLOCK = re.compile(r"\s*(?:\d{4}-\d\d-\d\d[ T])?(\d{1,2}):(\d\d):(\d\d(?:\.\d+)?)\s*")
_DAY_S = 86400.0
_MIN_UNIX_MS = 1e11
_MAX_RATE = 20_000.0
_PLAIN_NUMBER = re.compile(r"\s*\d{1,20}(\.\d{0,12})?([eE][+]?\d{1,2})?\s*")
_BLOCK_LINES = 8192
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


@dataclass(frozen=True)
class _Rows:
    """Lines of samples of the file `path`, split into cells by `separator`, and their numbers in the file."""

    path: Path
    lines: list[str]
    numbers: list[int]
    separator: str

    def cells(self, column: int) -> list[str]:
        """The cells of a column."""
        return [line.split(self.separator, column + 1)[column] for line in self.lines]


def sniff(text: str) -> bool:
    """Whether a file that begins with this text is one of this format."""
    start = text[:2000].lstrip("\ufeff \t\r\n")
    return start[: len(_SIGNATURE)].lower() == _SIGNATURE or bool(_COLUMNS.match(start))


def parse(text: str, path: Path) -> Take:
    """Parse electrodes (µV) on an even clock (s), and markers. Raises InnerfaceError with line and column."""
    lines = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    samples = [k for k, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("%")]
    settings = {m[1].lower(): m[2].strip() for line in lines[:20] if (m := _SETTING.match(line.strip()))}
    header = lines[samples[0]].strip() if samples else ""
    names = [name.strip() for name in re.split("[,;\t]", header)] if _COLUMNS.match(header) else []
    samples = samples[1 if names else 0 :]
    if not samples:
        raise InnerfaceError(f"{path}: has a header but no samples; record again with the stream running")
    first = lines[samples[0]]
    separator = next(s for s in ("\t", ";", ",") if s in first or s == ",")
    layout = _named_layout(names, path) if names else _old_layout(first.split(separator), settings, path)
    check_column_count(len(layout.names), samples[0] + 1, path)
    notes: list[str] = []
    rows = _whole_rows(lines, samples, separator=separator, width=len(layout.names), path=path, notes=notes)
    arrival = _arrivals(rows, layout)
    if len(arrival) > 1 and not text.endswith("\n") and not -1 < arrival[-1] - arrival[-2] < _DAY_S / 2:
        arrival = arrival[:-1]
        notes.append("the last line is cut off; it was left out")
    picks = [layout.counter, *layout.electrodes, *([layout.markers] if layout.markers >= 0 else [])]
    values = _numbers(rows, picks, layout)[: len(arrival)]
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


def _whole_rows(
    lines: list[str], samples: list[int], *, separator: str, width: int, path: Path, notes: list[str]
) -> _Rows:
    """The lines of samples; a last one that is cut off is left out, with a note. Raises InnerfaceError for others."""
    counts = [lines[k].rstrip(separator + " ").count(separator) + 1 for k in samples]
    odd = [k for k, count in enumerate(counts) if count != width]
    if odd == [len(samples) - 1] and counts[-1] < width and len(samples) > 1:
        samples = samples[:-1]
        notes.append("the last line is cut off; it was left out")
    elif odd:
        raise InnerfaceError(
            f"{path}: line {samples[odd[0]] + 1}: {counts[odd[0]]} columns where other lines have {width}; "
            "correct or delete the line"
        )
    kept = [lines[k] if separator == "," else lines[k].replace(",", ".") for k in samples]  # decimal commas
    return _Rows(path, kept, [k + 1 for k in samples], separator)


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


def _numbers(rows: _Rows, picks: list[int], layout: _Layout) -> Array:
    """Numbers (T, picks) of these columns."""
    labels, cells_of = [layout.names[k] for k in picks], itemgetter(*picks)
    blocks: list[Array] = []
    for start in range(0, len(rows.lines), _BLOCK_LINES):
        block = rows.lines[start : start + _BLOCK_LINES]
        cells = [list(cells_of(line.split(rows.separator))) for line in block]
        numbers = rows.numbers[start : start + _BLOCK_LINES]
        blocks.append(parse_cells(cells, line_numbers=numbers, header=labels, path=rows.path))
    return np.concatenate(blocks)


def _arrivals(rows: _Rows, layout: _Layout) -> Array:
    """Times (T,) s at which samples came: since 1970, or since the first day's midnight."""
    cells = rows.cells(layout.time)
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
            f"{rows.path}: line {rows.numbers[bad[0]]}: '{cells[bad[0]].strip()[:30]}' is not a time; "
            "correct or delete the line"
        )
    return times

"""Columns of times: which one it is, and its unit, by its name and, where that does not fit, by its rows' rate."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..rates import parse_frame_rate
from ..take import timecode
from .table import Table, check_increasing, repeat_notes

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-zµμ]+|[0-9.]+(?:/[0-9]+)?")
_TIMES = frozenset(("time", "times", "timestamp", "timestamps", "clock", "elapsed", "t", "stamp"))
_FRAMES = frozenset(("frame", "frames", "index", "idx"))
_FILLERS = frozenset(
    ("in", "since", "start", "relative", "rel", "unix", "epoch", "local", "device", "the", "of", "frame", "no", "nr")
    + ("num", "number", "id", "at", "per", "video", "from", "begin", "beginning", "media")
)
_UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("ms", "msec", "msecs", "milli", "millis", "millisecond", "milliseconds"), 1e3),
    **dict.fromkeys(("us", "µs", "μs", "usec", "usecs", "micros", "microsecond", "microseconds"), 1e6),
    **dict.fromkeys(("ns", "nsec", "nsecs", "nanos", "nanosecond", "nanoseconds"), 1e9),
}
_UNIT_NAMES = {1.0: "seconds", 1e3: "milliseconds", 1e6: "microseconds", 1e9: "nanoseconds"}
_MIN_ROWS = 5  # from which a rate can tell the unit
# Rows a second that are believed of a unit by its name, and those that tell one.
_DATE = re.compile(r"\s*(\d{4}-\d\d-\d\d)[T ]\s*")
_ZONE = re.compile(r"\s*(Z|[+-]\d\d:?\d\d)\s*$")
_CLOCK = re.compile(rf"(?:{_DATE.pattern})?\s*\d{{1,2}}:\d\d(?::\d\d)?")
_DAY_S = 86400.0
_BELIEVED_HZ = {False: (1.0, 2000.0), True: (20.0, 100_000.0)}
_TELLING_HZ = {False: (4.0, 400.0), True: (50.0, 20_000.0)}
_RATE_TOLERANCE = 0.05  # of a measured rate to the declared one


@dataclass(frozen=True)
class TimeColumn:
    """A column of times.

    Attributes
    ----------
    index : of the column.
    name : as the file has it.
    per_second : units a second, 1000 for milliseconds; 0 for frames of an unknown rate.
    """

    index: int
    name: str
    per_second: float


SECONDS = TimeColumn(0, "time", 1.0)


@dataclass(frozen=True)
class TimedRows:
    """Rows with increasing times.

    Attributes
    ----------
    time : (T,) s.
    values : (T, C).
    kept : (T,) the rows' numbers in the file.
    notes : for the user.
    """

    time: Array
    values: Array
    kept: Array
    notes: list[str]


def find(header: Sequence[str]) -> TimeColumn | None:
    """The column of times of a header: `time`, `Time (s)`, `timestamp_ms`, `time [us]`, `frame (30 fps)`, ..."""
    times = [TimeColumn(k, name, unit) for k, name in enumerate(header) if (unit := _unit(name)) is not None]
    times.sort(key=lambda column: column.name.strip().lower() != "time")
    frames = [TimeColumn(k, name, rate) for k, name in enumerate(header) if (rate := _frame_rate(name)) is not None]
    return next(iter((*times, *frames)), None)


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]


def _unit(name: str) -> float | None:
    """Units a second of a column that holds times by its name; None for another one."""
    if name.strip().lower() in ("time", "timestamp", "t"):
        return 1.0
    words = _words(name.replace("timeStamp", "timestamp").replace("TimeStamp", "timestamp"))
    units = [word for word in words if word in _UNITS]
    rest = [word for word in words if word not in _UNITS]
    is_time = any(word in _TIMES for word in rest) or (not rest and len(units) == 1 and len(units[0]) > 1)
    if not is_time or len(units) > 1 or not all(word in _TIMES or word in _FILLERS for word in rest):
        return None
    return _UNITS[units[0]] if units else 1.0


def _frame_rate(name: str) -> float | None:
    """Frames a second of a column that counts frames by its name, 0 if that does not say; None for another one."""
    words = _words(name)
    numbers = [word for word in words if word[0].isdigit()]
    rest = [word for word in words if word not in numbers and word not in ("fps", "hz", "rate")]
    if not any(word in _FRAMES for word in rest) or not all(word in _FRAMES or word in _FILLERS for word in rest):
        return None
    if not numbers:
        return 0.0
    try:
        fps, base = parse_frame_rate(numbers[0])
    except InnerfaceError:
        return None
    return fps / base


def missing(table: Table) -> InnerfaceError:
    """The error for a table without a column of times."""
    return InnerfaceError(
        f"{table.path}: line {table.header_line}: no time column; name one 'time' (seconds), 'time_ms' or "
        "'frame (30 fps)'"
    )


def to_seconds(
    values: Array,
    column: TimeColumn,
    *,
    line_numbers: Sequence[int] | Array,
    path: Path,
    declared_hz: float = 0.0,
    electrodes: bool = False,
    frame_rate: float = 0.0,
    row_name: str = "line",
) -> tuple[Array, list[str]]:
    """Times (T,) in seconds of a column's values, and notes where they are in another unit than seconds.

    `declared_hz` is the rate that the file claims for its rows, `frame_rate` that of its frames; 0 if unknown. Raises
    InnerfaceError for missing times, and for frames of an unknown rate.
    """
    absent = np.flatnonzero(np.isnan(values))
    if len(absent):
        raise InnerfaceError(
            f"{path}: {row_name} {line_numbers[absent[0]]}: the time is missing; correct or delete the {row_name}"
        )
    per_second = column.per_second or frame_rate
    if not per_second:
        raise InnerfaceError(
            f"{path}: column {column.name} counts frames; write their rate into its name, such as "
            f"'{column.name} (30 fps)', or add a column FrameRate"
        )
    if not column.per_second:
        return values / per_second, [f"times are those of frames at {per_second:.5g} a second"]
    likely = None
    if column.per_second in _UNIT_NAMES:
        likely = _likely_unit(values, per_second, declared_hz=declared_hz, electrodes=electrodes)
    if likely is not None:
        unit = _UNIT_NAMES.get(likely, "numbers of samples")
        rate = likely * (len(values) - 1) / float(values[-1] - values[0])
        return values / likely, [f"the times in column {column.name} are {unit}, as {rate:.4g} rows a second show"]
    if per_second == 1.0:
        return values, []
    unit = _UNIT_NAMES.get(per_second, f"frames at {per_second:.5g} a second")
    return values / per_second, [f"the times in column {column.name} are {unit}; they were converted to seconds"]


def is_clock(cell: str) -> bool:
    """Whether a cell holds a timecode, a time of day or a date with one, instead of a number."""
    return _CLOCK.match(cell) is not None


def read_clock(texts: Sequence[str], rate: timecode.FrameRate | None = None) -> timecode.Times:
    """Times of timecodes and times of day, with dates before them (ISO 8601) or not. Raises TimecodeError."""
    if not texts or not _DATE.match(texts[0]):
        return timecode.read(texts, rate)
    dated = [_DATE.match(text) for text in texts]
    without = next((k for k, match in enumerate(dated) if match is None), None)
    if without is not None:
        raise timecode.TimecodeError(without, f"'{texts[without][:24]}' has no date, as the others have")
    times = timecode.read([_ZONE.sub("", text[m.end() :]) for text, m in zip(texts, dated) if m], rate)
    try:
        days = np.array([m[1] for m in dated if m], dtype="datetime64[D]").astype(np.int64)
    except ValueError:
        raise timecode.TimecodeError(0, "its dates are none of the calendar") from None
    note = "its times are dates; they were converted to seconds since 1970"
    return timecode.Times(times.time % _DAY_S + days * _DAY_S, [*times.notes, note])


def _step(time: Array) -> float:
    steps = np.diff(time)
    usual = float(np.median(steps)) if len(steps) else 0.0
    return usual if usual > 0 else float(time[-1] - time[0]) / max(len(steps), 1) if len(time) else 0.0


def _likely_unit(values: Array, per_second: float, *, declared_hz: float, electrodes: bool) -> float | None:
    """Another unit that fits the rows' rate, where the one of the name does not; None to keep that."""
    step = _step(values)
    if len(values) < _MIN_ROWS or not step > 0:
        return None
    rates = {unit: unit / step for unit in _UNIT_NAMES}
    low, high = _BELIEVED_HZ[electrodes]
    if declared_hz:
        if abs(rates[per_second] / declared_hz - 1) < _RATE_TOLERANCE:
            return None
        found = next((u for u, rate in rates.items() if abs(rate / declared_hz - 1) < _RATE_TOLERANCE), None)
        return declared_hz if found is None and step == 1 else found
    if low <= rates[per_second] <= high:
        return None
    low, high = _TELLING_HZ[electrodes]
    return next((u for u, rate in rates.items() if low <= rate <= high), None)


def extract_time(
    values: Array,
    line_numbers: Sequence[int] | Array,
    *,
    column: TimeColumn,
    path: Path,
    declared_hz: float = 0.0,
    electrodes: bool = False,
    row_name: str = "line",
) -> TimedRows:
    """Rows (T, C) in which time, the first of the columns, advances, without it.

    Raises InnerfaceError for missing times or no rows.
    """
    if not len(values):
        raise InnerfaceError(f"{path}: has a header but no rows; export the take again")
    time, notes = to_seconds(
        values[:, 0],
        column,
        line_numbers=line_numbers,
        path=path,
        declared_hz=declared_hz,
        electrodes=electrodes,
        row_name=row_name,
    )
    keep, repeats = check_increasing(time, line_numbers, path=path, row_name=row_name)
    kept = np.asarray(line_numbers)[keep]
    return TimedRows(
        time[keep],
        values[keep, 1:],
        kept,
        notes + repeat_notes(repeats, "rows" if row_name == "line" else f"{row_name}s"),
    )

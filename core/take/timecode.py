"""Timecodes of rows: Live Link Face's HH:MM:SS:FF.mmm, SMPTE's with its rates and drop frames, and times of day.

The app counts frames FF of 1/60 s whatever the take's rate, and thousandths mmm of such a frame. Other programs write
the same layout and mean something else by FF and mmm; what they mean is told by what they wrote.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..rates import parse_frame_rate

FRAMES_PER_SECOND = 60  # Hz, of the frames FF
TICKS_PER_SECOND = FRAMES_PER_SECOND * 1000  # a tick is a thousandth of a frame
TICKS_PER_DAY = 24 * 3600 * TICKS_PER_SECOND
_DAY_S = 24 * 3600

_PATTERN = re.compile(r"\s*(\d{1,3}):(\d{1,3}):(\d{1,3})(?:([:;])(\d{1,4})(?:[.,](\d{1,6}))?|[.,](\d{1,9}))?\s*")
_RATE = re.compile(r"\s*([0-9.]+(?:/[0-9.]+)?)\s*(?:fps|hz)?\s*(df|drop|drop[ -]frame|ndf|non[ -]?drop)?\s*")
_COUNTS = (12, 15, 24, 25, 30, 48, 50, 60, 72, 75, 90, 96, 100, 120, 144, 200, 240, 1000)  # frames of a second
_UNEVEN = 0.2  # of a step
_EVIDENCE = 0.5  # steps at seconds' ends that a wrong count makes uneven, of a usual step
_MIN_MS_ROWS, _MIN_MS_SHARE, _MIN_MS_SPREAD = 8, 0.98, 0.3  # rows, those that agree, and the seconds that they span
_MS_TOLERANCE_S = 0.00101
_RUNNING = 1000  # a running number has three digits
_NTSC = 1.001


class TimecodeError(ValueError):
    """A timecode that cannot be: its row, and what is wrong with it."""

    def __init__(self, row: int, reason: str) -> None:
        super().__init__(reason)
        self.row, self.reason = row, reason


@dataclass(frozen=True)
class FrameRate:
    """How a timecode counts.

    Attributes
    ----------
    count : frames that a second of it has; 30 at 29.97 frames a second.
    ntsc : whether its seconds last 1.001 s.
    drop : whether it leaves out numbers of frames, so that it follows the clock; None if unknown.
    """

    count: int
    ntsc: bool = False
    drop: bool | None = None

    @property
    def label(self) -> str:
        """The rate for a message."""
        return f"{self.count * 1000 / 1001:.5g}" if self.ntsc else f"{self.count}"


@dataclass(frozen=True)
class Times:
    """Times of rows: `time` (T,) s, midnights passed, and `notes` on how they were read."""

    time: Array
    notes: list[str]


def parse_rate(text: str) -> FrameRate:
    """`24`, `29.97`, `30000/1001`, `29.97 DF`, `59.94 fps`. Raises ValueError for other text."""
    match = _RATE.fullmatch(text.lower().replace(",", "."))
    if match is None:
        raise ValueError(text)
    try:
        fps, base = parse_frame_rate(match[1])
    except InnerfaceError:
        raise ValueError(text) from None
    drop = None if match[2] is None else not match[2].startswith("n")
    return FrameRate(fps, abs(base - _NTSC) < 1e-9, drop)


def to_text(seconds: float) -> str:
    """Timecode of a time of day in seconds; later times wrap around, those before 0 have a minus sign."""
    ticks = round(seconds * TICKS_PER_SECOND)
    sign = "-" if ticks < 0 else ""
    s, remainder = divmod(abs(ticks) % TICKS_PER_DAY, TICKS_PER_SECOND)
    return f"{sign}{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}:{remainder // 1000:02d}.{remainder % 1000:03d}"


def unwrap(ticks: Array, per_day: int = TICKS_PER_DAY) -> Array:
    """Ticks (T,) with a day added after each midnight, which shows as a step back of more than twelve hours."""
    wraps = np.concatenate([[0], np.cumsum(np.diff(ticks) < -per_day // 2)]) if len(ticks) else np.zeros(0)
    return ticks + wraps.astype(np.int64) * per_day


def read(texts: Sequence[str], rate: FrameRate | None = None) -> Times:
    """Times of rows by their timecodes.

    `rate` is what the file says of it, by default Live Link Face's 60 frames a second. Where the timecodes contradict
    that, or their last field is no thousandths of a frame, a note says how they were read. Rows before time 0 have a
    minus sign. Raises TimecodeError.
    """
    before = next((k for k, text in enumerate(texts) if not text.lstrip().startswith("-")), len(texts))
    if before:
        return _read_around_zero(texts, before, rate)
    fields = _read_fields(texts)
    if fields.is_clock:
        return Times(_unwrap_seconds(fields.seconds) + fields.thousandths / 1e6, [])
    if count := _count_beside_milliseconds(fields):
        seconds = fields.thousandths / 1e6
        frames = np.round(seconds * count) / count  # cut to whole milliseconds
        if np.abs(frames - seconds).max() <= _MS_TOLERANCE_S:
            seconds = frames
        note = "the last field of its timecodes holds milliseconds of the second, not thousandths of a frame"
        return Times(_unwrap_seconds(fields.seconds) + seconds, [note])
    stated = rate or FrameRate(FRAMES_PER_SECOND)
    what = f"the {stated.label} that the file states" if rate else "Live Link Face's 60"
    if (running := _read_running_numbers(fields)) is not None:
        time, count = running
        note = f"its timecodes count {count} frames a second, not {what}; their last field numbers the rows"
        return Times(time, [note])
    count, notes = _find_count(fields, stated.count), list[str]()
    if count != stated.count:
        notes.append(f"its timecodes count {count} frames a second (FF stays below {count}), not {what}")
        stated = FrameRate(count)
    _check_fields(fields, count)
    chosen, drop_notes = _with_drop(fields, stated, rate)
    return _to_times(fields, chosen, notes + drop_notes)


def _read_around_zero(texts: Sequence[str], before: int, rate: FrameRate | None) -> Times:
    """Times of rows of which the first `before` lie before time 0; these are read backwards, in which they rise."""
    early = read([text.lstrip()[1:] for text in reversed(texts[:before])], rate)
    late = read(texts[before:], rate) if before < len(texts) else Times(np.zeros(0), [])
    return Times(np.concatenate([-early.time[::-1], late.time]), list(dict.fromkeys([*early.notes, *late.notes])))


@dataclass(frozen=True)
class _Fields:
    """Fields of T timecodes.

    Attributes
    ----------
    seconds : (T,) whole seconds since midnight, by hours, minutes and seconds.
    minutes : (T,) whole minutes since midnight.
    whole : (T,) FF.
    thousandths : (T,) millionths, of a frame, or of a second if there are no frames.
    digits : of the last field, at most.
    is_clock : whether there are no frames.
    has_semicolon : whether a semicolon stands before FF in all rows.
    """

    seconds: Array
    minutes: Array
    whole: Array
    thousandths: Array
    digits: int
    is_clock: bool
    has_semicolon: bool

    @property
    def frames(self) -> Array:
        """(T,) FF with its fraction."""
        return self.whole + self.thousandths / 1e6


def _read_fields(texts: Sequence[str]) -> _Fields:
    """The fields of timecodes. Raises TimecodeError for other text."""
    rows: list[tuple[int, int, int, int, int]] = []  # h, m, s, FF, millionths
    digits, clocks, semicolons = 0, 0, 0
    for k, text in enumerate(texts):
        match = _PATTERN.fullmatch(text)
        if match is None:
            raise TimecodeError(k, f"'{text[:24]}' is not a timecode HH:MM:SS:FF.mmm")
        h, m, s, separator, frame, sub, fraction = match.groups()
        last = sub or fraction or ""
        clocks += frame is None
        semicolons += separator == ";"
        digits = max(digits, len(last))
        # 59.9996 to three places is 59.1000 where the places are rounded on their own
        millionths = 1_000_000 if sub == "1000" else int(last[:6].ljust(6, "0"))
        rows.append((int(h), int(m), int(s), int(frame or 0), millionths))
    if clocks not in (0, len(texts)):
        raise TimecodeError(_odd_one(texts), "some timecodes have frames FF and some have none")
    numbers = np.array(rows, dtype=np.int64).reshape(-1, 5)
    for column, (most, name) in enumerate(((24, "hours"), (60, "minutes"), (60, "seconds"))):
        beyond = np.flatnonzero(numbers[:, column] > most)  # its very end is the next one's begin
        if len(beyond):
            row = int(beyond[0])
            text = f"'{texts[row][:24]}' has {numbers[row, column]} {name}, where {most - 1} are the most"
            raise TimecodeError(row, text)
    minutes = numbers[:, 0] * 60 + numbers[:, 1]
    return _Fields(
        minutes * 60 + numbers[:, 2],
        minutes,
        numbers[:, 3],
        numbers[:, 4],
        digits,
        clocks > 0,
        semicolons == len(texts) and len(texts) > 0,
    )


def _odd_one(texts: Sequence[str]) -> int:
    counts = [text.count(":") + text.count(";") for text in texts]
    return next((k for k, count in enumerate(counts) if count != counts[0]), 0)


def _check_fields(fields: _Fields, count: int) -> None:
    """Raise TimecodeError for frames beyond the end of a second; its very end is the next second's begin."""
    beyond = np.flatnonzero(fields.whole * 1_000_000 + fields.thousandths > count * 1_000_000)
    if len(beyond):
        row = int(beyond[0])
        raise TimecodeError(row, f"frame {fields.whole[row]} of a second that has {count} frames (0 to {count - 1})")


def _unwrap_seconds(seconds: Array) -> Array:
    return unwrap(seconds, _DAY_S).astype(np.float64)


def _count_beside_milliseconds(fields: _Fields) -> int:
    """Frames of a second, if the last field goes along with FF through every second as milliseconds do; else 0."""
    if fields.digits != 3 or len(fields.whole) < _MIN_MS_ROWS or np.ptp(fields.thousandths) < _MIN_MS_SPREAD * 1e6:
        return 0
    for count in _COUNTS[:-1]:
        late = fields.thousandths * (count / 1e6) - fields.whole
        if float(((late > -0.1) & (late < 1.1)).mean()) >= _MIN_MS_SHARE:
            return count
    return 0


def _read_running_numbers(fields: _Fields) -> tuple[Array, int] | None:
    """Times (T,) and the count of frames where FF and the last field both number the rows, and FF has its own count.

    Such programs may round the seconds down where FF has begun anew, so the times come from the numbers. None for
    other timecodes, and for counts of 60, whose last field may be a fraction.
    """
    last = fields.thousandths // 1000
    steps = np.diff(last) % _RUNNING
    count = int(fields.whole.max()) + 1 if len(last) else 0
    if fields.digits != 3 or count not in _COUNTS or count == FRAMES_PER_SECOND:
        return None
    number = fields.whole[0] + np.concatenate([[0], np.cumsum(steps)])
    seconds = unwrap(fields.seconds, _DAY_S) - fields.seconds[0]
    if (
        len(last) <= count
        or steps.min() < 1
        or ((fields.whole - number) % count).any()
        or np.abs(seconds - number // count).max() > 1
    ):
        return None
    return fields.seconds[0] + number / count, count


def _find_count(fields: _Fields, stated: int) -> int:
    """Frames that a second of the timecodes has, by the steps over the ends of seconds.

    With f frames before an end, g after it and usual steps of d, a second has d + f - g.
    """
    frames, second_steps = fields.frames, np.diff(unwrap(fields.seconds, _DAY_S))
    steps = np.diff(frames)
    within, ends = steps[(second_steps == 0) & (steps > 0)], steps[second_steps == 1]
    most = int(fields.whole.max()) if len(fields.whole) else 0
    if not len(within) or not len(ends):
        return stated if most <= stated or len(ends) else next((c for c in _COUNTS if c > most), most + 1)
    usual, end = float(np.median(within)), float(np.median(ends))
    possible = [c for c in _COUNTS if c >= most]
    if not possible:
        return stated
    near = min(possible, key=lambda c: abs(c - (usual - end)))
    uneven, even = (abs(end + count - usual) / usual for count in (stated, near))
    return near if uneven > _EVIDENCE >= even else stated


def _with_drop(fields: _Fields, stated: FrameRate, given: FrameRate | None) -> tuple[FrameRate, list[str]]:
    """The rate with `drop` as the timecodes show it: by their semicolons, if none has a number that is left out."""
    leaves_out = stated.count % 30 == 0 and _leaves_out_numbers(fields, stated.count)
    drop = fields.has_semicolon or (stated.ntsc and leaves_out) if stated.drop is None else stated.drop
    if not drop or stated.count % 30:
        return FrameRate(stated.count, stated.ntsc, False), []
    minute_starts = (fields.seconds % 60 == 0) & (fields.minutes % 10 != 0)
    if (minute_starts & (fields.whole < stated.count // 15)).any():
        note = "its timecodes are marked as drop-frame but leave out no numbers; they were counted as they are"
        return FrameRate(stated.count, stated.ntsc, False), [note]
    if given is not None and not given.ntsc and stated.drop is None and not leaves_out:
        note = f"its timecodes are marked as drop-frame, and its rate of {given.label} is none; the rate was believed"
        return FrameRate(stated.count, False, False), [note]
    return FrameRate(stated.count, True, True), []


def _leaves_out_numbers(fields: _Fields, count: int) -> bool:
    """Whether the last frame of a minute is followed by number 2 of 30 (4 of 60), as in drop-frame timecodes."""
    before, after = fields.whole[:-1], fields.whole[1:]
    minutes = np.diff(fields.minutes) == 1
    ends = minutes & (fields.minutes[1:] % 10 != 0) & (before == count - 1) & (fields.seconds[1:] % 60 == 0)
    return bool(ends.any() and (after[ends] == count // 15).all())


def _to_times(fields: _Fields, rate: FrameRate, notes: list[str]) -> Times:
    """Times by exact counts of frames (SMPTE 12M: at 29.97, numbers 0 and 1 are left out of 9 minutes in 10)."""
    count = rate.count
    days = (unwrap(fields.seconds, _DAY_S) - fields.seconds) // _DAY_S
    number = fields.seconds * count + fields.whole
    per_day = _DAY_S * count
    if rate.drop:
        left_out = count // 15  # 2 of 30, 4 of 60
        number = number - left_out * (fields.minutes - fields.minutes // 10)
        per_day -= left_out * (24 * 60 - 24 * 6)
        notes.append(f"its timecodes are drop-frame, at {rate.label} frames a second")
    number = number + days * per_day
    millionths = fields.thousandths
    if _is_running_number(number, millionths, fields.digits):
        notes.append("the last field of its timecodes is a running number, not a fraction of a frame")
        millionths = np.zeros_like(millionths)
    total = number * 1_000_000 + millionths
    return Times(total * 1001 / (count * 1e9) if rate.ntsc else total / (count * 1e6), notes)


def _is_running_number(number: Array, millionths: Array, digits: int) -> bool:
    """Whether the last field only numbers the rows, whose frames are even without it."""
    if digits != 3 or len(number) < _MIN_MS_ROWS:
        return False
    whole_steps = np.diff(number)
    if len(set(whole_steps.tolist())) != 1 or whole_steps[0] < 1:
        return False
    steps = whole_steps + np.diff(millionths) / 1e6
    return bool((np.abs(steps - np.median(steps)) > _UNEVEN * whole_steps[0]).any())

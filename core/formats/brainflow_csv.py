"""BrainFlow's CSV: a sample per line, separated by tabs (or commas), without a header; columns depend on the board.

The number of columns identifies the board. Times are those at which packets arrived, in batches; the packets' counter
gives an even clock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..take import Take, Track, TrackKind
from ..take.timing import find_stretches, fit_line, measure_period
from .biosignals import build_marker_track
from .table import find_separator, open_headless, split_line
from .text_file import TextFile


@dataclass(frozen=True)
class Board:
    """Columns of the boards that share them.

    Attributes
    ----------
    names, rates : of the boards; rates in Hz.
    exg_count : number of channels, which follow the counter.
    time_column : index of the time column; the markers are in the next.
    """

    names: tuple[str, ...]
    rates: tuple[float, ...]
    exg_count: int
    time_column: int


# From BoardShim.get_board_descr of BrainFlow 5.23, by number of columns.
BOARDS = {
    24: Board(("OpenBCI Cyton",), (250.0,), 8, 22),
    15: Board(("OpenBCI Ganglion",), (200.0,), 4, 13),
    32: Board(("OpenBCI Cyton with Daisy", "BrainFlow's synthetic board"), (125.0, 250.0), 16, 30),
}
_NUMBER = re.compile(r"\s*[+-]?(\d+(\.\d*)?(e[+-]?\d+)?|nan)\s*", re.IGNORECASE)
_UNIX_RANGE = 1e8, 1e11  # s; from 1973, which excludes times in ms
_RATE_TOLERANCE = 0.1  # of a measured rate to the board's
_CYCLE_TOLERANCE_S = 0.15  # by which packets may arrive late
_LEVEL_S = 2.0  # of arrivals on both sides of a step
_MIN_JUDGED_S = 5.0  # shorter recordings may have arrived in two batches
_GAP_S = 1.0  # pauses between arrivals that count as gaps even without a counter
_MIN_PAIRED_SHARE = 0.3  # of repeated counts, where packets hold two samples
_MAX_LOST_SHARE = 0.5


def recognises(source: TextFile) -> bool:
    """Whether a file's first line is one of this format."""
    separator = find_separator(source.lines[source.start :])
    cells = [cell.replace(",", ".") for cell in split_line(source.lines[_first_row(source)].strip(), separator)]
    is_wide = len(cells) in BOARDS or (separator == "\t" and 10 < len(cells) < 200)
    return is_wide and all(map(_NUMBER.fullmatch, cells))


def _first_row(source: TextFile) -> int:
    """Index of the first line of samples: the second one where a program has counted the columns in the first."""
    count = len(split_line(source.first_line, ","))
    counted = source.first_line.replace(" ", "") in (",".join(map(str, range(k, k + count))) for k in (0, 1))
    return source.start + 1 if counted and 10 < count < 200 and source.start + 1 < len(source.lines) else source.start


def parse(source: TextFile) -> Take:
    """Parse channels (µV) on an even clock (UNIX s), and markers. Raises InnerfaceError with line and column."""
    path, table = source.path, open_headless(source, _first_row(source))
    width = len(table.header)
    board = BOARDS.get(width)
    if board is None:
        known = ", ".join(f"{n} ({' or '.join(b.names)})" for n, b in BOARDS.items())
        raise InnerfaceError(
            f"{path}: line 1: {width} columns without a header match no known board ({known}); "
            "export the take as .bio.csv"
        )
    rows = table.read(range(width))
    values, line_numbers = rows.values, rows.line_numbers
    if not len(values):
        raise InnerfaceError(f"{path}: has no whole rows; record the take again")
    arrival = values[:, board.time_column]
    bad = ~((arrival > _UNIX_RANGE[0]) & (arrival < _UNIX_RANGE[1]))
    if bad.any():
        raise InnerfaceError(
            f"{path}: line {line_numbers[int(bad.argmax())]}, column {board.time_column + 1}: is not a UNIX time, "
            f"which {board.names[0]} has there; give a file written by BrainFlow"
        )
    time, rate, lost, notes = even_clock(values[:, 0], arrival, board)
    notes = rows.notes + (table.notes if table.separator != "\t" else []) + notes
    if lost:
        notes.append(f"{lost} of {len(time) + lost} samples were lost in transmission; the gaps remain")
    columns = tuple(f"exg{k + 1}" for k in range(board.exg_count))
    name = board.names[min(board.rates.index(rate) if rate in board.rates else 0, len(board.names) - 1)]
    tracks: dict[str, Track] = {
        TrackKind.BIOSIGNAL: Track(
            TrackKind.BIOSIGNAL,
            time,
            columns,
            values[:, 1 : 1 + board.exg_count],
            {"unit": "uV", "rate_hz": f"{rate:.6g}", "device": name},
        )
    }
    markers = np.nan_to_num(values[:, board.time_column + 1])
    marker_track = build_marker_track(time[markers != 0], markers[markers != 0])
    if marker_track is not None:
        tracks[TrackKind.EVENTS] = marker_track
    return Take(path.stem, tracks, notes)


def even_clock(counter: Array, arrival: Array, board: Board) -> tuple[Array, float, int, list[str]]:
    """Times of samples on a straight line through their `arrival` (T,).

    `counter` (T,) holds the packets' numbers, which wrap around after 100 to 256.
    """
    if len(counter) < 3:
        rate = board.rates[-1]
        return arrival[0] + np.arange(len(counter)) / rate, rate, 0, []
    measured = 1 / max(measure_period(np.arange(len(arrival)), arrival), 1e-6)
    rate = min(board.rates, key=lambda r: abs(np.log(measured / r)))
    index = _unwrap_counter(counter, arrival, rate)
    notes: list[str] = []
    if index is None:
        arrival, notes = _undo_steps(np.arange(len(arrival)), arrival, 1 / measured, only_back=True)
        pauses = np.diff(arrival)
        missed = np.where(pauses > _GAP_S, np.round(pauses * rate) - 1, 0)
        index = np.concatenate([[0], np.cumsum(1 + missed)])
        notes.append("the packets' counter is irregular; the clock was fitted to the times of arrival")
    else:
        arrival, notes = _undo_steps(index, arrival, measure_period(index, arrival))
    slope, start = fit_line(index, arrival)
    if not 0.1 < slope * rate < 10:  # arrivals without information
        slope, start = 1 / rate, float(np.median(arrival - index / rate))
    if abs(slope * rate - 1) > _RATE_TOLERANCE:
        notes.append(f"the sample rate is {1 / slope:.4g} Hz where {board.names[0]} has {rate:g} Hz; check the board")
        rate = float(1 / slope)
    return start + slope * index, rate, int(index[-1]) + 1 - len(index), notes


def _undo_steps(index: Array, arrival: Array, period: float, *, only_back: bool = False) -> tuple[Array, list[str]]:
    """Arrivals (T,) by the computer's clock as it was at first, and notes on where it was set.

    `only_back`: without a counter a step forward may as well be a loss of samples.
    """
    if not period > 0:
        return arrival, []
    out, notes = arrival.copy(), list[str]()
    late = arrival - index * period
    for start in find_stretches(index, arrival, period)[1:]:
        window = max(round(_LEVEL_S / period), 1)
        step = float(np.median(late[start : start + window]) - np.median(late[max(start - window, 0) : start]))
        if step > 0 and only_back:
            continue
        out[start:] -= step
        notes.append(
            f"the computer's clock was set {'back' if step < 0 else 'on'} by {abs(step):.3g} s, "
            f"{index[start] * period:.4g} s from the start; the samples are counted on by "
            + ("their order" if only_back else "the packets' counter")
        )
    return out, notes


def _unwrap_counter(counter: Array, arrival: Array, rate: float) -> Array | None:
    """Indices (T,) of the samples, lost ones included; None where counter and arrivals disagree."""
    step = np.diff(counter)
    if not np.isfinite(step).all() or not (step > 0).any():
        return None
    increments, counts = np.unique(step[step > 0], return_counts=True)
    unit = increments[counts.argmax()]
    samples_per_packet = 2 if (step == 0).mean() > _MIN_PAIRED_SHARE else 1
    packets_per_cycle = float(np.ptp(counter) / unit) + 1  # until the counter wraps around
    packets = step / unit
    packets = np.where(packets < 0, packets + packets_per_cycle, packets)
    advance = np.where(packets == 0, 1, (packets - 1) * samples_per_packet + 1)
    if (step < 0).any():  # gaps may span whole cycles of the counter, which only the clock shows
        samples_per_cycle = packets_per_cycle * samples_per_packet
        cycles = np.maximum((np.diff(arrival) * rate - advance) / samples_per_cycle, 0)
        # where the counter goes on, and a pause has no whole cycles or is longer than the take, the clock was set
        uneven = np.abs(cycles - np.round(cycles)) * samples_per_cycle / rate > _CYCLE_TOLERANCE_S
        was_set = (advance == 1) & (uneven | (cycles * samples_per_cycle > len(counter)))
        advance += samples_per_cycle * np.where(was_set, 0, np.round(cycles))
    if (np.abs(advance - np.round(advance)) > 1e-6).any() or advance.min() < 1:
        return None
    index = np.concatenate([[0], np.cumsum(np.round(advance))])
    contradicted = abs(measure_period(index, arrival) * rate - 1) > _RATE_TOLERANCE and index[-1] / rate > _MIN_JUDGED_S
    return None if contradicted or 1 - len(index) / (index[-1] + 1) > _MAX_LOST_SHARE else index

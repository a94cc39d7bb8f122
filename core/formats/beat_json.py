"""BEAT-style JSON: {"names": [...], "frames": [{"weights": [...], "time": 0.0, "rotation": []}, ...]}."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, cast

import numpy as np

from ..errors import InnerfaceError
from ..files import atomic_write
from ..take import Take, Track, TrackKind
from . import time_column
from .text_file import TextFile
from .weights_columns import match_columns, missing_notes, skipped_notes, to_units

# Empty lists take 20 times as much memory as text. A frame has three brackets, and at least 48 characters.
_CUT_TRIES = 3  # braces from the end of a file that is cut off; the first mostly ends a frame
_FREE_BRACKETS, _MIN_CHARS_PER_BRACKET = 1000, 12


def parse(source: TextFile) -> Take:
    """Parse BEAT-style JSON; of a file that is cut off all whole frames. Raises InnerfaceError."""
    path, text = source.path, source.text
    if text.count("[") + text.count("{") > _FREE_BRACKETS + len(text) / _MIN_CHARS_PER_BRACKET:
        raise InnerfaceError(f"{path}: holds more lists than frames of weights have; give BEAT-style JSON")
    notes: list[str] = []
    try:
        data: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        data = _read_whole_frames(text)
        if data is None:
            line = getattr(error, "lineno", "?")
            raise InnerfaceError(
                f"{path}: line {line}: is not complete JSON; the file may be cut off: export it again"
            ) from None
        count = len(text) and text.count("\n", 0, text.rfind("}")) + 1
        notes.append(f"the file is cut off after line {count}; all whole frames before were read")
    recording = cast("dict[str, Any]", data if isinstance(data, dict) else {})
    if not isinstance(recording.get("names"), list) or not isinstance(recording.get("frames"), list):
        raise InnerfaceError(f"{path}: lacks 'names' and 'frames'; give BEAT-style JSON")
    labels = [str(n).strip() for n in recording["names"]]
    table = match_columns(labels)
    names = list(table.used)
    columns = [(labels.index(name), name) for name in names]
    if not names or any(labels.count(n) > 1 for n in names):
        raise InnerfaceError(f"{path}: 'names' has none of Apple's 52 names, or one twice; give a face take")
    frames: list[Any] = recording["frames"]
    if not frames:
        raise InnerfaceError(f"{path}: 'frames' is empty; export the take again")
    values, time = np.empty((len(frames), len(names))), np.empty(len(frames))
    for k, frame in enumerate(frames):
        fields = cast("dict[str, Any]", frame if isinstance(frame, dict) else {})
        entry = fields.get("weights")
        weights = cast("list[Any]", entry if isinstance(entry, list) else [])
        if not isinstance(entry, list) or len(weights) != len(labels):
            raise InnerfaceError(
                f"{path}: frame {k}: {len(weights)} weights where 'names' has {len(labels)}; "
                "correct or delete the frame"
            )
        if set(map(type, weights)) == {float}:
            values[k] = [weights[i] for i, _ in columns]
        if set(map(type, weights)) != {float} or not np.isfinite(values[k]).all():
            values[k] = [_number(weights[i], path, frame=k, name=name) for i, name in columns]
        time[k] = _number(fields.get("time"), path, frame=k, name="time")
    frame_numbers = np.arange(len(frames))
    rows = time_column.extract_time(
        np.column_stack([time, values]), frame_numbers, column=time_column.SECONDS, path=path, row_name="frame"
    )
    weights, unit_notes = to_units(
        table.to_channels(rows.values), table.channels, line_numbers=rows.kept, path=path, row_name="frame"
    )
    notes += [*rows.notes, *unit_notes, *skipped_notes(labels), *missing_notes(table.channels)]
    return Take(path.stem, {TrackKind.WEIGHTS: Track(TrackKind.WEIGHTS, rows.time, table.channels, weights)}, notes)


def _read_whole_frames(text: str) -> Any:
    """What a file that is cut off holds in whole frames; None where that is nothing."""
    end = len(text)
    for _ in range(_CUT_TRIES):
        end = text.rfind("}", 0, end)
        if end < 0:
            return None
        try:
            return json.loads(text[: end + 1] + "]}")
        except (ValueError, RecursionError):
            continue
    return None


def _number(value: Any, path: Path, *, frame: int, name: str) -> float:
    if value is None:
        return math.nan
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isinf(number):
            return number
    raise InnerfaceError(
        f"{path}: frame {frame}, {name}: {str(value)[:24]!r} is not a number; correct it or write null"
    )


def write(take: Take, path: Path) -> None:
    """Write the take's weights; missing values become null."""
    track = take.weights()
    with atomic_write(path) as temporary, open(temporary, "w", encoding="utf-8") as out:
        out.write('{"names": ' + json.dumps(list(track.columns)) + ', "frames": [')
        for k, (t, row) in enumerate(zip(track.time.tolist(), track.values.tolist())):
            weights = [None if v != v else v for v in row]
            out.write((",\n" if k else "\n") + json.dumps({"weights": weights, "time": t, "rotation": []}))
        out.write("\n]}\n")

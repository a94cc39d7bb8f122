"""The native format of takes: MCAP with a JSON channel per track, which opens in public viewers.

Every message has its sample's time; log times count ns from the take's first sample, because clocks may be negative. A
truncated take is read up to its last complete chunk, with a note.
"""

from __future__ import annotations

import json
import math
from array import array
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from ..errors import InnerfaceError
from ..files import atomic_write, open_file
from ..take import Take, Track, TrackKind
from .biosignals import unit_scale
from .mcap_records import MAGIC, read_records, read_summary_records
from .table import repeat_notes
from .weights_columns import match_columns

# Metadata records at the start, and at the end of recordings.
START_METADATA, END_METADATA = "innerface", "innerface ending"
PROFILE = "innerface"
_MAX_LENGTH_S = 1e10  # log times are 64 bits of ns
_MAX_COLUMNS, _MAX_COLUMN_TEXT = 4096, 1 << 20  # of a track; characters of their list
_MAX_MESSAGE_BYTES = 1 << 20  # longer ones are no samples
# Samples may leave columns empty: so many cells, and one for so many bytes of the messages.
_FREE_CELLS, _MIN_CELL_BYTES = 10_000_000, 4
_NO_UNIT = "no unit is given; values were taken as µV"


def write(take: Take, path: Path) -> None:
    """Write all tracks. Raises InnerfaceError where the path cannot be written."""
    from mcap.writer import Writer  # here, because it imports compression libraries, which is slow

    starts = [t.time[0] for t in take.tracks.values() if len(t.time)]
    epoch = float(min(starts)) if starts else 0.0
    length = max((float(t.time[-1]) - epoch for t in take.tracks.values() if len(t.time)), default=0.0)
    if not length < _MAX_LENGTH_S:
        raise InnerfaceError(f"{take.name}: its times span {length:.4g} s; correct them, or cut the take")
    with atomic_write(path) as temporary, open(temporary, "wb") as out:
        writer = Writer(out, chunk_size=1 << 20)
        writer.start(profile=PROFILE, library="innerface")
        writer.add_metadata(START_METADATA, {"version": "1", "name": take.name, "epoch": repr(epoch)})
        for name, track in take.tracks.items():
            schema_id = writer.register_schema(f"innerface.{track.kind}", "jsonschema", schema(track.columns))
            metadata = channel_metadata(track.kind, track.columns, track.meta)
            channel = writer.register_channel(f"/{name}", "json", schema_id, metadata=metadata)
            for t, row in zip(track.time.tolist(), track.values.tolist()):
                sample: dict[str, float | None] = {"time": t}
                sample.update(zip(track.columns, (None if v != v else v for v in row)))
                log_time = round((t - epoch) * 1e9)
                writer.add_message(channel, log_time, json.dumps(sample, separators=(",", ":")).encode(), log_time)
        writer.finish()


def schema(columns: tuple[str, ...]) -> bytes:
    """JSON schema of a track's messages."""
    number = {"type": ["number", "null"]}
    properties: dict[str, Any] = {"time": {"type": "number"}} | dict.fromkeys(columns, number)
    return json.dumps({"type": "object", "properties": properties}).encode()


def channel_metadata(kind: str, columns: tuple[str, ...], meta: dict[str, str]) -> dict[str, str]:
    """Metadata of a track's channel, for reading it back."""
    return {f"meta.{k}": v for k, v in meta.items()} | {"kind": kind, "columns": json.dumps(columns)}


def read(path: Path) -> Take:
    """Read all tracks; damaged files as far as they are intact, with a note. Raises InnerfaceError."""
    from mcap.records import Channel, Message, Metadata

    name, complete, reason = path.stem, False, ""
    channels: dict[int, Any] = {}
    rows: dict[int, _SampleBuffer] = {}
    try:
        with open_file(path) as source:
            for record in read_records(source, path):
                if isinstance(record, Message):
                    buffer = rows.get(record.channel_id)
                    if buffer is None:
                        channel = channels.get(record.channel_id)
                        buffer = rows[record.channel_id] = _SampleBuffer(channel, path)
                    buffer.add(record.data)
                elif isinstance(record, Channel):
                    channels.setdefault(record.id, record)
                elif isinstance(record, Metadata) and record.name == START_METADATA:
                    name = record.metadata.get("name", name)
            complete = True
    except InnerfaceError:
        raise
    except Exception as error:  # of any kind: errors of a damaged chunk share no base class
        reason = type(error).__name__
    notes: list[str] = []
    tracks: dict[str, Track] = {}
    for channel_id, channel in channels.items():
        track = _to_track(channel, rows.get(channel_id), path, notes=notes)
        if track is not None:
            tracks[channel.topic.lstrip("/")] = track
    if not tracks:
        reason = f" ({notes[-1]})" if notes else ""
        raise InnerfaceError(
            f"{path}: has no track of Innerface{reason}; give an Innerface take that is not cut off at its start"
        )
    if not complete:
        last = max((t.time[-1] for t in tracks.values() if len(t.time)), default=math.nan)
        notes.insert(0, f"the file is cut off or damaged ({reason}); all complete chunks were read, up to {last:.3f} s")
    return Take(name, tracks, notes)


def read_columns(path: Path) -> dict[str, tuple[str, ...]]:
    """The columns of each track of weights, as they are named in the file. Raises InnerfaceError."""
    from mcap.records import Channel

    columns: dict[str, tuple[str, ...]] = {}
    try:
        with open_file(path) as source:
            for record in read_records(source, path):
                if isinstance(record, Channel) and record.metadata.get("kind") == TrackKind.WEIGHTS:
                    columns[record.topic.lstrip("/")] = _SampleBuffer(record, path).columns
    except InnerfaceError:
        raise
    except Exception:
        pass  # the truncated end
    return columns


class _SampleBuffer:
    """Samples of a channel as 8-byte numbers: long recordings do not fit into memory as objects.

    Raises InnerfaceError for more columns than a track may have, and for more cells than its messages can hold.
    """

    def __init__(self, channel: Any, path: Path) -> None:
        self.path, self.topic = path, "" if channel is None else str(channel.topic)[:40]
        self.columns: tuple[str, ...] = ()
        if channel is not None and "kind" in channel.metadata:
            self.columns = self._columns(channel.metadata.get("columns", "[]"))
        self.numbers, self.cells_left = array("d"), _FREE_CELLS

    def _columns(self, text: str) -> tuple[str, ...]:
        """The names of columns that a channel's metadata give."""
        columns: Any = None
        if len(text) <= _MAX_COLUMN_TEXT:
            with suppress(ValueError, RecursionError):
                columns = json.loads(text)
        if not isinstance(columns, list):
            raise InnerfaceError(
                f"{self.path}: track {self.topic}: the list of its columns cannot be read; restore the file from a copy"
            )
        names = tuple(str(c) for c in cast("list[Any]", columns))
        if len(names) > _MAX_COLUMNS:
            raise InnerfaceError(
                f"{self.path}: track {self.topic} has {len(names)} columns, and at most {_MAX_COLUMNS} are read; "
                "record fewer channels"
            )
        return names

    def add(self, message: bytes) -> None:
        """Add a sample, JSON."""
        if not self.columns or len(message) > _MAX_MESSAGE_BYTES:
            return
        sample = json.loads(message)
        if isinstance(sample, dict):
            fields, nan = cast("dict[str, Any]", sample), math.nan
            row = [float(fields["time"]), *(nan if (v := fields.get(c)) is None else float(v) for c in self.columns)]
            self.cells_left += len(message) // _MIN_CELL_BYTES - len(row)
            if self.cells_left < 0:
                raise InnerfaceError(
                    f"{self.path}: track {self.topic} has {len(self.columns)} columns that its samples leave empty; "
                    "give the take as it was recorded"
                )
            self.numbers.extend(row)


def _to_track(channel: Any, rows: _SampleBuffer | None, path: Path, *, notes: list[str]) -> Track | None:
    """Track of a channel, None for another program's. Late samples are sorted in; `notes` tell of rows left out."""
    try:
        kind = channel.metadata["kind"]
        rows = rows or _SampleBuffer(channel, path)
        numbers = np.frombuffer(rows.numbers, dtype=np.float64).reshape(-1, len(rows.columns) + 1)
        finite = np.isfinite(numbers[:, 0])
        if not finite.all():
            notes.append(f"{rows.topic.lstrip('/')}: {int((~finite).sum())} rows have no time; they were skipped")
            numbers = numbers[finite]
        if len(numbers) and (np.diff(numbers[:, 0]) <= 0).any():
            numbers = numbers[np.argsort(numbers[:, 0], kind="stable")]
            keep = np.concatenate([[True], np.diff(numbers[:, 0]) > 0])
            notes += [f"{rows.topic.lstrip('/')}: {note}" for note in repeat_notes(int((~keep).sum()))]
            numbers = numbers[keep]
        values = numbers[:, 1:]
        if np.isinf(values).any():
            values = np.where(np.isinf(values), np.nan, values)
        meta = {k[len("meta.") :]: v for k, v in channel.metadata.items() if k.startswith("meta.")}
        columns = rows.columns
        if kind == TrackKind.WEIGHTS and (table := match_columns(list(columns))).names:
            columns, values = table.channels, table.to_channels(values[:, [columns.index(n) for n in table.names]])
        if kind == TrackKind.BIOSIGNAL:
            unit = meta.get("unit", "")
            scale = unit_scale(unit) if unit else 1.0
            name = channel.topic.lstrip("/")
            if scale is None:
                notes.append(f"{name} left out: {unit[:16]} is not a voltage")
                return None
            if not unit or scale != 1:
                notes.append(f"{name}: " + (f"{unit} was converted to µV" if unit else _NO_UNIT))
            values, meta = values * scale, meta | ({"unit": "uV"} if unit else {})
        return Track(kind, numbers[:, 0], columns, values, meta)
    except KeyError:
        return None
    except (ValueError, TypeError) as error:
        raise InnerfaceError(
            f"{path}: track {channel.topic}: {error}; the file is damaged: restore it from a copy"
        ) from None


@dataclass(frozen=True)
class TakeSummary:
    """Description of a take's file without its samples.

    Attributes
    ----------
    metadata : of its START_METADATA and END_METADATA records.
    seconds : from the first message to the last.
    complete : whether the file was finished.
    """

    metadata: dict[str, str]
    seconds: float
    complete: bool


def read_summary(path: Path) -> TakeSummary:
    """Summarise a take's file without unpacking its samples. Raises InnerfaceError for other files."""
    from mcap.records import Chunk, Message, Metadata, Statistics

    metadata: dict[str, str] = {}
    try:
        with open_file(path) as source:
            if source.read(len(MAGIC)) != MAGIC:
                raise InnerfaceError(f"{path}: is not an MCAP take")
            source.seek(0)
            records = read_summary_records(source, path)
            statistics = next((r for r in records if isinstance(r, Statistics)), None)
            if statistics is not None:
                for record in records:
                    if isinstance(record, Metadata) and record.name in (START_METADATA, END_METADATA):
                        metadata.update(record.metadata)
                return TakeSummary(
                    metadata, max(statistics.message_end_time - statistics.message_start_time, 0) * 1e-9, True
                )
    except InnerfaceError:
        raise
    except Exception:  # damaged or truncated: read as far as it is intact
        metadata = {}
    times: list[int] = []  # of the first and the last message, ns
    try:
        with open_file(path) as source:
            for record in read_records(source, path, unpack=False):
                if isinstance(record, Metadata) and record.name in (START_METADATA, END_METADATA):
                    metadata.update(record.metadata)
                elif isinstance(record, Chunk):
                    times = [*times[:1], record.message_start_time, record.message_end_time]
                elif isinstance(record, Message):
                    times = [*times[:1], record.log_time]
    except OSError as error:
        raise InnerfaceError(f"{path}: cannot be read ({error.strerror})") from None
    except Exception:
        pass  # the truncated end
    return TakeSummary(metadata, max(times[-1] - times[0], 0) * 1e-9 if times else 0.0, False)

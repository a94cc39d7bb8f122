"""The native format of takes: MCAP with a JSON channel per track, which opens in public viewers.

Every message has its sample's time; log times count ns from the take's first sample, because clocks may be negative. A
truncated take is read up to its last complete chunk, with a note.
"""

from __future__ import annotations

import json
import math
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from ..errors import InnerfaceError
from ..files import atomic_write
from ..take import Take, Track, TrackKind
from .weights_columns import match_columns

MAGIC = b"\x89MCAP0\r\n"
# Metadata records at the start, and at the end of recordings.
START_METADATA, END_METADATA = "innerface", "innerface ending"
_PROFILE = "innerface"
_MAX_RECORD_BYTES = 64 << 20  # chunks of Innerface are 1 MiB


def write(take: Take, path: Path) -> None:
    """Write all tracks. Raises InnerfaceError where the path cannot be written."""
    from mcap.writer import Writer  # here, because it imports compression libraries, which is slow

    starts = [t.time[0] for t in take.tracks.values() if len(t.time)]
    epoch = float(min(starts)) if starts else 0.0
    with atomic_write(path) as temporary, open(temporary, "wb") as out:
        writer = Writer(out, chunk_size=1 << 20)
        writer.start(profile=_PROFILE, library="innerface")
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
    from mcap.exceptions import McapError
    from mcap.records import Channel, Message, Metadata
    from mcap.stream_reader import StreamReader

    name, complete, reason = path.stem, False, ""
    channels: dict[int, Channel] = {}
    rows: dict[int, _SampleBuffer] = {}
    try:
        with open(path, "rb") as source:
            for record in StreamReader(source, validate_crcs=True, record_size_limit=_MAX_RECORD_BYTES).records:
                if isinstance(record, Channel):
                    channels.setdefault(record.id, record)
                elif isinstance(record, Message):
                    rows.setdefault(record.channel_id, _SampleBuffer(channels.get(record.channel_id))).add(
                        json.loads(record.data)
                    )
                elif isinstance(record, Metadata) and record.name == START_METADATA:
                    name = record.metadata.get("name", name)
            complete = True
    except (McapError, ValueError, KeyError, EOFError, OSError) as error:
        reason = type(error).__name__
    except Exception as error:  # struct, zstd and lz4 errors of a damaged chunk share no base class
        reason = type(error).__name__
    tracks: dict[str, Track] = {}
    for channel_id, channel in channels.items():
        track = _to_track(channel, rows.get(channel_id), path)
        if track is not None:
            tracks[channel.topic.lstrip("/")] = track
    if not tracks:
        raise InnerfaceError(
            f"{path}: has no track of Innerface; give an Innerface take that is not cut off at its start"
        )
    notes: list[str] = []
    if not complete:
        last = max((t.time[-1] for t in tracks.values() if len(t.time)), default=math.nan)
        notes.append(f"the file is cut off or damaged ({reason}); all complete chunks were read, up to {last:.3f} s")
    return Take(name, tracks, notes)


class _SampleBuffer:
    """Samples of a channel as 8-byte numbers: long recordings do not fit into memory as objects."""

    def __init__(self, channel: Any) -> None:
        columns = (
            json.loads(channel.metadata["columns"]) if channel is not None and "columns" in channel.metadata else ()
        )
        self.columns = tuple(str(c) for c in columns)
        self.numbers = array("d")

    def add(self, sample: Any) -> None:
        if isinstance(sample, dict) and self.columns:
            fields, nan = cast("dict[str, Any]", sample), math.nan
            row = [float(fields["time"]), *(nan if (v := fields.get(c)) is None else float(v) for c in self.columns)]
            self.numbers.extend(row)


def _to_track(channel: Any, rows: _SampleBuffer | None, path: Path) -> Track | None:
    """Track of a channel, None for another program's. Late samples are sorted in, repeated times dropped."""
    try:
        rows = rows or _SampleBuffer(channel)
        kind = channel.metadata["kind"]
        numbers = np.frombuffer(rows.numbers, dtype=np.float64).reshape(-1, len(rows.columns) + 1)
        if len(numbers) and (np.diff(numbers[:, 0]) <= 0).any():
            numbers = numbers[np.argsort(numbers[:, 0], kind="stable")]
            numbers = numbers[np.concatenate([[True], np.diff(numbers[:, 0]) > 0])]
        meta = {k[len("meta.") :]: v for k, v in channel.metadata.items() if k.startswith("meta.")}
        columns, values = rows.columns, numbers[:, 1:]
        if kind == TrackKind.WEIGHTS and (table := match_columns(list(columns))).names:
            columns, values = table.channels, table.to_channels(values[:, [columns.index(n) for n in table.names]])
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
    """Summarise a take's file, fast if it is complete. Raises InnerfaceError for other files."""
    from mcap.reader import SeekingReader
    from mcap.records import Message, Metadata
    from mcap.stream_reader import StreamReader

    metadata: dict[str, str] = {}
    try:
        with open(path, "rb") as source:
            if source.read(len(MAGIC)) != MAGIC:
                raise InnerfaceError(f"{path}: is not an MCAP take")
            source.seek(0)
            reader = SeekingReader(source, record_size_limit=_MAX_RECORD_BYTES)
            mcap_summary = reader.get_summary()
            statistics = None if mcap_summary is None else mcap_summary.statistics
            if statistics is not None:
                for record in reader.iter_metadata():
                    metadata.update(record.metadata if record.name in (START_METADATA, END_METADATA) else {})
                return TakeSummary(
                    metadata, max(statistics.message_end_time - statistics.message_start_time, 0) * 1e-9, True
                )
    except InnerfaceError:
        raise
    except Exception:  # damaged or truncated: read as far as it is intact
        metadata = {}
    first = last = None
    try:
        with open(path, "rb") as source:
            for record in StreamReader(source, record_size_limit=_MAX_RECORD_BYTES).records:
                if isinstance(record, Message):
                    first, last = (record.log_time if first is None else first), record.log_time
                elif isinstance(record, Metadata) and record.name in (START_METADATA, END_METADATA):
                    metadata.update(record.metadata)
    except OSError as error:
        raise InnerfaceError(f"{path}: cannot be read ({error.strerror})") from None
    except Exception:
        pass  # the truncated end
    return TakeSummary(metadata, (last - first) * 1e-9 if first is not None and last is not None else 0.0, False)

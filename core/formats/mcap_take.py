"""The native take: MCAP with one JSON channel per track, so that it opens in public viewers.

Every message carries its sample's own time; the log time counts nanoseconds from the take's first sample, because
clocks may be negative. A take that was cut off is read up to its last whole chunk, and says so.
"""

from __future__ import annotations

import json
import math
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InnerfaceError
from ..files import atomic_write
from ..take import Take, Track

MAGIC = b"\x89MCAP0\r\n"
START_METADATA, END_METADATA = (
    "innerface",
    "innerface ending",
)  # metadata records: at the start, and of recordings at the end
_PROFILE = "innerface"
_RECORD_LIMIT = 64 << 20  # bytes of one record; a chunk of ours is 1 MiB


def write(take: Take, path: Path) -> None:
    """Write all tracks. Raises InnerfaceError where the path cannot be written."""
    from mcap.writer import Writer  # here: importing compression libraries costs time that most commands need not pay

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
    """What a track's channel says of it, so that it is read back as it was."""
    return {f"meta.{k}": v for k, v in meta.items()} | {"kind": kind, "columns": json.dumps(columns)}


def read(path: Path) -> Take:
    """Read all tracks; a file cut off or damaged is read as far as it is whole, with a note. Raises InnerfaceError."""
    from mcap.exceptions import McapError
    from mcap.records import Channel, Message, Metadata
    from mcap.stream_reader import StreamReader

    name, complete = path.stem, False
    channels: dict[int, Channel] = {}
    rows: dict[int, _SampleBuffer] = {}
    try:
        with open(path, "rb") as source:
            for record in StreamReader(source, validate_crcs=True, record_size_limit=_RECORD_LIMIT).records:
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
    tracks = {}
    for channel_id, channel in channels.items():
        track = _to_track(channel, rows.get(channel_id), path)
        if track is not None:
            tracks[channel.topic.lstrip("/")] = track
    if not tracks:
        raise InnerfaceError(
            f"{path}: no track of Innerface's can be read from it; is it a take, or was it cut off at its start?"
        )
    notes = []
    if not complete:
        last = max((t.time[-1] for t in tracks.values() if len(t.time)), default=math.nan)
        notes.append(f"the file is cut off or damaged ({reason}); all whole chunks were read, up to {last:.3f} s")
    return Take(name, tracks, notes)


class _SampleBuffer:
    """A channel's samples as numbers, 8 bytes each: long recordings do not fit into memory as objects."""

    def __init__(self, channel: Any) -> None:
        columns = (
            json.loads(channel.metadata["columns"]) if channel is not None and "columns" in channel.metadata else ()
        )
        self.columns = tuple(str(c) for c in columns)
        self.numbers = array("d")

    def add(self, sample: Any) -> None:
        if isinstance(sample, dict) and self.columns:
            nan = math.nan
            row = [float(sample["time"]), *(nan if (v := sample.get(c)) is None else float(v) for c in self.columns)]
            self.numbers.extend(row)


def _to_track(channel: Any, rows: _SampleBuffer | None, path: Path) -> Track | None:
    """A channel as a track, None for one of another program's. Samples that came late are put in their places, repeated times left out."""
    try:
        rows = rows or _SampleBuffer(channel)
        kind = channel.metadata["kind"]
        numbers = np.frombuffer(rows.numbers, dtype=np.float64).reshape(-1, len(rows.columns) + 1)
        if len(numbers) and (np.diff(numbers[:, 0]) <= 0).any():
            numbers = numbers[np.argsort(numbers[:, 0], kind="stable")]
            numbers = numbers[np.concatenate([[True], np.diff(numbers[:, 0]) > 0])]
        meta = {k[len("meta.") :]: v for k, v in channel.metadata.items() if k.startswith("meta.")}
        return Track(kind, numbers[:, 0], rows.columns, numbers[:, 1:], meta)
    except KeyError:
        return None
    except (ValueError, TypeError) as error:
        raise InnerfaceError(
            f"{path}: track {channel.topic}: {error}; the file was damaged: restore it from a copy"
        ) from None


@dataclass(frozen=True)
class TakeSummary:
    """What a take's file says of itself, without its samples. `about`: the texts of its ABOUT and ENDING records; `seconds` from the first message to the last;
    `whole`: it was ended properly."""

    metadata: dict[str, str]
    seconds: float
    complete: bool


def read_summary(path: Path) -> TakeSummary:
    """Raises InnerfaceError for what is no take; fast for whole ones."""
    from mcap.reader import SeekingReader
    from mcap.records import Message, Metadata
    from mcap.stream_reader import StreamReader

    metadata: dict[str, str] = {}
    try:
        with open(path, "rb") as source:
            if source.read(len(MAGIC)) != MAGIC:
                raise InnerfaceError(f"{path}: is no MCAP take")
            source.seek(0)
            reader = SeekingReader(source, record_size_limit=_RECORD_LIMIT)
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
    except Exception:  # damaged or cut off: read as far as it is whole
        metadata = {}
    first = last = None
    try:
        with open(path, "rb") as source:
            for record in StreamReader(source, record_size_limit=_RECORD_LIMIT).records:
                if isinstance(record, Message):
                    first, last = (record.log_time if first is None else first), record.log_time
                elif isinstance(record, Metadata) and record.name in (START_METADATA, END_METADATA):
                    metadata.update(record.metadata)
    except OSError as error:
        raise InnerfaceError(f"{path}: cannot be read ({error.strerror})") from None
    except Exception:
        pass  # where it was cut off
    return TakeSummary(metadata, (last - first) * 1e-9 if first is not None and last is not None else 0.0, False)

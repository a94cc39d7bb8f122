"""The native take: MCAP with one JSON channel per track, so that it opens in public viewers.

Every message carries its sample's own time; the log time counts nanoseconds from the take's first sample, because
clocks may be negative. A take that was cut off is read up to its last whole chunk, and says so.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InnerfaceError
from ..files import replacing
from ..take import Take, Track

MAGIC = b"\x89MCAP0\r\n"
_PROFILE = "innerface"
_RECORD_LIMIT = 64 << 20  # bytes of one record; a chunk of ours is 1 MiB


def write(take: Take, path: Path) -> None:
    """Write all tracks. Raises InnerfaceError where the path cannot be written."""
    from mcap.writer import Writer  # here: importing compression libraries costs time that most commands need not pay

    starts = [t.time[0] for t in take.tracks.values() if len(t.time)]
    epoch = float(min(starts)) if starts else 0.0
    with replacing(path) as temporary, open(temporary, "wb") as out:
        writer = Writer(out, chunk_size=1 << 20)
        writer.start(profile=_PROFILE, library="innerface")
        writer.add_metadata("innerface", {"version": "1", "name": take.name, "epoch": repr(epoch)})
        for name, track in take.tracks.items():
            schema = writer.register_schema(f"innerface.{track.kind}", "jsonschema", _schema(track))
            meta = {f"meta.{k}": v for k, v in track.meta.items()}
            meta |= {"kind": track.kind, "columns": json.dumps(track.columns)}
            channel = writer.register_channel(f"/{name}", "json", schema, metadata=meta)
            for t, row in zip(track.time.tolist(), track.values.tolist()):
                sample: dict[str, float | None] = {"time": t}
                sample.update(zip(track.columns, (None if v != v else v for v in row)))
                stamp = round((t - epoch) * 1e9)
                writer.add_message(channel, stamp, json.dumps(sample, separators=(",", ":")).encode(), stamp)
        writer.finish()


def _schema(track: Track) -> bytes:
    number = {"type": ["number", "null"]}
    properties: dict[str, Any] = {"time": {"type": "number"}} | dict.fromkeys(track.columns, number)
    return json.dumps({"type": "object", "properties": properties}).encode()


def read(path: Path) -> Take:
    """Read all tracks; a file cut off or damaged is read as far as it is whole, with a note. Raises InnerfaceError."""
    from mcap.exceptions import McapError
    from mcap.records import Channel, Message, Metadata
    from mcap.stream_reader import StreamReader

    name, whole = path.stem, False
    channels: dict[int, Channel] = {}
    rows: dict[int, list[dict]] = {}
    try:
        with open(path, "rb") as source:
            for record in StreamReader(source, validate_crcs=True, record_size_limit=_RECORD_LIMIT).records:
                if isinstance(record, Channel):
                    channels.setdefault(record.id, record)
                elif isinstance(record, Message):
                    sample = json.loads(record.data)
                    if isinstance(sample, dict):
                        rows.setdefault(record.channel_id, []).append(sample)
                elif isinstance(record, Metadata) and record.name == "innerface":
                    name = record.metadata.get("name", name)
            whole = True
    except (McapError, ValueError, KeyError, EOFError, OSError) as error:
        reason = type(error).__name__
    except Exception as error:  # struct, zstd and lz4 errors of a damaged chunk share no base class
        reason = type(error).__name__
    tracks = {}
    for number, channel in channels.items():
        track = _track(channel, rows.get(number, []), path)
        if track is not None:
            tracks[channel.topic.lstrip("/")] = track
    if not tracks:
        raise InnerfaceError(f"{path}: no track of Innerface's can be read from it; is it a take, or was it cut off at its start?")
    notes = []
    if not whole:
        last = max((t.time[-1] for t in tracks.values() if len(t.time)), default=math.nan)
        notes.append(f"the file is cut off or damaged ({reason}); all whole chunks were read, up to {last:.3f} s")
    return Take(name, tracks, notes)


def _track(channel: Any, samples: list[dict], path: Path) -> Track | None:
    try:
        columns = tuple(str(c) for c in json.loads(channel.metadata["columns"]))
        kind = channel.metadata["kind"]
        time = np.array([float(s["time"]) for s in samples], dtype=np.float64)
        values = np.array([[math.nan if s.get(c) is None else float(s[c]) for c in columns] for s in samples]).reshape(
            len(samples), len(columns)
        )
        meta = {k[len("meta.") :]: v for k, v in channel.metadata.items() if k.startswith("meta.")}
        return Track(kind, time, columns, values, meta)
    except KeyError:
        return None  # a channel of another program's
    except (ValueError, TypeError) as error:
        raise InnerfaceError(f"{path}: track {channel.topic}: {error}; the file was damaged: restore it from a copy") from None

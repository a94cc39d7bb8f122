"""The contents of a recording's file: MCAP (https://mcap.dev/spec) with a channel for each track, written in chunks."""

from __future__ import annotations

import json
from array import array
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, cast

from mcap.writer import CompressionType, Writer

from ...core.arrays import Array
from ...core.formats.mcap_take import END_METADATA, PROFILE, START_METADATA, channel_metadata, schema
from .recording_file import RecordingFile

_CHUNK_BYTES = 16 << 10  # a tenth of a second of eleven sensors
_MAX_CHANNELS = 256  # a device whose sensors change with every packet is invalid
_MAX_TIME_S = 1e9  # of a take


@dataclass(frozen=True, slots=True)
class TrackSample:
    """A sample of a track, which becomes one message.

    Attributes
    ----------
    track, kind
        Name of the track, which becomes the channel's topic, and its kind, which becomes the schema's name.
    columns
        Names of the C values.
    time
        s on the hub's clock.
    values
        (C,); NaN for missing ones.
    meta
        Texts kept in the channel's metadata.
    extra
        Further fields of the message.
    """

    track: str
    kind: str
    columns: tuple[str, ...]
    time: float
    values: Array
    meta: Mapping[str, str] = field(default_factory=dict[str, str])
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])


class McapContents:
    """Writes samples to a file; what is in it after `flush` can be read whatever happens next.

    Parameters
    ----------
    file
        Empty.
    metadata
        Texts of the first metadata record.
    start_time
        The take's zero on the hub's clock, s.

    Attributes
    ----------
    waiting
        Samples that were added and are not in the file.

    Raises
    ------
    OSError
        By every method that writes, once the file's writing is aborted.
    """

    def __init__(self, file: RecordingFile, metadata: Mapping[str, str], start_time: float) -> None:
        self.waiting: list[TrackSample] = []
        self._file, self._metadata, self._start_time = file, metadata, start_time
        # chunks end where `flush` is called
        self._writer = Writer(file, chunk_size=1 << 62, compression=CompressionType.ZSTD)  # type: ignore[arg-type]
        self._channel_ids: dict[tuple[str, tuple[str, ...]], int] = {}
        self._waiting_bytes = 0
        self._chunk_ends, self._chunk_rows = array("Q"), array("Q")  # rows: of all chunks up to that one

    def begin(self) -> None:
        """Write the header and the first metadata record."""
        self._writer.start(profile=PROFILE, library="innerface")
        self._writer.add_metadata(START_METADATA, _encodable_texts(self._metadata))

    @property
    def chunk_is_full(self) -> bool:
        """Whether it is time to flush."""
        return self._waiting_bytes >= _CHUNK_BYTES

    def add(self, sample: TrackSample) -> bool:
        """Add a sample; False where it belongs to one channel too many, or to no time."""
        take_time = sample.time - self._start_time
        if not abs(take_time) <= _MAX_TIME_S:
            return False
        key = (sample.track, sample.columns)
        channel_id = self._channel_ids.get(key)
        if channel_id is None:
            if len(self._channel_ids) >= _MAX_CHANNELS:
                return False
            channel_id = self._channel_ids[key] = self._register_channel(sample)
        fields: dict[str, Any] = {"time": round(take_time, 6)}
        fields.update(zip(sample.columns, (round(v, 6) if isfinite(v) else None for v in sample.values.tolist())))
        fields.update((key, _finite(value)) for key, value in sample.extra.items())
        log_time = max(round(take_time * 1e9), 0)  # ns
        data = json.dumps(fields, separators=(",", ":"), allow_nan=False).encode()
        self._writer.add_message(channel_id, log_time, data, log_time)
        self.waiting.append(sample)
        self._waiting_bytes += len(data)
        return True

    def _register_channel(self, sample: TrackSample) -> int:
        """Register the schema and the channel of a track; a track whose columns change gets another topic."""
        is_known = any(track == sample.track for track, _ in self._channel_ids)
        topic = f"{sample.track} {len(self._channel_ids) + 1}" if is_known else sample.track
        metadata = channel_metadata(sample.kind, sample.columns, {**sample.meta, "utc": self._metadata["utc"]})
        schema_id = self._writer.register_schema(f"innerface.{sample.kind}", "jsonschema", schema(sample.columns))
        return self._writer.register_channel(
            f"/{_encodable(topic)}", "json", schema_id, metadata=_encodable_texts(metadata)
        )

    def flush(self) -> None:
        """Write what waits, as a chunk."""
        self._writer.flush()
        if self.waiting:
            self._chunk_ends.append(self._file.tell())
            self._chunk_rows.append(self.rows + len(self.waiting))
        self.waiting, self._waiting_bytes = [], 0

    @property
    def rows(self) -> int:
        """Number of samples that are in the file."""
        return self._chunk_rows[-1] if self._chunk_rows else 0

    def finish(self, metadata: Mapping[str, str]) -> None:
        """Write the last metadata record, if there is any of it, and the index."""
        if metadata:
            self._writer.add_metadata(END_METADATA, _encodable_texts(metadata))
        self._writer.finish()

    def rows_within(self, size: int) -> int:
        """Number of samples that are in the file's first `size` bytes."""
        chunks = bisect_right(self._chunk_ends, size)
        return self._chunk_rows[chunks - 1] if chunks else 0


def _finite(value: Any) -> Any:
    """The value with None, which JSON has, in place of numbers that it lacks."""
    if isinstance(value, float):
        return value if isfinite(value) else None
    return [_finite(item) for item in cast("list[Any]", value)] if isinstance(value, list) else value


def _encodable_texts(texts: Mapping[str, str]) -> dict[str, str]:
    return {key: _encodable(text) for key, text in texts.items()}


def _encodable(text: str) -> str:
    """Return a text without lone surrogates, which names from a network may hold."""
    return text.encode("utf-8", "replace").decode("utf-8")

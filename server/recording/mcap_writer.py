"""Writes a take as MCAP (https://mcap.dev/spec) while it is recorded.

A thread writes, so that reception never waits for the disk.

The file is append-only and in its final place: cut off at any byte, it is readable up to its last whole chunk
(`core.formats.mcap_take`), so that a crash costs at most 16 KiB. While a disk is full or missing, the writer retries
and messages wait in memory; those that do not fit are counted.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from queue import Full, Queue
from typing import TYPE_CHECKING, Any, BinaryIO

from ...core.arrays import Array
from ...core.errors import InnerfaceError
from ...core.formats.mcap_take import END_METADATA, START_METADATA, channel_metadata, schema

if TYPE_CHECKING:
    from mcap.writer import Writer

_CHUNK_BYTES = 16 << 10  # a tenth of a second of eleven sensors
_SYNC_S = 0.5  # between flushes to the disk
_MAX_CHANNELS = 256  # a device whose sensors change with every packet is invalid
_MAX_QUEUED_MESSAGES = 30_000  # two and a half minutes at 200 Hz
_RETRY_S = 0.25
_CLOSE_TIMEOUT_S = 3.0
_PROFILE = "innerface"


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


class _RetryingFile:
    """An unbuffered file that is written all or nothing: after an error it is truncated and written again."""

    def __init__(self, raw: BinaryIO, writer: McapWriter) -> None:
        self.raw, self.writer, self.position = raw, writer, 0

    def write(self, data: bytes) -> int:
        """Write all of `data`; raises OSError once the writer is aborted."""
        while True:
            try:
                view = memoryview(data)
                while view:
                    view = view[self.raw.write(view) or 0 :]
                self.position += len(data)
                self.writer.problem = ""
                return len(data)
            except OSError as error:
                self.writer.problem = (
                    f"{self.writer.path}: cannot be written ({error.strerror}); free space or reconnect the disk"
                )
                with contextlib.suppress(OSError):
                    self.raw.truncate(self.position)
                    self.raw.seek(self.position)
                if self.writer.abort.wait(_RETRY_S):
                    raise

    def tell(self) -> int:
        """Return the size so far."""
        return self.position

    def flush(self) -> None:
        """Do nothing: writes are unbuffered."""


class McapWriter:
    """Writes one take.

    Parameters
    ----------
    path
        Must not exist.
    name
        Of the take.
    start_time
        The take's zero on the hub's clock, s.
    metadata
        Texts for the file's first metadata record.

    Attributes
    ----------
    problem
        Why the file cannot be written at present, "" if it can.
    dropped
        Number of messages that neither the disk nor memory took.
    rows
        Number of messages written.

    Raises
    ------
    InnerfaceError
        If the file exists or cannot be created.
    """

    def __init__(
        self, path: str | Path, name: str, *, start_time: float, metadata: dict[str, str] | None = None
    ) -> None:
        self.metadata = {
            "version": "1",
            "name": name,
            "epoch": "0.0",
            "utc": datetime.now(UTC).isoformat(timespec="milliseconds"),
        } | (metadata or {})
        self.final_metadata: dict[str, str] = {}
        self.path, self.start_time = Path(path), start_time
        self.problem, self.dropped, self.rows, self.abort = "", 0, 0, threading.Event()
        self.raw = self._create_file()
        self.file = _RetryingFile(self.raw, self)
        self.queue: Queue[TrackSample | None] = Queue(_MAX_QUEUED_MESSAGES)
        self._channel_ids: dict[tuple[str, tuple[str, ...]], int] = {}
        self.thread = threading.Thread(target=self._run, name="innerface recorder", daemon=True)
        self.thread.start()

    def _create_file(self) -> BinaryIO:
        try:
            if self.path.exists():
                raise InnerfaceError(f"{self.path}: exists, and takes are never overwritten; give another name")
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return open(self.path, "xb", buffering=0)
        except OSError as error:
            raise InnerfaceError(f"{self.path}: cannot be written ({error.strerror}); choose another folder") from None

    def put(self, sample: TrackSample) -> None:
        """Queue a sample; from any thread, without waiting."""
        try:
            if not self.thread.is_alive():
                raise Full
            self.queue.put_nowait(sample)
        except Full:
            self.dropped += 1

    @property
    def bytes_written(self) -> int:
        """Size of the file so far."""
        return self.file.position

    def close(self, metadata: dict[str, str] | None = None) -> None:
        """Write what is queued and a last metadata record; takes a few seconds at most, even without a disk."""
        self.final_metadata = metadata or {}
        with contextlib.suppress(Full):
            self.queue.put(None, timeout=_CLOSE_TIMEOUT_S)
        self.thread.join(_CLOSE_TIMEOUT_S)
        if self.thread.is_alive():
            self.abort.set()
            self.thread.join(_CLOSE_TIMEOUT_S)

    def _run(self) -> None:
        try:
            self._write()
        except OSError:
            pass  # aborted; `problem` says why, and the file is readable up to its last whole chunk
        except Exception as error:  # a bug must neither pass in silence nor destroy the file
            self.problem = (
                f"{self.path}: the recording ended because of a bug in the bridge ({type(error).__name__}: {error}); "
                "start another"
            )
        finally:
            self.dropped += self.queue.qsize()
            with contextlib.suppress(OSError):
                self.raw.close()

    def _write(self) -> None:
        from mcap.writer import CompressionType, Writer

        writer = Writer(self.file, chunk_size=_CHUNK_BYTES, compression=CompressionType.ZSTD)  # type: ignore[arg-type]
        writer.start(profile=_PROFILE, library="innerface")
        writer.add_metadata(START_METADATA, _encodable_texts(self.metadata))
        last_sync = time.monotonic()
        while (sample := self.queue.get()) is not None:
            self._add_message(writer, sample)
            if time.monotonic() - last_sync > _SYNC_S:  # so that a power failure costs no more than a crash
                self._sync()
                last_sync = time.monotonic()
        if self.final_metadata:
            writer.add_metadata(END_METADATA, _encodable_texts(self.final_metadata))
        writer.finish()
        self._sync()

    def _add_message(self, writer: Writer, sample: TrackSample) -> None:
        key = (sample.track, sample.columns)
        channel_id = self._channel_ids.get(key)
        if channel_id is None:
            if len(self._channel_ids) >= _MAX_CHANNELS:
                self.dropped += 1
                return
            channel_id = self._channel_ids[key] = self._register_channel(writer, sample)
        take_time = sample.time - self.start_time
        data: dict[str, Any] = {"time": round(take_time, 6)}
        data.update(zip(sample.columns, (None if v != v else round(v, 6) for v in sample.values.tolist())))
        data.update(sample.extra)
        log_time = max(round(take_time * 1e9), 0)  # ns
        writer.add_message(channel_id, log_time, json.dumps(data, separators=(",", ":")).encode(), log_time)
        self.rows += 1

    def _register_channel(self, writer: Writer, sample: TrackSample) -> int:
        """Register the schema and the channel of a track; a track whose columns change gets another topic."""
        is_known = any(track == sample.track for track, _ in self._channel_ids)
        topic = f"{sample.track} {len(self._channel_ids) + 1}" if is_known else sample.track
        metadata = channel_metadata(sample.kind, sample.columns, {**sample.meta, "utc": self.metadata["utc"]})
        schema_id = writer.register_schema(f"innerface.{sample.kind}", "jsonschema", schema(sample.columns))
        return writer.register_channel(f"/{_encodable(topic)}", "json", schema_id, metadata=_encodable_texts(metadata))

    def _sync(self) -> None:
        with contextlib.suppress(OSError):
            os.fsync(self.raw.fileno())


def _encodable_texts(texts: Mapping[str, str]) -> dict[str, str]:
    return {key: _encodable(text) for key, text in texts.items()}


def _encodable(text: str) -> str:
    """Return a text without lone surrogates, which names from a network may hold."""
    return text.encode("utf-8", "replace").decode("utf-8")

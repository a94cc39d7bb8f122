"""Recording: an append-only MCAP that a thread of its own writes, so that reception never waits for the disk and a crash costs at most the last 16 KiB.

The file is written where it will stay. Killed at any byte, it is read up to its last whole chunk (`core.formats.mcap_take`). A disk that is
full or gone makes the writer wait and try again; what comes meanwhile is held, as far as memory is lent, and told.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from queue import Full, Queue
from typing import Any, BinaryIO

from ...core.arrays import Array
from ...core.errors import InnerfaceError
from ...core.formats.mcap_take import END_METADATA, START_METADATA, channel_metadata, schema

_CHUNK_BYTES = 16 << 10  # what a crash may cost: a tenth of a second of eleven sensors
_SYNC_S = 0.5
_MAX_CHANNELS = 256  # a device that sends other sensors every time is no device
_HELD = 30_000  # samples that wait for the disk: two and a half minutes at 200 a second
_RETRY_S = 0.25
_CLOSE_TIMEOUT_S = 3.0  # how long closing waits for a disk that does not take anything


class _RetryingFile:
    """A file whose every write is whole: on an error it is cut back to where it was, and tried again until it works or is given up."""

    def __init__(self, raw: BinaryIO, recorder: McapWriter) -> None:
        self.raw, self.recorder, self.position = raw, recorder, 0

    def write(self, data: bytes) -> int:
        while True:
            try:
                view = memoryview(data)
                while view:
                    view = view[self.raw.write(view) or 0 :]
                self.position += len(data)
                self.recorder.problem = ""
                return len(data)
            except OSError as error:
                self.recorder.problem = (
                    f"{self.recorder.path}: cannot be written ({error.strerror}); free space or plug the disk in again"
                )
                with contextlib.suppress(OSError):
                    self.raw.truncate(self.position)
                    self.raw.seek(self.position)
                if self.recorder.abort.wait(_RETRY_S):
                    raise

    def tell(self) -> int:
        return self.position

    def flush(self) -> None:
        pass


class McapWriter:
    """One take. `about`: texts that are kept with it. `put` from any thread; `close` waits until all is on the disk. `problem`: what is wrong now, "" if
    nothing; `dropped`: samples that neither disk nor memory took."""

    def __init__(self, path: str | Path, name: str, start_time: float, metadata: dict[str, str] | None = None) -> None:
        self.metadata = {
            "version": "1",
            "name": name,
            "epoch": "0.0",
            "utc": datetime.now(UTC).isoformat(timespec="milliseconds"),
        } | (metadata or {})
        self.final_metadata: dict[str, str] = {}
        self.path, self.start_time = Path(path), start_time
        self.problem, self.dropped, self.rows, self.abort = "", 0, 0, threading.Event()
        try:
            if self.path.exists():
                raise InnerfaceError(
                    f"{self.path}: is there already, and takes are never overwritten; give another name"
                )
            self.path.parent.mkdir(parents=True, exist_ok=True)
            raw = open(self.path, "xb", buffering=0)
        except OSError as error:
            raise InnerfaceError(f"{self.path}: cannot be written ({error.strerror}); choose another folder") from None
        self.raw = raw
        self.queue: Queue[tuple[Any, ...] | None] = Queue(_HELD)
        self.thread = threading.Thread(target=self._run, name="innerface recorder", daemon=True)
        self.thread.start()

    def put(
        self,
        track: str,
        kind: str,
        columns: tuple[str, ...],
        meta: dict[str, str],
        at: float,
        values: Array,
        extra: dict[str, Any],
    ) -> None:
        """A sample of a track: `at` s on the hub's clock, `values` (C,) of `columns`; `extra` is kept beside them for other readers."""
        try:
            if not self.thread.is_alive():
                raise Full
            self.queue.put_nowait((track, kind, columns, meta, at - self.start_time, values, extra))
        except Full:
            self.dropped += 1

    @property
    def bytes_written(self) -> int:
        """Written so far."""
        return self.steady.position if hasattr(self, "steady") else 0

    def close(self, metadata: dict[str, str] | None = None) -> None:
        """End the take, with what is to be said of it; never hangs longer than a few seconds."""
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
            pass  # given up; `problem` says why, and what is on the disk is whole
        except Exception as error:  # whatever it is, it is told, and what is on the disk stays
            self.problem = f"{self.path}: the recording ended by a mistake of the bridge ({type(error).__name__}: {error}); start another"
        finally:
            self.dropped += self.queue.qsize()
            with contextlib.suppress(OSError):
                self.raw.close()

    def _write(self) -> None:
        from mcap.writer import CompressionType, Writer

        self.steady = _RetryingFile(self.raw, self)
        writer = Writer(self.steady, chunk_size=_CHUNK_BYTES, compression=CompressionType.ZSTD)  # type: ignore[arg-type]
        writer.start(profile="innerface", library="innerface")
        writer.add_metadata(START_METADATA, {k: _encodable(v) for k, v in self.metadata.items()})
        channels: dict[tuple[str, tuple[str, ...]], int] = {}
        last_sync = time.monotonic()
        while (item := self.queue.get()) is not None:
            track, kind, columns, meta, at, values, extra = item
            channel = channels.get((track, columns))
            if channel is None and len(channels) >= _MAX_CHANNELS:
                self.dropped += 1
                continue
            if channel is None:
                topic = track if not any(name == track for name, _ in channels) else f"{track} {len(channels) + 1}"
                metadata = {
                    k: _encodable(v)
                    for k, v in channel_metadata(kind, columns, {**meta, "utc": self.metadata["utc"]}).items()
                }
                schema_id = writer.register_schema(f"innerface.{kind}", "jsonschema", schema(columns))
                channel = channels[track, columns] = writer.register_channel(
                    f"/{_encodable(topic)}", "json", schema_id, metadata=metadata
                )
            sample: dict[str, Any] = {"time": round(at, 6)}
            sample.update(zip(columns, (None if v != v else round(v, 6) for v in values.tolist())))
            sample.update(extra)
            time_ns = max(round(at * 1e9), 0)
            writer.add_message(channel, time_ns, json.dumps(sample, separators=(",", ":")).encode(), time_ns)
            self.rows += 1
            if time.monotonic() - last_sync > _SYNC_S:  # a pulled plug, too, costs no more
                with contextlib.suppress(OSError):
                    os.fsync(self.raw.fileno())
                last_sync = time.monotonic()
        if self.final_metadata:
            writer.add_metadata(END_METADATA, {k: _encodable(v) for k, v in self.final_metadata.items()})
        writer.finish()
        with contextlib.suppress(OSError):
            os.fsync(self.raw.fileno())


def _encodable(text: str) -> str:
    """A text that any file can hold: names come from the network."""
    return text.encode("utf-8", "replace").decode("utf-8")

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

import numpy as np

from ..core.errors import InnerfaceError
from ..core.formats.mcap_take import ABOUT, ENDING, channel_metadata, schema

_CHUNK = 16 << 10  # what a crash may cost: a tenth of a second of eleven sensors
_SYNC_S = 0.5
_MOST_CHANNELS = 256  # a device that sends other sensors every time is no device
_HELD = 30_000  # samples that wait for the disk: two and a half minutes at 200 a second
_RETRY_S = 0.25
_PATIENCE_S = 3.0  # how long closing waits for a disk that does not take anything


class _Steady:
    """A file whose every write is whole: on an error it is cut back to where it was, and tried again until it works or is given up."""

    def __init__(self, raw: BinaryIO, recorder: Recorder) -> None:
        self.raw, self.recorder, self.at = raw, recorder, 0

    def write(self, data: bytes) -> int:
        while True:
            try:
                view = memoryview(data)
                while view:
                    view = view[self.raw.write(view) or 0 :]
                self.at += len(data)
                self.recorder.problem = ""
                return len(data)
            except OSError as error:
                self.recorder.problem = f"{self.recorder.path}: cannot be written ({error.strerror}); free space or plug the disk in again"
                with contextlib.suppress(OSError):
                    self.raw.truncate(self.at)
                    self.raw.seek(self.at)
                if self.recorder.given_up.wait(_RETRY_S):
                    raise

    def tell(self) -> int:
        return self.at

    def flush(self) -> None:
        pass


class Recorder:
    """One take. `about`: texts that are kept with it. `put` from any thread; `close` waits until all is on the disk. `problem`: what is wrong now, "" if
    nothing; `dropped`: samples that neither disk nor memory took."""

    def __init__(self, path: str | Path, name: str, started: float, about: dict[str, str] | None = None) -> None:
        self.about = {"version": "1", "name": name, "epoch": "0.0", "utc": datetime.now(UTC).isoformat(timespec="milliseconds")} | (about or {})
        self.ending: dict[str, str] = {}
        self.path, self.started = Path(path), started
        self.problem, self.dropped, self.rows, self.given_up = "", 0, 0, threading.Event()
        try:
            if self.path.exists():
                raise InnerfaceError(f"{self.path}: is there already, and takes are never overwritten; give another name")
            self.path.parent.mkdir(parents=True, exist_ok=True)
            raw = open(self.path, "xb", buffering=0)
        except OSError as error:
            raise InnerfaceError(f"{self.path}: cannot be written ({error.strerror}); choose another folder") from None
        self.raw = raw
        self.waiting: Queue[tuple[Any, ...] | None] = Queue(_HELD)
        self.thread = threading.Thread(target=self._run, name="innerface recorder", daemon=True)
        self.thread.start()

    def put(self, track: str, kind: str, columns: tuple[str, ...], meta: dict[str, str], at: float, values: np.ndarray, extra: dict[str, Any]) -> None:
        """A sample of a track: `at` s on the hub's clock, `values` (C,) of `columns`; `extra` is kept beside them for other readers."""
        try:
            if not self.thread.is_alive():
                raise Full
            self.waiting.put_nowait((track, kind, columns, meta, at - self.started, values, extra))
        except Full:
            self.dropped += 1

    @property
    def bytes(self) -> int:
        """Written so far."""
        return self.steady.at if hasattr(self, "steady") else 0

    def close(self, about: dict[str, str] | None = None) -> None:
        """End the take, with what is to be said of it; never hangs longer than a few seconds."""
        self.ending = about or {}
        with contextlib.suppress(Full):
            self.waiting.put(None, timeout=_PATIENCE_S)
        self.thread.join(_PATIENCE_S)
        if self.thread.is_alive():
            self.given_up.set()
            self.thread.join(_PATIENCE_S)

    def _run(self) -> None:
        try:
            self._write()
        except OSError:
            pass  # given up; `problem` says why, and what is on the disk is whole
        except Exception as error:  # whatever it is, it is told, and what is on the disk stays
            self.problem = f"{self.path}: the recording ended by a mistake of the bridge ({type(error).__name__}: {error}); start another"
        finally:
            self.dropped += self.waiting.qsize()
            with contextlib.suppress(OSError):
                self.raw.close()

    def _write(self) -> None:
        from mcap.writer import CompressionType, Writer

        self.steady = _Steady(self.raw, self)
        writer = Writer(self.steady, chunk_size=_CHUNK, compression=CompressionType.ZSTD)  # type: ignore[arg-type]
        writer.start(profile="innerface", library="innerface")
        writer.add_metadata(ABOUT, {k: _clean(v) for k, v in self.about.items()})
        channels: dict[tuple[str, tuple[str, ...]], int] = {}
        synced = time.monotonic()
        while (item := self.waiting.get()) is not None:
            track, kind, columns, meta, at, values, extra = item
            channel = channels.get((track, columns))
            if channel is None and len(channels) >= _MOST_CHANNELS:
                self.dropped += 1
                continue
            if channel is None:
                own = track if not any(name == track for name, _ in channels) else f"{track} {len(channels) + 1}"
                about = {k: _clean(v) for k, v in channel_metadata(kind, columns, {**meta, "utc": self.about["utc"]}).items()}
                known = writer.register_schema(f"innerface.{kind}", "jsonschema", schema(columns))
                channel = channels[track, columns] = writer.register_channel(f"/{_clean(own)}", "json", known, metadata=about)
            sample: dict[str, Any] = {"time": round(at, 6)}
            sample.update(zip(columns, (None if v != v else round(v, 6) for v in values.tolist())))
            sample.update(extra)
            stamp = max(round(at * 1e9), 0)
            writer.add_message(channel, stamp, json.dumps(sample, separators=(",", ":")).encode(), stamp)
            self.rows += 1
            if time.monotonic() - synced > _SYNC_S:  # a pulled plug, too, costs no more
                with contextlib.suppress(OSError):
                    os.fsync(self.raw.fileno())
                synced = time.monotonic()
        if self.ending:
            writer.add_metadata(ENDING, {k: _clean(v) for k, v in self.ending.items()})
        writer.finish()
        with contextlib.suppress(OSError):
            os.fsync(self.raw.fileno())


def _clean(text: str) -> str:
    """A text that any file can hold: names come from the network."""
    return text.encode("utf-8", "replace").decode("utf-8")

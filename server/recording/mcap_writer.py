"""Writes a take while it is recorded, in a thread, so that reception never waits for the disk.

The file is append-only and in its final place: cut off at any byte, it is readable up to its last whole chunk
(`core.formats.mcap_recovery`), so that a crash costs at most 16 KiB or half a second. While a disk is full or missing,
the writer retries and messages wait in memory; those that do not fit are counted. Where another program takes the file
away, the recording goes on in a file beside it. Rows count once they are in a file.
"""

from __future__ import annotations

import contextlib
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, Full, Queue

from ...core.errors import InnerfaceError
from .mcap_contents import McapContents, TrackSample
from .recording_file import FileState, RecordingFile

_FLUSH_S = 0.5  # at least so often what waits is written, and the file is looked after
_MAX_QUEUED_MESSAGES = 30_000  # two and a half minutes at 200 Hz
_MAX_QUEUED_BYTES = 128 << 20
_CLOSE_TIMEOUT_S = 3.0


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
    paths
        Files that hold parts of the take, the current one last.

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
        self.start_time = start_time
        self.abort = threading.Event()
        self.file = self._create_file(Path(path))
        self.paths = [self.file.path]
        self.queue: Queue[TrackSample | None] = Queue(_MAX_QUEUED_MESSAGES)
        self._final_metadata: dict[str, str] = {}
        self._events: list[str] = []  # what befell the file
        # Each of these is counted by one thread only.
        self._queued_bytes, self._unqueued_bytes = 0, 0
        self._not_queued, self._not_written = 0, 0
        self._earlier_rows = 0  # in files before the current one
        self._contents = McapContents(self.file, self.metadata, start_time)
        self._thread = threading.Thread(target=self._run, name="innerface recorder", daemon=True)
        self._thread.start()

    def _create_file(self, path: Path) -> RecordingFile:
        try:
            return RecordingFile(path, self.abort)
        except OSError as error:
            if isinstance(error, FileExistsError) and path.exists():
                raise InnerfaceError(f"{path}: exists, and takes are never overwritten; give another name") from None
            raise InnerfaceError(f"{path}: cannot be written ({error.strerror}); choose another folder") from None

    @property
    def path(self) -> Path:
        """Where the take is written now."""
        return self.file.path

    @property
    def problem(self) -> str:
        """What befell the file, and why it cannot be written at present; "" if all is well."""
        return "; ".join([*self._events, *([self.file.problem] if self.file.problem else [])])

    @property
    def rows(self) -> int:
        """Number of samples that are in a file."""
        return self._earlier_rows + self._contents.rows

    @property
    def dropped(self) -> int:
        """Number of samples that are in no file: disk and memory did not take them, or another program cut them off."""
        return self._not_queued + self._not_written

    @property
    def bytes_written(self) -> int:
        """Size of the file so far."""
        return self.file.tell()

    def put(self, sample: TrackSample) -> None:
        """Queue a sample; from any one thread, without waiting."""
        size = _bytes_in_memory(sample)
        try:
            if not self._thread.is_alive() or self._queued_bytes + size - self._unqueued_bytes > _MAX_QUEUED_BYTES:
                raise Full
            self.queue.put_nowait(sample)
            self._queued_bytes += size
        except Full:
            self._not_queued += 1

    def close(self, metadata: dict[str, str] | None = None) -> None:
        """Write what is queued and a last metadata record; takes a few seconds at most, even without a disk."""
        self._final_metadata = metadata or {}
        with contextlib.suppress(Full):
            self.queue.put(None, timeout=_CLOSE_TIMEOUT_S)
        self._thread.join(_CLOSE_TIMEOUT_S)
        if self._thread.is_alive():
            self.abort.set()
            self._thread.join(_CLOSE_TIMEOUT_S)

    # -- in the writer's thread --------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._write()
        except OSError:  # aborted; `problem` says why, and the file is readable up to its last whole chunk
            if self.file.state() is FileState.GONE:
                self._not_written += self._contents.rows
                self._earlier_rows -= self._contents.rows
        except Exception as error:  # a bug must neither pass in silence nor destroy the file
            self._events.append(
                f"{self.path}: the recording ended because of a bug in the bridge ({type(error).__name__}: {error}); "
                "start another"
            )
        finally:
            left = [sample for sample in list(self.queue.queue) if sample is not None]
            self._not_written += len(self._contents.waiting) + len(left)
            self.file.close()

    def _write(self) -> None:
        self._contents.begin()
        flushed_at, ended = time.monotonic(), False
        while not ended:
            with contextlib.suppress(Empty):
                sample = self.queue.get(timeout=max(flushed_at + _FLUSH_S - time.monotonic(), 0.0))
                ended = sample is None
                if sample is not None:
                    self._unqueued_bytes += _bytes_in_memory(sample)
                    self._add(sample)
            due = time.monotonic() - flushed_at >= _FLUSH_S
            if self._contents.chunk_is_full or due or ended:
                self._look_after_file()
                self._contents.flush()
            if due:
                self.file.sync()
                flushed_at = time.monotonic()
        self._contents.finish(self._final_metadata)
        self.file.sync()
        self._look_after_file(finished=True)

    def _add(self, sample: TrackSample) -> None:
        if not self._contents.add(sample):
            if not self._not_written:
                self._events.append(
                    f"{sample.track}: not all of its samples can be recorded, because its columns change so often or "
                    "its time cannot be; restart the device that sends them"
                )
            self._not_written += 1

    def _look_after_file(self, finished: bool = False) -> None:
        """See whether the file is still there, and go on in another one where it is not. Raises OSError if aborted."""
        state, old = self.file.state(), self.path
        if state is FileState.GONE:
            self._events.append(f"{old}: was deleted, moved or replaced while it was recorded")
            self.file.move_on(with_contents=True)
            self._events[-1] += f"; the whole recording is in {self.path.name}"
            self.paths[-1] = self.path
        elif state is FileState.SHORTENED:
            kept = self._contents.rows_within(self.file.kept_size())
            lost, waiting = self._contents.rows - kept, self._contents.waiting
            self._events.append(
                f"{old}: was cut or written over by another program while it was recorded, and {lost} rows are lost"
            )
            self._not_written += lost
            self._earlier_rows += kept
            if not finished:
                self.file.move_on(with_contents=False)
                self._events[-1] += f"; the recording goes on in {self.path.name}"
                self.paths.append(self.path)
            self._contents = McapContents(self.file, self.metadata, self.start_time)
            if not finished:
                self._contents.begin()
            for sample in waiting:
                self._contents.add(sample)


def _bytes_in_memory(sample: TrackSample) -> int:
    """About what a sample takes up while it is queued."""
    return 1000 + 2 * sample.values.nbytes

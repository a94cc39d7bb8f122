"""The file that a recording is written to: its disk may be full or missing, and other programs may take it away."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import shutil
import threading
from enum import Enum
from pathlib import Path
from typing import IO, BinaryIO

try:
    import fcntl
except ImportError:  # Windows, where a file that is open can be neither renamed nor deleted
    fcntl = None

_RETRY_S = 0.25
_COPY_BYTES = 1 << 20
_COMPARED_BYTES = 64  # of the beginning and of the end, by which contents are recognised


class FileState(Enum):
    """What has become of a file at its path."""

    INTACT = "intact"
    GONE = "gone"  # deleted, moved or replaced; its contents are still there for who has it open
    SHORTENED = "shortened"  # contents are lost: cut off, or written over


def lock_file(file: IO[bytes]) -> bool:
    """Lock an open file until it is closed; False where another program, or another part of this one, has locked it.

    The lock binds only those who ask for it. True where the system has none.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)  # others: a disk without locks
    return True


class RecordingFile:
    """An unbuffered, locked file that is written all or nothing: after an error it is truncated and written again.

    Parameters
    ----------
    path
        Must not exist; its folder is made.
    abort
        Once it is set, nothing is tried again.

    Attributes
    ----------
    raw
        The open file.
    path
        Where it is now (`move_on`).
    problem
        Why it cannot be written at present, "" if it can.

    Raises
    ------
    OSError
        If it cannot be created.
    """

    def __init__(self, path: Path, abort: threading.Event) -> None:
        self.path, self.problem = path, ""
        self.raw = _create(path)
        self._first_path, self._abort, self._position = path, abort, 0
        self._head = self._tail = b""  # what was written first and last

    def write(self, data: bytes) -> int:
        """Write all of `data`; raises OSError once writing is aborted."""
        while True:
            try:
                view = memoryview(data)
                while view:
                    view = view[self.raw.write(view) or 0 :]
            except OSError as error:
                self._report(error)
                with contextlib.suppress(OSError):
                    self.raw.truncate(self._position)
                    self.raw.seek(self._position)
                if self._abort.wait(_RETRY_S):
                    raise
            else:
                self._position += len(data)
                self._head = (self._head + data[:_COMPARED_BYTES])[:_COMPARED_BYTES]
                self._tail = (self._tail + data[-_COMPARED_BYTES:])[-_COMPARED_BYTES:]
                self.problem = ""
                return len(data)

    def tell(self) -> int:
        """Return the size so far."""
        return self._position

    def flush(self) -> None:
        """Do nothing: writes are unbuffered."""

    def sync(self) -> None:
        """Have the system put everything on the disk, so that a power failure costs no more than a crash."""
        try:
            os.fsync(self.raw.fileno())
        except OSError as error:
            self._report(error)

    def close(self) -> None:
        """Close the file; the lock ends."""
        with contextlib.suppress(OSError):
            self.raw.close()

    def state(self) -> FileState:
        """What has become of the file."""
        try:
            if self.kept_size() < self._position:
                return FileState.SHORTENED
            there = self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return FileState.GONE
        except OSError:  # of the disk: writing will say what is wrong
            return FileState.INTACT
        return FileState.INTACT if os.path.samestat(os.fstat(self.raw.fileno()), there) else FileState.GONE

    def kept_size(self) -> int:
        """How many of the written bytes are still in the file, 0 where it was written over. Raises OSError."""
        size = os.fstat(self.raw.fileno()).st_size
        if self._bytes_at(0, len(self._head)) != self._head[:size]:
            return 0
        if size >= self._position and self._bytes_at(self._position - len(self._tail), len(self._tail)) != self._tail:
            return 0
        return min(size, self._position)

    def _bytes_at(self, offset: int, count: int) -> bytes:
        if not hasattr(os, "pread"):  # Windows, where others cannot write to a file that is open
            self.raw.seek(offset)
            data = self.raw.read(count)
            self.raw.seek(self._position)
            return data
        return os.pread(self.raw.fileno(), count, offset)

    def move_on(self, *, with_contents: bool) -> None:
        """Go on in a new file beside this one: with everything written so far, or empty.

        Raises OSError if it is aborted before there is such a file.
        """
        while True:
            try:
                path, raw = self._create_beside()
                if with_contents:
                    self._copy_to(path, raw)
                break
            except OSError as error:
                self._report(error)
                if self._abort.wait(_RETRY_S):
                    raise
        self.close()
        self.path, self.raw, self.problem = path, raw, ""
        if not with_contents:
            self._position, self._head, self._tail = 0, b"", b""

    def _create_beside(self) -> tuple[Path, BinaryIO]:
        names = (self._first_path.with_stem(f"{self._first_path.stem}-{number}") for number in itertools.count(2))
        path = next(path for path in names if not path.exists())
        return path, _create(path)

    def _copy_to(self, path: Path, target: BinaryIO) -> None:
        try:
            self.raw.seek(0)
            shutil.copyfileobj(self.raw, target, _COPY_BYTES)
            if target.tell() != self._position:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            target.close()
            with contextlib.suppress(OSError):
                path.unlink()
            raise

    def _report(self, error: OSError) -> None:
        self.problem = f"{self.path}: cannot be written ({error.strerror}); free space or reconnect the disk"


def _create(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = open(path, "x+b", buffering=0)
    lock_file(raw)
    return raw

"""Recordings that a crash left without their end are repaired in place, beside what they were, in a thread.

A file that another process still writes is left alone: recorders lock theirs, and older ones change it all the time.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ...core.errors import InnerfaceError
from ...core.formats import mcap_recovery
from .recording_file import lock_file

_AT_REST_S = 3.0  # a file that is written changes sooner
_MAX_FILES = 1000  # of a folder
_PAUSE_EVERY, _PAUSE_S = 256, 0.002  # records, and a pause that leaves the processor to live faces
_JOIN_S = 2.0


class TakeRepairs:
    """Repairs of folders, one after another, each folder once.

    Parameters
    ----------
    note
        Called in the event loop with a sentence for the user.
    """

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note, self._loop = note, asyncio.get_running_loop()
        self._cancelled = threading.Event()
        self._waiting: list[Path] = []
        self._known: set[Path] = set()
        self._thread: threading.Thread | None = None

    def schedule(self, folder: Path) -> None:
        """Repair what is in a folder, soon."""
        folder = folder.absolute()
        if folder in self._known or self._cancelled.is_set():
            return
        self._known.add(folder)
        self._waiting.append(folder)
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="innerface repair", daemon=True)
            self._thread.start()

    def cancel(self) -> None:
        """Stop; a file that is being repaired stays as it was."""
        self._cancelled.set()
        if self._thread is not None:
            self._thread.join(_JOIN_S)

    def _run(self) -> None:
        while self._waiting:
            for sentence in repair_folder(self._waiting.pop(0), self._cancelled):
                with contextlib.suppress(RuntimeError):  # the loop has ended
                    self._loop.call_soon_threadsafe(self._note, sentence)


def repair_folder(folder: Path, cancelled: threading.Event | None = None) -> Iterator[str]:
    """Repair the recordings in a folder; yield a sentence for each that was cut off. Any thread may call it."""
    cancelled = cancelled or threading.Event()
    try:
        paths = sorted(folder.glob("*.mcap"))[:_MAX_FILES]
    except OSError:
        return
    for path in paths:
        if not _needs_repair(path):
            continue
        try:
            sentence = _repair(path, cancelled)
        except _CancelledError:
            return
        except (OSError, InnerfaceError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            sentence = f"{path} is cut off and was not repaired ({reason}); innerface recover writes it elsewhere"
        if sentence:
            yield sentence


class _CancelledError(Exception):
    pass


def _needs_repair(path: Path) -> bool:
    if path.name.startswith(".") or path.is_symlink() or not path.is_file():
        return False
    try:
        return mcap_recovery.is_cut_recording(path)
    except OSError:  # cannot be read
        return False


def _repair(path: Path, cancelled: threading.Event) -> str:
    """Repair a file that nobody writes; a sentence on that. Raises OSError and InnerfaceError."""
    with open(path, "rb") as file:
        if not lock_file(file) or not _is_at_rest(path, cancelled):
            return ""
        repaired = path.with_name(f".{path.name}.repaired")
        try:
            recovery = mcap_recovery.recover(path, repaired, _pauses(cancelled))
            status = path.stat()
            os.utime(repaired, ns=(status.st_atime_ns, status.st_mtime_ns))
            backup = _keep(path)
            repaired.replace(path)
        finally:
            repaired.unlink(missing_ok=True)
    lost = f"; lost: {recovery.lost[0]}" if recovery.lost else ""
    return (
        f"{path}: a crash had cut off the recording, which was repaired: {recovery.messages} samples, "
        f"{recovery.seconds:.1f} s{lost}; as it was: {backup.name}"
    )


def _is_at_rest(path: Path, cancelled: threading.Event) -> bool:
    """Whether nobody writes to the file; waits where it was written a moment ago."""
    before = path.stat()
    age = time.time() - before.st_mtime
    if age < _AT_REST_S and cancelled.wait(_AT_REST_S - max(age, 0.0)):
        raise _CancelledError
    after = path.stat()
    return (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)


def _pauses(cancelled: threading.Event) -> Callable[[], None]:
    """What is called for each record."""
    count = 0

    def pause() -> None:
        nonlocal count
        count += 1
        if count % _PAUSE_EVERY == 0 and cancelled.wait(_PAUSE_S):
            raise _CancelledError

    return pause


def _keep(path: Path) -> Path:
    """Give the file a second name beside it, under which it stays when it is replaced."""
    number = 1
    while (backup := path.with_name(f"{path.name}.broken{number if number > 1 else ''}")).exists():
        number += 1
    try:
        os.link(path, backup)
    except OSError:  # a disk without links
        path.rename(backup)
    return backup

"""The takes folder, and the list of the takes in it.

A .blend that is opened names its folder of takes, so what lies there may be a stranger's: its files are listed by name,
and one is read when a person selects it, records it, or refreshes the list.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import bpy

from ...core.errors import InnerfaceError
from ...core.printable import one_line
from ..paths import user_folder
from ..properties import take_rows
from ..properties.preferences import preferences
from ..redraw import redraw

_POLL_S = 0.05
_MAX_LISTED = 1000  # the newest files
_MAX_TEXT = 500  # characters of what a file says of itself
_DURATION = re.compile(r"[0-9]{1,9}(?:\.[0-9]{0,20})?")
_TIME_FORMAT = "%d %b %H:%M"


@dataclass(frozen=True)
class TakeRow:
    """A row of the list.

    Attributes
    ----------
    path : Path
        File of the take.
    modified : float
        When the file was last written, UNIX s.
    size : int
        Bytes.
    when : str
        Date and time of the recording, or of the file if it was not read, for display.
    known : bool
        Whether the file was read; what follows is empty otherwise.
    seconds : float
        Duration.
    source : str
        What was recorded.
    quality : str
        What is wrong with the take, "" where nothing is.
    complete : bool
        False where the recording was cut off.
    """

    path: Path
    modified: float
    size: int
    when: str
    known: bool = False
    seconds: float = 0.0
    source: str = ""
    quality: str = ""
    complete: bool = True


def folder() -> Path:
    """Return the folder to record to: that of the preferences, else beside the .blend file, else the add-on's own."""
    configured = preferences().takes_folder
    if configured and not (configured.startswith("//") and not bpy.data.filepath):
        return Path(bpy.path.abspath(configured))
    if bpy.data.filepath:
        return Path(bpy.data.filepath).parent / f"{Path(bpy.data.filepath).stem} takes"
    return user_folder() / "takes"


def folders() -> list[Path]:
    """Return the folders whose takes are listed."""
    return list(dict.fromkeys([folder(), user_folder() / "takes"]))


def _own_folders() -> set[Path]:
    """Return those of the folders that no .blend names: the add-on's, and an absolute one of the preferences."""
    configured = preferences().takes_folder
    return {user_folder() / "takes"} | ({Path(configured)} if Path(configured).is_absolute() else set())


def list_rows(directories: list[Path]) -> list[TakeRow]:
    """Return the takes in some folders, newest first, without opening a file. Any thread may call it."""
    rows: list[TakeRow] = []
    for directory in directories:
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    listed = entry.name.endswith(".mcap") and not entry.name.startswith(".") and _is_unicode(entry.name)
                    if listed and entry.is_file():
                        found = entry.stat()
                        when = datetime.fromtimestamp(found.st_mtime).strftime(_TIME_FORMAT)
                        rows.append(TakeRow(directory / entry.name, found.st_mtime, found.st_size, when))
        except (OSError, ValueError, OverflowError):
            continue  # there is no folder, or it was deleted meanwhile
    return sorted(rows, key=lambda row: -row.modified)[:_MAX_LISTED]


def _is_unicode(name: str) -> bool:
    """Whether a file's name can be kept in a property of Blender."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def read_row(row: TakeRow) -> TakeRow | None:
    """Return a row with what its file says; None for a file that is not a take. Any thread may call it."""
    from ...core.formats import mcap_take

    try:
        summary = mcap_take.read_summary(row.path)
    except (InnerfaceError, OSError):
        return None  # not a take, or deleted meanwhile
    metadata, quality = summary.metadata, summary.metadata.get("quality", "")[:_MAX_TEXT]
    if not summary.complete:
        quality = "The recording was cut off; everything up to that point can be used"
    elif "utc" in metadata and "quality" not in metadata:  # its end is missing, which recordings write
        quality = "The recording was cut off and has been repaired; everything up to that point can be used"
    recorded_s = metadata.get("seconds", "")
    return TakeRow(
        row.path,
        row.modified,
        row.size,
        _format_when(metadata.get("utc", "")),
        True,
        float(recorded_s) if _DURATION.fullmatch(recorded_s) else summary.seconds,
        one_line(metadata.get("sources", ""), _MAX_TEXT),
        one_line(quality, _MAX_TEXT),
        summary.complete,
    )


def read_rows(directories: list[Path]) -> list[TakeRow]:
    """Return the takes in some folders with what their files say, newest first. Any thread may call it."""
    return [row for row in map(read_row, list_rows(directories)) if row is not None]


def _format_when(utc: str) -> str:
    try:
        return datetime.fromisoformat(utc).astimezone().strftime(_TIME_FORMAT)
    except (ValueError, OverflowError):
        return ""


_known: dict[Path, TakeRow] = {}  # rows that were read, also of files opened before


def refresh(select: str = "", *, read: bool = False, wait: bool = False) -> None:
    """List the takes again in a thread, then select the take at the path `select`; `wait` until it is done.

    Files of the add-on's own folder and the one to select are read, and with `read` all, after those that a crash left
    are repaired. A file that is not a take is listed until it is read.
    """
    directories, own = folders(), _own_folders()

    def rows() -> list[TakeRow]:
        if read:
            _repair(directories)
        return _rows_as_known(
            list_rows(directories), lambda row: read or row.path.parent in own or str(row.path) == select
        )

    _in_thread(rows, lambda found: fill_list(found, select), wait)


def _repair(directories: list[Path]) -> None:
    """Repair recordings that a crash left; their rows say so."""
    from ...server.recording.take_repair import repair_folder

    for directory in directories:
        for sentence in repair_folder(directory):
            print(sentence)


def _rows_as_known(rows: list[TakeRow], wanted: Callable[[TakeRow], bool]) -> list[TakeRow]:
    """Rows with what is known of their files; the wanted ones are read."""
    out: list[TakeRow] = []
    for row in rows:
        known = _known.get(row.path)
        if known is not None and (known.modified, known.size) == (row.modified, row.size):
            out.append(known)
        elif not wanted(row):
            out.append(row)
        elif (found := read_row(row)) is not None:
            _known[row.path] = found
            out.append(found)
    return out


def _in_thread(work: Callable[[], list[TakeRow]], finish: Callable[[list[TakeRow]], None], wait: bool) -> None:
    """Call `finish` in Blender's main thread with what `work` returned in another."""
    results: list[list[TakeRow]] = []
    thread = threading.Thread(target=lambda: results.append(work()), name="innerface takes", daemon=True)
    thread.start()

    def poll_thread() -> float | None:
        if thread.is_alive():
            return _POLL_S
        if results:
            finish(results[0])
        return None

    if wait:
        thread.join()
        poll_thread()
    else:
        bpy.app.timers.register(poll_thread, first_interval=_POLL_S)


def fill_list(rows: list[TakeRow], select: str = "") -> None:
    """Replace the rows of Blender's list; the selected take stays selected if `select` is empty."""
    manager = bpy.context.window_manager
    items = manager.innerface_takes
    selected_path = select or (selected().path if selected() is not None else "")
    take_rows.on_selected = None  # it is no person who selects
    try:
        items.clear()
        for row in rows:
            _fill_item(items.add(), row)
        manager.innerface_take = next((k for k, row in enumerate(rows) if str(row.path) == selected_path), 0)
    finally:
        take_rows.on_selected = _read_selected
    mark_baked()
    redraw()


def _fill_item(item: Any, row: TakeRow) -> None:
    item.name, item.path, item.when, item.size = (
        one_line(row.path.stem),
        str(row.path),
        row.when,
        _format_size(row.size),
    )
    item.known, item.seconds, item.source = row.known, row.seconds, row.source
    item.quality, item.whole = row.quality, row.complete


def _format_size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.0f} kB"


def _read_selected() -> None:
    """Read the file of the row that a person selects."""
    item = selected()
    if item is None or item.known:
        return
    path = Path(item.path)

    def finish(rows: list[TakeRow]) -> None:
        for row in rows:
            for found in bpy.context.window_manager.innerface_takes:
                if found.path == str(row.path):
                    _fill_item(found, row)
        redraw()

    _in_thread(
        lambda: _rows_as_known([r for r in list_rows([path.parent]) if r.path == path], lambda _: True), finish, False
    )


take_rows.on_selected = _read_selected


def mark_baked() -> None:
    """Mark the takes that were baked in this file."""
    from ..animation.bake import baked_take_paths

    paths = baked_take_paths()
    for item in bpy.context.window_manager.innerface_takes:
        item.baked = item.path in paths


def selected() -> Any:
    """Return the selected row, None where there is none."""
    manager = bpy.context.window_manager
    items, k = manager.innerface_takes, manager.innerface_take
    return items[k] if 0 <= k < len(items) else None

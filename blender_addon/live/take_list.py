"""The takes folder, and the list of the takes in it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import bpy

from ...core.errors import InnerfaceError
from ..paths import user_folder
from ..properties.preferences import preferences
from ..redraw import redraw

_POLL_S = 0.05


@dataclass(frozen=True)
class TakeRow:
    """A row of the list.

    Attributes
    ----------
    path : Path
        File of the take.
    seconds : float
        Duration.
    when : str
        Date and time of the recording, for display.
    source : str
        What was recorded.
    quality : str
        What is wrong with the take, "" where nothing is.
    complete : bool
        False where the recording was cut off.
    """

    path: Path
    seconds: float
    when: str
    source: str
    quality: str
    complete: bool


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


def read_rows(directories: list[Path]) -> list[TakeRow]:
    """Return the takes in some folders, newest first. Uses no bpy, so any thread may call it."""
    from ...core.formats import mcap_take

    rows = []
    for directory in directories:
        for path in directory.glob("*.mcap") if directory.is_dir() else ():
            try:
                summary, modified = mcap_take.read_summary(path), path.stat().st_mtime
            except (InnerfaceError, OSError):
                continue  # not a take, or deleted meanwhile
            metadata = summary.metadata
            recorded_s = metadata.get("seconds", "")
            seconds = float(recorded_s) if recorded_s.replace(".", "", 1).isdigit() else summary.seconds
            quality = (
                metadata.get("quality", "")
                if summary.complete
                else "The recording was cut off; everything up to that point can be used"
            )
            row = TakeRow(
                path,
                seconds,
                _format_when(metadata.get("utc", "")),
                metadata.get("sources", ""),
                quality,
                summary.complete,
            )
            rows.append((modified, row))
    return [row for _, row in sorted(rows, key=lambda r: -r[0])]


def _format_when(utc: str) -> str:
    try:
        return datetime.fromisoformat(utc).astimezone().strftime("%d %b %H:%M")
    except ValueError:
        return ""


def refresh(select: str = "", wait: bool = False) -> None:
    """Read the list again in a thread, then select the take at the path `select`; `wait` until it is done."""
    directories = folders()
    results: list[list[TakeRow]] = []
    thread = threading.Thread(
        target=lambda: results.append(read_rows(directories)), name="innerface takes", daemon=True
    )
    thread.start()

    def poll_thread() -> float | None:
        if thread.is_alive():
            return _POLL_S
        if results:
            fill_list(results[0], select)
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
    items.clear()
    for row in rows:
        item = items.add()
        item.name, item.path, item.seconds = row.path.stem, str(row.path), row.seconds
        item.when, item.source, item.quality, item.whole = row.when, row.source, row.quality, row.complete
    mark_baked()
    manager.innerface_take = next((k for k, row in enumerate(rows) if str(row.path) == selected_path), 0)
    redraw()


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

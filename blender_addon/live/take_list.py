"""Takes on the disk: where they lie, and the list of them."""

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
    """A take of the list."""

    path: Path
    seconds: float
    when: str
    source: str
    quality: str
    complete: bool


def folder() -> Path:
    """Where takes are recorded: the folder of the preferences, else beside the .blend file, else the add-on's own."""
    chosen = preferences().takes_folder
    if chosen and not (chosen.startswith("//") and not bpy.data.filepath):
        return Path(bpy.path.abspath(chosen))
    if bpy.data.filepath:
        return Path(bpy.data.filepath).parent / f"{Path(bpy.data.filepath).stem} takes"
    return user_folder() / "takes"


def folders() -> list[Path]:
    """Where takes are looked for."""
    return list(dict.fromkeys([folder(), user_folder() / "takes"]))


def read_rows(directories: list[Path]) -> list[TakeRow]:
    """The takes in some folders, the newest first. Touches no bpy: for any thread."""
    from ...core.formats import mcap_take

    rows = []
    for directory in directories:
        for path in directory.glob("*.mcap") if directory.is_dir() else ():
            try:
                summary, modified = mcap_take.read_summary(path), path.stat().st_mtime
            except (InnerfaceError, OSError):
                continue  # no take, or gone meanwhile
            about = summary.metadata
            seconds = (
                float(about["seconds"]) if about.get("seconds", "").replace(".", "", 1).isdigit() else summary.seconds
            )
            quality = (
                about.get("quality", "")
                if summary.complete
                else "was cut off; all of it that is on the disk can be used"
            )
            rows.append(
                (
                    modified,
                    TakeRow(
                        path,
                        seconds,
                        _format_when(about.get("utc", "")),
                        about.get("sources", ""),
                        quality,
                        summary.complete,
                    ),
                )
            )
    return [row for _, row in sorted(rows, key=lambda r: -r[0])]


def _format_when(utc: str) -> str:
    try:
        return datetime.fromisoformat(utc).astimezone().strftime("%d %b %H:%M")
    except ValueError:
        return ""


def refresh(select: str = "", wait: bool = False) -> None:
    """Read the list again, in a thread; `select`: the path that is chosen then. `wait` for it where nothing may come later."""
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
    """Put rows into the list that Blender shows."""
    manager = bpy.context.window_manager
    items = manager.innerface_takes
    selected_path = select or (chosen().path if chosen() is not None else "")
    items.clear()
    for row in rows:
        item = items.add()
        item.name, item.path, item.seconds = row.path.stem, str(row.path), row.seconds
        item.when, item.source, item.quality, item.whole = row.when, row.source, row.quality, row.complete
    mark_baked()
    manager.innerface_take = next((k for k, row in enumerate(rows) if str(row.path) == selected_path), 0)
    redraw()


def mark_baked() -> None:
    """Tick the takes that this file holds animation of."""
    from ..animation.bake import baked_take_paths

    paths = baked_take_paths()
    for item in bpy.context.window_manager.innerface_takes:
        item.baked = item.path in paths


def chosen() -> Any:
    """The list's chosen row, None where there is none."""
    manager = bpy.context.window_manager
    items, k = manager.innerface_takes, manager.innerface_take
    return items[k] if 0 <= k < len(items) else None

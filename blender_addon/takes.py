"""Takes on the disk: where they lie, and the list of them."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import bpy

from ..core.errors import InnerfaceError
from .connection import user_folder
from .redraw import redraw
from .settings import preferences

_POLL_S = 0.05


@dataclass(frozen=True)
class Row:
    """A take of the list."""

    path: Path
    seconds: float
    when: str
    source: str
    quality: str
    whole: bool


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


def read_rows(places: list[Path]) -> list[Row]:
    """The takes in some folders, the newest first. Touches no bpy: for any thread."""
    from ..core.formats import mcap_take

    rows = []
    for place in places:
        for path in place.glob("*.mcap") if place.is_dir() else ():
            try:
                found, age = mcap_take.summary(path), path.stat().st_mtime
            except (InnerfaceError, OSError):
                continue  # no take, or gone meanwhile
            about = found.about
            seconds = float(about["seconds"]) if about.get("seconds", "").replace(".", "", 1).isdigit() else found.seconds
            words = about.get("quality", "") if found.whole else "was cut off; all of it that is on the disk can be used"
            rows.append((age, Row(path, seconds, _when(about.get("utc", "")), about.get("sources", ""), words, found.whole)))
    return [row for _, row in sorted(rows, key=lambda r: -r[0])]


def _when(utc: str) -> str:
    try:
        return datetime.fromisoformat(utc).astimezone().strftime("%d %b %H:%M")
    except ValueError:
        return ""


def refresh(select: str = "", wait: bool = False) -> None:
    """Read the list again, in a thread; `select`: the path that is chosen then. `wait` for it where nothing may come later."""
    places = folders()
    got: list[list[Row]] = []
    thread = threading.Thread(target=lambda: got.append(read_rows(places)), name="innerface takes", daemon=True)
    thread.start()

    def arrived() -> float | None:
        if thread.is_alive():
            return _POLL_S
        if got:
            fill(got[0], select)
        return None

    if wait:
        thread.join()
        arrived()
    else:
        bpy.app.timers.register(arrived, first_interval=_POLL_S)


def fill(rows: list[Row], select: str = "") -> None:
    """Put rows into the list that Blender shows."""
    manager = bpy.context.window_manager
    listed = manager.innerface_takes
    kept = select or (chosen().path if chosen() is not None else "")
    listed.clear()
    for row in rows:
        item = listed.add()
        item.name, item.path, item.seconds = row.path.stem, str(row.path), row.seconds
        item.when, item.source, item.quality, item.whole = row.when, row.source, row.quality, row.whole
    mark_baked()
    manager.innerface_take = next((k for k, row in enumerate(rows) if str(row.path) == kept), 0)
    redraw()


def mark_baked() -> None:
    """Tick the takes that this file holds animation of."""
    from .bake import baked_paths

    known = baked_paths()
    for item in bpy.context.window_manager.innerface_takes:
        item.baked = item.path in known


def chosen() -> Any:
    """The list's chosen row, None where there is none."""
    manager = bpy.context.window_manager
    listed, k = manager.innerface_takes, manager.innerface_take
    return listed[k] if 0 <= k < len(listed) else None

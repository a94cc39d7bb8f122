"""Runs inside the windowed Blender: does what the test asks for, on the main thread, from files in a folder."""

import contextlib
import io
import json
import os
import traceback
from pathlib import Path

import bpy

FOLDER = Path(os.environ["INNERFACE_AGENT"])
bpy.context.preferences.view.show_splash = False
WORLD = {"bpy": bpy, "Path": Path}


def window():
    return bpy.context.window_manager.windows[0]


def area(kind="VIEW_3D"):
    return next(a for a in window().screen.areas if a.type == kind)


def region(kind="UI"):
    return next(r for r in area().regions if r.type == kind)


def here(kind="WINDOW"):
    """A context of the 3D view, for operators."""
    return bpy.context.temp_override(window=window(), area=area(), region=region(kind))


def under_mouse():
    """The Python command of the button under the mouse, "" where there is none."""
    bpy.context.window_manager.clipboard = ""
    with contextlib.suppress(RuntimeError), here("UI"):
        bpy.ops.ui.copy_python_command_button()
    return bpy.context.window_manager.clipboard


WORLD |= {"window": window, "area": area, "region": region, "here": here, "under_mouse": under_mouse}


def tick():
    request = FOLDER / "request.py"
    if request.exists():
        code = request.read_text()
        request.unlink()
        said = io.StringIO()
        try:
            WORLD.pop("result", None)
            with contextlib.redirect_stdout(said):
                exec(compile(code, "request", "exec"), WORLD)
            answer = {"result": WORLD.get("result")}
        except Exception:
            answer = {"error": traceback.format_exc()}
        (FOLDER / "answer.tmp").write_text(json.dumps(answer, default=str))
        (FOLDER / "answer.tmp").rename(FOLDER / "answer.json")
    return 0.02


bpy.app.timers.register(tick, first_interval=1.0, persistent=True)

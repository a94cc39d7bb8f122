"""Runs inside the windowed Blender: runs the code that a test writes to a folder, on the main thread."""

import contextlib
import io
import json
import os
import traceback
from pathlib import Path

import bpy

FOLDER = Path(os.environ["INNERFACE_REMOTE_CONTROL"])
bpy.context.preferences.view.show_splash = False
NAMESPACE = {"bpy": bpy, "Path": Path}


def window():
    return bpy.context.window_manager.windows[0]


def area(kind="VIEW_3D"):
    return next(a for a in window().screen.areas if a.type == kind)


def region(kind="UI"):
    return next(r for r in area().regions if r.type == kind)


def here(kind="WINDOW"):
    """Override the context with the 3D view, for operators."""
    return bpy.context.temp_override(window=window(), area=area(), region=region(kind))


def under_mouse():
    """Return the Python command of the button under the mouse, "" where there is none."""
    bpy.context.window_manager.clipboard = ""
    with contextlib.suppress(RuntimeError), here("UI"):
        bpy.ops.ui.copy_python_command_button()
    return bpy.context.window_manager.clipboard


NAMESPACE |= {"window": window, "area": area, "region": region, "here": here, "under_mouse": under_mouse}


def tick():
    request = FOLDER / "request.py"
    if request.exists():
        code = request.read_text()
        request.unlink()
        try:
            NAMESPACE.pop("result", None)
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(code, "request", "exec"), NAMESPACE)
            answer = {"result": NAMESPACE.get("result")}
        except Exception:
            answer = {"error": traceback.format_exc()}
        (FOLDER / "answer.tmp").write_text(json.dumps(answer, default=str))
        (FOLDER / "answer.tmp").rename(FOLDER / "answer.json")
    return 0.02


bpy.app.timers.register(tick, first_interval=1.0, persistent=True)

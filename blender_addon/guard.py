"""Keeps Blender's autosave from storing a preview.

Autosave tells nobody before it writes, but it waits while any modal operator runs. This one does nothing else, and steps aside, the face as it was, whenever an
autosave may be due.
"""

from __future__ import annotations

import time
from typing import Any

import bpy

from .live import live

_LOOK_S = 0.25
_ASIDE_S = 0.06  # Blender tries again every 0.01 s
_running: list[float] = []  # when it began


class INNERFACE_OT_guard(bpy.types.Operator):  # noqa: N801
    """Lets autosave wait until the preview is out of its way"""

    bl_idname = "innerface.guard"
    bl_label = "Guard the Preview"
    bl_options = {"INTERNAL"}  # noqa: RUF012

    def invoke(self, context: Any, _event: Any) -> set[str]:
        """Blender's call."""
        self.timer = context.window_manager.event_timer_add(_LOOK_S, window=context.window)
        context.window_manager.modal_handler_add(self)
        _running[:] = [time.monotonic()]
        return {"RUNNING_MODAL"}

    def modal(self, context: Any, event: Any) -> set[str]:
        """Blender's call; every event goes on to others."""
        if event.type != "TIMER" or (_needed() and _running and time.monotonic() - _running[0] < _every()):
            return {"PASS_THROUGH"}
        self.cancel(context)
        live.aside(_ASIDE_S)
        return {"FINISHED", "PASS_THROUGH"}

    def cancel(self, context: Any) -> None:
        """Blender's call, where another file is loaded or the window is closed."""
        context.window_manager.event_timer_remove(self.timer)
        _running.clear()


def _every() -> float:
    return 60.0 * bpy.context.preferences.filepaths.auto_save_time


def _needed() -> bool:
    files = bpy.context.preferences.filepaths
    return live.preview is not None and live.preview.shown and files.use_auto_save_temporary_files and not bpy.app.background


def keep_watch() -> None:
    """Begin, where a preview shows and nobody watches."""
    if _running or not _needed():
        return
    window = bpy.context.window_manager.windows[0]
    with bpy.context.temp_override(window=window):
        bpy.ops.innerface.guard("INVOKE_DEFAULT")


def register() -> None:
    """Register the operator."""
    bpy.utils.register_class(INNERFACE_OT_guard)
    live.watch = keep_watch


def unregister() -> None:
    """Undo `register`."""
    live.watch = None
    _running.clear()
    bpy.utils.unregister_class(INNERFACE_OT_guard)

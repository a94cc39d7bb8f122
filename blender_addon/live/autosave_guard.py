"""Keep the preview out of Blender's autosave.

Autosave calls no handler before it writes, but it waits while a modal operator runs. The guard is a modal operator
that does nothing else, and ends, with the preview hidden, whenever an autosave may be due.
"""

from __future__ import annotations

import time

import bpy

from .session import session

_CHECK_INTERVAL_S = 0.25
_HIDE_S = 0.06  # Blender retries an autosave every 0.01 s
_started_at: list[float] = []  # when the running guard started; empty where none runs


class INNERFACE_OT_guard(bpy.types.Operator):  # noqa: N801
    """Keep autosave waiting until the preview is hidden"""

    bl_idname = "innerface.guard"
    bl_label = "Keep Preview out of Autosave"
    bl_options = {"INTERNAL"}  # noqa: RUF012

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Called by Blender."""
        self.timer = context.window_manager.event_timer_add(_CHECK_INTERVAL_S, window=context.window)
        context.window_manager.modal_handler_add(self)
        _started_at[:] = [time.monotonic()]
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Called by Blender for each event, which is passed on."""
        if event.type != "TIMER" or (
            _is_needed() and _started_at and time.monotonic() - _started_at[0] < _autosave_interval_s()
        ):
            return {"PASS_THROUGH"}
        self.cancel(context)
        session.hide_for(_HIDE_S)
        return {"FINISHED", "PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Called by Blender where another file is loaded or the window is closed."""
        context.window_manager.event_timer_remove(self.timer)
        _started_at.clear()


def _autosave_interval_s() -> float:
    return 60.0 * bpy.context.preferences.filepaths.auto_save_time


def _is_needed() -> bool:
    files = bpy.context.preferences.filepaths
    return (
        session.preview is not None
        and session.preview.shown
        and files.use_auto_save_temporary_files
        and not bpy.app.background
    )


def start_guard() -> None:
    """Start the guard where a preview is shown and none runs."""
    if _started_at or not _is_needed():
        return
    window = bpy.context.window_manager.windows[0]
    with bpy.context.temp_override(window=window):
        bpy.ops.innerface.guard("INVOKE_DEFAULT")


def register() -> None:
    """Register the operator, and start it with every face that is shown."""
    bpy.utils.register_class(INNERFACE_OT_guard)
    session.on_face_shown = start_guard


def unregister() -> None:
    """Undo `register`."""
    session.on_face_shown = None
    _started_at.clear()
    bpy.utils.unregister_class(INNERFACE_OT_guard)

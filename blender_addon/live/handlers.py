"""Handlers for Blender's events that the live preview must step aside for: saving, rendering, undo, loading a file."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.handlers import persistent

from . import take_list
from .saved_state import restore_all
from .session import session


@persistent
def _save_pre(*_: Any) -> None:
    session.pause("The preview pauses while the file is saved")


@persistent
def _save_post(*_: Any) -> None:
    session.resume()
    take_list.refresh()  # a file that was unsaved before keeps its takes beside it from now on


@persistent
def _render_init(*_: Any) -> None:
    session.pause("The preview pauses while Blender is rendering, so that the animation is rendered")


@persistent
def _render_end(*_: Any) -> None:
    session.resume()


@persistent
def _undo_pre(*_: Any) -> None:
    if session.preview is not None:
        session.preview.release()


@persistent
def _undo_post(*_: Any) -> None:
    restore_all()  # the undo step may contain a preview
    session.find_face_again()
    take_list.mark_baked()


@persistent
def _load_pre(*_: Any) -> None:
    session.leave_file()


@persistent
def _load_post(*_: Any) -> None:
    restore_all()  # an autosave, or a file saved after a crash, may contain a preview
    session.enter_file(bpy.context)
    take_list.refresh()


_HANDLERS = {
    "save_pre": _save_pre,
    "save_post": _save_post,
    "save_post_fail": _save_post,
    "render_init": _render_init,
    "render_complete": _render_end,
    "render_cancel": _render_end,
    "undo_pre": _undo_pre,
    "redo_pre": _undo_pre,
    "undo_post": _undo_post,
    "redo_post": _undo_post,
    "load_pre": _load_pre,
    "load_post": _load_post,
    "load_post_fail": _load_post,
}


def register() -> None:
    """Add the handlers."""
    for name, handler in _HANDLERS.items():
        if hasattr(bpy.app.handlers, name):
            getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    """Remove the handlers."""
    for name, handler in _HANDLERS.items():
        if hasattr(bpy.app.handlers, name) and handler in getattr(bpy.app.handlers, name):
            getattr(bpy.app.handlers, name).remove(handler)

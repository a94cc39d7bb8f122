"""Blender's events that a live preview must make room for: saving, rendering, undo, another file."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.handlers import persistent

from . import take_list
from .preview import restore_all
from .session import session


@persistent
def _save_pre(*_: Any) -> None:
    session.pause("saving: the preview pauses")


@persistent
def _save_post(*_: Any) -> None:
    session.resume()
    take_list.refresh()  # a file that has a name now keeps its takes beside it


@persistent
def _render_init(*_: Any) -> None:
    session.pause("rendering: the preview pauses, and the render shows the animation")


@persistent
def _render_end(*_: Any) -> None:
    session.resume()


@persistent
def _undo_pre(*_: Any) -> None:
    if session.preview is not None:
        session.preview.release()


@persistent
def _undo_post(*_: Any) -> None:
    restore_all()  # whatever the step holds of a preview
    session.find_face_again()
    take_list.mark_baked()


@persistent
def _load_pre(*_: Any) -> None:
    session.leave_file()


@persistent
def _load_post(*_: Any) -> None:
    restore_all()  # an autosave or a crash may have kept one
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
    """Listen."""
    for name, handler in _HANDLERS.items():
        if hasattr(bpy.app.handlers, name):
            getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    """No longer."""
    for name, handler in _HANDLERS.items():
        if hasattr(bpy.app.handlers, name) and handler in getattr(bpy.app.handlers, name):
            getattr(bpy.app.handlers, name).remove(handler)

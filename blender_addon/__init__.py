"""The Blender side: thin operators and panels over `core` and `server`. `register` and `unregister` are all that Blender calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_commands: list[Any] = []


def _parts() -> tuple[Any, ...]:
    """What is registered, in this order."""
    from . import migration
    from .animation import rebake
    from .live import autosave_guard, handlers
    from .operators import animation, files, hybrid, import_takes, live, mapping, takes
    from .properties import registration
    from .ui import face_panels, hybrid_panel, live_panels, occlusion_bars

    operators = files, import_takes, animation, mapping, live, takes, hybrid
    return (
        registration,
        migration,
        rebake,
        *operators,
        autosave_guard,
        face_panels,
        hybrid_panel,
        live_panels,
        occlusion_bars,
        handlers,
    )


def register(command: Callable[[list[str]], int] | None = None) -> None:
    """Make operators, panels and menus known to Blender, and `command` as `blender -c innerface ...`."""
    import bpy

    for part in _parts():
        part.register()
    if command is not None and hasattr(bpy.utils, "register_cli_command"):
        _commands.append(bpy.utils.register_cli_command("innerface", command))


def unregister() -> None:
    """Undo `register`, in reverse order; what is connected ends, and a recording is whole."""
    import bpy

    from .live.session import session
    from .ui.viewport_overlay import show_overlay

    session.disconnect(wait=True)
    show_overlay(False)
    while _commands:
        bpy.utils.unregister_cli_command(_commands.pop())
    for part in reversed(_parts()):
        part.unregister()

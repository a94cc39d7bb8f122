"""The Blender side: thin operators and panels over `core` and `server`. `register` and `unregister` are all that Blender calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_commands: list[Any] = []


def _parts() -> tuple[Any, ...]:
    """What is registered, in this order."""
    from . import (
        animation_operators,
        face_mapping,
        face_panels,
        file_operators,
        guard,
        handlers,
        hybrid_bars,
        hybrid_operators,
        hybrid_panel,
        import_takes,
        live_operators,
        panels,
        settings,
        take_operators,
    )

    operators = file_operators, import_takes, animation_operators, face_mapping, live_operators, take_operators, hybrid_operators
    return settings, *operators, guard, face_panels, hybrid_panel, panels, hybrid_bars, handlers


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

    from .hud import show_hud
    from .live import live

    live.disconnect(wait=True)
    show_hud(False)
    while _commands:
        bpy.utils.unregister_cli_command(_commands.pop())
    for part in reversed(_parts()):
        part.unregister()

"""The Blender side: thin operators and panels over `core`. `register` and `unregister` are all that Blender calls."""

from __future__ import annotations

from collections.abc import Callable


def register(command: Callable[[list[str]], int] | None = None) -> None:
    """Make operators, panels and menus known to Blender, and `command` as `blender -c innerface ...`."""
    from . import ui

    ui.register(command)


def unregister() -> None:
    """Undo `register`, in reverse order."""
    from . import ui

    ui.unregister()

"""The Blender side: thin operators and panels over `core`. `register` and `unregister` are all that Blender calls."""

from __future__ import annotations


def register() -> None:
    """Make operators, panels and menus known to Blender."""
    from . import ui

    ui.register()


def unregister() -> None:
    """Undo `register`, in reverse order."""
    from . import ui

    ui.unregister()

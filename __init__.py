"""Innerface: facial performance capture without a camera, inside Blender."""

from __future__ import annotations

__version__ = "0.1.0"


def register() -> None:
    """Called by Blender when the extension is enabled."""
    from . import blender_addon

    blender_addon.register(_command)


def unregister() -> None:
    """Called by Blender when the extension is disabled."""
    from . import blender_addon

    blender_addon.unregister()


def _command(arguments: list[str]) -> int:
    """`blender -c innerface ...`: the command line, without any other installation."""
    from .cli import main

    return main(arguments)

"""Innerface: facial performance capture without a camera, inside Blender."""

from __future__ import annotations

import os

__version__ = "0.1.0"

# ONNX Runtime reports its use to Microsoft unless this is set before it is imported, and all ways in lead through here.
os.environ["ORT_DISABLE_TELEMETRY"] = os.environ.get("ORT_DISABLE_TELEMETRY") or "1"


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

"""The Blender side: operators and panels over `core` and `server`. Blender calls `register` and `unregister`."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

_commands: list[Any] = []


def _modules() -> tuple[ModuleType, ...]:
    """Return the modules to register, in this order; panels appear in the sidebar in the same order."""
    from . import migration
    from .animation import rebake
    from .live import autosave_guard, handlers
    from .operators import (
        add_faces,
        calibration,
        connection,
        current_take,
        devices,
        export,
        hybrid,
        import_takes,
        mapping,
        mapping_presets,
        occlusions,
        recording,
        takes,
    )
    from .properties import registration
    from .ui import (
        animation_panels,
        calibrate_panels,
        connect_panel,
        face_panel,
        hybrid_panel,
        mapping_panel,
        occlusion_bar_input,
        occlusion_bars,
        performer_panel,
        record_panels,
        stream_panel,
        takes_panels,
        viewport_overlay,
    )

    operators = (
        *(add_faces, export, import_takes, current_take, mapping, mapping_presets),
        *(connection, devices, calibration, recording, takes, hybrid, occlusions),
    )
    panels = (
        *(face_panel, mapping_panel, animation_panels, hybrid_panel, performer_panel),
        *(connect_panel, calibrate_panels, record_panels, takes_panels, stream_panel),
    )
    overlays = viewport_overlay, occlusion_bars, occlusion_bar_input
    return registration, migration, rebake, *operators, autosave_guard, *panels, *overlays, handlers


def register(command: Callable[[list[str]], int] | None = None) -> None:
    """Register everything with Blender, and `command` as `blender -c innerface ...`."""
    import bpy

    for module in _modules():
        module.register()
    if command is not None and hasattr(bpy.utils, "register_cli_command"):
        _commands.append(bpy.utils.register_cli_command("innerface", command))


def unregister() -> None:
    """Disconnect, finish a running recording, and undo `register` in reverse order."""
    import bpy

    from .live.session import session

    session.disconnect(wait=True)
    while _commands:
        bpy.utils.unregister_cli_command(_commands.pop())
    for module in reversed(_modules()):
        module.unregister()

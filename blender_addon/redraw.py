"""Redraw what shows Innerface's state, in all windows."""

from __future__ import annotations

import bpy


def redraw() -> None:
    """Tag the sidebar of every 3D view, and every timeline, for redrawing."""
    manager = bpy.context.window_manager
    for window in manager.windows if manager is not None else ():
        for area in window.screen.areas:
            if area.type == "DOPESHEET_EDITOR":
                area.tag_redraw()
            elif area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI" and region.width > 1:
                        region.tag_redraw()

"""What all panels draw with: sentences over as many lines as they need, and the tab they are in."""

from __future__ import annotations

from typing import Any

from bpy.app.translations import pgettext_iface as iface_

_DEFAULT_WIDTH = 38  # letters that fit into a line of a sidebar of usual width


def wrap_text(text: str, width: int = _DEFAULT_WIDTH) -> list[str]:
    """A sentence in lines that fit into the sidebar."""
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + len(word) + 1 > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*lines, line] if line else lines


def draw_text(layout: Any, text: str, icon: str = "INFO", context: Any = None) -> None:
    """A sentence over as many lines as it needs."""
    width = _DEFAULT_WIDTH
    if context is not None and context.region is not None:
        width = max(int((context.region.width / context.preferences.system.ui_scale - 70) / 6.6), 18)
    column = layout.column(align=True)
    column.scale_y = 0.85
    for k, line in enumerate(wrap_text(iface_(text), width)):
        column.label(text=line, icon=icon if k == 0 else "BLANK1", translate=False)


class SidebarPanel:
    """A panel of the sidebar's tab."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Innerface"

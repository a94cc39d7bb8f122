"""What all panels draw with: sentences over as many lines as they need, and the tab they are in."""

from __future__ import annotations

from typing import Any

from bpy.app.translations import pgettext_iface as iface_

_WIDE = 38  # letters that fit into a line of a sidebar of usual width


def wrapped(text: str, width: int = _WIDE) -> list[str]:
    """A sentence in lines that fit into the sidebar."""
    out, line = [], ""
    for word in text.split():
        if line and len(line) + len(word) + 1 > width:
            out.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*out, line] if line else out


def say(layout: Any, text: str, icon: str = "INFO", context: Any = None) -> None:
    """A sentence over as many lines as it needs."""
    width = _WIDE
    if context is not None and context.region is not None:
        width = max(int((context.region.width / context.preferences.system.ui_scale - 70) / 6.6), 18)
    column = layout.column(align=True)
    column.scale_y = 0.85
    for k, line in enumerate(wrapped(iface_(text), width)):
        column.label(text=line, icon=icon if k == 0 else "BLANK1", translate=False)


class Tab:
    """A panel of the sidebar's tab."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Innerface"

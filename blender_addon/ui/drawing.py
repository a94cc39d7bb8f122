"""What all panels draw with: the tab they are in, sentences over several lines, the progress of a running job."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_

from ...core.printable import one_line
from ..operators.base import running_job

# Of streams, sites, electrodes and targets
STATE_ICONS = {"ok": "CHECKMARK", "poor": "ERROR", "away": "CANCEL", "failed": "CANCEL"}
_DEFAULT_WIDTH = 38  # characters in a line of a sidebar of the default width
_MIN_WIDTH, _MARGIN_PX, _CHARACTER_PX = 18, 70, 6.6


class SidebarPanel:
    """Mixin for panels in the Innerface tab of the 3D view's sidebar."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Innerface"


def wrap_text(text: str, width: int = _DEFAULT_WIDTH) -> list[str]:
    """Break a sentence into lines of at most `width` characters, where words allow."""
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + len(word) + 1 > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*lines, line] if line else lines


def draw_text(layout: Any, text: str, icon: str = "INFO", *, context: bpy.types.Context | None = None) -> None:
    """Draw a sentence over as many lines as it needs."""
    width = _DEFAULT_WIDTH
    if context is not None and context.region is not None:
        width_px = context.region.width / context.preferences.system.ui_scale
        width = max(int((width_px - _MARGIN_PX) / _CHARACTER_PX), _MIN_WIDTH)
    column = layout.column(align=True)
    column.scale_y = 0.85
    for k, line in enumerate(wrap_text(one_line(iface_(text)), width)):
        column.label(text=line, icon=icon if k == 0 else "BLANK1", translate=False)


def draw_job(layout: Any) -> None:
    """Draw the progress of the running job, if there is one."""
    job = running_job()
    if job is not None:
        layout.progress(text=f"{job.label} (Esc)", factor=job.progress)


def format_duration(seconds: float) -> str:
    """Format a duration as `1:05`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"

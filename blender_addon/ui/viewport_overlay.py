"""What the performer reads in the viewport from a distance: the countdown, instructions, the recording time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import bpy

from ..live.session import session
from .drawing import format_duration

if TYPE_CHECKING:
    from ...server.status import HubStatus

Colour = tuple[float, float, float, float]
_WHITE, _RED, _AMBER = (1.0, 1.0, 1.0, 0.95), (1.0, 0.25, 0.2, 1.0), (1.0, 0.75, 0.25, 1.0)
_RELAX_S = 3.0  # at the start of a calibration
_TOP_MARGIN = 90.0
_draw_handles: list[Any] = []


@dataclass(frozen=True)
class OverlayLine:
    """A line of text; `size` in points of the interface at scale 1."""

    text: str
    size: float
    colour: Colour = _WHITE


def overlay_lines() -> list[OverlayLine]:
    """Return the lines to show now, from the top."""
    take_recording, status = session.take_recording, session.status
    if take_recording is not None:
        if take_recording.phase in ("countdown", "preroll"):
            seconds = max(int(take_recording.seconds_left + 0.999), 0)
            return [OverlayLine(f"{seconds}", 96.0), OverlayLine("Get ready", 22.0)]
        if take_recording.phase == "recording":
            return [OverlayLine(f"\u25cf REC  {format_duration(take_recording.seconds)}", 34.0, _RED)]
    check = status.check
    if check.step:
        return [OverlayLine(check.step, 34.0), OverlayLine(f"{check.left_s:.0f}", 34.0, _AMBER)]
    if status.calibrating_s:
        return [OverlayLine(calibration_step(status), 30.0)]
    return []


def calibration_step(status: HubStatus) -> str:
    """Return what the performer should do now in a calibration."""
    seconds_left = _RELAX_S - status.calibrating_s
    if seconds_left > 0:
        return f"Relax your face: {seconds_left:.0f}" if seconds_left >= 1 else "Relax your face"
    return "Nod (chin down first), then shake your head (to your left first)"


def _draw() -> None:
    import blf

    region = bpy.context.region
    if region is None:
        return
    system = bpy.context.preferences.system
    sidebar_width = sum(r.width for r in bpy.context.area.regions if r.type == "UI" and system.use_region_overlap)
    free_width = region.width - sidebar_width
    y = region.height - _TOP_MARGIN * system.ui_scale
    for line in overlay_lines():
        font_size = line.size * system.ui_scale
        blf.size(0, font_size)
        blf.color(0, *line.colour)
        blf.enable(0, blf.SHADOW)
        blf.shadow(0, 5, 0.0, 0.0, 0.0, 0.8)
        width, height = blf.dimensions(0, line.text)
        y -= height
        blf.position(0, (free_width - width) / 2, y, 0)
        blf.draw(0, line.text)
        blf.disable(0, blf.SHADOW)
        y -= 0.5 * font_size


def show_overlay(visible: bool) -> None:
    """Draw the overlay in every 3D view, or stop drawing it."""
    if visible and not _draw_handles and not bpy.app.background:
        _draw_handles.append(bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_PIXEL"))
    while not visible and _draw_handles:
        bpy.types.SpaceView3D.draw_handler_remove(_draw_handles.pop(), "WINDOW")


def register() -> None:
    """Show the overlay whenever the session is connected."""
    session.on_connected = show_overlay


def unregister() -> None:
    """Undo `register`."""
    session.on_connected = None
    show_overlay(False)

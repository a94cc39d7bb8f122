"""What the performer reads in the viewport from a distance: the countdown, what to do now, that a recording runs."""

from __future__ import annotations

from typing import Any

import bpy

from ..live.session import session

_WHITE, _RED, _AMBER = (1.0, 1.0, 1.0, 0.95), (1.0, 0.25, 0.2, 1.0), (1.0, 0.75, 0.25, 1.0)
_draw_handles: list[Any] = []


def overlay_lines() -> list[tuple[str, float, tuple[float, float, float, float]]]:
    """What is to be read now: text, size, colour; from the top."""
    take_recording, status = session.shoot, session.status
    if take_recording is not None:
        if take_recording.phase in ("countdown", "preroll"):
            return [(f"{max(int(take_recording.seconds_left + 0.999), 0)}", 96.0, _WHITE), ("get ready", 22.0, _WHITE)]
        if take_recording.phase == "recording":
            return [(f"\u25cf REC  {format_duration(take_recording.seconds)}", 34.0, _RED)]
    check = status.get("check") or {}
    if check.get("step"):
        return [(check["step"], 34.0, _WHITE), (f"{check['left_s']:.0f}", 34.0, _AMBER)]
    if status.get("calibrating_s"):
        return [(calibration_step(status), 30.0, _WHITE)]
    return []


def calibration_step(status: dict[str, Any]) -> str:
    """What the performer does now, while a calibration is sought."""
    seconds_left = 3.0 - float(status.get("calibrating_s", 0.0))
    if seconds_left > 0:
        return f"Relax your face: {seconds_left:.0f}" if seconds_left >= 1 else "Relax your face"
    return "Nod (chin down first), then shake your head (left first)"


def format_duration(seconds: float) -> str:
    """`1:05`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _draw() -> None:
    import blf

    region = bpy.context.region
    if region is None:
        return
    free_width = region.width - sum(
        r.width
        for r in bpy.context.area.regions
        if r.type == "UI" and bpy.context.preferences.system.use_region_overlap
    )
    y = region.height - 90.0 * bpy.context.preferences.system.ui_scale
    for text, size, colour in overlay_lines():
        font_size = size * bpy.context.preferences.system.ui_scale
        blf.size(0, font_size)
        blf.color(0, *colour)
        blf.enable(0, blf.SHADOW)
        blf.shadow(0, 5, 0.0, 0.0, 0.0, 0.8)
        width, height = blf.dimensions(0, text)
        y -= height
        blf.position(0, (free_width - width) / 2, y, 0)
        blf.draw(0, text)
        blf.disable(0, blf.SHADOW)
        y -= 0.5 * font_size


def show_overlay(visible: bool) -> None:
    """Draw it in every 3D view, or no longer."""
    if visible and not _draw_handles and not bpy.app.background:
        _draw_handles.append(bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_PIXEL"))
    while not visible and _draw_handles:
        bpy.types.SpaceView3D.draw_handler_remove(_draw_handles.pop(), "WINDOW")

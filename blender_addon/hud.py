"""What the performer reads in the viewport from a distance: the countdown, what to do now, that a recording runs."""

from __future__ import annotations

from typing import Any

import bpy

from .live import live

_WHITE, _RED, _AMBER = (1.0, 1.0, 1.0, 0.95), (1.0, 0.25, 0.2, 1.0), (1.0, 0.75, 0.25, 1.0)
_handle: list[Any] = []


def lines() -> list[tuple[str, float, tuple[float, float, float, float]]]:
    """What is to be read now: text, size, colour; from the top."""
    shoot, status = live.shoot, live.status
    if shoot is not None:
        if shoot.phase in ("countdown", "preroll"):
            return [(f"{max(int(shoot.left + 0.999), 0)}", 96.0, _WHITE), ("get ready", 22.0, _WHITE)]
        if shoot.phase == "recording":
            return [(f"\u25cf REC  {clock(shoot.seconds)}", 34.0, _RED)]
    check = status.get("check") or {}
    if check.get("step"):
        return [(check["step"], 34.0, _WHITE), (f"{check['left_s']:.0f}", 34.0, _AMBER)]
    if status.get("calibrating_s"):
        return [(step(status), 30.0, _WHITE)]
    return []


def step(status: dict[str, Any]) -> str:
    """What the performer does now, while a calibration is sought."""
    left = 3.0 - float(status.get("calibrating_s", 0.0))
    if left > 0:
        return f"Relax your face: {left:.0f}" if left >= 1 else "Relax your face"
    return "Nod (chin down first), then shake your head (left first)"


def clock(seconds: float) -> str:
    """`1:05`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _draw() -> None:
    import blf

    region = bpy.context.region
    if region is None:
        return
    width_free = region.width - sum(r.width for r in bpy.context.area.regions if r.type == "UI" and bpy.context.preferences.system.use_region_overlap)
    at = region.height - 90.0 * bpy.context.preferences.system.ui_scale
    for text, size, colour in lines():
        points = size * bpy.context.preferences.system.ui_scale
        blf.size(0, points)
        blf.color(0, *colour)
        blf.enable(0, blf.SHADOW)
        blf.shadow(0, 5, 0.0, 0.0, 0.0, 0.8)
        width, height = blf.dimensions(0, text)
        at -= height
        blf.position(0, (width_free - width) / 2, at, 0)
        blf.draw(0, text)
        blf.disable(0, blf.SHADOW)
        at -= 0.5 * points


def show_hud(on: bool) -> None:
    """Draw it in every 3D view, or no longer."""
    if on and not _handle and not bpy.app.background:
        _handle.append(bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_PIXEL"))
    while not on and _handle:
        bpy.types.SpaceView3D.draw_handler_remove(_handle.pop(), "WINDOW")

"""Occluded ranges as coloured bars on timelines and dope sheets, with a lane for each part of the face."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import bpy

from ...core.face.channels import GROUPS, ChannelGroup
from ..animation import hybrid_take
from ..character.face import face_or_none
from ..properties.face_parts import PART_NAMES

COLOURS = {
    ChannelGroup.MOUTH: (0.91, 0.36, 0.33),
    ChannelGroup.BROW: (0.95, 0.70, 0.25),
    ChannelGroup.CHEEK: (0.55, 0.75, 0.35),
    ChannelGroup.EYE_LEFT: (0.30, 0.66, 0.88),
    ChannelGroup.EYE_RIGHT: (0.62, 0.50, 0.90),
}
# In pixels at an interface scale of 1.
_LANE_HEIGHT, _MIN_LANE_HEIGHT = 15.0, 4.0
_LANE_GAP, _MIN_LANE_GAP = 2.0, 1.0
_BOTTOM_MARGIN, _MIN_BOTTOM_MARGIN = 24.0, 5.0
_RULER_HEIGHT = 24.0
_LOW_REGION_HEIGHT = 110.0  # in lower timelines, margins and gaps are the smaller ones
_MIN_LABELLED_HEIGHT = 12.0  # of lanes with text
_GRIP_WIDTH = 7.0  # at the ends of a bar
_LABEL_WIDTH = 62.0
_draw_handles: list[Any] = []


@dataclass(frozen=True)
class Bar:
    """The range at `index`, which is of a channel group, as a rectangle in pixels of the region."""

    index: int
    group: ChannelGroup
    left: float
    right: float
    bottom: float
    top: float


@dataclass(frozen=True)
class RegionBars:
    """The bars in a region: of `action`, the camera's, or of None where there is no range."""

    action: Any
    bars: list[Bar]
    scale: float


@dataclass(frozen=True)
class BarHit:
    """A bar at a point, and its handle there: START, END or BOTH."""

    bar: Bar
    handle: str


def range_bars(ranges: Any, to_x: Callable[[float], float], scale: float, *, height: float = 1000.0) -> list[Bar]:
    """Return the bars of ranges (InnerfaceRange): lanes from the bottom, for the parts that have any.

    Parameters
    ----------
    ranges : Sequence of InnerfaceRange
    to_x : Callable
        From seconds of the take to pixels.
    scale : float
        Scale of the interface.
    height : float
        Height of the region in pixels; lanes are thinner in a low one.
    """
    groups = [g for g in GROUPS if any(r.group == g for r in ranges)]
    is_low = height <= _LOW_REGION_HEIGHT * scale
    bottom, gap = (_MIN_BOTTOM_MARGIN, _MIN_LANE_GAP) if is_low else (_BOTTOM_MARGIN, _LANE_GAP)
    available = (height / scale - _RULER_HEIGHT - bottom) / max(len(groups), 1) - gap
    lane = min(max(available, _MIN_LANE_HEIGHT), _LANE_HEIGHT)
    bars = []
    for k, r in enumerate(ranges):
        group = ChannelGroup(r.group)
        lane_bottom = (bottom + groups.index(group) * (lane + gap)) * scale
        left = to_x(r.start)
        bars.append(Bar(k, group, left, max(to_x(r.end), left + 3.0), lane_bottom, lane_bottom + lane * scale))
    return bars


def bar_at(bars: list[Bar], x: float, y: float, *, scale: float) -> BarHit | None:
    """Return the bar at a point, the shortest where there are several."""
    grip = _GRIP_WIDTH * scale
    hits = [b for b in bars if b.bottom <= y <= b.top and b.left - grip / 2 <= x <= b.right + grip / 2]
    if not hits:
        return None
    bar = min(hits, key=lambda b: b.right - b.left)
    inset = grip if bar.right - bar.left > 3 * grip else 0.0  # short bars are grabbed by their ends from outside
    return BarHit(bar, "START" if x < bar.left + inset else "END" if x > bar.right - inset else "BOTH")


def region_bars(context: bpy.types.Context) -> RegionBars:
    """Return the bars of the active camera take in the context's region."""
    action = hybrid_take.camera_action(face_or_none(context))
    region, scale = context.region, context.preferences.system.ui_scale
    if action is None or region is None or not len(action.innerface_hybrid.ranges):
        return RegionBars(None, [], scale)
    view, scene = region.view2d, context.scene

    def to_x(seconds: float) -> float:
        return view.view_to_region(hybrid_take.frame_at(action, seconds, scene), 0, clip=False)[0]

    return RegionBars(action, range_bars(action.innerface_hybrid.ranges, to_x, scale, height=region.height), scale)


def _draw() -> None:
    import blf
    import gpu
    from gpu_extras.batch import batch_for_shader

    context = bpy.context
    visible = region_bars(context)
    bars, scale = visible.bars, visible.scale
    if visible.action is None:
        return
    region = context.region
    settings = visible.action.innerface_hybrid
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")

    def draw_box(
        left: float, bottom: float, right: float, *, top: float, colour: tuple[float, ...], outline: bool = False
    ) -> None:
        corners = [(left, bottom), (right, bottom), (right, top), (left, top)]
        batch = (
            batch_for_shader(shader, "LINE_STRIP", {"pos": [*corners, corners[0]]})
            if outline
            else batch_for_shader(shader, "TRIS", {"pos": corners}, indices=((0, 1, 2), (0, 2, 3)))
        )
        gpu.state.blend_set("ALPHA")  # drawing text turns it off
        shader.bind()
        shader.uniform_float("color", colour)
        batch.draw(shader)

    for group in dict.fromkeys(bar.group for bar in bars):
        lane = next(bar for bar in bars if bar.group == group)
        draw_box(0, lane.bottom, region.width, top=lane.top, colour=(0.0, 0.0, 0.0, 0.28))
    for bar in bars:
        if bar.right < 0 or bar.left > region.width:
            continue
        item, colour = settings.ranges[bar.index], COLOURS[bar.group]
        faded = item.mute or item.state == "REJECTED"
        strength = 0.12 if faded else 0.95 if item.state == "ACCEPTED" else 0.6
        draw_box(bar.left, bar.bottom, bar.right, top=bar.top, colour=(*colour, strength))
        edge = (1.0, 1.0, 1.0, 0.95) if bar.index == settings.active else (*colour, 0.55 if faded else 1.0)
        draw_box(bar.left, bar.bottom, bar.right, top=bar.top, colour=edge, outline=True)
        state_mark = {"ACCEPTED": "\u2713 ", "REJECTED": "\u2715 "}.get(item.state, "") + (
            "Muted: " if item.mute else ""
        )
        _draw_bar_text(blf, state_mark + item.reason, bar, scale=scale, width=region.width, faded=faded)
    for group in dict.fromkeys(bar.group for bar in bars):
        lane = next(bar for bar in bars if bar.group == group)
        if lane.top - lane.bottom < _MIN_LABELLED_HEIGHT * scale:
            continue
        blf.size(0, 11 * scale)
        draw_box(0, lane.bottom, _LABEL_WIDTH * scale, top=lane.top, colour=(0.0, 0.0, 0.0, 0.55))
        _draw_label(blf, PART_NAMES[group], 6 * scale, bar=lane, scale=scale, colour=(*COLOURS[group], 1.0))
    gpu.state.blend_set("NONE")


def _draw_bar_text(blf: Any, text: str, bar: Bar, *, scale: float, width: float, faded: bool) -> None:
    """Draw a text in a bar, shortened to fit."""
    if bar.top - bar.bottom < _MIN_LABELLED_HEIGHT * scale:
        return
    blf.size(0, 10.5 * scale)
    left = max(bar.left, (_LABEL_WIDTH + 4) * scale) + 5 * scale
    room = min(bar.right, width) - left - 4 * scale
    while text and blf.dimensions(0, text)[0] > room:
        text = text[:-4].rstrip() + "\u2026" if len(text) > 4 else ""
    if text:
        _draw_label(
            blf, text, left, bar=bar, scale=scale, colour=(1.0, 1.0, 1.0, 0.55) if faded else (0.05, 0.05, 0.05, 1.0)
        )


def _draw_label(
    blf: Any, text: str, left: float, *, bar: Bar, scale: float, colour: tuple[float, float, float, float]
) -> None:
    blf.color(0, *colour)
    blf.position(0, left, bar.bottom + 4 * scale, 0)
    blf.draw(0, text)


def register() -> None:
    """Draw the bars in all timelines and dope sheets."""
    if not bpy.app.background:
        _draw_handles.append(bpy.types.SpaceDopeSheetEditor.draw_handler_add(_draw, (), "WINDOW", "POST_PIXEL"))


def unregister() -> None:
    """Undo `register`."""
    while _draw_handles:
        bpy.types.SpaceDopeSheetEditor.draw_handler_remove(_draw_handles.pop(), "WINDOW")

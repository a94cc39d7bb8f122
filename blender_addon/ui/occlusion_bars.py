"""Hidden ranges as coloured bars on timelines and dope sheets, a lane for each part of the face: dragged with the mouse, judged with a key while the pointer is
over one (A accepts, R rejects, M mutes, X deletes).

No `from __future__ import annotations` here: Blender reads properties out of the annotations.
"""

# pyright: reportInvalidTypeForm=false
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import bpy
from bpy.props import EnumProperty

from ...core.face.channels import GROUPS, ChannelGroup
from ..animation import hybrid_take
from ..character.face import face_or_none
from ..live.session import session
from ..properties.face_parts import PART_NAMES
from ..redraw import redraw

COLOURS = {
    ChannelGroup.MOUTH: (0.91, 0.36, 0.33),
    ChannelGroup.BROW: (0.95, 0.70, 0.25),
    ChannelGroup.CHEEK: (0.55, 0.75, 0.35),
    ChannelGroup.EYE_LEFT: (0.30, 0.66, 0.88),
    ChannelGroup.EYE_RIGHT: (0.62, 0.50, 0.90),
}
_LANE_HEIGHT, _BOTTOM_MARGIN, _LANE_GAP, _GRIP_WIDTH = 15.0, 24.0, 2.0, 7.0  # pixels at the interface's usual size
_RULER_HEIGHT, _AREA_EDGE, _MIN_LANE_HEIGHT, _LOW_REGION_HEIGHT = (
    24.0,
    5.0,
    4.0,
    110.0,
)  # ruler above, the area's own edge below; the thinnest lane; lower timelines have no room to spare
_MIN_LABELLED_HEIGHT = 12.0  # lanes lower than this carry no text
_MIN_RANGE_S = 0.04
_draw_handles: list[Any] = []
_keymaps: list[tuple[Any, Any]] = []


@dataclass(frozen=True)
class Bar:
    """Range `index` of `group` as a rectangle of a region's pixels."""

    index: int
    group: str
    left: float
    right: float
    bottom: float
    top: float


def range_bars(ranges: Any, to_x: Callable[[float], float], scale: float, height: float = 1000.0) -> list[Bar]:
    """Where ranges (InnerfaceRange) are drawn: lanes from the bottom, for parts that have any, thinner in a low timeline (`height` in pixels). `to_x`: pixels
    of a second of the take."""
    groups = [g for g in GROUPS if any(r.group == g for r in ranges)]
    bottom, gap = (_BOTTOM_MARGIN, _LANE_GAP) if height > _LOW_REGION_HEIGHT * scale else (_AREA_EDGE, 1.0)
    available = (height / scale - _RULER_HEIGHT - bottom) / max(len(groups), 1) - gap
    lane = min(max(available, _MIN_LANE_HEIGHT), _LANE_HEIGHT)
    out = []
    for k, r in enumerate(ranges):
        lane_bottom = (bottom + groups.index(r.group) * (lane + gap)) * scale
        left = to_x(r.start)
        out.append(Bar(k, r.group, left, max(to_x(r.end), left + 3.0), lane_bottom, lane_bottom + lane * scale))
    return out


def bar_at(candidates: list[Bar], x: float, y: float, scale: float) -> tuple[Bar, str] | None:
    """The bar at a place, the shortest of several, and what of it: START, END or BOTH."""
    grip = _GRIP_WIDTH * scale
    hits = [b for b in candidates if b.bottom <= y <= b.top and b.left - grip / 2 <= x <= b.right + grip / 2]
    if not hits:
        return None
    bar = min(hits, key=lambda b: b.right - b.left)
    if bar.right - bar.left > 3 * grip:
        return bar, "START" if x < bar.left + grip else "END" if x > bar.right - grip else "BOTH"
    return bar, "START" if x < bar.left else "END" if x > bar.right else "BOTH"


def _region_bars(context: Any) -> tuple[Any, list[Bar], float]:
    """The camera's action, its bars in the region, and the interface's scale."""
    action = hybrid_take.camera_action(face_or_none(context))
    region, scale = context.region, context.preferences.system.ui_scale
    if action is None or region is None or not len(action.innerface_hybrid.ranges):
        return None, [], scale
    view, scene = region.view2d, context.scene

    def to_x(second: float) -> float:
        return view.view_to_region(hybrid_take.frame_at(action, second, scene), 0, clip=False)[0]

    return action, range_bars(action.innerface_hybrid.ranges, to_x, scale, region.height), scale


def _bar_under_pointer(context: Any, event: Any) -> tuple[Any, Bar, str] | None:
    """What the pointer is over."""
    if context.region is None or context.region.type != "WINDOW":
        return None
    action, region_bars, scale = _region_bars(context)
    bar_and_handle = bar_at(region_bars, event.mouse_region_x, event.mouse_region_y, scale)
    return None if bar_and_handle is None else (action, *bar_and_handle)


def _draw() -> None:
    import blf
    import gpu
    from gpu_extras.batch import batch_for_shader

    context = bpy.context
    action, visible_bars, scale = _region_bars(context)
    if action is None:
        return
    region = context.region
    ranges, active = action.innerface_hybrid.ranges, action.innerface_hybrid.active
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")

    def draw_box(
        left: float, bottom: float, right: float, top: float, colour: tuple[float, ...], outline: bool = False
    ) -> None:
        corners = [(left, bottom), (right, bottom), (right, top), (left, top)]
        batch = (
            batch_for_shader(shader, "LINE_LOOP", {"pos": corners})
            if outline
            else batch_for_shader(shader, "TRI_FAN", {"pos": corners})
        )
        gpu.state.blend_set("ALPHA")  # text turns it off
        shader.bind()
        shader.uniform_float("color", colour)
        batch.draw(shader)

    for group in dict.fromkeys(bar.group for bar in visible_bars):
        lane = next(bar for bar in visible_bars if bar.group == group)
        draw_box(0, lane.bottom, region.width, lane.top, (0.0, 0.0, 0.0, 0.28))
    for bar in visible_bars:
        if bar.right < 0 or bar.left > region.width:
            continue
        item, colour = ranges[bar.index], COLOURS[bar.group]
        faded = item.mute or item.state == "REJECTED"
        strength = 0.12 if faded else 0.95 if item.state == "ACCEPTED" else 0.6
        draw_box(bar.left, bar.bottom, bar.right, bar.top, (*colour, strength))
        edge = (1.0, 1.0, 1.0, 0.95) if bar.index == active else (*colour, 0.55 if faded else 1.0)
        draw_box(bar.left, bar.bottom, bar.right, bar.top, edge, outline=True)
        state_mark = {"ACCEPTED": "\u2713 ", "REJECTED": "\u2715 "}.get(item.state, "") + (
            "muted: " if item.mute else ""
        )
        _draw_bar_text(blf, state_mark + item.reason, bar, scale, region.width, faded)
    for group in dict.fromkeys(bar.group for bar in visible_bars):
        lane = next(bar for bar in visible_bars if bar.group == group)
        if lane.top - lane.bottom < _MIN_LABELLED_HEIGHT * scale:
            continue
        blf.size(0, 11 * scale)
        draw_box(0, lane.bottom, 62 * scale, lane.top, (0.0, 0.0, 0.0, 0.55))
        _draw_label(blf, PART_NAMES[group], 6 * scale, lane, scale, (*COLOURS[group], 1.0))
    gpu.state.blend_set("NONE")


def _draw_bar_text(blf: Any, text: str, bar: Bar, scale: float, width: float, faded: bool) -> None:
    """A text in a bar, cut to what fits."""
    if bar.top - bar.bottom < _MIN_LABELLED_HEIGHT * scale:
        return
    blf.size(0, 10.5 * scale)
    left = max(bar.left, 66 * scale) + 5 * scale
    room = min(bar.right, width) - left - 4 * scale
    while text and blf.dimensions(0, text)[0] > room:
        text = text[:-4].rstrip() + "\u2026" if len(text) > 4 else ""
    if text:
        _draw_label(blf, text, left, bar, scale, (1.0, 1.0, 1.0, 0.55) if faded else (0.05, 0.05, 0.05, 1.0))


def _draw_label(
    blf: Any, text: str, left: float, bar: Bar, scale: float, colour: tuple[float, float, float, float]
) -> None:
    blf.color(0, *colour)
    blf.position(0, left, bar.bottom + 4 * scale, 0)
    blf.draw(0, text)


class INNERFACE_OT_range_drag(bpy.types.Operator):
    """Choose a hidden range, and drag its ends or all of it"""

    bl_idname = "innerface.range_drag"
    bl_label = "Drag Range"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Blender's call: what is under the pointer, else the click is not ours."""
        under = _bar_under_pointer(context, event)
        if under is None:
            return {"PASS_THROUGH"}
        self.action, bar, self.handle = under
        settings = self.action.innerface_hybrid
        settings.active = self.index = bar.index
        item = settings.ranges[bar.index]
        self.original = item.start, item.end
        self.grabbed_second = self._pointer_second(context, event)
        self.region = context.region
        session.hide()
        context.window.cursor_modal_set("MOVE_X" if self.handle != "BOTH" else "SCROLL_X")
        context.window_manager.modal_handler_add(self)
        redraw()
        return {"RUNNING_MODAL"}

    def _pointer_second(self, context: Any, event: Any) -> float:
        region = getattr(self, "region", context.region)
        frame = region.view2d.region_to_view(event.mouse_x - region.x, event.mouse_y - region.y)[0]
        return hybrid_take.seconds_at(self.action, frame, context.scene)

    def modal(self, context: Any, event: Any) -> set[str]:
        """Blender's call, at each event."""
        item = self.action.innerface_hybrid.ranges[self.index]
        if event.type in {"ESC", "RIGHTMOUSE"}:
            item.start, item.end = self.original
            return self._finish_drag(context, {"CANCELLED"})
        if event.type == "LEFTMOUSE" and event.value == "RELEASE":
            return self._finish_drag(
                context, {"FINISHED"} if (item.start, item.end) != self.original else {"CANCELLED"}
            )
        if event.type == "MOUSEMOVE":
            item.start, item.end = dragged_range(
                self.original,
                self.handle,
                self._pointer_second(context, event) - self.grabbed_second,
                hybrid_take.take_duration(self.action),
            )
            item.found = item.found and item.state != "OPEN"  # Detect must not take back what was set by hand
        return {"RUNNING_MODAL"}

    def _finish_drag(self, context: Any, result: set[str]) -> set[str]:
        context.window.cursor_modal_restore()
        redraw()
        return result


def dragged_range(original: tuple[float, float], handle: str, offset_s: float, length: float) -> tuple[float, float]:
    """Start and end of a range whose `part` was dragged `by` s, within a take of `length` s and never turned round."""
    start, end = original
    if handle == "START":
        return min(max(start + offset_s, 0.0), end - _MIN_RANGE_S), end
    if handle == "END":
        return start, max(min(end + offset_s, length), start + _MIN_RANGE_S)
    offset_s = min(max(offset_s, -start), max(length - end, 0.0))
    return start + offset_s, end + offset_s


class INNERFACE_OT_range_key(bpy.types.Operator):
    """Accept, reject, mute or delete the hidden range under the pointer"""

    bl_idname = "innerface.range_key"
    bl_label = "Judge Range"
    bl_options = {"INTERNAL"}

    what: EnumProperty(items=tuple((x, x.capitalize(), "") for x in ("ACCEPTED", "REJECTED", "MUTE", "DELETE")))

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Blender's call: what is under the pointer, else the key is not ours."""
        under = _bar_under_pointer(context, event)
        if under is None:
            return {"PASS_THROUGH"}
        bpy.ops.innerface.range_set("EXEC_DEFAULT", True, what=self.what, index=under[1].index)
        return {"FINISHED"}


_register, _unregister = bpy.utils.register_classes_factory((INNERFACE_OT_range_drag, INNERFACE_OT_range_key))


def register() -> None:
    """Register the operators, their keys, and the drawing."""
    _register()
    if bpy.app.background:
        return
    _draw_handles.append(bpy.types.SpaceDopeSheetEditor.draw_handler_add(_draw, (), "WINDOW", "POST_PIXEL"))
    keyconfig = bpy.context.window_manager.keyconfigs.addon
    if keyconfig is None:
        return
    keymap = keyconfig.keymaps.new(name="Dopesheet", space_type="DOPESHEET_EDITOR")
    _keymaps.append((keymap, keymap.keymap_items.new("innerface.range_drag", "LEFTMOUSE", "PRESS")))
    for key, what in (("A", "ACCEPTED"), ("R", "REJECTED"), ("M", "MUTE"), ("X", "DELETE")):
        item = keymap.keymap_items.new("innerface.range_key", key, "PRESS")
        item.properties.what = what
        _keymaps.append((keymap, item))


def unregister() -> None:
    """Undo `register`."""
    while _keymaps:
        keymap, item = _keymaps.pop()
        keymap.keymap_items.remove(item)
    while _draw_handles:
        bpy.types.SpaceDopeSheetEditor.draw_handler_remove(_draw_handles.pop(), "WINDOW")
    _unregister()

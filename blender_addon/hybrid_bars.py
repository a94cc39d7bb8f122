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

from ..core.channels import GROUPS
from . import hybrid
from .face import face_or_none
from .live import live
from .redraw import redraw
from .settings import PART_NAMES

COLOURS = {
    "mouth": (0.91, 0.36, 0.33), "brow": (0.95, 0.70, 0.25), "cheek": (0.55, 0.75, 0.35), "eye_left": (0.30, 0.66, 0.88), "eye_right": (0.62, 0.50, 0.90),
}  # fmt: skip
_LANE, _BOTTOM, _GAP, _GRIP = 15.0, 24.0, 2.0, 7.0  # pixels at the interface's usual size
_SCRUB, _EDGE, _THIN, _LOW = 24.0, 5.0, 4.0, 110.0  # ruler above, the area's own edge below; the thinnest lane; lower timelines have no room to spare
_WRITTEN = 12.0  # lanes lower than this carry no text
_LEAST_S = 0.04
_handle: list[Any] = []
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


def bars(ranges: Any, to_x: Callable[[float], float], scale: float, height: float = 1000.0) -> list[Bar]:
    """Where ranges (InnerfaceRange) are drawn: lanes from the bottom, for parts that have any, thinner in a low timeline (`height` in pixels). `to_x`: pixels
    of a second of the take."""
    used = [g for g in GROUPS if any(r.group == g for r in ranges)]
    bottom, gap = (_BOTTOM, _GAP) if height > _LOW * scale else (_EDGE, 1.0)
    room = (height / scale - _SCRUB - bottom) / max(len(used), 1) - gap
    lane = min(max(room, _THIN), _LANE)
    out = []
    for k, r in enumerate(ranges):
        low = (bottom + used.index(r.group) * (lane + gap)) * scale
        left = to_x(r.start)
        out.append(Bar(k, r.group, left, max(to_x(r.end), left + 3.0), low, low + lane * scale))
    return out


def hit(found: list[Bar], x: float, y: float, scale: float) -> tuple[Bar, str] | None:
    """The bar at a place, the shortest of several, and what of it: START, END or BOTH."""
    grip = _GRIP * scale
    inside = [b for b in found if b.bottom <= y <= b.top and b.left - grip / 2 <= x <= b.right + grip / 2]
    if not inside:
        return None
    bar = min(inside, key=lambda b: b.right - b.left)
    if bar.right - bar.left > 3 * grip:
        return bar, "START" if x < bar.left + grip else "END" if x > bar.right - grip else "BOTH"
    return bar, "START" if x < bar.left else "END" if x > bar.right else "BOTH"


def _here(context: Any) -> tuple[Any, list[Bar], float]:
    """The camera's action, its bars in the region, and the interface's scale."""
    action = hybrid.camera_action(face_or_none(context))
    region, scale = context.region, context.preferences.system.ui_scale
    if action is None or region is None or not len(action.innerface_hybrid.ranges):
        return None, [], scale
    view, scene = region.view2d, context.scene
    def to_x(second: float) -> float:
        return view.view_to_region(hybrid.frame_of(action, second, scene), 0, clip=False)[0]

    return action, bars(action.innerface_hybrid.ranges, to_x, scale, region.height), scale


def _under(context: Any, event: Any) -> tuple[Any, Bar, str] | None:
    """What the pointer is over."""
    if context.region is None or context.region.type != "WINDOW":
        return None
    action, found, scale = _here(context)
    at = hit(found, event.mouse_region_x, event.mouse_region_y, scale)
    return None if at is None else (action, *at)


def _draw() -> None:
    import blf
    import gpu
    from gpu_extras.batch import batch_for_shader

    context = bpy.context
    action, found, scale = _here(context)
    if action is None:
        return
    region = context.region
    ranges, active = action.innerface_hybrid.ranges, action.innerface_hybrid.active
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")

    def box(left: float, bottom: float, right: float, top: float, colour: tuple[float, ...], line: bool = False) -> None:
        corners = [(left, bottom), (right, bottom), (right, top), (left, top)]
        shape = batch_for_shader(shader, "LINE_LOOP", {"pos": corners}) if line else batch_for_shader(shader, "TRI_FAN", {"pos": corners})
        gpu.state.blend_set("ALPHA")  # text turns it off
        shader.bind()
        shader.uniform_float("color", colour)
        shape.draw(shader)

    for group in dict.fromkeys(bar.group for bar in found):
        lane = next(bar for bar in found if bar.group == group)
        box(0, lane.bottom, region.width, lane.top, (0.0, 0.0, 0.0, 0.28))
    for bar in found:
        if bar.right < 0 or bar.left > region.width:
            continue
        item, colour = ranges[bar.index], COLOURS[bar.group]
        faded = item.mute or item.state == "REJECTED"
        strength = 0.12 if faded else 0.95 if item.state == "ACCEPTED" else 0.6
        box(bar.left, bar.bottom, bar.right, bar.top, (*colour, strength))
        edge = (1.0, 1.0, 1.0, 0.95) if bar.index == active else (*colour, 0.55 if faded else 1.0)
        box(bar.left, bar.bottom, bar.right, bar.top, edge, line=True)
        mark = {"ACCEPTED": "\u2713 ", "REJECTED": "\u2715 "}.get(item.state, "") + ("muted: " if item.mute else "")
        _write(blf, mark + item.reason, bar, scale, region.width, faded)
    for group in dict.fromkeys(bar.group for bar in found):
        lane = next(bar for bar in found if bar.group == group)
        if lane.top - lane.bottom < _WRITTEN * scale:
            continue
        blf.size(0, 11 * scale)
        box(0, lane.bottom, 62 * scale, lane.top, (0.0, 0.0, 0.0, 0.55))
        _label(blf, PART_NAMES[group], 6 * scale, lane, scale, (*COLOURS[group], 1.0))
    gpu.state.blend_set("NONE")


def _write(blf: Any, text: str, bar: Bar, scale: float, width: float, faded: bool) -> None:
    """A text in a bar, cut to what fits."""
    if bar.top - bar.bottom < _WRITTEN * scale:
        return
    blf.size(0, 10.5 * scale)
    left = max(bar.left, 66 * scale) + 5 * scale
    room = min(bar.right, width) - left - 4 * scale
    while text and blf.dimensions(0, text)[0] > room:
        text = text[:-4].rstrip() + "\u2026" if len(text) > 4 else ""
    if text:
        _label(blf, text, left, bar, scale, (1.0, 1.0, 1.0, 0.55) if faded else (0.05, 0.05, 0.05, 1.0))


def _label(blf: Any, text: str, left: float, bar: Bar, scale: float, colour: tuple[float, float, float, float]) -> None:
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
        under = _under(context, event)
        if under is None:
            return {"PASS_THROUGH"}
        self.action, bar, self.part = under
        settings = self.action.innerface_hybrid
        settings.active = self.index = bar.index
        item = settings.ranges[bar.index]
        self.was = item.start, item.end
        self.grabbed = self._second(context, event)
        self.region = context.region
        live.hide()
        context.window.cursor_modal_set("MOVE_X" if self.part != "BOTH" else "SCROLL_X")
        context.window_manager.modal_handler_add(self)
        redraw()
        return {"RUNNING_MODAL"}

    def _second(self, context: Any, event: Any) -> float:
        region = getattr(self, "region", context.region)
        frame = region.view2d.region_to_view(event.mouse_x - region.x, event.mouse_y - region.y)[0]
        return hybrid.second_of(self.action, frame, context.scene)

    def modal(self, context: Any, event: Any) -> set[str]:
        """Blender's call, at each event."""
        item = self.action.innerface_hybrid.ranges[self.index]
        if event.type in {"ESC", "RIGHTMOUSE"}:
            item.start, item.end = self.was
            return self._done(context, {"CANCELLED"})
        if event.type == "LEFTMOUSE" and event.value == "RELEASE":
            return self._done(context, {"FINISHED"} if (item.start, item.end) != self.was else {"CANCELLED"})
        if event.type == "MOUSEMOVE":
            item.start, item.end = moved(self.was, self.part, self._second(context, event) - self.grabbed, hybrid.length_of(self.action))
            item.found = item.found and item.state != "OPEN"  # Detect must not take back what was set by hand
        return {"RUNNING_MODAL"}

    def _done(self, context: Any, how: set[str]) -> set[str]:
        context.window.cursor_modal_restore()
        redraw()
        return how


def moved(was: tuple[float, float], part: str, by: float, length: float) -> tuple[float, float]:
    """Start and end of a range whose `part` was dragged `by` s, within a take of `length` s and never turned round."""
    start, end = was
    if part == "START":
        return min(max(start + by, 0.0), end - _LEAST_S), end
    if part == "END":
        return start, max(min(end + by, length), start + _LEAST_S)
    by = min(max(by, -start), max(length - end, 0.0))
    return start + by, end + by


class INNERFACE_OT_range_key(bpy.types.Operator):
    """Accept, reject, mute or delete the hidden range under the pointer"""

    bl_idname = "innerface.range_key"
    bl_label = "Judge Range"
    bl_options = {"INTERNAL"}

    what: EnumProperty(items=tuple((x, x.capitalize(), "") for x in ("ACCEPTED", "REJECTED", "MUTE", "DELETE")))

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Blender's call: what is under the pointer, else the key is not ours."""
        under = _under(context, event)
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
    _handle.append(bpy.types.SpaceDopeSheetEditor.draw_handler_add(_draw, (), "WINDOW", "POST_PIXEL"))
    keys = bpy.context.window_manager.keyconfigs.addon
    if keys is None:
        return
    keymap = keys.keymaps.new(name="Dopesheet", space_type="DOPESHEET_EDITOR")
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
    while _handle:
        bpy.types.SpaceDopeSheetEditor.draw_handler_remove(_handle.pop(), "WINDOW")
    _unregister()

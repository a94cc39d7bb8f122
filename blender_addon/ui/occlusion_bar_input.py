"""Mouse and keys over the bars of occluded ranges: drag, accept (A), reject (R), mute (M), delete (X).

No `from __future__ import annotations` here: Blender reads properties from the annotations.
"""

# pyright: reportInvalidTypeForm=false
from typing import Any

import bpy
from bpy.props import EnumProperty

from ..animation import hybrid_take
from ..live.session import session
from ..redraw import redraw
from .occlusion_bars import BarHit, bar_at, region_bars

_MIN_RANGE_S = 0.04
_KEYS = {"A": "ACCEPTED", "R": "REJECTED", "M": "MUTE", "X": "DELETE"}
_keymap_items: list[tuple[Any, Any]] = []


def _hit_under_pointer(context: bpy.types.Context, event: bpy.types.Event) -> BarHit | None:
    if context.region is None or context.region.type != "WINDOW":
        return None
    visible = region_bars(context)
    return bar_at(visible.bars, event.mouse_region_x, event.mouse_region_y, scale=visible.scale)


class INNERFACE_OT_range_drag(bpy.types.Operator):
    """Select an occluded range, and drag it or one of its ends"""

    bl_idname = "innerface.range_drag"
    bl_label = "Drag Range"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Called by Blender; a click beside the bars is passed on."""
        hit = _hit_under_pointer(context, event)
        if hit is None:
            return {"PASS_THROUGH"}
        self.action, self.handle = region_bars(context).action, hit.handle
        settings = self.action.innerface_hybrid
        settings.active = self.index = hit.bar.index
        item = settings.ranges[hit.bar.index]
        self.original = item.start, item.end
        self.region = context.region
        self.grabbed_s = self._pointer_s(context, event)
        session.hide()
        context.window.cursor_modal_set("MOVE_X" if self.handle != "BOTH" else "SCROLL_X")
        context.window_manager.modal_handler_add(self)
        redraw()
        return {"RUNNING_MODAL"}

    def _pointer_s(self, context: bpy.types.Context, event: bpy.types.Event) -> float:
        """Return the time in the take under the pointer."""
        frame = self.region.view2d.region_to_view(event.mouse_x - self.region.x, event.mouse_y - self.region.y)[0]
        return hybrid_take.seconds_at(self.action, frame, context.scene)

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Called by Blender for each event."""
        item = self.action.innerface_hybrid.ranges[self.index]
        if event.type in {"ESC", "RIGHTMOUSE"}:
            item.start, item.end = self.original
            return self._finish_drag(context, {"CANCELLED"})
        if event.type == "LEFTMOUSE" and event.value == "RELEASE":
            has_changed = (item.start, item.end) != self.original
            return self._finish_drag(context, {"FINISHED"} if has_changed else {"CANCELLED"})
        if event.type == "MOUSEMOVE":
            offset_s = self._pointer_s(context, event) - self.grabbed_s
            duration = hybrid_take.take_duration(self.action)
            item.start, item.end = dragged_range(self.original, self.handle, offset_s, duration=duration)
            item.found = item.found and item.state != "OPEN"  # so that the next detection keeps it
        return {"RUNNING_MODAL"}

    def _finish_drag(self, context: bpy.types.Context, result: set[str]) -> set[str]:
        context.window.cursor_modal_restore()
        redraw()
        return result


def dragged_range(
    original: tuple[float, float], handle: str, offset_s: float, *, duration: float
) -> tuple[float, float]:
    """Return start and end (s) of a range after its handle was dragged, within the take and never reversed."""
    start, end = original
    if handle == "START":
        return min(max(start + offset_s, 0.0), end - _MIN_RANGE_S), end
    if handle == "END":
        return start, max(min(end + offset_s, duration), start + _MIN_RANGE_S)
    offset_s = min(max(offset_s, -start), max(duration - end, 0.0))
    return start + offset_s, end + offset_s


class INNERFACE_OT_range_key(bpy.types.Operator):
    """Accept, reject, mute or delete the occluded range under the pointer"""

    bl_idname = "innerface.range_key"
    bl_label = "Edit Range under Pointer"
    bl_options = {"INTERNAL"}

    what: EnumProperty(name="Action", items=tuple((name, name.capitalize(), "") for name in _KEYS.values()))

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Called by Blender; a key beside the bars is passed on."""
        hit = _hit_under_pointer(context, event)
        if hit is None:
            return {"PASS_THROUGH"}
        bpy.ops.innerface.range_set("EXEC_DEFAULT", True, what=self.what, index=hit.bar.index)
        return {"FINISHED"}


_register, _unregister = bpy.utils.register_classes_factory((INNERFACE_OT_range_drag, INNERFACE_OT_range_key))


def register() -> None:
    """Register the operators and their shortcuts."""
    _register()
    keyconfig = bpy.context.window_manager.keyconfigs.addon
    if bpy.app.background or keyconfig is None:
        return
    keymap = keyconfig.keymaps.new(name="Dopesheet", space_type="DOPESHEET_EDITOR")
    _keymap_items.append((keymap, keymap.keymap_items.new("innerface.range_drag", "LEFTMOUSE", "PRESS")))
    for key, what in _KEYS.items():
        item = keymap.keymap_items.new("innerface.range_key", key, "PRESS")
        item.properties.what = what
        _keymap_items.append((keymap, item))


def unregister() -> None:
    """Undo `register`."""
    while _keymap_items:
        keymap, item = _keymap_items.pop()
        keymap.keymap_items.remove(item)
    _unregister()

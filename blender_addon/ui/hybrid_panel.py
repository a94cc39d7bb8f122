"""The Hybrid panel: the second take, the occluded ranges of the camera, and the mix."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_

from ...core.face.channels import ChannelGroup
from ..animation import hybrid_take
from ..animation.playback import playing_action
from ..character.face import face_or_none
from ..properties.face_parts import PART_NAMES
from ..properties.hybrid_ranges import RANGE_STATES
from .drawing import SidebarPanel, draw_job, draw_text

_STATE_ICONS = {name: icon for name, _, _, icon, _ in RANGE_STATES}
_GROUP_ICONS = {
    ChannelGroup.MOUTH: "STRIP_COLOR_01",
    ChannelGroup.BROW: "STRIP_COLOR_03",
    ChannelGroup.CHEEK: "STRIP_COLOR_04",
    ChannelGroup.EYE_LEFT: "STRIP_COLOR_05",
    ChannelGroup.EYE_RIGHT: "STRIP_COLOR_06",
}


class INNERFACE_UL_ranges(bpy.types.UIList):
    """Occluded ranges of the camera take."""

    def draw_item(
        self,
        _context: bpy.types.Context,
        layout: Any,
        _data: Any,
        item: Any,
        _icon: Any,
        _active: Any,
        _property: Any,
        index: int = 0,
    ) -> None:
        row = layout.row(align=True)
        row.active = not item.mute and item.state != "REJECTED"
        row.label(
            text=f"{iface_(PART_NAMES[item.group])} {item.start:.1f}\u2013{item.end:.1f}",
            icon=_GROUP_ICONS[item.group],
            translate=False,
        )
        for state in ("ACCEPTED", "REJECTED"):
            is_set = item.state == state
            button = row.operator(
                "innerface.range_set", text="", icon=_STATE_ICONS[state], emboss=is_set, depress=is_set
            )
            button.what, button.index = state, index
        row.prop(item, "mute", text="", icon="HIDE_ON" if item.mute else "HIDE_OFF", emboss=False)


class INNERFACE_PT_hybrid(SidebarPanel, bpy.types.Panel):
    """Repair of a camera take."""

    bl_label = "Hybrid"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return hybrid_take.camera_action(face_or_none(context)) is not None

    def draw(self, context: bpy.types.Context) -> None:
        layout, face = self.layout, face_or_none(context)
        action = hybrid_take.camera_action(face)
        if face is None or action is None:
            return
        settings = action.innerface_hybrid
        box = layout.box()
        box.label(text=action.name, icon="OUTLINER_OB_CAMERA", translate=False)
        if hybrid_take.mixes_of(action):
            plays_mix = hybrid_take.is_mix(playing_action(face))
            text = "Playing Mix" if plays_mix else "Playing Camera"
            box.operator("innerface.hybrid_compare", text=text, icon="ARROW_LEFTRIGHT")
        _draw_second_take(layout, settings, context)
        _draw_ranges(layout, settings, context)
        draw_job(layout)
        row = layout.row()
        row.scale_y = 1.4
        row.enabled = any(r.state != "REJECTED" and not r.mute for r in settings.ranges)
        row.operator("innerface.hybrid_mix", icon="KEYINGSET")
        layout.operator("innerface.lip_markers", icon="SPEAKER")


def _draw_second_take(layout: Any, settings: Any, context: bpy.types.Context) -> None:
    column = layout.column(align=True)
    column.label(text="Second take (optional)")
    row = column.row(align=True)
    row.prop(settings, "helper", text="")
    row.operator("innerface.hybrid_helper", text="", icon="REC")
    row = column.row(align=True)
    row.enabled = bool(settings.helper)
    row.operator("innerface.hybrid_align", icon="SNAP_ON")
    row.prop(settings, "by_hand", text="", icon="VIEW_PAN", toggle=True)
    if settings.by_hand and settings.helper:
        column.prop(settings, "offset")
    if settings.aligned and settings.helper:
        draw_text(layout, settings.aligned, "CHECKMARK", context=context)


def _draw_ranges(layout: Any, settings: Any, context: bpy.types.Context) -> None:
    row = layout.row(align=True)
    row.operator("innerface.hybrid_detect", icon="VIEWZOOM")
    row.operator("innerface.range_set", text="", icon="CHECKMARK").what = "ALL"
    row.operator("innerface.range_set", text="", icon="TRASH").what = "CLEAR"
    row = layout.row()
    row.template_list("INNERFACE_UL_ranges", "", settings, "ranges", settings, "active", rows=4)
    column = row.column(align=True)
    column.operator_menu_enum("innerface.range_add", "group", text="", icon="ADD")
    column.operator("innerface.range_set", text="", icon="REMOVE").what = "DELETE"
    column.operator("innerface.range_show", text="", icon="TRACKING_FORWARDS_SINGLE")
    if 0 <= settings.active < len(settings.ranges):
        item = settings.ranges[settings.active]
        row = layout.row(align=True)
        row.prop(item, "start", text="")
        row.prop(item, "end", text="")
        row.prop(item, "group", text="")
        confidence = f" ({item.confidence:.0%})" if item.found else ""
        draw_text(layout, iface_(item.reason) + confidence, "INFO", context=context)


register, unregister = bpy.utils.register_classes_factory((INNERFACE_UL_ranges, INNERFACE_PT_hybrid))

"""The Hybrid panel: what helps a camera's take, where it is hidden, and the mix of both."""

# pyright: reportInvalidTypeForm=false
from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_

from ...core.face.channels import ChannelGroup
from ..animation import hybrid_take, playback
from ..character.face import face_or_none
from ..operators.base import jobs
from ..properties.face_parts import PART_NAMES
from ..properties.hybrid_ranges import RANGE_STATES
from .drawing import SidebarPanel, draw_text

_STATE_ICONS = {name: icon for name, _, _, icon, _ in RANGE_STATES}
_GROUP_ICONS = {
    ChannelGroup.MOUTH: "STRIP_COLOR_01",
    ChannelGroup.BROW: "STRIP_COLOR_03",
    ChannelGroup.CHEEK: "STRIP_COLOR_04",
    ChannelGroup.EYE_LEFT: "STRIP_COLOR_05",
    ChannelGroup.EYE_RIGHT: "STRIP_COLOR_06",
}


class INNERFACE_UL_ranges(bpy.types.UIList):
    """Hidden ranges of a camera's take."""

    def draw_item(
        self,
        _context: Any,
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
            op = row.operator(
                "innerface.range_set",
                text="",
                icon=_STATE_ICONS[state],
                emboss=item.state == state,
                depress=item.state == state,
            )
            op.what, op.index = state, index
        row.prop(item, "mute", text="", icon="HIDE_ON" if item.mute else "HIDE_OFF", emboss=False)


class INNERFACE_PT_hybrid(SidebarPanel, bpy.types.Panel):
    """Mending a camera's take."""

    bl_label = "Hybrid"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        return hybrid_take.camera_action(face_or_none(context)) is not None

    def draw(self, context: Any) -> None:
        layout, face = self.layout, face_or_none(context)
        action = hybrid_take.camera_action(face)
        if face is None or action is None:
            return
        settings = action.innerface_hybrid
        box = layout.box()
        box.label(text=action.name, icon="OUTLINER_OB_CAMERA", translate=False)
        if hybrid_take.mixes_of(action):
            mix_plays = hybrid_take.is_mix(playback.playing_action(face))
            box.operator(
                "innerface.hybrid_compare",
                text="The Mix Plays" if mix_plays else "The Camera Plays",
                icon="ARROW_LEFTRIGHT",
            )
        column = layout.column(align=True)
        column.label(text="Helping take (none: the rest of the face)")
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
            draw_text(layout, settings.aligned, "CHECKMARK", context)
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
            column = layout.column(align=True)
            row = column.row(align=True)
            row.prop(item, "start", text="")
            row.prop(item, "end", text="")
            row.prop(item, "group", text="")
            draw_text(
                layout,
                iface_("{} ({:.0%})").format(iface_(item.reason), item.confidence) if item.found else item.reason,
                "INFO",
                context,
            )
        if jobs:
            layout.progress(text=f"{jobs[0].label} (Esc)", factor=jobs[0].progress)
        row = layout.row()
        row.scale_y = 1.4
        row.enabled = any(r.state != "REJECTED" and not r.mute for r in settings.ranges)
        row.operator("innerface.hybrid_mix", icon="KEYINGSET")
        layout.operator("innerface.lip_markers", icon="SPEAKER")


register, unregister = bpy.utils.register_classes_factory((INNERFACE_UL_ranges, INNERFACE_PT_hybrid))

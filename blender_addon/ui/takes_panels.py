"""The Takes panels: the list of takes, and how a take is baked."""

from __future__ import annotations

from typing import Any

import bpy

from ..animation.playback import unobserved_tracks
from ..character.face import face_or_none
from ..live import take_list
from .bake_options import draw_key_options, draw_smoothing
from .drawing import SidebarPanel, draw_job, draw_text, format_duration


class INNERFACE_UL_takes(bpy.types.UIList):
    """Takes on disk."""

    def draw_item(
        self, _context: bpy.types.Context, layout: Any, _data: Any, item: Any, _icon: Any, _active: Any, _property: Any
    ) -> None:
        row = layout.row()
        icon = "ERROR" if item.quality or not item.whole else "ACTION" if item.baked else "REC"
        row.label(text=item.name, icon=icon, translate=False)
        duration = row.row()
        duration.alignment = "RIGHT"
        duration.label(text=format_duration(item.seconds) if item.known else item.size, translate=False)


class INNERFACE_PT_takes(SidebarPanel, bpy.types.Panel):
    """Recorded takes."""

    bl_label = "Takes"

    def draw(self, context: bpy.types.Context) -> None:
        layout, manager = self.layout, context.window_manager
        row = layout.row()
        row.template_list("INNERFACE_UL_takes", "", manager, "innerface_takes", manager, "innerface_take", rows=3)
        column = row.column(align=True)
        column.operator("innerface.takes_refresh", icon="FILE_REFRESH", text="")
        column.operator("innerface.takes_folder", icon="FILE_FOLDER", text="")
        column.operator("innerface.take_delete", icon="TRASH", text="")
        take = take_list.selected()
        if take is not None:
            box = layout.box().column(align=True)
            details = (take.when, format_duration(take.seconds) if take.known else take.size, take.source)
            box.label(text="   ".join(detail for detail in details if detail), icon="INFO", translate=False)
            if take.known:
                draw_text(
                    box, take.quality or "No data was lost", "ERROR" if take.quality else "CHECKMARK", context=context
                )
            else:
                draw_text(box, "Not read yet: click the take, or Refresh", "QUESTION", context=context)
        draw_job(layout)
        row = layout.row()
        row.scale_y = 1.4
        is_baked = take is not None and take.baked
        row.operator("innerface.take_bake", icon="KEYINGSET", text="Bake Again" if is_baked else "Bake to Face")
        _draw_unobserved_channels(layout, context)


def _draw_unobserved_channels(layout: Any, context: bpy.types.Context) -> None:
    face = face_or_none(context)
    tracks = unobserved_tracks(face) if face is not None else []
    if tracks:
        is_played = not any(track.mute for track in tracks)
        layout.operator(
            "innerface.invented",
            icon="HIDE_OFF" if is_played else "HIDE_ON",
            text="Mute Unobserved Channels" if is_played else "Play Unobserved Channels",
        )


class INNERFACE_PT_bake_options(SidebarPanel, bpy.types.Panel):
    """How takes are baked."""

    bl_label = "Bake Options"
    bl_parent_id = "INNERFACE_PT_takes"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout, shot = self.layout, context.scene.innerface
        layout.use_property_split = True
        layout.use_property_decorate = False
        draw_key_options(layout, shot.options)
        layout.prop(shot, "placed")
        layout.prop(shot, "onto")
        if shot.onto == "OVER":
            layout.prop(shot, "within")
            layout.prop(shot, "blend")
        layout.column(heading="Parts").prop(shot.options, "parts", expand=True)
        layout.prop(shot.options, "widen")


class INNERFACE_PT_bake_smoothing(SidebarPanel, bpy.types.Panel):
    """Smoothing of the next bake."""

    bl_label = "Smoothing"
    bl_parent_id = "INNERFACE_PT_bake_options"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        draw_smoothing(self.layout, context.scene.innerface.options)


register, unregister = bpy.utils.register_classes_factory(
    (INNERFACE_UL_takes, INNERFACE_PT_takes, INNERFACE_PT_bake_options, INNERFACE_PT_bake_smoothing)
)

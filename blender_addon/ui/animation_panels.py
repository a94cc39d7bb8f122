"""The Animation panels: the take of the current action, its smoothing and its keys."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_

from ..animation import loaded_take, rebake
from ..animation.playback import playing_action
from ..animation.take_action import TakeAction
from ..character.face import face_or_none
from ..compat import all_fcurves
from ..operators.import_takes import draw_time_ranges
from .bake_options import draw_key_options, draw_smoothing
from .drawing import SidebarPanel, draw_text


def _current_action(context: bpy.types.Context) -> Any:
    """Return the current action of the active face, None where it was not baked from a take."""
    face = face_or_none(context)
    return None if face is None else playing_action(face)


class INNERFACE_PT_animation(SidebarPanel, bpy.types.Panel):
    """The take of the current action."""

    bl_label = "Animation"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _current_action(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        layout, action = self.layout, _current_action(context)
        options, is_loaded = action.innerface, loaded_take.cached_take(TakeAction(action).take_path) is not None
        box = layout.box()
        box.label(text=action.name, icon="ACTION", translate=False)
        layout.operator(
            "innerface.bake_again", icon="FILE_REFRESH", text="Bake Again" if is_loaded else "Load and Bake Again"
        )
        if not is_loaded:
            draw_text(layout, "The take is not loaded; options apply when it is baked again", "INFO", context=context)
        row = layout.row(align=True)
        row.operator("innerface.neutral_here", icon="USER")
        clear_row = row.row(align=True)
        clear_row.active = options.neutral_to > 0
        clear_row.operator("innerface.neutral_here", icon="X", text="").clear = True
        draw_time_ranges(layout.column(align=True), options)
        if action.name in rebake.errors:
            draw_text(layout, rebake.errors[action.name], "ERROR", context=context)
        layout.prop(options, "widen")
        layout.operator("innerface.align_sound", icon="SPEAKER")


class INNERFACE_PT_smoothing(SidebarPanel, bpy.types.Panel):
    """Smoothing of the current action."""

    bl_label = "Smoothing"
    bl_parent_id = "INNERFACE_PT_animation"

    def draw(self, context: bpy.types.Context) -> None:
        layout, action = self.layout, _current_action(context)
        draw_smoothing(layout, action.innerface)
        loaded = loaded_take.cached_take(TakeAction(action).take_path)
        if loaded is not None and not loaded.from_sensors and not action.innerface.smooth_camera:
            draw_text(
                layout, "Camera takes are not smoothed; turn on Smooth Camera Takes to do so", "INFO", context=context
            )


class INNERFACE_PT_keys(SidebarPanel, bpy.types.Panel):
    """Keys of the current action."""

    bl_label = "Keys"
    bl_parent_id = "INNERFACE_PT_animation"

    def draw(self, context: bpy.types.Context) -> None:
        layout, action = self.layout, _current_action(context)
        layout.use_property_split = True
        layout.use_property_decorate = False
        draw_key_options(layout, action.innerface)
        curves = list(all_fcurves(action))
        key_count = sum(len(curve.keyframe_points) for curve in curves)
        dense_count = max(int(action.frame_range[1] - action.frame_range[0]) + 1, 1) * len(curves)
        draw_text(
            layout, iface_("{:,} keys instead of {:,}").format(key_count, dense_count), "KEYFRAME", context=context
        )


register, unregister = bpy.utils.register_classes_factory(
    (INNERFACE_PT_animation, INNERFACE_PT_smoothing, INNERFACE_PT_keys)
)

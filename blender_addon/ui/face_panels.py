"""The upper part of the sidebar tab: Face, its Mapping, and Animation, which is of the take that plays.

Panels only draw; what buttons do is in the operators. Texts put together here go through Blender's translation.
"""

# pyright: reportInvalidTypeForm=false
from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_

from ...core.errors import InnerfaceError
from ...core.face.channels import ChannelGroup
from ..animation import loaded_take, playback, rebake
from ..animation.take_action import TakeAction
from ..character.face import Face, active_face, face_or_none, root_object_of
from ..compat import all_fcurves
from ..operators.import_takes import draw_spans
from ..operators.mapping import driven_keys
from .drawing import SidebarPanel, draw_text


class INNERFACE_PT_face(SidebarPanel, bpy.types.Panel):
    """What is animated."""

    bl_label = "Face"
    bl_idname = "INNERFACE_PT_face"

    def draw(self, context: Any) -> None:
        layout = self.layout
        face, message_lines = face_or_message(context)
        if face is None:
            box = layout.box()
            for line in message_lines:
                box.label(text=line, icon="INFO" if line == message_lines[0] else "BLANK1")
            layout.operator("innerface.add_head", icon="USER", text="Add a Head")
            layout.operator("innerface.add_ict", icon="USER")
            layout.operator("innerface.add_flame", icon="USER")
            return
        box = layout.box()
        box.label(text=face.name, icon="OUTLINER_OB_ARMATURE" if face.rig else "MESH_DATA", translate=False)
        missing = face.unmatched_channels()
        summary = iface_("{} of 52 channels ({}, {:.0%})").format(
            52 - len(missing), face.mapping.name, face.meshes[0].match.score
        )
        box.label(text=summary, icon="CHECKMARK" if not missing else "ERROR", translate=False)
        bone_names = {t.name for t in face.mapping.active_targets if t.kind == "bone"}
        counts = [iface_("{} meshes").format(len(face.meshes))] if len(face.meshes) > 1 else []
        counts += [iface_("{} bones").format(len(bone_names))] if bone_names else []
        if counts:
            box.label(text="   ".join(counts), icon="SHAPEKEY_DATA", translate=False)
        if missing:
            draw_text(
                box,
                f"without {', '.join(missing[:6])}" + (f" and {len(missing) - 6} more" if len(missing) > 6 else ""),
                "BLANK1",
                context,
            )
        externally_driven = driven_keys(face)
        if externally_driven:
            _, name, driver_name = externally_driven[0]
            draw_text(
                box,
                iface_("{} keys are driven, such as {} by {}").format(len(externally_driven), name, driver_name),
                "DRIVER",
                context,
            )
            box.operator("innerface.mapping_driven", icon="DRIVER_TRANSFORM")
        column = layout.column(align=True)
        column.operator("innerface.key_takes", icon="IMPORT", text="Key Takes...")
        column.operator("innerface.export", icon="EXPORT", text="Export for Game Engine...")
        column.operator("innerface.back_out", icon="FILE", text="Export as Take (CSV)...")


def face_or_message(context: Any) -> tuple[Face | None, list[str]]:
    """The face to show, or None and the lines that say why there is none."""
    try:
        return active_face(context), []
    except InnerfaceError as error:
        if "characters" in str(error):
            return None, ["Several faces here:", "click the one to use"]
        return None, ["No face in this scene yet:", "a mesh with shape keys", "such as jawOpen"]


class INNERFACE_PT_mapping(SidebarPanel, bpy.types.Panel):
    """What drives what."""

    bl_label = "Mapping"
    bl_parent_id = "INNERFACE_PT_face"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        active = context.active_object
        return face_or_none(context) is not None or (
            active is not None and active.type == "MESH" and active.data.shape_keys is not None
        )

    def draw(self, context: Any) -> None:
        layout = self.layout
        face = face_or_none(context)
        table = (face.root_object if face is not None else root_object_of(context.active_object)).innerface
        row = layout.row(align=True)
        row.operator("innerface.mapping_auto", icon="VIEWZOOM", text="Match by Names")
        row.operator("innerface.mapping_preset", icon="PRESET", text="")
        row.operator("innerface.mapping_load", icon="FILE_FOLDER", text="")
        row.operator("innerface.mapping_save", icon="FILE_TICK", text="")
        row.operator("innerface.mapping_clear", icon="X", text="")
        if not table.targets:
            draw_text(layout, "Names decide. Match by Names makes a table of it that you can change", "INFO", context)
        row = layout.row()
        row.template_list("INNERFACE_UL_targets", "", table, "targets", table, "target", rows=5)
        column = row.column(align=True)
        for operation, icon in (("ADD", "ADD"), ("REMOVE", "REMOVE"), ("MIRROR", "MOD_MIRROR")):
            column.operator("innerface.mapping_row", icon=icon, text="").what = operation
        if not 0 <= table.target < len(table.targets):
            return
        item = table.targets[table.target]
        column = layout.column(align=True)
        column.prop(item, "channel", text="")
        row = column.row(align=True)
        row.prop(item, "kind", text="")
        row.prop(item, "to", text="")
        if item.kind == "bone":
            column.prop(item, "axis", text="")
        row = column.row(align=True)
        row.prop(item, "gain")
        row.prop(item, "offset")
        row = column.row(align=True)
        row.prop(item, "low", text="Min")
        row.prop(item, "high", text="Max")
        column.prop(item, "curve")


class INNERFACE_PT_animation(SidebarPanel, bpy.types.Panel):
    """The take that plays, and how it was made into keys."""

    bl_label = "Animation"

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _active_action(context) is not None

    def draw(self, context: Any) -> None:
        layout, action = self.layout, _active_action(context)
        options, is_loaded = action.innerface, loaded_take.cached_take(TakeAction(action).take_path) is not None
        box = layout.box()
        box.label(text=action.name, icon="ACTION", translate=False)
        row = layout.row(align=True)
        row.operator(
            "innerface.bake_again", icon="FILE_REFRESH", text="Bake Again" if is_loaded else "Load and Bake Again"
        )
        if not is_loaded:
            draw_text(layout, "The take is not loaded: options take effect with the next bake", "INFO", context)
        row = layout.row(align=True)
        row.operator("innerface.neutral_here", icon="USER", text="Neutral from Here")
        clear_row = row.row(align=True)
        clear_row.active = options.neutral_to > 0
        clear_row.operator("innerface.neutral_here", icon="X", text="").clear = True
        draw_spans(layout.column(align=True), options)
        if action.name in rebake.errors:
            draw_text(layout, rebake.errors[action.name], "ERROR", context)
        layout.prop(options, "widen")
        layout.operator("innerface.align_sound", icon="SPEAKER")


def _active_action(context: Any) -> Any:
    """The action of a take that plays on the active face, None where none does."""
    face = face_or_none(context)
    return None if face is None else playback.playing_action(face)


class INNERFACE_PT_smoothing(SidebarPanel, bpy.types.Panel):
    """Smoothing of what plays, by region, seen at once."""

    bl_label = "Smoothing"
    bl_parent_id = "INNERFACE_PT_animation"

    def draw(self, context: Any) -> None:
        layout, action = self.layout, _active_action(context)
        draw_smoothing(layout, action.innerface)
        loaded = loaded_take.cached_take(TakeAction(action).take_path)
        if loaded is not None and not loaded.from_sensors and not action.innerface.smooth_camera:
            draw_text(layout, "A camera's take is left as it is; tick Camera Takes, Too", "INFO", context)


class INNERFACE_PT_keys(SidebarPanel, bpy.types.Panel):
    """Keys of what plays."""

    bl_label = "Keys"
    bl_parent_id = "INNERFACE_PT_animation"

    def draw(self, context: Any) -> None:
        layout, action = self.layout, _active_action(context)
        layout.use_property_split = True
        layout.use_property_decorate = False
        draw_key_options(layout, action.innerface)
        count = sum(len(c.keyframe_points) for c in all_fcurves(action))
        length = max(int(action.frame_range[1] - action.frame_range[0]) + 1, 1) * sum(1 for _ in all_fcurves(action))
        draw_text(layout, iface_("{:,} keys instead of {:,}").format(count, length), "KEYFRAME", context)


def draw_smoothing(layout: Any, options: Any) -> None:
    """The sliders of smoothing."""
    layout.use_property_split = True
    layout.use_property_decorate = False
    layout.prop(options, "before", toggle=True, text="Before (No Smoothing)" if not options.before else "Shows Before")
    column = layout.column(align=True)
    column.active = not options.before
    for part in (
        ChannelGroup.MOUTH,
        ChannelGroup.CHEEK,
        ChannelGroup.BROW,
        ChannelGroup.EYE_LEFT,
        ChannelGroup.EYE_RIGHT,
    ):
        column.prop(options, f"smooth_{part}", slider=True)
    column.prop(options, "smooth_camera")


def draw_key_options(layout: Any, options: Any) -> None:
    """How many keys."""
    layout.prop(options, "fewer")
    row = layout.row()
    row.active = options.fewer
    row.prop(options, "tolerance")


CLASSES = (INNERFACE_PT_face, INNERFACE_PT_mapping, INNERFACE_PT_animation, INNERFACE_PT_smoothing, INNERFACE_PT_keys)


register, unregister = bpy.utils.register_classes_factory(CLASSES)

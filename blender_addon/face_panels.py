"""The upper part of the sidebar tab: Face, its Mapping, and Animation, which is of the take that plays.

Panels only draw; what buttons do is in the operators. Texts put together here go through Blender's translation.
"""

# pyright: reportInvalidTypeForm=false
from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_

from ..core.errors import InnerfaceError
from . import bake
from .compat import all_curves
from .drawing import Tab, say
from .face import Face, active_face, face_or_none, holder_of
from .face_mapping import driven
from .import_takes import spans


class INNERFACE_PT_face(Tab, bpy.types.Panel):
    """What is animated."""

    bl_label = "Face"
    bl_idname = "INNERFACE_PT_face"

    def draw(self, context: Any) -> None:
        layout = self.layout
        face, why = panel_face(context)
        if face is None:
            box = layout.box()
            for line in why:
                box.label(text=line, icon="INFO" if line == why[0] else "BLANK1")
            layout.operator("innerface.add_head", icon="USER", text="Add a Head")
            layout.operator("innerface.add_ict", icon="USER")
            layout.operator("innerface.add_flame", icon="USER")
            return
        box = layout.box()
        box.label(text=face.name, icon="OUTLINER_OB_ARMATURE" if face.rig else "MESH_DATA", translate=False)
        missing = face.unmatched_channels()
        names = iface_("{} of 52 channels ({}, {:.0%})").format(52 - len(missing), face.mapping.name, face.meshes[0].match.score)
        box.label(text=names, icon="CHECKMARK" if not missing else "ERROR", translate=False)
        turned = {t.name for t in face.mapping.live if t.kind == "bone"}
        parts = [iface_("{} meshes").format(len(face.meshes))] if len(face.meshes) > 1 else []
        parts += [iface_("{} bones").format(len(turned))] if turned else []
        if parts:
            box.label(text="   ".join(parts), icon="SHAPEKEY_DATA", translate=False)
        if missing:
            say(box, f"without {', '.join(missing[:6])}" + (f" and {len(missing) - 6} more" if len(missing) > 6 else ""), "BLANK1", context)
        taken = driven(face)
        if taken:
            _, name, by = taken[0]
            say(box, iface_("{} keys are driven, such as {} by {}").format(len(taken), name, by), "DRIVER", context)
            box.operator("innerface.mapping_driven", icon="DRIVER_TRANSFORM")
        column = layout.column(align=True)
        column.operator("innerface.key_takes", icon="IMPORT", text="Key Takes...")
        column.operator("innerface.export", icon="EXPORT", text="Export for Game Engine...")
        column.operator("innerface.back_out", icon="FILE", text="Export as Take (CSV)...")


def panel_face(context: Any) -> tuple[Face | None, list[str]]:
    """The face to show, or None and the lines that say why there is none."""
    try:
        return active_face(context), []
    except InnerfaceError as error:
        if "characters" in str(error):
            return None, ["Several faces here:", "click the one to use"]
        return None, ["No face in this scene yet:", "a mesh with shape keys", "such as jawOpen"]


class INNERFACE_PT_mapping(Tab, bpy.types.Panel):
    """What drives what."""

    bl_label = "Mapping"
    bl_parent_id = "INNERFACE_PT_face"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        active = context.active_object
        return face_or_none(context) is not None or (active is not None and active.type == "MESH" and active.data.shape_keys is not None)

    def draw(self, context: Any) -> None:
        layout = self.layout
        face = face_or_none(context)
        table = (face.holder if face is not None else holder_of(context.active_object)).innerface
        row = layout.row(align=True)
        row.operator("innerface.mapping_auto", icon="VIEWZOOM", text="Match by Names")
        row.operator("innerface.mapping_preset", icon="PRESET", text="")
        row.operator("innerface.mapping_load", icon="FILE_FOLDER", text="")
        row.operator("innerface.mapping_save", icon="FILE_TICK", text="")
        row.operator("innerface.mapping_clear", icon="X", text="")
        if not table.targets:
            say(layout, "Names decide. Match by Names makes a table of it that you can change", "INFO", context)
        row = layout.row()
        row.template_list("INNERFACE_UL_targets", "", table, "targets", table, "target", rows=5)
        column = row.column(align=True)
        for what, icon in (("ADD", "ADD"), ("REMOVE", "REMOVE"), ("MIRROR", "MOD_MIRROR")):
            column.operator("innerface.mapping_row", icon=icon, text="").what = what
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


class INNERFACE_PT_animation(Tab, bpy.types.Panel):
    """The take that plays, and how it was made into keys."""

    bl_label = "Animation"

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _playing(context) is not None

    def draw(self, context: Any) -> None:
        layout, action = self.layout, _playing(context)
        options, ready = action.innerface, bake.at_hand(action) is not None
        box = layout.box()
        box.label(text=action.name, icon="ACTION", translate=False)
        row = layout.row(align=True)
        row.operator("innerface.bake_again", icon="FILE_REFRESH", text="Bake Again" if ready else "Load and Bake Again")
        if not ready:
            say(layout, "The take is not loaded: options take effect with the next bake", "INFO", context)
        row = layout.row(align=True)
        row.operator("innerface.neutral_here", icon="USER", text="Neutral from Here")
        sub = row.row(align=True)
        sub.active = options.neutral_to > 0
        sub.operator("innerface.neutral_here", icon="X", text="").clear = True
        spans(layout.column(align=True), options)
        if action.name in bake.refused:
            say(layout, bake.refused[action.name], "ERROR", context)
        layout.prop(options, "widen")
        layout.operator("innerface.align_sound", icon="SPEAKER")


def _playing(context: Any) -> Any:
    """The action of a take that plays on the active face, None where none does."""
    face = face_or_none(context)
    return None if face is None else bake.playing(face)


class INNERFACE_PT_smoothing(Tab, bpy.types.Panel):
    """Smoothing of what plays, by region, seen at once."""

    bl_label = "Smoothing"
    bl_parent_id = "INNERFACE_PT_animation"

    def draw(self, context: Any) -> None:
        layout, action = self.layout, _playing(context)
        smoothing(layout, action.innerface)
        loaded = bake.at_hand(action)
        if loaded is not None and not loaded.sensed and not action.innerface.smooth_camera:
            say(layout, "A camera's take is left as it is; tick Camera Takes, Too", "INFO", context)


class INNERFACE_PT_keys(Tab, bpy.types.Panel):
    """Keys of what plays."""

    bl_label = "Keys"
    bl_parent_id = "INNERFACE_PT_animation"

    def draw(self, context: Any) -> None:
        layout, action = self.layout, _playing(context)
        layout.use_property_split = True
        layout.use_property_decorate = False
        keys(layout, action.innerface)
        count = sum(len(c.keyframe_points) for c in all_curves(action))
        length = max(int(action.frame_range[1] - action.frame_range[0]) + 1, 1) * sum(1 for _ in all_curves(action))
        say(layout, iface_("{:,} keys instead of {:,}").format(count, length), "KEYFRAME", context)


def smoothing(layout: Any, options: Any) -> None:
    """The sliders of smoothing."""
    layout.use_property_split = True
    layout.use_property_decorate = False
    layout.prop(options, "before", toggle=True, text="Before (No Smoothing)" if not options.before else "Shows Before")
    column = layout.column(align=True)
    column.active = not options.before
    for part in ("mouth", "cheek", "brow", "eye_left", "eye_right"):
        column.prop(options, f"smooth_{part}", slider=True)
    column.prop(options, "smooth_camera")


def keys(layout: Any, options: Any) -> None:
    """How many keys."""
    layout.prop(options, "fewer")
    row = layout.row()
    row.active = options.fewer
    row.prop(options, "tolerance")


CLASSES = (INNERFACE_PT_face, INNERFACE_PT_mapping, INNERFACE_PT_animation, INNERFACE_PT_smoothing, INNERFACE_PT_keys)


register, unregister = bpy.utils.register_classes_factory(CLASSES)

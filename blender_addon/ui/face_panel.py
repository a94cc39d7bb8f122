"""The Face panel: the active character, and how its shape keys match the channels."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_

from ...core.errors import InnerfaceError
from ..character.drivers import driven_keys
from ..character.face import Face, FaceIsElsewhereError, active_face
from .drawing import SidebarPanel, draw_text

_MAX_MISSING_CHANNELS = 6  # that are named


class INNERFACE_PT_face(SidebarPanel, bpy.types.Panel):
    """The active character."""

    bl_label = "Face"
    bl_idname = "INNERFACE_PT_face"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        face, message_lines = face_or_message(context)
        if face is None:
            box = layout.box()
            for line in message_lines:
                box.label(text=line, icon="INFO" if line == message_lines[0] else "BLANK1")
            layout.operator("innerface.add_head", icon="USER", text="Add Head")
            layout.operator("innerface.add_ict", icon="USER")
            layout.operator("innerface.add_flame", icon="USER")
            return
        box = layout.box()
        box.label(text=face.name, icon="OUTLINER_OB_ARMATURE" if face.rig else "MESH_DATA", translate=False)
        _draw_match(box, face, context)
        _draw_driven_keys(box, face, context)
        column = layout.column(align=True)
        column.operator("innerface.key_takes", icon="IMPORT", text="Import Takes...")
        column.operator("innerface.export", icon="EXPORT", text="Export for Game Engine...")
        column.operator("innerface.back_out", icon="FILE", text="Export Take (CSV)...")


def face_or_message(context: bpy.types.Context) -> tuple[Face | None, list[str]]:
    """Return the active face, or None and the lines that say why there is none."""
    try:
        return active_face(context), []
    except InnerfaceError as error:
        if isinstance(error, FaceIsElsewhereError):
            return None, ["This scene has no face:", *error.place.split("; ")]
        if "characters" in str(error):
            return None, ["The scene has several faces:", "select the one to use"]
        return None, ["No face in this scene yet:", "add a mesh with shape keys", "such as jawOpen"]


def _draw_match(box: Any, face: Face, context: bpy.types.Context) -> None:
    missing = face.unmatched_channels()
    summary = iface_("{} of 52 channels ({}, {:.0%})").format(
        52 - len(missing), face.mapping.name, face.meshes[0].match.score
    )
    box.label(text=summary, icon="CHECKMARK" if not missing else "ERROR", translate=False)
    few_shapes = face.mapping.few_shapes
    if few_shapes:
        draw_text(box, iface_("Few-shape mapping: {}").format(few_shapes), "BLANK1", context=context)
    bone_names = {t.name for t in face.mapping.active_targets if t.kind == "bone"}
    counts = [iface_("{} meshes").format(len(face.meshes))] if len(face.meshes) > 1 else []
    counts += [iface_("{} bones").format(len(bone_names))] if bone_names else []
    if counts:
        box.label(text="   ".join(counts), icon="SHAPEKEY_DATA", translate=False)
    if missing:
        more_count = len(missing) - _MAX_MISSING_CHANNELS
        more = f" and {more_count} more" if more_count > 0 else ""
        draw_text(box, f"Missing: {', '.join(missing[:_MAX_MISSING_CHANNELS])}{more}", "BLANK1", context=context)


def _draw_driven_keys(box: Any, face: Face, context: bpy.types.Context) -> None:
    driven = driven_keys(face)
    if driven:
        text = iface_("{} shape keys are driven, such as {} by {}")
        draw_text(box, text.format(len(driven), driven[0].name, driven[0].driver), "DRIVER", context=context)
        box.operator("innerface.mapping_driven", icon="DRIVER_TRANSFORM")


register, unregister = bpy.utils.register_classes_factory((INNERFACE_PT_face,))

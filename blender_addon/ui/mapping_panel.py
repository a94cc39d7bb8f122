"""The Mapping panel: the table of what each channel drives, and how names were matched."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import bpy

from ...core.face.name_report import NameReport
from ..character.face import face_or_none
from ..character.face_mesh import root_object_of
from ..character.name_reports import report_of
from .drawing import SidebarPanel, draw_text

_MAX_ROWS, _MAX_LEFT = 80, 40  # names that are drawn; `innerface names` prints all
_KIND_ICONS = {"key": "SHAPEKEY_DATA", "bone": "BONE_DATA", "property": "RNA"}


class INNERFACE_UL_targets(bpy.types.UIList):
    """Rows of the table."""

    def draw_item(
        self, _context: bpy.types.Context, layout: Any, _data: Any, item: Any, _icon: Any, _active: Any, _property: Any
    ) -> None:
        row = layout.row(align=True)
        row.active = not item.mute
        split = row.split(factor=0.45)
        split.label(text=item.channel or "-", translate=False)
        label = f"{item.to} {item.axis}" if item.kind == "bone" else item.to
        split.label(text=label or "-", icon=_KIND_ICONS[item.kind] if item.to else "ERROR", translate=False)
        row.prop(item, "mute", text="", icon="HIDE_ON" if item.mute else "HIDE_OFF", emboss=False)

    def filter_items(self, _context: bpy.types.Context, data: Any, name: str) -> tuple[list[int], list[int]]:
        """Search in channels and targets."""
        rows: Iterable[Any] = getattr(data, name)
        query = self.filter_name.lower()
        flags = (
            [self.bitflag_filter_item if query in f"{r.channel} {r.to}".lower() else 0 for r in rows] if query else []
        )
        return flags, []


class INNERFACE_PT_mapping(SidebarPanel, bpy.types.Panel):
    """What each channel drives."""

    bl_label = "Mapping"
    bl_parent_id = "INNERFACE_PT_face"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        active = context.active_object
        return face_or_none(context) is not None or (
            active is not None and active.type == "MESH" and active.data.shape_keys is not None
        )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        face = face_or_none(context)
        table = (face.root_object if face is not None else root_object_of(context.active_object)).innerface
        row = layout.row(align=True)
        row.operator("innerface.mapping_auto", icon="VIEWZOOM")
        row.operator("innerface.mapping_preset", icon="PRESET", text="")
        row.operator("innerface.mapping_load", icon="FILE_FOLDER", text="")
        row.operator("innerface.mapping_save", icon="FILE_TICK", text="")
        row.operator("innerface.mapping_clear", icon="X", text="")
        if not table.targets:
            text = "Channels are matched by name; press Match by Name to edit the result in a table"
            draw_text(layout, text, "INFO", context=context)
        row = layout.row()
        row.template_list("INNERFACE_UL_targets", "", table, "targets", table, "target", rows=5)
        _draw_row_buttons(row.column(align=True))
        if 0 <= table.target < len(table.targets):
            _draw_row(layout, table.targets[table.target])


class INNERFACE_PT_names(SidebarPanel, bpy.types.Panel):
    """What each name of the face was matched with, and what was left."""

    bl_label = "Names"
    bl_parent_id = "INNERFACE_PT_mapping"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return face_or_none(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        face = face_or_none(context)
        if face is None:
            return
        report = report_of(face)
        draw_text(self.layout, report.coverage, "INFO", context=context)
        _draw_matched_names(self.layout, report)
        copies = [name for name in report.unmatched if name in report.replaced_by]
        left = [name for name in report.unmatched if name not in report.replaced_by]
        for label, names in (("Left out for a better name", copies), ("Without a channel", left)):
            if names:
                more = f" and {len(names) - _MAX_LEFT} more" if len(names) > _MAX_LEFT else ""
                draw_text(self.layout, f"{label}: {', '.join(names[:_MAX_LEFT])}{more}", "BLANK1", context=context)


def _draw_matched_names(layout: Any, report: NameReport) -> None:
    column = layout.column(align=True)
    column.scale_y = 0.8
    for match in report.matched[:_MAX_ROWS]:
        split = column.split(factor=0.4)
        split.label(text=match.name, icon=_KIND_ICONS[match.kind], translate=False)
        split = split.split(factor=0.6)
        first, *others = [channel for channel, _ in match.channels]
        split.label(text=f"{first} +{len(others)}" if others else first, translate=False)
        split.label(text=match.description, translate=False)
    if len(report.matched) > _MAX_ROWS:
        column.label(text=f"... and {len(report.matched) - _MAX_ROWS} more", translate=False)


def _draw_row_buttons(column: Any) -> None:
    for operation, icon in (("ADD", "ADD"), ("REMOVE", "REMOVE"), ("MIRROR", "MOD_MIRROR")):
        column.operator("innerface.mapping_row", icon=icon, text="").what = operation


def _draw_row(layout: Any, item: Any) -> None:
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
    row.prop(item, "low")
    row.prop(item, "high")
    column.prop(item, "curve")


register, unregister = bpy.utils.register_classes_factory(
    (INNERFACE_UL_targets, INNERFACE_PT_mapping, INNERFACE_PT_names)
)

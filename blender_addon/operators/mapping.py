"""The mapping table of a character: made from names, edited, mirrored, moved to rig controls.

No `from __future__ import annotations` here: Blender reads properties from the annotations.
"""

# pyright: reportInvalidTypeForm=false
from contextlib import suppress
from typing import Any

import bpy
from bpy.props import EnumProperty

from ...core.errors import InnerfaceError
from ...core.face.mapping import Target
from ..character import drivers
from ..character.face import active_face
from ..character.face_mesh import root_object_of
from ..character.mapping import automatic_mapping, fill_table
from .base import ReportsErrors


def active_root_object(context: bpy.types.Context) -> Any:
    """Return the object that holds the active character's table. Raises InnerfaceError."""
    try:
        return active_face(context).root_object
    except InnerfaceError:
        active = context.active_object
        if active is not None and active.type == "MESH" and active.data.shape_keys is not None:
            return root_object_of(active)
        raise


def _editable_table(context: bpy.types.Context) -> Any:
    """Return the character's table, filled by names first where it is empty. Raises InnerfaceError."""
    root_object = active_root_object(context)
    if not root_object.innerface.targets:
        with suppress(InnerfaceError):  # where nothing matches, the table stays empty
            fill_table(root_object, active_face(context).mapping)
    return root_object.innerface


class INNERFACE_OT_mapping_auto(ReportsErrors, bpy.types.Operator):
    """Fill the table by matching the names of shape keys and bones with channels"""

    bl_idname = "innerface.mapping_auto"
    bl_label = "Match by Name"
    bl_options = {"REGISTER", "UNDO"}

    def work(self, context: bpy.types.Context) -> set[str]:
        face = active_face(context)
        new_mapping = automatic_mapping(face.meshes, face.rig, list(context.scene.objects))
        if not new_mapping.targets:
            raise InnerfaceError(f"no name on {face.name} matches a channel; add rows to the table by hand")
        fill_table(face.root_object, new_mapping)
        matched_count = 52 - len(new_mapping.unmatched_channels)
        return self.report_notes(
            [], f"{new_mapping.name}: {matched_count} of 52 channels, {len(new_mapping.targets)} rows"
        )


class INNERFACE_OT_mapping_clear(ReportsErrors, bpy.types.Operator):
    """Clear the table, so that channels are matched by name"""

    bl_idname = "innerface.mapping_clear"
    bl_label = "Clear Table"
    bl_options = {"REGISTER", "UNDO"}

    def work(self, context: bpy.types.Context) -> set[str]:
        character = active_root_object(context).innerface
        character.targets.clear()
        character.preset = ""
        return {"FINISHED"}


class INNERFACE_OT_mapping_row(ReportsErrors, bpy.types.Operator):
    """Add, remove or mirror a row of the table"""

    bl_idname = "innerface.mapping_row"
    bl_label = "Edit Row"
    bl_options = {"REGISTER", "UNDO"}

    what: EnumProperty(
        name="Action",
        items=[
            ("ADD", "Add", "Add a row for the channel of the active row; a channel can drive several targets"),
            ("REMOVE", "Remove", "Remove the active row"),
            ("MIRROR", "Mirror", "Copy the active row to the other side: Left and Right, _L and _R, .L and .R"),
        ],
        options={"HIDDEN"},
    )

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: Any) -> str:
        """Called by Blender."""
        return next(i.description for i in cls.bl_rna.properties["what"].enum_items if i.identifier == properties.what)

    def work(self, context: bpy.types.Context) -> set[str]:
        table = _editable_table(context)
        rows, index = table.targets, table.target
        selected = rows[index].target() if 0 <= index < len(rows) else None
        if self.what == "ADD":
            rows.add().fill(Target(selected.channel if selected else "jawOpen", "key", ""))
            rows.move(len(rows) - 1, min(index + 1, len(rows) - 1))
            table.target = min(index + 1, len(rows) - 1)
            return {"FINISHED"}
        if selected is None:
            raise InnerfaceError("no row is selected; select one in the table")
        if self.what == "REMOVE":
            rows.remove(index)
            table.target = max(min(index, len(rows) - 1), 0)
            return {"FINISHED"}
        _mirror_row(table, selected)
        return {"FINISHED"}


def _mirror_row(table: Any, selected: Target) -> None:
    """Copy a row to the other side of the face, over the row that is there."""
    mirrored, rows = selected.mirror(), table.targets
    if mirrored == selected:
        raise InnerfaceError(f"the row from '{selected.channel}' to '{selected.name}' has no other side")
    matches = [(row.channel, *row.target().destination) == (mirrored.channel, *mirrored.destination) for row in rows]
    existing = matches.index(True) if any(matches) else None
    (rows[existing] if existing is not None else rows.add()).fill(mirrored)
    table.target = existing if existing is not None else len(rows) - 1


class INNERFACE_OT_mapping_driven(ReportsErrors, bpy.types.Operator):
    """Map channels to the properties and bones that drive the shape keys, so that the controls of the rig are keyed"""

    bl_idname = "innerface.mapping_driven"
    bl_label = "Map to Rig Controls"
    bl_options = {"REGISTER", "UNDO"}

    def work(self, context: bpy.types.Context) -> set[str]:
        face = active_face(context)
        controls = drivers.map_to_controls(face)
        fill_table(face.root_object, controls.mapping)
        for failure in controls.failures:
            self.report({"WARNING"}, f"{failure}; it is unchanged")
        return self.report_notes(
            [], f"{controls.control_count} controls will be keyed instead of {controls.key_count} driven shape keys"
        )


CLASSES = (
    INNERFACE_OT_mapping_auto,
    INNERFACE_OT_mapping_clear,
    INNERFACE_OT_mapping_row,
    INNERFACE_OT_mapping_driven,
)


register, unregister = bpy.utils.register_classes_factory(CLASSES)

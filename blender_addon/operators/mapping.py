"""The table of what drives what on a character: made from names, edited, mirrored, kept in presets.

No `from __future__ import annotations` here: Blender reads properties out of the annotations.
"""

# pyright: reportInvalidTypeForm=false
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import bpy
from bpy.props import EnumProperty, StringProperty
from bpy_extras.io_utils import ExportHelper, ImportHelper

from ...core.errors import InnerfaceError
from ...core.face import bones, mapping_preset
from ...core.face.mapping import KINDS, Mapping, Target
from ...core.face.naming.scheme_tables import load_schemes
from ...core.files import safe_file_name
from ..character import drivers
from ..character.face import Face, active_face
from ..character.face_mesh import rig_of, root_object_of
from ..character.lanes import shape_key_path
from ..character.mapping import automatic_mapping, candidate_names
from ..paths import presets_folder
from .base import ReportsErrors

PRESET_SUFFIX = ".innerface.json"
_enum_items: dict[str, list[tuple[str, str, str]]] = {}  # Blender needs the strings kept


def _active_root_object(context: Any) -> Any:
    """What the active character's table is kept on. Raises InnerfaceError."""
    try:
        return active_face(context).root_object
    except InnerfaceError:
        active = context.active_object
        if active is not None and active.type == "MESH" and active.data.shape_keys is not None:
            return root_object_of(active)
        raise


def _fill_table(root_object: Any, new_mapping: Mapping) -> None:
    rows = root_object.innerface.targets
    rows.clear()
    for target in new_mapping.targets:
        rows.add().fill(target)
    root_object.innerface.preset, root_object.innerface.target = new_mapping.name, 0


def _editable_table(context: Any) -> Any:
    """The character's own rows, begun from what its names yield where there are none. Raises InnerfaceError."""
    root_object = _active_root_object(context)
    if not root_object.innerface.targets:
        with suppress(InnerfaceError):  # nothing matched: it begins empty
            _fill_table(root_object, active_face(context).mapping)
    return root_object.innerface


class INNERFACE_OT_mapping_auto(ReportsErrors, bpy.types.Operator):
    """Match the names of the character's shape keys and bones to channels, and begin the table with that"""

    bl_idname = "innerface.mapping_auto"
    bl_label = "Match by Names"
    bl_options = {"REGISTER", "UNDO"}

    def work(self, context: Any) -> set[str]:
        face = active_face(context)
        new_mapping = automatic_mapping(face.meshes, face.rig, list(context.scene.objects))
        if not new_mapping.targets:
            raise InnerfaceError(f"no name on {face.name} matches a channel; fill the table by hand")
        _fill_table(face.root_object, new_mapping)
        matched_count = 52 - len(new_mapping.unmatched_channels)
        self.report({"INFO"}, f"{new_mapping.name}: {matched_count} of 52 channels, {len(new_mapping.targets)} rows")
        return {"FINISHED"}


class INNERFACE_OT_mapping_clear(ReportsErrors, bpy.types.Operator):
    """Let names decide again; the table is forgotten"""

    bl_idname = "innerface.mapping_clear"
    bl_label = "Forget the Table"
    bl_options = {"REGISTER", "UNDO"}

    def work(self, context: Any) -> set[str]:
        character = _active_root_object(context).innerface
        character.targets.clear()
        character.preset = ""
        return {"FINISHED"}


class INNERFACE_OT_mapping_row(ReportsErrors, bpy.types.Operator):
    """Add, copy, mirror or remove a row of the table"""

    bl_idname = "innerface.mapping_row"
    bl_label = "Row"
    bl_options = {"REGISTER", "UNDO"}

    what: EnumProperty(
        items=[("ADD", "Add", ""), ("REMOVE", "Remove", ""), ("MIRROR", "Mirror", "")], options={"HIDDEN"}
    )

    @classmethod
    def description(cls, _context: Any, properties: Any) -> str:
        return {
            "ADD": "Add a row, for the channel of the chosen one: a channel may drive several targets",
            "REMOVE": "Remove the chosen row",
            "MIRROR": "Give the chosen row's other side the same settings: Left and Right, _L and _R, .L and .R",
        }[properties.what]

    def work(self, context: Any) -> set[str]:
        table = _editable_table(context)
        rows, k = table.targets, table.target
        selected = rows[k].target() if 0 <= k < len(rows) else None
        if self.what == "ADD":
            rows.add().fill(Target(selected.channel if selected else "jawOpen", "key", ""))
            rows.move(len(rows) - 1, min(k + 1, len(rows) - 1))
            table.target = min(k + 1, len(rows) - 1)
            return {"FINISHED"}
        if selected is None:
            raise InnerfaceError("no row is chosen; choose one in the table")
        if self.what == "REMOVE":
            rows.remove(k)
            table.target = max(min(k, len(rows) - 1), 0)
            return {"FINISHED"}
        mirrored = selected.mirror()
        if mirrored == selected:
            raise InnerfaceError(f"'{selected.channel}' to '{selected.name}' has no other side")
        matches = [
            (row.channel, *row.target().destination) == (mirrored.channel, *mirrored.destination) for row in rows
        ]
        row_index = matches.index(True) if any(matches) else None
        (rows[row_index] if row_index is not None else rows.add()).fill(mirrored)
        table.target = row_index if row_index is not None else len(rows) - 1
        return {"FINISHED"}


def driven_keys(face: Face) -> list[tuple[Any, str, str]]:
    """Shape keys of the mapping that something else drives: (mesh, key, by what)."""
    out = []
    for mesh in face.meshes:
        drivers_by_path = drivers.driven_paths(mesh.key)
        out += [
            (mesh, name, drivers_by_path[shape_key_path(name)])
            for _, name in face.mapped_keys(mesh)
            if drivers_by_path and shape_key_path(name) in drivers_by_path
        ]
    return out


class INNERFACE_OT_mapping_driven(ReportsErrors, bpy.types.Operator):
    """Map takes onto the properties and bones that drive shape keys, so that the rig's own controls are keyed. Drivers are tried out for it"""

    bl_idname = "innerface.mapping_driven"
    bl_label = "Key What Drives Them"
    bl_options = {"REGISTER", "UNDO"}

    def work(self, context: Any) -> set[str]:
        face = active_face(context)
        driven_meshes = {name: mesh for mesh, name, _ in driven_keys(face)}
        if not driven_meshes:
            raise InnerfaceError(f"nothing drives the shape keys of {face.name}; they are keyed themselves")
        rows, failures, new_destinations = list(face.mapping.targets), [], set[tuple[str, str]]()
        for name, mesh in driven_meshes.items():
            key_rows = [t for t in rows if t.kind == "key" and t.name == name and not t.mute]
            control = drivers.find_control(mesh.key, shape_key_path(name))
            new_rows = (
                control if isinstance(control, str) else drivers.rows_for_control(mesh.key, name, control, key_rows)
            )
            if not isinstance(new_rows, str) and not isinstance(control, str) and control.owner != face.head_object:
                new_rows = f"it is driven by {control.owner.name}, which is not the face's rig"
            if isinstance(new_rows, str):
                failures.append(f"'{name}': {new_rows}")
                continue
            row_index = rows.index(key_rows[0])
            rows = [t for t in rows if t not in key_rows]
            rows[row_index:row_index] = [
                t for t in new_rows if (t.channel, t.name) not in new_destinations
            ]  # several keys may follow one control
            new_destinations |= {(t.channel, t.name) for t in new_rows}
        if not new_destinations:
            raise InnerfaceError(f"no control could be found behind them: {'; '.join(failures[:3])}")
        _fill_table(face.root_object, Mapping(face.mapping.name, tuple(rows)))
        for failure in failures:
            self.report({"WARNING"}, f"{failure}; it stays as it is")
        self.report(
            {"INFO"},
            f"{len({name for _, name in new_destinations})} controls are keyed instead of {len(driven_meshes) - len(failures)} driven shape keys",
        )
        return {"FINISHED"}


def user_presets() -> dict[str, Path]:
    """The user's presets by name."""
    folder = presets_folder()
    return (
        {p.name[: -len(PRESET_SUFFIX)]: p for p in sorted(folder.glob(f"*{PRESET_SUFFIX}"))} if folder.is_dir() else {}
    )


def _preset_items(_self: Any, _context: Any) -> list[tuple[str, str, str]]:
    items = [(f"FILE:{name}", name, "A preset of yours") for name in user_presets()]
    items += [
        (f"SCHEME:{name}", name, "A naming scheme that Innerface knows")
        for name, rows in load_schemes().items()
        if rows
    ]
    _enum_items["presets"] = items
    return items


class INNERFACE_OT_mapping_preset(ReportsErrors, bpy.types.Operator):
    """Fill the table from a preset: one of yours, or a naming scheme; Character Creator's hold jaw and eye bones as well"""

    bl_idname = "innerface.mapping_preset"
    bl_label = "Load Preset"
    bl_options = {"REGISTER", "UNDO"}
    bl_property = "preset"

    preset: EnumProperty(name="Preset", items=_preset_items)

    def invoke(self, context: Any, _event: Any) -> set[str]:
        context.window_manager.invoke_search_popup(self)
        return {"RUNNING_MODAL"}

    def work(self, context: Any) -> set[str]:
        kind, _, name = self.preset.partition(":")
        root_object = _active_root_object(context)
        new_mapping = mapping_preset.load(user_presets()[name]) if kind == "FILE" else scheme_mapping(name, root_object)
        _apply_preset(self, root_object, new_mapping)
        return {"FINISHED"}


def scheme_mapping(name: str, root_object: Any) -> Mapping:
    """A naming scheme as a table, with jaw and eye bones for Character Creator, named as on the character's rig."""
    targets = tuple(Target(channel, "key", key, gain=weight) for channel, key, weight in load_schemes()[name])
    if name.startswith("Reallusion C"):
        rig = root_object if root_object.type == "ARMATURE" else rig_of(root_object)
        default_bones = {
            bones.BoneRole.JAW: "CC_Base_JawRoot",
            bones.BoneRole.EYE_LEFT: "CC_Base_L_Eye",
            bones.BoneRole.EYE_RIGHT: "CC_Base_R_Eye",
        }
        bones_by_role = bones.find_roles(b.name for b in rig.data.bones) if rig is not None else {}
        for role, bone in default_bones.items():
            targets += bones.targets(role, bones_by_role.get(role, bone))
    return Mapping(name, targets)


def _apply_preset(operator: Any, root_object: Any, new_mapping: Mapping) -> None:
    """Into the table; rows that name nothing on the character are left out, and said."""
    available_names = {kind: set(candidate_names(root_object, kind)) for kind in KINDS}
    matching_rows = tuple(t for t in new_mapping.targets if t.name in available_names[t.kind] or (t.kind == "property"))
    if not matching_rows:
        raise InnerfaceError(
            f"nothing that '{new_mapping.name}' names is on {root_object.name}; choose another preset, or Match by Names"
        )
    _fill_table(root_object, Mapping(new_mapping.name, matching_rows))
    skipped_count = len(new_mapping.targets) - len(matching_rows)
    operator.report(
        {"INFO"},
        f"{new_mapping.name}: {len(matching_rows)} rows"
        + (f"; {skipped_count} name what {root_object.name} does not have, and were left out" if skipped_count else ""),
    )


class INNERFACE_OT_mapping_save(ReportsErrors, bpy.types.Operator, ExportHelper):
    """Keep the table as a preset, for other characters and other computers"""

    bl_idname = "innerface.mapping_save"
    bl_label = "Save Preset"

    filename_ext = PRESET_SUFFIX
    filter_glob: StringProperty(default=f"*{PRESET_SUFFIX}", options={"HIDDEN"})

    def invoke(self, context: Any, _event: Any) -> set[str]:
        folder = presets_folder()
        folder.mkdir(parents=True, exist_ok=True)
        self.filepath = str(folder / ((safe_file_name(_active_root_object(context).name) or "preset") + PRESET_SUFFIX))
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def check(self, _context: Any) -> bool:
        return False

    def work(self, context: Any) -> set[str]:
        path = Path(
            self.filepath
            if self.filepath.endswith(PRESET_SUFFIX)
            else f"{self.filepath.removesuffix('.json')}{PRESET_SUFFIX}"
        )
        if not path.name.removesuffix(PRESET_SUFFIX):
            raise InnerfaceError("no file was named; choose one to save to")
        new_mapping = Mapping(path.name.removesuffix(PRESET_SUFFIX), active_face(context).mapping.targets)
        mapping_preset.save(new_mapping, path)
        self.report({"INFO"}, f"Wrote {path}")
        return {"FINISHED"}


class INNERFACE_OT_mapping_load(ReportsErrors, bpy.types.Operator, ImportHelper):
    """Fill the table from a preset's file"""

    bl_idname = "innerface.mapping_load"
    bl_label = "Load Preset File"
    bl_options = {"REGISTER", "UNDO"}

    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})

    def work(self, context: Any) -> set[str]:
        _apply_preset(self, _active_root_object(context), mapping_preset.load(self.filepath))
        return {"FINISHED"}


class INNERFACE_UL_targets(bpy.types.UIList):
    """Rows of the table."""

    def draw_item(
        self, _context: Any, layout: Any, _data: Any, item: Any, _icon: Any, _active: Any, _property: Any
    ) -> None:
        row = layout.row(align=True)
        row.active = not item.mute
        split = row.split(factor=0.45)
        split.label(text=item.channel or "-", translate=False)
        icon = {"key": "SHAPEKEY_DATA", "bone": "BONE_DATA", "property": "RNA"}[item.kind]
        label = f"{item.to} {item.axis}" if item.kind == "bone" else item.to
        split.label(text=label or "-", icon=icon if item.to else "ERROR", translate=False)
        row.prop(item, "mute", text="", icon="HIDE_ON" if item.mute else "HIDE_OFF", emboss=False)

    def filter_items(self, _context: Any, data: Any, name: str) -> tuple[list[int], list[int]]:
        """Search in channels and targets."""
        rows: Iterable[Any] = getattr(data, name)
        query = self.filter_name.lower()
        flags = (
            [self.bitflag_filter_item if query in f"{r.channel} {r.to}".lower() else 0 for r in rows] if query else []
        )
        return flags, []


CLASSES = (
    INNERFACE_OT_mapping_auto,
    INNERFACE_OT_mapping_clear,
    INNERFACE_OT_mapping_row,
    INNERFACE_OT_mapping_driven,
    INNERFACE_OT_mapping_preset,
    INNERFACE_OT_mapping_save,
    INNERFACE_OT_mapping_load,
    INNERFACE_UL_targets,
)


register, unregister = bpy.utils.register_classes_factory(CLASSES)

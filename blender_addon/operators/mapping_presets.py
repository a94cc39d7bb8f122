"""Presets of the mapping table: the user's files, and the known naming schemes.

No `from __future__ import annotations` here: Blender reads properties from the annotations.
"""

# pyright: reportInvalidTypeForm=false
from pathlib import Path
from typing import Any

import bpy
from bpy.props import EnumProperty, StringProperty
from bpy_extras.io_utils import ExportHelper, ImportHelper

from ...core.errors import InnerfaceError
from ...core.face import bones, mapping_preset
from ...core.face.mapping import KINDS, Mapping, Target
from ...core.face.naming.matching import match_scheme
from ...core.face.naming.scheme_tables import FEW_SHAPE_SCHEMES, SCHEMES
from ...core.files import safe_file_name
from ..character.face import active_face
from ..character.face_mesh import rig_of
from ..character.mapping import candidate_names, fill_table
from ..paths import presets_folder
from .base import ReportsErrors
from .mapping import active_root_object

PRESET_SUFFIX = ".innerface.json"
_CHARACTER_CREATOR_BONES = {
    bones.BoneRole.JAW: "CC_Base_JawRoot",
    bones.BoneRole.EYE_LEFT: "CC_Base_L_Eye",
    bones.BoneRole.EYE_RIGHT: "CC_Base_R_Eye",
}
_enum_items: list[tuple[str, str, str]] = []  # Blender needs the strings of dynamic items to be kept


def user_presets() -> dict[str, Path]:
    """Return the user's presets by name."""
    folder = presets_folder()
    paths = sorted(folder.glob(f"*{PRESET_SUFFIX}")) if folder.is_dir() else []
    return {path.name.removesuffix(PRESET_SUFFIX): path for path in paths}


def scheme_mapping(name: str, root_object: Any) -> Mapping:
    """Return a naming scheme as a mapping; Character Creator's include jaw and eye bones, named as on the rig."""
    rows = match_scheme(name, candidate_names(root_object, "key"))
    targets = tuple(Target(channel, "key", key, gain=weight) for channel, key, weight in rows)
    if name.startswith("Reallusion C"):
        rig = root_object if root_object.type == "ARMATURE" else rig_of(root_object)
        bones_by_role = bones.find_roles(b.name for b in rig.data.bones) if rig is not None else {}
        for role, bone in _CHARACTER_CREATOR_BONES.items():
            targets += bones.targets(role, bones_by_role.get(role, bone))
    return Mapping(name, targets)


def _apply_preset(operator: ReportsErrors, root_object: Any, preset: Mapping) -> set[str]:
    """Fill the table; rows with targets that the character does not have are left out and counted in the report."""
    available_names = {kind: set(candidate_names(root_object, kind)) for kind in KINDS}
    rows = tuple(t for t in preset.targets if t.name in available_names[t.kind] or t.kind == "property")
    if not rows:
        raise InnerfaceError(
            f"{root_object.name} has none of the targets of '{preset.name}'; choose another preset or Match by Name"
        )
    fill_table(root_object, Mapping(preset.name, rows))
    skipped_count = len(preset.targets) - len(rows)
    skipped = f"; left out {skipped_count} rows whose targets {root_object.name} does not have" if skipped_count else ""
    return operator.report_notes([], f"{preset.name}: {len(rows)} rows{skipped}")


def _preset_items(_self: Any, _context: Any) -> list[tuple[str, str, str]]:
    _enum_items[:] = [(f"FILE:{name}", name, "One of your presets") for name in user_presets()]
    _enum_items.extend((f"SCHEME:{name}", name, "A known naming scheme") for name in (*SCHEMES, *FEW_SHAPE_SCHEMES))
    return _enum_items


class INNERFACE_OT_mapping_preset(ReportsErrors, bpy.types.Operator):
    """Fill the table from one of your presets or a naming scheme; Character Creator's include jaw and eye bones"""

    bl_idname = "innerface.mapping_preset"
    bl_label = "Load Preset"
    bl_options = {"REGISTER", "UNDO"}
    bl_property = "preset"

    preset: EnumProperty(name="Preset", items=_preset_items)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        context.window_manager.invoke_search_popup(self)
        return {"RUNNING_MODAL"}

    def work(self, context: bpy.types.Context) -> set[str]:
        kind, _, name = self.preset.partition(":")
        root_object = active_root_object(context)
        preset = mapping_preset.load(user_presets()[name]) if kind == "FILE" else scheme_mapping(name, root_object)
        return _apply_preset(self, root_object, preset)


class INNERFACE_OT_mapping_save(ReportsErrors, bpy.types.Operator, ExportHelper):
    """Save the table as a preset, for other characters and other computers"""

    bl_idname = "innerface.mapping_save"
    bl_label = "Save Preset"

    filename_ext = PRESET_SUFFIX
    filter_glob: StringProperty(default=f"*{PRESET_SUFFIX}", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        folder = presets_folder()
        folder.mkdir(parents=True, exist_ok=True)
        file_stem = safe_file_name(active_root_object(context).name) or "preset"
        self.filepath = str(folder / f"{file_stem}{PRESET_SUFFIX}")
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def check(self, _context: bpy.types.Context) -> bool:
        return False

    def work(self, context: bpy.types.Context) -> set[str]:
        has_suffix = self.filepath.endswith(PRESET_SUFFIX)
        path = Path(self.filepath if has_suffix else f"{self.filepath.removesuffix('.json')}{PRESET_SUFFIX}")
        name = path.name.removesuffix(PRESET_SUFFIX)
        if not name:
            raise InnerfaceError("no file was named; choose a file to save to")
        mapping_preset.save(Mapping(name, active_face(context).mapping.targets), path)
        return self.report_notes([], f"Wrote {path}")


class INNERFACE_OT_mapping_load(ReportsErrors, bpy.types.Operator, ImportHelper):
    """Fill the table from the file of a preset"""

    bl_idname = "innerface.mapping_load"
    bl_label = "Load Preset File"
    bl_options = {"REGISTER", "UNDO"}

    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})

    def work(self, context: bpy.types.Context) -> set[str]:
        return _apply_preset(self, active_root_object(context), mapping_preset.load(self.filepath))


CLASSES = (
    INNERFACE_OT_mapping_preset,
    INNERFACE_OT_mapping_save,
    INNERFACE_OT_mapping_load,
)


register, unregister = bpy.utils.register_classes_factory(CLASSES)

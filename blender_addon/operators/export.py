"""File > Export: the animated face for game engines, and the current animation as a take.

No `from __future__ import annotations` here: Blender reads properties from the annotations.
"""

# pyright: reportInvalidTypeForm=false
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from bpy.props import BoolProperty, EnumProperty, StringProperty
from bpy_extras.io_utils import ExportHelper

from ...core.errors import InnerfaceError
from ...core.files import atomic_write, safe_file_name
from .. import compat
from ..animation import motion_check, playback
from ..animation.scene_time import curve_step
from ..animation.take_action import Part, TakeAction
from ..character.face import Face, active_face
from .base import ReportsErrors, classes_and_menu_factory, wait_cursor

_PRESET_OF_FORMAT = {"fbx": "UNREAL", "glb": "GLB", "usdc": "USD", "abc": "ALEMBIC"}
_TAKE_SUFFIXES = (".csv", ".mcap", ".json")


class INNERFACE_OT_export(ReportsErrors, bpy.types.Operator, ExportHelper):
    """Export the active face with its animation for a game engine, on one skeleton and with all shape keys"""

    bl_idname = "innerface.export"
    bl_label = "Export for Game Engine"

    preset: EnumProperty(
        name="Preset",
        description="Application that the file is for",
        items=[
            ("UNREAL", "Unreal (FBX)", "Centimetres, root and head bone, all meshes skinned, one take with its mesh"),
            ("METAHUMAN", "MetaHuman (FBX)", "As Unreal, with the face board's control curves on the root bone"),
            ("UNITY", "Unity (FBX)", "Stable names and paths; reports where weights exceed 100"),
            ("GODOT", "Godot (GLB)", "Metres, linear keys"),
            ("GLB", "glTF (GLB)", "For the web, three.js and other applications"),
            ("USD", "USD", "Blend shapes with animated weights and one skeleton, for Omniverse, Houdini and Maya"),
            ("ALEMBIC", "Alembic", "The vertices of every frame, for any renderer; no shapes and no bones"),
        ],
    )
    kind: EnumProperty(
        name="Format",
        items=[("AUTO", "By Preset", ""), *((kind, kind.upper(), "") for kind in _PRESET_OF_FORMAT)],
        options={"HIDDEN", "SKIP_SAVE"},
    )
    modifiers: EnumProperty(
        name="Modifiers",
        default="SHAPE",
        description="Modifiers to apply to the mesh and to each of its shape keys",
        items=[
            ("SHAPE", "All but Subdivision", "Apply Mirror, Solidify and so on, and leave subdivision to the engine"),
            ("ALL", "All", "Apply subdivision, too, which gives many more vertices"),
            ("NONE", "None", "Export the mesh as modelled"),
        ],
    )
    all_takes: BoolProperty(
        name="One File per Take", description="Export every take of the face in this file, each with its mesh"
    )
    optimise: BoolProperty(
        name="Small GLB",
        description="Less than half the size, by sparse accessors, which three.js, Babylon, Godot and Blender read",
    )
    beside: BoolProperty(
        name="Import Instructions", default=True, description="Add a text file that says how to import the export"
    )
    filename_ext = ".fbx"
    filter_glob: StringProperty(default="*.fbx;*.glb;*.usdc;*.abc", options={"HIDDEN"})

    def check(self, _context: bpy.types.Context) -> bool:
        expected_path = str(_with_extension(self.filepath, self._file_format())) if self.filepath else ""
        changed = bool(expected_path) and expected_path != self.filepath
        if changed:
            self.filepath = expected_path
        return changed

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        stem = Path(bpy.data.filepath).stem or "face"
        self.filepath = f"{stem}.{self._file_format()}"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def draw(self, _context: bpy.types.Context) -> None:
        self.layout.use_property_split = True
        for name in ("preset", "modifiers", "all_takes", "beside"):
            self.layout.prop(self, name)
        if self._file_format() == "glb":
            self.layout.prop(self, "optimise")

    def _file_format(self) -> str:
        from ..export.exporters import PRESETS

        return PRESETS[self._effective_preset()].file_format

    def _effective_preset(self) -> str:
        """Return the preset; scripts may name only the format."""
        return _PRESET_OF_FORMAT.get(self.kind) or str(self.preset)

    def work(self, context: bpy.types.Context) -> set[str]:
        if not Path(self.filepath).name:
            raise InnerfaceError("no file was named; choose a file to export to")
        face, scene = active_face(context), context.scene
        path = _with_extension(self.filepath, self._file_format())
        manager = context.window_manager
        manager.progress_begin(0, 100)
        try:
            files = _files_per_take(face, scene, path) if self.all_takes else [(path, nullcontext())]
            for target, take_playback in files:
                with take_playback:
                    self._export_file(context, face, target)
        finally:
            manager.progress_end()
        return {"FINISHED"}

    def _export_file(self, context: bpy.types.Context, face: Face, target: Path) -> None:
        from ..export import exporters

        preset, manager, scene = self._effective_preset(), context.window_manager, context.scene
        still = motion_check.find_still(
            face, scene, playback.baked_actions(face), frames=(scene.frame_start, scene.frame_end)
        )
        with atomic_write(target) as temporary, wait_cursor(context.window):
            exported = exporters.export_face(
                face,
                context.scene,
                temporary,
                preset=preset,
                modifiers=self.modifiers,
                optimise=self.optimise,
                progress=lambda fraction: manager.progress_update(100 * fraction),
            )
        if self.beside:
            instructions = exporters.import_instructions(exported, path=target, preset=preset, scene=context.scene)
            with atomic_write(target.with_name(f"{target.name}.txt")) as text_path:
                text_path.write_text(instructions, encoding="utf-8")
        self.report_notes(
            list(dict.fromkeys([*motion_check.notes_of(still), *exported.notes])),
            f"Wrote {target}: {exported.frame_count} frames, {exported.mesh_count} meshes, {exported.bone_count} bones",
        )


def _files_per_take(face: Face, scene: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Yield a file for each take of the face, and the context in which that take plays."""
    from ..export.clip_names import take_name

    actions = [
        a
        for a in bpy.data.actions
        if TakeAction(a).is_take
        and TakeAction(a).part == Part.OBSERVED
        and any(compat.animates(a, owner) for owner in face.owners)
    ]
    take_paths = list(dict.fromkeys(TakeAction(a).take_path for a in actions))
    if not take_paths:
        raise InnerfaceError(f"this file has no take of {face.name}; turn off One File per Take")
    for take_path in take_paths:
        take_actions = [a for a in actions if TakeAction(a).take_path == take_path]
        file_stem = safe_file_name(take_name(take_actions[0]), ".") or "take"
        yield path.with_name(f"{path.stem}_{file_stem}{path.suffix}"), _play_take(face, scene, take_actions)


@contextmanager
def _play_take(face: Face, scene: Any, actions: list[Any]) -> Iterator[None]:
    """Play a take on the face, over its own frames, and restore everything afterwards."""
    saved_states = [(o, compat.animation_state(o)) for o in face.owners]
    saved_range = scene.frame_start, scene.frame_end
    try:
        for owner in face.owners:
            action = next((a for a in actions if compat.animates(a, owner)), None)
            if action is not None or owner.animation_data is not None:
                compat.assign_action(action, owner)
        ranges = np.array([a.frame_range for a in actions]) / curve_step(scene)
        scene.frame_start, scene.frame_end = int(np.floor(ranges.min() + 1e-3)), int(np.floor(ranges.max() + 1e-3))
        yield
    finally:
        for owner, state in saved_states:
            compat.restore_animation(owner, state)
        scene.frame_start, scene.frame_end = saved_range


class INNERFACE_OT_back_out(ReportsErrors, bpy.types.Operator, ExportHelper):
    """Export the current animation of the face, with its edits and layers, as a Live Link Face take (CSV)"""

    bl_idname = "innerface.back_out"
    bl_label = "Export Face Take"

    filename_ext = ".csv"
    filter_glob: StringProperty(default="*.csv;*.mcap;*.json", options={"HIDDEN"})

    def check(self, _context: bpy.types.Context) -> bool:
        return False

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        from ..export.clip_names import clip_name

        self.filepath = (safe_file_name(clip_name(active_face(context)), ".") or "take") + ".csv"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def work(self, context: bpy.types.Context) -> set[str]:
        from ...core import formats
        from ..export.export_take import export_take

        path = Path(self.filepath)
        if not path.name:
            raise InnerfaceError("no file was named; choose a file to write to")
        path = path if path.suffix.lower() in _TAKE_SUFFIXES else path.with_name(f"{path.name}.csv")
        with wait_cursor(context.window):
            exported = export_take(active_face(context), context.scene)
            formats.write_take(exported.take, path)
        row_count = len(exported.take.weights().time)
        return self.report_notes(exported.notes, f"Wrote {path}: {row_count} rows; residual {exported.residual:.4f}")


def _with_extension(path: str, file_format: str) -> Path:
    """`song.take2` becomes `song.take2.glb`; only the extension of another format is replaced."""
    stem = next((path[: -len(kind) - 1] for kind in _PRESET_OF_FORMAT if path.lower().endswith(f".{kind}")), path)
    return Path(f"{stem}.{file_format}")


def _draw_export_menu(self: Any, _context: bpy.types.Context) -> None:
    self.layout.operator(INNERFACE_OT_export.bl_idname, text="Animated Face for Game Engine (.fbx, .glb, .usdc, .abc)")
    self.layout.operator(INNERFACE_OT_back_out.bl_idname, text="Face Take (.csv)")


register, unregister = classes_and_menu_factory(
    (INNERFACE_OT_export, INNERFACE_OT_back_out), "TOPBAR_MT_file_export", _draw_export_menu
)

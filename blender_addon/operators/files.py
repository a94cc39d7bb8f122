"""Faces in, and out to files: Add > Mesh, File > Export.

No `from __future__ import annotations` here: Blender reads properties out of the annotations.
"""

# pyright: reportInvalidTypeForm=false
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty
from bpy_extras.io_utils import ExportHelper, ImportHelper

from ...core.errors import InnerfaceError
from ...core.files import atomic_write, safe_file_name
from .. import compat
from ..animation.take_action import Part, TakeAction
from ..character.face import Face, active_face
from .base import BackgroundOperator, ReportsErrors


class INNERFACE_OT_add_head(ReportsErrors, bpy.types.Operator):
    """Add Innerface's mannequin head with Apple's 52 shapes and a head bone"""

    bl_idname = "innerface.add_head"
    bl_label = "Face Capture Head"
    bl_options = {"REGISTER", "UNDO"}

    def work(self, context: Any) -> set[str]:
        from ..character import bundled_head

        if context.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
        obj, rig = bundled_head.add(context.collection)
        rig.location = context.scene.cursor.location
        _select_only(context, obj)
        return {"FINISHED"}


class INNERFACE_OT_export(ReportsErrors, bpy.types.Operator, ExportHelper):
    """Export the active face with its animation for a game engine: on one skeleton, all shapes kept, whatever makes it move in the scene"""

    bl_idname = "innerface.export"
    bl_label = "Export for Game Engine"

    preset: EnumProperty(
        name="For",
        description="Which program the file is for",
        items=[
            ("UNREAL", "Unreal (FBX)", "Centimetres, root and head bone, all meshes skinned, one take with its mesh"),
            ("UNITY", "Unity (FBX)", "Stable names and paths; tells where weights go beyond 100"),
            ("GODOT", "Godot (GLB)", "Metres, linear keys"),
            ("GLB", "glTF (GLB)", "For the web, three.js and all else"),
        ],
    )
    kind: EnumProperty(
        name="Format",
        items=[("AUTO", "By Preset", ""), ("fbx", "FBX", ""), ("glb", "GLB", "")],
        options={"HIDDEN", "SKIP_SAVE"},
    )
    modifiers: EnumProperty(
        name="Modifiers",
        default="SHAPE",
        description="Which modifiers are applied, to the mesh and to each of its shapes",
        items=[
            (
                "SHAPE",
                "All but Subdivision",
                "Mirror, Solidify and so on are applied, subdivision is left to the engine",
            ),
            ("ALL", "All", "Subdivision, too: many more vertices"),
            ("NONE", "None", "The mesh as it was modelled"),
        ],
    )
    all_takes: BoolProperty(
        name="A File for Each Take", description="Every take that this file holds of the face, each with its mesh"
    )
    beside: BoolProperty(
        name="Import Settings Beside It", default=True, description="A text that says how to import the file"
    )
    filename_ext = ".fbx"
    filter_glob: StringProperty(default="*.fbx;*.glb", options={"HIDDEN"})

    def check(self, _context: Any) -> bool:
        expected_path = str(_with_extension(self.filepath, self._file_format())) if self.filepath else ""
        changed = bool(expected_path) and expected_path != self.filepath
        if changed:
            self.filepath = expected_path
        return changed

    def invoke(self, context: Any, _event: Any) -> set[str]:
        stem = Path(bpy.data.filepath).stem or "face"
        self.filepath = f"{stem}.{self._file_format()}"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def draw(self, _context: Any) -> None:
        self.layout.use_property_split = True
        for name in ("preset", "modifiers", "all_takes", "beside"):
            self.layout.prop(self, name)

    def _file_format(self) -> str:
        from ..export.exporters import PRESETS

        return PRESETS[self._effective_preset()].file_format

    def _effective_preset(self) -> str:
        """The preset; scripts may name only the format."""
        return {"AUTO": self.preset, "fbx": "UNREAL", "glb": "GLB"}[self.kind]

    def work(self, context: Any) -> set[str]:
        from ..export import exporters

        if not Path(self.filepath).name:
            raise InnerfaceError("no file was named; choose one to export to")
        path, preset, face, scene = (
            _with_extension(self.filepath, self._file_format()),
            self._effective_preset(),
            active_face(context),
            context.scene,
        )
        manager = context.window_manager
        manager.progress_begin(0, 100)
        try:
            for target, take_playback in (
                _files_per_take(face, scene, path) if self.all_takes else [(path, nullcontext())]
            ):
                with take_playback, atomic_write(target) as temporary, _wait_cursor(context.window):
                    exported = exporters.export_face(
                        face,
                        scene,
                        temporary,
                        preset,
                        self.modifiers,
                        lambda fraction: manager.progress_update(100 * fraction),
                    )
                if self.beside:
                    with atomic_write(target.with_name(f"{target.name}.txt")) as text_path:
                        text_path.write_text(
                            exporters.import_instructions(exported, target, preset, scene), encoding="utf-8"
                        )
                for note in exported.notes:
                    self.report({"INFO"}, note)
                self.report(
                    {"INFO"},
                    f"Wrote {target}: {exported.frame_count} frames, {exported.mesh_count} meshes, {exported.bone_count} bones",
                )
        finally:
            manager.progress_end()
        return {"FINISHED"}


def _files_per_take(face: Face, scene: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """A file for each take of the face, and what lets that take play meanwhile."""
    from ..export.exporters import take_name

    actions = [
        a
        for a in bpy.data.actions
        if TakeAction(a).is_take
        and TakeAction(a).part == Part.OBSERVED
        and any(compat.animates(a, owner) for owner in face.owners)
    ]
    take_paths = list(dict.fromkeys(TakeAction(a).take_path for a in actions))
    if not take_paths:
        raise InnerfaceError(f"this file holds no take of {face.name}; export what plays instead")
    for take_path in take_paths:
        take_actions = [a for a in actions if TakeAction(a).take_path == take_path]
        file_stem = safe_file_name(take_name(take_actions[0]), ".") or "take"
        yield path.with_name(f"{path.stem}_{file_stem}{path.suffix}"), _play_take(face, scene, take_actions)


@contextmanager
def _play_take(face: Face, scene: Any, actions: list[Any]) -> Iterator[None]:
    """A take plays on the face, over its own frames; afterwards all is as it was."""
    saved_states = [(o, compat.animation_state(o)) for o in face.owners]
    saved_range = scene.frame_start, scene.frame_end
    try:
        for owner in face.owners:
            action = next((a for a in actions if compat.animates(a, owner)), None)
            if action is not None or owner.animation_data is not None:
                compat.assign_action(action, owner)
        ranges = [a.frame_range for a in actions]
        scene.frame_start, scene.frame_end = int(min(r[0] for r in ranges)), int(max(r[1] for r in ranges))
        yield
    finally:
        for owner, state in saved_states:
            compat.restore_animation(owner, state)
        scene.frame_start, scene.frame_end = saved_range


class INNERFACE_OT_back_out(ReportsErrors, bpy.types.Operator, ExportHelper):
    """Write what plays on the face, edited and layered as it is, as a take again: Live Link Face CSV, for every program that reads the app's files"""

    bl_idname = "innerface.back_out"
    bl_label = "Export Face Take"

    filename_ext = ".csv"
    filter_glob: StringProperty(default="*.csv;*.mcap;*.json", options={"HIDDEN"})

    def check(self, _context: Any) -> bool:
        return False

    def invoke(self, context: Any, _event: Any) -> set[str]:
        from ..export.exporters import clip_name

        self.filepath = (safe_file_name(clip_name(active_face(context)), ".") or "take") + ".csv"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def work(self, context: Any) -> set[str]:
        from ...core import formats
        from ..export.export_take import export_take

        path = Path(self.filepath)
        if not path.name:
            raise InnerfaceError("no file was named; choose one to write to")
        path = path if path.suffix.lower() in (".csv", ".mcap", ".json") else path.with_name(f"{path.name}.csv")
        with _wait_cursor(context.window):
            exported = export_take(active_face(context), context.scene)
            formats.write_take(exported.take, path)
        return self.report_notes(
            exported.notes, f"Wrote {path}: {len(exported.take.weights().time)} rows; residual {exported.residual:.4f}"
        )


class INNERFACE_OT_add_ict(ReportsErrors, bpy.types.Operator, ImportHelper):
    """Add a head of ICT-FaceKit from your download of it (its folder FaceXModel, or an .npz as in docs/formats.md), with eye bones; it has no tongue shape"""

    bl_idname = "innerface.add_ict"
    bl_label = "ICT-FaceKit Head..."
    bl_options = {"REGISTER", "UNDO"}

    filter_glob: StringProperty(default="*.npz;*.obj", options={"HIDDEN"})

    def work(self, context: Any) -> set[str]:
        from ..character import ict_head

        if context.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
        with _wait_cursor(context.window):
            obj, rig = ict_head.add(context.collection, Path(self.filepath))
        rig.location = context.scene.cursor.location
        _select_only(context, obj)
        return {"FINISHED"}


class INNERFACE_OT_add_flame(BackgroundOperator, bpy.types.Operator, ImportHelper):
    """Add a face of your own FLAME model (.pkl, .npz; nothing in it is executed): expressions as shape keys, jaw, neck and eyes as bones, driven by any take"""

    bl_idname = "innerface.add_flame"
    bl_label = "FLAME Face from File..."
    bl_options = {"REGISTER", "UNDO"}

    filter_glob: StringProperty(default="*.pkl;*.npz", options={"HIDDEN"})
    landmarks: StringProperty(
        name="Landmarks",
        description="FLAME's landmark embedding (.pkl, .npy, .npz); where empty, the one beside the model, else points are found by geometry",
    )
    expressions: IntProperty(
        name="Expressions",
        default=100,
        min=1,
        max=500,
        description="Shape keys that the face gets, the largest first; FLAME has 100, and so have takes",
    )
    correctives: BoolProperty(
        name="Pose Correctives",
        description="Also FLAME's 36 shapes that mend the skin where bones turn, driven by the bones; without them faces are lighter",
    )
    identity: StringProperty(
        name="Identity",
        description="A FLAME take (.flame.npz) whose performer's head the face gets; the mean head where empty",
    )

    def draw(self, _context: Any) -> None:
        self.layout.use_property_split = True
        for name in ("expressions", "correctives", "landmarks", "identity"):
            self.layout.prop(self, name)

    def execute(self, context: Any) -> set[str]:
        """From the file browser it takes its time beside Blender; by script at once."""
        in_background = self.options.is_invoke and not self.options.is_repeat and not bpy.app.background
        return self.begin_job(context) if in_background else super().execute(context)

    def invoke(self, context: Any, _event: Any) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def prepare(self, _context: Any) -> tuple[str, Callable[[], Any], float]:
        from ..character import flame_face

        path = bpy.path.abspath(self.filepath)
        landmarks, identity = (bpy.path.abspath(p) if p else "" for p in (self.landmarks, self.identity))
        return (
            f"Learning {Path(path).name}",
            lambda: flame_face.prepare_flame(path, landmarks, self.expressions, identity),
            5.0,
        )

    def finish(self, context: Any, prepared: Any) -> set[str]:
        from ..character import flame_face

        if context.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
        obj, rig = flame_face.add(context.collection, prepared, self.correctives)
        rig.location = context.scene.cursor.location
        _select_only(context, obj)
        return self.report_notes(
            prepared.notes,
            f"Added {obj.name}: {len(prepared.model.template):,} vertices, {prepared.model.expression_dirs.shape[2]} expressions",
        )


@contextmanager
def _wait_cursor(window: Any) -> Iterator[None]:
    """The mouse says that it takes a while: Blender's exporters go through every frame, and cannot be stopped."""
    if window is None:
        yield
        return
    window.cursor_set("WAIT")
    try:
        yield
    finally:
        window.cursor_set("DEFAULT")


def _select_only(context: Any, obj: Any) -> None:
    for other in context.selected_objects:
        other.select_set(False)
    obj.select_set(True)
    context.view_layer.objects.active = obj


def _with_extension(path: str, kind: str) -> Path:
    """`song.take2` stays `song.take2.glb`; only the other format's ending is replaced."""
    stem = path[:-4] if path.lower().endswith((".fbx", ".glb")) else path
    return Path(f"{stem}.{kind}")


def _export_menu(self: Any, _context: Any) -> None:
    self.layout.operator(INNERFACE_OT_export.bl_idname, text="Animated Face for Game Engine (.fbx, .glb)")
    self.layout.operator(INNERFACE_OT_back_out.bl_idname, text="Face Take (.csv)")


def _add_menu(self: Any, _context: Any) -> None:
    self.layout.operator(INNERFACE_OT_add_head.bl_idname, icon="USER")
    self.layout.operator(INNERFACE_OT_add_ict.bl_idname, icon="USER")
    self.layout.operator(INNERFACE_OT_add_flame.bl_idname, icon="USER")


CLASSES = (
    INNERFACE_OT_add_head,
    INNERFACE_OT_add_ict,
    INNERFACE_OT_add_flame,
    INNERFACE_OT_export,
    INNERFACE_OT_back_out,
)
MENUS = (("TOPBAR_MT_file_export", _export_menu), ("VIEW3D_MT_mesh_add", _add_menu))


_register, _unregister = bpy.utils.register_classes_factory(CLASSES)


def register() -> None:
    """Register classes and menu entries."""
    _register()
    for menu, entry in MENUS:
        getattr(bpy.types, menu).append(entry)


def unregister() -> None:
    """Undo `register`."""
    for menu, entry in reversed(MENUS):
        getattr(bpy.types, menu).remove(entry)
    _unregister()

"""Takes in: File > Import, drag and drop.

No `from __future__ import annotations` here: Blender reads properties out of the annotations.
"""

# pyright: reportInvalidTypeForm=false
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, FloatProperty, IntProperty, StringProperty
from bpy_extras.io_utils import ImportHelper

from ..animation import bake, loaded_take, rebake, sound
from ..animation.keying import KeyingResult
from ..animation.take_action import TakeAction
from ..character.face import active_face
from ..properties.bake_options import BAKE_OPTIONS
from ..properties.preferences import performer_settings
from .base import BackgroundOperator

_BYTES_PER_S = 4e6  # of takes that are read and inferred in a second, for the bar


class INNERFACE_OT_key_takes(BackgroundOperator, bpy.types.Operator, ImportHelper):
    """Key face takes on the active face: a Live Link Face take or its folder, CSV, JSON, MCAP, of a camera or of sensors; on a FLAME face FLAME takes as well.
    Several become several actions"""

    bl_idname = "innerface.key_takes"
    bl_label = "Key Face Takes"
    bl_options = {"REGISTER", "UNDO"}

    filter_glob: StringProperty(default="*.csv;*.mcap;*.json;*.npz", options={"HIDDEN"})
    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    directory: StringProperty(subtype="DIR_PATH", options={"SKIP_SAVE"})
    files: CollectionProperty(type=bpy.types.OperatorFileListElement, options={"SKIP_SAVE"})
    placed: EnumProperty(
        name="Begin At",
        description="Where the take's first row lies",
        items=(
            ("START", "Scene Start", "The scene's first frame"),
            ("PLAYHEAD", "Playhead", "The current frame"),
            ("FRAME", "Frame", "A frame of your choice"),
            (
                "RECORDED",
                "Where Recorded",
                "The frames that played while it was recorded with this add-on, else the scene's start",
            ),
        ),
    )
    frame: IntProperty(name="Frame", default=1, description="May be negative")
    fewer: BoolProperty(**BAKE_OPTIONS["fewer"])
    tolerance: FloatProperty(**BAKE_OPTIONS["tolerance"])
    trim_from: FloatProperty(**BAKE_OPTIONS["trim_from"])
    trim_to: FloatProperty(**BAKE_OPTIONS["trim_to"])
    neutral_from: FloatProperty(**BAKE_OPTIONS["neutral_from"])
    neutral_to: FloatProperty(**BAKE_OPTIONS["neutral_to"])
    calibrated: EnumProperty(**BAKE_OPTIONS["calibrated"])
    sound: BoolProperty(**BAKE_OPTIONS["sound"])
    widen: BoolProperty(**BAKE_OPTIONS["widen"])

    def invoke(self, context: Any, event: Any) -> set[str]:
        self.frame = context.scene.frame_current
        if (self.directory and self.files) or self.filepath:  # dropped onto the window
            return context.window_manager.invoke_props_dialog(self)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def draw(self, context: Any) -> None:
        layout, scene = self.layout, context.scene
        layout.use_property_split = True
        column = layout.column()
        column.prop(self, "placed")
        if self.placed == "FRAME":
            column.prop(self, "frame")
        column.label(text=f"Resampled to {scene.render.fps / scene.render.fps_base:.3f} fps, the scene's", icon="TIME")
        column.prop(self, "fewer")
        row = column.row()
        row.enabled = self.fewer
        row.prop(self, "tolerance")
        draw_spans(layout.column(align=True), self)
        for name in ("calibrated", "sound", "widen"):
            layout.prop(self, name)

    def paths(self) -> list[Path]:
        """The chosen files and folders, and of two files of one take the one that is wanted."""
        selected = (
            [Path(self.directory) / f.name for f in self.files if f.name] if self.files and self.directory else []
        )
        selected = selected or [Path(self.filepath or self.directory)]
        return list(dict.fromkeys(preferred_file(path, self.calibrated == "AUTO") for path in selected))

    def execute(self, context: Any) -> set[str]:
        """From a dialog or the file browser it takes its time beside Blender; by script at once."""
        interactive = self.options.is_invoke and not self.options.is_repeat and not bpy.app.background
        return self.begin_job(context) if interactive else super().execute(context)

    def prepare(self, context: Any) -> tuple[str, Callable[[], Any], float]:
        flame = loaded_take.flame_source(active_face(context))
        paths, who = self.paths(), performer_settings()
        size = sum(p.stat().st_size for p in paths if p.is_file())
        label = f"Reading {paths[0].name}" if len(paths) == 1 else f"Reading {len(paths)} takes"
        return label, lambda: [loaded_take.load_take(path, who, flame) for path in paths], size / _BYTES_PER_S

    def finish(self, context: Any, loaded_takes: list[Any]) -> set[str]:
        face, scene, options = active_face(context), context.scene, context.scene.innerface.options
        for name in BAKE_OPTIONS:
            setattr(options, name, getattr(self, name))
        options.before = False
        start_frame = {
            "START": float(scene.frame_start),
            "PLAYHEAD": float(scene.frame_current),
            "FRAME": float(self.frame),
            "RECORDED": None,
        }[self.placed]
        keyed = []
        with bake.all_or_nothing(face):
            for k, loaded in enumerate(reversed(loaded_takes)):  # the first one plays at the end
                bake_options = bake.bake_options(
                    options,
                    loaded.from_sensors,
                    at=start_frame
                    if start_frame is not None or loaded.zero_frame is not None
                    else float(scene.frame_start),
                )
                keyed.insert(
                    0, bake_take(face, loaded, scene, bake_options, options, self.sound and k == len(loaded_takes) - 1)
                )
        total = KeyingResult(0, 0, keys=sum(k.keys for k in keyed), dense_keys=sum(k.dense_keys for k in keyed))
        notes = list(dict.fromkeys(n for k in keyed for n in k.notes))
        return self.report_notes(
            notes,
            f"Keyed {len(loaded_takes)} take{'s' * (len(loaded_takes) > 1)} on {face.name}: {bake.key_count_text(total)}",
        )


def draw_spans(column: Any, options: Any) -> None:
    """Two spans of a take, each from and to, in seconds."""
    for name in ("trim", "neutral"):
        split = column.split(factor=0.4)
        label = split.row()
        label.alignment = "RIGHT"
        label.label(text=name.capitalize())
        row = split.row(align=True)
        row.use_property_split = False
        row.prop(options, f"{name}_from", text="")
        row.prop(options, f"{name}_to", text="")


def preferred_file(path: Path, calibrated: bool) -> Path:
    """The file that is read where a folder or one of a take's two files was chosen."""
    from ...core.formats import take_folder

    if path.is_dir():
        return take_folder.choose_csv(path, calibrated)[0]
    return (take_folder.find_calibrated(path) if calibrated else None) or path


def bake_take(face: Any, loaded: Any, scene: Any, bake_options: Any, options: Any, with_sound: bool) -> Any:
    """Bake a take, keep its options in its action, lengthen the scene, and place its sound. Raises InnerfaceError."""
    keyed = bake.bake_take(face, loaded, scene, bake_options)
    if loaded.path.stem.lower().endswith("_cal"):
        keyed.notes.insert(
            0, f"{loaded.path.name} was taken, with the neutral taken out; choose 'As Captured' for the other file"
        )
    for action in keyed.actions:
        if TakeAction(action).is_take:
            rebake.store_options(action, options)
    scene.frame_end = max(scene.frame_end, keyed.first_frame + keyed.frames - 1)
    audio = loaded.weights.take.sound
    if with_sound and audio is not None:
        start = next(
            (TakeAction(a).start_frame for a in keyed.actions if TakeAction(a).is_take), float(keyed.first_frame)
        )
        strip, sound_notes = sound.place_strip(scene, audio, start, loaded.path.stem)
        keyed.notes += sound_notes
        if strip is not None:
            scene.sync_mode = "AUDIO_SYNC"
    return keyed


class INNERFACE_FH_takes(bpy.types.FileHandler):
    """Takes dropped onto the 3D view or the timeline."""

    bl_idname = "INNERFACE_FH_takes"
    bl_label = "Face take"
    bl_import_operator = "innerface.key_takes"
    bl_file_extensions = ".csv;.mcap;.json;.npz"

    @classmethod
    def poll_drop(cls, context: Any) -> bool:
        return context.area is not None and context.area.type in {
            "VIEW_3D",
            "DOPESHEET_EDITOR",
            "GRAPH_EDITOR",
            "NLA_EDITOR",
        }


def _import_menu(self: Any, _context: Any) -> None:
    self.layout.operator(INNERFACE_OT_key_takes.bl_idname, text="Face Take (.csv, .mcap, .json, .npz)")


_register, _unregister = bpy.utils.register_classes_factory((INNERFACE_OT_key_takes, INNERFACE_FH_takes))


def register() -> None:
    """Register the operator and its menu entry."""
    _register()
    bpy.types.TOPBAR_MT_file_import.append(_import_menu)


def unregister() -> None:
    """Undo `register`."""
    bpy.types.TOPBAR_MT_file_import.remove(_import_menu)
    _unregister()

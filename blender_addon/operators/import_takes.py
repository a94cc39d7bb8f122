"""File > Import, and drag and drop: takes from files.

No `from __future__ import annotations` here: Blender reads properties from the annotations.
"""

# pyright: reportInvalidTypeForm=false
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, FloatProperty, IntProperty, StringProperty
from bpy_extras.io_utils import ImportHelper

from ..animation import bake, loaded_take
from ..animation.keying import KeyingResult
from ..animation.loaded_take import LoadedTake
from ..character.face import active_face
from ..properties.bake_options import BAKE_OPTIONS
from ..properties.preferences import performer_settings
from .baking import bake_take, preferred_file
from .base import BackgroundOperator, Job, classes_and_menu_factory

_BYTES_PER_S = 4e6  # of a take's file read and inferred per second, for the progress bar


class INNERFACE_OT_key_takes(BackgroundOperator, bpy.types.Operator, ImportHelper):
    """Import takes of a camera or sensors as animation of the active face: Live Link Face, CSV, JSON, MCAP, FLAME"""

    bl_idname = "innerface.key_takes"
    bl_label = "Import Takes"
    bl_options = {"REGISTER", "UNDO"}

    filter_glob: StringProperty(default="*.csv;*.mcap;*.json;*.npz", options={"HIDDEN"})
    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    directory: StringProperty(subtype="DIR_PATH", options={"SKIP_SAVE"})
    files: CollectionProperty(type=bpy.types.OperatorFileListElement, options={"SKIP_SAVE"})
    placed: EnumProperty(
        name="Start At",
        description="Frame at which the take starts",
        items=(
            ("START", "Scene Start", "The first frame of the scene"),
            ("PLAYHEAD", "Playhead", "The current frame"),
            ("FRAME", "Frame", "A frame of your choice"),
            (
                "RECORDED",
                "As Recorded",
                "The frame that played when it was recorded with this add-on, otherwise the scene's first frame",
            ),
        ),
    )
    frame: IntProperty(name="Frame", default=1, description="Frame at which the take starts; may be negative")
    fewer: BoolProperty(**BAKE_OPTIONS["fewer"])
    tolerance: FloatProperty(**BAKE_OPTIONS["tolerance"])
    trim_from: FloatProperty(**BAKE_OPTIONS["trim_from"])
    trim_to: FloatProperty(**BAKE_OPTIONS["trim_to"])
    neutral_from: FloatProperty(**BAKE_OPTIONS["neutral_from"])
    neutral_to: FloatProperty(**BAKE_OPTIONS["neutral_to"])
    calibrated: EnumProperty(**BAKE_OPTIONS["calibrated"])
    sound: BoolProperty(**BAKE_OPTIONS["sound"])
    widen: BoolProperty(**BAKE_OPTIONS["widen"])

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.frame = context.scene.frame_current
        if (self.directory and self.files) or self.filepath:  # dropped onto the window
            return context.window_manager.invoke_props_dialog(self)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def draw(self, context: bpy.types.Context) -> None:
        layout, scene = self.layout, context.scene
        layout.use_property_split = True
        column = layout.column()
        column.prop(self, "placed")
        if self.placed == "FRAME":
            column.prop(self, "frame")
        rate = scene.render.fps / scene.render.fps_base
        column.label(text=f"Resampled to the scene's {rate:.3f} fps", icon="TIME")
        column.prop(self, "fewer")
        row = column.row()
        row.enabled = self.fewer
        row.prop(self, "tolerance")
        draw_time_ranges(layout.column(align=True), self)
        for name in ("calibrated", "sound", "widen"):
            layout.prop(self, name)

    def paths(self) -> list[Path]:
        """Return the selected files and folders, with only the preferred one of two files of the same take."""
        selected = (
            [Path(self.directory) / f.name for f in self.files if f.name] if self.files and self.directory else []
        )
        selected = selected or [Path(self.filepath or self.directory)]
        return list(dict.fromkeys(preferred_file(path, self.calibrated == "AUTO") for path in selected))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Run in the background from a dialog or the file browser, and at once from a script."""
        return self.start_job(context) if self.started_from_dialog() else super().execute(context)

    def prepare(self, context: bpy.types.Context) -> Job:
        flame = loaded_take.flame_source(active_face(context))
        paths, performer = self.paths(), performer_settings()
        size = sum(p.stat().st_size for p in paths if p.is_file())
        label = f"Reading {paths[0].name}" if len(paths) == 1 else f"Reading {len(paths)} takes"
        return Job(
            label, lambda: [loaded_take.load_take(path, performer, flame) for path in paths], size / _BYTES_PER_S
        )

    def finish(self, context: bpy.types.Context, loaded_takes: list[LoadedTake]) -> set[str]:
        face, scene, options = active_face(context), context.scene, context.scene.innerface.options
        for name in BAKE_OPTIONS:
            setattr(options, name, getattr(self, name))
        options.before = False
        keyed = []
        with bake.all_or_nothing(face):
            for k, loaded in enumerate(reversed(loaded_takes)):  # so that the first one plays at the end
                bake_options = bake.bake_options(options, loaded.from_sensors, at=self._start_frame(loaded, scene))
                with_sound = self.sound and k == len(loaded_takes) - 1
                keyed.insert(
                    0, bake_take(face, loaded, scene, bake_options=bake_options, options=options, with_sound=with_sound)
                )
        total = KeyingResult(0, 0, keys=sum(k.keys for k in keyed), dense_keys=sum(k.dense_keys for k in keyed))
        notes = list(dict.fromkeys(n for k in keyed for n in k.notes))
        takes = "1 take" if len(keyed) == 1 else f"{len(keyed)} takes"
        return self.report_notes(notes, f"Imported {takes} on {face.name}: {bake.key_count_text(total)}")

    def _start_frame(self, loaded: LoadedTake, scene: Any) -> float | None:
        """Return the frame at which a take starts, None where the take says it."""
        if self.placed == "RECORDED" and loaded.zero_frame is not None:
            return None
        frames = {"PLAYHEAD": float(scene.frame_current), "FRAME": float(self.frame)}
        return frames.get(self.placed, float(scene.frame_start))


def draw_time_ranges(column: Any, options: Any) -> None:
    """Draw the start and end of the trim and of the neutral face, in seconds of the take."""
    for name in ("trim", "neutral"):
        split = column.split(factor=0.4)
        label = split.row()
        label.alignment = "RIGHT"
        label.label(text=name.capitalize())
        row = split.row(align=True)
        row.use_property_split = False
        row.prop(options, f"{name}_from", text="")
        row.prop(options, f"{name}_to", text="")


class INNERFACE_FH_takes(bpy.types.FileHandler):
    """Takes dropped onto the 3D view or an animation editor."""

    bl_idname = "INNERFACE_FH_takes"
    bl_label = "Face take"
    bl_import_operator = "innerface.key_takes"
    bl_file_extensions = ".csv;.mcap;.json;.npz"

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type in {
            "VIEW_3D",
            "DOPESHEET_EDITOR",
            "GRAPH_EDITOR",
            "NLA_EDITOR",
        }


def _draw_import_menu(self: Any, _context: bpy.types.Context) -> None:
    self.layout.operator(INNERFACE_OT_key_takes.bl_idname, text="Face Takes (.csv, .mcap, .json, .npz)")


register, unregister = classes_and_menu_factory(
    (INNERFACE_OT_key_takes, INNERFACE_FH_takes), "TOPBAR_MT_file_import", _draw_import_menu
)

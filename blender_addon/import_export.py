"""Takes in and faces out: File > Import and > Export, Add > Mesh, drag and drop.

No `from __future__ import annotations` here: Blender reads properties out of the annotations.
"""

# pyright: reportInvalidTypeForm=false
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, FloatProperty, StringProperty
from bpy_extras.io_utils import ExportHelper, ImportHelper

from ..core.errors import InnerfaceError
from ..core.files import replacing
from .face import active_face
from .mended import Mended, Threaded

_BYTES_S = 4e6  # of takes that are read and inferred in a second, for the bar


class INNERFACE_OT_add_head(Mended, bpy.types.Operator):
    """Add Innerface's mannequin head with Apple's 52 shapes and a head bone"""

    bl_idname = "innerface.add_head"
    bl_label = "Face Capture Head"
    bl_options = {"REGISTER", "UNDO"}

    def work(self, context: Any) -> set[str]:
        from . import bundled_head

        if context.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
        obj, rig = bundled_head.add(context.collection)
        rig.location = context.scene.cursor.location
        for other in context.selected_objects:
            other.select_set(False)
        obj.select_set(True)
        context.view_layer.objects.active = obj
        return {"FINISHED"}


class INNERFACE_OT_key_takes(Threaded, bpy.types.Operator, ImportHelper):
    """Key face takes on the active face: Live Link Face CSV, CSV with Apple's names, JSON, MCAP, or face-worn sensors. Several takes become several actions"""

    bl_idname = "innerface.key_takes"
    bl_label = "Key Face Takes"
    bl_options = {"REGISTER", "UNDO"}

    filter_glob: StringProperty(default="*.csv;*.mcap;*.json", options={"HIDDEN"})
    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    directory: StringProperty(subtype="DIR_PATH", options={"SKIP_SAVE"})
    files: CollectionProperty(type=bpy.types.OperatorFileListElement, options={"SKIP_SAVE"})
    fewer: BoolProperty(
        name="Fewer Keys",
        default=False,
        description="Bezier keys that stay within the tolerance at every frame, instead of a key on every frame",
    )
    tolerance: FloatProperty(
        name="Tolerance",
        default=0.005,
        min=0.0005,
        max=0.2,
        precision=4,
        description="Largest deviation from the take at any frame, in weights (0 to 1)",
    )

    def invoke(self, context: Any, event: Any) -> set[str]:
        if (self.directory and self.files) or self.filepath:  # dropped onto the window
            return context.window_manager.invoke_props_dialog(self)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def draw(self, context: Any) -> None:
        self.layout.use_property_split = True
        self.layout.prop(self, "fewer")
        row = self.layout.row()
        row.enabled = self.fewer
        row.prop(self, "tolerance")
        scene = context.scene
        self.layout.label(
            text=f"Resampled to {scene.render.fps / scene.render.fps_base:.3f} fps from frame {scene.frame_start}", icon="TIME"
        )

    def paths(self) -> list[str]:
        """The chosen files."""
        if self.files and self.directory:
            return [str(Path(self.directory) / f.name) for f in self.files if f.name]
        return [self.filepath]

    def execute(self, context: Any) -> set[str]:
        """From a dialog or the file browser it takes its time beside Blender; by script at once."""
        waits = self.options.is_invoke and not self.options.is_repeat and not bpy.app.background
        return self.begin(context) if waits else super().execute(context)

    def prepare(self, context: Any) -> tuple[str, Callable[[], Any], float]:
        active_face(context)  # said before the work, where there is none
        paths = self.paths()
        size = sum(Path(p).stat().st_size for p in paths if Path(p).is_file())
        label = f"Reading {Path(paths[0]).name}" if len(paths) == 1 else f"Reading {len(paths)} takes"

        def read() -> list[Any]:
            from ..core import formats
            from ..core.weights import weights_take

            return [weights_take(formats.read_take(path)) for path in paths]

        return label, read, size / _BYTES_S

    def finish(self, context: Any, takes: list[Any]) -> set[str]:
        from . import keying

        tracks = [take.weights() for take in takes]
        face = active_face(context)
        scene = context.scene
        keyed = [
            keying.key_track(face, track, take.name, scene, self.tolerance if self.fewer else None) for take, track in zip(takes, tracks)
        ]
        said = keying.play(face, keyed[0])
        scene.frame_end = max(scene.frame_end, *(scene.frame_start + k.frames - 1 for k in keyed))
        for note in [n for t in takes for n in t.notes] + said + list(dict.fromkeys(n for k in keyed for n in k.notes)):
            self.report({"INFO"}, note)
        keys, dense = sum(k.keys for k in keyed), sum(k.dense_keys for k in keyed)
        fewer = f" ({dense / keys:.1f} times fewer than every frame)" if keys < dense else ""
        self.report({"INFO"}, f"Keyed {len(takes)} take{'s' * (len(takes) > 1)} on {face.name}: {keys:,} keys{fewer}")
        return {"FINISHED"}


class INNERFACE_OT_export(Mended, bpy.types.Operator, ExportHelper):
    """Export the active face with its shape animation, which Blender's own defaults lose"""

    bl_idname = "innerface.export"
    bl_label = "Export Animated Face"

    kind: EnumProperty(name="Format", items=[("fbx", "FBX", "For Unreal, Unity, Maya"), ("glb", "GLB", "For Godot, three.js and the web")])
    filename_ext = ".fbx"
    filter_glob: StringProperty(default="*.fbx;*.glb", options={"HIDDEN"})

    def check(self, _context: Any) -> bool:
        wanted = str(_ending(self.filepath, self.kind)) if self.filepath else ""
        changed = bool(wanted) and wanted != self.filepath
        if changed:
            self.filepath = wanted
        return changed

    def invoke(self, context: Any, _event: Any) -> set[str]:
        stem = Path(bpy.data.filepath).stem or "face"
        self.filepath = f"{stem}.{self.kind}"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def work(self, context: Any) -> set[str]:
        from . import export

        if not Path(self.filepath).name:
            raise InnerfaceError("no file was named; choose one to export to")
        path = _ending(self.filepath, self.kind)
        face = active_face(context)
        with replacing(path) as temporary, _waiting(context.window):
            (export.export_fbx if self.kind == "fbx" else export.export_glb)(face, context.scene, temporary)
        self.report({"INFO"}, f"Wrote {path}")
        return {"FINISHED"}


@contextmanager
def _waiting(window: Any) -> Iterator[None]:
    """The mouse says that it takes a while: Blender's exporters go through every frame, and cannot be stopped."""
    if window is None:
        yield
        return
    window.cursor_set("WAIT")
    try:
        yield
    finally:
        window.cursor_set("DEFAULT")


def _ending(path: str, kind: str) -> Path:
    """`song.take2` stays `song.take2.glb`; only the other format's ending is replaced."""
    bare = path[:-4] if path.lower().endswith((".fbx", ".glb")) else path
    return Path(f"{bare}.{kind}")


class INNERFACE_FH_takes(bpy.types.FileHandler):
    """Takes dropped onto the 3D view or the timeline."""

    bl_idname = "INNERFACE_FH_takes"
    bl_label = "Face take"
    bl_import_operator = "innerface.key_takes"
    bl_file_extensions = ".csv;.mcap"

    @classmethod
    def poll_drop(cls, context: Any) -> bool:
        return context.area is not None and context.area.type in {"VIEW_3D", "DOPESHEET_EDITOR", "GRAPH_EDITOR"}


def _import_menu(self: Any, _context: Any) -> None:
    self.layout.operator(INNERFACE_OT_key_takes.bl_idname, text="Face Take (.csv, .mcap, .json)")


def _export_menu(self: Any, _context: Any) -> None:
    self.layout.operator(INNERFACE_OT_export.bl_idname, text="Animated Face (.fbx, .glb)")


def _add_menu(self: Any, _context: Any) -> None:
    self.layout.operator(INNERFACE_OT_add_head.bl_idname, icon="USER")


CLASSES = (INNERFACE_OT_add_head, INNERFACE_OT_key_takes, INNERFACE_OT_export, INNERFACE_FH_takes)
MENUS = (("TOPBAR_MT_file_import", _import_menu), ("TOPBAR_MT_file_export", _export_menu), ("VIEW3D_MT_mesh_add", _add_menu))


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

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


def _export_menu(self: Any, _context: Any) -> None:
    self.layout.operator(INNERFACE_OT_export.bl_idname, text="Animated Face (.fbx, .glb)")


def _add_menu(self: Any, _context: Any) -> None:
    self.layout.operator(INNERFACE_OT_add_head.bl_idname, icon="USER")


CLASSES = (INNERFACE_OT_add_head, INNERFACE_OT_export)
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

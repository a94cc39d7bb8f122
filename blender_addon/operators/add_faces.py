"""Add > Mesh: the bundled head, an ICT-FaceKit head, a FLAME face.

No `from __future__ import annotations` here: Blender reads properties from the annotations.
"""

# pyright: reportInvalidTypeForm=false
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, IntProperty, StringProperty
from bpy_extras.io_utils import ImportHelper

from .base import BackgroundOperator, Job, ReportsErrors, classes_and_menu_factory, wait_cursor


class INNERFACE_OT_add_head(ReportsErrors, bpy.types.Operator):
    """Add a mannequin head with Apple's 52 shape keys and a head bone"""

    bl_idname = "innerface.add_head"
    bl_label = "Face Capture Head"
    bl_options = {"REGISTER", "UNDO"}

    def work(self, context: bpy.types.Context) -> set[str]:
        from ..character import bundled_head

        _enter_object_mode(context)
        _place_at_cursor(context, *bundled_head.add(context.collection))
        return {"FINISHED"}


class INNERFACE_OT_add_ict(ReportsErrors, bpy.types.Operator, ImportHelper):
    """Add an ICT-FaceKit head with eye bones (but no tongue shape) from your own download (FaceXModel or .npz)"""

    bl_idname = "innerface.add_ict"
    bl_label = "ICT-FaceKit Head..."
    bl_options = {"REGISTER", "UNDO"}

    filter_glob: StringProperty(default="*.npz;*.obj", options={"HIDDEN"})

    def work(self, context: bpy.types.Context) -> set[str]:
        from ..character import ict_head

        _enter_object_mode(context)
        with wait_cursor(context.window):
            head = ict_head.add(context.collection, Path(self.filepath))
        _place_at_cursor(context, *head)
        return {"FINISHED"}


class INNERFACE_OT_add_flame(BackgroundOperator, bpy.types.Operator, ImportHelper):
    """Add a face from your own FLAME model (.pkl or .npz), which any take can drive; nothing in the file is executed"""

    bl_idname = "innerface.add_flame"
    bl_label = "FLAME Face from File..."
    bl_options = {"REGISTER", "UNDO"}

    filter_glob: StringProperty(default="*.pkl;*.npz", options={"HIDDEN"})
    landmarks: StringProperty(
        name="Landmarks",
        description="FLAME's landmark embedding (.pkl, .npy or .npz); if empty, the one beside the model, "
        "otherwise landmarks are estimated from the geometry",
    )
    expressions: IntProperty(
        name="Expressions",
        default=100,
        min=1,
        max=500,
        description="Number of shape keys, largest first; FLAME models and takes have 100",
    )
    correctives: BoolProperty(
        name="Pose Correctives",
        description="Also add FLAME's 36 corrective shapes, driven by the bones; the face is lighter without them",
    )
    identity: StringProperty(
        name="Identity",
        description="FLAME take (.flame.npz) with the head shape of the face; the mean head if empty",
    )

    def draw(self, _context: bpy.types.Context) -> None:
        self.layout.use_property_split = True
        for name in ("expressions", "correctives", "landmarks", "identity"):
            self.layout.prop(self, name)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Run in the background from the file browser, and at once from a script."""
        return self.start_job(context) if self.started_from_dialog() else super().execute(context)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def prepare(self, _context: bpy.types.Context) -> Job:
        from ..character import flame_face

        path = bpy.path.abspath(self.filepath)
        landmarks, identity = (bpy.path.abspath(p) if p else "" for p in (self.landmarks, self.identity))
        return Job(
            f"Preparing {Path(path).name}",
            lambda: flame_face.prepare_flame(
                path, landmarks=landmarks, expressions=self.expressions, identity=identity
            ),
            expected_s=5.0,
        )

    def finish(self, context: bpy.types.Context, prepared: Any) -> set[str]:
        from ..character import flame_face

        _enter_object_mode(context)
        obj, rig = flame_face.add(context.collection, prepared, self.correctives)
        _place_at_cursor(context, obj, rig)
        model = prepared.model
        return self.report_notes(
            prepared.notes,
            f"Added {obj.name}: {len(model.template):,} vertices, {model.expression_dirs.shape[2]} expressions",
        )


def _enter_object_mode(context: bpy.types.Context) -> None:
    if context.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")


def _place_at_cursor(context: bpy.types.Context, obj: Any, rig: Any) -> None:
    """Move a new head to the 3D cursor and select only it."""
    rig.location = context.scene.cursor.location
    for other in context.selected_objects:
        other.select_set(False)
    obj.select_set(True)
    context.view_layer.objects.active = obj


def _draw_add_menu(self: Any, _context: bpy.types.Context) -> None:
    for operator in CLASSES:
        self.layout.operator(operator.bl_idname, icon="USER")


CLASSES = (INNERFACE_OT_add_head, INNERFACE_OT_add_ict, INNERFACE_OT_add_flame)


register, unregister = classes_and_menu_factory(CLASSES, "VIEW3D_MT_mesh_add", _draw_add_menu)

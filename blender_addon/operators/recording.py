"""Record a take, and stop. Neither leaves an undo step, as nothing in the file changes."""

from __future__ import annotations

import bpy

from ..live.session import session
from .base import ReportsErrors
from .connection import RequiresConnection


class INNERFACE_OT_record(RequiresConnection, ReportsErrors, bpy.types.Operator):
    """Record a take after the countdown, while the scene plays"""

    bl_idname = "innerface.record"
    bl_label = "Record"

    def work(self, context: bpy.types.Context) -> set[str]:
        session.record(context)
        return {"FINISHED"}


class INNERFACE_OT_stop(ReportsErrors, bpy.types.Operator):
    """Stop recording and keep the take"""

    bl_idname = "innerface.stop"
    bl_label = "Stop"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return session.take_recording is not None

    def work(self, _context: bpy.types.Context) -> set[str]:
        if session.take_recording is not None:
            session.take_recording.stop()
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory((INNERFACE_OT_record, INNERFACE_OT_stop))

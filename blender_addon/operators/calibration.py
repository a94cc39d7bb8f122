"""Calibrate, check and assign sensors, recentre the head, set the camera's neutral face.

None of these operators leaves an undo step, as nothing in the file changes.
No `from __future__ import annotations` here: Blender reads properties from the annotations.
"""

# pyright: reportInvalidTypeForm=false
from typing import Any

import bpy
from bpy.props import StringProperty

from ..live.session import session
from .base import ReportsErrors
from .connection import RequiresConnection, poll_connected


class INNERFACE_OT_calibrate(RequiresConnection, ReportsErrors, bpy.types.Operator):
    """Calibrate the sensors: relax for three seconds, nod (chin down first), then shake your head (left first)"""

    bl_idname = "innerface.calibrate"
    bl_label = "Calibrate"

    def work(self, _context: bpy.types.Context) -> set[str]:
        session.ask(lambda hub: hub.commands.calibrate())
        return {"FINISHED"}


class INNERFACE_OT_calibrate_cancel(RequiresConnection, ReportsErrors, bpy.types.Operator):
    """Cancel the calibration or the check; the previous calibration is kept"""

    bl_idname = "innerface.calibrate_cancel"
    bl_label = "Cancel"

    def work(self, _context: bpy.types.Context) -> set[str]:
        session.ask(lambda hub: hub.commands.cancel())
        return {"FINISHED"}


class INNERFACE_OT_check(RequiresConnection, ReportsErrors, bpy.types.Operator):
    """Perform a few expressions to find sensors that are dead, swapped or misplaced, and electrodes without a signal"""

    bl_idname = "innerface.check"
    bl_label = "Check Placement"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if not poll_connected(cls):
            return False
        if not session.status.calibrated and session.status.electrodes is None:
            cls.poll_message_set("The check needs a calibration; calibrate first")
            return False
        return True

    def work(self, _context: bpy.types.Context) -> set[str]:
        session.ask(lambda hub: hub.commands.check())
        return {"FINISHED"}


class INNERFACE_OT_touch(RequiresConnection, ReportsErrors, bpy.types.Operator):
    """Assign a sensor to this site: press, then tap the sensor twice within five seconds while the head is still"""

    bl_idname = "innerface.touch"
    bl_label = "Assign by Tapping"

    site: StringProperty(name="Site", options={"SKIP_SAVE"})

    def work(self, _context: bpy.types.Context) -> set[str]:
        site = self.site
        session.ask(lambda hub: hub.commands.touch(site))
        return {"FINISHED"}


class INNERFACE_OT_recentre(RequiresConnection, ReportsErrors, bpy.types.Operator):
    """Make this head direction forward"""

    bl_idname = "innerface.recentre"
    bl_label = "Recentre"

    def work(self, _context: bpy.types.Context) -> set[str]:
        session.ask(lambda hub: hub.commands.recentre())
        return {"FINISHED"}


class INNERFACE_OT_neutral(RequiresConnection, ReportsErrors, bpy.types.Operator):
    """Make the face that the camera sees now, which should be relaxed, the neutral face"""

    bl_idname = "innerface.neutral"
    bl_label = "Set Neutral"

    def work(self, _context: bpy.types.Context) -> set[str]:
        session.ask(lambda hub: hub.commands.set_neutral())
        return {"FINISHED"}


CLASSES = (
    INNERFACE_OT_calibrate,
    INNERFACE_OT_calibrate_cancel,
    INNERFACE_OT_check,
    INNERFACE_OT_touch,
    INNERFACE_OT_recentre,
    INNERFACE_OT_neutral,
)
_keymap_items: list[tuple[Any, Any]] = []


_register, _unregister = bpy.utils.register_classes_factory(CLASSES)


def register() -> None:
    """Register the operators and the shortcut of Recentre."""
    _register()
    keyconfig = bpy.context.window_manager.keyconfigs.addon
    if keyconfig is not None:  # there is none without a window
        keymap = keyconfig.keymaps.new(name="3D View", space_type="VIEW_3D")
        item = keymap.keymap_items.new(INNERFACE_OT_recentre.bl_idname, "H", "PRESS", ctrl=True, alt=True)
        _keymap_items.append((keymap, item))


def unregister() -> None:
    """Undo `register`."""
    while _keymap_items:
        keymap, item = _keymap_items.pop()
        keymap.keymap_items.remove(item)
    _unregister()

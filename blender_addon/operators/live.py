"""What the buttons of Connect, Calibrate, Record and Stream Out do.

None of these leaves an undo step: nothing in the file changes. No `from __future__ import annotations` here: Blender reads properties out of the annotations.
"""

# pyright: reportInvalidTypeForm=false
from typing import Any

import bpy
from bpy.props import StringProperty

from ...core.errors import InnerfaceError
from ..live import connection
from ..live.session import session
from ..properties.preferences import preferences
from ..ui.viewport_overlay import show_overlay
from .base import ReportsErrors


class _NeedsConnection:
    """Operators that need a running bridge; others say what is missing."""

    @classmethod
    def poll(cls, _context: Any) -> bool:
        """Blender's call."""
        return _poll_running(cls)


def _poll_running(cls: Any) -> bool:
    if session.on and session.thread.state == "running":
        return True
    cls.poll_message_set(
        "It is still being connected: wait a moment" if session.on else "Nothing is connected: press Connect first"
    )
    return False


class INNERFACE_OT_connect(ReportsErrors, bpy.types.Operator):
    """Hear what is chosen, and show it on the active face"""

    bl_idname = "innerface.connect"
    bl_label = "Connect"

    @classmethod
    def poll(cls, _context: Any) -> bool:
        settings = preferences()
        if connection.no_source_selected(settings):
            cls.poll_message_set("Choose sensors, electrodes or a camera first")
            return False
        if connection.needs_lan(settings) and not settings.network:
            cls.poll_message_set("Phones and trackers come through your network: allow that first")
            return False
        problem = connection.network_problem(settings)
        if problem:
            cls.poll_message_set(problem)
            return False
        return True

    def work(self, context: Any) -> set[str]:
        session.connect(context)
        show_overlay(True)
        return {"FINISHED"}


class INNERFACE_OT_disconnect(ReportsErrors, bpy.types.Operator):
    """End the connection; the face is as it was, and what is being recorded is kept"""

    bl_idname = "innerface.disconnect"
    bl_label = "Disconnect"

    @classmethod
    def poll(cls, _context: Any) -> bool:
        return session.on

    def work(self, _context: Any) -> set[str]:
        session.disconnect()
        show_overlay(False)
        return {"FINISHED"}


class INNERFACE_OT_allow_network(ReportsErrors, bpy.types.Operator):
    """Let phones and trackers of your network send to Blender"""

    bl_idname = "innerface.allow_network"
    bl_label = "Hear Other Devices"

    def invoke(self, context: Any, _event: Any) -> set[str]:
        return context.window_manager.invoke_props_dialog(self, width=560, confirm_text="Allow")

    def draw(self, _context: Any) -> None:
        column = self.layout.column()
        column.label(text="Blender will listen on the address chosen here, so that phones and trackers reach it.")
        column.label(text="Only use this in a network that you trust: what they send is not encrypted.")
        column.label(text="You can take it back in the add-on's preferences.")
        self.layout.prop(preferences(), "interface")

    def work(self, _context: Any) -> set[str]:
        preferences().network = True
        return {"FINISHED"}


class INNERFACE_OT_show_here(_NeedsConnection, ReportsErrors, bpy.types.Operator):
    """Show the live face on the active character from now on"""

    bl_idname = "innerface.show_here"
    bl_label = "Show Here"

    def work(self, context: Any) -> set[str]:
        session.set_target(context)
        if session.face_problem:
            raise InnerfaceError(session.face_problem)
        return {"FINISHED"}


class INNERFACE_OT_calibrate(_NeedsConnection, ReportsErrors, bpy.types.Operator):
    """Learn how the sensors sit: the performer relaxes for three seconds, nods (chin down first) and shakes the head (to their left first)"""

    bl_idname = "innerface.calibrate"
    bl_label = "Calibrate"

    def work(self, _context: Any) -> set[str]:
        session.ask(lambda hub: hub.commands.calibrate())
        return {"FINISHED"}


class INNERFACE_OT_calibrate_cancel(_NeedsConnection, ReportsErrors, bpy.types.Operator):
    """Stop waiting for a calibration or a check; the calibration before stays"""

    bl_idname = "innerface.calibrate_cancel"
    bl_label = "Cancel"

    def work(self, _context: Any) -> set[str]:
        session.ask(lambda hub: hub.commands.cancel())
        return {"FINISHED"}


class INNERFACE_OT_check(_NeedsConnection, ReportsErrors, bpy.types.Operator):
    """Smile, raise the brows, drop the jaw: tells which sensors are dead, swapped or on the wrong side. Bite and blink: tells which electrodes hear nothing"""

    bl_idname = "innerface.check"
    bl_label = "Check Places"

    @classmethod
    def poll(cls, _context: Any) -> bool:
        if not _poll_running(cls):
            return False
        if not session.status.get("calibrated") and not session.status.get("electrodes"):
            cls.poll_message_set("The check needs a calibration: calibrate first")
            return False
        return True

    def work(self, _context: Any) -> set[str]:
        session.ask(lambda hub: hub.commands.check())
        return {"FINISHED"}


class INNERFACE_OT_touch(_NeedsConnection, ReportsErrors, bpy.types.Operator):
    """Tell which sensor sits here: press this, then tap that sensor twice within five seconds, the head still"""

    bl_idname = "innerface.touch"
    bl_label = "Assign by Touch"

    site: StringProperty(options={"SKIP_SAVE"})

    def work(self, _context: Any) -> set[str]:
        site = self.site
        session.ask(lambda hub: hub.commands.touch(site))
        return {"FINISHED"}


class INNERFACE_OT_recentre(_NeedsConnection, ReportsErrors, bpy.types.Operator):
    """Where the head looks now is straight ahead"""

    bl_idname = "innerface.recentre"
    bl_label = "Recentre"

    def work(self, _context: Any) -> set[str]:
        session.ask(lambda hub: hub.commands.recentre())
        return {"FINISHED"}


class INNERFACE_OT_neutral(_NeedsConnection, ReportsErrors, bpy.types.Operator):
    """The face that the camera sees now, relaxed, is neutral from now on"""

    bl_idname = "innerface.neutral"
    bl_label = "Set Neutral"

    def work(self, _context: Any) -> set[str]:
        session.ask(lambda hub: hub.commands.set_neutral())
        return {"FINISHED"}


class INNERFACE_OT_record(_NeedsConnection, ReportsErrors, bpy.types.Operator):
    """Record a take, after the countdown; the scene plays along"""

    bl_idname = "innerface.record"
    bl_label = "Record"

    def work(self, context: Any) -> set[str]:
        session.record(context)
        return {"FINISHED"}


class INNERFACE_OT_stop(ReportsErrors, bpy.types.Operator):
    """End the take; it is kept"""

    bl_idname = "innerface.stop"
    bl_label = "Stop"

    @classmethod
    def poll(cls, _context: Any) -> bool:
        return session.shoot is not None

    def work(self, _context: Any) -> set[str]:
        if session.shoot is not None:
            session.shoot.stop()
        return {"FINISHED"}


class INNERFACE_OT_send(_NeedsConnection, ReportsErrors, bpy.types.Operator):
    """Send faces to what is ticked here, from now on"""

    bl_idname = "innerface.send"
    bl_label = "Apply"

    def work(self, _context: Any) -> set[str]:
        make_sinks = connection.sink_factory(preferences())
        session.ask(lambda hub: hub.set_sinks(make_sinks()))
        return {"FINISHED"}


CLASSES = (
    INNERFACE_OT_connect,
    INNERFACE_OT_disconnect,
    INNERFACE_OT_allow_network,
    INNERFACE_OT_show_here,
    INNERFACE_OT_calibrate,
    INNERFACE_OT_calibrate_cancel,
    INNERFACE_OT_check,
    INNERFACE_OT_touch,
    INNERFACE_OT_recentre,
    INNERFACE_OT_neutral,
    INNERFACE_OT_record,
    INNERFACE_OT_stop,
    INNERFACE_OT_send,
)
_keymaps: list[tuple[Any, Any]] = []


_register, _unregister = bpy.utils.register_classes_factory(CLASSES)


def register() -> None:
    """Register classes and the hotkey."""
    _register()
    keyconfig = bpy.context.window_manager.keyconfigs.addon
    if keyconfig is not None:  # there is none without a window
        keymap = keyconfig.keymaps.new(name="3D View", space_type="VIEW_3D")
        _keymaps.append(
            (keymap, keymap.keymap_items.new(INNERFACE_OT_recentre.bl_idname, "H", "PRESS", ctrl=True, alt=True))
        )


def unregister() -> None:
    """Undo `register`."""
    while _keymaps:
        keymap, item = _keymaps.pop()
        keymap.keymap_items.remove(item)
    _unregister()

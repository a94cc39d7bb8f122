"""Connect and disconnect, the permission for network devices, the live face's target, and what is sent out.

None of these operators leaves an undo step, as nothing in the file changes.
"""

from __future__ import annotations

from typing import Any

import bpy

from ...core.errors import InnerfaceError
from ..live import connection
from ..live.session import session
from ..properties.preferences import preferences
from .base import ReportsErrors


def poll_connected(operator: Any) -> bool:
    """Whether the server runs; if not, the operator's tooltip says what to do."""
    if session.on and session.thread.state == "running":
        return True
    operator.poll_message_set("Still connecting; wait a moment" if session.on else "Not connected; press Connect first")
    return False


class RequiresConnection:
    """Mixin for operators that need a connection."""

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Called by Blender."""
        return poll_connected(cls)


class INNERFACE_OT_connect(ReportsErrors, bpy.types.Operator):
    """Connect to the selected sensors, electrodes and camera, and show the live face on the active character"""

    bl_idname = "innerface.connect"
    bl_label = "Connect"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        problem = _connection_problem(preferences())
        if problem:
            cls.poll_message_set(problem)
        return not problem

    def work(self, context: bpy.types.Context) -> set[str]:
        session.connect(context)
        return {"FINISHED"}


def _connection_problem(settings: Any) -> str:
    """Return why Connect cannot be pressed, "" if it can."""
    if connection.no_source_selected(settings):
        return "Choose sensors, electrodes or a camera first"
    if connection.needs_lan(settings) and not settings.network:
        return "Phones and trackers send over your network; press Allow first"
    return connection.network_problem(settings)


class INNERFACE_OT_disconnect(ReportsErrors, bpy.types.Operator):
    """Disconnect: the face shows its animation again, and a running recording is kept"""

    bl_idname = "innerface.disconnect"
    bl_label = "Disconnect"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return session.on

    def work(self, _context: bpy.types.Context) -> set[str]:
        session.disconnect()
        return {"FINISHED"}


class INNERFACE_OT_allow_network(ReportsErrors, bpy.types.Operator):
    """Let phones and trackers on your network send to Blender"""

    bl_idname = "innerface.allow_network"
    bl_label = "Allow Network Devices"

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self, width=560, confirm_text="Allow")

    def draw(self, _context: bpy.types.Context) -> None:
        column = self.layout.column()
        column.label(text="Blender will listen on the address below for data from phones and trackers.")
        column.label(text="Only allow this on a network that you trust, as the data is not encrypted.")
        column.label(text="You can turn this off in the add-on's preferences.")
        self.layout.prop(preferences(), "interface")

    def work(self, _context: bpy.types.Context) -> set[str]:
        preferences().network = True
        return {"FINISHED"}


class INNERFACE_OT_show_here(RequiresConnection, ReportsErrors, bpy.types.Operator):
    """Show the live face on the active character"""

    bl_idname = "innerface.show_here"
    bl_label = "Show Here"

    def work(self, context: bpy.types.Context) -> set[str]:
        session.set_target(context)
        if session.face_problem:
            raise InnerfaceError(session.face_problem)
        return {"FINISHED"}


class INNERFACE_OT_send(ReportsErrors, bpy.types.Operator):
    """Send live faces to the targets that are ticked"""

    bl_idname = "innerface.send"
    bl_label = "Apply"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        problem = connection.offline_problem(connection.outside_sinks(preferences()))
        if problem:
            cls.poll_message_set(problem)
        return not problem and poll_connected(cls)

    def work(self, _context: bpy.types.Context) -> set[str]:
        session.send_to_selected_sinks()
        return {"FINISHED"}


class INNERFACE_OT_retry(RequiresConnection, ReportsErrors, bpy.types.Operator):
    """Connect again to targets that have given up; VTube Studio asks for permission again"""

    bl_idname = "innerface.retry"
    bl_label = "Try Again"

    def work(self, _context: bpy.types.Context) -> set[str]:
        session.ask(lambda hub: hub.commands.retry())
        return {"FINISHED"}


CLASSES = (
    INNERFACE_OT_connect,
    INNERFACE_OT_disconnect,
    INNERFACE_OT_allow_network,
    INNERFACE_OT_show_here,
    INNERFACE_OT_send,
    INNERFACE_OT_retry,
)


register, unregister = bpy.utils.register_classes_factory(CLASSES)

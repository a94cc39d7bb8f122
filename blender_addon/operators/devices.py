"""Which devices of the network are used.

No `from __future__ import annotations` here: Blender reads properties from the annotations.
"""

# pyright: reportInvalidTypeForm=false
import bpy
from bpy.props import StringProperty

from ..live.session import session
from .base import ReportsErrors
from .connection import RequiresConnection


class INNERFACE_OT_allow_device(RequiresConnection, ReportsErrors, bpy.types.Operator):
    """Use this device, or this sender of two with one name, now and later"""

    bl_idname = "innerface.allow_device"
    bl_label = "Allow Device"

    device: StringProperty(name="Device", options={"SKIP_SAVE"})
    address: StringProperty(name="Address", description="Sender to use of several with one name", options={"SKIP_SAVE"})

    def work(self, _context: bpy.types.Context) -> set[str]:
        device, address = self.device, self.address
        session.ask(lambda hub: hub.commands.allow(device, address))
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory((INNERFACE_OT_allow_device,))

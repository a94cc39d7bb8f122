"""The Performer panel: sensor layout, adapter, relaxed face, electrode model."""

from __future__ import annotations

import bpy

from ..live.session import session
from ..properties.preferences import preferences
from .drawing import SidebarPanel

_PLACEHOLDERS = {
    "layout_file": "11 Sites (Default)",
    "adapter": "None",
    "rest": "From Camera, If Any",
    "electrodes_network": "No Face from Electrodes",
}


class INNERFACE_PT_performer(SidebarPanel, bpy.types.Panel):
    """Settings for the performer."""

    bl_label = "Performer"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, _context: bpy.types.Context) -> None:
        layout, settings = self.layout, preferences()
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.active = not session.on
        for name, placeholder in _PLACEHOLDERS.items():
            layout.prop(settings, name, placeholder=placeholder)
        layout.prop(settings, "lowest_delay")
        layout.prop(settings, "loss")
        if session.on:
            layout.label(text="Changes apply when you reconnect", icon="INFO")


register, unregister = bpy.utils.register_classes_factory((INNERFACE_PT_performer,))

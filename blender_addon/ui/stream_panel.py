"""The Stream Out panel: where live faces are sent."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_iface as iface_

from ..live import connection
from ..live.session import session
from ..properties.preferences import preferences
from ..properties.source_fields import stream_sinks
from .drawing import STATE_ICONS, SidebarPanel, draw_text


class INNERFACE_PT_stream(SidebarPanel, bpy.types.Panel):
    """Targets that live faces are sent to."""

    bl_label = "Stream Out"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings, status = self.layout, preferences(), session.status
        for toggle in (spec.toggle for spec in stream_sinks() if spec.toggle is not None):
            row = layout.row(align=True)
            row.prop(settings, toggle.property)
            target_row = row.row()
            target_row.active = getattr(settings, toggle.property)
            target_row.prop(settings, toggle.target_property, text="")
        problem = connection.offline_problem(connection.outside_sinks(settings))
        if problem:
            draw_text(layout, problem, "ERROR", context=context)
        layout.operator("innerface.send", icon="EXPORT")
        for sink in status.sinks:
            draw_text(layout, sink.description, STATE_ICONS[sink.state], context=context)
            draw_text(layout, sink.problem, "BLANK1", context=context)
        if any(sink.can_retry for sink in status.sinks):
            layout.operator("innerface.retry", icon="FILE_REFRESH")
        if status.output != "none":
            text = iface_("Delay the audio by {:.0f} ms").format(status.delay_ms)
            layout.label(text=text, icon="SPEAKER", translate=False)


register, unregister = bpy.utils.register_classes_factory((INNERFACE_PT_stream,))

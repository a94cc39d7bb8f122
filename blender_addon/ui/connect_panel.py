"""The Connect panel: choose sources, connect, and see what arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy
from bpy.app.translations import pgettext_iface as iface_

from ...server.status import describe_dropped
from ..character.face import face_or_none
from ..live import connection
from ..live.session import session
from ..properties.face_parts import PART_NAMES
from ..properties.preferences import preferences
from ..properties.source_fields import MENUS, field_names, has_unavailable_sources, selected_source
from .drawing import STATE_ICONS, SidebarPanel, draw_text

if TYPE_CHECKING:
    from ...server.status import HubStatus

_MAX_NOTES = 2  # the latest ones


class INNERFACE_PT_connect(SidebarPanel, bpy.types.Panel):
    """Sources of the live face."""

    bl_label = "Connect"

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, preferences()
        if not session.on:
            _draw_sources(layout, settings, context)
        if session.problem:
            draw_text(layout, session.problem, "ERROR", context=context)
        if not session.on:
            row = layout.row()
            row.scale_y = 1.4
            row.operator("innerface.connect", icon="PLAY")
            return
        row = layout.row()
        row.scale_y = 1.2
        row.operator("innerface.disconnect", icon="PAUSE")
        status = session.status
        if session.starting:
            layout.label(text="Connecting...", icon="SORTTIME")
            return
        _draw_new_devices(layout, status, context)
        _draw_streams(layout, status, context)
        _draw_electrodes(layout, status, context)
        _draw_silent_sources(layout, status, context)
        _draw_failing_sinks(layout, status, context)
        _draw_target(layout, context)
        _draw_output(layout, status, context)
        for note in status.notes[-_MAX_NOTES:]:
            draw_text(layout, note.partition(" ")[2], "DOT", context=context)  # without the time of day


def _draw_sources(layout: Any, settings: Any, context: bpy.types.Context) -> None:
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    for group in MENUS:
        column.prop(settings, group.value)
        spec = selected_source(settings, group)
        for name in field_names(spec) if spec is not None else ():
            column.prop(settings, name)
    if connection.no_source_selected(settings) and has_unavailable_sources():
        text = "For devices that need BrainFlow or LSL, run 'innerface serve' and choose Innerface Server as camera"
        draw_text(layout, text, "INFO", context=context)
    problem = connection.network_problem(settings)
    if connection.needs_lan(settings) and not settings.network:
        draw_text(
            layout, "Phones and trackers send to Blender over your network, if you allow it", "INFO", context=context
        )
        layout.operator("innerface.allow_network", icon="WORLD", text="Allow...")
    elif problem:
        draw_text(layout, problem, "ERROR", context=context)
    elif connection.needs_lan(settings):
        _draw_network_address(layout, column, settings)


def _draw_network_address(layout: Any, column: Any, settings: Any) -> None:
    """Draw the address to enter on phones and trackers."""
    column.prop(settings, "interface")
    if settings.interface != "0.0.0.0":
        box = layout.box()
        box.label(text="Enter on the phone or tracker:", icon="URL")
        text = f"{settings.interface}   {iface_('port')} {connection.network_port(settings)}"
        box.label(text=text, icon="BLANK1", translate=False)


def _draw_new_devices(layout: Any, status: HubStatus, context: bpy.types.Context) -> None:
    """Draw devices of the network that were never here, each with a button to use it."""
    for waiting in status.waiting:
        box = layout.box().column(align=True)
        text = iface_("{} at {} was never here before; allow it if it is yours").format(waiting.device, waiting.address)
        draw_text(box, text, "QUESTION", context=context)
        box.operator("innerface.allow_device", icon="CHECKMARK").device = f"{waiting.source}/{waiting.device}"


def _draw_streams(layout: Any, status: HubStatus, context: bpy.types.Context) -> None:
    for stream in status.streams:
        box = layout.box().column(align=True)
        box.label(text=stream.name or stream.device, icon=STATE_ICONS.get(stream.state, "QUESTION"), translate=False)
        total = stream.received + stream.lost
        parts = (
            [iface_("{:.0f} Hz").format(stream.rate_hz)]
            if stream.state != "away"
            else [iface_("no data for {:.0f} s").format(stream.silent_s)]
        )
        if total and stream.lost:
            parts.append(iface_("{:.1%} lost").format(stream.lost / total))
        if stream.battery_v is not None:
            parts.append(iface_("{:.1f} V").format(stream.battery_v))
        box.label(text="   ".join(parts), icon="BLANK1", translate=False)
        if stream.problem:
            draw_text(box, stream.problem, "ERROR", context=context)
        if stream.rival:
            button = box.operator("innerface.allow_device", text="Use Other Sender", icon="CHECKMARK")
            button.device, button.address = f"{stream.source}/{stream.device}", stream.rival
        not_shown = describe_dropped(stream.dropped)
        if not_shown:
            draw_text(box, f"Not shown: {not_shown}", "BLANK1", context=context)
    for source in status.sources:
        if source.dropped:
            draw_text(layout, f"{source.name}, left out: {describe_dropped(source.dropped)}", "ERROR", context=context)
    if status.dropped:
        draw_text(layout, f"Left out: {describe_dropped(status.dropped)}", "ERROR", context=context)


def _draw_electrodes(layout: Any, status: HubStatus, context: bpy.types.Context) -> None:
    board = status.electrodes
    if board is None:
        return
    if not board.network:
        text = "Electrodes are recorded but drive no face; choose the performer's Electrode Model under Performer"
        draw_text(layout, text, "INFO", context=context)
    for electrode in board.channels:
        levels = iface_("{:.0f} µV at rest, {:.0f} µV hum").format(electrode.rest_uv, electrode.mains_uv)
        icon = STATE_ICONS.get(electrode.state, "QUESTION")
        layout.label(text=f"{electrode.name}   {levels}", icon=icon, translate=False)
        if electrode.message:
            draw_text(layout, electrode.message, "ERROR", context=context)


def _draw_silent_sources(layout: Any, status: HubStatus, context: bpy.types.Context) -> None:
    for silence in status.silent:
        box = layout.box()
        text = iface_("No data from {} for {:.0f} s. Likely causes:")
        draw_text(box, text.format(silence.source, silence.seconds), "ERROR", context=context)
        for cause in silence.causes:
            draw_text(box, cause, "DOT", context=context)
    if not status.streams and not status.silent:
        for source in status.sources:
            draw_text(layout, source.description, "SORTTIME", context=context)


def _draw_failing_sinks(layout: Any, status: HubStatus, context: bpy.types.Context) -> None:
    """Draw targets that faces do not reach; Stream Out, which has them all, may be closed."""
    for sink in status.sinks:
        if sink.state != "ok":
            draw_text(layout, f"{sink.name}: {sink.problem}", STATE_ICONS[sink.state], context=context)


def _draw_target(layout: Any, context: bpy.types.Context) -> None:
    """Draw where the live face is shown, or why it is not."""
    if session.face_problem:
        draw_text(layout, session.face_problem, "ERROR", context=context)
        layout.operator("innerface.show_here", icon="USER")
    elif session.paused:
        draw_text(layout, session.paused, "PAUSE", context=context)
    elif session.preview is not None:
        face = face_or_none(context)
        if face is not None and face.name != session.preview.name:
            layout.label(text=iface_("Shown on {}").format(session.preview.name), icon="HIDE_OFF", translate=False)
            layout.operator("innerface.show_here", icon="USER")


def _draw_output(layout: Any, status: HubStatus, context: bpy.types.Context) -> None:
    if status.output != "none":
        text = iface_("{:.0f} faces/s, {:.0f} ms delay").format(status.output_hz, status.delay_ms)
        layout.label(text=text, icon="TIME", translate=False)
    if status.output == "hybrid":
        parts = [iface_(PART_NAMES[p]) for p in status.from_sensors]
        text = iface_("From sensors: {}").format(", ".join(parts)) if parts else "Camera only; sensors on standby"
        draw_text(layout, text, "MOD_MASK", context=context)


register, unregister = bpy.utils.register_classes_factory((INNERFACE_PT_connect,))

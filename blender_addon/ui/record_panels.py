"""The Record panels: start and stop a take, and how it goes along the timeline."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_

from ..live.movement_levels import LEVEL_GROUPS
from ..live.session import session
from ..live.take_recording import TakeRecording
from ..properties.face_parts import PART_NAMES
from ..properties.preferences import preferences
from .drawing import SidebarPanel, draw_text, format_duration


class INNERFACE_PT_record(SidebarPanel, bpy.types.Panel):
    """Record a take."""

    bl_label = "Record"

    def draw(self, context: bpy.types.Context) -> None:
        layout, shot, take_recording = self.layout, context.scene.innerface, session.take_recording
        if session.on and session.movement.started:
            column = layout.column(align=True)
            column.scale_y = 0.8
            for part in LEVEL_GROUPS:
                column.progress(text=iface_(PART_NAMES[part]), factor=session.movement.levels[part])
        if take_recording is None:
            row = layout.row(align=True)
            row.prop(shot, "slate", text="")
            row.prop(shot, "number", text="Take")
            row = layout.row()
            row.scale_y = 1.6
            row.operator("innerface.record", icon="REC")
        else:
            row = layout.row()
            row.scale_y = 1.6
            row.alert = take_recording.phase == "recording"
            row.operator("innerface.stop", icon="SNAP_FACE", text=_stop_label(take_recording))
        _draw_recording_status(layout, take_recording, context)
        if take_recording is None and _lacks_calibration():
            text = "The sensors are not calibrated; calibrate them, or nod and shake your head at the start of the take"
            draw_text(layout, text, "ERROR", context=context)


def _stop_label(take_recording: TakeRecording) -> str:
    if take_recording.phase == "recording":
        return iface_("Stop   {}").format(format_duration(take_recording.seconds))
    if take_recording.phase == "stopping":
        return iface_("Saving...")
    return iface_("Cancel   {:.0f}").format(take_recording.seconds_left)


def _draw_recording_status(layout: Any, take_recording: TakeRecording | None, context: bpy.types.Context) -> None:
    recording = session.status.recording
    if recording is None:
        return
    if recording.problem:
        row = layout.row()
        row.alert = True
        draw_text(row, recording.problem, "ERROR", context=context)
    if take_recording is not None and take_recording.phase == "recording":
        lost = iface_(", {} samples lost").format(recording.dropped) if recording.dropped else ""
        layout.label(
            text=f"{recording.rows:,} {iface_('samples')}, {recording.bytes / 1e6:.1f} MB{lost}",
            icon="DISK_DRIVE",
            translate=False,
        )


def _lacks_calibration() -> bool:
    """Whether sensors arrive that are not calibrated."""
    status = session.status
    return session.on and preferences().sensors != "NONE" and bool(status.streams) and not status.calibrated


class INNERFACE_PT_record_options(SidebarPanel, bpy.types.Panel):
    """How a recording goes along the timeline."""

    bl_label = "Options"
    bl_parent_id = "INNERFACE_PT_record"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout, shot, settings = self.layout, context.scene.innerface, preferences()
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.active = session.take_recording is None
        layout.prop(shot, "range")
        row = layout.row()
        row.active = shot.range != "FREE"
        row.prop(shot, "loop")
        layout.prop(settings, "playback")
        layout.prop(settings, "countdown")
        row = layout.row()
        row.active = settings.playback
        row.prop(settings, "preroll")


register, unregister = bpy.utils.register_classes_factory((INNERFACE_PT_record, INNERFACE_PT_record_options))

"""The sidebar tab below Face and Animation, the recipe of a recording: Performer, Connect, Calibrate, Record, Takes, Stream Out.

Panels only draw; what buttons do is in the operators. Texts put together here go through Blender's translation.
"""

# pyright: reportInvalidTypeForm=false
from typing import Any

import bpy
import numpy as np
from bpy.app.translations import pgettext_iface as iface_

from ..animation import playback
from ..character.face import face_or_none
from ..live import connection, take_list
from ..live.session import LEVEL_GROUPS, session
from ..operators.base import jobs
from ..properties.face_parts import PART_NAMES
from ..properties.preferences import preferences
from ..properties.source_fields import MENUS, field_names, has_unavailable_sources, selected_source, stream_sinks
from .drawing import SidebarPanel, draw_text
from .face_panels import draw_key_options, draw_smoothing
from .sensor_map import sensor_map
from .viewport_overlay import calibration_step, format_duration

_STATE_ICONS = {"ok": "CHECKMARK", "poor": "ERROR", "away": "CANCEL"}


class INNERFACE_PT_performer(SidebarPanel, bpy.types.Panel):
    """Who wears what."""

    bl_label = "Performer"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, _context: Any) -> None:
        layout, settings = self.layout, preferences()
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.active = not session.on
        layout.prop(
            settings, "layout_file", placeholder="11 Sites (Default)"
        ) if _supports_placeholders() else layout.prop(settings, "layout_file")
        layout.prop(settings, "adapter", placeholder="None") if _supports_placeholders() else layout.prop(
            settings, "adapter"
        )
        if _supports_placeholders():
            layout.prop(settings, "electrodes_network", placeholder="No Face from Electrodes")
        else:
            layout.prop(settings, "electrodes_network")
        layout.prop(settings, "lowest_delay")
        layout.prop(settings, "loss")
        if session.on:
            layout.label(text="Takes effect when you connect again", icon="INFO")


def _supports_placeholders() -> bool:
    return bpy.app.version >= (4, 1, 0)


class INNERFACE_PT_connect(SidebarPanel, bpy.types.Panel):
    """What is heard."""

    bl_label = "Connect"

    def draw(self, context: Any) -> None:
        layout, settings = self.layout, preferences()
        if not session.on:
            self._choose(layout, settings, context)
        if session.problem:
            draw_text(layout, session.problem, "ERROR", context)
        if not session.on:
            row = layout.row()
            row.scale_y = 1.4
            row.operator("innerface.connect", icon="PLAY")
            return
        status = session.status
        row = layout.row()
        row.scale_y = 1.2
        row.operator("innerface.disconnect", icon="PAUSE")
        if not status:
            layout.label(text="Connecting ...", icon="SORTTIME")
            return
        self._streams(layout, status, context)
        if session.face_problem:
            draw_text(layout, session.face_problem, "ERROR", context)
            layout.operator("innerface.show_here", icon="USER")
        elif session.paused:
            draw_text(layout, session.paused, "PAUSE", context)
        elif session.preview is not None and _another_face_active(context):
            layout.label(text=iface_("Shown on {}").format(session.preview.name), icon="HIDE_OFF", translate=False)
            layout.operator("innerface.show_here", icon="USER")
        if status.get("output") != "none":
            delay_ms = session.status.get("delay_ms", 0.0)
            layout.label(
                text=iface_("{:.0f} faces/s, {:.0f} ms late").format(status["output_hz"], delay_ms),
                icon="TIME",
                translate=False,
            )
        if status.get("output") == "hybrid":
            parts = [iface_(PART_NAMES[p]) for p in status.get("from_sensors", ())]
            draw_text(
                layout,
                iface_("From sensors: {}").format(", ".join(parts))
                if parts
                else "The camera sees all; sensors stand by",
                "MOD_MASK",
                context,
            )
        for text in status.get("notes", [])[-2:]:
            draw_text(layout, text.partition(" ")[2], "DOT", context)

    def _choose(self, layout: Any, settings: Any, context: Any) -> None:
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        for group in MENUS:
            column.prop(settings, group.value)
            spec = selected_source(settings, group)
            for name in field_names(spec) if spec is not None else ():
                column.prop(settings, name)
        if connection.no_source_selected(settings) and has_unavailable_sources():
            draw_text(
                layout,
                "Devices that need BrainFlow or LSL are heard by 'innerface serve': choose Another Bridge",
                "INFO",
                context,
            )
        if not connection.needs_lan(settings):
            return
        problem = connection.network_problem(settings)
        if not settings.network:
            draw_text(
                layout, "Phones and trackers reach Blender through your network, if you allow it", "INFO", context
            )
            layout.operator("innerface.allow_network", icon="WORLD", text="Allow...")
            return
        if problem:
            draw_text(layout, problem, "ERROR", context)
            return
        column.prop(settings, "interface")
        if settings.interface != "0.0.0.0":
            box = layout.box()
            box.label(text="Type this into the phone or tracker:", icon="URL")
            box.label(
                text=f"{settings.interface}   {iface_('port')} {connection.network_port(settings)}",
                icon="BLANK1",
                translate=False,
            )

    def _streams(self, layout: Any, status: dict[str, Any], context: Any) -> None:
        for s in status["streams"]:
            box = layout.box().column(align=True)
            row = box.row()
            row.label(text=s["name"] or s["device"], icon=_STATE_ICONS.get(s["state"], "QUESTION"), translate=False)
            total = s["received"] + s["lost"]
            parts = (
                [iface_("{:.0f} Hz").format(s["rate_hz"])]
                if s["state"] != "away"
                else [iface_("silent for {:.0f} s").format(s["silent_s"])]
            )
            if total and s["lost"]:
                parts.append(iface_("{:.1%} lost").format(s["lost"] / total))
            if s["battery_v"] is not None:
                parts.append(iface_("{:.1f} V").format(s["battery_v"]))
            box.label(text="   ".join(parts), icon="BLANK1", translate=False)
            if s["problem"]:
                draw_text(box, s["problem"], "ERROR", context)
        self._electrodes(layout, status, context)
        for silence in status["silent"]:
            box = layout.box()
            draw_text(
                box,
                iface_("Nothing heard from {} for {:.0f} s. Most likely:").format(
                    silence["source"], silence["seconds"]
                ),
                "ERROR",
                context,
            )
            for cause in silence["causes"]:
                draw_text(box, cause, "DOT", context)
        if not status["streams"] and not status["silent"]:
            for source in status["sources"]:
                draw_text(layout, source["about"], "SORTTIME", context)

    def _electrodes(self, layout: Any, status: dict[str, Any], context: Any) -> None:
        electrodes = status.get("electrodes")
        if not electrodes:
            return
        if not electrodes["network"]:
            draw_text(
                layout,
                "Electrodes are recorded, but make no face: choose the performer's network under Performer",
                "INFO",
                context,
            )
        for e in electrodes["channels"]:
            levels_text = iface_("{:.0f} uV at rest, {:.0f} uV of hum").format(e["rest_uv"], e["mains_uv"])
            layout.label(
                text=f"{e['name']}   {levels_text}", icon=_STATE_ICONS.get(e["state"], "QUESTION"), translate=False
            )
            if e["words"]:
                draw_text(layout, e["words"], "ERROR", context)


def _another_face_active(context: Any) -> bool:
    """Whether another face than the live one is active."""
    face = face_or_none(context)
    return session.preview is not None and face is not None and face.name != session.preview.name


class INNERFACE_PT_calibrate(SidebarPanel, bpy.types.Panel):
    """How the sensors sit."""

    bl_label = "Calibrate"

    @classmethod
    def poll(cls, _context: Any) -> bool:
        return not connection.no_source_selected(preferences())

    def draw(self, context: Any) -> None:
        layout, status = self.layout, session.status
        sensors = preferences().sensors != "NONE"
        if sensors:
            self._sensors(layout, status, context)
        elif status.get("electrodes"):
            self._electrodes(layout, status, context)
        row = layout.row(align=True)
        if sensors or preferences().camera != "NONE":
            row.operator("innerface.recentre", icon="PIVOT_CURSOR")
        if preferences().camera != "NONE":
            row.operator("innerface.neutral", icon="USER")

    def _sensors(self, layout: Any, status: dict[str, Any], context: Any) -> None:
        sites = status.get("sites", {})
        if sites:
            row = layout.row()
            row.alignment = "CENTER"
            touching = status.get("touching", "")
            states = ["touch" if site == touching else light["state"] for site, light in sites.items()]
            row.template_icon(sensor_map.icon(np.array(status["positions_mm"]), states), scale=7.0)
        check = status.get("check", {})
        if self._checking(layout, check):
            return
        if status.get("calibrating_s"):
            draw_text(layout, calibration_step(status), "ARMATURE_DATA", context)
            if status["calibrating"]:
                layout.operator("innerface.calibrate_cancel", icon="X")
                return
        row = layout.row()
        row.scale_y = 1.3
        calibrated = bool(status.get("calibrated"))
        row.operator(
            "innerface.calibrate",
            icon="FILE_REFRESH" if calibrated else "ARMATURE_DATA",
            text="Calibrate Again" if calibrated else "Calibrate",
        )
        if not calibrated:
            return
        quality = status.get("quality")
        if quality is not None:
            draw_text(layout, "All sensors are good", "CHECKMARK", context) if not quality else None
            for text in quality:
                draw_text(layout, text, "ERROR", context)
        layout.operator("innerface.check", icon="VIEWZOOM")
        places = check.get("places")
        if places is not None:
            draw_text(layout, "Every sensor moves as its place should", "CHECKMARK", context) if not places else None
            for text in places:
                draw_text(layout, text, "ERROR", context)
        self._heard(layout, check, context)

    def _electrodes(self, layout: Any, status: dict[str, Any], context: Any) -> None:
        """They have no places to be learned: the check is all."""
        check = status.get("check", {})
        if self._checking(layout, check):
            return
        row = layout.row()
        row.scale_y = 1.3
        row.operator("innerface.check", icon="VIEWZOOM", text="Check Electrodes")
        self._heard(layout, check, context)

    def _checking(self, layout: Any, check: dict[str, Any]) -> bool:
        if not check.get("step"):
            return False
        layout.progress(text=f"{check['step']}  {check['left_s']:.0f}", factor=min(max(check["done"], 0.0), 1.0))
        layout.operator("innerface.calibrate_cancel", icon="X")
        return True

    def _heard(self, layout: Any, check: dict[str, Any], context: Any) -> None:
        problems = check.get("electrodes")
        if problems is not None:
            draw_text(layout, "Every electrode hears what it should", "CHECKMARK", context) if not problems else None
            for text in problems:
                draw_text(layout, text, "ERROR", context)


class INNERFACE_PT_sites(SidebarPanel, bpy.types.Panel):
    """Which sensor sits where."""

    bl_label = "Sites"
    bl_parent_id = "INNERFACE_PT_calibrate"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, _context: Any) -> bool:
        return bool(session.status.get("sites")) and preferences().sensors != "NONE"

    def draw(self, context: Any) -> None:
        column = self.layout.column(align=True)
        for site, site_status in session.status["sites"].items():
            row = column.row(align=True)
            icon = {"ok": "CHECKMARK", "poor": "ERROR", "away": "CANCEL"}.get(site_status["state"], "BLANK1")
            lost = f"  {site_status['loss']:.0%}" if site_status.get("loss", 0) >= 0.01 else ""
            row.label(text=site.replace("_", " ") + lost, icon=icon, translate=False)
            row.operator("innerface.touch", text="", icon="VIEW_PAN").site = site
        if session.status.get("touching"):
            draw_text(
                self.layout,
                f"Tap the sensor at {session.status['touching'].replace('_', ' ')} twice, the head still",
                "VIEW_PAN",
                context,
            )


class INNERFACE_PT_record(SidebarPanel, bpy.types.Panel):
    """A take of it."""

    bl_label = "Record"

    def draw(self, context: Any) -> None:
        layout, shot, take_recording = self.layout, context.scene.innerface, session.shoot
        if session.on and session.last_values is not None:
            column = layout.column(align=True)
            column.scale_y = 0.8
            for part in LEVEL_GROUPS:
                column.progress(text=iface_(PART_NAMES[part]), factor=session.levels[part])
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
            row.operator("innerface.stop", icon="SNAP_FACE", text=self._said(take_recording))
        recording = session.status.get("recording")
        if recording and recording["problem"]:
            draw_text(layout, recording["problem"], "ERROR", context)
        if take_recording is not None and take_recording.phase == "recording" and recording:
            lost = iface_(", {} samples lost").format(recording["dropped"]) if recording["dropped"] else ""
            layout.label(
                text=f"{recording['rows']:,} {iface_('samples')}, {recording['bytes'] / 1e6:.1f} MB{lost}",
                icon="DISK_DRIVE",
                translate=False,
            )
        if (
            take_recording is None
            and session.on
            and preferences().sensors != "NONE"
            and session.status.get("streams")
            and not session.status.get("calibrated")
        ):
            draw_text(layout, "Not calibrated: record a nod and a shake of the head at the start", "ERROR", context)

    def _said(self, take_recording: Any) -> str:
        if take_recording.phase == "recording":
            return iface_("Stop   {}").format(format_duration(take_recording.seconds))
        return (
            iface_("Saving ...")
            if take_recording.phase == "stopping"
            else iface_("Cancel   {:.0f}").format(take_recording.left)
        )


class INNERFACE_PT_record_options(SidebarPanel, bpy.types.Panel):
    """How recordings go with the timeline."""

    bl_label = "Options"
    bl_parent_id = "INNERFACE_PT_record"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Any) -> None:
        layout, shot, settings = self.layout, context.scene.innerface, preferences()
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.active = session.shoot is None
        layout.prop(shot, "range")
        row = layout.row()
        row.active = shot.range != "FREE"
        row.prop(shot, "loop")
        layout.prop(settings, "playback")
        layout.prop(settings, "countdown")
        row = layout.row()
        row.active = settings.playback
        row.prop(settings, "preroll")


class INNERFACE_UL_takes(bpy.types.UIList):
    """Takes on the disk."""

    def draw_item(
        self, _context: Any, layout: Any, _data: Any, item: Any, _icon: Any, _active: Any, _property: Any
    ) -> None:
        row = layout.row()
        icon = "ERROR" if item.quality or not item.whole else "ACTION" if item.baked else "REC"
        row.label(text=item.name, icon=icon, translate=False)
        sub = row.row()
        sub.alignment = "RIGHT"
        sub.label(text=format_duration(item.seconds), translate=False)


class INNERFACE_PT_takes(SidebarPanel, bpy.types.Panel):
    """What was recorded."""

    bl_label = "Takes"

    def draw(self, context: Any) -> None:
        layout, manager = self.layout, context.window_manager
        row = layout.row()
        row.template_list("INNERFACE_UL_takes", "", manager, "innerface_takes", manager, "innerface_take", rows=3)
        column = row.column(align=True)
        column.operator("innerface.takes_refresh", icon="FILE_REFRESH", text="")
        column.operator("innerface.takes_folder", icon="FILE_FOLDER", text="")
        column.operator("innerface.take_delete", icon="TRASH", text="")
        take = take_list.chosen()
        if take is not None:
            box = layout.box().column(align=True)
            box.label(
                text="   ".join(x for x in (take.when, format_duration(take.seconds), take.source) if x),
                icon="INFO",
                translate=False,
            )
            draw_text(box, take.quality or "Nothing was lost", "ERROR" if take.quality else "CHECKMARK", context)
        if jobs:
            layout.progress(text=f"{jobs[0].label} (Esc)", factor=jobs[0].progress)
        row = layout.row()
        row.scale_y = 1.4
        row.operator(
            "innerface.take_bake",
            icon="KEYINGSET",
            text="Bake Again" if take is not None and take.baked else "Bake to Face",
        )
        face = face_or_none(context)
        tracks = playback.unobserved_tracks(face) if face is not None else []
        if tracks:
            shown = not any(track.mute for track in tracks)
            layout.operator(
                "innerface.invented",
                icon="HIDE_OFF" if shown else "HIDE_ON",
                text="Mute Invented Channels" if shown else "Play Invented Channels",
            )


class INNERFACE_PT_bake_options(SidebarPanel, bpy.types.Panel):
    """How takes become keys."""

    bl_label = "Bake Options"
    bl_parent_id = "INNERFACE_PT_takes"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Any) -> None:
        layout, shot = self.layout, context.scene.innerface
        layout.use_property_split = True
        layout.use_property_decorate = False
        draw_key_options(layout, shot.options)
        layout.prop(shot, "placed")
        layout.prop(shot, "onto")
        if shot.onto == "OVER":
            layout.prop(shot, "within")
            layout.prop(shot, "blend")
        layout.column(heading="Parts").prop(shot.options, "parts", expand=True)
        layout.prop(shot.options, "widen")


class INNERFACE_PT_bake_smoothing(SidebarPanel, bpy.types.Panel):
    """Smoothing of the next bake."""

    bl_label = "Smoothing"
    bl_parent_id = "INNERFACE_PT_bake_options"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Any) -> None:
        draw_smoothing(self.layout, context.scene.innerface.options)


class INNERFACE_PT_stream(SidebarPanel, bpy.types.Panel):
    """Where faces go."""

    bl_label = "Stream Out"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Any) -> None:
        layout, settings = self.layout, preferences()
        for spec in stream_sinks():
            if spec.toggle is not None:
                row = layout.row(align=True)
                row.prop(settings, spec.toggle.property)
                sub = row.row()
                sub.active = getattr(settings, spec.toggle.property)
                sub.prop(settings, spec.toggle.target_property, text="")
        layout.operator("innerface.send", icon="EXPORT")
        for sink in session.status.get("sinks", []):
            draw_text(layout, sink["about"], "CHECKMARK", context)
        if session.status.get("output", "none") != "none":
            layout.label(
                text=iface_("Delay the audio by {:.0f} ms").format(session.status["delay_ms"]),
                icon="SPEAKER",
                translate=False,
            )


CLASSES = (
    INNERFACE_UL_takes,
    INNERFACE_PT_performer,
    INNERFACE_PT_connect,
    INNERFACE_PT_calibrate,
    INNERFACE_PT_sites,
    INNERFACE_PT_record,
    INNERFACE_PT_record_options,
    INNERFACE_PT_takes,
    INNERFACE_PT_bake_options,
    INNERFACE_PT_bake_smoothing,
    INNERFACE_PT_stream,
)


register, _unregister = bpy.utils.register_classes_factory(CLASSES)


def unregister() -> None:
    """Undo `register`."""
    _unregister()
    sensor_map.close()

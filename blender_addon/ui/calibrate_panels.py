"""The Calibrate panels: calibration, the placement check, and the sensor of each site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy
import numpy as np

from ..live import connection
from ..live.session import session
from ..properties.preferences import preferences
from .drawing import STATE_ICONS, SidebarPanel, draw_text
from .sensor_map import sensor_map
from .viewport_overlay import calibration_step

if TYPE_CHECKING:
    from ...server.status import CheckStatus, HubStatus, SiteStatus

_MIN_SHOWN_LOSS = 0.01


class INNERFACE_PT_calibrate(SidebarPanel, bpy.types.Panel):
    """Calibration of the sensors, and the check of sensors and electrodes."""

    bl_label = "Calibrate"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return not connection.no_source_selected(preferences())

    def draw(self, context: bpy.types.Context) -> None:
        layout, status, settings = self.layout, session.status, preferences()
        has_sensors, has_camera = settings.sensors != "NONE", settings.camera != "NONE"
        if has_sensors:
            _draw_sensors(layout, status, context)
        elif status.electrodes is not None:
            _draw_electrodes(layout, status, context)
        row = layout.row(align=True)
        if has_sensors or has_camera:
            row.operator("innerface.recentre", icon="PIVOT_CURSOR")
        if has_camera:
            row.operator("innerface.neutral", icon="USER")


def _draw_sensors(layout: Any, status: HubStatus, context: bpy.types.Context) -> None:
    _draw_map(layout, status)
    check = status.check
    if _draw_running_check(layout, check):
        return
    if status.calibrating_s:
        draw_text(layout, calibration_step(status), "ARMATURE_DATA", context=context)
        if status.calibrating:
            layout.operator("innerface.calibrate_cancel", icon="X")
            return
    calibrated = status.calibrated
    row = layout.row()
    row.scale_y = 1.3
    row.operator(
        "innerface.calibrate",
        icon="FILE_REFRESH" if calibrated else "ARMATURE_DATA",
        text="Calibrate Again" if calibrated else "Calibrate",
    )
    if not calibrated:
        return
    _draw_problems(layout, status.sensor_notes, "All sensors are good", context=context)
    layout.operator("innerface.check", icon="VIEWZOOM")
    _draw_problems(layout, check.placement_notes, "Every sensor moves as expected for its site", context=context)
    _draw_problems(layout, check.electrode_notes, "Every electrode has the expected signal", context=context)


def _draw_map(layout: Any, status: HubStatus) -> None:
    sites = status.sites
    if sites:
        row = layout.row()
        row.alignment = "CENTER"
        touching = status.touching
        states = ["touch" if site == touching else site_status.state for site, site_status in sites.items()]
        row.template_icon(sensor_map.icon(np.array(status.positions_mm), states), scale=7.0)


def _draw_electrodes(layout: Any, status: HubStatus, context: bpy.types.Context) -> None:
    """Electrodes have no calibration, only the check."""
    check = status.check
    if _draw_running_check(layout, check):
        return
    row = layout.row()
    row.scale_y = 1.3
    row.operator("innerface.check", icon="VIEWZOOM", text="Check Electrodes")
    _draw_problems(layout, check.electrode_notes, "Every electrode has the expected signal", context=context)


def _draw_running_check(layout: Any, check: CheckStatus) -> bool:
    if not check.step:
        return False
    layout.progress(text=f"{check.step}  {check.left_s:.0f}", factor=min(max(check.progress, 0.0), 1.0))
    layout.operator("innerface.calibrate_cancel", icon="X")
    return True


def _draw_problems(layout: Any, problems: list[str] | None, text_if_none: str, *, context: bpy.types.Context) -> None:
    """Draw problems, or that there are none; nothing where it has not been checked (None)."""
    if problems is None:
        return
    if not problems:
        draw_text(layout, text_if_none, "CHECKMARK", context=context)
    for problem in problems:
        draw_text(layout, problem, "ERROR", context=context)


class INNERFACE_PT_sites(SidebarPanel, bpy.types.Panel):
    """The sensor of each site."""

    bl_label = "Sensor Sites"
    bl_parent_id = "INNERFACE_PT_calibrate"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return bool(session.status.sites) and preferences().sensors != "NONE"

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column(align=True)
        for site, site_status in session.status.sites.items():
            _draw_site(column, site, site_status)
        touching = session.status.touching
        if touching:
            text = f"Tap the sensor at {_site_label(touching)} twice while the head is still"
            draw_text(self.layout, text, "VIEW_PAN", context=context)


def _draw_site(column: Any, site: str, site_status: SiteStatus) -> None:
    row = column.row(align=True)
    loss = site_status.loss or 0.0
    lost = f"  {loss:.0%} lost" if loss >= _MIN_SHOWN_LOSS else ""
    icon = STATE_ICONS.get(site_status.state, "BLANK1")
    row.label(text=_site_label(site) + lost, icon=icon, translate=False)
    row.operator("innerface.touch", text="", icon="VIEW_PAN").site = site


def _site_label(site: str) -> str:
    return site.replace("_", " ")


_CLASSES = (INNERFACE_PT_calibrate, INNERFACE_PT_sites)
register, _unregister = bpy.utils.register_classes_factory(_CLASSES)


def unregister() -> None:
    """Undo `register`, and free the sensor map."""
    _unregister()
    sensor_map.close()

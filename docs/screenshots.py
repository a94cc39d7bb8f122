"""Runs inside a windowed Blender (`python3 build.py screenshots`): the add-on as a user sees it, ready for a screenshot."""

import math
import os
from pathlib import Path

import bpy
from mathutils import Euler

FOLDER = Path(os.environ["INNERFACE_SHOTS"])
bpy.context.preferences.view.show_splash = False


def view() -> tuple:
    """The window and its 3D view."""
    window = bpy.context.window_manager.windows[0]
    return window, next(a for a in window.screen.areas if a.type == "VIEW_3D")


def install() -> None:
    """The packaged zip, as a user installs it."""
    bpy.ops.extensions.package_install_files(filepath=os.environ["INNERFACE_ZIP"], repo="user_default", enable_on_install=True)


def animate() -> None:
    """A head, a made-up take keyed on it, and a view of its face."""
    import importlib

    package = "bl_ext.user_default.innerface.core"
    take = FOLDER / "performance.csv"
    formats, performance = (importlib.import_module(f"{package}.{name}") for name in ("formats", "performance"))
    formats.write_take(performance.perform(7), take)
    window, area = view()
    with bpy.context.temp_override(window=window, area=area, region=area.regions[-1]):
        for obj in list(bpy.data.objects):
            bpy.data.objects.remove(obj)
        bpy.ops.innerface.add_head()
        bpy.ops.innerface.key_takes(filepath=str(take), fewer=True)
    bpy.context.object.select_set(False)
    space = area.spaces.active
    space.show_region_ui = True
    space.shading.color_type, space.shading.show_cavity = "MATERIAL", True
    space.overlay.show_floor = space.overlay.show_axis_x = space.overlay.show_axis_y = space.overlay.show_bones = False
    space.lens = 90
    space.region_3d.view_perspective = "PERSP"
    space.region_3d.view_rotation = Euler((math.radians(87), 0, math.radians(20))).to_quaternion()
    space.region_3d.view_location, space.region_3d.view_distance = (0.035, 0.0, -0.012), 0.8
    bpy.context.scene.frame_set(44)


def open_tab() -> None:
    """The sidebar's Innerface tab; it exists only after the sidebar was drawn once."""
    _, area = view()
    region = next(r for r in area.regions if r.type == "UI")
    if region.active_panel_category != "Innerface":
        region.active_panel_category = "Innerface"


STEPS = [install, animate, lambda: None, open_tab, lambda: None, (FOLDER / "ready").touch]


def tick() -> float | None:
    """One step at a time, so that Blender draws in between."""
    STEPS.pop(0)()
    return 1.0 if STEPS else None


bpy.app.timers.register(tick, first_interval=2.0)

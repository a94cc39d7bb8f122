"""Screenshots for the guide, of a windowed Blender with the packaged add-on that is operated by mouse.

Started by `python3 build.py screenshots`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from tests.gui.blender_window import BlenderWindow  # noqa: E402

IMAGES = ROOT / "docs" / "images"
PREFERENCES = "bpy.context.preferences.addons['bl_ext.user_default.innerface'].preferences"


_MAPPING_Y, _ANIMATION_Y, _HYBRID_Y = 185, 213, 241  # from the top of the sidebar to the titles of closed panels, px


def screenshot_sidebar(window: BlenderWindow, path: Path, height: int = 0) -> None:
    """Save an image of the sidebar alone, from its top."""
    x, width, top, bottom = window.sidebar()
    window.move(300, 500)  # no tooltip
    time.sleep(1.0)
    window.screenshot(path, (width, min(height or bottom - top, bottom - top), x, top))


def scroll_to_top(window: BlenderWindow) -> None:
    """Scroll the sidebar to its top."""
    x, width, upper, lower = window.sidebar()
    window.move(x + width / 2, (upper + lower) / 2)
    window.xdotool("click", "--repeat", 80, "--delay", 5, 4)
    time.sleep(0.5)


def click_panel_title(window: BlenderWindow, y: int) -> None:
    """Open or close the panel whose title is `y` px below the sidebar's top."""
    scroll_to_top(window)
    x, _, top, _ = window.sidebar()
    window.click(x + 60, top + y)
    time.sleep(1.5)


def capture_virtual_performer(window: BlenderWindow, folder: Path) -> None:
    """Connect, check, record and bake with the virtual performer."""
    window.ask(f"s = {PREFERENCES}; s.countdown, s.preroll, s.takes_folder = 2.0, 0.0, {str(folder / 'takes')!r}")
    time.sleep(1)
    window.screenshot(IMAGES / "guide-idle.png")
    window.press("innerface.connect")
    window.until_session("session.status.calibrated", 120)
    time.sleep(6)
    scroll_to_top(window)
    window.move(300, 500)
    time.sleep(2)
    window.screenshot(IMAGES / "panel.png")
    screenshot_sidebar(window, IMAGES / "guide-calibrate.png")
    window.press("innerface.check")
    window.until_session("session.status.check.step.startswith('Raise')", 60)
    time.sleep(2.5)
    window.screenshot(IMAGES / "guide-check.png")
    window.until_session("not session.status.check.step", 60)
    window.press("innerface.record")
    window.until_session(
        "session.take_recording.phase == 'recording' and session.take_recording.seconds > 6"
        " if session.take_recording else False",
        90,
    )
    window.move(300, 500)
    time.sleep(1)
    window.screenshot(IMAGES / "guide-record.png")
    window.press("innerface.stop")
    window.until_session("session.take_recording is None", 60)
    window.press("innerface.take_bake")
    window.until(
        "bpy.data.shape_keys[0].animation_data is not None"
        " and bpy.data.shape_keys[0].animation_data.action is not None",
        60,
    )
    window.ask(
        "with here(): bpy.ops.innerface.disconnect()\n"
        "bpy.context.scene.frame_end = 240\n"
        "bpy.context.scene.frame_set(90)"
    )
    time.sleep(2)
    window.move(300, 500)
    time.sleep(1)
    window.screenshot(IMAGES / "guide-baked.png")


def capture_phone(window: BlenderWindow) -> None:
    """Show the permission for network devices, the address to enter, and a phone that sends nothing."""
    window.ask(
        f"s = {PREFERENCES}; s.sensors, s.camera, s.network = 'NONE', 'LIVELINKFACE', False\n"
        "bpy.context.preferences.system.use_online_access = True"
    )
    click_panel_title(window, _ANIMATION_Y)  # closed, so that Connect is in sight
    scroll_to_top(window)
    window.press("innerface.allow_network")
    time.sleep(1.5)
    window.screenshot(IMAGES / "guide-allow.png")
    window.key("Escape")
    window.ask(f"{PREFERENCES}.network = True")
    scroll_to_top(window)
    window.press("innerface.connect")
    window.until_session("bool(session.status.silent)", 60)
    time.sleep(1)
    scroll_to_top(window)
    screenshot_sidebar(window, IMAGES / "guide-phone.png", 780)
    window.ask("with here(): bpy.ops.innerface.disconnect()")
    time.sleep(1)
    scroll_to_top(window)
    screenshot_sidebar(window, IMAGES / "guide-address.png", 560)
    click_panel_title(window, _ANIMATION_Y)


def capture_animation(window: BlenderWindow, folder: Path) -> None:
    """Import a take, show its options, and the mapping of a character with rig controls."""
    window.ask(f"""
from bl_ext.user_default.innerface.core import formats, performance
formats.write_take(performance.demo_performance(2), Path({str(folder / "song_take3.csv")!r}))
with here(): bpy.ops.innerface.key_takes('INVOKE_DEFAULT', filepath={str(folder / "song_take3.csv")!r})""")
    time.sleep(2)
    window.screenshot(IMAGES / "guide-import.png")
    window.key("Return")
    window.until("bpy.data.shape_keys[0].animation_data.action.name == 'song_take3'", 60)
    window.ask("bpy.context.scene.frame_set(70)")
    scroll_to_top(window)
    time.sleep(1)
    window.move(300, 500)
    time.sleep(2)
    window.screenshot(IMAGES / "guide-animation.png")
    window.ask(
        f"""
for obj in list(bpy.data.objects):
    bpy.data.objects.remove(obj)
with bpy.data.libraries.load({str(folder / "control_rig.blend")!r}) as (source, target):
    target.objects = source.objects
for obj in target.objects:
    bpy.context.scene.collection.objects.link(obj)
bpy.context.view_layer.objects.active = bpy.data.objects['Head']
with here(): bpy.ops.innerface.mapping_driven()
with here(): bpy.ops.innerface.key_takes(filepath={str(folder / "song_take3.csv")!r})
bpy.context.scene.frame_set(70)
with here(): bpy.ops.view3d.view_all()""",
        60,
    )
    time.sleep(1)
    click_panel_title(window, _MAPPING_Y)
    window.move(300, 500)
    time.sleep(2)
    window.screenshot(IMAGES / "guide-mapping.png")


def save_control_rig(path: Path) -> None:
    """Save a character whose shape keys are driven by rig controls, made by the bpy wheel."""
    from ... import blender
    from ..benches import characters

    bpy = blender.load_bpy()
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    characters.control_rig(bpy.context.scene, path.parent)
    bpy.ops.wm.save_as_mainfile(filepath=str(path))


_HYBRID_TAKES_SCRIPT = """
import numpy as np
from bl_ext.user_default.innerface.core import formats
from bl_ext.user_default.innerface.core.face.channels import ARKIT, GROUPS
from bl_ext.user_default.innerface.core.performance import augment
from bl_ext.user_default.innerface.core.performance.generate import generate
from bl_ext.user_default.innerface.core.take import Take, Track
rng = np.random.default_rng(3)
track = augment.at_rate(generate(24.0, rng), 30.0)
values = np.clip(track.values + rng.normal(0, 0.001, track.values.shape), 0, 1)
other = np.clip(values * 0.85 + 0.02, 0, 1)
occlusions = [('mouth', 3.0, 5.4), ('mouth', 9.0, 12.5), ('brow', 6.2, 8.0)]
occlusions += [('mouth', 16.0, 17.2), ('eye_left', 13.6, 15.2), ('brow', 18.5, 20.0)]
for group, start, end in occlusions:
    rows = (track.time >= start) & (track.time <= end)
    columns = [track.columns.index(c) for c in GROUPS[group]]
    held = values[rows][:1, columns] if start == 9.0 else 0.2 + rng.normal(0, 0.04, (rows.sum(), len(columns)))
    values[np.ix_(rows, columns)] = np.clip(held, 0, 1)
for name, v, late in (('song_microphone', values, 0.0), ('song_phone', other, 5.0)):
    shifted = Track('weights', track.time + late, track.columns, v)
    formats.write_take(Take(name, {'weights': shifted}), FOLDER / (name + '.csv'))
"""


def capture_hybrid(window: BlenderWindow, folder: Path) -> None:
    """Show a camera take behind a microphone with its occluded ranges on the timeline."""
    window.ask(f"FOLDER = Path({str(folder)!r})\n{_HYBRID_TAKES_SCRIPT}", 60)
    window.ask(
        f"""
for obj in list(bpy.data.objects):
    bpy.data.objects.remove(obj)
with here(): bpy.ops.innerface.add_head()
with here(): bpy.ops.innerface.key_takes(filepath={str(folder / "song_microphone.csv")!r}, sound=False)
scene = bpy.context.scene
scene.frame_start, scene.frame_end = 0, 576
scene.frame_set(98)
from bl_ext.user_default.innerface.blender_addon.animation import hybrid_take
from bl_ext.user_default.innerface.blender_addon.character import face as faces
action = hybrid_take.camera_action(faces.active_face(bpy.context))
action.innerface_hybrid.helper = {str(folder / "song_phone.csv")!r}
with here(): bpy.ops.innerface.hybrid_align()
with here(): bpy.ops.innerface.hybrid_detect()
with here(): bpy.ops.innerface.range_set(what='ACCEPTED', index=0)
with here(): bpy.ops.innerface.range_set(what='REJECTED', index=len(action.innerface_hybrid.ranges) - 1)
action.innerface_hybrid.active = 1
""",
        120,
    )
    window.taller_timeline()
    time.sleep(1)
    window.ask("""
low = next(a for a in window().screen.areas if a.type == 'DOPESHEET_EDITOR')
with bpy.context.temp_override(window=window(), area=low, region=next(r for r in low.regions if r.type == 'WINDOW')):
    bpy.ops.action.view_all()
""")
    for panel_y in (_MAPPING_Y, _ANIMATION_Y, _HYBRID_Y):  # close, close, open
        click_panel_title(window, panel_y)
    window.move(300, 500)
    time.sleep(2)
    window.screenshot(IMAGES / "guide-hybrid.png")


def main() -> None:
    """Take all screenshots."""
    with tempfile.TemporaryDirectory(prefix="innerface-shots-") as name:
        folder = Path(name)
        code = "import sys, os; from pathlib import Path; from innerface.cli.dev.pictures import screenshots; "
        code += "screenshots.save_control_rig(Path(sys.argv[1])); os._exit(0)"  # the bpy wheel may hang at exit
        subprocess.run([sys.executable, "-c", code, str(folder / "control_rig.blend")], check=True)
        with BlenderWindow(os.environ["INNERFACE_WINDOWED"], {}, folder, size=(1500, 1000)) as window:
            window.install(os.environ["INNERFACE_ZIP"])
            window.ready(draw_face=True)
            capture_virtual_performer(window, folder)
            capture_phone(window)
            capture_animation(window, folder)
            capture_hybrid(window, folder)
    for path in sorted(IMAGES.glob("guide-*.png")):
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()

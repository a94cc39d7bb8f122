"""Takes the guide's pictures: `python3 build.py screenshots`. A windowed Blender with the packaged add-on is worked by mouse, so what is shown is so."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from tests.gui.blender_window import BlenderWindow  # noqa: E402

IMAGES = ROOT / "docs" / "images"
PREFERENCES = "bpy.context.preferences.addons['bl_ext.user_default.innerface'].preferences"


_MAPPING = 185  # pixels from the sidebar's top to the closed panel's title


def sidebar(window: BlenderWindow, path: Path, height: int = 0) -> None:
    """A picture of the sidebar alone, from its top."""
    x, width, top, bottom = window.sidebar()
    window.move(300, 500)  # no tooltip
    time.sleep(1.0)
    window.screenshot(path, (width, min(height or bottom - top, bottom - top), x, top))


def top(window: BlenderWindow) -> None:
    """Scroll the sidebar to its top."""
    x, width, upper, lower = window.sidebar()
    window.move(x + width / 2, (upper + lower) / 2)
    window.xdotool("click", "--repeat", 80, "--delay", 5, 4)
    time.sleep(0.5)


def virtual(window: BlenderWindow, folder: Path) -> None:
    """From the first head to keys, with the virtual performer."""
    window.ask(f"s = {PREFERENCES}; s.countdown, s.preroll, s.takes_folder = 2.0, 0.0, {str(folder / 'takes')!r}")
    time.sleep(1)
    window.screenshot(IMAGES / "guide-idle.png")
    window.press("innerface.connect")
    window.live("live.status.get('calibrated')", 120)
    time.sleep(6)
    top(window)
    window.move(300, 500)
    time.sleep(2)
    window.screenshot(IMAGES / "panel.png")
    sidebar(window, IMAGES / "guide-calibrate.png")
    window.press("innerface.check")
    window.live("live.status.get('check', {}).get('step', '').startswith('Raise')", 60)
    time.sleep(2.5)
    window.screenshot(IMAGES / "guide-check.png")
    window.live("not live.status.get('check', {}).get('step')", 60)
    window.press("innerface.record")
    window.live("live.shoot is not None and live.shoot.phase == 'recording' and live.shoot.seconds > 6", 90)
    window.move(300, 500)
    time.sleep(1)
    window.screenshot(IMAGES / "guide-record.png")
    window.press("innerface.stop")
    window.live("live.shoot is None", 60)
    window.press("innerface.take_bake")
    window.until("bpy.data.shape_keys[0].animation_data is not None and bpy.data.shape_keys[0].animation_data.action is not None", 60)
    window.ask("with here(): bpy.ops.innerface.disconnect()\nbpy.context.scene.frame_end = 240\nbpy.context.scene.frame_set(90)")
    time.sleep(2)
    window.move(300, 500)
    time.sleep(1)
    window.screenshot(IMAGES / "guide-baked.png")


def phone(window: BlenderWindow) -> None:
    """The question about the network, and the address to type."""
    window.ask(f"s = {PREFERENCES}; s.sensors, s.camera, s.network = 'NONE', 'LIVELINKFACE', False; bpy.context.preferences.system.use_online_access = True")
    top(window)
    window.press("innerface.allow_network")
    time.sleep(1.5)
    window.screenshot(IMAGES / "guide-allow.png")
    window.key("Escape")
    window.ask(f"{PREFERENCES}.network = True")
    top(window)
    window.press("innerface.connect")
    window.live("len(live.status.get('silent', [])) > 0", 60)
    time.sleep(1)
    top(window)
    sidebar(window, IMAGES / "guide-phone.png", 620)
    window.ask("with here(): bpy.ops.innerface.disconnect()")
    time.sleep(1)
    top(window)
    sidebar(window, IMAGES / "guide-address.png", 470)


def timeline(window: BlenderWindow, folder: Path) -> None:
    """A take from a file, what can be changed of it, and the mapping of a character with controls."""
    window.ask(f"""
from bl_ext.user_default.innerface.core import formats, performance
formats.write_take(performance.perform(2), Path({str(folder / "song_take3.csv")!r}))
with here(): bpy.ops.innerface.key_takes('INVOKE_DEFAULT', filepath={str(folder / "song_take3.csv")!r})""")
    time.sleep(2)
    window.screenshot(IMAGES / "guide-import.png")
    window.key("Return")
    window.until("bpy.data.shape_keys[0].animation_data.action.name == 'song_take3'", 60)
    window.ask("bpy.context.scene.frame_set(70)")
    top(window)
    time.sleep(1)
    window.move(300, 500)
    time.sleep(2)
    window.screenshot(IMAGES / "guide-animation.png")
    window.ask(f"""
for obj in list(bpy.data.objects):
    bpy.data.objects.remove(obj)
from bl_ext.user_default.innerface.cli.benches import characters
characters.control_rig(bpy.context.scene, Path({str(folder)!r}))
bpy.context.view_layer.objects.active = bpy.data.objects['Head']
with here(): bpy.ops.innerface.mapping_driven()
with here(): bpy.ops.innerface.key_takes(filepath={str(folder / "song_take3.csv")!r})
bpy.context.scene.frame_set(70)
with here(): bpy.ops.view3d.view_all()""", 60)
    top(window)
    time.sleep(1)
    x, _, upper, _ = window.sidebar()
    window.click(x + 60, upper + _MAPPING)
    time.sleep(2)
    window.move(300, 500)
    time.sleep(2)
    window.screenshot(IMAGES / "guide-mapping.png")


def main() -> None:
    """All of them."""
    with tempfile.TemporaryDirectory(prefix="innerface-shots-") as name:
        folder = Path(name)
        with BlenderWindow(os.environ["INNERFACE_WINDOWED"], {}, folder, size=(1500, 1000)) as window:
            window.install(os.environ["INNERFACE_ZIP"])
            window.ready(drawn=True)
            virtual(window, folder)
            phone(window)
            timeline(window, folder)
    for path in sorted(IMAGES.glob("guide-*.png")):
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()

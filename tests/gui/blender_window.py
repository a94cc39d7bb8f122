"""A windowed Blender under Xvfb, operated by mouse and keyboard. Buttons are found by their operator."""

import json
import os
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
_PAGES = 7
_SCAN = 11  # pixels between the points that are searched for a button


_SESSION = "__import__('importlib').import_module('bl_ext.user_default.innerface.blender_addon.live.session').session"
_READY = """
import math
from mathutils import Euler
for o in list(bpy.data.objects):
    bpy.data.objects.remove(o)
with here():
    bpy.ops.innerface.add_head()
space = area().spaces.active
space.show_region_ui = True
for name in ("floor", "axis_x", "axis_y", "bones", "cursor"):
    setattr(space.overlay, f"show_{name}", False)
space.shading.type, space.shading.color_type, space.shading.show_cavity = 'SOLID', 'MATERIAL', True
space.lens = 90
space.region_3d.view_perspective = 'PERSP'
space.region_3d.view_rotation = Euler((math.radians(87), 0, math.radians(20))).to_quaternion()
space.region_3d.view_location, space.region_3d.view_distance = (0.035, 0, -0.012), 0.8
bpy.context.object.select_set(False)
"""


class BlenderWindow:
    """A context manager; `environment` has the variables of the real Blender with the packaged zip."""

    def __init__(self, launcher, environment, folder, size=(1500, 1000), display=":87"):
        self.launcher, self.folder, self.size = launcher, Path(folder), size
        self.environment = {**os.environ, **environment, "DISPLAY": display, "INNERFACE_REMOTE_CONTROL": str(folder)}
        self.display = {**os.environ, "DISPLAY": display}
        self.processes = []

    def __enter__(self):
        width, height = self.size
        self.processes.append(
            subprocess.Popen(
                ["Xvfb", self.display["DISPLAY"], "-screen", "0", f"{width}x{height}x24"], stderr=subprocess.DEVNULL
            )
        )
        time.sleep(1.0)
        command = [self.launcher, "--factory-startup", "--window-geometry", "0", "0", str(width), str(height)]
        self.log = open(self.folder / "blender.log", "w")
        self.processes.append(
            subprocess.Popen(
                [*command, "--python", str(ROOT / "tests" / "gui" / "remote_control.py")],
                env=self.environment,
                cwd=ROOT,
                stdout=self.log,
                stderr=subprocess.STDOUT,
            )
        )
        self.ask("result = 1", seconds=120)
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        self.log.close()

    def install(self, archive):
        """Install the packaged zip as a user does."""
        self.ask(
            f"bpy.ops.extensions.package_install_files("
            f"filepath={str(archive)!r}, repo='user_default', enable_on_install=True)",
            120,
        )

    def ready(self, draw_face=False):
        """Show a head and nothing else, and open the tab.

        The head is displayed as a box unless `draw_face` is set: without a graphics card a face takes half a second.
        """
        self.ask(_READY + ("" if draw_face else "bpy.context.object.display_type = 'BOUNDS'\n"))
        time.sleep(1.0)
        self.until(
            "(setattr(region(), 'active_panel_category', 'Innerface') or region().active_panel_category == 'Innerface')"
        )
        time.sleep(1.0)

    def until_session(self, expression, seconds=30):
        """Wait until an expression of `session` is true."""
        return self.until(expression.replace("session.", f"{_SESSION}."), seconds)

    @property
    def alive(self):
        return self.processes[1].poll() is None

    def ask(self, code, seconds=30):
        """Run Python inside Blender, and return its `result`."""
        answer, request = self.folder / "answer.json", self.folder / "request.tmp"
        answer.unlink(missing_ok=True)
        request.write_text(code)
        request.rename(self.folder / "request.py")
        deadline = time.monotonic() + seconds
        while not answer.exists():
            if not self.alive:
                raise AssertionError(f"Blender has ended: {(self.folder / 'blender.log').read_text()[-3000:]}")
            if time.monotonic() > deadline:
                raise AssertionError(f"Blender does not answer within {seconds} s: {code}")
            time.sleep(0.01)
        reply = json.loads(answer.read_text())
        assert "error" not in reply, reply["error"]
        return reply["result"]

    def until(self, code, seconds=30):
        """Wait until an expression is true inside Blender, and return its value."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            value = self.ask(f"result = {code}")
            if value:
                return value
            time.sleep(0.1)
        raise AssertionError(f"not true within {seconds} s: {code}")

    def xdotool(self, *arguments):
        subprocess.run(["xdotool", *map(str, arguments)], env=self.display, check=True)

    def move(self, x, y):
        """Move the mouse to a point of the window, from its upper left."""
        self.xdotool("mousemove", int(x), int(y))

    def click(self, x, y):
        self.move(x, y)
        time.sleep(0.15)
        self.xdotool("click", 1)
        time.sleep(0.25)

    def key(self, *keys):
        self.xdotool("key", *keys)
        time.sleep(0.2)

    def sidebar(self):
        """Return x, width, top and bottom of the sidebar, in pixels of the window from its upper left."""
        x, y, width, height, tall = self.ask("r = region(); result = [r.x, r.y, r.width, r.height, window().height]")
        return x, width, tall - (y + height), tall - y

    def find(self, command, part=0.5):
        """Return where the button of a command is in the sidebar, which is scrolled to it.

        `part`: where to search, from 0 (left edge of the sidebar) to 1. Raises AssertionError where there is none.
        """
        x, width, top, bottom = self.sidebar()
        seen = []
        for scrolled in range(_PAGES):
            for y in range(int(top) + 8, int(bottom), _SCAN):
                self.move(x + width * part, y)
                time.sleep(0.06)
                button = self.ask("result = under_mouse()")
                if button:
                    seen.append(button)
                if command in button:
                    for back in range(5):  # drawing lags, so it may be the button where the mouse was before
                        self.move(x + width * part, y - back * _SCAN)
                        time.sleep(0.5)
                        if command in self.ask("result = under_mouse()"):
                            return x + width * part, y - back * _SCAN
            self.xdotool(
                "click", "--repeat", 8 if scrolled else 60, "--delay", 5, 5 if scrolled else 4
            )  # first to the top
            time.sleep(0.5)
        raise AssertionError(f"no button of {command} in the sidebar; there are {sorted(set(seen))}")

    def press(self, command, part=0.5):
        """Click the button of a command, as a user does."""
        self.click(*self.find(command, part))

    def press_until(self, command, expression, seconds=40):
        """Press a button until it has had its effect: a window that draws slowly may miss a click."""
        for _ in range(3):
            self.press(command)
            try:
                return self.until_session(expression, seconds / 3)
            except AssertionError:
                self.screenshot(self.folder / "missed.png")
        raise AssertionError(
            f"{command} was pressed three times, but never: {expression}; see {self.folder / 'missed.png'}"
        )

    def taller_timeline(self):
        """Drag the upper edge of the timeline up; where exactly it can be grabbed depends on the window's size."""
        low = "next(a for a in window().screen.areas if a.type == 'DOPESHEET_EDITOR')"
        edge, before = self.ask(f"low = {low}; result = [window().height - (low.y + low.height), low.height]")
        for off in (-1, -2, 0, -3, 1):
            self.move(400, edge + off)
            time.sleep(0.7)
            self.xdotool("mousedown", 1)
            time.sleep(0.7)
            for step in range(1, 5):
                self.move(400, edge - 40 * step)
                time.sleep(0.7)
            self.xdotool("mouseup", 1)
            time.sleep(1.0)
            if self.ask(f"result = {low}.height") > before + 50:
                return
        raise AssertionError("the timeline could not be made taller")

    def screenshot(self, path, crop=None):
        """Save an image of the window, or of a part of it (width, height, x, y)."""
        cut = [] if crop is None else ["-crop", "{}x{}+{}+{}".format(*map(int, crop)), "+repage"]
        subprocess.run(["import", "-window", "root", *cut, str(path)], env=self.display, check=True)

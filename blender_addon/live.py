"""What runs while Blender is connected: the bridge in its thread, and a timer that shows the newest face.

One `live` object for this Blender. Nothing of it is in the file, and no timer runs while nothing is connected.
"""

from __future__ import annotations

import time
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import bpy
import numpy as np

from ..core.channels import ARKIT, GROUPS
from ..core.errors import InnerfaceError
from . import connection, takes
from .face import active_face
from .preview import Preview, restore_all
from .redraw import redraw
from .settings import preferences
from .shoot import Shoot

_TICK_S = 1 / 120
_REDRAW_S, _BUSY_REDRAW_S = 0.25, 0.1
_LEVEL_FALL, _LEVEL_GAIN = 0.9, 12.0
_STOP_S, _SAVED_S = 8.0, 1.5
LEVELS = ("mouth", "cheek", "brow", "eye_left", "eye_right")


class Live:
    """`thread`: the bridge, None while nothing is connected; `preview`: where faces show, None where there is no face; `shoot`: a recording;
    `problem`: one sentence on what is wrong, "" where nothing is; `levels`: how much each part of the face moves, 0..1."""

    def __init__(self) -> None:
        self.thread: Any = None
        self.preview: Preview | None = None
        self.lost: Preview | None = None  # of a face that was deleted
        self.scene = ""
        self.shoot: Shoot | None = None
        self.problem, self.face_problem = "", ""
        self.paused = ""  # why the preview pauses: saving, rendering
        self.back = 0.0  # the preview steps aside until then
        self.watch: Callable[[], None] | None = None  # told after every face that shows
        self.newest: Any = None
        self.last: np.ndarray | None = None
        self.levels = dict.fromkeys(LEVELS, 0.0)
        self.drawn = 0.0
        self.spent: deque[float] = deque(maxlen=20_000)  # seconds of each tick that showed a face
        self.shown: deque[tuple[float, float]] = deque(maxlen=20_000)  # per face: from its last sample to the shape key, from the moment it shows
        self.busy: Future[Any] | None = None

    # -- connecting ------------------------------------------------------------------------------------------------------------

    @property
    def on(self) -> bool:
        """Whether something is connected, or being connected."""
        return self.thread is not None

    @property
    def status(self) -> dict[str, Any]:
        """The bridge's; empty before it runs."""
        return self.thread.status if self.thread is not None else {}

    def connect(self, context: Any) -> None:
        """Begin to hear what is chosen, and show it on the active face. Raises InnerfaceError."""
        from ..server.thread import HubThread

        before = self.thread
        self.disconnect()
        settings = preferences()
        layout = bpy.path.abspath(settings.layout_file) if settings.layout_file else "default"
        options = {
            "layout": layout, "folder": takes.folder(), "loss": dict.fromkeys(("sensors", "camera"), settings.loss),
            "sites": connection.user_folder() / "sites.json", "lookahead": not settings.lowest_delay, "electrodes": connection.network(settings) or None,
        }  # fmt: skip
        adapter = bpy.path.abspath(settings.adapter) if settings.adapter else ""
        self.thread = HubThread(connection.sources(settings), connection.sinks(settings), options, adapter, before)
        self.problem = ""
        self.thread.start()
        self.target(context)
        if not bpy.app.timers.is_registered(_tick):
            bpy.app.timers.register(_tick, persistent=True)

    def disconnect(self, wait: bool = False) -> None:
        """End: the face is as it was. The bridge ends its recording by itself; `wait` for that where Blender itself may end."""
        if self.shoot is not None:
            self.shoot.abandon()
            self.shoot = None
            bpy.app.timers.register(takes.refresh, first_interval=_SAVED_S)
        self.hide()
        self.preview = self.lost = None
        if self.thread is not None:
            self.thread.stop(_STOP_S if wait else 0.0)
            self.thread = None
        self.newest = self.last = None
        self.levels = dict.fromkeys(LEVELS, 0.0)
        if bpy.app.timers.is_registered(_tick):
            bpy.app.timers.unregister(_tick)
        redraw()

    def target(self, context: Any) -> None:
        """Show faces on the active face; where there is none, `face_problem` says so."""
        self.hide()
        self.preview, self.lost, self.face_problem, self.scene = None, None, "", context.scene.name
        try:
            self.preview = Preview(active_face(context))
        except InnerfaceError as error:
            self.face_problem = str(error)

    # -- while connected -------------------------------------------------------------------------------------------------------

    def tick(self) -> float | None:
        """What the timer does: all faces that came are taken, the newest shows."""
        thread = self.thread
        if thread is None:
            return None
        if thread.state == "ended":
            problem = thread.problem
            self.disconnect()
            self.problem = problem or "the bridge has ended; connect again"
            return None
        began = time.perf_counter()
        frames = thread.take()
        if frames:
            self.newest = frames[-1]
            self._meter(self.newest.values, len(frames))
            self._show(self.newest)
            self.spent.append(time.perf_counter() - began)
            now = thread.now()
            self.shown.append((now - self.newest.arrived, now - self.newest.time))
        if self.shoot is not None and self.shoot.tick():
            self.shoot = None
        every = _BUSY_REDRAW_S if self.shoot is not None or self.status.get("calibrating_s") else _REDRAW_S
        if began - self.drawn > every:
            self.drawn = began
            redraw()
        return _TICK_S

    def _show(self, frame: Any) -> None:
        if self.preview is None or self.paused or time.monotonic() < self.back:
            return
        if not self.preview.show(frame.values):
            self.refind()
        elif self.watch is not None:
            self.watch()

    def refind(self) -> None:
        """The face has changed under us: find it again, by its names. One that is gone may come back by an undo."""
        wanted, scene = self.preview or self.lost, bpy.data.scenes.get(self.scene)
        if wanted is None:
            return
        try:
            if scene is None:
                raise InnerfaceError("its scene is gone; click a face and press Show Here")
            wanted.forget()
            wanted.find(scene)
            self.preview, self.lost, self.face_problem = wanted, None, ""
        except InnerfaceError as error:
            restore_all()
            self.preview, self.lost, self.face_problem = None, wanted, str(error)

    def _meter(self, values: np.ndarray, frames: int) -> None:
        if self.last is not None:
            moved = np.maximum.reduceat(np.abs(values - self.last)[_COLUMNS], _STARTS) * (_LEVEL_GAIN / frames)
            fall = _LEVEL_FALL**frames
            for name, level in zip(LEVELS, moved.tolist()):
                self.levels[name] = max(min(level, 1.0), self.levels[name] * fall)
        self.last = values

    def pause(self, why: str) -> None:
        """The face is as it was, for a while: `why` is said in the panel."""
        self.paused = why
        self.hide()

    def aside(self, seconds: float) -> None:
        """The face is as it was for so long."""
        self.hide()
        self.back = time.monotonic() + seconds

    def hide(self) -> None:
        """The face is as it was until the next one comes: for what is about to change Blender's data."""
        if self.preview is not None:
            self.preview.hide()

    def resume(self) -> None:
        """The preview goes on."""
        self.paused = ""

    def leave_file(self) -> None:
        """Another file comes: a recording ends, the face is let go; what is connected stays, and so does its calibration."""
        if self.shoot is not None:
            self.shoot.abandon()
            self.shoot = None
            if self.thread is not None and self.thread.state == "running":
                self.thread.ask(lambda hub: hub.stop_recording() if hub.recorder is not None else None)
        if self.preview is not None:
            self.preview.forget()
        self.preview = self.lost = None

    def enter_file(self, context: Any) -> None:
        """Another file is there: its face shows what is live."""
        if self.on:
            self.paused = ""
            self.target(context)

    def record(self, context: Any) -> None:
        """Begin a recording with its countdown. Raises InnerfaceError."""
        if self.shoot is not None:
            raise InnerfaceError("a recording is running; stop it first")
        self.ask(lambda hub: None)
        self.shoot = Shoot(context, self.ask, self._recorded)

    def _recorded(self, path: Any, problem: str) -> None:
        self.problem = problem
        takes.refresh(str(path or ""))

    def ask(self, command: Any) -> Any:
        """Have the bridge do something; raises InnerfaceError where nothing is connected. The future tells what came of it."""
        if self.thread is None or self.thread.state != "running":
            raise InnerfaceError("nothing is connected; press Connect first")
        self.busy = self.thread.ask(command)
        return self.busy

    @property
    def refused(self) -> str:
        """Why the last command was refused, "" where it was not."""
        if self.busy is None or not self.busy.done():
            return ""
        error = self.busy.exception()
        return str(error) if isinstance(error, InnerfaceError) else ""


_COLUMNS = np.array([ARKIT.index(c) for name in LEVELS for c in GROUPS[name]])
_STARTS = np.cumsum([0, *(len(GROUPS[name]) for name in LEVELS[:-1])])
live = Live()


def _tick() -> float | None:
    try:
        return live.tick()
    except Exception as error:  # told in the panel, with the traceback in the console: the timer must not die silently
        traceback.print_exc()
        live.disconnect()
        live.problem = f"the preview ended by a mistake of its own ({type(error).__name__}: {error}); connect again"
        return None


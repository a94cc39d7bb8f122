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

from ...core.errors import InnerfaceError
from ...core.face.channels import ARKIT, GROUPS, ChannelGroup
from ..character.face import active_face
from ..paths import user_folder
from ..properties.preferences import electrode_network_file, preferences
from ..redraw import redraw
from . import connection, take_list
from .preview import Preview, restore_all
from .take_recording import TakeRecording

_TICK_S = 1 / 120
_REDRAW_S, _BUSY_REDRAW_S = 0.25, 0.1
_LEVEL_DECAY, _LEVEL_GAIN = 0.9, 12.0
_STOP_TIMEOUT_S, _SAVE_WAIT_S = 8.0, 1.5
LEVEL_GROUPS = (
    ChannelGroup.MOUTH,
    ChannelGroup.CHEEK,
    ChannelGroup.BROW,
    ChannelGroup.EYE_LEFT,
    ChannelGroup.EYE_RIGHT,
)


class LiveSession:
    """`thread`: the bridge, None while nothing is connected; `preview`: where faces show, None where there is no face; `shoot`: a recording;
    `problem`: one sentence on what is wrong, "" where nothing is; `levels`: how much each part of the face moves, 0..1."""

    def __init__(self) -> None:
        self.thread: Any = None
        self.preview: Preview | None = None
        self.lost_preview: Preview | None = None  # of a face that was deleted
        self.scene_name = ""
        self.shoot: TakeRecording | None = None
        self.problem, self.face_problem = "", ""
        self.paused = ""  # why the preview pauses: saving, rendering
        self.resume_at = 0.0  # the preview steps aside until then
        self.on_face_shown: Callable[[], None] | None = None  # told after every face that shows
        self.latest_frame: Any = None
        self.last_values: np.ndarray | None = None
        self.levels = dict.fromkeys(LEVEL_GROUPS, 0.0)
        self.last_redraw = 0.0
        self.tick_durations: deque[float] = deque(maxlen=20_000)  # seconds of each tick that showed a face
        self.face_delays: deque[tuple[float, float]] = deque(
            maxlen=20_000
        )  # per face: from its last sample to the shape key, from the moment it shows
        self.pending_command: Future[Any] | None = None

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
        from ...server.hub_thread import HubThread

        previous_thread = self.thread
        self.disconnect()
        settings = preferences()
        layout = bpy.path.abspath(settings.layout_file) if settings.layout_file else "default"
        options = {
            "layout": layout,
            "folder": take_list.folder(),
            "loss": dict.fromkeys(("sensors", "camera"), settings.loss),
            "sites": user_folder() / "sites.json",
            "lookahead": not settings.lowest_delay,
            "electrodes": electrode_network_file(settings) or None,
        }
        adapter = bpy.path.abspath(settings.adapter) if settings.adapter else ""
        self.thread = HubThread(
            connection.source_factory(settings), connection.sink_factory(settings), options, adapter, previous_thread
        )
        self.problem = ""
        self.thread.start()
        self.set_target(context)
        if not bpy.app.timers.is_registered(_tick):
            bpy.app.timers.register(_tick, persistent=True)

    def disconnect(self, wait: bool = False) -> None:
        """End: the face is as it was. The bridge ends its recording by itself; `wait` for that where Blender itself may end."""
        if self.shoot is not None:
            self.shoot.abandon()
            self.shoot = None
            bpy.app.timers.register(take_list.refresh, first_interval=_SAVE_WAIT_S)
        self.hide()
        self.preview = self.lost_preview = None
        if self.thread is not None:
            self.thread.stop(_STOP_TIMEOUT_S if wait else 0.0)
            self.thread = None
        self.latest_frame = self.last_values = None
        self.levels = dict.fromkeys(LEVEL_GROUPS, 0.0)
        if bpy.app.timers.is_registered(_tick):
            bpy.app.timers.unregister(_tick)
        redraw()

    def set_target(self, context: Any) -> None:
        """Show faces on the active face; where there is none, `face_problem` says so."""
        self.hide()
        self.preview, self.lost_preview, self.face_problem, self.scene_name = None, None, "", context.scene.name
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
        started = time.perf_counter()
        frames = thread.take()
        if frames:
            self.latest_frame = frames[-1]
            self._update_levels(self.latest_frame.values, len(frames))
            self._show(self.latest_frame)
            self.tick_durations.append(time.perf_counter() - started)
            now = thread.now()
            self.face_delays.append((now - self.latest_frame.arrival, now - self.latest_frame.time))
        if self.shoot is not None and self.shoot.tick():
            self.shoot = None
        redraw_interval = _BUSY_REDRAW_S if self.shoot is not None or self.status.get("calibrating_s") else _REDRAW_S
        if started - self.last_redraw > redraw_interval:
            self.last_redraw = started
            redraw()
        return _TICK_S

    def _show(self, frame: Any) -> None:
        if self.preview is None or self.paused or time.monotonic() < self.resume_at:
            return
        if not self.preview.show(frame.values):
            self.find_face_again()
        elif self.on_face_shown is not None:
            self.on_face_shown()

    def find_face_again(self) -> None:
        """The face has changed under us: find it again, by its names. One that is gone may come back by an undo."""
        preview, scene = self.preview or self.lost_preview, bpy.data.scenes.get(self.scene_name)
        if preview is None:
            return
        try:
            if scene is None:
                raise InnerfaceError("its scene is gone; click a face and press Show Here")
            preview.release()
            preview.find_again(scene)
            self.preview, self.lost_preview, self.face_problem = preview, None, ""
        except InnerfaceError as error:
            restore_all()
            self.preview, self.lost_preview, self.face_problem = None, preview, str(error)

    def _update_levels(self, values: np.ndarray, frames: int) -> None:
        if self.last_values is not None:
            change = np.maximum.reduceat(np.abs(values - self.last_values)[_LEVEL_COLUMNS], _LEVEL_STARTS) * (
                _LEVEL_GAIN / frames
            )
            decay = _LEVEL_DECAY**frames
            for name, level in zip(LEVEL_GROUPS, change.tolist()):
                self.levels[name] = max(min(level, 1.0), self.levels[name] * decay)
        self.last_values = values

    def pause(self, reason: str) -> None:
        """The face is as it was, for a while: `why` is said in the panel."""
        self.paused = reason
        self.hide()

    def hide_for(self, seconds: float) -> None:
        """The face is as it was for so long."""
        self.hide()
        self.resume_at = time.monotonic() + seconds

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
                self.thread.ask(
                    lambda hub: hub.commands.stop_recording() if hub.recording.recorder is not None else None
                )
        if self.preview is not None:
            self.preview.release()
        self.preview = self.lost_preview = None

    def enter_file(self, context: Any) -> None:
        """Another file is there: its face shows what is live."""
        if self.on:
            self.paused = ""
            self.set_target(context)

    def record(self, context: Any) -> None:
        """Begin a recording with its countdown. Raises InnerfaceError."""
        if self.shoot is not None:
            raise InnerfaceError("a recording is running; stop it first")
        self.ask(lambda hub: None)
        self.shoot = TakeRecording(context, self.ask, self._take_finished)

    def _take_finished(self, path: Any, problem: str) -> None:
        self.problem = problem
        take_list.refresh(str(path or ""))

    def ask(self, command: Any) -> Any:
        """Have the bridge do something; raises InnerfaceError where nothing is connected. The future tells what came of it."""
        if self.thread is None or self.thread.state != "running":
            raise InnerfaceError("nothing is connected; press Connect first")
        self.pending_command = self.thread.ask(command)
        return self.pending_command

    @property
    def refusal(self) -> str:
        """Why the last command was refused, "" where it was not."""
        if self.pending_command is None or not self.pending_command.done():
            return ""
        error = self.pending_command.exception()
        return str(error) if isinstance(error, InnerfaceError) else ""


_LEVEL_COLUMNS = np.array([ARKIT.index(c) for name in LEVEL_GROUPS for c in GROUPS[name]])
_LEVEL_STARTS = np.cumsum([0, *(len(GROUPS[name]) for name in LEVEL_GROUPS[:-1])])
session = LiveSession()


def _tick() -> float | None:
    try:
        return session.tick()
    except Exception as error:  # told in the panel, with the traceback in the console: the timer must not die silently
        traceback.print_exc()
        session.disconnect()
        session.problem = f"the preview ended by a mistake of its own ({type(error).__name__}: {error}); connect again"
        return None

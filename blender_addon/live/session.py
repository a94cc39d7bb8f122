"""What runs while Blender is connected: the server in its thread, and a timer that shows the newest face.

There is one `session`. Nothing of it is kept in the file, and no timer runs while nothing is connected.
"""

from __future__ import annotations

import time
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import bpy

from ...core.errors import InnerfaceError
from ...server.status import HubStatus
from ..character.face import active_face
from ..paths import user_folder
from ..properties.preferences import performer_settings, preferences
from ..redraw import redraw
from . import connection, take_list
from .movement_levels import MovementLevels
from .preview import Preview
from .saved_state import restore_all
from .take_recording import TakeRecording

_TICK_S = 1 / 120
_REDRAW_S, _BUSY_REDRAW_S = 0.25, 0.1
_STOP_TIMEOUT_S, _SAVE_WAIT_S = 8.0, 1.5
_MAX_TIMINGS = 20_000


class LiveSession:
    """The connection of this Blender, its preview and its recording.

    Attributes
    ----------
    thread : HubThread | None
        The server, None while nothing is connected.
    preview : Preview | None
        The face that is shown live, None where there is none.
    take_recording : TakeRecording | None
        The recording that runs.
    problem, face_problem : str
        What is wrong with the connection or with the face, in one sentence; "" where nothing is.
    paused : str
        Why the preview is paused, "" while it is not.
    movement : MovementLevels
        How much each part of the face moves.
    on_connected : Callable[[bool], None] | None
        Called when the session connects or disconnects.
    on_face_shown : Callable[[], None] | None
        Called after every face that is shown.
    """

    def __init__(self) -> None:
        self.thread: Any = None
        self.preview: Preview | None = None
        self.lost_preview: Preview | None = None  # of a face that was deleted, and may come back
        self.scene_name = ""
        self.take_recording: TakeRecording | None = None
        self.problem, self.face_problem = "", ""
        self.paused = ""
        self.resume_at = 0.0  # the preview is hidden until then
        self.movement = MovementLevels()
        self.on_connected: Callable[[bool], None] | None = None
        self.on_face_shown: Callable[[], None] | None = None
        self.latest_frame: Any = None
        self.last_redraw = 0.0
        self.tick_durations: deque[float] = deque(maxlen=_MAX_TIMINGS)  # of ticks that showed a face, in s
        # per face, in s: since its last sample arrived, and since the moment that it shows
        self.face_delays: deque[tuple[float, float]] = deque(maxlen=_MAX_TIMINGS)
        self.pending_command: Future[Any] | None = None
        # what exchanges data with other computers, as `connection` names it
        self.outside_sources: list[str] = []
        self.outside_sinks: list[str] = []

    # -- connecting --

    @property
    def on(self) -> bool:
        """Whether the session is connected or connecting."""
        return self.thread is not None

    @property
    def status(self) -> HubStatus:
        """The status of the server, by the definition that all clients share; an idle one's before it runs."""
        return self.thread.status if self.thread is not None else HubStatus()

    @property
    def starting(self) -> bool:
        """Whether the server is not running yet."""
        return self.thread is not None and self.thread.state == "starting"

    def connect(self, context: bpy.types.Context) -> None:
        """Connect to the selected sources, and show the live face on the active character. Raises InnerfaceError."""
        from ...server.hub_thread import HubThread

        previous_thread = self.thread
        self.disconnect()
        settings, performer = preferences(), performer_settings()
        self.outside_sources = connection.outside_sources(settings)
        self.outside_sinks = connection.outside_sinks(settings)
        options = {
            "layout": performer.layout,
            "folder": take_list.folder(),
            "loss": dict.fromkeys(("sensors", "camera"), settings.loss),
            "sites": user_folder() / "sites.json",
            "devices": user_folder() / "devices.json",
            "allow_new": False,
            "lookahead": not settings.lowest_delay,
            "electrodes": performer.electrodes or None,
            "arguments": connection.source_texts(settings),
        }
        self.thread = HubThread(
            connection.source_factory(settings),
            connection.sink_factory(settings),
            settings=options,
            adapter=performer.adapter,
            rest=performer.rest,
            predecessor=previous_thread,
        )
        self.problem = ""
        self.thread.start()
        self.set_target(context)
        if not bpy.app.timers.is_registered(_tick):
            bpy.app.timers.register(_tick, persistent=True)
        if self.on_connected is not None:
            self.on_connected(True)

    def disconnect(self, wait: bool = False) -> None:
        """Disconnect and restore the face; `wait` until the server has finished its recording, if Blender may quit."""
        if self.take_recording is not None:
            self.take_recording.abandon()
            self.take_recording = None
            bpy.app.timers.register(take_list.refresh, first_interval=_SAVE_WAIT_S)
        self.hide()
        self.preview = self.lost_preview = None
        if self.thread is not None:
            self.thread.stop(_STOP_TIMEOUT_S if wait else 0.0)
            self.thread = None
        self.latest_frame, self.movement = None, MovementLevels()
        if bpy.app.timers.is_registered(_tick):
            bpy.app.timers.unregister(_tick)
        if self.on_connected is not None:
            self.on_connected(False)
        redraw()

    def set_target(self, context: bpy.types.Context) -> None:
        """Show the live face on the active character; where there is none, `face_problem` says so."""
        self.hide()
        self.preview, self.lost_preview, self.face_problem, self.scene_name = None, None, "", context.scene.name
        try:
            self.preview = Preview(active_face(context))
        except InnerfaceError as error:
            self.face_problem = str(error)

    # -- while connected --

    def tick(self) -> float | None:
        """Take all faces that have arrived and show the newest; called by the timer."""
        thread = self.thread
        if thread is None:
            return None
        if thread.state == "ended":
            problem = thread.problem
            self.disconnect()
            self.problem = problem or "The server has stopped; connect again"
            return None
        offline_problem = connection.offline_problem(self.outside_sources + self.outside_sinks)
        if offline_problem:  # the user has just turned Allow Online Access off
            self.disconnect()
            self.problem = offline_problem
            return None
        started = time.perf_counter()
        frames = thread.pop_frames()
        if frames:
            self.latest_frame = frames[-1]
            self.movement.update(self.latest_frame.values, len(frames))
            self._show(self.latest_frame)
            self.tick_durations.append(time.perf_counter() - started)
            now = thread.now()
            self.face_delays.append((now - self.latest_frame.arrival, now - self.latest_frame.time))
        if self.take_recording is not None and self.take_recording.tick():
            self.take_recording = None
        busy = self.take_recording is not None or self.status.calibrating_s
        redraw_interval = _BUSY_REDRAW_S if busy else _REDRAW_S
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
        """Find the face again by its names after it has changed; one that was deleted may come back by an undo."""
        preview, scene = self.preview or self.lost_preview, bpy.data.scenes.get(self.scene_name)
        if preview is None:
            return
        try:
            if scene is None:
                raise InnerfaceError("the scene of the face no longer exists; select a face and press Show Here")
            preview.release()
            preview.find_again(scene)
            self.preview, self.lost_preview, self.face_problem = preview, None, ""
        except InnerfaceError as error:
            restore_all()
            self.preview, self.lost_preview, self.face_problem = None, preview, str(error)

    def pause(self, reason: str) -> None:
        """Hide the live face until `resume`; the panel shows the reason."""
        self.paused = reason
        self.hide()

    def hide_for(self, seconds: float) -> None:
        """Hide the live face for a while."""
        self.hide()
        self.resume_at = time.monotonic() + seconds

    def hide(self) -> None:
        """Hide the live face until the next one arrives, before Blender's data is changed."""
        if self.preview is not None:
            self.preview.hide()

    def resume(self) -> None:
        """Show the live face again."""
        self.paused = ""

    def leave_file(self) -> None:
        """End the recording and drop the face before another file is loaded; the connection stays calibrated."""
        if self.take_recording is not None:
            self.take_recording.abandon()
            self.take_recording = None
            if self.thread is not None and self.thread.state == "running":
                self.thread.submit(
                    lambda hub: hub.commands.stop_recording() if hub.recording.recorder is not None else None
                )
        if self.preview is not None:
            self.preview.release()
        self.preview = self.lost_preview = None

    def enter_file(self, context: bpy.types.Context) -> None:
        """Show the live face on the active character after another file was loaded."""
        if self.on:
            self.paused = ""
            self.set_target(context)

    def record(self, context: bpy.types.Context) -> None:
        """Start a recording with its countdown. Raises InnerfaceError."""
        if self.take_recording is not None:
            raise InnerfaceError("a recording is already running; stop it first")
        self.ask(lambda hub: None)
        self.take_recording = TakeRecording(context, self.ask, self._take_finished)

    def _take_finished(self, path: Any, problem: str) -> None:
        self.problem = problem
        take_list.refresh(str(path or ""))

    def send_to_selected_sinks(self) -> None:
        """Replace the sinks by those that the preferences select. Raises InnerfaceError."""
        settings = preferences()
        self.outside_sinks = connection.outside_sinks(settings)
        make_sinks = connection.sink_factory(settings)
        self.ask(lambda hub: hub.set_sinks(make_sinks()))

    def ask(self, command: Any) -> Any:
        """Run a command in the server, and return its future. Raises InnerfaceError where nothing is connected."""
        if self.thread is None or self.thread.state != "running":
            raise InnerfaceError("not connected; press Connect first")
        self.pending_command = self.thread.submit(command)
        return self.pending_command

    @property
    def refusal(self) -> str:
        """Why the last command failed, "" where it did not."""
        if self.pending_command is None or not self.pending_command.done():
            return ""
        error = self.pending_command.exception()
        return str(error) if isinstance(error, InnerfaceError) else ""


session = LiveSession()


def _tick() -> float | None:
    try:
        return session.tick()
    except Exception as error:  # shown in the panel, with a traceback in the console: the timer must not fail silently
        traceback.print_exc()
        session.disconnect()
        session.problem = f"The preview ended with an internal error ({type(error).__name__}: {error}); connect again"
        return None

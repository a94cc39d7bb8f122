"""Recording with the timeline: countdown, pre-roll, the scene playing along, punch-in, loop, stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ...core.errors import InnerfaceError
from ...core.take import timecode
from ..animation.scene_time import scene_rate
from ..properties.preferences import preferences
from . import take_list

_PLACEMENT_S = 4.0  # of frames and times that say where on the timeline a take lies
_MAX_WAIT_S = 5.0


class TakeRecording:
    """One press of Record. `ask`: has the bridge do something, and gives a future; `done`: called after each take with its path and what
    went wrong, if anything.

    `phase`: countdown, preroll, recording, stopping. Raises InnerfaceError where the range makes no sense.
    """

    def __init__(
        self, context: Any, ask: Callable[[Any], Future[Any]], on_take_done: Callable[[Path | None, str], None]
    ) -> None:
        self.ask, self.on_take_done = ask, on_take_done
        settings, shot = preferences(), context.scene.innerface
        self.scene, self.window_pointer = (
            context.scene,
            context.window.as_pointer() if context.window is not None else 0,
        )
        self.rate = scene_rate(self.scene)
        self.playback, self.loop = settings.playback, shot.loop and shot.range != "FREE"
        self.first_frame, self.last_frame = self._frame_range(shot.range)
        self.preroll = settings.preroll if self.playback else 0.0
        self.countdown = settings.countdown
        self.phase, self.phase_started, self.stop_requested = "countdown", time.monotonic(), False
        self.recording_started = 0.0
        self.path: Path | None = None
        self.pending: Future[Any] | None = None
        self.placements: list[tuple[float, float]] = []  # frames, and seconds of the recording at which they played
        self.original_frame = self.scene.frame_current

    def _frame_range(self, kind: str) -> tuple[int, int | None]:
        scene = self.scene
        if kind == "FREE":
            return scene.frame_current, None
        if kind == "PUNCH" and not scene.use_preview_range:
            raise InnerfaceError(
                "punch-in needs a preview range; set one with P in a timeline, or record the scene's range"
            )
        first, last = (
            (scene.frame_preview_start, scene.frame_preview_end)
            if kind == "PUNCH"
            else (scene.frame_start, scene.frame_end)
        )
        if last <= first:
            raise InnerfaceError("the range to record ends where it begins; make it longer")
        return first, last

    @property
    def seconds_left(self) -> float:
        """Seconds until the recording begins."""
        if self.phase == "countdown":
            return max(self.countdown - (time.monotonic() - self.phase_started), 0.0) + self.preroll
        if self.phase == "preroll":
            return max((self.first_frame - self.scene.frame_current) / self.rate, 0.0) if self.playback else 0.0
        return 0.0

    @property
    def seconds(self) -> float:
        """Recorded so far."""
        return time.monotonic() - self.recording_started if self.phase == "recording" else 0.0

    def tick(self) -> bool:
        """Go on; True when all is over."""
        try:
            return getattr(self, f"_{self.phase}")()
        except ReferenceError:  # the scene is gone
            self.abandon()
        except InnerfaceError as error:
            self.abandon()
            self.on_take_done(None, str(error))
        return True

    def stop(self) -> None:
        """Stop was pressed."""
        self.stop_requested = True

    def abandon(self) -> None:
        """Blender goes elsewhere: the bridge ends the take by itself."""
        self._set_playing(False)

    # -- phases ----------------------------------------------------------------------------------------------------------------

    def _countdown(self) -> bool:
        if self.stop_requested:
            return True
        if time.monotonic() - self.phase_started < self.countdown:
            return False
        start = self.first_frame
        if self.playback:
            start = max(
                self.first_frame - round(self.preroll * self.rate), min(self.first_frame, self._earliest_start())
            )
        if self.playback or self.last_frame is not None:
            self.scene.frame_set(start)
        if start == self.first_frame:  # nothing plays before it: the scene waits for the recording
            self._begin_recording()
        else:
            self._set_playing(True)
            self.phase, self.phase_started = "preroll", time.monotonic()
        return False

    def _earliest_start(self) -> int:
        """The frame that playback can begin at: within a preview range only its own frames play."""
        return self.scene.frame_preview_start if self.scene.use_preview_range else self.scene.frame_start

    def _preroll(self) -> bool:
        if self.stop_requested:
            self._set_playing(False)
            return True
        waited = time.monotonic() - self.phase_started
        if (
            self.playback
            and self._is_playing()
            and self.scene.frame_current < self.first_frame
            and waited < self.preroll + _MAX_WAIT_S
        ):
            return False
        self._begin_recording()
        return False

    def _begin_recording(self) -> None:
        shot = self.scene.innerface
        name = f"{shot.slate.strip() or 'take'}_{shot.number:03d}"
        metadata = {
            "slate": shot.slate,
            "take": str(shot.number),
            "frame": f"{self.scene.frame_current_final:.3f}",
            "fps": repr(self.rate),
            "timecode": timecode.to_text(_time_of_day()),
            "blend": bpy.data.filepath,
        }
        folder = take_list.folder()

        def begin(hub: Any) -> str:
            hub.recording.folder = folder
            return hub.commands.record(name, metadata=metadata)

        self.pending, self.placements = self.ask(begin), []
        self.phase, self.recording_started = "recording", time.monotonic()

    def _recording(self) -> bool:
        if self.pending is not None and self.pending.done():
            error = self.pending.exception()
            if error is not None:
                self._set_playing(False)
                self.on_take_done(None, str(error))
                return True
            self.path, self.pending = Path(self.pending.result()), None
            self._set_playing(True)
        playing = self._is_playing()
        if (
            self.playback
            and playing
            and self.path is not None
            and time.monotonic() - self.recording_started < _PLACEMENT_S
        ):
            self.placements.append((self.scene.frame_current_final, time.monotonic() - self.recording_started))
        frame = (
            self.scene.frame_current
            if playing
            else self.first_frame + (time.monotonic() - self.recording_started) * self.rate
        )
        ended = self.last_frame is not None and (
            frame >= self.last_frame
            or (playing and frame < self.first_frame and time.monotonic() - self.recording_started > 0.5)
        )
        if self.path is not None and (self.stop_requested or ended):
            end_metadata = frame_zero(self.placements, self.rate)
            self.pending = self.ask(lambda hub: hub.commands.stop_recording(end_metadata))
            self.phase = "stopping"
            self._set_playing(False)
        return False

    def _stopping(self) -> bool:
        if self.pending is not None and not self.pending.done():
            return False
        error = self.pending.exception() if self.pending is not None else None
        self.on_take_done(self.path, str(error) if error is not None else "")
        self.scene.innerface.number += 1
        if self.loop and not self.stop_requested and error is None:
            self.phase, self.phase_started, self.countdown, self.path, self.pending = (
                "countdown",
                time.monotonic(),
                0.0,
                None,
                None,
            )
            return False
        self.scene.frame_set(self.original_frame)
        return True

    # -- playback --------------------------------------------------------------------------------------------------------------

    def _window(self) -> Any:
        """The window that Record was pressed in, if it is still open: what was kept of a closed one must not be touched."""
        return next((w for w in bpy.context.window_manager.windows if w.as_pointer() == self.window_pointer), None)

    def _is_playing(self) -> bool:
        window = self._window()
        return window is not None and window.screen.is_animation_playing

    def _set_playing(self, playing: bool) -> None:
        window = self._window()
        if not self.playback or window is None or window.screen.is_animation_playing == playing:
            return
        with bpy.context.temp_override(window=window, screen=window.screen):
            if playing:
                bpy.ops.screen.animation_play(sync=True)  # frames are dropped rather than sound
            else:
                bpy.ops.screen.animation_cancel(restore_frame=False)


def frame_zero(placements: list[tuple[float, float]], rate: float) -> dict[str, str]:
    """The frame at a recording's zero, from frames and the seconds at which they played; nothing where the scene did not play."""
    if len(placements) < 2:
        return {}
    frames, seconds = np.array(placements).T
    if frames[-1] - frames[0] < 0.5 * (seconds[-1] - seconds[0]) * rate:
        return {}
    return {"frame_zero": f"{float(np.median(frames - seconds * rate)):.3f}"}


def _time_of_day() -> float:
    now = datetime.now()
    return now.hour * 3600 + now.minute * 60 + now.second + now.microsecond * 1e-6

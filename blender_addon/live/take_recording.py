"""Recording along the timeline: countdown, pre-roll, playback, punch-in, loop, stop."""

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

_PLACEMENT_S = 4.0  # of playback from which the frame at the start of the recording is computed
_MAX_WAIT_S = 5.0
_MIN_WRAP_S = 0.5


class TakeRecording:
    """What happens after Record is pressed: one take, or several where it loops.

    `phase` is countdown, preroll, recording or stopping.

    Parameters
    ----------
    context : bpy.types.Context
    ask : Callable
        Runs a command in the server and returns its future.
    on_take_done : Callable
        Called after each take with its path and the error, "" where there is none.

    Raises
    ------
    InnerfaceError
        Where the range to record is empty or not set.
    """

    def __init__(
        self,
        context: bpy.types.Context,
        ask: Callable[[Any], Future[Any]],
        on_take_done: Callable[[Path | None, str], None],
    ) -> None:
        self.ask, self.on_take_done = ask, on_take_done
        settings, shot = preferences(), context.scene.innerface
        self.scene = context.scene
        self.window_pointer = context.window.as_pointer() if context.window is not None else 0
        self.rate = scene_rate(self.scene)
        self.playback, self.loop = settings.playback, shot.loop and shot.range != "FREE"
        self.first_frame, self.last_frame = self._frame_range(shot.range)
        self.preroll = settings.preroll if self.playback else 0.0
        self.countdown = settings.countdown
        self.phase, self.phase_started, self.stop_requested = "countdown", time.monotonic(), False
        self.recording_started = 0.0
        self.path: Path | None = None
        self.pending: Future[Any] | None = None
        self.placements: list[tuple[float, float]] = []  # frame, and time of the recording (s) at which it played
        self.original_frame = self.scene.frame_current

    def _frame_range(self, kind: str) -> tuple[int, int | None]:
        scene = self.scene
        if kind == "FREE":
            return scene.frame_current, None
        if kind == "PUNCH" and not scene.use_preview_range:
            raise InnerfaceError(
                "there is no preview range to punch into; press P in a timeline to set one, or record the scene range"
            )
        first, last = (
            (scene.frame_preview_start, scene.frame_preview_end)
            if kind == "PUNCH"
            else (scene.frame_start, scene.frame_end)
        )
        if last <= first:
            raise InnerfaceError("the range to record is empty; make it longer")
        return first, last

    @property
    def seconds_left(self) -> float:
        """Seconds until the recording starts."""
        if self.phase == "countdown":
            return max(self.countdown - (time.monotonic() - self.phase_started), 0.0) + self.preroll
        if self.phase == "preroll":
            return max((self.first_frame - self.scene.frame_current) / self.rate, 0.0) if self.playback else 0.0
        return 0.0

    @property
    def seconds(self) -> float:
        """Seconds recorded so far."""
        return time.monotonic() - self.recording_started if self.phase == "recording" else 0.0

    def tick(self) -> bool:
        """Advance; return True when everything is done."""
        try:
            return getattr(self, f"_{self.phase}")()
        except ReferenceError:  # the scene was deleted
            self.abandon()
        except InnerfaceError as error:
            self.abandon()
            self.on_take_done(None, str(error))
        return True

    def stop(self) -> None:
        """Stop as soon as possible; during the countdown, without a take."""
        self.stop_requested = True

    def abandon(self) -> None:
        """Stop playback; the server finishes the take by itself."""
        self._set_playing(False)

    # -- phases --

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
        if start == self.first_frame:  # there is nothing before it to play, so playback waits for the recording
            self._begin_recording()
        else:
            self._set_playing(True)
            self.phase, self.phase_started = "preroll", time.monotonic()
        return False

    def _earliest_start(self) -> int:
        """Return the first frame that plays: within a preview range, only its own frames do."""
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
        if self.path is None:
            return False
        playing = self._is_playing()
        if self.playback and playing and self.seconds < _PLACEMENT_S:
            self.placements.append((self.scene.frame_current_final, self.seconds))
        if self.stop_requested or self._reached_end(playing):
            end_metadata = frame_zero(self.placements, self.rate)
            self.pending = self.ask(lambda hub: hub.commands.stop_recording(end_metadata))
            self.phase = "stopping"
            self._set_playing(False)
        return False

    def _reached_end(self, playing: bool) -> bool:
        if self.last_frame is None:
            return False
        if not playing:
            return self.first_frame + self.seconds * self.rate >= self.last_frame
        frame = self.scene.frame_current
        wrapped = frame < self.first_frame and self.seconds > _MIN_WRAP_S  # playback has started over
        return frame >= self.last_frame or wrapped

    def _stopping(self) -> bool:
        if self.pending is not None and not self.pending.done():
            return False
        error = self.pending.exception() if self.pending is not None else None
        self.on_take_done(self.path, str(error) if error is not None else "")
        self.scene.innerface.number += 1
        if self.loop and not self.stop_requested and error is None:
            self.phase, self.phase_started, self.countdown = "countdown", time.monotonic(), 0.0
            self.path = self.pending = None
            return False
        self.scene.frame_set(self.original_frame)
        return True

    # -- playback --

    def _window(self) -> Any:
        """Return the window in which Record was pressed, None if it was closed; a reference to it would be invalid."""
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
    """Return the frame at the start of a recording, from frames and the times (s) at which they played.

    Returns an empty dictionary where the scene did not play.
    """
    if len(placements) < 2:
        return {}
    frames, seconds = np.array(placements).T
    if frames[-1] - frames[0] < 0.5 * (seconds[-1] - seconds[0]) * rate:
        return {}
    return {"frame_zero": f"{float(np.median(frames - seconds * rate)):.3f}"}


def _time_of_day() -> float:
    now = datetime.now()
    return now.hour * 3600 + now.minute * 60 + now.second + now.microsecond * 1e-6

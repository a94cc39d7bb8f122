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

from ..core import timecode
from ..core.errors import InnerfaceError
from . import takes
from .keying import scene_rate
from .settings import preferences

_PLACED_S = 4.0  # of frames and times that say where on the timeline a take lies
_LONGEST_WAIT_S = 5.0


class Shoot:
    """One press of Record. `ask`: has the bridge do something, and gives a future; `done`: called after each take with its path and what
    went wrong, if anything.

    `phase`: countdown, preroll, recording, stopping. Raises InnerfaceError where the range makes no sense.
    """

    def __init__(self, context: Any, ask: Callable[[Any], Future[Any]], done: Callable[[Path | None, str], None]) -> None:
        self.ask, self.done = ask, done
        settings, shot = preferences(), context.scene.innerface
        self.scene, self.window = context.scene, context.window.as_pointer() if context.window is not None else 0
        self.rate = scene_rate(self.scene)
        self.playback, self.loop = settings.playback, shot.loop and shot.range != "FREE"
        self.first, self.last = self._range(shot.range)
        self.preroll = settings.preroll if self.playback else 0.0
        self.countdown = settings.countdown
        self.phase, self.since, self.stopping = "countdown", time.monotonic(), False
        self.began = 0.0
        self.path: Path | None = None
        self.pending: Future[Any] | None = None
        self.places: list[tuple[float, float]] = []  # frames, and seconds of the recording at which they played
        self.home = self.scene.frame_current

    def _range(self, kind: str) -> tuple[int, int | None]:
        scene = self.scene
        if kind == "FREE":
            return scene.frame_current, None
        if kind == "PUNCH" and not scene.use_preview_range:
            raise InnerfaceError("punch-in needs a preview range; set one with P in a timeline, or record the scene's range")
        first, last = (scene.frame_preview_start, scene.frame_preview_end) if kind == "PUNCH" else (scene.frame_start, scene.frame_end)
        if last <= first:
            raise InnerfaceError("the range to record ends where it begins; make it longer")
        return first, last

    @property
    def left(self) -> float:
        """Seconds until the recording begins."""
        if self.phase == "countdown":
            return max(self.countdown - (time.monotonic() - self.since), 0.0) + self.preroll
        if self.phase == "preroll":
            return max((self.first - self.scene.frame_current) / self.rate, 0.0) if self.playback else 0.0
        return 0.0

    @property
    def seconds(self) -> float:
        """Recorded so far."""
        return time.monotonic() - self.began if self.phase == "recording" else 0.0

    def tick(self) -> bool:
        """Go on; True when all is over."""
        try:
            return getattr(self, f"_{self.phase}")()
        except ReferenceError:  # the scene is gone
            self.abandon()
        except InnerfaceError as error:
            self.abandon()
            self.done(None, str(error))
        return True

    def stop(self) -> None:
        """Stop was pressed."""
        self.stopping = True

    def abandon(self) -> None:
        """Blender goes elsewhere: the bridge ends the take by itself."""
        self._play(False)

    # -- phases ----------------------------------------------------------------------------------------------------------------

    def _countdown(self) -> bool:
        if self.stopping:
            return True
        if time.monotonic() - self.since < self.countdown:
            return False
        start = self.first
        if self.playback:
            start = max(self.first - round(self.preroll * self.rate), min(self.first, self._earliest()))
        if self.playback or self.last is not None:
            self.scene.frame_set(start)
        if start == self.first:  # nothing plays before it: the scene waits for the recording
            self._begin()
        else:
            self._play(True)
            self.phase, self.since = "preroll", time.monotonic()
        return False

    def _earliest(self) -> int:
        """The frame that playback can begin at: within a preview range only its own frames play."""
        return self.scene.frame_preview_start if self.scene.use_preview_range else self.scene.frame_start

    def _preroll(self) -> bool:
        if self.stopping:
            self._play(False)
            return True
        waited = time.monotonic() - self.since
        if self.playback and self._playing() and self.scene.frame_current < self.first and waited < self.preroll + _LONGEST_WAIT_S:
            return False
        self._begin()
        return False

    def _begin(self) -> None:
        shot = self.scene.innerface
        name = f"{shot.slate.strip() or 'take'}_{shot.number:03d}"
        about = {
            "slate": shot.slate, "take": str(shot.number), "frame": f"{self.scene.frame_current_final:.3f}", "fps": repr(self.rate),
            "timecode": timecode.text(_time_of_day()), "blend": bpy.data.filepath,
        }  # fmt: skip
        folder = takes.folder()

        def begin(hub: Any) -> str:
            hub.options.folder = folder
            return hub.record(name, about=about)

        self.pending, self.places = self.ask(begin), []
        self.phase, self.began = "recording", time.monotonic()

    def _recording(self) -> bool:
        if self.pending is not None and self.pending.done():
            error = self.pending.exception()
            if error is not None:
                self._play(False)
                self.done(None, str(error))
                return True
            self.path, self.pending = Path(self.pending.result()), None
            self._play(True)
        playing = self._playing()
        if self.playback and playing and self.path is not None and time.monotonic() - self.began < _PLACED_S:
            self.places.append((self.scene.frame_current_final, time.monotonic() - self.began))
        frame = self.scene.frame_current if playing else self.first + (time.monotonic() - self.began) * self.rate
        ended = self.last is not None and (frame >= self.last or (playing and frame < self.first and time.monotonic() - self.began > 0.5))
        if self.path is not None and (self.stopping or ended):
            ending = frame_zero(self.places, self.rate)
            self.pending = self.ask(lambda hub: hub.stop_recording(ending))
            self.phase = "stopping"
            self._play(False)
        return False

    def _stopping(self) -> bool:
        if self.pending is not None and not self.pending.done():
            return False
        error = self.pending.exception() if self.pending is not None else None
        self.done(self.path, str(error) if error is not None else "")
        self.scene.innerface.number += 1
        if self.loop and not self.stopping and error is None:
            self.phase, self.since, self.countdown, self.path, self.pending = "countdown", time.monotonic(), 0.0, None, None
            return False
        self.scene.frame_set(self.home)
        return True

    # -- playback --------------------------------------------------------------------------------------------------------------

    def _window(self) -> Any:
        """The window that Record was pressed in, if it is still open: what was kept of a closed one must not be touched."""
        return next((w for w in bpy.context.window_manager.windows if w.as_pointer() == self.window), None)

    def _playing(self) -> bool:
        window = self._window()
        return window is not None and window.screen.is_animation_playing

    def _play(self, on: bool) -> None:
        window = self._window()
        if not self.playback or window is None or window.screen.is_animation_playing == on:
            return
        with bpy.context.temp_override(window=window, screen=window.screen):
            if on:
                bpy.ops.screen.animation_play(sync=True)  # frames are dropped rather than sound
            else:
                bpy.ops.screen.animation_cancel(restore_frame=False)


def frame_zero(places: list[tuple[float, float]], rate: float) -> dict[str, str]:
    """The frame at a recording's zero, from frames and the seconds at which they played; nothing where the scene did not play."""
    if len(places) < 2:
        return {}
    frames, seconds = np.array(places).T
    if frames[-1] - frames[0] < 0.5 * (seconds[-1] - seconds[0]) * rate:
        return {}
    return {"frame_zero": f"{float(np.median(frames - seconds * rate)):.3f}"}


def _time_of_day() -> float:
    now = datetime.now()
    return now.hour * 3600 + now.minute * 60 + now.second + now.microsecond * 1e-6

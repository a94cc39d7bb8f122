"""What operators share: errors in the status bar, notes, work in the background, and small helpers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import bpy

from ...core.errors import InnerfaceError
from ...core.printable import one_line
from ..animation.playback import playing_action
from ..character.face import face_or_none
from ..live.session import session

_TIMER_INTERVAL_S = 0.05
_MAX_ESTIMATED_PROGRESS = 0.98  # the estimate of the duration may be wrong


class ReportsErrors:
    """Mixin for operators: `work(context)` does the work, and its InnerfaceError becomes a line in the status bar."""

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Called by Blender."""
        if "UNDO" in getattr(self, "bl_options", ()):
            session.hide()  # the undo step must not contain the preview
        return self.report_errors(lambda: self.work(context))  # type: ignore[attr-defined]

    def report_errors(self, work: Callable[[], set[str]]) -> set[str]:
        """Return the result of `work`, or report its InnerfaceError."""
        try:
            return work()
        except InnerfaceError as error:
            self.report({"ERROR"}, str(error))  # type: ignore[attr-defined]
            return {"CANCELLED"}

    def report_notes(self, notes: list[str], summary: str) -> set[str]:
        """Report notes and then the summary, which stays in the status bar."""
        for note in (*notes, summary):
            self.report({"INFO"}, one_line(note))  # type: ignore[attr-defined]
        return {"FINISHED"}


class RequiresTakeAction:
    """Mixin for operators on the current action of the face, where it was baked from a take."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Called by Blender."""
        face = face_or_none(context)
        return face is not None and playing_action(face) is not None


@dataclass
class Job:
    """Work that may run in a thread of its own.

    Attributes
    ----------
    label : str
        What is being done, for the progress bar.
    work : Callable
        The work; it must not touch Blender's data.
    expected_s : float
        Expected duration in seconds, for the progress bar.
    result : Any
        What `work` returned.
    error : str
        Message where `work` failed, else "".
    """

    label: str
    work: Callable[[], Any]
    expected_s: float
    result: Any = None
    error: str = ""
    _started: float = field(default=0.0, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def start(self) -> None:
        """Start the thread."""
        self._started = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="innerface job", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.result = self.work()
        except InnerfaceError as error:
            self.error = str(error)
        except Exception as error:
            self.error = f"internal error in Innerface ({type(error).__name__}: {error}); please report it"

    @property
    def done(self) -> bool:
        """Whether the thread has ended."""
        return self._thread is not None and not self._thread.is_alive()

    @property
    def progress(self) -> float:
        """Estimated progress, 0..1."""
        return min((time.monotonic() - self._started) / max(self.expected_s, 0.2), _MAX_ESTIMATED_PROGRESS)


_running_jobs: list[Job] = []


def running_job() -> Job | None:
    """Return the job that runs now, None if there is none."""
    return _running_jobs[0] if _running_jobs else None


class BackgroundOperator(ReportsErrors):
    """Mixin for operators whose long part runs in a thread, with a progress bar; Esc cancels without any change.

    `prepare(context)` returns the Job, and `finish(context, result)` changes Blender's data. Scripts run both at once.
    """

    def work(self, context: bpy.types.Context) -> set[str]:
        """Run without a thread, for scripts."""
        return self.finish(context, self.prepare(context).work())  # type: ignore[attr-defined]

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Called by Blender for a button."""
        return self.start_job(context)

    def start_job(self, context: bpy.types.Context) -> set[str]:
        """Start the job and the timer that watches it."""
        return self.report_errors(lambda: self._start_job(context))

    def started_from_dialog(self) -> bool:
        """Whether `execute` was called by a dialog or the file browser rather than by a script."""
        options = self.options  # type: ignore[attr-defined]
        return options.is_invoke and not options.is_repeat and not bpy.app.background

    def _start_job(self, context: bpy.types.Context) -> set[str]:
        running = running_job()
        if running is not None:
            raise InnerfaceError(f"{running.label} is still running; wait until it has finished, or press Esc")
        self.job: Job = self.prepare(context)  # type: ignore[attr-defined]
        self.job.start()
        _running_jobs.append(self.job)
        manager = context.window_manager
        self.timer = manager.event_timer_add(_TIMER_INTERVAL_S, window=context.window)
        manager.progress_begin(0, 100)
        context.workspace.status_text_set(f"{self.job.label} (Esc to cancel)")
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Called by Blender for each event."""
        if event.type == "ESC" and event.value == "PRESS":
            self._end_job(context)
            self.report({"INFO"}, f"{self.job.label}: cancelled, nothing has changed")  # type: ignore[attr-defined]
            return {"CANCELLED"}
        if event.type != "TIMER":
            return {"RUNNING_MODAL"}
        context.window_manager.progress_update(100 * self.job.progress)
        if not self.job.done:
            return {"RUNNING_MODAL"}
        self._end_job(context)
        if self.job.error:
            self.report({"ERROR"}, one_line(self.job.error))  # type: ignore[attr-defined]
            return {"CANCELLED"}
        session.hide()
        return self.report_errors(lambda: self.finish(context, self.job.result))  # type: ignore[attr-defined]

    def cancel(self, context: bpy.types.Context) -> None:
        """Called by Blender where the window is closed, or where a dialog is cancelled before the job has started."""
        if hasattr(self, "job"):
            self._end_job(context)

    def _end_job(self, context: bpy.types.Context) -> None:
        _running_jobs.clear()
        context.window_manager.event_timer_remove(self.timer)
        context.window_manager.progress_end()
        context.workspace.status_text_set(None)


def classes_and_menu_factory(
    classes: Sequence[type], menu: str, draw_entries: Callable[[Any, Any], None]
) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return `register` and `unregister` for classes and their entries in one of Blender's menus."""
    register_classes, unregister_classes = bpy.utils.register_classes_factory(classes)

    def register() -> None:
        register_classes()
        getattr(bpy.types, menu).append(draw_entries)

    def unregister() -> None:
        getattr(bpy.types, menu).remove(draw_entries)
        unregister_classes()

    return register, unregister


@contextmanager
def wait_cursor(window: Any) -> Iterator[None]:
    """Show the wait cursor: Blender's exporters step through every frame and cannot be interrupted."""
    if window is None:
        yield
        return
    window.cursor_set("WAIT")
    try:
        yield
    finally:
        window.cursor_set("DEFAULT")

"""Operators whose mistakes a user can mend, and long ones that can be cancelled."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from ...core.errors import InnerfaceError
from ..live.session import session


class ReportsErrors:
    """One line in the status bar instead of a traceback: `work` raises InnerfaceError."""

    def execute(self, context: Any) -> set[str]:
        """Blender's call."""
        if "UNDO" in getattr(self, "bl_options", ()):
            session.hide()  # the undo step must not hold the preview
        return self.report_errors(lambda: self.work(context))  # type: ignore[attr-defined]

    def report_errors(self, work: Callable[[], set[str]]) -> set[str]:
        """What `work` gives; its mistake in one line."""
        try:
            return work()
        except InnerfaceError as error:
            self.report({"ERROR"}, str(error))  # type: ignore[attr-defined]
            return {"CANCELLED"}

    def report_notes(self, notes: list[str], summary: str) -> set[str]:
        """All was done: notes for the user, and what was done, which stays in the status bar."""
        for note in (*notes, summary):
            self.report({"INFO"}, note)  # type: ignore[attr-defined]
        return {"FINISHED"}


class Job:
    """Work in a thread of its own. `expected_s`: how long it will take, for the bar; `result` or `error` when `done`."""

    def __init__(self, label: str, work: Callable[[], Any], expected_s: float) -> None:
        self.label, self.expected_s, self.started = label, max(expected_s, 0.2), time.monotonic()
        self.result: Any = None
        self.error = ""
        self.thread = threading.Thread(target=self._run, args=(work,), name="innerface job", daemon=True)
        self.thread.start()

    def _run(self, work: Callable[[], Any]) -> None:
        try:
            self.result = work()
        except InnerfaceError as error:
            self.error = str(error)
        except Exception as error:
            self.error = f"a mistake of Innerface ({type(error).__name__}: {error}); please tell its makers"

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return not self.thread.is_alive()

    @property
    def progress(self) -> float:
        """How far it is, by the clock."""
        return min((time.monotonic() - self.started) / self.expected_s, 0.98)


jobs: list[Job] = []  # the running one, for panels


class BackgroundOperator(ReportsErrors):
    """An operator whose long part runs in a thread, with a bar; Esc cancels, and nothing has changed then.

    `prepare(context)` gives (label, work, seconds that it will take), `finish(context, result)` changes Blender's data. By script both run at once.
    """

    def work(self, context: Any) -> set[str]:
        """By script: no bar."""
        _, work, _ = self.prepare(context)  # type: ignore[attr-defined]
        return self.finish(context, work())  # type: ignore[attr-defined]

    def invoke(self, context: Any, _event: Any) -> set[str]:
        """Blender's call, from a button."""
        return self.begin_job(context)

    def begin_job(self, context: Any) -> set[str]:
        """From `invoke`: the thread, and a timer that looks after it."""
        return self.report_errors(lambda: self._start_job(context))

    def _start_job(self, context: Any) -> set[str]:
        if jobs:
            raise InnerfaceError(f"{jobs[0].label}: wait for it, or press Esc")
        self.job = Job(*self.prepare(context))  # type: ignore[attr-defined]
        jobs.append(self.job)
        manager = context.window_manager
        self.timer = manager.event_timer_add(0.05, window=context.window)
        manager.progress_begin(0, 100)
        context.workspace.status_text_set(f"{self.job.label} ... Esc cancels")
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: Any, event: Any) -> set[str]:
        """Blender's call, at each event."""
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
            self.report({"ERROR"}, self.job.error)  # type: ignore[attr-defined]
            return {"CANCELLED"}
        session.hide()
        return self.report_errors(lambda: self.finish(context, self.job.result))  # type: ignore[attr-defined]

    def cancel(self, context: Any) -> None:
        """Blender's call, where the window is closed, or a dialog before the work is cancelled: then there is nothing to end."""
        if hasattr(self, "job"):
            self._end_job(context)

    def _end_job(self, context: Any) -> None:
        jobs.clear()
        context.window_manager.event_timer_remove(self.timer)
        context.window_manager.progress_end()
        context.workspace.status_text_set(None)

"""Progress bars on stderr, and quiet native libraries."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stderr, redirect_stdout
from tempfile import TemporaryFile
from typing import IO, Any, cast

from tqdm import tqdm

tqdm.monitor_interval = 0  # no thread beside Blender's own


class _CurrentStderr:
    """The `sys.stderr` of the moment, as `filter_display_errors` replaces it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)


class ProgressBar:
    """A bar on a terminal; a line with the duration at the end, on a terminal or not."""

    def __init__(self, label: str) -> None:
        self.label, self.started = label, time.monotonic()
        self._bar = tqdm(
            total=1.0,
            desc=f"  {label:<24}",
            bar_format="{desc} {bar:28} {percentage:3.0f}%",
            file=cast("IO[str]", _CurrentStderr()),
            disable=None,  # disabled if stderr is not a terminal
            leave=False,
        )

    def __call__(self, share: float) -> None:
        """Show progress, 0..1."""
        self._bar.update(min(share, 1.0) - self._bar.n)

    def clear(self) -> None:
        """Remove the bar."""
        self._bar.close()

    def finish(self) -> None:
        """Replace the bar by a line with the duration."""
        self.clear()
        sys.stderr.write(f"  {self.label:<24} {time.monotonic() - self.started:5.1f} s\n")
        sys.stderr.flush()


@contextmanager
def step(label: str, *, report: bool = True) -> Iterator[ProgressBar]:
    """Progress bar of one step, removed if the step fails; `report`: leave a line with the duration."""
    bar = ProgressBar(label)
    try:
        yield bar
    except BaseException:
        bar.clear()
        raise
    if report:
        bar.finish()
    else:
        bar.clear()


class SequentialProgress:
    """Context with one bar after the other, for work in several steps that report their progress."""

    def __init__(self) -> None:
        self.bar: ProgressBar | None = None

    def __call__(self, label: str) -> Callable[[float], None]:
        """Progress callback (0..1) of a step; its first call finishes the step before."""

        def update(share: float) -> None:
            if self.bar is None or self.bar.label != label:
                if self.bar is not None:
                    self.bar.finish()
                self.bar = ProgressBar(label)
            self.bar(share)

        return update

    def __enter__(self) -> SequentialProgress:
        return self

    def __exit__(self, error_type: object, *_: object) -> None:
        if self.bar is not None:
            if error_type is None:
                self.bar.finish()
            else:
                self.bar.clear()


@contextmanager
def suppress_stdout() -> Iterator[None]:
    """Discard what Blender's exporters print on stdout, natively or from Python, to keep JSON output clean."""
    sys.stdout.flush()
    saved = os.dup(1)
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 1)
        with open(os.devnull, "w") as devnull, redirect_stdout(devnull):
            yield
    finally:
        sys.stdout.flush()
        os.dup2(saved, 1)
        os.close(saved)
        os.close(sink)


def filter_display_errors() -> AbstractContextManager[None]:
    """Drop lines on stderr in which a renderer reports a missing display; other lines follow at the end."""
    return _filter_stderr("EGL")


def filter_tracker_logs() -> AbstractContextManager[None]:
    """Drop what MediaPipe logs on stderr while nothing is wrong; other lines follow at the end."""
    return _filter_stderr("INFO: Created TensorFlow", "WARNING: All log messages before", "I0000 ", "W0000 ")


@contextmanager
def _filter_stderr(*unwanted: str) -> Iterator[None]:
    """Drop lines of native libraries on stderr that hold one of these texts; other lines follow at the end."""
    sys.stderr.flush()
    saved = os.dup(2)
    with TemporaryFile() as captured, open(saved, "w", encoding="utf-8", errors="replace", buffering=1) as terminal:
        os.dup2(captured.fileno(), 2)
        try:
            with redirect_stderr(terminal if sys.stderr is sys.__stderr__ else sys.stderr):  # bars stay visible
                yield
        finally:
            os.dup2(saved, 2)
            captured.seek(0)
            lines = captured.read().decode(errors="replace").splitlines(True)
            sys.stderr.write("".join(line for line in lines if not any(text in line for text in unwanted)))

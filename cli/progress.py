"""Progress bars on stderr, and quiet native libraries."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from tempfile import TemporaryFile

_WIDTH = 28


class ProgressBar:
    """A bar that is redrawn in place on a terminal, and written as one line per step elsewhere."""

    def __init__(self, label: str) -> None:
        self.label, self.started, self.last_drawn = label, time.monotonic(), 0.0
        self.is_terminal = sys.stderr.isatty()

    def __call__(self, share: float) -> None:
        """Show how much is done, 0..1."""
        now = time.monotonic()
        if self.is_terminal and (now - self.last_drawn > 0.1 or share >= 1):
            self.last_drawn = now
            filled = int(_WIDTH * min(share, 1.0))
            sys.stderr.write(f"\r  {self.label:<24} {'█' * filled}{'·' * (_WIDTH - filled)} {share:4.0%}")
            sys.stderr.flush()

    def finish(self) -> None:
        """Close the bar."""
        seconds = time.monotonic() - self.started
        if self.is_terminal:
            sys.stderr.write(f"\r  {self.label:<24} {'█' * _WIDTH} {seconds:5.1f} s\n")
        else:
            sys.stderr.write(f"  {self.label:<24} {seconds:5.1f} s\n")
        sys.stderr.flush()


@contextmanager
def step(label: str) -> Iterator[ProgressBar]:
    """One step of long work: a bar that closes when the step ends, and goes when it fails."""
    bar = ProgressBar(label)
    bar(0.0)
    try:
        yield bar
    except BaseException:
        if bar.is_terminal:
            sys.stderr.write("\r" + " " * 70 + "\r")
        raise
    bar.finish()


class SequentialProgress:
    """Bars one after the other, for work that calls back how far which part of it is. Use as a context."""

    def __init__(self) -> None:
        self.bar: ProgressBar | None = None

    def __call__(self, label: str) -> Callable[[float], None]:
        """A callback (0..1) for the part so called; the part before it is done when this one is first heard of."""

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
        if self.bar is not None and error_type is None:
            self.bar.finish()


@contextmanager
def suppress_stdout() -> Iterator[None]:
    """Send what Blender's savers and exporters print on stdout, natively or from Python, to nowhere: JSON output stays clean."""
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


@contextmanager
def filter_display_errors() -> Iterator[None]:
    """Drop the lines by which a renderer says on stderr that there is no screen; what else it says comes when it is done."""
    sys.stderr.flush()
    saved = os.dup(2)
    with TemporaryFile() as captured, open(saved, "w", encoding="utf-8", errors="replace", buffering=1) as terminal:
        os.dup2(captured.fileno(), 2)
        try:
            with redirect_stderr(terminal if sys.stderr is sys.__stderr__ else sys.stderr):  # bars go on
                yield
        finally:
            os.dup2(saved, 2)
            captured.seek(0)
            sys.stderr.write(
                "".join(line for line in captured.read().decode(errors="replace").splitlines(True) if "EGL" not in line)
            )

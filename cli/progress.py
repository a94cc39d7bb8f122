"""Progress bars on stderr, and quiet native libraries."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from tempfile import TemporaryFile

_WIDTH = 28


class Progress:
    """A bar that is redrawn in place on a terminal, and written as one line per step elsewhere."""

    def __init__(self, label: str) -> None:
        self.label, self.began, self.drawn = label, time.monotonic(), 0.0
        self.live = sys.stderr.isatty()

    def __call__(self, share: float) -> None:
        """Show how much is done, 0..1."""
        now = time.monotonic()
        if self.live and (now - self.drawn > 0.1 or share >= 1):
            self.drawn = now
            full = int(_WIDTH * min(share, 1.0))
            sys.stderr.write(f"\r  {self.label:<24} {'█' * full}{'·' * (_WIDTH - full)} {share:4.0%}")
            sys.stderr.flush()

    def done(self) -> None:
        """Close the bar."""
        seconds = time.monotonic() - self.began
        if self.live:
            sys.stderr.write(f"\r  {self.label:<24} {'█' * _WIDTH} {seconds:5.1f} s\n")
        else:
            sys.stderr.write(f"  {self.label:<24} {seconds:5.1f} s\n")
        sys.stderr.flush()


@contextmanager
def step(label: str) -> Iterator[Progress]:
    """One step of long work: a bar that closes when the step ends, and goes when it fails."""
    bar = Progress(label)
    bar(0.0)
    try:
        yield bar
    except BaseException:
        if bar.live:
            sys.stderr.write("\r" + " " * 70 + "\r")
        raise
    bar.done()


class Steps:
    """Bars one after the other, for work that calls back how far which part of it is. Use as a context."""

    def __init__(self) -> None:
        self.bar: Progress | None = None

    def __call__(self, label: str) -> Callable[[float], None]:
        """A callback (0..1) for the part so called; the part before it is done when this one is first heard of."""

        def show(share: float) -> None:
            if self.bar is None or self.bar.label != label:
                if self.bar is not None:
                    self.bar.done()
                self.bar = Progress(label)
            self.bar(share)

        return show

    def __enter__(self) -> Steps:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self.bar is not None and kind is None:
            self.bar.done()


@contextmanager
def quiet() -> Iterator[None]:
    """Send what Blender's savers and exporters print on stdout, natively or from Python, to nowhere: JSON output stays clean."""
    sys.stdout.flush()
    saved = os.dup(1)
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 1)
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
            yield
    finally:
        sys.stdout.flush()
        os.dup2(saved, 1)
        os.close(saved)
        os.close(sink)


@contextmanager
def without_display() -> Iterator[None]:
    """Drop the lines by which a renderer says on stderr that there is no screen; what else it says comes when it is done."""
    sys.stderr.flush()
    saved = os.dup(2)
    with TemporaryFile() as said, open(saved, "w", encoding="utf-8", errors="replace", buffering=1) as terminal:
        os.dup2(said.fileno(), 2)
        try:
            with redirect_stderr(terminal if sys.stderr is sys.__stderr__ else sys.stderr):  # bars go on
                yield
        finally:
            os.dup2(saved, 2)
            said.seek(0)
            sys.stderr.write("".join(line for line in said.read().decode(errors="replace").splitlines(True) if "EGL" not in line))

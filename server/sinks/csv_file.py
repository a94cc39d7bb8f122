"""Faces as a Live Link Face CSV, row by row; a crash leaves the rows so far in FILE.part."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from ...core import timecode
from ...core.errors import InnerfaceError
from ...core.formats.live_link_face import HEADER, line
from ..frame import Frame, live_link_values
from ..hub import Hub

_FLUSH = 30  # rows


class CsvFile:
    """Timecodes count from the hub's start."""

    name = "csv"

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.part = self.path.with_name(self.path.name + ".part")
        self.rows, self.last, self.problem = 0, -1.0, ""
        self.out: TextIO | None = None

    async def start(self, hub: Hub) -> None:
        """Open the file. Raises InnerfaceError where it is there already, or cannot be written."""
        if self.path.exists():
            raise InnerfaceError(f"{self.path}: is there already, and is not overwritten; give another name")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.out = open(self.part, "x", encoding="utf-8", newline="")
            self.out.write(HEADER + "\n")
        except FileExistsError:
            raise InnerfaceError(f"{self.part}: was left by a bridge that crashed, with its rows in it; rename it to a .csv, or delete it") from None
        except OSError as error:
            raise InnerfaceError(f"{self.path}: cannot be written ({error.strerror}); choose another folder") from None

    async def stop(self) -> None:
        """The finished file takes its name; one without rows is not kept."""
        if self.out is None:
            return
        try:
            self.out.close()
            if self.rows:
                self.part.replace(self.path)
            else:
                self.part.unlink()
        except OSError as error:
            self.problem = f"{self.path}: {error.strerror}; the rows are in {self.part}"
        self.out = None

    def put(self, frame: Frame) -> None:
        """One row; a frame that is not later than the last is left out."""
        if self.out is None or round(frame.time * timecode.TICKS) <= round(self.last * timecode.TICKS):
            return
        self.last = frame.time
        try:
            self.out.write(line(frame.time, live_link_values(frame).tolist()) + "\n")
            self.rows += 1
            if self.rows % _FLUSH == 0:
                self.out.flush()
        except OSError as error:
            self.problem = f"cannot be written ({error.strerror}); free space"

    def about(self) -> str:
        """The file."""
        return f"{self.path}, {self.rows} rows" + (f"; {self.problem}" if self.problem else "")

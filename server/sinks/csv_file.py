"""Faces as a Live Link Face CSV; after a crash, the rows so far are in FILE.part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ...core.errors import InnerfaceError
from ...core.formats.live_link_face import HEADER, format_row
from ...core.take import timecode
from ..arguments import argument
from ..frame import Frame, live_link_values
from ..specs import SinkSpec, no_peer
from ..status import Health

if TYPE_CHECKING:
    from ..hub import Hub

_FLUSH_ROWS = 30


class CsvSink:
    """Writes faces as rows; timecodes count from the hub's start."""

    name = "csv"

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.partial_path = self.path.with_name(self.path.name + ".part")
        self.rows, self.last_time, self.problem = 0, -1.0, ""
        self.file: TextIO | None = None

    async def start(self, hub: Hub) -> None:
        """Create the file. Raises InnerfaceError if it exists or cannot be written."""
        self.hub = hub
        if self.path.exists():
            raise InnerfaceError(f"{self.path}: exists, and is never overwritten; give another name")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.file = open(self.partial_path, "x", encoding="utf-8", newline="")
            self.file.write(HEADER + "\n")
        except FileExistsError:
            raise InnerfaceError(
                f"{self.partial_path}: was left behind by a crash; rename it to .csv to keep its rows, or delete it"
            ) from None
        except OSError as error:
            raise InnerfaceError(f"{self.path}: cannot be written ({error.strerror}); choose another folder") from None

    async def stop(self) -> None:
        """Give the file its final name; delete it if it has no rows."""
        if self.file is None:
            return
        try:
            self.file.close()
            if self.rows:
                self.partial_path.replace(self.path)
            else:
                self.partial_path.unlink()
        except OSError as error:
            self.problem = f"{self.path}: {error.strerror}; the rows are in {self.partial_path}"
            self.hub.note(self.problem)
        self.file = None

    def put(self, frame: Frame) -> None:
        """Write a row, unless the frame is not later than the last."""
        if self.file is None or round(frame.time * timecode.TICKS_PER_SECOND) <= round(
            self.last_time * timecode.TICKS_PER_SECOND
        ):
            return
        self.last_time = frame.time
        try:
            self.file.write(format_row(frame.time, live_link_values(frame).tolist()) + "\n")
            self.rows += 1
            if self.rows % _FLUSH_ROWS == 0:
                self.file.flush()
        except OSError as error:
            self.problem = f"cannot be written ({error.strerror}); free space"

    def describe(self) -> str:
        """Return the file and its number of rows."""
        return f"{self.path}, {self.rows} rows"

    def health(self) -> Health:
        """Failed once a row could not be written."""
        return Health("failed", self.problem) if self.problem else Health()


@dataclass(frozen=True)
class CsvOptions:
    """Arguments of `csv`."""

    file: str = argument("", positional=True, required=True, path=True, metavar="FILE.csv", help="never overwritten")


SPEC = SinkSpec(
    kind="csv",
    summary="a Live Link Face CSV",
    options=CsvOptions,
    peer=no_peer,
    create=lambda options, _: CsvSink(options.file),
)

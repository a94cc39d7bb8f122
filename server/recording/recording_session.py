"""The take that is being recorded: where it is written, its marks, and what is said of it at its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import InnerfaceError
from ...core.face.neutral import Neutral
from ...core.files import safe_file_name
from ...core.take import TrackKind
from .mcap_writer import TrackSample
from .take_recorder import RecordedCalibration, RecordedCamera, TakeRecorder

_MAX_NAME_BYTES, _MAX_MARK_CHARS = 160, 500


@dataclass(frozen=True)
class TakeStart:
    """What a take begins with: where it comes from (`provenance`), and the state of sensors and camera."""

    provenance: dict[str, str]
    calibration: RecordedCalibration | None
    camera: RecordedCamera


class RecordingSession:
    """One take at a time. `recorder`: None between takes; `folder`: where takes without a path go."""

    def __init__(self, clock: Callable[[], float], folder: Path) -> None:
        self.recorder: TakeRecorder | None = None
        self.folder, self.mark_count = folder, 0
        self._clock = clock

    def start(
        self, begin: TakeStart, *, name: str = "", path: Path | None = None, metadata: dict[str, str] | None = None
    ) -> str:
        """Begin a take; where it is written. `metadata`: texts that are kept with it.

        Raises InnerfaceError where one is being recorded, or the place cannot be written.
        """
        if self.recorder is not None:
            raise InnerfaceError(f"{self.recorder.path} is being recorded; stop it first")
        path = path or self._free_path(name)
        self.recorder = TakeRecorder(
            path,
            self._clock(),
            metadata=begin.provenance | (metadata or {}),
            calibration=begin.calibration,
            camera=begin.camera,
        )
        if begin.camera.neutral.rest.any():
            self.recorder.put_neutral(begin.camera.neutral, self._clock())
        self.mark_count = 0
        return str(path)

    def _free_path(self, name: str) -> Path:
        stem = safe_file_name(name).encode()[:_MAX_NAME_BYTES].decode(errors="ignore")
        stem = stem or f"take {datetime.now():%Y-%m-%d %H-%M-%S}"
        path, count = self.folder / f"{stem}.mcap", 1
        while path.exists():
            count += 1
            path = self.folder / f"{stem} {count}.mcap"
        return path

    def detach(self) -> TakeRecorder:
        """The recorder, to which nothing is written any more. Raises InnerfaceError where nothing is recorded."""
        recorder, self.recorder = self.recorder, None
        if recorder is None:
            raise InnerfaceError("nothing is being recorded; start with 'record'")
        return recorder

    async def finish(
        self, recorder: TakeRecorder, quality_notes: list[str], metadata: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """Close a take's file: its path, rows and seconds, and what is said of its quality."""
        seconds = self._clock() - recorder.start_time
        quality_notes = quality_notes + ([recorder.problem] if recorder.problem else [])
        texts = {"quality": "; ".join(quality_notes), "seconds": f"{seconds:.3f}"} | (metadata or {})
        await asyncio.to_thread(recorder.close, texts)
        return {
            "path": str(recorder.path),
            "files": [str(path) for path in recorder.paths],
            "rows": recorder.rows,
            "seconds": round(self._clock() - recorder.start_time, 2),
            "dropped": recorder.dropped,
            "problem": recorder.problem,
            "quality": quality_notes,
        }

    def put_neutral(self, neutral: Neutral) -> None:
        """The camera's neutral was set."""
        if self.recorder is not None:
            self.recorder.put_neutral(neutral, self._clock())

    def put_recentring(self) -> None:
        """The head was recentred."""
        if self.recorder is not None:
            self.recorder.put_recentring(self._clock())

    def mark(self, text: str = "") -> int:
        """A mark in the take; its number."""
        self.mark_count += 1
        if self.recorder is not None:
            number = np.array([float(self.mark_count)])
            extra = {"text": text[:_MAX_MARK_CHARS]}
            self.recorder.put(
                TrackSample(TrackKind.EVENTS, TrackKind.EVENTS, ("mark",), self._clock(), number, extra=extra)
            )
        return self.mark_count

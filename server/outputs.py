"""Where faces go: sinks, and listeners in this program; and how late they are."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..core.pipeline import FaceFrame
from .frame import Frame
from .interfaces import Retryable

if TYPE_CHECKING:
    from .interfaces import Sink

FaceListener = Callable[[Frame], object]
_RECENT_FRAMES, _RATE_WINDOW_S, _MIN_RATE_SPAN_S = 1200, 2.0, 0.5


class Outputs:
    """Sinks and listeners: both get every face."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.sinks: list[Sink] = []
        self.listeners: set[FaceListener] = set()
        self.sequence = 0
        self._clock = clock
        self._frame_times: deque[float] = deque(maxlen=300)
        self._latencies: deque[float] = deque(maxlen=_RECENT_FRAMES)
        self._delays: deque[float] = deque(maxlen=_RECENT_FRAMES)

    def emit(self, faces: list[FaceFrame]) -> None:
        """Faces go to all sinks and listeners."""
        for face in faces:
            self.sequence += 1
            frame = Frame(
                self.sequence, face.time, face.arrival, face.values, face.confidence, face.source, face.observed
            )
            for sink in self.sinks:
                sink.put(frame)
            for listener in list(self.listeners):
                listener(frame)
            now = self._clock()
            self._frame_times.append(now)
            self._latencies.append(now - face.arrival)
            self._delays.append(now - face.time)

    def retry(self, name: str = "") -> bool:
        """Sinks of that name ("" for all) that can try again do; whether there is one."""
        sinks = [s for s in self.sinks if isinstance(s, Retryable) and name in ("", s.name)]
        for sink in sinks:
            sink.retry()
        return bool(sinks)

    def rate(self, now: float) -> float:
        """Faces per second, lately."""
        recent = [t for t in self._frame_times if now - t < _RATE_WINDOW_S]
        if not recent:
            return 0.0
        began = recent[0] if len(recent) == len(self._frame_times) else now - _RATE_WINDOW_S
        return len(recent) / max(now - began, _MIN_RATE_SPAN_S)

    def latency_ms(self, percentile: float) -> float:
        """From the arrival of the sample that completed a face until it went out."""
        return 1000 * float(np.percentile(np.array(self._latencies), percentile)) if self._latencies else 0.0

    def delay_ms(self) -> float:
        """Age of faces when they go out: the delay that audio needs.

        Look-ahead, waiting for samples, computing and queueing.
        """
        return 1000 * float(np.median(self._delays)) if self._delays else 0.0

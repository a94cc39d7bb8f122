"""What each stream becomes in a recording: tracks, columns, and what is kept beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..core.channels import ARKIT, LIVE_LINK_FACE
from ..core.imu.signal import columns
from ..core.imu.worn import META, Worn
from ..core.neutral import Neutral
from .messages import Bio, Face, Imu
from .recorder import Recorder
from .streams import Stream


@dataclass
class _Heard:
    """Samples of a stream: lost ones before the recording, those that came, and per site those that held something."""

    stream: Stream
    before: int
    came: int
    held: np.ndarray

    def lost(self) -> np.ndarray:
        return 1 - self.held / max(self.came + self.stream.counter.lost - self.before, 1)


class Recording(Recorder):
    """A take of a hub's streams. Times are on the hub's clock; `started`: the take's zero there; `worn`: the calibration that its sensors begin with."""

    def __init__(self, path: Path, started: float, about: dict[str, str] | None = None, worn: Worn | None = None) -> None:
        super().__init__(path, path.stem, started, about)
        self.tracks: dict[tuple[str, str, str], str] = {}
        self.worn = {} if worn is None else {META: worn.text()}
        self.heard: dict[tuple[str, ...], _Heard] = {}  # by the sites that come together

    def lost(self) -> dict[str, float]:
        """Per site, the share of the samples since the start that never came or held nothing of it."""
        return {site: float(share) for sites, heard in self.heard.items() for site, share in zip(sites, heard.lost())}

    def relaxed(self, neutral: Neutral, at: float) -> None:
        """The camera's neutral was set."""
        self.put("neutral", "neutral", ARKIT, {}, at, neutral.rest, {})

    def imu(self, stream: Stream, message: Imu, at: float, arrival: float) -> None:
        """A sample of a device's sensors, under the sites that they sit at."""
        heard = self.heard.setdefault(stream.sites, _Heard(stream, stream.counter.lost, 0, np.zeros(len(stream.sites))))
        heard.came += 1
        heard.held += message.rotation[:, 0] == message.rotation[:, 0]
        meta = self.worn | {"acceleration": "linear" if message.linear else "specific_force", "device": message.device}
        meta |= {"up": message.up} if message.up else {}
        values = np.concatenate([message.rotation, message.acceleration], axis=1).ravel()
        extra = self._heard(arrival, device_time=message.time, sequence=message.sequence, sync=message.sync)
        if message.gyro is not None:
            extra["gyro"] = np.round(message.gyro, 4).tolist()
        self.put(self._track(stream, "imu", message.part), "imu", columns(stream.sites), meta, at, values, extra)

    def face(self, stream: Stream, message: Face, at: float, arrival: float) -> None:
        """A camera's face; none at all where it sees none."""
        values = np.array([message.values.get(c, np.nan) for c in LIVE_LINK_FACE])
        extra = self._heard(arrival, device_time=message.time)
        self.put(self._track(stream, "weights"), "weights", LIVE_LINK_FACE, {"device": stream.device}, at, values, extra)

    def bio(self, stream: Stream, message: Bio, at: float) -> None:
        """Samples of biosignals, the last one taken at `at` (`Stream.steady`)."""
        track, count = self._track(stream, "biosignal"), len(message.values)
        for k, row in enumerate(message.values):
            when = at - (count - 1 - k) / message.rate
            self.put(track, "biosignal", message.columns, {"unit": "uV", "rate_hz": repr(message.rate)}, when, row, {})

    def _heard(self, arrival: float, **more: Any) -> dict[str, Any]:
        return {"arrival": round(arrival - self.started, 6)} | {k: v for k, v in more.items() if v is not None}

    def _track(self, stream: Stream, kind: str, part: str = "") -> str:
        """A stream's track: of the plain kind for the first, of its own for others, and always the same."""
        key = (stream.source, stream.device, kind + part)
        if key not in self.tracks:
            name = kind if kind not in self.tracks.values() else f"{kind} {stream.device} {part}".rstrip()
            self.tracks[key] = name if name not in self.tracks.values() else f"{name} {len(self.tracks) + 1}"
        return self.tracks[key]

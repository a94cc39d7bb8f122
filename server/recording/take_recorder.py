"""What each stream becomes in a recording: tracks, columns, and what is kept beside them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...core.arrays import Array
from ...core.face.channels import ARKIT, LIVE_LINK_FACE
from ...core.face.neutral import Neutral
from ...core.imu.calibration_state import META_KEY, CalibrationState
from ...core.imu.signal import column_names
from ...core.pipeline.replay import (
    FRAME_START_KEY,
    HEAD_ZERO_KEY,
    LOOKAHEAD_KEY,
    MIXER_KEY,
    RATE_KEY,
    RECENTRE_COLUMN,
    RECENTRE_KEY,
)
from ...core.take import TrackKind
from ..messages import BioSample, FaceSample, ImuSample
from ..streams import Stream
from .mcap_writer import McapWriter, TrackSample

_MAX_TALLIES = 64  # devices send the same sites, unless they are broken
_MAX_TRACK_NAMES = 256  # as many as a file has channels


@dataclass(frozen=True)
class RecordedCalibration:
    """What the sensors of a take begin with, and how their faces are shown live.

    Attributes:
        state: the calibration.
        frame_start: time of the session's first frame on the hub's clock.
        recentre: the head recentres by itself.
        lookahead: faces wait for what makes them exact.
    """

    state: CalibrationState
    frame_start: float
    recentre: bool
    lookahead: bool

    def to_meta(self, start_time: float) -> dict[str, str]:
        """Texts of an IMU track in a take that starts at `start_time`."""
        return {
            META_KEY: self.state.to_json(),
            FRAME_START_KEY: repr(round(self.frame_start - start_time, 9)),
            RECENTRE_KEY: "yes" if self.recentre else "no",
            LOOKAHEAD_KEY: "yes" if self.lookahead else "no",
        }


@dataclass(frozen=True)
class RecordedCamera:
    """What the camera of a take begins with.

    Attributes:
        neutral: the relaxed face.
        head_zero: (3,) rad, yaw, pitch and roll that count as straight ahead.
        mixer: what the mix with sensors has learned, as JSON; "" before it has learned anything.
    """

    neutral: Neutral
    head_zero: Array
    mixer: str

    def to_meta(self) -> dict[str, str]:
        """Texts of a camera's track."""
        texts = {MIXER_KEY: self.mixer} if self.mixer else {}
        return texts | ({HEAD_ZERO_KEY: json.dumps(self.head_zero.tolist())} if self.head_zero.any() else {})


@dataclass
class _StreamTally:
    """Samples of a stream: lost ones before the recording, those that came, and per site those that held something."""

    stream: Stream
    lost_before: int
    received: int
    valid: Array

    def loss(self) -> Array:
        return 1 - self.valid / max(self.received + self.stream.counter.lost - self.lost_before, 1)


@dataclass
class _RecordedClock:
    """The time of a stream that is in the recording, and how often its clock had begun anew before."""

    stream: Stream
    restarts_before: int

    def notes(self) -> list[str]:
        device, restarts = self.stream.device, self.stream.clock.restarts - self.restarts_before
        notes = [
            f"{device}: {problem}" for problem in (self.stream.time.problem, self.stream.batches.problem) if problem
        ]
        times = "once" if restarts == 1 else f"{restarts} times"
        return notes + ([f"{device}: its clock began anew {times}"] if restarts else [])


class TakeRecorder(McapWriter):
    """A take of a hub's streams. Times are on the hub's clock; `start_time`: the take's zero there."""

    def __init__(
        self,
        path: Path,
        start_time: float,
        *,
        metadata: dict[str, str] | None = None,
        calibration: RecordedCalibration | None = None,
        camera: RecordedCamera | None = None,
    ) -> None:
        super().__init__(path, path.stem, start_time=start_time, metadata=metadata)
        self.track_names: dict[tuple[str, str, str], str] = {}
        self.calibration_meta = {} if calibration is None else calibration.to_meta(start_time)
        self.camera_meta = {} if camera is None else camera.to_meta()
        self.tallies: dict[tuple[str, ...], _StreamTally] = {}  # by the sites that come together
        self._clocks: dict[tuple[str, str], _RecordedClock] = {}

    def loss_by_site(self) -> dict[str, float]:
        """Per site, the share of the samples since the start that never came or held nothing of it."""
        return {site: float(loss) for sites, tally in self.tallies.items() for site, loss in zip(sites, tally.loss())}

    def time_notes(self) -> list[str]:
        """Sentences on devices whose time was of no use, or began anew."""
        return list(dict.fromkeys(note for clock in self._clocks.values() for note in clock.notes()))

    def put_neutral(self, neutral: Neutral, at: float) -> None:
        """The camera's neutral was set."""
        self.put(TrackSample(TrackKind.NEUTRAL, TrackKind.NEUTRAL, ARKIT, at, neutral.rest))

    def put_recentring(self, at: float) -> None:
        """The head was recentred."""
        sample = TrackSample(RECENTRE_COLUMN, TrackKind.EVENTS, (RECENTRE_COLUMN,), at, np.ones(1))
        self.put(sample)

    def put_imu(self, stream: Stream, message: ImuSample, *, at: float, arrival: float) -> None:
        """A sample of a device's sensors, under the sites that they sit at."""
        self._count_losses(stream, message)
        meta = self.calibration_meta | {
            "acceleration": "linear" if message.linear else "specific_force",
            "device": message.device,
        }
        meta |= {"up": message.up} if message.up else {}
        values = np.concatenate([message.rotation, message.acceleration], axis=1).ravel()
        extra = self._arrival_fields(arrival, device_time=message.time, sequence=message.sequence, sync=message.sync)
        if message.gyro is not None:
            extra["gyro"] = np.round(message.gyro, 4).tolist()
        track = self._track_name(stream, TrackKind.IMU, message.substream)
        self.put(TrackSample(track, TrackKind.IMU, column_names(stream.sites), at, values, meta, extra))

    def _count_losses(self, stream: Stream, message: ImuSample) -> None:
        tally = self.tallies.get(stream.sites)
        if tally is None:
            if len(self.tallies) >= _MAX_TALLIES:
                return
            tally = _StreamTally(stream, stream.counter.lost, 0, np.zeros(len(stream.sites)))
            self.tallies[stream.sites] = tally
        tally.received += 1
        tally.valid += message.rotation[:, 0] == message.rotation[:, 0]

    def put_face(self, stream: Stream, message: FaceSample, *, at: float, arrival: float) -> None:
        """A camera's face; none at all where it sees none."""
        values = np.array([message.values.get(c, np.nan) for c in LIVE_LINK_FACE])
        extra = self._arrival_fields(arrival, device_time=message.time)
        track, meta = self._track_name(stream, TrackKind.WEIGHTS), {"device": stream.device} | self.camera_meta
        self.put(TrackSample(track, TrackKind.WEIGHTS, LIVE_LINK_FACE, at, values, meta, extra))

    def put_bio(self, stream: Stream, message: BioSample, at: float) -> None:
        """Samples of biosignals, the last one taken at `at` (`Stream.time_batch`)."""
        track, count = self._track_name(stream, TrackKind.BIOSIGNAL), len(message.values)
        meta = {"unit": "uV", RATE_KEY: repr(message.rate)}
        for k, row in enumerate(message.values):
            time = at - (count - 1 - k) / message.rate
            self.put(TrackSample(track, TrackKind.BIOSIGNAL, message.columns, time, row, meta))

    def _arrival_fields(self, arrival: float, **fields: Any) -> dict[str, Any]:
        return {"arrival": round(arrival - self.start_time, 6)} | {k: v for k, v in fields.items() if v is not None}

    def _track_name(self, stream: Stream, kind: str, substream: str = "") -> str:
        """A stream's track: of the plain kind for the first, of its own for others, and always the same."""
        key = (stream.source, stream.device, kind + substream)
        if key not in self.track_names:
            if len(self.track_names) >= _MAX_TRACK_NAMES:
                return f"{kind} {stream.device} {substream}".rstrip()  # the file has no channel left for it
            self._clocks.setdefault(key[:2], _RecordedClock(stream, stream.clock.restarts))
            name = kind if kind not in self.track_names.values() else f"{kind} {stream.device} {substream}".rstrip()
            self.track_names[key] = (
                name if name not in self.track_names.values() else f"{name} {len(self.track_names) + 1}"
            )
        return self.track_names[key]

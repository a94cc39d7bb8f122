"""IMU devices: their sites, their place in the session, and their samples for the pipeline and for listeners."""

from __future__ import annotations

import time
from collections import deque

import numpy as np

from ...core.arrays import Array
from ...core.errors import InnerfaceError
from ...core.face.channels import ARKIT
from ...core.imu.adapter import Adapter
from ...core.imu.layout import Layout
from ...core.imu.model import Model
from ...core.imu.network import Network
from ...core.imu.quality import site_label
from ...core.imu.session import ImuSession
from ...core.imu.signal import LOOKAHEAD
from ...core.numerics import quaternion as quat
from ...core.pipeline import FaceFrame, FacePipeline, ImuChunk
from ...core.rates import FRAME_RATE
from ..frame import SensorReading
from ..interfaces import PipelineHost, SensorListener
from ..messages import ImuSample
from ..recording.recording_session import RecordingSession
from ..sites import SiteAssignments, TapDetector
from ..streams import AWAY_AFTER_S, Stream

_BUSY_LAG_S, _BUSY_BATCH = 0.015, 4  # ticks that come so late: several frames at once cost little more than one
_SENSOR_INTERVAL_S = 0.045  # between what listeners get of the sensors
_TOUCH_TIMEOUT_S = 5.0
_PRESENCE_INTERVAL_S = 1.0


class ImuPipeline:
    """All devices of IMUs.

    Attributes:
        model: None before it is loaded.
        sites: which sensor sits where.
        tap_detector: while someone is to tap a sensor.
        compute_times: s per frame, of the last ones.
    """

    def __init__(
        self,
        host: PipelineHost,
        *,
        face: FacePipeline,
        recording: RecordingSession,
        sites: SiteAssignments,
        layout: Layout,
    ) -> None:
        self._host, self._face, self._recording = host, face, recording
        self.sites, self.layout = sites, layout
        self.model: Model | None = None
        self.adapter: Adapter | None = None
        self.raw, self.lookahead = False, True
        self.tap_detector: TapDetector | None = None
        self.sensor_listeners: set[SensorListener] = set()
        self.compute_times: deque[float] = deque(maxlen=1200)
        self._published_at = 0.0
        self._presence_at = 0.0
        self._initial_rotation: Array | None = None

    @property
    def session(self) -> ImuSession | None:
        """The session, None before a device is received."""
        return self._face.imu

    @property
    def calibrated(self) -> bool:
        """Whether there is a calibration."""
        return self.session is not None and self.session.active is not None

    @property
    def unobserved(self) -> list[str]:
        """Channels that the model makes up, because no IMU shows them."""
        if not isinstance(self.model, Network):
            return []
        return [c for c, is_unobserved in zip(ARKIT, self.model.unobserved) if is_unobserved]

    @property
    def lookahead_s(self) -> float:
        """How far the face lags behind what the sensors measure, by design."""
        return LOOKAHEAD / FRAME_RATE if self.lookahead else 0.0

    def receive(self, stream: Stream, message: ImuSample, *, at: float, arrival: float, streams: list[Stream]) -> str:
        """A sample of a device, one of all `streams`; why it is not shown, "" where it is."""
        if self.tap_detector is not None:
            self.tap_detector.add(message)
        if stream.last_message is None or not _sent_alike(stream.last_message, message):
            self.leave_session(stream)
        stream.last_message = message
        self._update_presence(stream, streams, arrival)
        if not stream.sites:
            stream.sites = self._sites_of(stream, message)
            self._tell_replaced(stream)
        if self._recording.recorder is not None:
            self._recording.recorder.put_imu(stream, message, at=at, arrival=arrival)
        if stream.session_device is None:
            self._join_session(stream, message, streams)
        if stream.session_device is None or self.session is None:
            return "starting" if stream.interval is None else "no_site"
        columns = stream.session_columns
        is_late = self.session.is_over(at)
        chunk = ImuChunk(stream.session_device, at, arrival, message.rotation[columns], message.acceleration[columns])
        started, faces = time.perf_counter(), self._face.push(chunk)
        self._emit(faces, started, arrival)
        return "late" if is_late else ""

    def tick(self, now: float, lag: float) -> None:
        """Frames whose samples do not come; touches that end. `lag`: how late ticks come, s. Raises InnerfaceError."""
        self._face.min_batch = _BUSY_BATCH if lag > _BUSY_LAG_S else 0
        started, faces = time.perf_counter(), self._face.advance_imu(now, now)
        self._emit(faces, started, now)

    def _emit(self, faces: list[FaceFrame], started: float, arrival: float) -> None:
        now, session = self._host.now(), self.session
        if (
            self.sensor_listeners
            and session is not None
            and session.history
            and now - self._published_at > _SENSOR_INTERVAL_S
        ):
            self._published_at = now
            self._publish_sensors(session, arrival)
        if faces:
            for site in session.take_pushed_sites() if session is not None else ():
                self._host.note(f"{site_label(site)} was pushed aside, which is corrected; tape it again soon")
            self._host.emit(faces)
            self.compute_times.append((time.perf_counter() - started) / len(faces))

    # -- the session -------------------------------------------------------------------------------

    def start_session(self) -> ImuSession:
        """The session, from now on. Raises InnerfaceError before a model is loaded."""
        if self.model is None:
            raise InnerfaceError("the bridge has not started yet; start it first")
        if self._face.imu is None:
            self._face.imu = ImuSession(
                self.model, self.layout, self.adapter, raw=self.raw, start=self._host.now(), ahead=self.lookahead
            )
        return self._face.imu

    def _join_session(self, stream: Stream, message: ImuSample, streams: list[Stream]) -> None:
        """A device whose interval is known now takes its sites in the session."""
        known_sites, interval = tuple(n for n in stream.sites if n in self.layout.sites), stream.interval
        if not known_sites or interval is None or self.model is None:
            return
        session = self.start_session()
        for other in streams:  # one that has been away for long leaves its place to another
            away = self._host.now() - other.last_received > 2 * AWAY_AFTER_S
            if (
                other is not stream
                and other.session_device is not None
                and away
                and set(known_sites) & set(other.sites)
            ):
                self.leave_session(other)
        seats = {site: s.device for s in streams if s.session_device is not None for site in s.sites}
        free = tuple(site for site in known_sites if site not in seats)
        taken = [f"{site} by {seats[site]}" for site in known_sites if site in seats]
        stream.site_problem = f"taken already: {', '.join(taken)}; assign other sites to one of them" if taken else ""
        if not free:
            return
        try:
            stream.session_device = session.add_device(free, step=interval, linear=message.linear, up=message.up)
        except InnerfaceError as error:
            stream.site_problem = str(error)
            return
        stream.session_columns = [k for k, n in enumerate(stream.sites) if n in free]
        if session.active is not None:
            self._host.note(f"{stream.device} brought {', '.join(free)}; calibrate again to use it")

    def _sites_of(self, stream: Stream, message: ImuSample) -> tuple[str, ...]:
        """Where a device's sensors sit, by their own names where nobody knows."""
        return tuple(self.sites.site_of(stream.device, key) or f"{stream.device}/{key}" for key in message.keys)

    def _update_presence(self, stream: Stream, streams: list[Stream], now: float) -> None:
        """Sites that are remembered for devices which are not here are free, until those come.

        A calibration in use is not disturbed by that.
        """
        if stream.device in (self.sites.present or ()) and now - self._presence_at < _PRESENCE_INTERVAL_S:
            return
        self._presence_at = now
        received = [s for s in streams if s.last_message is not None]
        present = frozenset(s.device for s in received if now - s.last_received <= 2 * AWAY_AFTER_S)
        if present == self.sites.present:
            return
        self.sites.present = present
        for other in received if not self.calibrated else ():
            moved = other.last_message and other.sites and other.sites != self._sites_of(other, other.last_message)
            if moved or other.site_problem:
                self.leave_session(other)

    def _tell_replaced(self, stream: Stream) -> None:
        for site in stream.sites:
            owner = self.sites.absent_owner(site)
            if owner:
                self._host.note(
                    f"{stream.device} sits at {site}, which is remembered for {owner}: that is not here now"
                )

    def leave_session(self, stream: Stream) -> None:
        """A device's sites are free, and asked for again with its next sample."""
        if stream.session_device is not None and self.session is not None:
            self.session.remove_device(stream.session_device)
        stream.session_device, stream.sites = None, ()

    # -- what sensors measure ----------------------------------------------------------------------

    def touch(self, site: str) -> float:
        """Wait for a tap on the sensor at a site; for how long, in s. Raises InnerfaceError for an unknown site."""
        self.layout.require_site(site)
        self.tap_detector = TapDetector(site, self._host.now() + _TOUCH_TIMEOUT_S)
        return _TOUCH_TIMEOUT_S

    def _publish_sensors(self, session: ImuSession, arrival: float) -> None:
        rotation, acceleration = session.history[-1]
        if self._initial_rotation is None:
            self._initial_rotation = rotation.copy()
        unset = np.isnan(self._initial_rotation).any(1)
        self._initial_rotation[unset] = rotation[unset]
        turn = quat.multiply(rotation, quat.conjugate(self._initial_rotation))
        angle = np.linalg.norm(quat.to_rotvec(turn), axis=1)
        reading = SensorReading(
            self._host.now(), arrival, angle=angle, acceleration=np.linalg.norm(acceleration, axis=1)
        )
        for listener in list(self.sensor_listeners):
            listener(reading)


def _sent_alike(a: ImuSample, b: ImuSample) -> bool:
    return (a.keys, a.linear, a.up) == (b.keys, b.linear, b.up)

"""The hub: what sources hear goes onto one clock, to the recorder and through the core; the face goes to sinks and clients.

Everything here runs in one event loop; `receive` may be called from other threads by `receive_soon`. What takes long (loading a network, finding a
calibration) runs in a thread beside it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import InnerfaceError
from ..core.face.channels import ARKIT
from ..core.face.head_pose import HeadRecentrer
from ..core.files import safe_file_name
from ..core.hybrid.live import LiveRepair
from ..core.imu import model as models
from ..core.imu.adapter import Adapter
from ..core.imu.calibration_state import CalibrationState
from ..core.imu.layout import Layout, load_layout
from ..core.imu.network import Network
from ..core.imu.session import FaceFrames, ImuSession
from ..core.imu.signal import LOOKAHEAD
from ..core.numerics import quaternion as quat
from ..core.rates import FRAME_RATE
from ..core.take import TrackKind
from .auto_calibration import AutoCalibration
from .frame import Frame
from .guided_check import GuidedCheck, loss_notes
from .interfaces import Promptable, Sink, Source
from .kinds import FACE_STREAMS
from .loss_policy import LossPolicy
from .messages import BioSample, DeviceInfo, FaceSample, ImuSample, Message
from .pipelines.bio import BioPipeline
from .pipelines.camera import CameraPipeline
from .recording.take_recorder import TakeRecorder
from .sites import SiteAssignments, TapDetector
from .status import status
from .streams import AWAY_AFTER_S, Stream

_TICK_S = 1 / 120
_BUSY_LAG_S, _BUSY_BATCH = (
    0.015,
    4,
)  # ticks that come so late: the computer cannot keep up, and several frames at once cost little more than one
_STALLED_S, _BACKLOG = 0.05, 64  # a tick that late was held up; packets that may wait then
_SENSOR_INTERVAL_S = 0.045  # between what clients draw of sensors
_TOUCH_TIMEOUT_S = 5.0
_MAX_STREAMS, _STREAM_EXPIRY_S = 64, 60.0
OUTPUTS = ("auto", "hybrid", "sensors", "camera")  # auto and hybrid: both together where both are there
_MIX_RESET_S = 0.5  # without mixed faces for so long, what went out last is no place to fade from


@dataclass
class Options:
    """`layout`, `model` (None: the shipped live network), `adapter`; `loss`: policies by stream (sensors, camera), hold where none is given; `output`:
    of sensors, camera, or both together (`core.hybrid.live`); `calibrate`: seek a calibration by itself; `recentre`: the head's yaw follows slowly;
    `folder` for takes; `sites`: the file that assignments are kept in; `lookahead`: faces wait for what makes them exact (LOOKAHEAD frames); `electrodes`:
    the performer's network for biosignals, "simulated" for the shipped one."""

    layout: str = "default"
    model: str | None = None
    adapter: Adapter | None = None
    raw: bool = False
    loss: dict[str, str] = field(default_factory=dict)
    output: str = "auto"
    calibrate: bool = True
    recentre: bool = True
    folder: Path = field(default_factory=Path.cwd)
    sites: Path | None = None
    lookahead: bool = True
    electrodes: str | None = None


class Hub:
    """See the module. Make it inside a running event loop."""

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        if self.options.output not in OUTPUTS:
            raise InnerfaceError(f"output '{self.options.output}': give one of {', '.join(OUTPUTS)}")
        self.loop = asyncio.get_running_loop()
        self.start_time, self.opened_at = self.loop.time(), 0.0
        self.layout: Layout = load_layout(self.options.layout)
        self.sites = SiteAssignments(self.layout, self.options.sites)
        self.sites.load()
        self.sources: list[Source] = []
        self.sinks: list[Sink] = []
        self.streams: dict[tuple[str, str, str], Stream] = {}
        self.session: ImuSession | None = None
        self.model: models.Model | None = None
        self.recorder: TakeRecorder | None = None
        self.listeners: set[Callable[[Frame], None]] = set()
        self.sensor_listeners: set[Callable[[float, float, np.ndarray, np.ndarray], None]] = set()
        sensors, camera = (self.options.loss.get(stream, "hold") for stream in FACE_STREAMS)
        self.sensor_recentre, self.sensor_loss_policy = HeadRecentrer(self.options.recentre), LossPolicy(sensors)
        self.camera, self.electrodes = CameraPipeline(self, camera), BioPipeline(self)
        self.mixer, self.last_mixed = LiveRepair(), -1.0
        self.sequence, self.mark_count, self.sensors_sent_at, self.lag = 0, 0, 0.0, 0.0
        self.latencies: deque[float] = deque(maxlen=1200)
        self.delays: deque[float] = deque(maxlen=1200)
        self.compute_times: deque[float] = deque(maxlen=1200)
        self.frame_times: deque[float] = deque(maxlen=300)
        self.notes: deque[str] = deque(maxlen=12)
        self.auto_calibration, self.guided_check = AutoCalibration(self), GuidedCheck(self)
        self.initial_rotation: np.ndarray | None = None
        self.tap_detector: TapDetector | None = None
        self.tasks: list[asyncio.Task[Any]] = []

    # -- life ------------------------------------------------------------------------------------------------------------------

    def now(self) -> float:
        """Seconds on the hub's clock: since it was made."""
        return self.loop.time() - self.start_time

    async def start(self, sources: list[Source], sinks: list[Sink]) -> None:
        """Load the model, open everything. Raises InnerfaceError; whatever was opened is closed again."""
        try:
            self.model, notes = await asyncio.to_thread(models.load, self.options.model, True)
            self.notes.extend(notes)
            await asyncio.to_thread(self.electrodes.load)
            for sink in sinks:
                self.sinks.append(sink)
                await sink.start(self)
            self.tasks = [self.loop.create_task(self._tick()), self.loop.create_task(self.auto_calibration.run())]
            for task in self.tasks:
                task.add_done_callback(self.on_task_done)
            for source in sources:
                self.sources.append(source)  # before it starts: one that fails halfway is stopped, too
                await source.start(self)
            self.opened_at = self.now()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close everything; a recording is whole afterwards."""
        self.guided_check.cancel()
        self.electrodes.cancel()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        if self.recorder is not None:
            await self.stop_recording()
        for component in (*self.sources, *self.sinks):
            try:
                await component.stop()
            except Exception as error:  # the others are closed all the same
                self.note(f"{component.name} did not close ({type(error).__name__}: {error})")
        self.sources, self.sinks, self.tasks = [], [], []

    def on_task_done(self, task: asyncio.Task[Any]) -> None:
        """A task of ours that should not have ended: a mistake in the bridge, told rather than lost."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self.note(
                f"a part of the bridge ended by a mistake of its own ({type(error).__name__}: {error}); start it again"
            )
            self.loop.call_exception_handler(
                {"message": "a part of the bridge ended", "exception": error, "task": task}
            )

    # -- in --------------------------------------------------------------------------------------------------------------------

    def receive_soon(self, source: str, message: Message) -> None:
        """`receive` from another thread; the arrival is now."""
        self.loop.call_soon_threadsafe(self.receive, source, message, self.now())

    def receive(self, source: str, message: Message, arrival: float | None = None) -> None:
        """A message of a source; `arrival` on the hub's clock, now if not given."""
        arrival = self.now() if arrival is None else arrival
        stream = self._stream_for(source, message, arrival)
        if stream is None:
            return
        if isinstance(message, DeviceInfo):
            stream.last_received = arrival
            stream.name, stream.problem = message.name or stream.name, message.problem
            stream.battery = message.battery if message.battery == message.battery else stream.battery
            return
        at = stream.timestamp(message, arrival)
        if at is None:
            return
        if isinstance(message, ImuSample):
            self._receive_imu(stream, message, at, arrival)
        elif isinstance(message, FaceSample):
            self._receive_face(stream, message, at, arrival)
        else:
            at = stream.smooth_batch_time(message, at)
            if self.recorder is not None:
                self.recorder.put_bio(stream, message, at)
            self.electrodes.receive(stream, message, at, arrival)

    def _stream_for(self, source: str, message: Message, arrival: float) -> Stream | None:
        device = message.device[:64]
        kind = {ImuSample: "imu", FaceSample: "face", BioSample: "bio"}.get(type(message), "device")
        if kind == "device":  # what it says of itself belongs to the samples that it sends
            known = [s for s in self.streams.values() if (s.source, s.device) == (source, device)]
            if known:
                return known[0]
        substream = message.substream if isinstance(message, ImuSample) else ""
        key = (source, device, kind + substream)
        stream = self.streams.get(key)
        if stream is None:
            placeholder = self.streams.pop((source, device, "device"), None) if not substream else None
            if len(self.streams) >= _MAX_STREAMS:
                self._drop_expired_streams(arrival)
            if len(self.streams) >= _MAX_STREAMS:
                return None
            stream = self.streams[key] = Stream(source, device, kind, last_received=arrival)
            if placeholder is not None:
                stream.name, stream.battery = placeholder.name, placeholder.battery
        elif kind in ("imu", "bio") and arrival - stream.last_received > AWAY_AFTER_S and stream.counter.received:
            self.note(f"{stream.device} is back after {arrival - stream.last_received:.1f} s")
        return stream

    def _drop_expired_streams(self, now: float) -> None:
        """Streams that never said anything of use, or have been away for long, make room."""
        for key in [
            k
            for k, s in self.streams.items()
            if now - s.last_received > (AWAY_AFTER_S if s.counter.received < 3 else _STREAM_EXPIRY_S)
            and s.session_device is None
        ]:
            del self.streams[key]

    def _receive_imu(self, stream: Stream, message: ImuSample, at: float, arrival: float) -> None:
        if self.tap_detector is not None:
            self.tap_detector.add(message)
        if stream.last_message is None or (
            stream.last_message.keys,
            stream.last_message.linear,
            stream.last_message.up,
        ) != (message.keys, message.linear, message.up):
            self._leave_session(stream)
        stream.last_message = message
        sites = stream.sites = stream.sites or tuple(
            self.sites.site_of(message.device, key) or f"{message.device}/{key}" for key in message.keys
        )
        if self.recorder is not None:
            self.recorder.put_imu(stream, message, at, arrival)
        if stream.session_device is None:
            self._join_session(stream, message, sites)
        if stream.session_device is not None and self.session is not None:
            self.session.add_sample(
                stream.session_device,
                at,
                message.rotation[stream.session_columns],
                message.acceleration[stream.session_columns],
                arrival,
            )
            self._advance(arrival)

    def _join_session(self, stream: Stream, message: ImuSample, sites: tuple[str, ...]) -> None:
        """A device whose interval is known now takes its sites in the session."""
        known_sites, interval = tuple(n for n in sites if n in self.layout.sites), stream.interval
        if not known_sites or interval is None or self.model is None:
            return
        if self.session is None:
            self.session = ImuSession(
                self.model,
                self.layout,
                self.options.adapter,
                self.options.raw,
                start=self.now(),
                ahead=self.options.lookahead,
            )
            self.auto_calibration.message = (
                "relax the face, then nod (chin down first) and shake the head (to your left first)"
            )
        for other in self.streams.values():  # who has been away for long leaves its place to another
            if (
                other is not stream
                and other.session_device is not None
                and self.now() - other.last_received > 2 * AWAY_AFTER_S
                and set(known_sites) & set(other.sites)
            ):
                self._leave_session(other)
        try:
            stream.session_device = self.session.add_device(known_sites, interval, message.linear, message.up)
        except InnerfaceError as error:
            stream.problem = str(error)
            return
        stream.problem, stream.session_columns = "", [k for k, n in enumerate(sites) if n in self.layout.sites]
        if self.session.active is not None:
            self.note(f"{stream.device} brought {', '.join(known_sites)}; calibrate again to use it")

    def _leave_session(self, stream: Stream) -> None:
        if stream.session_device is not None and self.session is not None:
            self.session.remove_device(stream.session_device)
        stream.session_device, stream.sites = None, ()

    def _receive_face(self, stream: Stream, message: FaceSample, at: float, arrival: float) -> None:
        if self.recorder is not None:
            self.recorder.put_face(stream, message, at, arrival)
        self.camera.receive(stream, message, at, arrival)

    # -- through ---------------------------------------------------------------------------------------------------------------

    @property
    def sensors_live(self) -> bool:
        """Whether the face can come from sensors now, on the face or at the ear."""
        return self.imus_live or self.electrodes.live

    @property
    def imus_live(self) -> bool:
        """Whether it can come from IMUs: calibrated, and one of them is heard."""
        now = self.now()
        return (
            self.session is not None
            and self.session.active is not None
            and any(
                s.session_device is not None and now - s.last_received < AWAY_AFTER_S for s in self.streams.values()
            )
        )

    def _advance(self, arrival: float) -> None:
        if self.session is None or (self.lag > _BUSY_LAG_S and self.session.frames_behind(self.now()) < _BUSY_BATCH):
            return
        start = time.perf_counter()
        output = self.session.advance(self.now())
        if self.sensor_listeners and self.session.history and self.now() - self.sensors_sent_at > _SENSOR_INTERVAL_S:
            self.sensors_sent_at = self.now()
            self._publish_sensors(arrival)
        if len(output.time) and self.selects("sensors") and (self.imus_live or not self.electrodes.live):
            self._emit_imu_faces(output, arrival)
            self.compute_times.append((time.perf_counter() - start) / len(output.time))

    def selects(self, stream: str) -> bool:
        """Whether the face that goes out is to come from "sensors" or from the "camera" now."""
        if self.options.output in FACE_STREAMS:
            return self.options.output == stream
        return not self.sensors_live if stream == "camera" else self.sensors_live or not self.camera.live

    @property
    def last_frame_time(self) -> float:
        """When a face went out last, on the hub's clock; 0 before the first."""
        return self.frame_times[-1] if self.frame_times else 0.0

    def _emit_imu_faces(self, output: FaceFrames, arrival: float) -> None:
        for k in range(len(output.time)):
            values = output.values[k].copy()
            values[len(ARKIT) :] = self.sensor_recentre.push(values[len(ARKIT) :], 1 / FRAME_RATE)
            values, confidence = self.electrodes.fuse(
                values, None if output.confidence is None else output.confidence[k]
            )
            self.emit_sensor_face(
                float(output.time[k]), arrival, values, confidence, bool(output.observed[k]), "sensors", 1 / FRAME_RATE
            )

    def emit_sensor_face(
        self,
        at: float,
        arrival: float,
        values: np.ndarray,
        confidence: np.ndarray | None,
        seen: bool,
        source: str,
        step: float,
    ) -> None:
        """A face (55,) of sensors, `step` s after the one before, on its way out: mixed with the camera's where both are there, by the policy where it is
        lost."""
        if self.is_mixing:
            values, seen, source = *self._mix(at, values, seen, step), "hybrid"
        output = self.sensor_loss_policy.push(values, seen, step)
        if output is not None:
            self.emit(at, arrival, output, confidence, source, seen)

    @property
    def is_mixing(self) -> bool:
        """Whether faces are of camera and sensors together: both were there."""
        return self.options.output not in FACE_STREAMS and self.camera.last is not None

    def _mix(self, at: float, sensors: np.ndarray, seen: bool, step: float) -> tuple[np.ndarray, bool]:
        """A face of both, and whether either was measured."""
        if at - self.last_mixed > _MIX_RESET_S:
            self.mixer.last_output = None
        self.last_mixed = at
        camera, fresh = self.camera.sample_at(at)
        return self.mixer.push(camera, sensors, step, fresh), seen or camera is not None

    def emit(
        self, at: float, arrival: float, values: np.ndarray, confidence: np.ndarray | None, source: str, seen: bool
    ) -> None:
        """A face (55,) goes to sinks and listeners."""
        self.sequence += 1
        frame = Frame(self.sequence, at, arrival, values, confidence, source, seen)
        for sink in self.sinks:
            sink.put(frame)
        for listener in list(self.listeners):
            listener(frame)
        now = self.now()
        self.frame_times.append(now)
        self.latencies.append(now - arrival)
        self.delays.append(now - at)

    def _publish_sensors(self, arrival: float) -> None:
        assert self.session is not None
        rotation, acceleration = self.session.history[-1]
        if self.initial_rotation is None:
            self.initial_rotation = rotation.copy()
        unset = np.isnan(self.initial_rotation).any(1)
        self.initial_rotation[unset] = rotation[unset]
        angle = np.linalg.norm(quat.to_rotvec(quat.multiply(rotation, quat.conjugate(self.initial_rotation))), axis=1)
        for listener in list(self.sensor_listeners):
            listener(self.now(), arrival, angle, np.linalg.norm(acceleration, axis=1))

    async def _tick(self) -> None:
        """Frames whose samples do not come, faces that are lost, touches that end."""
        last = self.now()
        while True:
            await asyncio.sleep(_TICK_S)
            if self.now() - last > _STALLED_S:  # the computer was busy: what has come meanwhile is heard first
                for _ in range(_BACKLOG):
                    await asyncio.sleep(0)
            now = self.now()
            self.lag += 0.05 * (now - last - _TICK_S - self.lag)
            last = now
            try:
                if self.session is not None:
                    self._advance(now)
                self.camera.tick(now)
                self.electrodes.tick(now)
                if self.tap_detector is not None and now > self.tap_detector.until:
                    self._finish_touch()
            except InnerfaceError as error:
                self.note(str(error))

    # -- commands --------------------------------------------------------------------------------------------------------------

    def note(self, text: str) -> None:
        """A sentence for the user."""
        self.notes.append(f"{datetime.now():%H:%M:%S} {text}")

    def calibrate(self) -> str:
        """Begin a calibration; what to tell the performer. Electrodes alone have nothing to be turned: they are checked. Raises InnerfaceError without
        sensors."""
        if self.session is None and self.electrodes.receiving:
            return self.guided_check.start()
        message = self.auto_calibration.start()
        self.prompt("calibrate")
        return message

    def prompt(self, action: str) -> None:
        """The performer is asked for something; simulated ones do it."""
        for source in self.sources:
            if isinstance(source, Promptable):
                source.prompt(action)

    def set_neutral(self) -> None:
        """The face that the camera sees now is its neutral. Raises InnerfaceError."""
        self.camera.set_neutral()
        if self.recorder is not None:
            self.recorder.put_neutral(self.camera.neutral, self.now())
        self.note("the camera's neutral is set")

    async def set_sinks(self, sinks: list[Sink]) -> None:
        """Faces go to these sinks from now on, in place of all before. Raises InnerfaceError for one that does not open; the others stay."""
        previous, self.sinks = self.sinks, []
        for sink in previous:
            await sink.stop()
        for sink in sinks:
            await sink.start(self)
            self.sinks.append(sink)

    def recentre(self) -> None:
        """Where the head looks now is straight ahead."""
        self.sensor_recentre.recentre()
        self.camera.recentre.recentre()
        self.prompt("recentre")

    def assign(self, sensor: str, site: str) -> None:
        """A sensor ("device/key") sits at a site; "" forgets it. Raises InnerfaceError."""
        self.sites.assign(sensor, site)
        for stream in self.streams.values():
            if stream.kind == "imu":
                self._leave_session(stream)
        self.note(f"{sensor} sits at {site}" if site else f"{sensor} is not assigned any more")

    def touch(self, site: str) -> float:
        """Wait for a tap on the sensor at a site; how long, in s. Raises InnerfaceError for a site that the layout lacks."""
        self.layout.require_site(site)
        self.tap_detector = TapDetector(site, self.now() + _TOUCH_TIMEOUT_S)
        return _TOUCH_TIMEOUT_S

    def _finish_touch(self) -> None:
        detector, self.tap_detector = self.tap_detector, None
        assert detector is not None
        self.assign(detector.tapped_sensor(), detector.site)

    def record(self, name: str = "", path: Path | None = None, metadata: dict[str, str] | None = None) -> str:
        """Begin a take; where it is written. `about`: texts that are kept with it. Raises InnerfaceError where one is being recorded, or the place
        cannot be written."""
        if self.recorder is not None:
            raise InnerfaceError(f"{self.recorder.path} is being recorded; stop it first")
        if path is None:
            stem = (
                safe_file_name(name).encode()[:160].decode(errors="ignore")
                or f"take {datetime.now():%Y-%m-%d %H-%M-%S}"
            )
            path = self.options.folder / f"{stem}.mcap"
            count = 1
            while path.exists():
                count += 1
                path = self.options.folder / f"{stem} {count}.mcap"
        sources = ", ".join(s.name for s in self.sources)
        self.recorder = TakeRecorder(
            path, self.now(), {"sources": sources} | (metadata or {}), self.calibration_state()
        )
        if self.camera.neutral.rest.any():
            self.recorder.put_neutral(self.camera.neutral, self.now())
        self.mark_count = 0
        return str(path)

    def calibration_state(self) -> CalibrationState | None:
        """The calibration as it is now; None before there is one."""
        calibration = None if self.session is None else self.session.active
        return (
            None
            if calibration is None
            else calibration.stream.calibration_state(calibration.convention_fix, self.sensor_recentre.zero.copy())
        )

    async def stop_recording(self, metadata: dict[str, str] | None = None) -> dict[str, Any]:
        """End the take: its path, rows and seconds. `about`: texts that are kept with it. Raises InnerfaceError where none is recorded."""
        recorder, self.recorder = self.recorder, None
        if recorder is None:
            raise InnerfaceError("nothing is being recorded; start with 'record'")
        quality_notes = (
            loss_notes(recorder.loss_by_site())
            + await self.guided_check.assess_sensors(include_losses=False)
            + self.electrodes.problems()
        )
        await asyncio.to_thread(
            recorder.close,
            {"quality": "; ".join(quality_notes), "seconds": f"{self.now() - recorder.start_time:.3f}"}
            | (metadata or {}),
        )
        result = {
            "path": str(recorder.path),
            "rows": recorder.rows,
            "seconds": round(self.now() - recorder.start_time, 2),
            "dropped": recorder.dropped,
            "problem": recorder.problem,
            "quality": quality_notes,
        }
        if recorder.problem:
            self.note(recorder.problem)
        return result

    def schedule_stop(self) -> asyncio.Task[None]:
        """`stop_recording` for whoever cannot wait: what comes of it becomes a note."""

        async def stop() -> None:
            try:
                result = await self.stop_recording()
                self.note(f"recorded {result['path']}, {result['rows']} rows")
            except InnerfaceError as error:
                self.note(str(error))

        return self.loop.create_task(stop())

    def mark(self, text: str = "") -> int:
        """A mark in the recording; its number."""
        self.mark_count += 1
        if self.recorder is not None:
            self.recorder.put(
                TrackKind.EVENTS,
                TrackKind.EVENTS,
                ("mark",),
                {},
                self.now(),
                np.array([float(self.mark_count)]),
                {"text": text[:500]},
            )
        return self.mark_count

    @property
    def unobserved(self) -> list[str]:
        """Channels that the model makes up, because no sensor shows them."""
        observed = self.electrodes.observed_channels
        return (
            []
            if not isinstance(self.model, Network)
            else [c for c, is_unobserved in zip(ARKIT, self.model.unobserved) if is_unobserved and c not in observed]
        )

    @property
    def lookahead_s(self) -> float:
        """How far the face lags behind what the sensors feel, by design."""
        if self.electrodes.live and not self.imus_live:
            return self.electrodes.delay_s
        return LOOKAHEAD / FRAME_RATE if self.options.lookahead else 0.0

    def delay_ms(self) -> float:
        """What audio must be delayed by to fit the face: how old faces are when they go out (look-ahead, waiting for samples, computing and queueing)."""
        return 1000 * float(np.median(self.delays)) if self.delays else 0.0

    def status(self) -> dict[str, Any]:
        """See `status.status`."""
        return status(self)

    def settings(self) -> dict[str, Any]:
        """The options, for clients."""
        return {
            k: (str(v) if isinstance(v, Path) else v)
            for k, v in asdict(self.options).items()
            if k not in ("adapter", "sites", "folder")
        }

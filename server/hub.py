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

from ..core.channels import ARKIT
from ..core.errors import InnerfaceError
from ..core.files import file_name
from ..core.head_pose import Recentre
from ..core.hybrid.live import LiveMix
from ..core.imu import model as models
from ..core.imu import quaternion as quat
from ..core.imu.adapt import Adapter
from ..core.imu.layout import Layout, layout
from ..core.imu.network import Network
from ..core.imu.signal import FRAME_RATE, LOOKAHEAD
from ..core.imu.worn import Worn
from ..core.live import Output, Session
from .camera import Camera
from .check import Check, lossy
from .electrodes import Electrodes
from .frame import Frame
from .kinds import STREAMS
from .loss import Loss
from .messages import About, Bio, Face, Imu, Message
from .parts import Cued, Sink, Source
from .recording import Recording
from .seek import Seek
from .sites import Sites, Touch
from .status import status
from .streams import GONE_S, Stream

_TICK_S = 1 / 120
_BUSY_S, _AT_ONCE = 0.015, 4  # ticks that come so late: the computer cannot keep up, and several frames at once cost little more than one
_STALLED_S, _BACKLOG = 0.05, 64  # a tick that late was held up; packets that may wait then
_SENSOR_S = 0.045  # between what clients draw of sensors
_TOUCH_S = 5.0
_MOST_STREAMS, _LONG_GONE_S = 64, 60.0
OUTPUTS = ("auto", "hybrid", "sensors", "camera")  # auto and hybrid: both together where both are there
_PARTED_S = 0.5  # without mixed faces for so long, what went out last is no place to fade from


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
        self.began, self.opened = self.loop.time(), 0.0
        self.layout: Layout = layout(self.options.layout)
        self.sites = Sites(self.layout, self.options.sites)
        self.sites.load()
        self.sources: list[Source] = []
        self.sinks: list[Sink] = []
        self.streams: dict[tuple[str, str, str], Stream] = {}
        self.session: Session | None = None
        self.model: models.Model | None = None
        self.recorder: Recording | None = None
        self.listeners: set[Callable[[Frame], None]] = set()
        self.sensor_listeners: set[Callable[[float, float, np.ndarray, np.ndarray], None]] = set()
        sensors, camera = (self.options.loss.get(stream, "hold") for stream in STREAMS)
        self.recentre_sensors, self.loss_sensors = Recentre(self.options.recentre), Loss(sensors)
        self.camera, self.electrodes = Camera(self, camera), Electrodes(self)
        self.mix, self.mixed_at = LiveMix(), -1.0
        self.sequence, self.marks, self.told, self.lag = 0, 0, 0.0, 0.0
        self.latency: deque[float] = deque(maxlen=1200)
        self.delay: deque[float] = deque(maxlen=1200)
        self.spent: deque[float] = deque(maxlen=1200)
        self.frames_out: deque[float] = deque(maxlen=300)
        self.notes: deque[str] = deque(maxlen=12)
        self.seek, self.check = Seek(self), Check(self)
        self.zero: np.ndarray | None = None
        self.touching: Touch | None = None
        self.tasks: list[asyncio.Task[Any]] = []

    # -- life ------------------------------------------------------------------------------------------------------------------

    def now(self) -> float:
        """Seconds on the hub's clock: since it was made."""
        return self.loop.time() - self.began

    async def start(self, sources: list[Source], sinks: list[Sink]) -> None:
        """Load the model, open everything. Raises InnerfaceError; whatever was opened is closed again."""
        try:
            self.model, notes = await asyncio.to_thread(models.load, self.options.model, True)
            self.notes.extend(notes)
            await asyncio.to_thread(self.electrodes.load)
            for sink in sinks:
                self.sinks.append(sink)
                await sink.start(self)
            self.tasks = [self.loop.create_task(self._tick()), self.loop.create_task(self.seek.run())]
            for task in self.tasks:
                task.add_done_callback(self._broken)
            for source in sources:
                self.sources.append(source)  # before it starts: one that fails halfway is stopped, too
                await source.start(self)
            self.opened = self.now()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close everything; a recording is whole afterwards."""
        self.check.cancel()
        self.electrodes.cancel()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        if self.recorder is not None:
            await self.stop_recording()
        for part in (*self.sources, *self.sinks):
            try:
                await part.stop()
            except Exception as error:  # the others are closed all the same
                self.note(f"{part.name} did not close ({type(error).__name__}: {error})")
        self.sources, self.sinks, self.tasks = [], [], []

    def _broken(self, task: asyncio.Task[Any]) -> None:
        """A task of ours that should not have ended: a mistake in the bridge, told rather than lost."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self.note(f"a part of the bridge ended by a mistake of its own ({type(error).__name__}: {error}); start it again")
            self.loop.call_exception_handler({"message": "a part of the bridge ended", "exception": error, "task": task})

    # -- in --------------------------------------------------------------------------------------------------------------------

    def receive_soon(self, source: str, message: Message) -> None:
        """`receive` from another thread; the arrival is now."""
        self.loop.call_soon_threadsafe(self.receive, source, message, self.now())

    def receive(self, source: str, message: Message, arrival: float | None = None) -> None:
        """A message of a source; `arrival` on the hub's clock, now if not given."""
        arrival = self.now() if arrival is None else arrival
        stream = self._stream(source, message, arrival)
        if stream is None:
            return
        if isinstance(message, About):
            stream.heard = arrival
            stream.name, stream.problem = message.name or stream.name, message.problem
            stream.battery = message.battery if message.battery == message.battery else stream.battery
            return
        at = stream.when(message, arrival)
        if at is None:
            return
        if isinstance(message, Imu):
            self._imu(stream, message, at, arrival)
        elif isinstance(message, Face):
            self._face(stream, message, at, arrival)
        else:
            at = stream.steady(message, at)
            if self.recorder is not None:
                self.recorder.bio(stream, message, at)
            self.electrodes.receive(stream, message, at, arrival)

    def _stream(self, source: str, message: Message, arrival: float) -> Stream | None:
        device = message.device[:64]
        kind = {Imu: "imu", Face: "face", Bio: "bio"}.get(type(message), "device")
        if kind == "device":  # what it says of itself belongs to the samples that it sends
            known = [s for s in self.streams.values() if (s.source, s.device) == (source, device)]
            if known:
                return known[0]
        part = message.part if isinstance(message, Imu) else ""
        key = (source, device, kind + part)
        stream = self.streams.get(key)
        if stream is None:
            early = self.streams.pop((source, device, "device"), None) if not part else None
            if len(self.streams) >= _MOST_STREAMS:
                self._forget(arrival)
            if len(self.streams) >= _MOST_STREAMS:
                return None
            stream = self.streams[key] = Stream(source, device, kind, heard=arrival)
            if early is not None:
                stream.name, stream.battery = early.name, early.battery
        elif kind in ("imu", "bio") and arrival - stream.heard > GONE_S and stream.counter.received:
            self.note(f"{stream.device} is back after {arrival - stream.heard:.1f} s")
        return stream

    def _forget(self, now: float) -> None:
        """Streams that never said anything of use, or have been away for long, make room."""
        for key in [k for k, s in self.streams.items() if now - s.heard > (GONE_S if s.counter.received < 3 else _LONG_GONE_S) and s.session is None]:
            del self.streams[key]

    def _imu(self, stream: Stream, message: Imu, at: float, arrival: float) -> None:
        if self.touching is not None:
            self.touching.add(message)
        if stream.last is None or (stream.last.keys, stream.last.linear, stream.last.up) != (message.keys, message.linear, message.up):
            self._unseat(stream)
        stream.last = message
        names = stream.sites = stream.sites or tuple(self.sites.site(message.device, key) or f"{message.device}/{key}" for key in message.keys)
        if self.recorder is not None:
            self.recorder.imu(stream, message, at, arrival)
        if stream.session is None:
            self._seat(stream, message, names)
        if stream.session is not None and self.session is not None:
            self.session.add(stream.session, at, message.rotation[stream.mine], message.acceleration[stream.mine], arrival)
            self._advance(arrival)

    def _seat(self, stream: Stream, message: Imu, names: tuple[str, ...]) -> None:
        """A device whose interval is known now takes its sites in the session."""
        mine, step = tuple(n for n in names if n in self.layout.sites), stream.interval
        if not mine or step is None or self.model is None:
            return
        if self.session is None:
            self.session = Session(self.model, self.layout, self.options.adapter, self.options.raw, start=self.now(), ahead=self.options.lookahead)
            self.seek.say = "relax the face, then nod (chin down first) and shake the head (to your left first)"
        for other in self.streams.values():  # who has been away for long leaves its place to another
            if other is not stream and other.session is not None and self.now() - other.heard > 2 * GONE_S and set(mine) & set(other.sites):
                self._unseat(other)
        try:
            stream.session = self.session.device(mine, step, message.linear, message.up)
        except InnerfaceError as error:
            stream.problem = str(error)
            return
        stream.problem, stream.mine = "", [k for k, n in enumerate(names) if n in self.layout.sites]
        if self.session.ready is not None:
            self.note(f"{stream.device} brought {', '.join(mine)}; calibrate again to use it")

    def _unseat(self, stream: Stream) -> None:
        if stream.session is not None and self.session is not None:
            self.session.drop(stream.session)
        stream.session, stream.sites = None, ()

    def _face(self, stream: Stream, message: Face, at: float, arrival: float) -> None:
        if self.recorder is not None:
            self.recorder.face(stream, message, at, arrival)
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
        return self.session is not None and self.session.ready is not None and any(
            s.session is not None and now - s.heard < GONE_S for s in self.streams.values()
        )  # fmt: skip

    def _advance(self, arrived: float) -> None:
        if self.session is None or (self.lag > _BUSY_S and self.session.waiting(self.now()) < _AT_ONCE):
            return
        began = time.perf_counter()
        out = self.session.advance(self.now())
        if self.sensor_listeners and self.session.history and self.now() - self.told > _SENSOR_S:
            self.told = self.now()
            self._tell_sensors(arrived)
        if len(out.time) and self.wants("sensors") and (self.imus_live or not self.electrodes.live):
            self._sensors_out(out, arrived)
            self.spent.append((time.perf_counter() - began) / len(out.time))

    def wants(self, stream: str) -> bool:
        """Whether the face that goes out is to come from "sensors" or from the "camera" now."""
        if self.options.output in STREAMS:
            return self.options.output == stream
        return not self.sensors_live if stream == "camera" else self.sensors_live or not self.camera.live

    @property
    def last_out(self) -> float:
        """When a face went out last, on the hub's clock; 0 before the first."""
        return self.frames_out[-1] if self.frames_out else 0.0

    def _sensors_out(self, out: Output, arrived: float) -> None:
        for k in range(len(out.time)):
            values = out.values[k].copy()
            values[len(ARKIT) :] = self.recentre_sensors.push(values[len(ARKIT) :], 1 / FRAME_RATE)
            values, confidence = self.electrodes.fused(values, None if out.confidence is None else out.confidence[k])
            self.sensed(float(out.time[k]), arrived, values, confidence, bool(out.seen[k]), "sensors", 1 / FRAME_RATE)

    def sensed(self, at: float, arrived: float, values: np.ndarray, confidence: np.ndarray | None, seen: bool, source: str, step: float) -> None:
        """A face (55,) of sensors, `step` s after the one before, on its way out: mixed with the camera's where both are there, by the policy where it is
        lost."""
        if self.mixes:
            values, seen, source = *self._mixed(at, values, seen, step), "hybrid"
        sent = self.loss_sensors.push(values, seen, step)
        if sent is not None:
            self.emit(at, arrived, sent, confidence, source, seen)

    @property
    def mixes(self) -> bool:
        """Whether faces are of camera and sensors together: both were there."""
        return self.options.output not in STREAMS and self.camera.last is not None

    def _mixed(self, at: float, sensors: np.ndarray, seen: bool, step: float) -> tuple[np.ndarray, bool]:
        """A face of both, and whether either was measured."""
        if at - self.mixed_at > _PARTED_S:
            self.mix.last = None
        self.mixed_at = at
        camera, fresh = self.camera.at(at)
        return self.mix.push(camera, sensors, step, fresh), seen or camera is not None

    def emit(self, at: float, arrived: float, values: np.ndarray, confidence: np.ndarray | None, source: str, seen: bool) -> None:
        """A face (55,) goes to sinks and listeners."""
        self.sequence += 1
        frame = Frame(self.sequence, at, arrived, values, confidence, source, seen)
        for sink in self.sinks:
            sink.put(frame)
        for listener in list(self.listeners):
            listener(frame)
        now = self.now()
        self.frames_out.append(now)
        self.latency.append(now - arrived)
        self.delay.append(now - at)

    def _tell_sensors(self, arrived: float) -> None:
        assert self.session is not None
        rotation, acceleration = self.session.history[-1]
        if self.zero is None:
            self.zero = rotation.copy()
        fresh = np.isnan(self.zero).any(1)
        self.zero[fresh] = rotation[fresh]
        turn = np.linalg.norm(quat.to_rotvec(quat.multiply(rotation, quat.conjugate(self.zero))), axis=1)
        for listener in list(self.sensor_listeners):
            listener(self.now(), arrived, turn, np.linalg.norm(acceleration, axis=1))

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
                if self.touching is not None and now > self.touching.until:
                    self._touched()
            except InnerfaceError as error:
                self.note(str(error))

    # -- commands --------------------------------------------------------------------------------------------------------------

    def note(self, text: str) -> None:
        """A sentence for the user."""
        self.notes.append(f"{datetime.now():%H:%M:%S} {text}")

    def calibrate(self) -> str:
        """Begin a calibration; what to tell the performer. Electrodes alone have nothing to be turned: they are checked. Raises InnerfaceError without
        sensors."""
        if self.session is None and self.electrodes.heard:
            return self.check.ask()
        said = self.seek.ask()
        self.cue("calibrate")
        return said

    def cue(self, what: str) -> None:
        """The performer is asked for something; simulated ones do it."""
        for source in self.sources:
            if isinstance(source, Cued):
                source.cue(what)

    def relax(self) -> None:
        """The face that the camera sees now is its neutral. Raises InnerfaceError."""
        self.camera.relax()
        if self.recorder is not None:
            self.recorder.relaxed(self.camera.neutral, self.now())
        self.note("the camera's neutral is set")

    async def send_to(self, sinks: list[Sink]) -> None:
        """Faces go to these sinks from now on, in place of all before. Raises InnerfaceError for one that does not open; the others stay."""
        before, self.sinks = self.sinks, []
        for sink in before:
            await sink.stop()
        for sink in sinks:
            await sink.start(self)
            self.sinks.append(sink)

    def recentre(self) -> None:
        """Where the head looks now is straight ahead."""
        self.recentre_sensors.now()
        self.camera.recentre.now()
        self.cue("recentre")

    def assign(self, sensor: str, site: str) -> None:
        """A sensor ("device/key") sits at a site; "" forgets it. Raises InnerfaceError."""
        self.sites.assign(sensor, site)
        for stream in self.streams.values():
            if stream.kind == "imu":
                self._unseat(stream)
        self.note(f"{sensor} sits at {site}" if site else f"{sensor} is not assigned any more")

    def touch(self, site: str) -> float:
        """Wait for a tap on the sensor at a site; how long, in s. Raises InnerfaceError for a site that the layout lacks."""
        self.layout.check(site)
        self.touching = Touch(site, self.now() + _TOUCH_S)
        return _TOUCH_S

    def _touched(self) -> None:
        touch, self.touching = self.touching, None
        assert touch is not None
        self.assign(touch.found(), touch.site)

    def record(self, name: str = "", path: Path | None = None, about: dict[str, str] | None = None) -> str:
        """Begin a take; where it is written. `about`: texts that are kept with it. Raises InnerfaceError where one is being recorded, or the place
        cannot be written."""
        if self.recorder is not None:
            raise InnerfaceError(f"{self.recorder.path} is being recorded; stop it first")
        if path is None:
            stem = file_name(name).encode()[:160].decode(errors="ignore") or f"take {datetime.now():%Y-%m-%d %H-%M-%S}"
            path = self.options.folder / f"{stem}.mcap"
            count = 1
            while path.exists():
                count += 1
                path = self.options.folder / f"{stem} {count}.mcap"
        sources = ", ".join(s.name for s in self.sources)
        self.recorder = Recording(path, self.now(), {"sources": sources} | (about or {}), self.worn())
        if self.camera.neutral.rest.any():
            self.recorder.relaxed(self.camera.neutral, self.now())
        self.marks = 0
        return str(path)

    def worn(self) -> Worn | None:
        """The calibration as it is now; None before there is one."""
        ready = None if self.session is None else self.session.ready
        return None if ready is None else ready.live.worn(ready.level, self.recentre_sensors.zero.copy())

    async def stop_recording(self, about: dict[str, str] | None = None) -> dict[str, Any]:
        """End the take: its path, rows and seconds. `about`: texts that are kept with it. Raises InnerfaceError where none is recorded."""
        recorder, self.recorder = self.recorder, None
        if recorder is None:
            raise InnerfaceError("nothing is being recorded; start with 'record'")
        words = lossy(recorder.lost()) + await self.check.judge(losses=False) + self.electrodes.words()
        await asyncio.to_thread(recorder.close, {"quality": "; ".join(words), "seconds": f"{self.now() - recorder.started:.3f}"} | (about or {}))
        said = {
            "path": str(recorder.path), "rows": recorder.rows, "seconds": round(self.now() - recorder.started, 2), "dropped": recorder.dropped,
            "problem": recorder.problem, "quality": words,
        }  # fmt: skip
        if recorder.problem:
            self.note(recorder.problem)
        return said

    def stop_soon(self) -> asyncio.Task[None]:
        """`stop_recording` for whoever cannot wait: what comes of it becomes a note."""

        async def stop() -> None:
            try:
                said = await self.stop_recording()
                self.note(f"recorded {said['path']}, {said['rows']} rows")
            except InnerfaceError as error:
                self.note(str(error))

        return self.loop.create_task(stop())

    def mark(self, text: str = "") -> int:
        """A mark in the recording; its number."""
        self.marks += 1
        if self.recorder is not None:
            self.recorder.put("events", "events", ("mark",), {}, self.now(), np.array([float(self.marks)]), {"text": text[:500]})
        return self.marks

    @property
    def invented(self) -> list[str]:
        """Channels that the model makes up, because no sensor shows them."""
        shown = self.electrodes.shown
        return [] if not isinstance(self.model, Network) else [c for c, made_up in zip(ARKIT, self.model.invented) if made_up and c not in shown]

    @property
    def lookahead_s(self) -> float:
        """How far the face lags behind what the sensors feel, by design."""
        if self.electrodes.live and not self.imus_live:
            return self.electrodes.delay_s
        return LOOKAHEAD / FRAME_RATE if self.options.lookahead else 0.0

    def delay_ms(self) -> float:
        """What audio must be delayed by to fit the face: how old faces are when they go out (look-ahead, waiting for samples, computing and queueing)."""
        return 1000 * float(np.median(self.delay)) if self.delay else 0.0

    def status(self) -> dict[str, Any]:
        """See `status.status`."""
        return status(self)

    def settings(self) -> dict[str, Any]:
        """The options, for clients."""
        return {k: (str(v) if isinstance(v, Path) else v) for k, v in asdict(self.options).items() if k not in ("adapter", "sites", "folder")}

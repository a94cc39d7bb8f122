"""The hub: messages go through the router to pipelines and recording, faces to sinks and listeners.

Everything here runs in one event loop; other threads call `receive_soon`. What takes long (loading a network, finding a
calibration) runs in a thread beside it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ..core.errors import InnerfaceError
from ..core.imu import model as models
from ..core.imu.adapter import Adapter
from ..core.imu.layout import Layout, load_layout
from ..core.imu.session import ActiveCalibration
from ..core.pipeline import FaceFrame, FacePipeline, OutputSettings
from ..core.printable import one_line
from .auto_calibration import AutoCalibration
from .commands import Commands
from .guided_check import GuidedCheck
from .interfaces import Promptable, Sink, Source
from .messages import Message
from .outputs import Outputs
from .pipelines.bio import BioPipeline
from .pipelines.camera import CameraPipeline
from .pipelines.imu import ImuPipeline
from .recording.provenance import provenance
from .recording.recording_session import RecordingSession
from .recording.take_repair import TakeRepairs
from .router import Router
from .senders import AllowedDevices, Senders
from .silence_hints import silence_hints
from .sites import SiteAssignments
from .status import HubStatus, with_printable_texts
from .status_report import (
    board_status,
    check_status,
    latency_status,
    recording_status,
    sink_statuses,
    site_statuses,
    source_statuses,
)
from .streams import Stream

_TICK_S = 1 / 120
_STALLED_S, _BACKLOG = 0.05, 64  # a tick that late was held up; packets that may wait then
_LAG_SHARE = 0.05  # of a tick's delay that the mean lag takes on
_MAX_NOTES = 12


@dataclass
class Options:
    """How a hub works.

    Attributes:
        layout: a shipped layout of sites, or a file.
        model: None for the shipped live network.
        adapter: what was learned of the performer.
        raw: no smoothing.
        loss: policies by stream (sensors, camera); hold where none is given.
        output: of sensors, camera, or both together (`core.pipeline.OUTPUTS`).
        calibrate: a calibration is sought without being asked for.
        recentre: the head's yaw returns to 0 slowly.
        folder: where takes go.
        sites: the file that assignments are kept in.
        devices: the file that allowed devices are kept in.
        allow_new: devices of the network need not be allowed.
        lookahead: faces wait for what makes them exact (LOOKAHEAD frames).
        electrodes: the performer's network for biosignals, "simulated" for the shipped one.
        arguments: KIND[:ARGS] of its sources, which recordings keep without secrets.
    """

    layout: str = "default"
    model: str | None = None
    adapter: Adapter | None = None
    raw: bool = False
    loss: dict[str, str] = field(default_factory=dict[str, str])
    output: str = "auto"
    calibrate: bool = True
    recentre: bool = True
    folder: Path = field(default_factory=Path.cwd)
    sites: Path | None = None
    devices: Path | None = None
    allow_new: bool = True
    lookahead: bool = True
    electrodes: str | None = None
    arguments: tuple[str, ...] = ()


class Hub:
    """Make it inside a running event loop.

    Attributes:
        face: the pipeline that all samples go through.
        imu, camera, electrodes: what of the streams goes into it.
        outputs: where faces go.
        recording: the take that is being recorded.
        commands: what users ask for.
        auto_calibration, guided_check: what runs beside.
    """

    def __init__(self, options: Options | None = None, clock: Callable[[], float] | None = None) -> None:
        self.options = options or Options()
        self.loop = asyncio.get_running_loop()
        self._clock = clock or self.loop.time
        self.start_time, self.opened_at = self._clock(), 0.0
        self.layout: Layout = load_layout(self.options.layout)
        sites = SiteAssignments(self.layout, self.options.sites)
        sites.load()
        settings = OutputSettings(self.options.output, self.options.loss, self.options.recentre)
        self.face, self.outputs = FacePipeline(settings=settings), Outputs(self.now)
        self.recording = RecordingSession(self.now, self.options.folder)
        self.imu = ImuPipeline(self, face=self.face, recording=self.recording, sites=sites, layout=self.layout)
        self.imu.adapter, self.imu.raw, self.imu.lookahead = (
            self.options.adapter,
            self.options.raw,
            self.options.lookahead,
        )
        self.camera = CameraPipeline(self, self.face, self.recording)
        self.electrodes = BioPipeline(self, self.face, self.recording)
        allowed = AllowedDevices(self.options.devices)
        allowed.load()
        self.senders = Senders(allowed, self.options.allow_new, self.note)
        self._router = Router(self, self.senders, imu=self.imu, camera=self.camera, bio=self.electrodes)
        self.auto_calibration = AutoCalibration(self, self.imu, self.options.calibrate)
        self.guided_check = GuidedCheck(self, self.imu, self.electrodes)
        self.commands = Commands(
            self,
            face=self.face,
            imu=self.imu,
            electrodes=self.electrodes,
            recording=self.recording,
            auto_calibration=self.auto_calibration,
            guided_check=self.guided_check,
            outputs=self.outputs,
            senders=self.senders,
        )
        self._repairs = TakeRepairs(self.note)
        self.sources: list[Source] = []
        self.notes: deque[str] = deque(maxlen=_MAX_NOTES)
        self._tasks: list[asyncio.Task[Any]] = []

    # -- life --------------------------------------------------------------------------------------

    def now(self) -> float:
        """Seconds on the hub's clock: since it was made."""
        return self._clock() - self.start_time

    async def start(self, sources: list[Source], sinks: list[Sink], record: Path | None = None) -> None:
        """Load the model, open everything, and `record` there from the first sample on.

        Raises InnerfaceError; whatever was opened is closed again.
        """
        self.sources = list(sources)  # before they start: one that fails halfway is stopped, too
        try:
            self.imu.model, notes = await asyncio.to_thread(models.load, self.options.model, True)
            self.notes.extend(notes)
            if self.options.electrodes:
                self.notes.extend(await asyncio.to_thread(self.electrodes.load, self.options.electrodes))
            await self._start_sinks(sinks)
            self._tasks = [self.loop.create_task(self._tick()), self.loop.create_task(self.auto_calibration.run())]
            for task in self._tasks:
                task.add_done_callback(self.on_task_done)
            if record is not None:
                self.commands.record(path=record)
            for source in sources:
                await source.start(self)
            self.opened_at = self.now()
            self.repair_takes(self.recording.folder)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close everything; a recording is whole afterwards."""
        self.guided_check.cancel()
        self.electrodes.cancel()
        self._repairs.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.recording.recorder is not None:
            await self.commands.stop_recording()
        await self.commands.finish()
        for component in (*self.sources, *self.outputs.sinks):
            try:
                await component.stop()
            except Exception as error:  # the others are closed all the same
                self.note(f"{component.name} did not close ({type(error).__name__}: {error})")
        self.sources, self.outputs.sinks, self._tasks = [], [], []

    async def set_sinks(self, sinks: list[Sink]) -> None:
        """Replace all sinks. Raises InnerfaceError for one that does not open; those before it in the list stay."""
        previous, self.outputs.sinks = self.outputs.sinks, []
        for sink in previous:
            await sink.stop()
        await self._start_sinks(sinks)

    async def _start_sinks(self, sinks: list[Sink]) -> None:
        for sink in sinks:
            await sink.start(self)
            self.outputs.sinks.append(sink)

    def on_task_done(self, task: asyncio.Task[Any]) -> None:
        """A task of the bridge that should not have ended: the mistake becomes a note and a log entry."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self.note(
                f"a part of the bridge ended by a mistake of its own ({type(error).__name__}: {error}); start it again"
            )
            self.loop.call_exception_handler(
                {"message": "a part of the bridge ended", "exception": error, "task": task}
            )

    async def _tick(self) -> None:
        """Faces whose samples do not come, faces that are lost, touches that end."""
        last, lag = self.now(), 0.0
        while True:
            await asyncio.sleep(_TICK_S)
            if self.now() - last > _STALLED_S:  # the computer was busy: what has come meanwhile is received first
                for _ in range(_BACKLOG):
                    await asyncio.sleep(0)
            now = self.now()
            lag += _LAG_SHARE * (now - last - _TICK_S - lag)
            last = now
            try:
                self.imu.tick(now, lag)
                self.emit(self.face.advance(now))
                self.electrodes.tick(now)
                if self.imu.tap_detector is not None and now > self.imu.tap_detector.until:
                    self.commands.finish_touch()
            except InnerfaceError as error:
                self.note(str(error))

    # -- what sources and parts call ---------------------------------------------------------------

    def receive_soon(self, source: str, message: Message) -> None:
        """`receive` from another thread; the arrival is now."""
        self.loop.call_soon_threadsafe(self.receive, source, message, self.now())

    def receive(self, source: str, message: Message, arrival: float | None = None, *, address: str = "") -> None:
        """A message of a source; `arrival` on the hub's clock, now if not given; `address`: HOST:PORT of its sender."""
        self._router.receive(source, message, self.now() if arrival is None else arrival, address=address)

    def emit(self, faces: list[FaceFrame]) -> None:
        """Faces go to sinks and listeners."""
        self.outputs.emit(faces)

    def note(self, text: str) -> None:
        """A sentence for the user."""
        self.notes.append(f"{datetime.now():%H:%M:%S} {one_line(text)}")

    def prompt(self, action: str) -> None:
        """The performer is asked for something; simulated ones do it."""
        for source in self.sources:
            if isinstance(source, Promptable):
                source.prompt(action)

    def source_names(self) -> list[str]:
        """Names of the sources."""
        return [s.name for s in self.sources]

    def repair_takes(self, folder: Path) -> None:
        """Recordings that a crash left in a folder are repaired beside what they were, and told."""
        self._repairs.schedule(folder)

    def provenance(self) -> dict[str, str]:
        """What is kept in a recording of where it comes from."""
        return provenance(self)

    def imu_streams(self) -> list[Stream]:
        """Streams of IMUs."""
        return [s for s in self.streams.values() if s.kind == "imu"]

    async def on_calibrated(self, calibration: ActiveCalibration) -> None:
        """A calibration is at work: the head is straight, and the sensors are judged."""
        self.face.recentrer.zero[:] = 0.0
        self.note(f"calibrated with {len(calibration.stream.calibrator.calibration.face_indices)} face sites")
        for text in calibration.notes:
            self.note(text)
        rest = self.face.camera.typical_face(*calibration.relaxed) if calibration.relaxed else None
        if rest is not None and self.imu.session is not None and self.imu.session.use_rest(rest):
            self.note("the camera has shown the relaxed face, which the sensors begin from now")
        await self.guided_check.assess_sensors()

    # -- what users are told -----------------------------------------------------------------------

    @property
    def streams(self) -> dict[tuple[str, str, str], Stream]:
        """All streams that are received, by source, device and kind."""
        return self._router.streams

    @property
    def unobserved(self) -> list[str]:
        """Channels that the model makes up, because no sensor shows them."""
        observed = self.electrodes.observed_channels
        return [c for c in self.imu.unobserved if c not in observed]

    @property
    def lookahead_s(self) -> float:
        """How far the face lags behind what the sensors measure, by design."""
        if self.electrodes.live and not self.face.imus_active(self.now()):
            return self.face.electrodes.delay_s
        return self.imu.lookahead_s

    def status(self) -> dict[str, Any]:
        """`status_report`, as JSON-ready values."""
        return self.status_report().to_json()

    def status_report(self) -> HubStatus:
        """All that a user wants to know."""
        now, imu, streams = self.now(), self.imu, list(self.streams.values())
        mixing = self.face.mixes and self.face.sensors_active(now)
        only_electrodes = imu.session is None and self.electrodes.receiving
        status = HubStatus(
            time=round(now, 3),
            sources=source_statuses(self.sources, streams, now),
            sinks=sink_statuses(self.outputs.sinks),
            streams=[s.report(now) for s in streams],
            sites=site_statuses(self.layout, streams, imu.sites, now=now),
            positions_mm=(self.layout.positions * 1000).round(1).tolist(),
            touching="" if imu.tap_detector is None else imu.tap_detector.site,
            calibrated=imu.calibrated,
            calibrating=self.auto_calibration.requested,
            calibration_message="" if only_electrodes else self.auto_calibration.message,
            calibrating_s=round(self.auto_calibration.searching_s, 1),
            check=check_status(self.guided_check, now),
            sensor_notes=self.guided_check.sensor_notes,
            electrodes=board_status(self.electrodes),
            silent=silence_hints(self.sources, streams, opened_at=self.opened_at, now=now),
            unobserved=self.unobserved,
            output=self.face.current_source(now),
            from_sensors=list(self.face.mixer.from_sensors) if mixing else [],
            output_hz=round(self.outputs.rate(now), 1),
            latency_ms=latency_status(self.outputs),
            delay_ms=round(self.outputs.delay_ms(), 1),
            lookahead_ms=round(self.lookahead_s * 1000, 1),
            recording=recording_status(self.recording, now),
            notes=list(self.notes),
            dropped=dict(self._router.dropped),
            waiting=self.senders.waiting,
        )
        return with_printable_texts(status)

    def settings(self) -> dict[str, Any]:
        """The options, for clients."""
        return {
            k: v
            for k, v in asdict(self.options).items()
            if k not in ("adapter", "sites", "devices", "folder", "arguments")
        }

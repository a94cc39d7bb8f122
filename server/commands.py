"""What users ask of a hub: calibrations, recordings, assignments, and where the head looks."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..core.errors import InnerfaceError
from .guided_check import loss_notes
from .recording.recording_session import TakeStart
from .recording.take_recorder import RecordedCalibration, RecordedCamera

if TYPE_CHECKING:
    from ..core.pipeline import FacePipeline
    from .auto_calibration import AutoCalibration
    from .guided_check import GuidedCheck
    from .outputs import Outputs
    from .pipelines.bio import BioPipeline
    from .pipelines.imu import ImuPipeline
    from .recording.recording_session import RecordingSession
    from .senders import Senders
    from .streams import Stream


class CommandHost(Protocol):
    """What commands see of the hub."""

    def now(self) -> float:
        """Seconds on the hub's clock."""
        ...

    def note(self, text: str) -> None:
        """A sentence for the user."""

    def prompt(self, action: str) -> None:
        """The performer is asked for something; simulated ones do it."""

    def repair_takes(self, folder: Path) -> None:
        """Recordings that a crash left in a folder are repaired."""

    def provenance(self) -> dict[str, str]:
        """What is kept in a recording of where it comes from."""
        ...

    def imu_streams(self) -> list[Stream]:
        """Streams of IMUs."""
        ...


class Commands:
    """All of them raise InnerfaceError, one sentence for the user, where they cannot be carried out."""

    def __init__(
        self,
        host: CommandHost,
        *,
        face: FacePipeline,
        imu: ImuPipeline,
        electrodes: BioPipeline,
        recording: RecordingSession,
        auto_calibration: AutoCalibration,
        guided_check: GuidedCheck,
        outputs: Outputs,
        senders: Senders,
    ) -> None:
        self._host, self._face, self._imu, self._electrodes = host, face, imu, electrodes
        self._recording, self._auto_calibration, self._guided_check = recording, auto_calibration, guided_check
        self._outputs, self._senders = outputs, senders
        self._stop_tasks: set[asyncio.Task[None]] = set()

    # -- calibration -------------------------------------------------------------------------------

    def calibrate(self) -> str:
        """Begin a calibration; what to tell the performer. Electrodes alone need none: they are checked."""
        if self._imu.session is None and self._electrodes.receiving:
            return self._guided_check.start()
        message = self._auto_calibration.start()
        self._host.prompt("calibrate")
        return message

    def check(self) -> str:
        """Begin the guided check; what to tell the performer."""
        return self._guided_check.start()

    def cancel(self) -> None:
        """Nobody waits for a calibration or a check any more."""
        self._auto_calibration.cancel()
        self._guided_check.cancel()

    def set_neutral(self) -> None:
        """The face that the camera sees now is its neutral."""
        self._face.camera.set_neutral(self._host.now())
        self._recording.put_neutral(self._face.camera.neutral)
        self._host.note("the camera's neutral is set")

    def recentre(self) -> None:
        """Where the head looks now is straight ahead."""
        self._face.recentrer.recentre()
        self._face.camera.recentrer.recentre()
        self._recording.put_recentring()
        self._host.prompt("recentre")

    # -- outputs -----------------------------------------------------------------------------------

    def retry(self, sink: str = "") -> None:
        """Sinks of that kind ("" for all) try again at once, also where a permission was denied."""
        if not self._outputs.retry(sink):
            raise InnerfaceError("no sink can be asked to try again; VTube Studio (vts) can where it is in use")

    # -- which devices are used --------------------------------------------------------------------

    def allow(self, device: str, address: str = "") -> None:
        """Use a device that waits to be allowed, now and later; with an address, the one that sends from there."""
        allowed = self._senders.allow(device, address)
        self._host.note(f"{allowed} is taken from {address}" if address else f"{allowed} is allowed from now on")

    # -- where sensors sit -------------------------------------------------------------------------

    def assign(self, sensor: str, site: str) -> None:
        """A sensor ("device/key") sits at a site; "" forgets it."""
        self._imu.sites.assign(sensor, site)
        for stream in self._host.imu_streams():
            self._imu.leave_session(stream)
        self._host.note(f"{sensor} sits at {site}" if site else f"{sensor} is not assigned any more")

    def touch(self, site: str) -> float:
        """Wait for a tap on the sensor at a site; for how long, in s."""
        return self._imu.touch(site)

    def finish_touch(self) -> None:
        """The time for a tap is over: the sensor that was tapped sits at the site."""
        detector, self._imu.tap_detector = self._imu.tap_detector, None
        if detector is not None:
            self.assign(detector.tapped_sensor(), detector.site)

    # -- recording ---------------------------------------------------------------------------------

    def record(self, name: str = "", path: Path | None = None, metadata: dict[str, str] | None = None) -> str:
        """Begin a take; where it is written. `metadata`: texts that are kept with it."""
        camera, mixer = self._face.camera, self._face.mixer
        recorded_camera = RecordedCamera(
            camera.neutral, camera.recentrer.zero.copy(), mixer.to_json() if mixer.learned_s else ""
        )
        begin = TakeStart(self._host.provenance(), self._recorded_calibration(), recorded_camera)
        started = self._recording.start(begin, name=name, path=path, metadata=metadata)
        self._host.repair_takes(Path(started).parent)
        return started

    def _recorded_calibration(self) -> RecordedCalibration | None:
        session = self._imu.session
        if session is None or session.active is None:
            return None
        active, recentrer = session.active, self._face.recentrer
        state = active.stream.calibration_state(active.convention_fix, recentrer.zero.copy())
        return RecordedCalibration(state, session.frame_stream.start_time, recentrer.auto, session.ahead)

    async def stop_recording(self, metadata: dict[str, str] | None = None) -> dict[str, Any]:
        """End the take: its path, rows and seconds. `metadata`: texts that are kept with it."""
        recorder = self._recording.detach()
        quality_notes = (
            loss_notes(recorder.loss_by_site())
            + recorder.time_notes()
            + await self._guided_check.assess_sensors(include_losses=False)
            + self._electrodes.problems()
        )
        result = await self._recording.finish(recorder, quality_notes, metadata)
        if recorder.problem:
            self._host.note(recorder.problem)
        return result

    def schedule_stop(self) -> asyncio.Task[None]:
        """`stop_recording` for whoever cannot wait: what comes of it becomes a note."""

        async def stop() -> None:
            try:
                result = await self.stop_recording()
                self._host.note(f"recorded {result['path']}, {result['rows']} rows")
            except InnerfaceError as error:
                self._host.note(str(error))

        task = asyncio.get_running_loop().create_task(stop())
        self._stop_tasks.add(task)
        task.add_done_callback(self._stop_tasks.discard)
        return task

    async def finish(self) -> None:
        """Wait for takes that are being closed."""
        await asyncio.gather(*self._stop_tasks)

    def mark(self, text: str = "") -> int:
        """A mark in the recording; its number."""
        return self._recording.mark(text)

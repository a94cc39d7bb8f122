"""Checks of sensors and electrodes, with findings as sentences.

IMUs are assessed after a calibration and after a recording, and their places by a smile, raised brows and a dropped
jaw; electrodes by three bites and three blinks.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from ..core.bio import quality as bio_quality
from ..core.bio.signal import BioSignal
from ..core.errors import InnerfaceError
from ..core.face.face_model import load_bundled
from ..core.imu import quality
from ..core.imu.calibration_state import calm_span
from ..core.imu.session import ImuSession, Snapshot
from ..core.imu.spans import Span
from ..core.rates import FRAME_RATE

if TYPE_CHECKING:
    from .pipelines.bio import BioPipeline
    from .pipelines.imu import ImuPipeline

_READY_S, _HOLD_S, _RELAX_S = 1.5, 3.0, 1.5
_CALM_S, _GESTURES_S = 3.0, 4.0
_REACTION_S = 0.5  # of a held action, before it is there
_HIGH_LOSS = 0.05
SENSOR_PROMPTS = {"smile": "Smile, as broad as you can", "brows": "Raise your brows", "jaw": "Drop your jaw"}
ELECTRODE_PROMPTS = {"relax": "Relax your face", "bite": "Bite three times", "blink": "Blink three times"}


class CheckHost(Protocol):
    """What the check sees of the hub."""

    def now(self) -> float:
        """Seconds on the hub's clock."""
        ...

    def note(self, text: str) -> None:
        """A sentence for the user."""

    def prompt(self, action: str) -> None:
        """The performer is asked for something; simulated ones do it."""


class GuidedCheck:
    """A check by actions of the performer. Findings are None before they are known, empty when all is well.

    Attributes:
        step: what is asked for now, "" when nothing is.
        deadline: when it ends, on the hub's clock.
        progress: share of the check that is done.
        placement_notes: findings on the places of IMUs.
        sensor_notes: findings on the quality of IMUs.
        electrode_notes: findings on electrodes.
    """

    def __init__(self, host: CheckHost, imu: ImuPipeline, electrodes: BioPipeline) -> None:
        self._host, self._imu, self._electrodes = host, imu, electrodes
        self.step, self.deadline, self.progress = "", 0.0, 0.0
        self.placement_notes: list[str] | None = None
        self.sensor_notes: list[str] | None = None
        self.electrode_notes: list[str] | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> str:
        """Begin, with electrodes and then with calibrated sensors, whichever there are; the performer follows `step`.

        What to tell them. Raises InnerfaceError where there is neither, or while a check runs.
        """
        session = self._imu.session if self._imu.calibrated else None
        if session is None and not self._electrodes.receiving:
            raise InnerfaceError("the check needs a calibration; calibrate first")
        if self.step:
            raise InnerfaceError("a check is running; follow it, or cancel it")
        self.placement_notes = self.electrode_notes = None
        self.step, self.deadline, self.progress = "Relax", self._host.now(), 0.0
        self._task = asyncio.get_running_loop().create_task(self._run(session))
        return "do as the check says"

    def cancel(self) -> None:
        """End a check that is running."""
        if self._task is not None:
            self._task.cancel()
        self.step = ""

    async def _run(self, session: ImuSession | None) -> None:
        try:
            if self._electrodes.receiving:
                await self._check_electrodes()
            if session is not None:
                await self._check_sensors(session)
        except InnerfaceError as error:
            self._host.note(str(error))
        finally:
            self.step, self.progress = "", 1.0

    async def _check_electrodes(self) -> None:
        signals: dict[str, BioSignal] = {}
        for k, (action, prompt) in enumerate(ELECTRODE_PROMPTS.items()):
            seconds = _CALM_S if action == "relax" else _GESTURES_S
            self._host.prompt(action)
            await self._wait(prompt, seconds, k / len(ELECTRODE_PROMPTS))
            signals[action] = self._electrodes.recent_signal(seconds)
        self.electrode_notes = await asyncio.to_thread(
            bio_quality.check_reactions, signals["relax"], signals["bite"], signals["blink"]
        )
        self._host.note("; ".join(self.electrode_notes) or "every electrode hears what it should")

    async def _check_sensors(self, session: ImuSession) -> None:
        first_frame = session.frame_stream.next_frame
        action_spans: dict[str, Span] = {}

        def elapsed_s() -> float:
            return (session.frame_stream.next_frame - first_frame) / FRAME_RATE

        for k, action in enumerate(SENSOR_PROMPTS):
            await self._wait(f"{SENSOR_PROMPTS[action]} ...", _READY_S, k / len(SENSOR_PROMPTS))
            self._host.prompt(action)
            begin = elapsed_s()
            await self._wait(f"{SENSOR_PROMPTS[action]} and hold it", _HOLD_S, (k + 0.3) / len(SENSOR_PROMPTS))
            action_spans[action] = (begin + _REACTION_S, elapsed_s())
            await self._wait("Relax", _RELAX_S, (k + 0.8) / len(SENSOR_PROMPTS))
        snapshot = session.snapshot(elapsed_s())
        self.placement_notes = await asyncio.to_thread(_check_placement, session, snapshot, action_spans)
        self._host.note("; ".join(self.placement_notes) or "every sensor moves as its place should")

    async def _wait(self, step: str, seconds: float, progress: float) -> None:
        self.step, self.deadline, self.progress = step, self._host.now() + seconds, progress
        await asyncio.sleep(seconds)

    async def assess_sensors(self, include_losses: bool = True) -> list[str]:
        """How good the sensors were in the last minute, in sentences; empty where all is well or nothing is known."""
        session = self._imu.session
        if session is None or session.active is None:
            return []
        try:
            self.sensor_notes = await asyncio.to_thread(_assess_sensors, session, session.snapshot(), include_losses)
        except (InnerfaceError, ValueError, ArithmeticError):
            return []  # too little to judge by
        return self.sensor_notes


def loss_notes(loss_by_site: dict[str, float]) -> list[str]:
    """Sentences on sites that lost too many samples."""
    high_losses = {site: share for site, share in loss_by_site.items() if share > _HIGH_LOSS}
    if len(high_losses) > 2 and len(high_losses) == len(loss_by_site):
        return [
            f"every sensor lost samples, {min(high_losses.values()):.0%} to {max(high_losses.values()):.0%} of them"
        ]
    return [f"{quality.site_label(site)} lost {share:.0%} of its samples" for site, share in high_losses.items()]


def _check_placement(session: ImuSession, snapshot: Snapshot, action_spans: dict[str, Span]) -> list[str]:
    _, motion = session.snapshot_motion(snapshot)
    return quality.check_placement(
        motion, action_spans, quality.action_signatures(load_bundled(), session.layout, motion.sites)
    )


def _assess_sensors(session: ImuSession, snapshot: Snapshot, include_losses: bool) -> list[str]:
    signal, motion = session.snapshot_motion(snapshot)
    assert session.active is not None
    calibration = replace(session.active.stream.calibrator.calibration, neutral_span=calm_span(motion))
    return quality.merge_messages(quality.report(signal, calibration, motion, report_losses=include_losses))

"""Whether sensors are good and sit where they should, in words: after a calibration, after a recording, and from a smile, raised brows and a dropped jaw;
whether electrodes hear what they should, from three bites and three blinks."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from ..core.bio import quality as bio_quality
from ..core.errors import InnerfaceError
from ..core.face_model import bundled
from ..core.imu import quality
from ..core.imu.signal import FRAME_RATE
from ..core.imu.spans import Span
from ..core.imu.worn import calm_span
from ..core.live import Session

if TYPE_CHECKING:
    from .hub import Hub

_READY_S, _HELD_S, _RELAX_S = 1.5, 3.0, 1.5
_CALM_S, _THRICE_S = 3.0, 4.0
_REACTS_S = 0.5  # of a held action, before it is there
_LOSSY = 0.05
SAY = {"smile": "Smile, as broad as you can", "brows": "Raise your brows", "jaw": "Drop your jaw"}
SAY_ELECTRODES = {"relax": "Relax your face", "bite": "Bite three times", "blink": "Blink three times"}


class Check:
    """`step`: what is asked for now, "" when nothing is; `until`: when it ends, on the hub's clock; `done`: share of the check; `places`: what was found
    of where sensors sit; `sensors`: of how good they are; `electrodes`: of what they hear. None before it is known, empty when all is well."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.step, self.until, self.done = "", 0.0, 0.0
        self.places: list[str] | None = None
        self.sensors: list[str] | None = None
        self.electrodes: list[str] | None = None
        self.task: asyncio.Task[None] | None = None

    def ask(self) -> str:
        """Begin, with electrodes and then with calibrated sensors, whichever there are; the performer follows `step`. What to tell them. Raises InnerfaceError
        where there is neither, or while a check runs."""
        session = self.hub.session if self.hub.session is not None and self.hub.session.ready is not None else None
        if session is None and not self.hub.electrodes.heard:
            raise InnerfaceError("the check needs a calibration; calibrate first")
        if self.step:
            raise InnerfaceError("a check is running; follow it, or cancel it")
        self.places, self.electrodes, self.step, self.until, self.done = None, None, "Relax", self.hub.now(), 0.0
        self.task = self.hub.loop.create_task(self._run(session))
        return "do as the check says"

    def cancel(self) -> None:
        """End a check that is running."""
        if self.task is not None:
            self.task.cancel()
        self.step = ""

    async def _run(self, session: Session | None) -> None:
        try:
            if self.hub.electrodes.heard:
                await self._electrodes()
            if session is not None:
                await self._sites(session)
        except InnerfaceError as error:
            self.hub.note(str(error))
        finally:
            self.step, self.done = "", 1.0

    async def _electrodes(self) -> None:
        taken = {}
        for k, (action, say) in enumerate(SAY_ELECTRODES.items()):
            seconds = _CALM_S if action == "relax" else _THRICE_S
            self.hub.cue(action)
            await self._wait(say, seconds, k / len(SAY_ELECTRODES))
            taken[action] = self.hub.electrodes.recent(seconds)
        self.electrodes = await asyncio.to_thread(bio_quality.reacts, taken["relax"], taken["bite"], taken["blink"])
        self.hub.note("; ".join(self.electrodes) or "every electrode hears what it should")

    async def _sites(self, session: Session) -> None:
        first, performed = session.frames.next, {}
        for k, action in enumerate(SAY):
            await self._wait(f"{SAY[action]} ...", _READY_S, k / len(SAY))
            self.hub.cue(action)
            begin = (session.frames.next - first) / FRAME_RATE
            await self._wait(f"{SAY[action]} and hold it", _HELD_S, (k + 0.3) / len(SAY))
            performed[action] = (begin + _REACTS_S, (session.frames.next - first) / FRAME_RATE)
            await self._wait("Relax", _RELAX_S, (k + 0.8) / len(SAY))
        taken = session.snapshot((session.frames.next - first) / FRAME_RATE)
        self.places = await asyncio.to_thread(_places, session, taken, performed)
        self.hub.note("; ".join(self.places) or "every sensor moves as its place should")

    async def _wait(self, step: str, seconds: float, done: float) -> None:
        self.step, self.until, self.done = step, self.hub.now() + seconds, done
        await asyncio.sleep(seconds)

    async def judge(self, losses: bool = True) -> list[str]:
        """How good the sensors were in the last minute, in words; empty where all is well or nothing is known. `losses`: whether they are worth a word."""
        session = self.hub.session
        if session is None or session.ready is None:
            return []
        try:
            self.sensors = await asyncio.to_thread(_sensors, session, session.snapshot(), losses)
        except (InnerfaceError, ValueError, ArithmeticError):
            return []  # too little to judge by
        return self.sensors


def lossy(lost: dict[str, float]) -> list[str]:
    """Sentences on sites that lost too many samples."""
    much = {site: share for site, share in lost.items() if share > _LOSSY}
    if len(much) > 2 and len(much) == len(lost):
        return [f"every sensor lost samples, {min(much.values()):.0%} to {max(much.values()):.0%} of them"]
    return [f"{quality.plain(site)} lost {share:.0%} of its samples" for site, share in much.items()]


def _places(session: Session, taken: tuple, performed: dict[str, Span]) -> list[str]:
    _, motion = session.motion(taken)
    return quality.check_places(motion, performed, quality.signatures(bundled(), session.layout, motion.sites))


def _sensors(session: Session, taken: tuple, losses: bool) -> list[str]:
    signal, motion = session.motion(taken)
    assert session.ready is not None
    found = replace(session.ready.live.calibrator.found, neutral_span=calm_span(motion))
    return quality.together(quality.report(signal, found, motion, losses))

"""Finding the calibration: by itself until there is one, and whenever asked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..core.errors import InnerfaceError
from ..core.imu.signal import FRAME_RATE
from ..core.imu.spans import NoTurnError
from ..core.live import Session

if TYPE_CHECKING:
    from .hub import Hub

_EVERY_S, _FROM_S, _SETTLED_S = 1.0, 5.0, 1.0  # how often it is sought, after how many seconds of frames, and how long after its turn
_GIVEN_UP_S = 45.0
NO_SENSOR = "no sensor has sent anything yet"


class Seek:
    """`asked`: someone waits for a calibration; `say`: what to tell the performer now."""

    def __init__(self, hub: Hub) -> None:
        self.hub, self.asked, self.since, self.say = hub, False, 0, NO_SENSOR

    @property
    def seconds(self) -> float:
        """How long a calibration has been sought that someone waits for; 0 where nobody does."""
        session = self.hub.session
        waits = session is not None and (self.asked or (self.hub.options.calibrate and session.ready is None))
        return (session.frames.next - self.since) / FRAME_RATE if waits and session is not None else 0.0

    def cancel(self) -> None:
        """Nobody waits any more; the calibration before stays at work."""
        self.asked, self.say = False, ""

    def ask(self) -> str:
        """Begin a calibration with what comes from now on; what to tell the performer. Raises InnerfaceError without sensors."""
        if self.hub.session is None:
            raise InnerfaceError(f"{NO_SENSOR}; connect one first")
        self.since, self.asked = self.hub.session.frames.next, True
        self.say = "relax the face for three seconds, then nod (chin down first) and shake the head (to your left first)"
        return self.say

    async def run(self) -> None:
        """For as long as the hub lives."""
        while True:
            await asyncio.sleep(_EVERY_S)
            session = self.hub.session
            if session is not None and (self.asked or (self.hub.options.calibrate and session.ready is None)):
                await self._try(session)

    async def _try(self, session: Session) -> None:
        seconds = (session.frames.next - self.since) / FRAME_RATE
        if seconds < _FROM_S:
            return
        try:
            ready = await asyncio.to_thread(session.calibrate, session.snapshot(seconds), _SETTLED_S)
        except (InnerfaceError, ValueError, ArithmeticError) as error:  # what sensors send may be no motion of any head
            if self.asked and seconds > _GIVEN_UP_S:
                self.asked = False
                self.hub.note(f"not calibrated: {error}")
            if not isinstance(error, NoTurnError):  # that one is still to come
                self.say = str(error)
            return
        if ready is None or session is not self.hub.session:
            return
        session.accept(ready)
        self.asked, self.say = False, ""
        self.hub.recentre_sensors.zero[:] = 0.0
        self.hub.note(f"calibrated with {len(ready.live.calibrator.found.face)} face sites")
        for text in ready.notes:
            self.hub.note(text)
        await self.hub.check.judge()

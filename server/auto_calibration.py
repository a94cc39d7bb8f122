"""Finding the calibration: by itself until there is one, and whenever asked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..core.errors import InnerfaceError
from ..core.imu.session import ImuSession
from ..core.imu.spans import NoTurnError
from ..core.rates import FRAME_RATE

if TYPE_CHECKING:
    from .hub import Hub

_INTERVAL_S, _MIN_FRAMES_S, _SETTLED_S = (
    1.0,
    5.0,
    1.0,
)  # how often it is sought, after how many seconds of frames, and how long after its turn
_TIMEOUT_S = 45.0
NO_SENSOR_MESSAGE = "no sensor has sent anything yet"


class AutoCalibration:
    """`asked`: someone waits for a calibration; `say`: what to tell the performer now."""

    def __init__(self, hub: Hub) -> None:
        self.hub, self.requested, self.first_frame, self.message = hub, False, 0, NO_SENSOR_MESSAGE

    @property
    def searching_s(self) -> float:
        """How long a calibration has been sought that someone waits for; 0 where nobody does."""
        session = self.hub.session
        searching = session is not None and (self.requested or (self.hub.options.calibrate and session.active is None))
        return (
            (session.frame_stream.next_frame - self.first_frame) / FRAME_RATE
            if searching and session is not None
            else 0.0
        )

    def cancel(self) -> None:
        """Nobody waits any more; the calibration before stays at work."""
        self.requested, self.message = False, ""

    def start(self) -> str:
        """Begin a calibration with what comes from now on; what to tell the performer. Raises InnerfaceError without sensors."""
        if self.hub.session is None:
            raise InnerfaceError(f"{NO_SENSOR_MESSAGE}; connect one first")
        self.first_frame, self.requested = self.hub.session.frame_stream.next_frame, True
        self.message = (
            "relax the face for three seconds, then nod (chin down first) and shake the head (to your left first)"
        )
        return self.message

    async def run(self) -> None:
        """For as long as the hub lives."""
        while True:
            await asyncio.sleep(_INTERVAL_S)
            session = self.hub.session
            if session is not None and (self.requested or (self.hub.options.calibrate and session.active is None)):
                await self._try(session)

    async def _try(self, session: ImuSession) -> None:
        seconds = (session.frame_stream.next_frame - self.first_frame) / FRAME_RATE
        if seconds < _MIN_FRAMES_S:
            return
        try:
            calibration = await asyncio.to_thread(session.calibrate, session.snapshot(seconds), _SETTLED_S)
        except (InnerfaceError, ValueError, ArithmeticError) as error:  # what sensors send may be no motion of any head
            if self.requested and seconds > _TIMEOUT_S:
                self.requested = False
                self.hub.note(f"not calibrated: {error}")
            if not isinstance(error, NoTurnError):  # that one is still to come
                self.message = str(error)
            return
        if calibration is None or session is not self.hub.session:
            return
        session.activate(calibration)
        self.requested, self.message = False, ""
        self.hub.sensor_recentre.zero[:] = 0.0
        self.hub.note(f"calibrated with {len(calibration.stream.calibrator.calibration.face_indices)} face sites")
        for text in calibration.notes:
            self.hub.note(text)
        await self.hub.guided_check.assess_sensors()

"""Finding the calibration: by itself until there is one, and whenever asked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from ..core.errors import InnerfaceError
from ..core.imu.session import ActiveCalibration, ImuSession
from ..core.imu.spans import NoTurnError
from ..core.rates import FRAME_RATE

if TYPE_CHECKING:
    from .pipelines.imu import ImuPipeline

_INTERVAL_S = 1.0  # between searches
_MIN_SEARCH_S = 5.0  # of frames that are searched
_SETTLED_S = 1.0  # after a turn, before it is taken to be over
_TIMEOUT_S = 45.0
NO_SENSOR_MESSAGE = "no sensor has sent anything yet"
GESTURES_MESSAGE = "relax the face, then nod (chin down first) and shake the head (to your left first)"
RELAX_FIRST_MESSAGE = (
    "relax the face for three seconds, then nod (chin down first) and shake the head (to your left first)"
)


class CalibrationHost(Protocol):
    """What the search sees of the hub."""

    def note(self, text: str) -> None:
        """A sentence for the user."""

    async def on_calibrated(self, calibration: ActiveCalibration) -> None:
        """A calibration is at work."""


class AutoCalibration:
    """The search. `enabled`: until there is a calibration; `requested`: someone waits for one."""

    def __init__(self, host: CalibrationHost, imu: ImuPipeline, enabled: bool = True) -> None:
        self._host, self._imu, self.enabled = host, imu, enabled
        self.requested = False
        self._first_frame, self._message = 0, GESTURES_MESSAGE

    @property
    def message(self) -> str:
        """What to tell the performer now."""
        return NO_SENSOR_MESSAGE if self._imu.session is None else self._message

    @property
    def searching(self) -> bool:
        """Whether a calibration is sought."""
        return self._imu.session is not None and (self.requested or (self.enabled and not self._imu.calibrated))

    @property
    def searching_s(self) -> float:
        """How long a calibration has been sought; 0 where none is."""
        session = self._imu.session
        return (session.frame_stream.next_frame - self._first_frame) / FRAME_RATE if session and self.searching else 0.0

    def cancel(self) -> None:
        """Nobody waits any more; the calibration before stays at work."""
        self.requested, self._message = False, ""

    def start(self) -> str:
        """Begin a calibration with the frames from now on; what to tell the performer.

        Raises InnerfaceError without sensors.
        """
        if self._imu.session is None:
            raise InnerfaceError(f"{NO_SENSOR_MESSAGE}; connect one first")
        self._first_frame, self.requested = self._imu.session.frame_stream.next_frame, True
        self._message = RELAX_FIRST_MESSAGE
        return self._message

    async def run(self) -> None:
        """Search for as long as the hub lives."""
        while True:
            await asyncio.sleep(_INTERVAL_S)
            if self._imu.session is not None and self.searching:
                await self._search(self._imu.session)

    async def _search(self, session: ImuSession) -> None:
        seconds = (session.frame_stream.next_frame - self._first_frame) / FRAME_RATE
        if seconds < _MIN_SEARCH_S:
            return
        is_over = self.requested and seconds > _TIMEOUT_S  # then without a nod and shake, rather than not at all
        try:
            calibration = await asyncio.to_thread(
                session.calibrate, session.snapshot(seconds), 0.0 if is_over else _SETTLED_S, needs_nod=not is_over
            )
        except (InnerfaceError, ValueError, ArithmeticError) as error:  # what sensors send may be no motion of any head
            if is_over:
                self.requested = False
                self._host.note(f"not calibrated: {error}")
            if not isinstance(error, NoTurnError):  # that one is still to come
                self._message = str(error)
            return
        if calibration is None or session is not self._imu.session:
            return
        session.activate(calibration)
        self.requested, self._message = False, ""
        await self._host.on_calibrated(calibration)

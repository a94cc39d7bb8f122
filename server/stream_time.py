"""When a stream's samples were taken: by the device's clock where it is of use, else by their arrival."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from .clock import DeviceClock
from .time_watch import TimeWatch

_MAX_TIME_S = 1e11  # what is later is no time
_UNUSUAL_DRIFT = 0.01
_QUIET_S = 30.0  # between notes on clocks that begin anew

NO_NUMBER = "its time is no number; samples are timed by their arrival"
RESTARTED = "its clock began anew, was set or stood still; times go on from here"


@dataclass
class StreamTime:
    """A stream's clock and the watch over it. `notes`: what the user has not been told yet."""

    clock: DeviceClock = field(default_factory=DeviceClock)
    watch: TimeWatch = field(default_factory=TimeWatch)
    notes: list[str] = field(default_factory=list[str])
    _told: set[str] = field(default_factory=set[str])
    _known_restarts: int = 0
    _told_restart: float = -math.inf

    def checked(self, device_time: float | None) -> float | None:
        """A device time; None where it is no number."""
        if device_time is None or abs(device_time) <= _MAX_TIME_S:
            return device_time
        self._tell(NO_NUMBER)
        return None

    def to_hub_time(self, device_time: float | None, arrival: float, overtaken: bool | None = None) -> float:
        """When a sample was taken, s on the hub's clock; `overtaken` as for `DeviceClock`."""
        if device_time is None:
            return self.clock.at_arrival(arrival)
        was_usable = self.watch.usable
        if not overtaken and self.watch.push(device_time, arrival) and self.watch.problem:
            self._tell(self.watch.problem)
        if not self.watch.usable:
            return self.clock.at_arrival(arrival)
        if not was_usable:
            self.clock.restart()
        at = self.clock.to_hub_time(device_time, arrival, overtaken)
        if self.clock.restarts != self._known_restarts:
            self._known_restarts = self.clock.restarts
            if arrival - self._told_restart > _QUIET_S:
                self._told_restart = arrival
                self.notes.append(RESTARTED)
        return at

    def restart(self) -> None:
        """The device began anew: so does its clock."""
        self.clock.restart()

    @property
    def problem(self) -> str:
        """A sentence on what is wrong with the device's time, "" where nothing is."""
        drift = self.clock.drift
        if not self.watch.problem and abs(drift) > _UNUSUAL_DRIFT:
            return f"its time runs {abs(drift):.1%} too {'slow' if drift > 0 else 'fast'}, which is corrected"
        return self.watch.problem

    def _tell(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self.notes.append(text)

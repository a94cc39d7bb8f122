"""What is known of each stream that comes in: its clock, its losses, its rate."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from .clock import Clock, Counter
from .messages import Bio, Face, Imu

_RECENT = 400  # samples that rates and losses are told from
_SETTLED = 8  # samples after which the interval is believed
GONE_S = 1.5  # silence after which a device counts as away
_BATCH_JITTER_S, _FOLLOW, _BEND = 0.1, 0.01, 0.2  # how far a batch strays, the share of it that is believed, and the most, in samples


@dataclass
class Stream:
    """One device of one source."""

    source: str
    device: str
    kind: str
    clock: Clock = field(default_factory=Clock)
    counter: Counter = field(default_factory=Counter)
    arrivals: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))
    times: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))
    heard: float = 0.0
    battery: float = float("nan")
    name: str = ""
    problem: str = ""
    keys: tuple[str, ...] = ()
    present: np.ndarray = field(default_factory=lambda: np.ones(0))  # per key: share of recent samples that held it
    session: int | None = None
    sites: tuple[str, ...] = ()  # where its sensors sit, by their own names where nobody knows
    mine: list[int] = field(default_factory=list)  # which of its sensors have a seat in the session
    last: Imu | None = None
    due: float | None = None  # when the last biosignal was taken
    batch: float = 0.0  # biosignals that come together

    def when(self, message: Imu | Face | Bio, arrival: float) -> float | None:
        """The sample's time on the hub's clock; None for one that was received before."""
        if message.sequence is not None:
            gap, new = self.counter.take(message.sequence)
            if not new:
                return None
            self._seen(message, gap)
        else:
            self.counter.received += 1
            self._seen(message, 0)
        self.heard = arrival
        self.arrivals.append(arrival)
        at = self.clock.time(message.time, arrival) if message.time is not None else arrival
        if message.time is None and self.times and at <= self.times[-1]:
            at = self.times[-1] + 2e-5
        self.times.append(at)
        return at

    def steady(self, message: Bio, at: float) -> float:
        """When the last of a batch of biosignals was taken: batches come early and late, samples do not; they follow one another, and drift slowly."""
        step = 1 / message.rate
        due = at if self.due is None else self.due + len(message.values) * step
        if abs(at - due) < _BATCH_JITTER_S:
            due += min(max(_FOLLOW * (at - due), -_BEND * step), _BEND * step)
        elif at > due:  # some never came
            due = at
        self.due = due
        return due

    def _seen(self, message: Imu | Face | Bio, gap: int) -> None:
        if isinstance(message, Imu):
            if message.keys != self.keys:
                self.keys, self.present = message.keys, np.ones(len(message.keys))
            here = ~(np.isnan(message.rotation).any(1) | np.isnan(message.acceleration).any(1))
            for _ in range(min(gap, _RECENT)):
                self.present *= 1 - 4 / _RECENT
            self.present += (here - self.present) * 4 / _RECENT
            self.battery = message.battery if message.battery == message.battery else self.battery
        elif isinstance(message, Bio):
            count, lost = len(message.values), int(np.isnan(message.values).all(axis=1).sum())
            self.counter.lost += lost
            self.counter.received += count - lost - 1  # one was counted
            self.batch += (count - self.batch) * (0.05 if self.batch else 1.0)

    @property
    def interval(self) -> float | None:
        """Seconds between samples (median), once enough have come."""
        if len(self.times) < _SETTLED:
            return None
        return float(np.median(np.diff(np.array(self.times)[-64:])))

    def rate(self, now: float) -> float:
        """Samples a second, lately."""
        recent = [a for a in self.arrivals if now - a < 3.0]
        return (self.batch or 1.0) * (len(recent) - 1) / max(recent[-1] - recent[0], 1e-6) if len(recent) > 1 else 0.0

    def state(self, now: float) -> str:
        """ok, poor (loses more than a twentieth) or away."""
        if now - self.heard > GONE_S:
            return "away"
        return "poor" if self.problem or (len(self.present) and float(self.present.min()) < 0.95) else "ok"

    def report(self, now: float) -> dict:
        """For status and the control page."""
        return {
            "source": self.source, "device": self.device, "name": self.name, "kind": self.kind, "state": self.state(now),
            "rate_hz": round(self.rate(now), 1), "received": self.counter.received, "lost": self.counter.lost, "late": self.counter.late,
            "repeated": self.counter.repeated, "drift_ppm": round(self.clock.drift_ppm, 1), "restarts": self.clock.restarts,
            "battery_v": None if self.battery != self.battery else round(self.battery, 2), "silent_s": round(now - self.heard, 1), "problem": self.problem,
            "sensors": {key: round(1 - float(p), 3) for key, p in zip(self.keys, self.present)},
        }  # fmt: skip

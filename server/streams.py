"""Streams that are received: clock, losses, rate."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field, replace

import numpy as np

from ..core.arrays import Array
from ..core.pipeline.camera import AWAY_AFTER_S
from .batch_time import BatchTime
from .clock import DeviceClock, SequenceCounter
from .messages import BioSample, DeviceInfo, FaceSample, ImuSample
from .sample_account import SampleAccount
from .status import StreamStatus
from .stream_time import StreamTime

_WINDOW = 400  # samples that rates and losses are measured over
_RIVAL_S = 5.0
MIN_MESSAGES = 3  # a device that said less may be none
_MIN_RATE_SPAN_S = 0.5  # what was buffered before comes at once
_MIN_SAMPLES = 8  # for an estimate of the interval
_STUCK_PACKETS = 25  # of one number and time whose contents differ: the device does not count


@dataclass
class Stream:
    """One device of one source."""

    source: str
    device: str
    kind: str
    time: StreamTime = field(default_factory=StreamTime)
    counter: SequenceCounter = field(default_factory=SequenceCounter)
    arrivals: deque[float] = field(default_factory=lambda: deque(maxlen=_WINDOW))
    times: deque[float] = field(default_factory=lambda: deque(maxlen=_WINDOW))
    last_received: float = 0.0
    account: SampleAccount = field(default_factory=SampleAccount)
    last_count: int = 1  # samples of the last message
    battery: float = float("nan")
    name: str = ""
    problem: str = ""
    address: str = ""  # HOST:PORT that it comes from, "" where it has none
    rival: str = ""  # HOST:PORT of another sender of its name, which was last heard at `rival_at`
    rival_at: float = -np.inf
    site_problem: str = ""
    keys: tuple[str, ...] = ()
    presence: Array = field(default_factory=lambda: np.ones(0))  # per key: share of recent samples that held it
    session_device: int | None = None
    sites: tuple[str, ...] = ()  # where its sensors sit, by their own names where nobody knows
    session_columns: list[int] = field(default_factory=list[int])  # which of its sensors have a seat in the session
    last_message: ImuSample | None = None
    batches: BatchTime = field(default_factory=BatchTime)  # of biosignals
    batch_size: float = 0.0  # biosignals that come together
    _stuck: int = 0
    _stuck_content: bytes = b""
    _uncounted: bool = False

    def __post_init__(self) -> None:
        self.time.watch.expects_even_steps = self.kind != "bio"  # batches differ in size

    def describe(self, info: DeviceInfo, arrival: float) -> None:
        """What the device tells of itself."""
        if self.kind == "device":  # others are away once no samples come, whatever the device says
            self.last_received = arrival
        self.name, self.problem = info.name or self.name, info.problem
        self.battery = info.battery if info.battery == info.battery else self.battery

    @property
    def clock(self) -> DeviceClock:
        """The device's clock."""
        return self.time.clock

    def timestamp(self, message: ImuSample | FaceSample | BioSample, arrival: float) -> float | None:
        """The sample's time on the hub's clock; None for one that was received before."""
        message.time = self.time.checked(message.time)
        if self._uncounted:
            message.sequence = None
        received, restarts, late = self.counter.received, self.counter.restarts, self.counter.late
        gap, is_new, overtaken = 0, True, None
        if message.sequence is None:
            self.counter.received += 1
        else:
            gap, is_new = self.counter.count(message.sequence, message.time, arrival)
            overtaken = self.counter.late > late
        if not is_new and not self._is_stuck(message):
            self.account.add(1, "repeated")
            return None
        if not is_new:
            self.counter.received += 1
            self.counter.repeated -= 1
        if self.counter.restarts > restarts:
            self.time.restart()
        self._update_presence(message, gap)
        self.last_count = self.counter.received - received
        self.last_received = arrival
        self.arrivals.append(arrival)
        at = self.time.to_hub_time(message.time, arrival, overtaken)
        self.times.append(at)
        return at

    def _is_stuck(self, message: ImuSample | FaceSample | BioSample) -> bool:
        """Whether a packet of the last number and time is another one, as from a device that does not count."""
        if not isinstance(message, ImuSample) or (message.sequence, message.time) != (
            self.counter.last_sequence,
            self.counter.last_time,
        ):
            self._stuck = 0
            return False
        content = message.rotation.tobytes() + message.acceleration.tobytes()
        self._stuck += content != self._stuck_content
        self._stuck_content = content
        self._uncounted = self._stuck >= _STUCK_PACKETS
        return self._uncounted

    def pop_notes(self) -> list[str]:
        """Sentences for the user on its time and on what becomes of its samples, since the last call."""
        notes = [f"{self.name or self.device}: {note}" for note in (*self.time.notes, *self.account.notes)]
        self.time.notes.clear()
        self.account.notes.clear()
        return notes

    def time_batch(self, message: BioSample, at: float, arrival: float) -> tuple[BioSample, float]:
        """A batch with the rate at which its samples really come, and when the last one was taken."""
        problem = self.batches.problem
        at = self.batches.push(len(message.values), message.rate, at=at, arrival=arrival)
        if self.batches.problem and not problem:
            self.time.notes.append(self.batches.problem)
        return (message if self.batches.rate is None else replace(message, rate=self.batches.rate)), at

    def _update_presence(self, message: ImuSample | FaceSample | BioSample, gap: int) -> None:
        if isinstance(message, ImuSample):
            if message.keys != self.keys:
                self.keys, self.presence = message.keys, np.ones(len(message.keys))
            mask = ~(np.isnan(message.rotation).any(1) | np.isnan(message.acceleration).any(1))
            self.presence *= (1 - 4 / _WINDOW) ** min(gap, _WINDOW)
            self.presence += (mask - self.presence) * 4 / _WINDOW
            self.battery = message.battery if message.battery == message.battery else self.battery
        elif isinstance(message, BioSample):
            count, lost = len(message.values), int(np.isnan(message.values).all(axis=1).sum())
            self.counter.lost += lost
            self.counter.received += count - lost - 1  # one was counted
            self.batch_size += (count - self.batch_size) * (0.05 if self.batch_size else 1.0)

    @property
    def interval(self) -> float | None:
        """Seconds between samples (median), once enough have come."""
        if len(self.times) < _MIN_SAMPLES:
            return None
        return float(np.median(np.diff(np.array(self.times)[-64:])))

    def rate(self, now: float) -> float:
        """Samples a second, lately."""
        recent = [a for a in self.arrivals if now - a < 3.0]
        span = max(recent[-1] - recent[0], _MIN_RATE_SPAN_S) if len(recent) > 1 else math.inf
        return (self.batch_size or 1.0) * (len(recent) - 1) / span

    @property
    def current_rival(self) -> str:
        """HOST:PORT of another sender of its name that still sends, "" without one."""
        return self.rival if self.last_received - self.rival_at < _RIVAL_S else ""

    @property
    def fault(self) -> str:
        """A sentence on what is wrong with it, its sender, sites or time, or what becomes of its samples; else ""."""
        rival = self.current_rival
        problem = (
            f"{rival} sends under the same name as {self.address} and is left out: give one of them another name, or "
            "use the other sender"
        )
        own = self.problem or (problem if rival else self.site_problem)
        return own or self.time.problem or self.batches.problem or self.account.problem

    def state(self, now: float) -> str:
        """ok, poor (loses more than a twentieth, or has a fault) or away."""
        if now - self.last_received > AWAY_AFTER_S:
            return "away"
        return "poor" if self.fault or (len(self.presence) and float(self.presence.min()) < 0.95) else "ok"

    def report(self, now: float) -> StreamStatus:
        """For status and the control page."""
        return StreamStatus(
            source=self.source,
            device=self.device,
            name=self.name,
            kind=self.kind,
            state=self.state(now),
            rate_hz=round(self.rate(now), 1),
            received=self.counter.received + self.counter.repeated,
            lost=self.counter.lost,
            late=self.counter.late,
            repeated=self.counter.repeated,
            drift_ppm=round(self.clock.drift_ppm, 1),
            restarts=self.clock.restarts,
            battery_v=None if self.battery != self.battery else round(self.battery, 2),
            silent_s=round(now - self.last_received, 1),
            problem=self.fault,
            sensors={key: round(1 - float(p), 3) for key, p in zip(self.keys, self.presence)},
            shown=self.account.shown,
            dropped=dict(self.account.dropped),
            address=self.address,
            rival=self.current_rival,
        )

"""A device's clock and counter against the hub's: offset and drift, jitter taken out, losses counted."""

from __future__ import annotations

from collections import deque

import numpy as np

_BUCKET_S, _BUCKETS = 0.5, 60  # the quickest packet of each half second, half a minute of them
_STEEPEST = 3e-3  # clocks are not further apart; a phone's frame counter is off by 1.6e-3
_SURE_S = 4.0  # before that drift is taken to be 0
_SLEW = 2e-3  # s per s: how fast an estimate gives way
_APART_S = 2e-5  # samples are never closer: files keep microseconds
_JUMP_S = 0.25  # a device's clock that jumps by more was started again


class Clock:
    """Hub times of samples that bear a device's time.

    Packets arrive late by a delay that is never negative, so the quickest of each half second say where the clocks lie; a Theil-Sen line
    through them gives offset and drift. What it says never runs backwards, and gives way to a new estimate slowly.
    """

    def __init__(self) -> None:
        self._reset()
        self.restarts = -1

    def _reset(self) -> None:
        self.restarts = getattr(self, "restarts", -1) + 1
        self.points: deque[tuple[float, float]] = deque(maxlen=_BUCKETS)
        self.bucket: tuple[float, float] | None = None
        self.begin: float | None = None
        self.origin, self.offset, self.drift = 0.0, 0.0, 0.0
        self.shift = 0.0  # what the estimate still has to give way by
        self.last_device, self.last = -np.inf, -np.inf

    def time(self, device: float, arrival: float) -> float:
        """When a sample was taken, on the hub's clock; `device`, `arrival` in s. Strictly later than the one before, unless it is older."""
        late = arrival - device
        if self.begin is None or abs(late - (self.offset + self.drift * (device - self.origin))) > _JUMP_S + 1e-3 * (arrival - self.last):
            if self.begin is not None and device > self.last_device and late > self.offset:  # it was only held up on its way
                return self._given(device, self._line(device))
            before = self.last
            self._reset()
            self.begin, self.origin, self.offset = device, device, late
            self.last = before
        if self.bucket is None or device - self.bucket[0] > _BUCKET_S or device < self.bucket[0]:
            if self.bucket is not None and device >= self.bucket[0]:
                self.points.append((self.low[0], self.low[1]))
                self._fit()
            self.bucket, self.low = (device, late), (device, late)
        elif late < self.low[1]:
            self.low = (device, late)
        first = device - self.begin < 2 * _BUCKET_S
        if first and late < self.offset:  # the first ones may all have been slow: follow the quickest at once
            self.offset = late
        step = min(max(device - self.last_device, 0.0), 1.0) if np.isfinite(self.last_device) else 0.0
        give = min(abs(self.shift), _SLEW * step)
        self.shift -= np.sign(self.shift) * give
        return self._given(device, self._line(device))

    def _line(self, device: float) -> float:
        return device + self.offset + self.drift * (device - self.origin) + self.shift

    def _given(self, device: float, when: float) -> float:
        if device <= self.last_device:  # older than one that came before it: keeps its place
            return when
        when = max(when, self.last + _APART_S) if np.isfinite(self.last) else when
        self.last_device, self.last = device, when
        return when

    def _fit(self) -> None:
        t, late = np.array(self.points).T
        before = self._line(t[-1])
        if len(t) > 3 and t[-1] - t[0] >= _SURE_S:
            i, j = np.triu_indices(len(t), 1)
            slope = float(np.median((late[j] - late[i]) / (t[j] - t[i])))
            self.drift = min(max(slope, -_STEEPEST), _STEEPEST)
        self.origin = float(t[-1])
        rest = late - self.drift * (t - self.origin)
        self.offset = float(np.percentile(rest, 20))
        self.shift = 0.0
        if self.begin is not None and t[-1] - self.begin > 2 * _BUCKET_S:
            self.shift = before - self._line(t[-1])  # no step: the new line is approached

    @property
    def drift_ppm(self) -> float:
        """How much slower the device's clock runs than the hub's."""
        return self.drift * 1e6


class Counter:
    """Packets by their sequence numbers (which wrap at `bits`): lost, late and repeated ones."""

    _SEEN = 256

    def __init__(self, bits: int = 32) -> None:
        self.size = 1 << bits
        self.received = self.lost = self.late = self.repeated = 0
        self.last: int | None = None
        self.seen: deque[int] = deque(maxlen=self._SEEN)
        self.members: set[int] = set()

    def take(self, sequence: int) -> tuple[int, bool]:
        """Count a packet: how many were lost just before it, and whether it is new. A counter that begins again is followed."""
        if sequence in self.members:
            self.repeated += 1
            return 0, False
        gap = 0
        if self.last is not None:
            ahead = (sequence - self.last) % self.size
            if ahead < self.size // 2 and ahead < 100_000:
                gap = ahead - 1
                self.lost += gap
                self.last = sequence
            elif (self.last - sequence) % self.size < self._SEEN:
                self.late += 1
                self.lost = max(self.lost - 1, 0)
            else:  # the device was started again
                self.members.clear()
                self.seen.clear()
                self.last = sequence
        else:
            self.last = sequence
        if len(self.seen) == self._SEEN:
            self.members.discard(self.seen[0])
        self.seen.append(sequence)
        self.members.add(sequence)
        self.received += 1
        return gap, True

    @property
    def loss(self) -> float:
        """Share of the packets that were lost."""
        return self.lost / max(self.lost + self.received, 1)

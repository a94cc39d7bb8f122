"""A device's clock on the hub's clock, without jitter, and losses from sequence numbers."""

from __future__ import annotations

from collections import deque

import numpy as np

from ..core.arrays import Array

_BUCKET_S, _BUCKETS = 0.5, 60  # the fastest packet of each bucket is kept
_MAX_DRIFT = 3e-3  # a phone's frame counter is off by 1.6e-3
_MIN_FIT_SPAN_S = 4.0  # drift is 0 before
_SLEW_RATE = 2e-3  # s per s: how fast corrections are applied
_MIN_STEP_S = 2e-5  # between samples: files keep microseconds
_RESTART_JUMP_S = 0.25  # a larger jump is a restart of the device


class DeviceClock:
    """Hub times of samples with device times.

    Delays are never negative, so the fastest packet of each half second shows how the clocks relate; a Theil-Sen line
    through them gives offset and drift. Times never run backwards, and new estimates are approached slowly.
    """

    def __init__(self) -> None:
        self._reset()
        self.restarts = -1

    def _reset(self) -> None:
        self.restarts = getattr(self, "restarts", -1) + 1
        self.bucket_minima: deque[tuple[float, float]] = deque(maxlen=_BUCKETS)
        self.bucket_first: tuple[float, float] | None = None
        self.bucket_min = (0.0, 0.0)
        self.first_device_time: float | None = None
        self.origin, self.offset, self.drift = 0.0, 0.0, 0.0
        self.pending_correction = 0.0  # of the estimate, not applied yet
        self.last_device_time, self.last_hub_time = -np.inf, -np.inf

    def to_hub_time(self, device_time: float, arrival: float) -> float:
        """When a sample was taken, s on the hub's clock.

        Strictly later than for the last sample, unless the device time is earlier.
        """
        delay = arrival - device_time
        if self.first_device_time is None or abs(
            delay - (self.offset + self.drift * (device_time - self.origin))
        ) > _RESTART_JUMP_S + 1e-3 * (arrival - self.last_hub_time):
            if self.first_device_time is not None and device_time > self.last_device_time and delay > self.offset:
                # only delayed on its way
                return self._monotonic(device_time, self._predict(device_time))
            previous_hub_time = self.last_hub_time
            self._reset()
            self.first_device_time, self.origin, self.offset = device_time, device_time, delay
            self.last_hub_time = previous_hub_time
        if (
            self.bucket_first is None
            or device_time - self.bucket_first[0] > _BUCKET_S
            or device_time < self.bucket_first[0]
        ):
            if self.bucket_first is not None and device_time >= self.bucket_first[0]:
                self.bucket_minima.append((self.bucket_min[0], self.bucket_min[1]))
                self._fit()
            self.bucket_first, self.bucket_min = (device_time, delay), (device_time, delay)
        elif delay < self.bucket_min[1]:
            self.bucket_min = (device_time, delay)
        starting = device_time - self.first_device_time < 2 * _BUCKET_S
        if starting and delay < self.offset:  # the first ones may all have been slow: follow the fastest at once
            self.offset = delay
        elapsed = min(max(device_time - self.last_device_time, 0.0), 1.0) if np.isfinite(self.last_device_time) else 0.0
        correction = min(abs(self.pending_correction), _SLEW_RATE * elapsed)
        self.pending_correction -= np.sign(self.pending_correction) * correction
        return self._monotonic(device_time, self._predict(device_time))

    def _predict(self, device_time: float) -> float:
        return device_time + self.offset + self.drift * (device_time - self.origin) + self.pending_correction

    def _monotonic(self, device_time: float, hub_time: float) -> float:
        if device_time <= self.last_device_time:  # older than one that came before it: keeps its place
            return hub_time
        hub_time = max(hub_time, self.last_hub_time + _MIN_STEP_S) if np.isfinite(self.last_hub_time) else hub_time
        self.last_device_time, self.last_hub_time = device_time, hub_time
        return hub_time

    def _fit(self) -> None:
        history: Array = np.array(self.bucket_minima)
        t, delays = history[:, 0], history[:, 1]
        previous = self._predict(float(t[-1]))
        if len(t) > 3 and t[-1] - t[0] >= _MIN_FIT_SPAN_S:
            i, j = np.triu_indices(len(t), 1)
            slope = float(np.median((delays[j] - delays[i]) / (t[j] - t[i])))
            self.drift = min(max(slope, -_MAX_DRIFT), _MAX_DRIFT)
        self.origin = float(t[-1])
        residuals = delays - self.drift * (t - self.origin)
        self.offset = float(np.percentile(residuals, 20))
        self.pending_correction = 0.0
        if self.first_device_time is not None and t[-1] - self.first_device_time > 2 * _BUCKET_S:
            self.pending_correction = previous - self._predict(float(t[-1]))  # no step: the new line is approached

    @property
    def drift_ppm(self) -> float:
        """How much slower the device's clock runs than the hub's."""
        return self.drift * 1e6


class SequenceCounter:
    """Packets by their sequence numbers (which wrap at `bits`): lost, late and repeated ones."""

    _WINDOW = 256

    def __init__(self, bits: int = 32) -> None:
        self.modulus = 1 << bits
        self.received = self.lost = self.late = self.repeated = 0
        self.last_sequence: int | None = None
        self.recent: deque[int] = deque(maxlen=self._WINDOW)
        self.recent_set: set[int] = set()

    def count(self, sequence: int) -> tuple[int, bool]:
        """Count a packet: how many were lost just before it, and whether it is new. Restarts are followed."""
        if sequence in self.recent_set:
            self.repeated += 1
            return 0, False
        gap = 0
        if self.last_sequence is not None:
            advance = (sequence - self.last_sequence) % self.modulus
            if advance < self.modulus // 2 and advance < 100_000:
                gap = advance - 1
                self.lost += gap
                self.last_sequence = sequence
            elif (self.last_sequence - sequence) % self.modulus < self._WINDOW:
                self.late += 1
                self.lost = max(self.lost - 1, 0)
            else:  # the device was started again
                self.recent_set.clear()
                self.recent.clear()
                self.last_sequence = sequence
        else:
            self.last_sequence = sequence
        if len(self.recent) == self._WINDOW:
            self.recent_set.discard(self.recent[0])
        self.recent.append(sequence)
        self.recent_set.add(sequence)
        self.received += 1
        return gap, True

    @property
    def loss(self) -> float:
        """Share of the packets that were lost."""
        return self.lost / max(self.lost + self.received, 1)

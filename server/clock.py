"""A device's clock on the hub's clock, without jitter, and losses from sequence numbers."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from ..core.arrays import Array

_BUCKET_S, _BUCKETS = 0.5, 60  # the fastest packet of each bucket is kept
_MAX_DRIFT, _USUAL_DRIFT = 0.08, 3e-3  # a phone's frame counter is off by 1.6e-3; more has to be evident
_MIN_FIT_SPAN_S = 4.0  # drift is 0 before
_SLEW_RATE, _SLEW_SHARE, _FINE_S = 2e-3, 1.0, 0.01  # s per s for fine corrections, and of what exceeds them, per s
_MIN_STEP_S = 2e-5  # between samples: files keep microseconds
_JUMP_S = 0.25  # a sample that is further off does not fit the clock
_SHIFT_S, _SHIFT_BUCKETS, _EARLY_SHIFT_BUCKETS = 0.05, 12, 3  # a smaller jump: so many buckets are off by that
_STEADY_S, _STEADY_BUCKETS = 0.005, 4  # or so many by the same, as no busy network delays them: it began anew

_MAX_HOLD_S = 5.0  # packets are not held up for longer on their way
_EPOCH_BAND_S = 0.2  # what delays of a new epoch may differ by
_LATE_SPAN_S = 2.0  # late for so long: not held up on the way, but a clock that lost time
_EPOCH_SPAN_S, _EPOCH_SAMPLES = 0.2, 5  # a clock that no delay explains is followed after these
_SPARSE_SPAN_S = 1.0  # or, where samples are rare, after two of them
_MAX_STRETCH = 1.5  # of their rhythm on the way
_RESTART_PACKETS = 25  # whose numbers fell back, where no times tell


@dataclass
class _Epoch:
    """Samples that do not fit the clock but one another: perhaps it began anew."""

    first_device_time: float
    first_arrival: float
    delay: float  # of the first
    min_delay: float
    device_time: float
    count: int = 1
    outliers: int = 0

    def add(self, device_time: float, arrival: float) -> bool:
        """Whether a sample belongs to it."""
        delay = arrival - device_time
        if delay < self.delay - _EPOCH_BAND_S:
            return False
        if delay > self.delay + _EPOCH_BAND_S:  # held up
            self.outliers += 1
            return self.outliers <= self.count
        self.count += 1
        self.min_delay, self.device_time = min(self.min_delay, delay), max(self.device_time, device_time)
        return True

    def is_certain(self, arrival: float, may_be_held: bool) -> bool:
        """Whether the clock began anew; `may_be_held`: the samples may as well be late."""
        span, device_span = arrival - self.first_arrival, self.device_time - self.first_device_time
        if may_be_held:
            return span >= _LATE_SPAN_S and self.count > 1
        if not _in_rhythm(span, device_span):
            return False
        return (span >= _EPOCH_SPAN_S and self.count >= _EPOCH_SAMPLES) or span >= _SPARSE_SPAN_S


class DeviceClock:
    """Hub times of samples with device times.

    Delays are never negative, so the fastest packet of each half second shows how the clocks relate; a Theil-Sen line
    through them gives offset and drift. Times never run backwards, and new estimates are approached slowly.

    A clock that was set, stood still or began anew is a new epoch, estimated from its own samples. Samples that are
    early, or older than those before them, show that within 0.2 s and have the time of their arrival until then. Late
    ones may have been held up on their way, and keep their own times: only when all are late for 2 s the clock lost
    time.

    `restarts`: number of epochs, less one.
    """

    def __init__(self) -> None:
        self.restarts = 0
        self.last_hub_time: float = -np.inf
        self.last_arrival: float = -np.inf
        self._forget_epoch()

    def _forget_epoch(self) -> None:
        self.bucket_minima: deque[tuple[float, float]] = deque(maxlen=_BUCKETS)
        self.bucket_first: tuple[float, float] | None = None
        self.bucket_min = (0.0, 0.0)
        self.first_device_time: float | None = None
        self.origin, self.offset, self.drift = 0.0, 0.0, 0.0
        self.pending_correction = 0.0  # of the estimate, not applied yet
        self.last_device_time = -np.inf
        self.new_epoch: _Epoch | None = None

    def restart(self) -> None:
        """The device began anew: so does its clock, with the next sample."""
        if self.first_device_time is not None:
            self.restarts += 1
        self._forget_epoch()

    def to_hub_time(self, device_time: float, arrival: float, overtaken: bool | None = None) -> float:
        """When a sample was taken, s on the hub's clock.

        Strictly later than for the last sample, unless it was `overtaken`: sent before others that have arrived. Where
        that is not known (None), an earlier device time tells.
        """
        if self.first_device_time is None:
            self._begin_epoch(device_time, arrival - device_time)
        elif overtaken and self.new_epoch is None and device_time <= self.last_device_time:
            return self._predict(device_time)
        elif device_time == self.last_device_time:  # it stands still
            return self.at_arrival(arrival)
        elif not self._fits(device_time, arrival) and not self._starts_early(device_time, arrival):
            may_be_held = self._may_be_held(device_time, arrival)
            if not self._continue_epoch(device_time, arrival, may_be_held):
                self.last_arrival = arrival
                return (
                    self._monotonic(device_time, self._predict(device_time), overtaken)
                    if may_be_held
                    else self.at_arrival(arrival)
                )
        self.new_epoch, self.last_arrival = None, arrival
        self._add_to_bucket(device_time, arrival - device_time)
        elapsed = min(max(device_time - self.last_device_time, 0.0), 1.0) if np.isfinite(self.last_device_time) else 0.0
        pending = abs(self.pending_correction)
        correction = min(pending, (_SLEW_RATE + _SLEW_SHARE * max(pending - _FINE_S, 0.0)) * elapsed)
        self.pending_correction -= np.sign(self.pending_correction) * correction
        return self._monotonic(device_time, self._predict(device_time), overtaken)

    # -- epochs ------------------------------------------------------------------------------------

    def _lateness(self, device_time: float, arrival: float) -> float:
        return arrival - device_time - (self.offset + self.drift * (device_time - self.origin))

    def _fits(self, device_time: float, arrival: float) -> bool:
        silence_s = max(arrival - self.last_arrival, 0.0)
        return abs(self._lateness(device_time, arrival)) <= _JUMP_S + 1e-3 * silence_s

    def _starts_early(self, device_time: float, arrival: float) -> bool:
        """Whether the first samples only were slower than this one."""
        assert self.first_device_time is not None
        is_starting = self.last_device_time < device_time < self.first_device_time + 2 * _BUCKET_S
        return is_starting and self._lateness(device_time, arrival) < 0

    def _may_be_held(self, device_time: float, arrival: float) -> bool:
        return device_time > self.last_device_time and 0 < self._lateness(device_time, arrival) < _MAX_HOLD_S

    def _continue_epoch(self, device_time: float, arrival: float, may_be_held: bool) -> bool:
        """Add a sample that does not fit; whether it is certain now that the clock began anew, and it fits that."""
        if self.new_epoch is None or not self.new_epoch.add(device_time, arrival):
            delay = arrival - device_time
            self.new_epoch = _Epoch(device_time, arrival, delay, delay, device_time)
        epoch = self.new_epoch
        if device_time != epoch.device_time or not epoch.is_certain(arrival, may_be_held):
            return False
        self.restart()
        self._begin_epoch(epoch.first_device_time, epoch.min_delay)
        return True

    def _begin_epoch(self, device_time: float, delay: float) -> None:
        self.first_device_time, self.origin, self.offset = device_time, device_time, delay

    # -- estimates ---------------------------------------------------------------------------------

    def _add_to_bucket(self, device_time: float, delay: float) -> None:
        assert self.first_device_time is not None
        first = self.bucket_first
        if first is None or device_time - first[0] > _BUCKET_S or device_time < first[0]:
            if first is not None and device_time >= first[0]:
                self.bucket_minima.append((self.bucket_min[0], self.bucket_min[1]))
                self._fit()
            self.bucket_first, self.bucket_min = (device_time, delay), (device_time, delay)
        elif delay < self.bucket_min[1]:
            self.bucket_min = (device_time, delay)
        starting = device_time - self.first_device_time < 2 * _BUCKET_S
        if starting and delay < self.offset:  # the first ones may all have been slow: follow the fastest at once
            self.offset = delay

    def _predict(self, device_time: float) -> float:
        return device_time + self.offset + self.drift * (device_time - self.origin) + self.pending_correction

    def at_arrival(self, arrival: float) -> float:
        """The time of a sample whose own is of no use."""
        self.last_hub_time = max(arrival, self.last_hub_time + _MIN_STEP_S)
        return self.last_hub_time

    def _monotonic(self, device_time: float, hub_time: float, overtaken: bool | None) -> float:
        if device_time <= self.last_device_time and overtaken is not False:  # keeps its place
            return hub_time
        hub_time = max(hub_time, self.last_hub_time + _MIN_STEP_S) if np.isfinite(self.last_hub_time) else hub_time
        self.last_device_time, self.last_hub_time = device_time, hub_time
        return hub_time

    def _fit(self) -> None:
        previous = self._predict(self.bucket_minima[-1][0])
        began_anew = self._forget_before_shift()
        history: Array = np.array(self.bucket_minima)
        t, delays = history[:, 0], history[:, 1]
        if len(t) > 3 and t[-1] - t[0] >= _MIN_FIT_SPAN_S:
            i, j = np.triu_indices(len(t), 1)
            low, slope, high = np.percentile((delays[j] - delays[i]) / (t[j] - t[i]), [25, 50, 75]).tolist()
            limit = _MAX_DRIFT if low > _USUAL_DRIFT or high < -_USUAL_DRIFT else _USUAL_DRIFT
            self.drift = min(max(slope, -limit), limit)
        self.origin = float(t[-1])
        residuals = delays - self.drift * (t - self.origin)
        self.offset = float(np.percentile(residuals, 20))
        self.pending_correction = 0.0
        if not began_anew and self.first_device_time is not None and t[-1] - self.first_device_time > 2 * _BUCKET_S:
            self.pending_correction = previous - self._predict(float(t[-1]))  # no step: the new line is approached

    def _forget_before_shift(self) -> bool:
        """Forget buckets before a small jump of the clock: all after it are off to the same side.

        Returns whether all are late by the same, so that there is nothing to approach slowly.
        """
        history: Array = np.array(self.bucket_minima)
        late = history[:, 1] - (self.offset + self.drift * (history[:, 0] - self.origin))
        is_steady = float(np.ptp(late[-_STEADY_BUCKETS:])) < _STEADY_S
        late_count = _STEADY_BUCKETS if is_steady else _SHIFT_BUCKETS
        began_anew = False
        for off, count in ((late > _SHIFT_S, late_count), (late < -_SHIFT_S, _EARLY_SHIFT_BUCKETS)):
            if len(off) > count and off[-count:].all() and not off[:-count].all():
                rows = history[-count:]
                self.bucket_minima.clear()
                self.bucket_minima.extend((float(time), float(delay)) for time, delay in rows)
                began_anew = is_steady and bool(off[-1] and late[-1] > 0)
        self.restarts += began_anew
        return began_anew

    @property
    def drift_ppm(self) -> float:
        """How much slower the device's clock runs than the hub's."""
        return self.drift * 1e6


@dataclass
class _Fallback:
    """Packets, one after another, whose numbers have passed already: a replay, or a device that began anew."""

    first: int
    first_time: float | None
    first_arrival: float | None
    last: int
    count: int = 1

    def is_restart(self, device_time: float | None, arrival: float | None, from_first: bool) -> bool:
        """Whether they come as from a device that began anew: in the rhythm of their times, not in a burst.

        `from_first`: from the first number on; others have to come for longer.
        """
        if arrival is None or self.first_arrival is None or device_time is None or self.first_time is None:
            return from_first and self.count >= _RESTART_PACKETS
        span = arrival - self.first_arrival
        if self.count < _EPOCH_SAMPLES or span < (_EPOCH_SPAN_S if from_first else _LATE_SPAN_S):
            return False
        return _in_rhythm(span, device_time - self.first_time)


class SequenceCounter:
    """Packets by their sequence numbers (which wrap at `bits`, or earlier): lost, late and repeated ones.

    A number that falls back while the time goes on has wrapped. One that falls back with the time belongs to a packet
    that is repeated, or to a device that began anew: that one sends from its first numbers on, in its own rhythm.

    Attributes:
        received, lost, late, repeated: packets; repeated ones are not among those received.
        restarts: how often the device began anew.
    """

    _WINDOW, _NEAR, _MAX_GAP, _MAX_GAPS = 256, 64, 100_000, 32

    def __init__(self, bits: int = 32) -> None:
        self.modulus = 1 << bits
        self.received = self.lost = self.late = self.repeated = self.restarts = 0
        self.first_sequence = 0
        self.last_sequence: int | None = None
        self.last_time: float | None = None
        self.recent: dict[int, float | None] = {}  # numbers and times of the last packets, in order of arrival
        self._gaps: deque[tuple[int, int]] = deque(maxlen=self._MAX_GAPS)  # first number and count of missing packets
        self._fallback: _Fallback | None = None

    def count(self, sequence: int, device_time: float | None = None, arrival: float | None = None) -> tuple[int, bool]:
        """Count a packet: how many were lost just before it, and whether it is new.

        `device_time`, `arrival`: s, where they are known; they tell restarts and wraps from repetitions.
        """
        if self.last_sequence is None:
            return self._begin(sequence, device_time)
        ahead, behind = (sequence - self.last_sequence) % self.modulus, (self.last_sequence - sequence) % self.modulus
        goes_on = _is_later(device_time, self.last_time)
        if 0 < ahead < min(self.modulus // 2, self._MAX_GAP) and (goes_on or sequence not in self.recent):
            if goes_on is False and ahead > self._NEAR:  # sent before the number wrapped
                return self._accept_late(sequence, device_time)
            self.lost += ahead - 1
            if ahead > 1:
                self._gaps.append((self.last_sequence + 1, ahead - 1))
            self.last_sequence, self.last_time = sequence, device_time
            return self._accept(sequence, device_time, ahead - 1)
        if goes_on:  # the number wrapped earlier than at `bits`
            return self._begin(sequence, device_time)
        if sequence in self.recent:
            if _differ(device_time, self.recent[sequence]):  # another packet
                if behind < self._NEAR and self._is_shortly_before(device_time):
                    return self._accept_late(sequence, device_time)
                return self._restart(sequence, device_time)
        elif behind < self._NEAR or (self._is_missing(sequence) and not self._continues_fallback(sequence)):
            return self._accept_late(sequence, device_time)
        elif goes_on is None or behind > (self.last_sequence - self.first_sequence) % self.modulus:
            return self._restart(sequence, device_time)
        elif behind < self._WINDOW and self._fallback is None:
            return self._accept_late(sequence, device_time)
        return self._fall_back(sequence, device_time, arrival)

    def _begin(self, sequence: int, device_time: float | None) -> tuple[int, bool]:
        self.first_sequence = self.last_sequence = sequence
        self.last_time = device_time
        return self._accept(sequence, device_time, 0)

    def _restart(self, sequence: int, device_time: float | None) -> tuple[int, bool]:
        self.restarts += 1
        self.recent.clear()
        self._gaps.clear()
        return self._begin(sequence, device_time)

    def _is_shortly_before(self, device_time: float | None) -> bool:
        return device_time is not None and self.last_time is not None and self.last_time - device_time < _SPARSE_SPAN_S

    def _continues_fallback(self, sequence: int) -> bool:
        run = self._fallback
        return run is not None and (sequence - run.first) % self.modulus < run.count + self._WINDOW

    def _is_missing(self, sequence: int) -> bool:
        return any((sequence - first) % self.modulus < count for first, count in self._gaps)

    def _accept_late(self, sequence: int, device_time: float | None) -> tuple[int, bool]:
        self.late += 1
        self.lost = max(self.lost - 1, 0)
        return self._accept(sequence, device_time, 0)

    def _accept(self, sequence: int, device_time: float | None, gap: int) -> tuple[int, bool]:
        self.recent.pop(sequence, None)
        self.recent[sequence] = device_time
        if len(self.recent) > self._WINDOW:
            del self.recent[next(iter(self.recent))]
        self._fallback = None
        self.received += 1
        return gap, True

    def _fall_back(self, sequence: int, device_time: float | None, arrival: float | None) -> tuple[int, bool]:
        """A packet that is repeated, unless enough of them show that the device began anew."""
        run = self._fallback
        if run is not None and (run.last - sequence) % self.modulus < self._NEAR:  # overtaken, or repeated itself
            run.count += 1
        elif run is None or (sequence - run.last) % self.modulus >= self._WINDOW:
            run = self._fallback = _Fallback(sequence, device_time, arrival, sequence)
        else:
            run.last, run.count = sequence, run.count + 1
        if run.is_restart(device_time, arrival, (run.first - self.first_sequence) % self.modulus < self._NEAR):
            return self._restart(sequence, device_time)
        self.repeated += 1
        return 0, False

    @property
    def loss(self) -> float:
        """Share of the packets that were lost."""
        return self.lost / max(self.lost + self.received, 1)


def _in_rhythm(span: float, device_span: float) -> bool:
    """Whether samples arrived as they were taken, not in a burst; spans in s."""
    return span / _MAX_STRETCH < device_span < span * _MAX_STRETCH


def _differ(a: float | None, b: float | None) -> bool:
    return a is not None and b is not None and a != b


def _is_later(time: float | None, than: float | None) -> bool | None:
    """None where a time is not known."""
    return None if time is None or than is None else time > than

"""Whether a device's time is running, regular and as fast as the time that passes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

_BUCKET_S, _BUCKETS, _MIN_BUCKETS = 0.5, 8, 5  # of arrivals; what is judged at once
_MIN_SAMPLES = 8
_MIN_ADVANCING = 0.6  # share of the samples whose time is later than the one before
_WRONG_RATE, _LEAST_RATE = 0.075, 0.0375  # of the delay, s per s: the median, and nearly all
_GROSSLY_WRONG_RATE, _WILD_RATE = 0.2, 0.5
_KIND_CHARS = 16  # of a sentence, in which those on other problems differ
_MAX_UNEVEN = 0.35  # share of the steps that are less than half or more than twice the usual one


@dataclass
class _Bucket:
    """Samples that arrived within half a second, with the one that was quickest."""

    began: float
    arrival: float
    delay: float
    count: int = 0
    advancing: int = 0


class TimeWatch:
    """Judges the last four seconds of a stream.

    Attributes:
        usable: whether samples can be timed by the device's time; if not, by their arrival.
        problem: a sentence on what is wrong, "" where nothing is.
        expects_even_steps: whether times are to follow one another evenly.
    """

    def __init__(self) -> None:
        self.usable, self.problem, self.expects_even_steps = True, "", True
        self._buckets: deque[_Bucket] = deque(maxlen=_BUCKETS + 1)
        self._steps: deque[float] = deque(maxlen=256)
        self._last: float | None = None

    def push(self, device_time: float, arrival: float) -> bool:
        """Add a sample; whether the judgement is another one now."""
        bucket, judged = self._buckets[-1] if self._buckets else None, False
        if bucket is None or not 0 <= arrival - bucket.began < _BUCKET_S:
            judged = self._judge() if len(self._buckets) >= _MIN_BUCKETS else False
            bucket = _Bucket(arrival, arrival, arrival - device_time)
            self._buckets.append(bucket)
        bucket.count += 1
        if self._last is None or device_time > self._last:
            bucket.advancing += 1
        if self._last is not None:
            self._steps.append(device_time - self._last)
        if arrival - device_time < bucket.delay:
            bucket.arrival, bucket.delay = arrival, arrival - device_time
        self._last = device_time
        return judged

    def _judge(self) -> bool:
        before = self.problem
        self.usable, problem = self._verdict()
        if problem[:_KIND_CHARS] != before[:_KIND_CHARS]:  # not for another figure
            self.problem = problem
        return before != self.problem

    def _verdict(self) -> tuple[bool, str]:
        buckets = list(self._buckets)
        count, advancing = sum(b.count for b in buckets), sum(b.advancing for b in buckets)
        if count < _MIN_SAMPLES:
            return self.usable, self.problem
        if advancing < _MIN_ADVANCING * count:
            return False, "its time does not advance with each sample; samples are timed by their arrival"
        arrival, delay = np.array([b.arrival for b in buckets]), np.array([b.delay for b in buckets])
        rates = np.diff(delay) / np.maximum(np.diff(arrival), 1e-3)
        rate = float(np.median(rates))
        nearly_all, is_whole = len(rates) - 1, len(buckets) > _BUCKETS
        trend = max((rates > _LEAST_RATE).sum(), (rates < -_LEAST_RATE).sum()) >= nearly_all
        if trend and abs(rate) > (_WRONG_RATE if is_whole else _GROSSLY_WRONG_RATE):
            return False, (
                f"its time advances by {1 - rate:.2g} s in each second (a wrong frame rate or unit); samples are timed "
                "by their arrival"
            )
        if not is_whole:
            return self.usable, self.problem
        if (np.abs(rates) > _WILD_RATE).sum() > nearly_all // 2:
            return False, "its time jumps about; samples are timed by their arrival"
        steps = np.array(self._steps)
        usual = float(np.median(steps))
        if self.expects_even_steps and ((steps < usual / 2) | (steps > usual * 2)).mean() > _MAX_UNEVEN:
            return True, "its samples are not evenly timed; look at its settings"
        return True, ""

"""Times of samples that come in batches, and whether they come as often as is declared."""

from __future__ import annotations

from collections import deque

_JITTER_S = 0.1  # of the arrival of batches
_GAIN, _MAX_SHIFT = 0.01, 0.2  # share of the jitter that times follow, and at most so many samples
_MIN_STEP_S = 2e-5  # between batches: files keep microseconds
_WINDOW_S, _WINDOWS = 3.0, 7  # that the rate is measured over, and of these the last
_OFF, _GROSSLY_OFF = 0.03, 0.2  # shares of the rate: over all windows, and over two of them
_MAX_GAP_S = 1.0  # a window with a longer silence is none


class BatchTime:
    """Batches jitter, samples follow one another evenly.

    Attributes:
        rate: samples/s, measured where more come than are declared, or far fewer; None where the declared rate holds.
        problem: a sentence, "" where the declared rate holds.
    """

    def __init__(self) -> None:
        self.rate: float | None = None
        self.problem = ""
        self._last: float | None = None
        self._began, self._arrival, self._count = 0.0, 0.0, 0
        self._windows: deque[tuple[int, float]] = deque(maxlen=_WINDOWS)  # samples and s

    def push(self, count: int, declared: float, *, at: float, arrival: float) -> float:
        """When the last one of `count` samples was taken, s; `at` by its own time, `declared` samples/s."""
        self._measure(count, declared, arrival)
        step = 1 / (self.rate or declared)
        expected = at if self._last is None else self._last + count * step
        if abs(at - expected) < _JITTER_S:
            expected += min(max(_GAIN * (at - expected), -_MAX_SHIFT * step), _MAX_SHIFT * step)
        elif at > expected:  # some never came
            expected = at
        elif self._last is not None:  # more came than were declared, or the clock was set back
            expected = max(at, self._last + count * _MIN_STEP_S)
        self._last = expected
        return expected

    def _measure(self, count: int, declared: float, arrival: float) -> None:
        if not self._arrival or arrival - self._arrival > _MAX_GAP_S:
            self._began, self._count = arrival, 0
        else:
            self._count += count
        self._arrival = arrival
        if arrival - self._began < _WINDOW_S:
            return
        self._windows.append((self._count, arrival - self._began))
        self._began, self._count = arrival, 0
        self._judge(declared)

    def _judge(self, declared: float) -> None:
        rates = [count / span for count, span in self._windows]
        rate = sum(count for count, _ in self._windows) / sum(span for _, span in self._windows)
        recent = rates[-2:]
        if len(recent) == 2 and (
            min(recent) > (1 + _GROSSLY_OFF) * declared or max(recent) < (1 - _GROSSLY_OFF) * declared
        ):
            rate = sum(recent) / 2
        elif len(rates) < _WINDOWS:
            return
        elif abs(rate - declared) <= _OFF * declared:
            self.rate, self.problem = None, ""
            return
        is_measured = rate > declared or rate < (1 - _GROSSLY_OFF) * declared  # else some may have been lost
        if self.rate is None or not is_measured or abs(rate - self.rate) > _OFF * self.rate:
            self.rate = float(f"{rate:.3g}") if is_measured else None
            self.problem = (
                f"it declares {declared:g} samples/s and sends {rate:.3g}; correct its rate, or look for what loses "
                "samples"
            )

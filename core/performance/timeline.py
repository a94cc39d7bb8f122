"""A timeline of 52 channels, and the shapes of muscle motion that actions add to it."""

from __future__ import annotations

import numpy as np

from ..arrays import Array
from ..face.channels import ARKIT

CHANNEL_INDEX = {name: k for k, name in enumerate(ARKIT)}


def minimum_jerk(x: Array) -> Array:
    """Minimum-jerk step from 0 to 1 over x = 0..1."""
    x = np.clip(x, 0.0, 1.0)
    return x**3 * (10 - 15 * x + 6 * x * x)


def weight_row(weights: dict[str, float]) -> Array:
    """Weights (52,) in the order of ARKIT."""
    out = np.zeros(len(ARKIT))
    for name, value in weights.items():
        out[CHANNEL_INDEX[name]] = value
    return out


class Timeline:
    """Weights `values` (T, 52) at `rate` Hz, initially 0."""

    def __init__(self, seconds: float, rate: float) -> None:
        self.rate, self.seconds = rate, seconds
        self.time = np.arange(max(int(seconds * rate), 2)) / rate
        self.values = np.zeros((len(self.time), len(ARKIT)))

    def add_action(
        self, start: float, *, onset: float, hold: float, offset: float, apex: Array, replace: bool = False
    ) -> None:
        """Raise channels to `apex` (52,), hold, and release; `replace` overrides earlier values instead of adding."""
        first, last = (
            max(int(start * self.rate), 0),
            min(int((start + onset + hold + offset) * self.rate) + 2, len(self.time)),
        )
        if last <= first:
            return
        t = self.time[first:last] - start
        shape = (minimum_jerk(t / onset) * (1 - minimum_jerk((t - onset - hold) / offset)))[:, None]
        segment = self.values[first:last]
        self.values[first:last] = segment * (1 - shape) + shape * apex if replace else segment + shape * apex

    def add_sequence(self, start: float, end: float, *, targets: Array, durations: Array, time_constant: float) -> None:
        """Add a sequence of `targets` (N, 52) with durations (N,) s, blended with the time constant (s) of muscles."""
        first, last = int(start * self.rate), min(int(end * self.rate), len(self.time))
        if last - first < 2 or not len(targets):
            return
        t = self.time[first:last] - start
        target_index = np.clip(np.searchsorted(np.cumsum(durations), t, side="right"), 0, len(targets) - 1)
        stepped = targets[target_index]
        width = max(int(time_constant * self.rate * 4), 3) | 1
        kernel = np.hanning(width + 2)[1:-1]
        kernel /= kernel.sum()
        padded = np.pad(stepped, ((width // 2, width // 2), (0, 0)), mode="edge")
        smoothed = np.stack(
            [
                np.convolve(padded[:, c], kernel, mode="valid") if stepped[:, c].any() else stepped[:, c]
                for c in range(len(ARKIT))
            ],
            axis=1,
        )
        fade = (minimum_jerk(t / 0.12) * minimum_jerk((t[-1] - t) / 0.12))[:, None]
        self.values[first:last] += fade * smoothed

"""What performances are drawn on: 52 channels over time, and the strokes that muscles make."""

from __future__ import annotations

import numpy as np

from ..channels import ARKIT

INDEX = {name: k for k, name in enumerate(ARKIT)}


def rise(x: np.ndarray) -> np.ndarray:
    """0 -> 1 over 0..1 with minimum jerk."""
    x = np.clip(x, 0.0, 1.0)
    return x**3 * (10 - 15 * x + 6 * x * x)


def row(weights: dict[str, float]) -> np.ndarray:
    """(52,) weights in the order of ARKIT."""
    out = np.zeros(len(ARKIT))
    for name, value in weights.items():
        out[INDEX[name]] = value
    return out


class Canvas:
    """`values` (T, 52) at `rate` rows a second, all 0 at first."""

    def __init__(self, seconds: float, rate: float) -> None:
        self.rate, self.seconds = rate, seconds
        self.time = np.arange(max(int(seconds * rate), 2)) / rate
        self.values = np.zeros((len(self.time), len(ARKIT)))

    def stroke(self, start: float, onset: float, hold: float, offset: float, apex: np.ndarray, over: bool = False) -> None:
        """Channels rise to `apex` (52,), stay and fall. `over`: they hide what was there instead of adding to it."""
        first, last = max(int(start * self.rate), 0), min(int((start + onset + hold + offset) * self.rate) + 2, len(self.time))
        if last <= first:
            return
        t = self.time[first:last] - start
        shape = (rise(t / onset) * (1 - rise((t - onset - hold) / offset)))[:, None]
        part = self.values[first:last]
        self.values[first:last] = part * (1 - shape) + shape * apex if over else part + shape * apex

    def paint(self, start: float, end: float, targets: np.ndarray, seconds: np.ndarray, lag: float) -> None:
        """A chain of `targets` (N, 52) of the given lengths, run into one another as muscles with a time constant of `lag` s do."""
        first, last = int(start * self.rate), min(int(end * self.rate), len(self.time))
        if last - first < 2 or not len(targets):
            return
        t = self.time[first:last] - start
        which = np.clip(np.searchsorted(np.cumsum(seconds), t, side="right"), 0, len(targets) - 1)
        chain = targets[which]
        width = max(int(lag * self.rate * 4), 3) | 1
        kernel = np.hanning(width + 2)[1:-1]
        kernel /= kernel.sum()
        padded = np.pad(chain, ((width // 2, width // 2), (0, 0)), mode="edge")
        run = np.stack(
            [np.convolve(padded[:, c], kernel, mode="valid") if chain[:, c].any() else chain[:, c] for c in range(len(ARKIT))], axis=1
        )
        fade = (rise(t / 0.12) * rise((t[-1] - t) / 0.12))[:, None]
        self.values[first:last] += fade * run

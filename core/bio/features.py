"""From samples to what the network sees, 100 times a second: how loud each electrode is in bands of EMG, how alike electrodes are there, and slow EOG.

One muscle is heard by both electrodes at once, louder by the nearer: ratio and likeness of the two say where it lies. Everything is causal; a chunk of any
length goes on where the last one ended.
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy.signal import get_window

from ..errors import InnerfaceError
from .filters import Causal, emg_sos, eog_sos, highest, mains_sos

HZ = 100.0  # of the features' clock
_WINDOW_S = 0.1
_EDGES_HZ = (20.0, 45.0, 75.0, 120.0, 200.0, 320.0, 450.0)
_FLOOR_UV2 = 0.02  # less power in a band than this is an amplifier's own noise
_EOG_LOW_HZ = (0.05, 0.5)
_EOG_UV = 50.0


def bands(top_hz: float) -> list[tuple[float, float]]:
    """Bands of EMG up to `top_hz`."""
    return [(a, min(b, top_hz)) for a, b in itertools.pairwise(_EDGES_HZ) if min(b, top_hz) - a > 8.0]


def sizes(count: int, top_hz: float) -> tuple[int, int]:
    """How many features of EMG and of EOG `count` electrodes have."""
    return len(bands(top_hz)) * (count + count * (count - 1) // 2), count * len(_EOG_LOW_HZ)


class Features:
    """`push` samples (n, C) uV at `rate`; features come for every 1 / HZ s since the first sample. `top_hz`: the highest that is looked at, what the rate
    allows if not given. Raises InnerfaceError for a rate that does not hold it."""

    def __init__(self, count: int, rate: float, mains_hz: float, top_hz: float | None = None) -> None:
        top_hz = highest(rate) if top_hz is None else top_hz
        if top_hz > highest(rate) * 1.02:
            raise InnerfaceError(f"{rate:.4g} samples a second hold {highest(rate):.0f} Hz at most, and the network listens up to {top_hz:.0f} Hz: "
                                 f"record at {top_hz / 0.45:.0f} or more, or train on a take like this one")  # fmt: skip
        self.rate, self.count, self.top_hz = rate, count, top_hz
        self.notch, self.emg = Causal(mains_sos(rate, mains_hz)), Causal(emg_sos(rate))
        self.slow = [Causal(eog_sos(rate, low)) for low in _EOG_LOW_HZ]
        self.width = max(round(_WINDOW_S * rate), 8)
        self.taper = get_window("hann", self.width)
        hz = np.fft.rfftfreq(self.width, 1 / rate)
        self.pick = np.stack([(hz >= a - 1e-6) & (hz < b - 1e-6) for a, b in bands(top_hz)]).astype(np.float64)  # (B, F)
        self.pairs = list(itertools.combinations(range(count), 2))
        self.past = np.zeros((self.width - 1, count))
        self.seen, self.given = 0, 0

    def push(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features of EMG (m, E) and of EOG (m, O) that have become known; the k-th of all belongs to the first sample from k / HZ on."""
        clean = self.notch.push(values)
        fast = np.concatenate([self.past, self.emg.push(clean)])
        slow = np.concatenate([f.push(values)[:, :, None] for f in self.slow], axis=2)
        first, self.seen = self.seen, self.seen + len(values)
        self.past = fast[len(fast) - (self.width - 1) :]
        last = int(np.floor((self.seen - 1) * HZ / self.rate + 1e-9)) if self.seen else -1
        at = np.ceil(np.arange(self.given, last + 1) * self.rate / HZ - 1e-6).astype(int) - first
        self.given += len(at)
        if not len(at):
            return tuple(np.zeros((0, size)) for size in sizes(self.count, self.top_hz))  # type: ignore[return-value]
        pieces = np.lib.stride_tricks.sliding_window_view(fast, self.width, axis=0)[at]  # (m, C, width)
        spectrum = np.fft.rfft(pieces * self.taper, axis=2) / self.width
        power = (np.abs(spectrum) ** 2) @ self.pick.T  # (m, C, B)
        loud = np.log(2 * power + _FLOOR_UV2)
        alike = [
            ((spectrum[:, a] * spectrum[:, b].conj()).real @ self.pick.T) / (np.sqrt(power[:, a] * power[:, b]) + _FLOOR_UV2 / 2)
            for a, b in self.pairs
        ]
        emg = np.concatenate([loud.reshape(len(at), -1), *alike], axis=1)
        return emg, np.arcsinh(slow[at] / _EOG_UV).reshape(len(at), -1)


def whole(values: np.ndarray, rate: float, mains_hz: float, top_hz: float | None = None, chunk: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Features of a whole recording (T, C), in pieces that fit into memory."""
    stage = Features(values.shape[1], rate, mains_hz, top_hz)
    parts = [stage.push(values[i : i + chunk]) for i in range(0, len(values), chunk)]
    return np.concatenate([e for e, _ in parts]), np.concatenate([o for _, o in parts])

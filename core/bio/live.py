"""Electrodes as they run live: samples in, points and Apple's channels out, frame by frame, with all that it remembers in one object."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InnerfaceError
from ..landmarks.kalman import Kalman
from ..landmarks.points import COUNT
from .channels import Channels, confidence
from .features import HZ, Features
from .network import BioNetwork
from .signal import held

_UNSEEN_S = 0.2  # without a sample


@dataclass(frozen=True)
class BioFrame:
    """`time` s on the samples' clock (0: the first one), `points` (53, 2), `weights` (52,) in 0..1, `seen`: an electrode was heard."""

    time: float
    points: np.ndarray
    weights: np.ndarray
    seen: bool


class Electrodes:
    """One performer's electrodes at `rate` samples a second; `channels`: what the samples' columns are called, or their numbers. A frame comes when its
    segment is whole, `delay_s` after its moment. Raises InnerfaceError for a rate or channels that the network does not fit."""

    def __init__(self, network: BioNetwork, rate: float, channels: tuple[str, ...]) -> None:
        self.network, self.rate = network, rate
        self.columns = network.columns(channels)
        if not self.columns:
            raise InnerfaceError(f"the network needs {len(network.channels)} electrodes ({', '.join(network.channels)}); the device sends {len(channels)}")
        self.sure = confidence(network)
        n = network
        self.features = Features(len(self.columns), rate, n.mains_hz, n.top_hz)
        self.emg: np.ndarray | None = None  # the last `length` features
        self.eog: np.ndarray | None = None
        self.count, self.frame, self.missing = 0, 0, 0
        self.held: np.ndarray | None = None  # measured last
        self.kalman, self.channels = Kalman(n.follow_live), Channels(n)

    @property
    def delay_s(self) -> float:
        """How long after its moment a frame can be known."""
        return self.network.ahead / HZ

    def push(self, values: np.ndarray) -> list[BioFrame]:
        """The next samples (n, C) uV of all channels, NaN where lost; the frames that they complete."""
        values = values[:, self.columns]
        gone = np.isnan(values).all(axis=1)
        values = held(values, _first(values) if self.held is None else self.held)
        if len(values):
            self.held = values[-1]
        tail = int(np.argmin(gone[::-1])) if not gone.all() else len(gone)
        self.missing = tail if tail < len(gone) else self.missing + tail
        emg, eog = self.features.push(values)
        out = []
        for row, slow in zip(emg, eog):
            self.emg, self.eog = _shifted(self.emg, row, self.network.length), _shifted(self.eog, slow, self.network.length)
            while round(self.frame / self.network.frame_hz * HZ) + self.network.ahead == self.count:
                out.append(self._frame())
                self.frame += 1
            self.count += 1
        return out

    def _frame(self) -> BioFrame:
        assert self.emg is not None and self.eog is not None
        time = self.frame / self.network.frame_hz
        raw = self.network.run(self.emg.T[None], self.eog.T[None])[0]
        points = self.kalman.push(time, raw).reshape(COUNT, 2)
        return BioFrame(time, points, self.channels.push(points), self.missing < _UNSEEN_S * self.rate)


def _first(values: np.ndarray) -> np.ndarray:
    """What each column (n, C) holds first; 0 where nothing: filters begin there, and boards' inputs stand far from 0."""
    known = np.isfinite(values)
    return np.where(known.any(axis=0), values[known.argmax(axis=0), np.arange(values.shape[1])], 0.0) if len(values) else np.zeros(values.shape[1])


def _shifted(past: np.ndarray | None, row: np.ndarray, length: int) -> np.ndarray:
    """The last `length` features with one more; what lies before the first is held."""
    if past is None:
        return np.repeat(row[None], length, axis=0)
    return np.concatenate([past[1:], row[None]])


"""Electrodes as they run live: samples in, points and Apple's channels out, frame by frame, with all that it remembers in one object."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InnerfaceError
from ..landmarks.points import POINT_COUNT
from ..numerics.point_kalman import PointFilter
from .channels import ChannelDecoder, channel_confidence
from .features import FEATURE_HZ, FeatureExtractor
from .network import BioNetwork
from .signal import hold_last

_MAX_SILENCE_S = 0.2  # without a sample


@dataclass(frozen=True)
class BioFrame:
    """`time` s on the samples' clock (0: the first one), `points` (53, 2), `weights` (52,) in 0..1, `seen`: an electrode was heard."""

    time: float
    points: np.ndarray
    weights: np.ndarray
    observed: bool


class BioSession:
    """One performer's electrodes at `rate` samples a second; `channels`: what the samples' columns are called, or their numbers. A frame comes when its
    segment is whole, `delay_s` after its moment. Raises InnerfaceError for a rate or channels that the network does not fit."""

    def __init__(self, network: BioNetwork, rate: float, channels: tuple[str, ...]) -> None:
        self.network, self.rate = network, rate
        self.columns = network.column_indices(channels)
        if not self.columns:
            raise InnerfaceError(
                f"the network needs {len(network.channels)} electrodes ({', '.join(network.channels)}); the device sends {len(channels)}"
            )
        self.confidence = channel_confidence(network)
        n = network
        self.feature_extractor = FeatureExtractor(len(self.columns), rate, n.mains_hz, n.top_hz)
        self.emg_history: np.ndarray | None = None  # the last `length` features
        self.eog_history: np.ndarray | None = None
        self.feature_count, self.frame_index, self.missing_samples = 0, 0, 0
        self.last_values: np.ndarray | None = None  # measured last
        self.point_filter, self.channel_decoder = PointFilter(n.tightness_live), ChannelDecoder(n)

    @property
    def delay_s(self) -> float:
        """How long after its moment a frame can be known."""
        return self.network.ahead / FEATURE_HZ

    def push(self, values: np.ndarray) -> list[BioFrame]:
        """The next samples (n, C) uV of all channels, NaN where lost; the frames that they complete."""
        values = values[:, self.columns]
        missing = np.isnan(values).all(axis=1)
        values = hold_last(values, _first_values(values) if self.last_values is None else self.last_values)
        if len(values):
            self.last_values = values[-1]
        trailing_missing = int(np.argmin(missing[::-1])) if not missing.all() else len(missing)
        self.missing_samples = (
            trailing_missing if trailing_missing < len(missing) else self.missing_samples + trailing_missing
        )
        emg, eog = self.feature_extractor.push(values)
        frames = []
        for emg_row, eog_row in zip(emg, eog):
            self.emg_history, self.eog_history = (
                _append_row(self.emg_history, emg_row, self.network.length),
                _append_row(self.eog_history, eog_row, self.network.length),
            )
            while (
                round(self.frame_index / self.network.frame_hz * FEATURE_HZ) + self.network.ahead == self.feature_count
            ):
                frames.append(self._make_frame())
                self.frame_index += 1
            self.feature_count += 1
        return frames

    def _make_frame(self) -> BioFrame:
        assert self.emg_history is not None and self.eog_history is not None
        time = self.frame_index / self.network.frame_hz
        raw = self.network.run(self.emg_history.T[None], self.eog_history.T[None])[0]
        points = self.point_filter.push(time, raw).reshape(POINT_COUNT, 2)
        return BioFrame(
            time, points, self.channel_decoder.push(points), self.missing_samples < _MAX_SILENCE_S * self.rate
        )


def _first_values(values: np.ndarray) -> np.ndarray:
    """What each column (n, C) holds first; 0 where nothing: filters begin there, and boards' inputs stand far from 0."""
    known = np.isfinite(values)
    return (
        np.where(known.any(axis=0), values[known.argmax(axis=0), np.arange(values.shape[1])], 0.0)
        if len(values)
        else np.zeros(values.shape[1])
    )


def _append_row(past: np.ndarray | None, row: np.ndarray, length: int) -> np.ndarray:
    """The last `length` features with one more; what lies before the first is held."""
    if past is None:
        return np.repeat(row[None], length, axis=0)
    return np.concatenate([past[1:], row[None]])

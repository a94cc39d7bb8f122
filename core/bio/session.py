"""Live electrodes: samples in, points and weights out, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..landmarks.points import POINT_COUNT
from ..numerics.kalman import PointFilter
from .channels import ChannelDecoder, channel_confidence
from .features import FEATURE_HZ, FeatureExtractor
from .network import BioNetwork
from .signal import hold_last

_MAX_SILENCE_S = 0.2  # without a sample, for a frame to count as observed


@dataclass(frozen=True)
class BioFrame:
    """One frame of a live session.

    Attributes
    ----------
    time : s since the first sample
    points : (53, 2)
    weights : (52,) in 0..1
    observed : an electrode delivered samples
    """

    time: float
    points: Array
    weights: Array
    observed: bool


class BioSession:
    """Live inference of one performer; a frame is complete `delay_s` after its moment, with its segment.

    Parameters
    ----------
    network : the performer's network
    rate : sample rate, Hz
    channels : names of the samples' columns

    Raises
    ------
    InnerfaceError
        if the network does not fit the rate or the channels
    """

    def __init__(self, network: BioNetwork, rate: float, channels: tuple[str, ...]) -> None:
        self.network, self.rate = network, rate
        self.columns = network.column_indices(channels)
        if not self.columns:
            raise InnerfaceError(
                f"the network needs {len(network.channels)} electrodes ({', '.join(network.channels)}), "
                f"but the device sends {len(channels)}; connect the others, or train on this device"
            )
        self.confidence = channel_confidence(network)
        n = network
        self.feature_extractor = FeatureExtractor(len(self.columns), rate, n.mains_hz, top_hz=n.top_hz)
        self.emg_history: Array | None = None  # the last `length` features
        self.eog_history: Array | None = None
        self.feature_count, self.frame_index, self.missing_samples = 0, 0, 0
        self.last_values: Array | None = None  # last measured
        self.point_filter, self.channel_decoder = PointFilter(n.tightness_live), ChannelDecoder(n)

    @property
    def delay_s(self) -> float:
        """Delay (s) from a frame's moment to its completion."""
        return self.network.ahead / FEATURE_HZ

    def push(self, values: Array) -> list[BioFrame]:
        """Frames completed by the next samples (n, C) µV of all channels, NaN where lost."""
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
        frames: list[BioFrame] = []
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


def _first_values(values: Array) -> Array:
    """First finite value of each column (n, C), 0 without any: filters start there, as inputs have large offsets."""
    known = np.isfinite(values)
    return (
        np.where(known.any(axis=0), values[known.argmax(axis=0), np.arange(values.shape[1])], 0.0)
        if len(values)
        else np.zeros(values.shape[1])
    )


def _append_row(past: Array | None, row: Array, length: int) -> Array:
    """Append a feature row to the last `length` ones; the first row is held before the start."""
    if past is None:
        return np.repeat(row[None], length, axis=0)
    return np.concatenate([past[1:], row[None]])

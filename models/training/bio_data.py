"""Training data of a performer's network: features of electrodes with points of a video, and their augmentation."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from ...core.arrays import Array
from ...core.bio import features
from ...core.bio.filters import detect_mains
from ...core.bio.segments import last_feature, within_recording
from ...core.bio.signal import BioSignal
from ...core.errors import InnerfaceError
from ...core.face.channels import ARKIT
from ...core.take import Track

_MIN_PAIRED_S = 30.0
# Electrodes that are attached again have other gains and another noise at rest; slow signals wander.
_EMG_GAIN_SD, _EOG_GAIN_SD, _EOG_OFFSET_SD = 0.25, 0.15, 0.15
_REST_POWER_RANGE, _REST_CHANGED_SHARE = (0.15, 6.0), 0.5


@dataclass(frozen=True)
class PairedFeatures:
    """Features of the recording, and N frames of the video.

    Attributes
    ----------
    emg, eog : (T, E), (T, O) features of the recording
    last_feature : (N,), index of the last feature of each frame's segment
    points : (N, 106)
    time : (N,) s, increasing
    mains_hz : frequency that was filtered out; 0 if none
    weights : (N, 52) of the camera, if it has channels
    """

    emg: Array
    eog: Array
    last_feature: Array
    points: Array
    time: Array
    mains_hz: float
    weights: Array | None = None


def pair_features(signal: BioSignal, landmarks: Track, weights: Track | None = None) -> PairedFeatures:
    """Pair frames of the video with features of the recording. Raises InnerfaceError where there are too few."""
    mains = detect_mains(signal.values, signal.rate)
    emg, eog = features.extract_features(signal.values, signal.rate, mains)
    last = last_feature(landmarks.time, signal.start)
    points = landmarks.values
    valid = within_recording(last, len(emg)) & np.isfinite(points).all(axis=1)
    missing = signal.missing.any(axis=1)
    if missing.any():
        at = np.clip(np.round((landmarks.time - signal.start) * signal.rate).astype(int), 0, len(missing) - 1)
        valid &= ~missing[at]
    seconds = valid.sum() / max(landmarks.rate, 1e-6)
    if seconds < _MIN_PAIRED_S:
        raise InnerfaceError(
            f"the two takes share only {seconds:.0f} s with a face and electrodes; at least {_MIN_PAIRED_S:.0f} s are "
            "needed, 5 minutes are good"
        )
    return PairedFeatures(
        emg,
        eog,
        last[valid],
        points[valid],
        landmarks.time[valid],
        mains,
        None if weights is None else np.nan_to_num(weights.select(ARKIT)[valid]),
    )


class RemountAugmentation:
    """Augmentation of segments as if the electrodes had been attached again.

    `rest_power` (C, B): the quietest power of each electrode and band, which is mostly noise.
    """

    def __init__(self, emg: Array, channels: int, bands: int) -> None:
        self.channels, self.bands = channels, bands
        self.rest_power = np.quantile(np.exp(emg[:, : channels * bands]), 0.05, axis=0).reshape(channels, bands)
        self.pairs = list(itertools.combinations(range(channels), 2))

    def augment_emg(self, emg: Array, rng: np.random.Generator) -> Array:
        """Change gains and noise at rest of segments (N, E, L), and the correlation of electrodes accordingly."""
        n, _, length = emg.shape
        log_power = emg[:, : self.channels * self.bands].reshape(n, self.channels, self.bands, length)
        correlation = emg[:, self.channels * self.bands :].reshape(n, len(self.pairs), self.bands, length)
        low, high = np.log(_REST_POWER_RANGE)
        rest_increase = np.exp(rng.uniform(low, high, (n, self.channels))) - 1
        rest_increase[rng.uniform(size=n) > _REST_CHANGED_SHARE] = 0.0
        added_power = rest_increase[:, :, None, None] * self.rest_power[None, :, :, None]
        power = np.exp(log_power)
        new_power = np.maximum(power + added_power, np.minimum(power, 0.2 * self.rest_power[None, :, :, None]))
        log_change = np.log(new_power) - log_power
        correlation_drop = (
            np.stack([np.exp(-0.5 * (log_change[:, a] + log_change[:, b])) for a, b in self.pairs], axis=1)
            if self.pairs
            else correlation
        )
        log_gain = rng.normal(0, 2 * _EMG_GAIN_SD, (n, self.channels, 1, 1))
        return np.concatenate(
            [
                (log_power + log_change + log_gain).reshape(n, -1, length),
                np.clip(correlation * correlation_drop, -1, 1).reshape(n, -1, length),
            ],
            axis=1,
        )

    def augment_eog(self, eog: Array, rng: np.random.Generator) -> Array:
        """Change gains and offsets of segments (N, O, L)."""
        n = len(eog)
        return eog * np.exp(rng.normal(0, _EOG_GAIN_SD, (n, 1, 1))) + rng.normal(
            0, _EOG_OFFSET_SD, (n, eog.shape[1], 1)
        )

"""Features of the network, 100 per second: log power and coherence of the electrodes in EMG bands, and slow EOG.

Both electrodes pick up a muscle at the same time, the nearer one with more power: power ratio and coherence locate it.
All filters are causal, and chunks of any length give the same features as the whole signal.
"""

# SciPy has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import itertools

import numpy as np
from scipy.signal import get_window

from ..arrays import Array
from ..errors import InnerfaceError
from .filters import CausalFilter, emg_sos, eog_sos, mains_sos, max_emg_hz

FEATURE_HZ = 100.0
_WINDOW_S = 0.1
_BAND_EDGES_HZ = (20.0, 45.0, 75.0, 120.0, 200.0, 320.0, 450.0)
_FLOOR_UV2 = 0.02  # less power in a band is noise of the amplifier
_EOG_LOW_HZ = (0.05, 0.5)
_EOG_SCALE_UV = 50.0


def emg_bands(top_hz: float) -> list[tuple[float, float]]:
    """EMG bands (low, high) up to `top_hz`."""
    return [(a, min(b, top_hz)) for a, b in itertools.pairwise(_BAND_EDGES_HZ) if min(b, top_hz) - a > 8.0]


def feature_counts(count: int, top_hz: float) -> tuple[int, int]:
    """Number of EMG features and of EOG features of `count` electrodes."""
    return len(emg_bands(top_hz)) * (count + count * (count - 1) // 2), count * len(_EOG_LOW_HZ)


class FeatureExtractor:
    """Causal feature extraction: `push` samples, get a feature row for every 1 / FEATURE_HZ s since the first sample.

    Parameters
    ----------
    count : number of electrodes
    rate : sample rate, Hz
    mains_hz : 50 or 60; 0 for no notch filter
    top_hz : upper limit of the EMG bands; by default what the rate allows

    Raises
    ------
    InnerfaceError
        if the rate is too low for `top_hz`
    """

    def __init__(self, count: int, rate: float, mains_hz: float, *, top_hz: float | None = None) -> None:
        top_hz = max_emg_hz(rate) if top_hz is None else top_hz
        if top_hz > max_emg_hz(rate) * 1.02:
            raise InnerfaceError(
                f"a sample rate of {rate:.4g} Hz holds at most {max_emg_hz(rate):.0f} Hz, and the network uses up to "
                f"{top_hz:.0f} Hz; record at {top_hz / 0.45:.0f} Hz or more, or train on a take like this one"
            )
        self.rate, self.count, self.top_hz = rate, count, top_hz
        self.notch_filter, self.emg_filter = CausalFilter(mains_sos(rate, mains_hz)), CausalFilter(emg_sos(rate))
        self.eog_filters = [CausalFilter(eog_sos(rate, low)) for low in _EOG_LOW_HZ]
        self.window_size = max(round(_WINDOW_S * rate), 8)
        self.taper = get_window("hann", self.window_size)
        hz = np.fft.rfftfreq(self.window_size, 1 / rate)
        self.band_masks = np.stack([(hz >= a - 1e-6) & (hz < b - 1e-6) for a, b in emg_bands(top_hz)]).astype(
            np.float64
        )  # (B, F)
        self.pairs = list(itertools.combinations(range(count), 2))
        self.history = np.zeros((self.window_size - 1, count))
        self.sample_count, self.feature_count = 0, 0

    def push(self, values: Array) -> tuple[Array, Array]:
        """EMG features (m, E) and EOG features (m, O) that the next samples (n, C) µV complete.

        Feature k since the start belongs to the first sample at or after k / FEATURE_HZ s.
        """
        clean = self.notch_filter.push(values)
        emg_signal = np.concatenate([self.history, self.emg_filter.push(clean)])
        eog_signal = np.concatenate([f.push(values)[:, :, None] for f in self.eog_filters], axis=2)
        first, self.sample_count = self.sample_count, self.sample_count + len(values)
        self.history = emg_signal[len(emg_signal) - (self.window_size - 1) :]
        last = int(np.floor((self.sample_count - 1) * FEATURE_HZ / self.rate + 1e-9)) if self.sample_count else -1
        sample_indices = (
            np.ceil(np.arange(self.feature_count, last + 1) * self.rate / FEATURE_HZ - 1e-6).astype(int) - first
        )
        self.feature_count += len(sample_indices)
        if not len(sample_indices):
            emg_count, eog_count = feature_counts(self.count, self.top_hz)
            return np.zeros((0, emg_count)), np.zeros((0, eog_count))
        windows = np.lib.stride_tricks.sliding_window_view(emg_signal, self.window_size, axis=0)[
            sample_indices
        ]  # (m, C, width)
        spectrum = np.fft.rfft(windows * self.taper, axis=2) / self.window_size
        power = (np.abs(spectrum) ** 2) @ self.band_masks.T  # (m, C, B)
        log_power = np.log(2 * power + _FLOOR_UV2)
        coherence = [
            ((spectrum[:, a] * spectrum[:, b].conj()).real @ self.band_masks.T)
            / (np.sqrt(power[:, a] * power[:, b]) + _FLOOR_UV2 / 2)
            for a, b in self.pairs
        ]
        emg = np.concatenate([log_power.reshape(len(sample_indices), -1), *coherence], axis=1)
        return emg, np.arcsinh(eog_signal[sample_indices] / _EOG_SCALE_UV).reshape(len(sample_indices), -1)


def extract_features(
    values: Array, rate: float, mains_hz: float, *, top_hz: float | None = None, chunk: int = 20_000
) -> tuple[Array, Array]:
    """EMG and EOG features of a recording (T, C) µV, computed in chunks to bound memory."""
    extractor = FeatureExtractor(values.shape[1], rate, mains_hz, top_hz=top_hz)
    chunks = [extractor.push(values[i : i + chunk]) for i in range(0, len(values), chunk)]
    return np.concatenate([e for e, _ in chunks]), np.concatenate([o for _, o in chunks])

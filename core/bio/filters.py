"""Bands of biosignals: as they run live (causal, with their state), and as recordings are looked at (zero phase).

EMG 20-450 Hz (van Boxtel 2001: facial EMG has its energy between 15-25 and 400-500 Hz), as far as the rate allows; EOG 0.05-35 Hz; mains and its harmonics
taken out by notches.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, iirnotch, sosfilt, sosfilt_zi, sosfiltfilt, tf2sos

from ..errors import InnerfaceError

EMG_HZ = (20.0, 450.0)
EOG_HZ = (0.05, 35.0)
_NOTCH_Q, _MAINS_BAND_HZ = 25.0, 1.5
_USABLE_BANDWIDTH = 0.45  # of the rate: nearer to half of it boards' own filters have taken most away


def max_emg_hz(rate: float) -> float:
    """Hz up to which a rate holds muscle activity."""
    return min(EMG_HZ[1], _USABLE_BANDWIDTH * rate)


def emg_sos(rate: float) -> np.ndarray:
    """Band-pass of EMG at this rate, up to what the rate allows. Raises InnerfaceError where that is nothing."""
    top = max_emg_hz(rate)
    if top < 2 * EMG_HZ[0]:
        raise InnerfaceError(
            f"{rate:.3g} samples a second hold no muscle activity ({EMG_HZ[0]:g} Hz and above); record at 200 or more, best 1,000"
        )
    return np.asarray(butter(2, [EMG_HZ[0], top], btype="band", fs=rate, output="sos"))


def eog_sos(rate: float, low: float = EOG_HZ[0]) -> np.ndarray:
    """Band-pass of EOG at this rate."""
    high_pass = np.asarray(butter(1, low, btype="high", fs=rate, output="sos"))
    return np.concatenate(
        [high_pass, np.asarray(butter(2, min(EOG_HZ[1], _USABLE_BANDWIDTH * rate), btype="low", fs=rate, output="sos"))]
    )


def mains_sos(rate: float, mains_hz: float) -> np.ndarray:
    """Notches at mains and its harmonics, (N, 6); none for mains_hz 0."""
    if not mains_hz:
        return np.array([[1.0, 0, 0, 1.0, 0, 0]])
    count = min(int(_USABLE_BANDWIDTH * rate / mains_hz), 5)
    return np.concatenate(
        [tf2sos(*iirnotch(mains_hz * (k + 1), _NOTCH_Q, fs=rate)) for k in range(count)]
        or [np.array([[1.0, 0, 0, 1.0, 0, 0]])]
    )


def zero_phase(sos: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values (T, C) both ways through a filter: no lag."""
    if len(values) < 32:
        return np.zeros_like(values)
    return np.asarray(sosfiltfilt(sos, values, axis=0, padlen=min(3 * (2 * len(sos) + 1), len(values) - 1)))


class CausalFilter:
    """A filter that goes on where it was: chunks (n, C) of any length give what the whole would. Begins as if the first sample had always been there."""

    def __init__(self, sos: np.ndarray) -> None:
        self.sos, self.state = sos, None

    def push(self, values: np.ndarray) -> np.ndarray:
        """The next samples, filtered."""
        if not len(values):
            return values
        if self.state is None:
            self.state = sosfilt_zi(self.sos)[:, :, None] * values[0][None, None]
        out, self.state = sosfilt(self.sos, values, axis=0, zi=self.state)
        return np.asarray(out)


def detect_mains(values: np.ndarray, rate: float) -> float:
    """50 or 60, whichever stands out of the spectrum of values (T, C); 0 where neither does."""
    size = int(2 ** np.ceil(np.log2(2 * rate)))
    if len(values) < size:
        return 0.0
    windows = np.lib.stride_tricks.sliding_window_view(values, size, axis=0)[:: size // 2]
    power = np.abs(np.fft.rfft(windows * np.hanning(size), axis=-1)) ** 2
    power = np.quantile(power, 0.15, axis=0).mean(axis=0)  # of quiet moments: muscles would hide it
    hz = np.fft.rfftfreq(size, 1 / rate)

    def contrast(f: float) -> float:
        in_band, around = (
            np.abs(hz - f) < _MAINS_BAND_HZ,
            (np.abs(hz - f) > 2 * _MAINS_BAND_HZ) & (np.abs(hz - f) < 6 * _MAINS_BAND_HZ),
        )
        return (
            float(power[in_band].max() / (np.median(power[around]) + 1e-12)) if in_band.any() and around.any() else 0.0
        )

    best = max((50.0, 60.0), key=contrast)
    return best if contrast(best) > 5.0 else 0.0

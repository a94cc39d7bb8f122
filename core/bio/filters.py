"""Filters for biosignals: causal ones with state for live use, zero-phase ones for recordings.

EMG 20-450 Hz (van Boxtel 2001: facial EMG has its energy between 15-25 and 400-500 Hz) as far as the rate allows, EOG
0.05-35 Hz, and notches at mains and its harmonics.
"""

# SciPy has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import numpy as np
from scipy.signal import butter, iirnotch, sosfilt, sosfilt_zi, sosfiltfilt, tf2sos

from ..arrays import Array
from ..errors import InnerfaceError

EMG_HZ = (20.0, 450.0)
EOG_HZ = (0.05, 35.0)
_NOTCH_Q, _MAINS_BAND_HZ = 25.0, 1.5
_USABLE_BANDWIDTH = 0.45  # of the sample rate: the boards' anti-aliasing filters attenuate above


def max_emg_hz(rate: float) -> float:
    """Highest EMG frequency (Hz) that a sample rate holds."""
    return min(EMG_HZ[1], _USABLE_BANDWIDTH * rate)


def emg_sos(rate: float) -> Array:
    """Band-pass for EMG, as second-order sections. Raises InnerfaceError if the rate is too low for any EMG."""
    top = max_emg_hz(rate)
    if top < 2 * EMG_HZ[0]:
        raise InnerfaceError(
            f"a sample rate of {rate:.3g} Hz holds no muscle activity ({EMG_HZ[0]:g} Hz and above); "
            "record at 200 Hz or more, best 1,000 Hz"
        )
    return np.asarray(butter(2, [EMG_HZ[0], top], btype="band", fs=rate, output="sos"))


def eog_sos(rate: float, low: float = EOG_HZ[0]) -> Array:
    """Band-pass for EOG from `low` Hz on, as second-order sections."""
    high_pass = np.asarray(butter(1, low, btype="high", fs=rate, output="sos"))
    return np.concatenate(
        [high_pass, np.asarray(butter(2, min(EOG_HZ[1], _USABLE_BANDWIDTH * rate), btype="low", fs=rate, output="sos"))]
    )


def mains_sos(rate: float, mains_hz: float) -> Array:
    """Notches at mains and its harmonics, as second-order sections (N, 6); a pass-through for mains_hz 0."""
    if not mains_hz:
        return np.array([[1.0, 0, 0, 1.0, 0, 0]])
    count = min(int(_USABLE_BANDWIDTH * rate / mains_hz), 5)
    return np.concatenate(
        [tf2sos(*iirnotch(mains_hz * (k + 1), _NOTCH_Q, fs=rate)) for k in range(count)]
        or [np.array([[1.0, 0, 0, 1.0, 0, 0]])]
    )


def zero_phase(sos: Array, values: Array) -> Array:
    """Filter values (T, C) forwards and backwards, without phase lag."""
    if len(values) < 32:
        return np.zeros_like(values)
    return np.asarray(sosfiltfilt(sos, values, axis=0, padlen=min(3 * (2 * len(sos) + 1), len(values) - 1)))


class CausalFilter:
    """Causal filter with state: chunks (n, C) of any length give the same output as the whole signal.

    The initial state is that of a constant input equal to the first sample.
    """

    def __init__(self, sos: Array) -> None:
        self.sos = sos
        self.state: Array | None = None

    def push(self, values: Array) -> Array:
        """Filter the next samples (n, C)."""
        if not len(values):
            return values
        if self.state is None:
            self.state = sosfilt_zi(self.sos)[:, :, None] * values[0][None, None]
        out, self.state = sosfilt(self.sos, values, axis=0, zi=self.state)
        return np.asarray(out)


def detect_mains(values: Array, rate: float) -> float:
    """Mains frequency, 50 or 60 Hz, if it stands out in the spectrum of values (T, C); otherwise 0."""
    size = int(2 ** np.ceil(np.log2(2 * rate)))
    if len(values) < size:
        return 0.0
    windows = np.lib.stride_tricks.sliding_window_view(values, size, axis=0)[:: size // 2]
    power = np.abs(np.fft.rfft(windows * np.hanning(size), axis=-1)) ** 2
    power = np.quantile(power, 0.15, axis=0).mean(axis=0)  # of quiet moments: muscle activity would mask mains
    hz = np.fft.rfftfreq(size, 1 / rate)

    def contrast(f: float) -> float:
        distance = np.abs(hz - f)
        in_band = distance < _MAINS_BAND_HZ
        around = (distance > 2 * _MAINS_BAND_HZ) & (distance < 6 * _MAINS_BAND_HZ)
        if not (in_band.any() and around.any()):
            return 0.0
        return float(power[in_band].max() / (np.median(power[around]) + 1e-12))

    best = max((50.0, 60.0), key=contrast)
    return best if contrast(best) > 5.0 else 0.0

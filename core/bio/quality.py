"""Signal quality per electrode: flat, saturated, off the skin, or mains hum only, with messages for the user."""

# SciPy has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.signal import butter

from ..arrays import Array
from ..errors import InnerfaceError
from ..take import Take
from .filters import detect_mains, emg_sos, mains_sos, zero_phase
from .signal import BioSignal, bio_track, to_uniform_rate

_SEGMENT_S = 1.0
_FLAT_UV = 0.05  # less than any amplifier's noise
_MAX_CLIPPED_SHARE = 0.02  # share of samples at the largest or the smallest value
_FLOATING_UV = 2_000.0  # an input off the skin floats
_MAINS_SHARE = 0.96  # of the EMG band's amplitude: 25 times all else; a notch removes weaker hum
_MAX_BAD_SHARE = 0.5  # of a recording
_HUM_WARNING_UV = 50.0
_MIN_NOTE_SHARE, _MIN_MISSING_SHARE = 0.05, 0.01
_MIN_BITE_RATIO, _MIN_BITE_RISE_UV = 2.5, 1.0  # relative to a calm face
_MIN_BLINK_RATIO, _MIN_BLINK_RISE_UV = 1.6, 4.0  # relative to a calm face
_BLINK_HZ = (0.7, 12.0)
_ENVELOPE_S = 0.1


@dataclass(frozen=True)
class ElectrodeQuality:
    """Quality of one channel over a recording.

    Attributes
    ----------
    channel : name
    flat, saturated, off, mains : share of its seconds that are flat, saturated, off the skin, mains hum only
    missing : share of its samples
    rest_uv, peak_uv : rms of EMG, its 10th and its 99th percentile
    mains_uv : amplitude of mains hum
    """

    channel: str
    flat: float
    saturated: float
    off: float
    mains: float
    missing: float
    rest_uv: float
    peak_uv: float
    mains_uv: float

    @property
    def fault(self) -> str:
        """What makes the channel unusable, or ""."""
        if self.missing > _MAX_BAD_SHARE:
            return f"{self.missing:.0%} of its samples are missing: check the radio link and the board"
        if self.flat > _MAX_BAD_SHARE:
            return "no signal: the electrode or its wire is broken, or the channel is off"
        if self.mains > _MAX_BAD_SHARE:
            return "mains hum only: the electrode or the reference is off the skin"
        if self.saturated > _MAX_BAD_SHARE:
            return "saturated: lower the gain, or attach the reference again"
        if self.off > _MAX_BAD_SHARE:
            return "floating: the electrode is off the skin"
        return ""

    @property
    def warning(self) -> str:
        """What should be fixed although the channel can be used, or ""."""
        if self.mains_uv > _HUM_WARNING_UV:
            return f"mains hum ({self.mains_uv:.0f} µV): press it and the reference on, and keep away from chargers"
        return f"sometimes off the skin ({self.off:.0%} of the time)" if self.off > 0 else ""


def assess_electrodes(signal: BioSignal) -> list[ElectrodeQuality]:
    """Assess the quality of every channel."""
    return [_assess(signal, k) for k in range(len(signal.channels))]


def assess_take(take: Take) -> list[ElectrodeQuality]:
    """Assess every electrode of a take. Raises InnerfaceError for a take without electrodes."""
    return assess_electrodes(to_uniform_rate(bio_track(take)))


def check_usable(signal: BioSignal) -> list[str]:
    """Notes on channels that are bad for part of the take. Raises InnerfaceError if a channel is bad for most of it."""
    notes: list[str] = []
    for e in assess_electrodes(signal):
        if e.fault:
            raise InnerfaceError(f"electrode {e.channel}: {e.fault}; then record again")
        for share, condition in (
            (e.flat, "flat"),
            (e.saturated, "saturated"),
            (e.off, "off the skin"),
            (e.mains, "mains hum only"),
        ):
            if share > _MIN_NOTE_SHARE:
                notes.append(f"electrode {e.channel} is {condition} for {share:.0%} of the take")
        if e.missing > _MIN_MISSING_SHARE:
            notes.append(f"electrode {e.channel} has lost {e.missing:.1%} of its samples")
    return notes


def check_reactions(calm: BioSignal, bites: BioSignal, blinks: BioSignal) -> list[str]:
    """Messages on electrodes that do not react to three bites, and on blinks that no electrode shows.

    Each signal is a few seconds of the same electrodes.
    """
    messages: list[str] = []
    deflections: list[tuple[float, float]] = []
    for k, e in enumerate(assess_electrodes(bites)):
        if e.fault:
            messages.append(f"electrode {e.channel}: {e.fault}")
            continue
        calm_uv, bite_uv = float(np.median(_emg_envelope(calm, k))), float(np.quantile(_emg_envelope(bites, k), 0.97))
        if bite_uv < _MIN_BITE_RATIO * calm_uv + _MIN_BITE_RISE_UV:
            levels = f"{calm_uv:.1f} µV calm, {bite_uv:.1f} µV biting"
            messages.append(
                f"electrode {e.channel} does not react to the bite ({levels}): "
                "press it on, or place it where the jaw muscle swells"
            )
        deflections.append((_slow_deflection(blinks, k), _slow_deflection(calm, k)))
    if deflections and not any(high > _MIN_BLINK_RATIO * low + _MIN_BLINK_RISE_UV for high, low in deflections):
        high, low = max(deflections)
        messages.append(
            f"no electrode shows the blinks ({high:.0f} µV, {low:.0f} µV without): "
            "eyelids and gaze will be guessed; press on the electrode below the ear"
        )
    return messages


def _emg_envelope(signal: BioSignal, k: int) -> Array:
    """Envelope (T,) µV of EMG: its rms around each sample, without mains."""
    mains_hz = detect_mains(signal.values[:, [k]], signal.rate)
    fast = zero_phase(mains_sos(signal.rate, mains_hz), zero_phase(emg_sos(signal.rate), signal.values[:, [k]]))[:, 0]
    return np.sqrt(uniform_filter1d(fast**2, max(int(_ENVELOPE_S * signal.rate), 3)))


def _slow_deflection(signal: BioSignal, k: int) -> float:
    """Peak-to-peak amplitude (µV) in the band of blinks, without the filter's transients."""
    slow = zero_phase(
        np.asarray(butter(2, _BLINK_HZ, btype="band", fs=signal.rate, output="sos")), signal.values[:, [k]]
    )[:, 0]
    edge = int(0.3 * signal.rate)
    return float(np.ptp(np.quantile(slow[edge:-edge], (0.01, 0.99))))


def _assess(signal: BioSignal, k: int) -> ElectrodeQuality:
    values, rate = signal.values[:, k], signal.rate
    width = max(int(_SEGMENT_S * rate), 16)
    count = max(len(values) // width, 1)
    width = min(width, len(values))
    segments = values[: count * width].reshape(count, width)
    steps = np.abs(np.diff(segments, axis=1))
    flat = (segments.std(axis=1) < _FLAT_UV) | (np.median(steps, axis=1) == 0) & (segments.std(axis=1) < 1.0)
    top, bottom = values.max(), values.min()
    clipped = ((segments >= top - 1e-9) | (segments <= bottom + 1e-9)).mean(axis=1) > max(_MAX_CLIPPED_SHARE, 3 / width)
    saturated = clipped & ~flat & (top - bottom > 1.0)
    spread = segments.std(axis=1)
    mains_hz = detect_mains(values[:, None], rate)
    fast = zero_phase(emg_sos(rate), values[:, None])
    clean = zero_phase(mains_sos(rate, mains_hz), fast)[:, 0] if mains_hz else fast[:, 0]
    power, residual = (x[: count * width].reshape(count, width).var(axis=1) for x in (fast[:, 0], clean))
    only_mains = (power > 4.0) & (residual < (1 - _MAINS_SHARE) ** 2 * power)
    loudness = np.sqrt(residual)
    return ElectrodeQuality(
        signal.channels[k],
        float(flat.mean()),
        float(saturated.mean()),
        float((spread > _FLOATING_UV).mean()),
        float(only_mains.mean()),
        float(signal.missing[:, k].mean()),
        float(np.quantile(loudness, 0.1)),
        float(np.quantile(loudness, 0.99)),
        float(np.sqrt(2 * np.median(np.clip(power - residual, 0, None)))),
    )

"""Whether electrodes can be believed: flat, at the amplifier's end, off the skin, only mains. In words for the user, per channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.signal import butter

from ..errors import InnerfaceError
from .filters import detect_mains, emg_sos, mains_sos, zero_phase
from .signal import BioSignal

_SEGMENT_S = 1.0
_FLAT_UV = 0.05  # an amplifier's own noise is more
_MAX_CLIPPED_SHARE = 0.02  # share of samples that stand at the largest or the smallest value of all
_FLOATING_UV = 2_000.0  # off the skin the input floats
_MAINS_SHARE = (
    0.96  # of the amplitude between 20 Hz and the top: hum of 25 times all else; less of it a notch takes out
)
_MAX_BAD_SHARE = 0.5  # of a recording
_HUM_WARNING_UV = 50.0  # that does no harm yet
_MIN_BITE_RATIO, _MIN_BITE_RISE_UV = 2.5, 1.0  # a bite than a calm face
_MIN_BLINK_RATIO, _MIN_BLINK_RISE_UV = 1.6, 4.0  # a blink than a calm face
_BLINK_HZ = (0.7, 12.0)
_ENVELOPE_S = 0.1


@dataclass(frozen=True)
class ElectrodeQuality:
    """One channel over the whole recording; shares of its seconds that are `flat`, `saturated`, `off` the skin, and only `mains`; `missing` samples;
    `rest_uv`: rms of EMG in its quietest tenth, `peak_uv` in its loudest hundredth; `mains_uv`."""

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
        """What is wrong with it, or ""."""
        if self.missing > _MAX_BAD_SHARE:
            return f"{self.missing:.0%} of its samples are missing: check the radio and the board"
        if self.flat > _MAX_BAD_SHARE:
            return "it is flat: the electrode or its wire is broken, or the channel is off"
        if self.mains > _MAX_BAD_SHARE:
            return "it holds mains hum and nothing else: the electrode or the reference is off the skin"
        if self.saturated > _MAX_BAD_SHARE:
            return "it stands at the amplifier's end: lower the gain, or the reference has come off"
        if self.off > _MAX_BAD_SHARE:
            return "it floats: the electrode is off the skin"
        return ""

    @property
    def warning(self) -> str:
        """What should be mended though it can be used, or ""."""
        if self.mains_uv > _HUM_WARNING_UV:
            return f"it hums ({self.mains_uv:.0f} uV): press it and the reference on, and keep away from chargers"
        return f"it is off the skin now and then ({self.off:.0%} of the time)" if self.off > 0 else ""


def assess_electrodes(signal: BioSignal) -> list[ElectrodeQuality]:
    """Every channel judged."""
    return [_assess(signal, k) for k in range(len(signal.channels))]


def check_usable(signal: BioSignal) -> list[str]:
    """Sentences on channels that are bad for part of the take. Raises InnerfaceError where no channel can be believed, or one is bad throughout."""
    notes = []
    for e in assess_electrodes(signal):
        if e.fault:
            raise InnerfaceError(f"electrode {e.channel}: {e.fault}; mend it and record again")
        for share, condition in (
            (e.flat, "flat"),
            (e.saturated, "at the amplifier's end"),
            (e.off, "off the skin"),
            (e.mains, "nothing but mains hum"),
        ):
            if share > 0.05:
                notes.append(f"electrode {e.channel} is {condition} for {share:.0%} of the take")
        if e.missing > 0.01:
            notes.append(f"electrode {e.channel} lacks {e.missing:.1%} of its samples")
    return notes


def check_reactions(calm: BioSignal, bites: BioSignal, blinks: BioSignal) -> list[str]:
    """Sentences on electrodes that do not hear three bites, or blinks that none shows, beside a calm face; each a few seconds of the same electrodes."""
    messages, deflections = [], []
    for k, e in enumerate(assess_electrodes(bites)):
        if e.fault:
            messages.append(f"electrode {e.channel}: {e.fault}")
            continue
        calm_uv, bite_uv = float(np.median(_emg_envelope(calm, k))), float(np.quantile(_emg_envelope(bites, k), 0.97))
        if bite_uv < _MIN_BITE_RATIO * calm_uv + _MIN_BITE_RISE_UV:
            levels = f"{calm_uv:.1f} uV calm, {bite_uv:.1f} biting"
            messages.append(
                f"electrode {e.channel} does not hear the bite ({levels}): press it on, or stick it where the jaw's muscle swells"
            )
        deflections.append((_slow_deflection(blinks, k), _slow_deflection(calm, k)))
    if deflections and not any(high > _MIN_BLINK_RATIO * low + _MIN_BLINK_RISE_UV for high, low in deflections):
        high, low = max(deflections)
        messages.append(
            f"no electrode shows the blinks ({high:.0f} uV, {low:.0f} without): lids and gaze will be guessed; press the one below the ear on"
        )
    return messages


def _emg_envelope(signal: BioSignal, k: int) -> np.ndarray:
    """EMG's rms (T,) uV around each sample, mains taken out."""
    mains_hz = detect_mains(signal.values[:, [k]], signal.rate)
    fast = zero_phase(mains_sos(signal.rate, mains_hz), zero_phase(emg_sos(signal.rate), signal.values[:, [k]]))[:, 0]
    return np.sqrt(uniform_filter1d(fast**2, max(int(_ENVELOPE_S * signal.rate), 3)))


def _slow_deflection(signal: BioSignal, k: int) -> float:
    """How far the slow part reaches from end to end, uV; the ends of the filter left out."""
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

"""Whether electrodes can be believed: flat, at the amplifier's end, off the skin, only mains. In words for the user, per channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.signal import butter

from ..errors import InnerfaceError
from .filters import emg_sos, mains_of, mains_sos, zero_phase
from .signal import BioSignal

_PIECE_S = 1.0
_FLAT_UV = 0.05  # an amplifier's own noise is more
_ENDS = 0.02  # share of samples that stand at the largest or the smallest value of all
_OFF_UV = 2_000.0  # off the skin the input floats
_MAINS_SHARE = 0.96  # of the amplitude between 20 Hz and the top: hum of 25 times all else; less of it a notch takes out
_BAD = 0.5  # of a recording
_HUM_UV = 50.0  # that does no harm yet
_LOUDER, _LOUDER_UV = 2.5, 1.0  # a bite than a calm face
_BUMP, _BUMP_UV = 1.6, 4.0  # a blink than a calm face
_BLINK_HZ = (0.7, 12.0)
_ENVELOPE_S = 0.1


@dataclass(frozen=True)
class Electrode:
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
    def bad(self) -> str:
        """What is wrong with it, or ""."""
        if self.missing > _BAD:
            return f"{self.missing:.0%} of its samples are missing: check the radio and the board"
        if self.flat > _BAD:
            return "it is flat: the electrode or its wire is broken, or the channel is off"
        if self.mains > _BAD:
            return "it holds mains hum and nothing else: the electrode or the reference is off the skin"
        if self.saturated > _BAD:
            return "it stands at the amplifier's end: lower the gain, or the reference has come off"
        if self.off > _BAD:
            return "it floats: the electrode is off the skin"
        return ""

    @property
    def poor(self) -> str:
        """What should be mended though it can be used, or ""."""
        if self.mains_uv > _HUM_UV:
            return f"it hums ({self.mains_uv:.0f} uV): press it and the reference on, and keep away from chargers"
        return f"it is off the skin now and then ({self.off:.0%} of the time)" if self.off > 0 else ""


def report(signal: BioSignal) -> list[Electrode]:
    """Every channel judged."""
    return [_judge(signal, k) for k in range(len(signal.channels))]


def refuse(signal: BioSignal) -> list[str]:
    """Sentences on channels that are bad for part of the take. Raises InnerfaceError where no channel can be believed, or one is bad throughout."""
    notes = []
    for e in report(signal):
        if e.bad:
            raise InnerfaceError(f"electrode {e.channel}: {e.bad}; mend it and record again")
        for share, what in ((e.flat, "flat"), (e.saturated, "at the amplifier's end"), (e.off, "off the skin"), (e.mains, "nothing but mains hum")):
            if share > 0.05:
                notes.append(f"electrode {e.channel} is {what} for {share:.0%} of the take")
        if e.missing > 0.01:
            notes.append(f"electrode {e.channel} lacks {e.missing:.1%} of its samples")
    return notes


def reacts(calm: BioSignal, bites: BioSignal, blinks: BioSignal) -> list[str]:
    """Sentences on electrodes that do not hear three bites, or blinks that none shows, beside a calm face; each a few seconds of the same electrodes."""
    words, bumps = [], []
    for k, e in enumerate(report(bites)):
        if e.bad:
            words.append(f"electrode {e.channel}: {e.bad}")
            continue
        rest, loud = float(np.median(_loudness(calm, k))), float(np.quantile(_loudness(bites, k), 0.97))
        if loud < _LOUDER * rest + _LOUDER_UV:
            said = f"{rest:.1f} uV calm, {loud:.1f} biting"
            words.append(f"electrode {e.channel} does not hear the bite ({said}): press it on, or stick it where the jaw's muscle swells")
        bumps.append((_bump(blinks, k), _bump(calm, k)))
    if bumps and not any(high > _BUMP * low + _BUMP_UV for high, low in bumps):
        high, low = max(bumps)
        words.append(f"no electrode shows the blinks ({high:.0f} uV, {low:.0f} without): lids and gaze will be guessed; press the one below the ear on")
    return words


def _loudness(signal: BioSignal, k: int) -> np.ndarray:
    """EMG's rms (T,) uV around each sample, mains taken out."""
    mains_hz = mains_of(signal.values[:, [k]], signal.rate)
    fast = zero_phase(mains_sos(signal.rate, mains_hz), zero_phase(emg_sos(signal.rate), signal.values[:, [k]]))[:, 0]
    return np.sqrt(uniform_filter1d(fast**2, max(int(_ENVELOPE_S * signal.rate), 3)))


def _bump(signal: BioSignal, k: int) -> float:
    """How far the slow part reaches from end to end, uV; the ends of the filter left out."""
    slow = zero_phase(np.asarray(butter(2, _BLINK_HZ, btype="band", fs=signal.rate, output="sos")), signal.values[:, [k]])[:, 0]
    edge = int(0.3 * signal.rate)
    return float(np.ptp(np.quantile(slow[edge:-edge], (0.01, 0.99))))


def _judge(signal: BioSignal, k: int) -> Electrode:
    values, rate = signal.values[:, k], signal.rate
    width = max(int(_PIECE_S * rate), 16)
    count = max(len(values) // width, 1)
    width = min(width, len(values))
    pieces = values[: count * width].reshape(count, width)
    steps = np.abs(np.diff(pieces, axis=1))
    flat = (pieces.std(axis=1) < _FLAT_UV) | (np.median(steps, axis=1) == 0) & (pieces.std(axis=1) < 1.0)
    top, bottom = values.max(), values.min()
    at_end = ((pieces >= top - 1e-9) | (pieces <= bottom + 1e-9)).mean(axis=1) > max(_ENDS, 3 / width)
    saturated = at_end & ~flat & (top - bottom > 1.0)
    spread = pieces.std(axis=1)
    mains_hz = mains_of(values[:, None], rate)
    fast = zero_phase(emg_sos(rate), values[:, None])
    clean = zero_phase(mains_sos(rate, mains_hz), fast)[:, 0] if mains_hz else fast[:, 0]
    power, left = (x[: count * width].reshape(count, width).var(axis=1) for x in (fast[:, 0], clean))
    only_mains = (power > 4.0) & (left < (1 - _MAINS_SHARE) ** 2 * power)
    loudness = np.sqrt(left)
    return Electrode(
        signal.channels[k], float(flat.mean()), float(saturated.mean()), float((spread > _OFF_UV).mean()), float(only_mains.mean()),
        float(signal.missing[:, k].mean()), float(np.quantile(loudness, 0.1)), float(np.quantile(loudness, 0.99)),
        float(np.sqrt(2 * np.median(np.clip(power - left, 0, None)))),
    )  # fmt: skip



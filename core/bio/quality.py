"""Whether electrodes can be believed: flat, at the amplifier's end, off the skin, only mains. In words for the user, per channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InnerfaceError
from .filters import emg_sos, mains_of, mains_sos, zero_phase
from .signal import BioSignal

_PIECE_S = 1.0
_FLAT_UV = 0.05  # an amplifier's own noise is more
_ENDS = 0.02  # share of samples that stand at the largest or the smallest value of all
_OFF_UV = 2_000.0  # off the skin the input floats
_MAINS_SHARE = 0.9  # of all power between 20 Hz and the top
_BAD = 0.5  # of a recording


@dataclass(frozen=True)
class Electrode:
    """One channel over the whole recording; shares of its seconds that are `flat`, `saturated`, `off` the skin, and only `mains`; `missing` samples; `rest_uv`: rms
    of EMG in its quietest tenth, `peak_uv` in its loudest hundredth; `mains_uv`."""

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
        if self.saturated > _BAD:
            return "it stands at the amplifier's end: lower the gain, or the reference has come off"
        if self.off > _BAD:
            return "it floats: the electrode is off the skin"
        if self.mains > _BAD:
            return "it holds mains hum and nothing else: the electrode or the reference is off the skin"
        return ""


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


def _judge(signal: BioSignal, k: int) -> Electrode:
    values, rate = signal.values[:, k], signal.rate
    width = max(int(_PIECE_S * rate), 16)
    count = max(len(values) // width, 1)
    if len(values) < width:
        width = len(values)
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



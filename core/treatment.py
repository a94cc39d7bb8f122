"""What is done to a take before it is keyed, in an order that can be repeated: cut, neutral taken out, smoothed by region."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .channels import ARKIT, GROUPS
from .errors import InnerfaceError
from .imu.signal import FRAME_RATE
from .neutral import Neutral
from .resample import bridge
from .smooth import strengths, zero_phase
from .take import Track

Span = tuple[float, float]  # seconds from the take's first row


@dataclass(frozen=True)
class Treatment:
    """`trim`: what is left of the take; `neutral`: a span in which the face is relaxed, and which becomes 0; `smooth`: strengths per group (0 is off)."""

    trim: Span | None = None
    neutral: Span | None = None
    smooth: dict[str, float] = field(default_factory=lambda: dict.fromkeys(GROUPS, 0.0))


def treat(track: Track, treatment: Treatment, name: str) -> Track:
    """The track (its time untouched) after the treatment. Raises InnerfaceError for a span that holds nothing."""
    values = track.values.copy()
    columns = [(k, ARKIT.index(c)) for k, c in enumerate(track.columns) if c in ARKIT]
    own, every = [k for k, _ in columns], [c for _, c in columns]
    if treatment.neutral is not None:
        rows = _rows(track, treatment.neutral, name, "neutral")
        seen = values[rows][:, own]
        if np.isnan(seen).all():
            raise InnerfaceError(f"{name}: no row of the neutral span has a face in it; choose another span")
        rest = np.zeros(len(ARKIT))
        rest[every] = np.nan_to_num(np.nanmedian(np.where(np.isnan(seen).all(0), 0.0, seen), axis=0))
        full = np.zeros((len(values), len(ARKIT)))
        full[:, every] = values[:, own]
        values[:, own] = np.clip(Neutral(rest).remove(full)[:, every], 0.0, None)
    strength = strengths(treatment.smooth)[every]
    if strength.any() and len(track.time) > 2:
        lost = np.isnan(values[:, own])
        smooth = zero_phase(np.nan_to_num(bridge(track.time, values[:, own])), strength * (track.rate / FRAME_RATE))
        moved = np.where(lost, np.nan, np.clip(smooth, np.minimum(np.nanmin(values[:, own], initial=0.0), 0.0), None))
        values[:, own] = np.where(strength > 0, moved, values[:, own])
    if treatment.trim is not None:
        rows = _rows(track, treatment.trim, name, "trimmed")
        return Track(track.kind, track.time[rows], track.columns, values[rows], track.meta)
    return Track(track.kind, track.time, track.columns, values, track.meta)


def _rows(track: Track, span: Span, name: str, what: str) -> np.ndarray:
    """Which rows lie in a span."""
    since = track.time - track.time[0]
    rows = np.flatnonzero((since >= span[0] - 1e-9) & (since <= span[1] + 1e-9))
    if not len(rows):
        raise InnerfaceError(f"{name}: the {what} span {span[0]:g}:{span[1]:g} s holds no row of the take, which lasts {since[-1]:.2f} s; choose another span")
    return rows

"""Repeatable treatment of a take before it is keyed: removal of the neutral, smoothing by group, trimming."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..face.channels import ARKIT, GROUPS
from ..face.neutral import Neutral
from ..rates import FRAME_RATE
from ..take import Track
from ..take.resample import fill_gaps
from .smoothing import channel_strengths, zero_phase

Span = tuple[float, float]  # start and end in s from the take's first row


@dataclass(frozen=True)
class Treatment:
    """Settings of a treatment.

    Attributes
    ----------
    trim : span that is kept; None for all.
    neutral : span in which the face is relaxed, which becomes 0; None for none.
    smooth : strengths by channel group; 0 is off, 1 usual.
    """

    trim: Span | None = None
    neutral: Span | None = None
    smooth: dict[str, float] = field(default_factory=lambda: dict.fromkeys(GROUPS, 0.0))


def apply_treatment(track: Track, treatment: Treatment, name: str) -> Track:
    """Treat a track; times stay. `name` is the take's in messages. Raises InnerfaceError for an empty span."""
    values = track.values.copy()
    columns = [(k, ARKIT.index(c)) for k, c in enumerate(track.columns) if c in ARKIT]
    track_columns, channel_indices = [k for k, _ in columns], [c for _, c in columns]
    if treatment.neutral is not None:
        rows = _rows_in_span(track, treatment.neutral, name=name, span_name="neutral")
        neutral_values = values[rows][:, track_columns]
        if np.isnan(neutral_values).all():
            raise InnerfaceError(f"{name}: no row of the neutral span has a face; choose another span")
        rest = np.zeros(len(ARKIT))
        rest[channel_indices] = np.nan_to_num(
            np.nanmedian(np.where(np.isnan(neutral_values).all(0), 0.0, neutral_values), axis=0)
        )
        all_channels = np.zeros((len(values), len(ARKIT)))
        all_channels[:, channel_indices] = values[:, track_columns]
        values[:, track_columns] = np.clip(Neutral(rest).remove(all_channels)[:, channel_indices], 0.0, None)
    strength = channel_strengths(treatment.smooth)[channel_indices]
    if strength.any() and len(track.time) > 2:
        missing = np.isnan(values[:, track_columns])
        filtered = zero_phase(
            np.nan_to_num(fill_gaps(track.time, values[:, track_columns])), strength * (track.rate / FRAME_RATE)
        )
        smoothed = np.where(
            missing, np.nan, np.clip(filtered, np.minimum(np.nanmin(values[:, track_columns], initial=0.0), 0.0), None)
        )
        values[:, track_columns] = np.where(strength > 0, smoothed, values[:, track_columns])
    if treatment.trim is not None:
        rows = _rows_in_span(track, treatment.trim, name=name, span_name="trimmed")
        return Track(track.kind, track.time[rows], track.columns, values[rows], track.meta)
    return Track(track.kind, track.time, track.columns, values, track.meta)


def _rows_in_span(track: Track, span: Span, *, name: str, span_name: str) -> Array:
    """Rows within a span. Raises InnerfaceError for none."""
    elapsed = track.time - track.time[0]
    rows = np.flatnonzero((elapsed >= span[0] - 1e-9) & (elapsed <= span[1] + 1e-9))
    if not len(rows):
        raise InnerfaceError(
            f"{name}: the {span_name} span {span[0]:g}:{span[1]:g} s holds no row of the take, which lasts "
            f"{elapsed[-1]:.2f} s; choose another span"
        )
    return rows

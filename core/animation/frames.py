"""Resampling of weights to the frames of a scene, which keeps blink peaks and lip contacts."""

# SciPy has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ..arrays import Array
from ..face.channels import ARKIT, GROUPS, ChannelGroup
from ..take import Track
from ..take.resample import fill_gaps, resample_linear

if TYPE_CHECKING:
    from ..face.face_model import FaceModel

_MIN_PROMINENCE = 0.05  # of peaks and valleys that are kept
_CONTACT_PROMINENCE_M = 3e-5  # of minima of the lips' gap that may be contacts, on one face or another
_MOUTH_INDICES = [ARKIT.index(c) for c in GROUPS[ChannelGroup.MOUTH]]


def resample_to_frames(track: Track, at: Array) -> Array:
    """Weights (N, 52) at evenly spaced times `at` (N,); channels that the track lacks are 0.

    Linear interpolation, but extrema move to the nearest frame, and so does the whole mouth where the lips touch.
    """
    values = np.nan_to_num(fill_gaps(track.time, track.select(ARKIT)))
    out = resample_keeping_peaks(track.time, values, at)
    if len(track.time) > 2 and len(at) > 1:
        _keep_contacts(values, _nearest_frames(track.time, at), out)
    return out


def resample_keeping_peaks(time: Array, values: Array, at: Array) -> Array:
    """Values (T, C), about 1 at full weight, at evenly spaced times `at` (N,): linear, but extrema stay."""
    out = resample_linear(time, values, at)
    if len(time) > 2 and len(at) > 1:
        _keep_peaks(values, _nearest_frames(time, at), out)
    return out


def _nearest_frames(time: Array, at: Array) -> Array:
    """(T,) index of the frame at times `at` (N,) that is nearest to each row."""
    step = (at[-1] - at[0]) / (len(at) - 1)
    return np.round((time - at[0]) / step).astype(int)


def _keep_peaks(values: Array, frame: Array, out: Array) -> None:
    from scipy.signal import find_peaks

    for c in np.flatnonzero(np.ptp(values, axis=0) > _MIN_PROMINENCE):
        rows: list[Array] = []
        prominences: list[Array] = []
        for sign in (1.0, -1.0):
            peaks, properties = find_peaks(sign * values[:, c], prominence=_MIN_PROMINENCE)
            rows.append(peaks)
            prominences.append(properties["prominences"])
        row, order = np.concatenate(rows), np.argsort(np.concatenate(prominences), kind="stable")
        row = row[order]  # of two in one frame, the larger is written last
        row = row[(frame[row] >= 0) & (frame[row] < len(out))]
        out[frame[row], c] = values[row, c]


def _keep_contacts(values: Array, frame: Array, out: Array) -> None:
    """Give frames at lip contacts of the bundled head the whole mouth of that moment: jaw and lips stay in step."""
    from scipy.signal import find_peaks

    from ..face.lips import CLOSED_GAP_M, lip_gap

    gap = lip_gap(_bundled_face(), values)
    row, _ = find_peaks(-gap, prominence=_CONTACT_PROMINENCE_M)
    row = row[(gap[row] < np.percentile(gap, 5) + 2 * CLOSED_GAP_M) & (frame[row] >= 0) & (frame[row] < len(out))]
    out[frame[row][:, None], _MOUTH_INDICES] = values[row[:, None], _MOUTH_INDICES]


@lru_cache(maxsize=1)
def _bundled_face() -> FaceModel:
    from ..face.face_model import load_bundled

    return load_bundled()

"""A weights track on the whole frames of a scene: by true time, and with blink peaks and lip contacts where linear resampling would cut them off."""

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

_MIN_PROMINENCE = 0.05  # a turning point that stands out by so much is kept
_CONTACT_PROMINENCE_M = 3e-5  # lips that come closer by so much may touch, on one face or another
_MOUTH_INDICES = [ARKIT.index(c) for c in GROUPS[ChannelGroup.MOUTH]]


def resample_to_frames(track: Track, at: Array) -> Array:
    """Weights (N, 52) at times `at` (N,), evenly spaced; channels that the track lacks are 0.

    Linear between rows. Turning points of the track are moved onto the nearest frame, and where lips touch between two frames, the mouth of that moment is."""
    values = np.nan_to_num(fill_gaps(track.time, track.select(ARKIT)))
    out = resample_keeping_peaks(track.time, values, at)
    if len(track.time) > 2 and len(at) > 1:
        _keep_contacts(values, _nearest_frames(track.time, at), out)
    return out


def resample_keeping_peaks(time: Array, values: Array, at: Array) -> Array:
    """Values (T, C), of which a full weight makes about 1, at times `at` (N,), evenly spaced: linear between rows, turning points on the nearest frame."""
    out = resample_linear(time, values, at)
    if len(time) > 2 and len(at) > 1:
        _keep_peaks(values, _nearest_frames(time, at), out)
    return out


def _nearest_frames(time: Array, at: Array) -> Array:
    """Which of the frames at times `at` (N,) is nearest to each row (T,)."""
    step = (at[-1] - at[0]) / (len(at) - 1)
    return np.round((time - at[0]) / step).astype(int)


def _keep_peaks(values: Array, frame: Array, out: Array) -> None:
    from scipy.signal import find_peaks

    for c in np.flatnonzero(np.ptp(values, axis=0) > _MIN_PROMINENCE):
        rows, prominences = [], []
        for sign in (1.0, -1.0):
            peaks, properties = find_peaks(sign * values[:, c], prominence=_MIN_PROMINENCE)
            rows.append(peaks)
            prominences.append(properties["prominences"])
        row, order = np.concatenate(rows), np.argsort(np.concatenate(prominences), kind="stable")
        row = row[order]  # of two in one frame the larger is written last
        row = row[(frame[row] >= 0) & (frame[row] < len(out))]
        out[frame[row], c] = values[row, c]


def _keep_contacts(values: Array, frame: Array, out: Array) -> None:
    """Wherever the lips come closest, on the bundled head, that frame gets the whole mouth of the moment: jaw and lips belong together."""
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

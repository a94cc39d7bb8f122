"""Fuse face-worn IMUs and electrodes on one performer. Neither paper has this.

EOG shows gaze and blinks, which IMUs hardly observe; IMUs observe the rest better. Both give a confidence per channel
and frame: the share of variance that they explain. An estimate that leaves a share u of unit variance unexplained has
the information 1 / u - 1 beyond the prior; two estimates with independent errors are best averaged by information.
"""

from __future__ import annotations

import numpy as np

from .arrays import Array
from .face.channels import ARKIT
from .take import Take, Track, TrackKind
from .take.resample import resample_linear

_MIN_UNEXPLAINED = 0.03  # of variance, at full confidence
_PRIOR_INFORMATION = 0.05  # of the first estimate at confidence 0: its guess is better than next to no information


def fusion_weight(first_unexplained: Array, second_unexplained: Array) -> Array:
    """Weight (0..1) of the second estimate in the average, from both unexplained shares (0..1, of any shape)."""
    first_information = np.maximum(_information(first_unexplained), _PRIOR_INFORMATION)
    second_information = _information(second_unexplained)
    return second_information / (first_information + second_information)


def fuse_estimates(
    first: Array, first_confidence: Array, *, second: Array, second_confidence: Array
) -> tuple[Array, Array]:
    """Fused values and confidences (..., C) from those of both estimates, for one frame or many."""
    weight = fusion_weight(1 - first_confidence, 1 - second_confidence)
    information = _information(1 - first_confidence) + _information(1 - second_confidence)
    return first + weight * (second - first), information / (1 + information)


def _information(unexplained: Array) -> Array:
    return 1 / np.clip(unexplained, _MIN_UNEXPLAINED, 1) - 1


def fuse(imu: Take, electrodes: Take) -> Take:
    """Fuse the 52 channels of two takes on one clock, both with weights and confidence.

    Outside of the electrodes' take, and without a confidence of the IMUs, the IMUs' values stay.
    """
    imu_track, electrode_track = imu.weights(), electrodes.weights()
    imu_confidence = imu.tracks.get(TrackKind.CONFIDENCE)
    if imu_confidence is None:
        return imu
    time = imu_track.time
    electrode_confidence = resample_linear(
        electrode_track.time, electrodes.tracks[TrackKind.CONFIDENCE].select(ARKIT), time
    )
    electrode_confidence[(time < electrode_track.time[0]) | (time > electrode_track.time[-1])] = 0.0
    electrode_values = resample_linear(electrode_track.time, np.nan_to_num(electrode_track.select(ARKIT)), time)
    fused, confidence = fuse_estimates(
        imu_track.select(ARKIT),
        resample_linear(imu_confidence.time, imu_confidence.select(ARKIT), time),
        second=electrode_values,
        second_confidence=electrode_confidence,
    )
    tracks = dict(imu.tracks) | {
        TrackKind.WEIGHTS: imu_track.replace_columns(ARKIT, fused),
        TrackKind.CONFIDENCE: Track(TrackKind.CONFIDENCE, time, ARKIT, confidence),
        TrackKind.LANDMARKS: electrodes.tracks[TrackKind.LANDMARKS],
    }
    return Take(imu.name, tracks, [*imu.notes, *(n for n in electrodes.notes if n not in imu.notes)], imu.sound)

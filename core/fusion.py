"""Face-worn IMUs and electrodes on one performer: EOG shows gaze and blinks, which IMUs hardly see; the IMUs see the rest better. Neither paper has this.

Per channel and frame both say how sure they are, as the share of the variance that they explain. Of variance 1, what leaves l of it unexplained tells 1 / l -
1 more than a guess does; two estimates with independent errors are best averaged by what they tell.
"""

from __future__ import annotations

import numpy as np

from .face.channels import ARKIT
from .take import Take, Track, TrackKind
from .take.resample import resample_linear

_MIN_UNEXPLAINED = 0.03  # left unexplained by the surest
_PRIOR_INFORMATION = (
    0.05  # what the first one's guess counts for where it knows nothing: it is better than what tells next to nothing
)


def fusion_weight(first_unexplained: np.ndarray, second_unexplained: np.ndarray) -> np.ndarray:
    """How far, 0..1, the fused estimate lies from the one to the other, by what each leaves unexplained (0..1, of any shape). Who says nothing has no vote."""
    first_information, second_information = (
        np.maximum(_information(first_unexplained), _PRIOR_INFORMATION),
        _information(second_unexplained),
    )
    return second_information / (first_information + second_information)


def fuse_estimates(
    first: np.ndarray, first_confidence: np.ndarray, second: np.ndarray, second_confidence: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The fused estimate and how sure it is, of one frame or of many: values and confidences (..., C) of both. Live and recordings share it."""
    information = _information(1 - first_confidence) + _information(1 - second_confidence)
    return first + fusion_weight(1 - first_confidence, 1 - second_confidence) * (second - first), information / (
        1 + information
    )


def _information(unexplained: np.ndarray) -> np.ndarray:
    return 1 / np.clip(unexplained, _MIN_UNEXPLAINED, 1) - 1


def fuse(imu: Take, electrodes: Take) -> Take:
    """The IMUs' take with each of the 52 channels as far from the electrodes as they are the surer of the two; both with `weights` and `confidence` on one
    clock. Where the electrodes' take does not reach, and without the IMUs' confidence, the IMUs' stands."""
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
        electrode_values,
        electrode_confidence,
    )
    tracks = dict(imu.tracks) | {
        TrackKind.WEIGHTS: imu_track.replace_columns(ARKIT, fused),
        TrackKind.CONFIDENCE: Track(TrackKind.CONFIDENCE, time, ARKIT, confidence),
        TrackKind.LANDMARKS: electrodes.tracks[TrackKind.LANDMARKS],
    }
    return Take(imu.name, tracks, [*imu.notes, *(n for n in electrodes.notes if n not in imu.notes)], imu.sound)

"""Face-worn IMUs and electrodes on one performer: EOG shows gaze and blinks, which IMUs hardly see; the IMUs see the rest better. Neither paper has this.

Per channel and frame both say how sure they are, as the share of the variance that they explain; two estimates with independent errors are best averaged with
weights inverse to what they leave unexplained.
"""

from __future__ import annotations

import numpy as np

from .channels import ARKIT
from .resample import linear
from .take import Take, Track

_LEAST = 0.03  # left unexplained by the surest


def fuse(imu: Take, electrodes: Take) -> Take:
    """The IMUs' take with each of the 52 channels as far from the electrodes as they are the surer of the two; both with `weights` and `confidence` on one clock.
    Where the electrodes' take does not reach, and without the IMUs' confidence, the IMUs' stands."""
    own, other = imu.weights(), electrodes.weights()
    sure = imu.tracks.get("confidence")
    if sure is None:
        return imu
    at = own.time
    theirs = linear(other.time, np.nan_to_num(other.select(ARKIT)), at)
    left_own = np.clip(1 - linear(sure.time, sure.select(ARKIT), at), _LEAST, 1)
    left_other = np.clip(1 - linear(other.time, electrodes.tracks["confidence"].select(ARKIT), at), _LEAST, 1)
    share = left_own / (left_own + left_other)
    share[left_other >= 1 - 1e-9] = 0.0  # who says nothing has no vote
    share[(at < other.time[0]) | (at > other.time[-1])] = 0.0
    values = own.select(ARKIT)
    mixed = values + share * (theirs - values)
    confidence = 1 - left_own * left_other / (left_own + left_other) * np.where(share > 0, 1, (left_own + left_other) / left_other)
    tracks = dict(imu.tracks) | {
        "weights": own.put(ARKIT, mixed),
        "confidence": Track("confidence", at, ARKIT, np.clip(confidence, 0, 1)),
        "landmarks": electrodes.tracks["landmarks"],
    }
    return Take(imu.name, tracks, [*imu.notes, *(n for n in electrodes.notes if n not in imu.notes)], imu.sound)

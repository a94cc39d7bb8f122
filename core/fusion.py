"""Face-worn IMUs and electrodes on one performer: EOG shows gaze and blinks, which IMUs hardly see; the IMUs see the rest better. Neither paper has this.

Per channel and frame both say how sure they are, as the share of the variance that they explain. Of variance 1, what leaves l of it unexplained tells 1 / l -
1 more than a guess does; two estimates with independent errors are best averaged by what they tell.
"""

from __future__ import annotations

import numpy as np

from .channels import ARKIT
from .resample import linear
from .take import Take, Track

_LEAST = 0.03  # left unexplained by the surest
_GUESS = 0.05  # what the first one's guess counts for where it knows nothing: it is better than what tells next to nothing


def share(own_left: np.ndarray, other_left: np.ndarray) -> np.ndarray:
    """How far, 0..1, the fused estimate lies from the one to the other, by what each leaves unexplained (0..1, of any shape). Who says nothing has no vote."""
    own, other = np.maximum(_tells(own_left), _GUESS), _tells(other_left)
    return other / (own + other)


def mix(own: np.ndarray, own_sure: np.ndarray, other: np.ndarray, other_sure: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The fused estimate and how sure it is, of one frame or of many: values and confidences (..., C) of both. Live and recordings share it."""
    told = _tells(1 - own_sure) + _tells(1 - other_sure)
    return own + share(1 - own_sure, 1 - other_sure) * (other - own), told / (1 + told)


def _tells(left: np.ndarray) -> np.ndarray:
    return 1 / np.clip(left, _LEAST, 1) - 1


def fuse(imu: Take, electrodes: Take) -> Take:
    """The IMUs' take with each of the 52 channels as far from the electrodes as they are the surer of the two; both with `weights` and `confidence` on one
    clock. Where the electrodes' take does not reach, and without the IMUs' confidence, the IMUs' stands."""
    own, other = imu.weights(), electrodes.weights()
    sure = imu.tracks.get("confidence")
    if sure is None:
        return imu
    at = own.time
    their_sure = linear(other.time, electrodes.tracks["confidence"].select(ARKIT), at)
    their_sure[(at < other.time[0]) | (at > other.time[-1])] = 0.0
    theirs = linear(other.time, np.nan_to_num(other.select(ARKIT)), at)
    mixed, confidence = mix(own.select(ARKIT), linear(sure.time, sure.select(ARKIT), at), theirs, their_sure)
    tracks = dict(imu.tracks) | {
        "weights": own.put(ARKIT, mixed),
        "confidence": Track("confidence", at, ARKIT, confidence),
        "landmarks": electrodes.tracks["landmarks"],
    }
    return Take(imu.name, tracks, [*imu.notes, *(n for n in electrodes.notes if n not in imu.notes)], imu.sound)

"""The camera stage: neutral, zero of the head, and the camera's face at any recent moment."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..face.channels import ARKIT, OUTPUT_CHANNELS
from ..face.head_pose import HeadRecentrer
from ..face.neutral import Neutral
from ..rates import FRAME_RATE
from .frames import CameraChunk

HOLD_AFTER_S, GIVE_UP_AFTER_S = 0.1, 30.0  # silence after which the face is held, and after which it is given up
AWAY_AFTER_S = 1.5  # silence after which a stream counts as away
_NEUTRAL_FACES = 30  # faces that a neutral is the mean of
_HISTORY_SIZE = 24
_OBSERVED_FACES = 7200  # that are kept for the relaxed face: two minutes, since a calibration takes a while
_MIN_RELAXED_FACES = 10
_MAX_STEP_S = 0.5


@dataclass(frozen=True, slots=True)
class CameraFace:
    """A face of the camera: when it was taken and received, `values` (55,) less the neutral, whether it was observed,
    and s since the face before."""

    time: float
    arrival: float
    values: Array
    observed: bool
    dt: float


def remove_neutral(neutral: Neutral, weights: Array) -> Array:
    """Weights (..., 52) less a neutral and not below 0; as they are where no neutral was set."""
    return np.maximum(neutral.remove(weights), 0.0) if neutral.rest.any() else weights


class CameraStage:
    """One camera. `neutral`: the relaxed face. Weights keep the range that the camera sends, also beyond 1."""

    def __init__(self, neutral: Neutral | None = None) -> None:
        self.neutral, self.recentrer = neutral or Neutral(), HeadRecentrer(False)
        self.last: CameraFace | None = None
        self._first_of_camera = True
        self._recent: deque[Array] = deque(maxlen=_NEUTRAL_FACES)
        self._history: deque[CameraFace] = deque(maxlen=_HISTORY_SIZE)
        self._observed: deque[tuple[float, Array]] = deque(maxlen=_OBSERVED_FACES)  # times and weights (52,)
        self._last_sampled = -np.inf  # time of the newest face that was asked for

    def switch_camera(self) -> None:
        """Another camera is the face from the next one on."""
        self._first_of_camera = True

    def receiving(self, now: float) -> bool:
        """Whether faces come now."""
        return self.last is not None and now - self.last.arrival < AWAY_AFTER_S

    def push(self, chunk: CameraChunk) -> CameraFace | None:
        """The next face; None for one that a newer one has overtaken. While no face is seen, the last one is held."""
        previous = None if self._first_of_camera else self.last
        if previous is not None and chunk.time <= previous.time:
            return None
        self._first_of_camera = False
        dt = 1 / FRAME_RATE if previous is None else min(max(chunk.time - previous.time, 1e-3), _MAX_STEP_S)
        if chunk.values is not None:
            self._recent.append(chunk.values[: len(ARKIT)].copy())
            head = self.recentrer.push(chunk.values[len(ARKIT) :], dt)
            weights = remove_neutral(self.neutral, chunk.values[: len(ARKIT)])
            self._observed.append((chunk.time, weights))
            values = np.concatenate([weights, head])
        else:
            values = np.zeros(len(OUTPUT_CHANNELS)) if previous is None else previous.values
        self.last = CameraFace(chunk.time, chunk.arrival, values, chunk.values is not None, dt)
        self._history.append(self.last)
        return self.last

    def sample_at(self, time: float, now: float) -> tuple[Array | None, bool]:
        """The face (55,) at a time, None if the camera sees none or is silent; and whether it is a new one."""
        if self.last is None or now - self.last.arrival > HOLD_AFTER_S + 2 / FRAME_RATE:
            return None, False
        faces = list(self._history)
        k = max((i for i, face in enumerate(faces) if face.time <= time), default=0)
        left, fresh = faces[k], faces[k].time > self._last_sampled
        self._last_sampled = max(self._last_sampled, left.time)
        if not left.observed:
            return None, fresh
        if k + 1 == len(faces) or not faces[k + 1].observed:
            return left.values, fresh
        right = faces[k + 1]
        blend = min(max((time - left.time) / (right.time - left.time), 0.0), 1.0)
        return left.values * (1 - blend) + right.values * blend, fresh

    def typical_face(self, start: float, end: float) -> Array | None:
        """Median weights (52,) of the faces from `start` to `end`; None where too few were seen."""
        faces = [weights for time, weights in list(self._observed) if start <= time <= end]
        return np.median(faces, axis=0) if len(faces) >= _MIN_RELAXED_FACES else None

    def set_neutral(self, now: float) -> None:
        """What is seen now is the neutral face. Raises InnerfaceError where no face is seen."""
        if not self.receiving(now) or not self._recent:
            raise InnerfaceError("no camera sends a face now; connect one, then relax the face and set the neutral")
        self.neutral = Neutral(np.mean(list(self._recent), axis=0))

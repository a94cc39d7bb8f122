"""The face of a camera, or of another program: which one is heard, its neutral, and what goes out while it sees nobody."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from ...core.errors import InnerfaceError
from ...core.face.channels import ARKIT, OUTPUT_CHANNELS
from ...core.face.head_pose import HeadRecentrer
from ...core.face.neutral import Neutral
from ...core.rates import FRAME_RATE
from ..loss_policy import LossPolicy
from ..messages import FaceSample
from ..streams import AWAY_AFTER_S, Stream

if TYPE_CHECKING:
    from ..hub import Hub

_HOLD_AFTER_S, _GIVE_UP_AFTER_S = 0.1, 30.0  # silence after which the face is held, and after which it is given up
_NEUTRAL_SAMPLES = 30  # that a neutral is the mean of
_HISTORY_SIZE = 24  # faces that can still be asked for


class CameraPipeline:
    """One camera is the face, the one heard first; another one takes over when it goes away. `neutral`: what counts as a relaxed face."""

    def __init__(self, hub: Hub, policy: str) -> None:
        self.hub, self.loss, self.recentre = hub, LossPolicy(policy), HeadRecentrer(False)
        self.last: tuple[float, float, np.ndarray, bool] | None = None  # time, arrival, values, seen
        self.active_stream: Stream | None = None  # whose face it is
        self.neutral = Neutral()
        self.recent: deque[np.ndarray] = deque(maxlen=_NEUTRAL_SAMPLES)
        self.history: deque[tuple[float, np.ndarray, bool]] = deque(maxlen=_HISTORY_SIZE)
        self.last_requested = -1.0  # time of the newest face that was asked for

    @property
    def live(self) -> bool:
        """Whether faces come now."""
        return self.last is not None and self.hub.now() - self.last[1] < AWAY_AFTER_S

    def receive(self, stream: Stream, message: FaceSample, at: float, arrival: float) -> None:
        """A face of some camera, or that it sees none."""
        if (
            self.active_stream is not stream
            and self.active_stream is not None
            and arrival - self.active_stream.last_received < AWAY_AFTER_S
        ):
            return  # one camera is the face; the others are recorded
        seen, previous = bool(message.values), self.last if self.active_stream is stream else None
        if previous is not None and at <= previous[0]:
            return  # it was overtaken by a newer one
        self.active_stream = stream
        step = min(max(at - previous[0], 1e-3), 0.5) if previous is not None else 1 / FRAME_RATE
        if seen:
            values = np.array([message.values.get(c, 0.0) for c in OUTPUT_CHANNELS])
            self.recent.append(values[: len(ARKIT)].copy())
            values[: len(ARKIT)] = np.clip(self.neutral.remove(values[: len(ARKIT)]), 0.0, 1.0)
            values[len(ARKIT) :] = self.recentre.push(values[len(ARKIT) :], step)
        else:
            values = np.zeros(len(OUTPUT_CHANNELS)) if previous is None else previous[2]
        self.last = (at, arrival, values, seen)
        self.history.append((at, values, seen))
        self._emit(at, arrival, values, seen, step)

    def sample_at(self, time: float) -> tuple[np.ndarray | None, bool]:
        """The face (55,) at a time on the hub's clock, None where the camera sees none or has fallen silent; and whether it was not asked for yet."""
        if self.last is None or self.hub.now() - self.last[1] > _HOLD_AFTER_S + 2 / FRAME_RATE:
            return None, False
        faces = list(self.history)
        k = max((i for i, face in enumerate(faces) if face[0] <= time), default=0)
        fresh, self.last_requested = faces[k][0] > self.last_requested, max(self.last_requested, faces[k][0])
        if not faces[k][2]:
            return None, fresh
        if k + 1 == len(faces) or not faces[k + 1][2]:
            return faces[k][1], fresh
        (a, left, _), (b, right, _) = faces[k : k + 2]
        blend = min(max((time - a) / (b - a), 0.0), 1.0)
        return left * (1 - blend) + right * blend, fresh

    def tick(self, now: float) -> None:
        """While nothing comes, the face goes on by its policy."""
        if self.last is None or not _HOLD_AFTER_S < now - self.last[1] < _GIVE_UP_AFTER_S:
            return
        idle_s = now - self.hub.last_frame_time
        if idle_s >= 1 / FRAME_RATE:
            self._emit(now, now, self.last[2], False, min(idle_s, 0.1))

    def set_neutral(self) -> None:
        """What is seen now is the neutral face. Raises InnerfaceError where no face is seen."""
        if not self.live or not self.recent:
            raise InnerfaceError("no camera sends a face now; connect one, then relax the face and set the neutral")
        self.neutral = Neutral(np.mean(list(self.recent)[-_NEUTRAL_SAMPLES:], axis=0))

    def _emit(self, at: float, arrival: float, values: np.ndarray, seen: bool, step: float) -> None:
        if not self.hub.selects("camera"):
            return
        output = self.loss.push(values, seen, step)
        if output is not None:
            self.hub.emit(at, arrival, output, None, "camera", seen)

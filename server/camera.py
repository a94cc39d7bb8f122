"""The face of a camera, or of another program: which one is heard, its neutral, and what goes out while it sees nobody."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from ..core.channels import ARKIT, OUTPUT
from ..core.errors import InnerfaceError
from ..core.head_pose import Recentre
from ..core.imu.signal import FRAME_RATE
from ..core.neutral import Neutral
from .loss import Loss
from .messages import Face
from .streams import GONE_S, Stream

if TYPE_CHECKING:
    from .hub import Hub

_SILENT_S, _FORGOTTEN_S = 0.1, 30.0  # silence after which the face is held, and after which it is given up
_NEUTRAL_FACES = 30  # that a neutral is the mean of
_FILM = 24  # faces that can still be asked for


class Camera:
    """One camera is the face, the one heard first; another one takes over when it goes away. `neutral`: what counts as a relaxed face."""

    def __init__(self, hub: Hub, policy: str) -> None:
        self.hub, self.loss, self.recentre = hub, Loss(policy), Recentre(False)
        self.last: tuple[float, float, np.ndarray, bool] | None = None  # time, arrival, values, seen
        self.filming: Stream | None = None  # whose face it is
        self.neutral = Neutral()
        self.recent: deque[np.ndarray] = deque(maxlen=_NEUTRAL_FACES)
        self.film: deque[tuple[float, np.ndarray, bool]] = deque(maxlen=_FILM)
        self.asked = -1.0  # time of the newest face that was asked for

    @property
    def live(self) -> bool:
        """Whether faces come now."""
        return self.last is not None and self.hub.now() - self.last[1] < GONE_S

    def receive(self, stream: Stream, message: Face, at: float, arrival: float) -> None:
        """A face of some camera, or that it sees none."""
        if self.filming is not stream and self.filming is not None and arrival - self.filming.heard < GONE_S:
            return  # one camera is the face; the others are recorded
        seen, before = bool(message.values), self.last if self.filming is stream else None
        if before is not None and at <= before[0]:
            return  # it was overtaken by a newer one
        self.filming = stream
        step = min(max(at - before[0], 1e-3), 0.5) if before is not None else 1 / FRAME_RATE
        if seen:
            values = np.array([message.values.get(c, 0.0) for c in OUTPUT])
            self.recent.append(values[: len(ARKIT)].copy())
            values[: len(ARKIT)] = np.clip(self.neutral.remove(values[: len(ARKIT)]), 0.0, 1.0)
            values[len(ARKIT) :] = self.recentre.push(values[len(ARKIT) :], step)
        else:
            values = np.zeros(len(OUTPUT)) if before is None else before[2]
        self.last = (at, arrival, values, seen)
        self.film.append((at, values, seen))
        self._out(at, arrival, values, seen, step)

    def at(self, when: float) -> tuple[np.ndarray | None, bool]:
        """The face (55,) at a time on the hub's clock, None where the camera sees none or has fallen silent; and whether it was not asked for yet."""
        if self.last is None or self.hub.now() - self.last[1] > _SILENT_S + 2 / FRAME_RATE:
            return None, False
        faces = list(self.film)
        k = max((i for i, face in enumerate(faces) if face[0] <= when), default=0)
        fresh, self.asked = faces[k][0] > self.asked, max(self.asked, faces[k][0])
        if not faces[k][2]:
            return None, fresh
        if k + 1 == len(faces) or not faces[k + 1][2]:
            return faces[k][1], fresh
        (a, left, _), (b, right, _) = faces[k : k + 2]
        share = min(max((when - a) / (b - a), 0.0), 1.0)
        return left * (1 - share) + right * share, fresh

    def tick(self, now: float) -> None:
        """While nothing comes, the face goes on by its policy."""
        if self.last is None or not _SILENT_S < now - self.last[1] < _FORGOTTEN_S:
            return
        since = now - self.hub.last_out
        if since >= 1 / FRAME_RATE:
            self._out(now, now, self.last[2], False, min(since, 0.1))

    def relax(self) -> None:
        """What is seen now is the neutral face. Raises InnerfaceError where no face is seen."""
        if not self.live or not self.recent:
            raise InnerfaceError("no camera sends a face now; connect one, then relax the face and set the neutral")
        self.neutral = Neutral(np.mean(list(self.recent)[-_NEUTRAL_FACES:], axis=0))

    def _out(self, at: float, arrival: float, values: np.ndarray, seen: bool, step: float) -> None:
        if not self.hub.wants("camera"):
            return
        out = self.loss.push(values, seen, step)
        if out is not None:
            self.hub.emit(at, arrival, out, None, "camera", seen)

"""Camera and sensors at once, live: the camera's face while it sees one, the sensors' where it does not, group by group, and no step between.

While both are there, every channel's gain and offset from sensors to camera are learned, with forgetting; a channel that sensors do not show has a gain near 0,
so it eases to its usual value. Whenever a channel changes its source, what it would jump by is kept and fades away.
"""

from __future__ import annotations

import numpy as np

from ..channels import ARKIT, GROUPS, HEAD_ANGLES, OUTPUT
from .evidence import COLUMNS

_FADE_S = 0.12  # a jump is halved in 1.7 times this
_REMEMBER_S = 40.0  # of what gain and offset are learned from
_HELD = 0.02**2  # variance that a channel must have before its gain is believed: less, and the gain stays near its prior
_FROZEN_S = 0.2
_MOST_GAIN = 2.5
_HEAD = [OUTPUT.index(c) for c in HEAD_ANGLES]


class LiveMix:
    """`last` (55,): what went out; `from_sensors`: groups that come from sensors now, "head" among them."""

    def __init__(self) -> None:
        size = len(OUTPUT)
        self.count = 0.0
        self.mean_x, self.mean_y = np.zeros(size), np.zeros(size)
        self.xx, self.xy = np.zeros(size), np.zeros(size)
        self.jump, self.age = np.zeros(size), np.zeros(size)  # what each channel would have stepped by, and s since then
        self.last: np.ndarray | None = None
        self.use = np.zeros(size, dtype=bool)  # channels that come from sensors
        self.still = np.zeros(len(GROUPS))  # s that each group has been frozen for
        self.before: np.ndarray | None = None
        self.moved = np.zeros(size, dtype=bool)  # channels that have ever moved

    @property
    def from_sensors(self) -> tuple[str, ...]:
        """Groups whose channels come from sensors now."""
        return tuple(g for g, c in COLUMNS.items() if self.use[c].any()) + (("head",) if self.use[_HEAD].any() else ())

    def push(self, camera: np.ndarray | None, sensors: np.ndarray, step: float, fresh: bool = True) -> np.ndarray:
        """One frame (55,; OUTPUT). `camera`: None where it sees no face, or nothing came for too long; `fresh`: it is a new row of the camera's; `step`: s
        since the frame before."""
        hidden = np.ones(len(OUTPUT), dtype=bool)
        if camera is not None:
            hidden[:] = False
            self._freeze(camera, step, fresh)
            for k, columns in enumerate(COLUMNS.values()):
                hidden[columns] = self.still[k] > _FROZEN_S
            if fresh:
                self._learn(camera, sensors, step, ~hidden)
        said = self.expected(sensors)
        target = said if camera is None else np.where(hidden, said, camera)
        if self.last is not None:
            changed = hidden != self.use
            self.jump[changed], self.age[changed] = (self.last - target)[changed], 0.0
        self.use = hidden
        self.age += step
        past = self.age / _FADE_S
        out = target + self.jump * (1 + past) * np.exp(-past)  # begins level: no kink either
        out[: len(ARKIT)] = np.clip(out[: len(ARKIT)], 0.0, None)
        self.last = out
        return out

    def expected(self, sensors: np.ndarray) -> np.ndarray:
        """What the camera would say (55,), by what was learned; the sensors' own values before anything was."""
        if self.count < 1.0:
            return sensors.copy()
        own = self.xy / np.maximum(self.xx, 1e-12)
        trust = self.xx / (self.xx + _HELD)
        prior = np.where(self.count < 5.0, 1.0, 0.0)  # a few seconds tell little: as the sensors have it
        gain = np.clip(trust * own + (1 - trust) * prior, 0.0, _MOST_GAIN)
        return self.mean_y + gain * (sensors - self.mean_x)

    def _freeze(self, camera: np.ndarray, step: float, fresh: bool) -> None:
        if fresh and self.before is not None:
            same = np.abs(camera - self.before) <= 1e-6
            self.moved |= ~same
            for k, columns in enumerate(COLUMNS.values()):
                lively = self.moved[columns]
                self.still[k] = self.still[k] + step if lively.any() and same[columns][lively].all() else 0.0
        if fresh:
            self.before = camera.copy()

    def _learn(self, camera: np.ndarray, sensors: np.ndarray, step: float, seen: np.ndarray) -> None:
        """Means and (co)variances with forgetting; `count` is in seconds."""
        keep = np.exp(-step / _REMEMBER_S)
        self.count = self.count * keep + step
        share = np.where(seen, step / self.count, 0.0)
        dx, dy = sensors - self.mean_x, camera - self.mean_y
        self.mean_x += share * dx
        self.mean_y += share * dy
        self.xx += share * (dx * (sensors - self.mean_x) - self.xx)
        self.xy += share * (dx * (camera - self.mean_y) - self.xy)

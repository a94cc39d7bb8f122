"""Causal mixing of camera and sensors: per channel group the camera where it sees the face, else the sensors.

While both are available, each channel's gain and offset from sensors to camera are learned, with forgetting; a channel
that sensors do not show gets a gain near 0, so it returns to its usual value. When a channel changes its source, the
jump is added as an offset that fades out.
"""

from __future__ import annotations

import json

import numpy as np

from ..arrays import Array
from ..face.channels import ARKIT, GROUPS, HEAD_ANGLES, OUTPUT_CHANNELS

_FADE_S = 0.12  # a jump is halved in 1.7 times this
_MEMORY_S = 40.0  # time constant of forgetting
_GAIN_PRIOR_VARIANCE = 0.02**2  # a channel with less variance keeps a gain near its prior
_FROZEN_S = 0.2
_MAX_GAIN = 2.5
_LEARNED = ("mean_x", "mean_y", "variance_x", "covariance_xy")
_MAX_LEARNED = 1e6
_GROUP_COLUMNS = {g: np.array([ARKIT.index(c) for c in channels]) for g, channels in GROUPS.items()}
_HEAD_COLUMNS = [OUTPUT_CHANNELS.index(c) for c in HEAD_ANGLES]


class LiveRepair:
    """A mixer of one face. `last_output` (55,): the last frame, None before the first."""

    def __init__(self) -> None:
        size = len(OUTPUT_CHANNELS)
        self.learned_s = 0.0
        self.mean_x, self.mean_y = np.zeros(size), np.zeros(size)
        self.variance_x, self.covariance_xy = np.zeros(size), np.zeros(size)
        self.fade_offset, self.fade_age = np.zeros(size), np.zeros(size)  # each channel's last jump, and s since then
        self.last_output: Array | None = None
        self.sensor_driven = np.zeros(size, dtype=bool)  # channels that come from sensors
        self.frozen_s = np.zeros(len(GROUPS))  # s that each group has been frozen for
        self.last_camera: Array | None = None
        self.has_moved = np.zeros(size, dtype=bool)  # channels that have ever moved

    @property
    def from_sensors(self) -> tuple[str, ...]:
        """Groups whose channels come from sensors now; "head" among them."""
        return tuple(g for g, c in _GROUP_COLUMNS.items() if self.sensor_driven[c].any()) + (
            ("head",) if self.sensor_driven[_HEAD_COLUMNS].any() else ()
        )

    def forget_output(self) -> None:
        """The next frame follows no other: nothing fades into it."""
        self.last_output = None

    def restart(self) -> LiveRepair:
        """A new one at its first frame, with the gains and offsets that this one has learned."""
        other = LiveRepair()
        other.learned_s, other.has_moved = self.learned_s, self.has_moved.copy()
        other.mean_x, other.mean_y = self.mean_x.copy(), self.mean_y.copy()
        other.variance_x, other.covariance_xy = self.variance_x.copy(), self.covariance_xy.copy()
        return other

    def to_json(self) -> str:
        """What it has learned, in a few kilobytes."""
        learned = {name: [float(f"{v:.9g}") for v in getattr(self, name)] for name in _LEARNED}
        data = {"learned_s": round(self.learned_s, 6), "has_moved": self.has_moved.tolist()} | learned
        return json.dumps(data, separators=(",", ":"))

    @staticmethod
    def from_json(text: str) -> LiveRepair:
        """A mixer at its first frame that has learned what `to_json` says. Raises ValueError for another text."""
        try:
            data = json.loads(text)
            other = LiveRepair()
            other.learned_s = float(data["learned_s"])
            other.has_moved = np.array(data["has_moved"], dtype=bool)
            for name in _LEARNED:
                setattr(other, name, np.array(data[name], dtype=np.float64))
        except (KeyError, TypeError, OverflowError, RecursionError) as error:
            raise ValueError(str(error)) from None
        arrays = [other.has_moved, *(getattr(other, name) for name in _LEARNED)]
        if any(a.shape != (len(OUTPUT_CHANNELS),) or not (np.abs(a) < _MAX_LEARNED).all() for a in arrays):
            raise ValueError("no state of a mixer")
        if not 0 <= other.learned_s <= 2 * _MEMORY_S:
            raise ValueError("no state of a mixer")
        return other

    def push(self, camera: Array | None, sensors: Array, dt: float, *, fresh: bool = True) -> Array:
        """The next frame (55,; OUTPUT), `dt` s after the last.

        `camera`: None if it sees no face or has been silent for too long; `fresh`: it is a new row of the camera.
        """
        hidden = np.ones(len(OUTPUT_CHANNELS), dtype=bool)
        if camera is not None:
            hidden[:] = False
            self._update_frozen(camera, dt, fresh)
            for k, columns in enumerate(_GROUP_COLUMNS.values()):
                hidden[columns] = self.frozen_s[k] > _FROZEN_S
            if fresh:
                self._learn(camera, sensors, dt, visible=~hidden)
        predicted = self.predict_camera(sensors)
        target = predicted if camera is None else np.where(hidden, predicted, camera)
        if self.last_output is not None:
            changed = hidden != self.sensor_driven
            self.fade_offset[changed], self.fade_age[changed] = (self.last_output - target)[changed], 0.0
        self.sensor_driven = hidden
        self.fade_age += dt
        fade_time = self.fade_age / _FADE_S
        out = target + self.fade_offset * (1 + fade_time) * np.exp(-fade_time)  # begins level: no kink either
        out[: len(ARKIT)] = np.clip(out[: len(ARKIT)], 0.0, None)
        self.last_output = out
        return out

    def predict_camera(self, sensors: Array) -> Array:
        """What the camera would say (55,), by what was learned; the sensors' own values before anything was."""
        if self.learned_s < 1.0:
            return sensors.copy()
        learned_gain = self.covariance_xy / np.maximum(self.variance_x, 1e-12)
        trust = self.variance_x / (self.variance_x + _GAIN_PRIOR_VARIANCE)
        prior = np.where(self.learned_s < 5.0, 1.0, 0.0)  # a few seconds tell little: as the sensors have it
        gain = np.clip(trust * learned_gain + (1 - trust) * prior, 0.0, _MAX_GAIN)
        return self.mean_y + gain * (sensors - self.mean_x)

    def _update_frozen(self, camera: Array, dt: float, fresh: bool) -> None:
        if fresh and self.last_camera is not None:
            repeated = np.abs(camera - self.last_camera) <= 1e-6
            self.has_moved |= ~repeated
            for k, columns in enumerate(_GROUP_COLUMNS.values()):
                moving = self.has_moved[columns]
                self.frozen_s[k] = self.frozen_s[k] + dt if moving.any() and repeated[columns][moving].all() else 0.0
        if fresh:
            self.last_camera = camera.copy()

    def _learn(self, camera: Array, sensors: Array, dt: float, *, visible: Array) -> None:
        """Means and (co)variances with forgetting; `count` is in seconds."""
        decay = np.exp(-dt / _MEMORY_S)
        self.learned_s = self.learned_s * decay + dt
        share = np.where(visible, dt / self.learned_s, 0.0)
        dx, dy = sensors - self.mean_x, camera - self.mean_y
        self.mean_x += share * dx
        self.mean_y += share * dy
        self.variance_x += share * (dx * (sensors - self.mean_x) - self.variance_x)
        self.covariance_xy += share * (dx * (camera - self.mean_y) - self.covariance_xy)

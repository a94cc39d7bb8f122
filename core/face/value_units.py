"""Units that a program sends a face in, told by the values: weights 0..1 or percent, angles in radians or degrees."""

from __future__ import annotations

import math
from collections.abc import Mapping

from .channels import ARKIT

MIN_WEIGHT, MAX_WEIGHT = -1.0, 2.0  # real takes reach -0.02 and 1.08, exaggerated ones more
MAX_ANGLE = 2.0  # rad; no head and no eye is turned further
_MAX_PERCENT, _MAX_DEGREES = 200.0, 180.0
_FACES = 30  # faces with values beyond a unit's range that tell another unit: half a second
_MIN_CHANNELS = 3  # that must be beyond it: a single one is wrong in itself
_ARKIT = frozenset(ARKIT)


class ValueUnits:
    """The units of one sender's faces, found while they come.

    Parameters
    ----------
    full_weight
        The value of a whole weight by the sender's protocol: 1, or 100.

    Attributes
    ----------
    weight_scale, angle_scale
        What its values are multiplied by.
    implausible
        Channels whose values were left out, because they are in no unit, with the last such value.
    """

    def __init__(self, full_weight: float = 1.0) -> None:
        self.weight_scale, self.angle_scale = 1 / full_weight, 1.0
        self.implausible: dict[str, float] = {}
        self._full_weight, self._certain = full_weight, False
        self._beyond: dict[bool, int] = {True: 0, False: 0}  # faces with weights, with angles beyond their range
        self._channels_beyond: set[str] = set()
        self._fractions = 0

    def convert(self, values: Mapping[str, float]) -> dict[str, float]:
        """Weights 0..1 and angles in rad, by channel; what is in no known unit is left out."""
        self._observe(values)
        out: dict[str, float] = {}
        for channel, value in values.items():
            is_weight = channel in _ARKIT
            scaled = value * (self.weight_scale if is_weight else self.angle_scale)
            if (MIN_WEIGHT <= scaled <= MAX_WEIGHT) if is_weight else abs(scaled) <= MAX_ANGLE:
                out[channel] = scaled
            else:
                self.implausible[channel] = value
        return out

    @property
    def notes(self) -> list[str]:
        """What was found about the units, for the user."""
        notes: list[str] = []
        if self.weight_scale != 1 / self._full_weight:
            notes.append(
                "sends weights in percent; they are divided by 100"
                if self.weight_scale < 1
                else "sends weights of 0 to 1 where percent are usual; they are taken as such"
            )
        if self.angle_scale != 1.0:
            notes.append("sends the head's angles in degrees; they are converted to radians")
        return notes

    def _observe(self, values: Mapping[str, float]) -> None:
        beyond_weights = [c for c, v in values.items() if c in _ARKIT and not MIN_WEIGHT <= v <= MAX_WEIGHT]
        beyond_angles = [c for c, v in values.items() if c not in _ARKIT and abs(v) > MAX_ANGLE]
        if self._full_weight == 1.0 and self.weight_scale == 1.0 and beyond_weights:
            self._channels_beyond |= set(beyond_weights)
            in_percent = all(-_MAX_PERCENT <= values[c] <= _MAX_PERCENT for c in beyond_weights)
            self._beyond[True] = self._beyond[True] + 1 if in_percent else 0
            if self._beyond[True] >= _FACES and len(self._channels_beyond) >= _MIN_CHANNELS:
                self.weight_scale = 0.01
                self._forget(_ARKIT)
        elif self._full_weight != 1.0 and not self._certain:
            self._observe_fractions([v for c, v in values.items() if c in _ARKIT])
        if self.angle_scale == 1.0 and beyond_angles:
            in_degrees = all(abs(values[c]) <= _MAX_DEGREES for c in beyond_angles)
            self._beyond[False] = self._beyond[False] + 1 if in_degrees else 0
            if self._beyond[False] >= _FACES:
                self.angle_scale = math.pi / 180
                self._forget(frozenset(self.implausible) - _ARKIT)

    def _observe_fractions(self, weights: list[float]) -> None:
        """Percent are whole numbers or beyond 1; values that are neither, for long, are weights of 0 to 1."""
        if any(abs(w) > MAX_WEIGHT for w in weights):
            self._certain, self.weight_scale = True, 1 / self._full_weight
        elif any(w != round(w) for w in weights):
            self._fractions += 1
            if self._fractions >= _FACES:
                self.weight_scale = 1.0

    def _forget(self, channels: frozenset[str]) -> None:
        self.implausible = {c: v for c, v in self.implausible.items() if c not in channels}

"""Units that a program sends a face in, told by the values: weights 0..1 or percent, angles in radians or degrees."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from .channels import ARKIT

MIN_WEIGHT, MAX_WEIGHT = -1.0, 2.0  # real takes reach -0.02 and 1.08, exaggerated ones more
MAX_TAKE_WEIGHT = 10.0  # of a single value; nobody exaggerates so much
MAX_ANGLE = 2.0  # rad; no head and no eye is turned further
_MAX_PERCENT, _MAX_DEGREES = 200.0, 180.0
_FACES = 30  # faces with values beyond a unit's range that tell another unit: half a second
_SHARE = 0.05  # of a take's faces that tell it, if it is shorter
_MIN_CHANNELS = 3  # that must be beyond it: a single one is wrong in itself
_ARKIT = frozenset(ARKIT)
_PERCENT_NOTE = "weights in percent; they are divided by 100"
_DEGREES_NOTE = "angles in degrees; they are converted to radians"


@dataclass(frozen=True)
class Converted:
    """Values of a take in the units that are used inside.

    Attributes
    ----------
    values : (T, C) weights 0..1, angles in rad.
    notes : for the user, on what was converted.
    implausible : row and column of the first value that is in no unit, if there is one.
    """

    values: Array
    notes: list[str]
    implausible: tuple[int, int] | None


@dataclass(frozen=True)
class _Unit:
    """What values of a kind can be, and another unit that programs write them in.

    Attributes
    ----------
    low, high : of values in the unit that is used inside.
    impossible : a magnitude that is certainly none of them.
    most : magnitude in the other unit.
    scale : from the other unit.
    """

    low: float
    high: float
    impossible: float
    most: float
    scale: float

    def shown_by(self, values: Array, min_channels: int) -> bool:
        """Whether values (T, C) are in the other unit: often enough beyond this one, and never beyond the other."""
        wrong = (values < self.low) | (values > self.high)
        enough = min(_FACES, math.ceil(_SHARE * len(values)))
        return bool(
            wrong.any(axis=1).sum() >= max(enough, 1)
            and wrong.any(axis=0).sum() >= min(min_channels, values.shape[1])
            and not (np.abs(values) > self.most).any()
        )


_WEIGHT = _Unit(MIN_WEIGHT, MAX_WEIGHT, MAX_TAKE_WEIGHT, _MAX_PERCENT, 0.01)
_ANGLE = _Unit(-MAX_ANGLE, MAX_ANGLE, math.pi, 2 * _MAX_DEGREES, math.pi / 180)  # 350 degrees are -10


def convert_take(values: Array, channels: Sequence[str]) -> Converted:
    """A whole take's values (T, C) from the units that they are in, by the limits that live faces have.

    The head and the eyes may have different units.
    """
    out, notes = values.copy(), list[str]()
    of_eyes = [k for k, c in enumerate(channels) if c.startswith(("leftEye", "rightEye"))]
    of_head = [k for k, c in enumerate(channels) if c.startswith("head")]
    of_weights = [k for k, c in enumerate(channels) if c in _ARKIT]
    with np.errstate(invalid="ignore"):
        if of_weights and _WEIGHT.shown_by(values[:, of_weights], _MIN_CHANNELS):
            out[:, of_weights] *= _WEIGHT.scale
            notes.append(f"has {_PERCENT_NOTE}")
        for columns, whose in ((of_head, "the head's"), (of_eyes, "the eyes'")):
            if columns and _ANGLE.shown_by(values[:, columns], 1):
                degrees = (values[:, columns] + _MAX_DEGREES) % (2 * _MAX_DEGREES) - _MAX_DEGREES
                out[:, columns] = degrees * _ANGLE.scale
                notes.append(f"has {whose} {_DEGREES_NOTE}")
        limits = [(_WEIGHT if c in _ARKIT else _ANGLE).impossible for c in channels]
        first = np.argwhere(np.abs(out) > np.array(limits))
    return Converted(out, notes, (int(first[0][0]), int(first[0][1])) if len(first) else None)


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
                f"sends {_PERCENT_NOTE}"
                if self.weight_scale < 1
                else "sends weights of 0 to 1 where percent are usual; they are taken as such"
            )
        if self.angle_scale != 1.0:
            notes.append(f"sends the head's {_DEGREES_NOTE}")
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

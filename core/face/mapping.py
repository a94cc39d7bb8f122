"""Mapping of channels to a character: from weights to values of shape keys, bones and properties, and back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, cast

import numpy as np

from ..arrays import Array
from .channels import ARKIT, mirrored
from .naming.channel_names import read_name
from .naming.few_shapes import describe_regions
from .naming.sides import other_side

KINDS = ("key", "bone", "property")
# Of bones, in the head's axes: degrees, and millimetres.
ROTATION_AXES, TRANSLATION_AXES = ("yaw", "pitch", "roll"), ("left", "up", "forward")
UNCLAMPED = 10.0  # Blender's own limit of shape-key sliders
_MAX_SWEEPS, _EPSILON = 200, 1e-9


class Destination(NamedTuple):
    """A value that channels drive: a shape key, a bone along an axis, or a property."""

    kind: str
    name: str
    axis: str


@dataclass(frozen=True)
class Target:
    """A row: a channel's weight w adds offset + gain * clip(sign(w) |w|^curve, low, high) to a destination.

    Attributes
    ----------
    channel : Apple's name.
    kind : one of KINDS.
    name : of the shape key (on every mesh that has it) or bone, or the data path of the property on the rig.
    axis : of a bone: one of ROTATION_AXES (degrees) or TRANSLATION_AXES (mm); else "".
    gain, offset, low, high, curve : of the equation above.
    mute : whether the row has no effect.
    """

    channel: str
    kind: str
    name: str
    axis: str = ""
    gain: float = 1.0
    offset: float = 0.0
    low: float = -UNCLAMPED
    high: float = UNCLAMPED
    curve: float = 1.0
    mute: bool = False

    @property
    def destination(self) -> Destination:
        """The value that the row adds to."""
        return Destination(self.kind, self.name, self.axis)

    def mirror(self) -> Target:
        """The same row for the other side of the face."""
        sign = -1.0 if self.kind == "bone" and self.axis in ("yaw", "roll", "left") else 1.0
        channel = mirrored(self.channel)
        if channel == self.channel:
            sign = 1.0
        return replace(
            self, channel=channel, name=other_side(self.name), gain=self.gain * sign, offset=self.offset * sign
        )


@dataclass(frozen=True)
class Mapping:
    """All rows of a character; `name` is the naming scheme or preset that they come from."""

    name: str
    targets: tuple[Target, ...]

    @cached_property
    def active_targets(self) -> tuple[Target, ...]:
        """Rows that are not muted."""
        return tuple(t for t in self.targets if not t.mute)

    @cached_property
    def destinations(self) -> tuple[Destination, ...]:
        """Driven values, in the order of the rows."""
        return tuple(dict.fromkeys(t.destination for t in self.active_targets))

    @property
    def unmatched_channels(self) -> tuple[str, ...]:
        """Channels that drive nothing."""
        driven = {t.channel for t in self.active_targets}
        return tuple(c for c in ARKIT if c not in driven)

    @property
    def few_shapes(self) -> str:
        """What a mapping to shapes that stand for several channels moves, in words; "" for any other mapping."""
        keys = {t.name for t in self.active_targets if t.kind == "key"}
        if not any(readings[0].is_expression for key in keys if (readings := read_name(key))):
            return ""
        return describe_regions(t.channel for t in self.active_targets)

    @property
    def coverage(self) -> str:
        """How many of Apple's channels drive something; of a face with few shapes also what they move."""
        few = f", few-shape mapping: {self.few_shapes}" if self.few_shapes else ""
        return f"{len(ARKIT) - len(self.unmatched_channels)} of {len(ARKIT)} channels{few}"

    def channels_driving(self, destination: Destination) -> frozenset[str]:
        """Channels that drive a destination."""
        return frozenset(t.channel for t in self.active_targets if t.destination == destination)

    def max_gain(self, destination: Destination) -> float:
        """Change of a destination at full weight: the largest of its gains."""
        return max((abs(t.gain) for t in self.active_targets if t.destination == destination), default=0.0) or 1.0

    @cached_property
    def _row_arrays(self) -> tuple[Array, ...]:
        """Arrays over the rows: indices of channel and destination, gain, offset, low, high, curve."""
        index = {d: i for i, d in enumerate(self.destinations)}
        channel = np.array([ARKIT.index(t.channel) for t in self.active_targets], dtype=int)
        destination = np.array([index[t.destination] for t in self.active_targets], dtype=int)
        numbers = (
            np.array([[t.gain, t.offset, t.low, t.high, t.curve] for t in self.active_targets], dtype=np.float64)
            .reshape(-1, 5)
            .T
        )
        return channel, destination, *numbers

    @cached_property
    def _destination_matrix(self) -> Array:
        """(rows, D) with 1 where a row adds to a destination."""
        _, destination, *_ = self._row_arrays
        out = np.zeros((len(self.active_targets), len(self.destinations)))
        out[np.arange(len(destination)), destination] = 1.0
        return out

    def to_values(self, weights: Array) -> Array:
        """Values (..., D) of the destinations from weights (..., 52); bones in degrees and mm."""
        channel, _, gain, offset, low, high, power = self._row_arrays
        curved = weights[..., channel]
        if (power != 1.0).any():
            curved = np.sign(curved) * np.abs(curved) ** power
        return (offset + gain * np.clip(curved, low, high)) @ self._destination_matrix

    def to_weights(self, values: Array) -> tuple[Array, Array]:
        """Weights (T, 52) from values (T, D) by least squares, and which channels (52,) bool are determined.

        Channels that cannot be told apart are bounded to 0..1.
        """
        channel, _, gain, offset, _, _, power = self._row_arrays
        gain_matrix = np.zeros((len(self.destinations), len(ARKIT)))
        np.add.at(gain_matrix.T, channel, gain[:, None] * self._destination_matrix)
        exponents = np.ones(len(ARKIT))
        exponents[channel] = power
        determined = np.abs(gain_matrix).max(0, initial=0.0) > _EPSILON
        scale = np.maximum(np.abs(gain_matrix).max(1, initial=0.0), _EPSILON)  # so that degrees and weights count alike
        a, rhs = gain_matrix[:, determined] / scale[:, None], (values - offset @ self._destination_matrix) / scale
        solution = rhs @ cast("Array", np.linalg.pinv(a)).T
        ambiguous = _ambiguous_columns(a)
        if ambiguous.any():
            bounds = np.where(ambiguous, 0.0, -np.inf), np.where(ambiguous, 1.0, np.inf)
            solution = _bounded_least_squares(a, rhs, solution, bounds=bounds)
        out = np.zeros((len(values), len(ARKIT)))
        out[:, determined] = np.sign(solution) * np.abs(solution) ** (1.0 / exponents[determined])
        return out, determined


def _ambiguous_columns(a: Array) -> Array:
    """Columns (C,) bool of a matrix (R, C) whose coefficients least squares leave open."""
    _, singular, rows = np.linalg.svd(a)
    rank = int((singular > singular.max(initial=0.0) * max(a.shape) * np.finfo(np.float64).eps).sum())
    return np.abs(rows[rank:]).max(axis=0, initial=0.0) > _EPSILON


def _bounded_least_squares(a: Array, values: Array, start: Array, *, bounds: tuple[Array, Array]) -> Array:
    """Minimise |a x - values| within `bounds` for all rows (T) at once, by cyclic coordinate descent from `start`."""
    x = np.clip(start, *bounds)
    residual, column_power = values - x @ a.T, (a**2).sum(0)
    for _ in range(_MAX_SWEEPS):
        max_step = 0.0
        for j in range(a.shape[1]):
            step = np.clip(x[:, j] + residual @ a[:, j] / column_power[j], bounds[0][j], bounds[1][j]) - x[:, j]
            x[:, j] += step
            residual -= step[:, None] * a[:, j]
            max_step = max(max_step, float(np.abs(step).max(initial=0.0)))
        if max_step < 1e-6:
            break
    return x

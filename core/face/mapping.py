"""How channels drive a character: a table of targets that can be edited and kept in a file, run forwards for keys and backwards for weights."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..files import atomic_write, read_bytes
from .channels import ARKIT, mirrored
from .naming.sides import other_side

KINDS = ("key", "bone", "property")
ROTATION_AXES, TRANSLATION_AXES = (
    ("yaw", "pitch", "roll"),
    ("left", "up", "forward"),
)  # of bones, in the head's axes: degrees and millimetres
UNCLAMPED = 10.0  # a clamp that lets all through: Blender's own limit of sliders
_FORMAT_KEY, _MAX_ROWS = "innerface-mapping", 10_000
_MAX_SWEEPS, _EPSILON = 200, 1e-9

Destination = tuple[str, str, str]  # kind, name, axis


@dataclass(frozen=True)
class Target:
    """One row: `channel` drives a shape key (`kind` key, on every mesh of the face that has it), a bone along an `axis` (TURNS in degrees, MOVES in mm), or
    a property (a data path on the rig). It adds offset + gain * clip(sign(w) |w|^curve, low, high)."""

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
        """What it drives."""
        return self.kind, self.name, self.axis

    def mirror(self) -> Target:
        """The same on the other side of the face; itself where it has no side."""
        sign = -1.0 if self.kind == "bone" and self.axis in ("yaw", "roll", "left") else 1.0
        channel = mirrored(self.channel)
        if channel == self.channel:
            sign = 1.0
        return replace(
            self, channel=channel, name=other_side(self.name), gain=self.gain * sign, offset=self.offset * sign
        )


@dataclass(frozen=True)
class Mapping:
    """All rows of a character; `name`: the naming scheme or the preset that they come from."""

    name: str
    targets: tuple[Target, ...]

    @cached_property
    def active_targets(self) -> tuple[Target, ...]:
        """Rows that are not muted."""
        return tuple(t for t in self.targets if not t.mute)

    @cached_property
    def destinations(self) -> tuple[Destination, ...]:
        """What is driven, in the order of the rows."""
        return tuple(dict.fromkeys(t.destination for t in self.active_targets))

    @property
    def unmatched_channels(self) -> tuple[str, ...]:
        """Channels that drive nothing."""
        driven = {t.channel for t in self.active_targets}
        return tuple(c for c in ARKIT if c not in driven)

    def channels_driving(self, destination: Destination) -> frozenset[str]:
        """The channels that a destination hears."""
        return frozenset(t.channel for t in self.active_targets if t.destination == destination)

    def max_gain(self, destination: Destination) -> float:
        """What a full weight moves a destination by: the largest of its gains."""
        return max((abs(t.gain) for t in self.active_targets if t.destination == destination), default=0.0) or 1.0

    @cached_property
    def _row_arrays(self) -> tuple[Array, ...]:
        """Arrays over the rows: channel and destination (index), gain, offset, low, high, power."""
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
        """(rows, D): which destination each row adds to."""
        _, destination, *_ = self._row_arrays
        out = np.zeros((len(self.active_targets), len(self.destinations)))
        out[np.arange(len(destination)), destination] = 1.0
        return out

    def to_values(self, weights: Array) -> Array:
        """Values (..., D) of the destinations from weights (..., 52); bones in degrees and millimetres."""
        channel, _, gain, offset, low, high, power = self._row_arrays
        curved = weights[..., channel]
        if (power != 1.0).any():
            curved = np.sign(curved) * np.abs(curved) ** power
        return (offset + gain * np.clip(curved, low, high)) @ self._destination_matrix

    def to_weights(self, values: Array) -> tuple[Array, Array]:
        """Backwards: weights (T, 52) whose `values` come closest to values (T, D) by least squares, and which channels (52,) bool they say anything of. Where
        several channels share their targets, the answer is kept between 0 and 1."""
        channel, _, gain, offset, _, _, power = self._row_arrays
        gain_matrix = np.zeros((len(self.destinations), len(ARKIT)))
        np.add.at(gain_matrix.T, channel, gain[:, None] * self._destination_matrix)
        exponents = np.ones(len(ARKIT))
        exponents[channel] = power
        determined = np.abs(gain_matrix).max(0, initial=0.0) > _EPSILON
        scale = np.maximum(np.abs(gain_matrix).max(1, initial=0.0), _EPSILON)  # degrees and weights alike
        a, rhs = gain_matrix[:, determined] / scale[:, None], (values - offset @ self._destination_matrix) / scale
        solution = rhs @ np.linalg.pinv(a).T
        if np.linalg.matrix_rank(a) < a.shape[1]:
            solution = _bounded_least_squares(a, rhs, np.clip(solution, 0.0, 1.0))
        out = np.zeros((len(values), len(ARKIT)))
        out[:, determined] = np.sign(solution) * np.abs(solution) ** (1.0 / exponents[determined])
        return out, determined


def _bounded_least_squares(a: Array, values: Array, start: Array) -> Array:
    """min |a x - values| over 0 <= x <= 1 for all rows (T) at once, by cyclic coordinate descent."""
    x, residual = start.copy(), values - start @ a.T
    column_power = (a**2).sum(0)
    for _ in range(_MAX_SWEEPS):
        max_step = 0.0
        for j in range(a.shape[1]):
            step = np.clip(x[:, j] + residual @ a[:, j] / column_power[j], 0.0, 1.0) - x[:, j]
            x[:, j] += step
            residual -= step[:, None] * a[:, j]
            max_step = max(max_step, float(np.abs(step).max(initial=0.0)))
        if max_step < 1e-6:
            break
    return x


def save(mapping: Mapping, path: str | Path) -> None:
    """Write a preset. Raises InnerfaceError where it cannot be written."""
    rows = [{k: v for k, v in asdict(t).items() if v != _DEFAULTS.get(k)} for t in mapping.targets]
    with atomic_write(path) as temporary:
        temporary.write_text(
            json.dumps({_FORMAT_KEY: 1, "name": mapping.name, "targets": rows}, indent=1, ensure_ascii=False) + "\n",
            encoding="utf-8",
        )


def load(path: str | Path) -> Mapping:
    """Read a preset. Raises InnerfaceError for a file that is none."""
    try:
        data = json.loads(read_bytes(path, 8 << 20).decode("utf-8"))
    except (ValueError, RecursionError):
        raise InnerfaceError(f"{path}: is not JSON; choose a mapping that was saved with Save Preset") from None
    if (
        not isinstance(data, dict)
        or _FORMAT_KEY not in data
        or not isinstance(data.get("targets"), list)
        or len(data["targets"]) > _MAX_ROWS
    ):
        raise InnerfaceError(f"{path}: is no mapping of channels; choose one that was saved with Save Preset")
    name = data.get("name")
    targets = tuple(_parse_target(row, f"{path}: row {n}") for n, row in enumerate(data["targets"], start=1))
    return Mapping(name if isinstance(name, str) and name else Path(path).stem, targets)


_DEFAULTS = {f.name: f.default for f in fields(Target)}


def _parse_target(row: Any, location: str) -> Target:
    """A row of a file, checked."""
    if not isinstance(row, dict) or not {"channel", "kind", "name"} <= row.keys() <= _DEFAULTS.keys():
        raise InnerfaceError(
            f"{location}: needs channel, kind and name, and may have axis, gain, offset, low, high, curve and mute; mend it"
        )
    numbers = {k: row[k] for k in ("gain", "offset", "low", "high", "curve") if k in row}
    if any(isinstance(v, bool) or not isinstance(v, (int, float)) or not abs(v) <= 1e4 for v in numbers.values()):
        raise InnerfaceError(f"{location}: gain, offset, low, high and curve are plain numbers; mend it")
    target = Target(**row)
    if any(not isinstance(v, str) for v in (target.channel, target.kind, target.name, target.axis)) or not isinstance(
        target.mute, bool
    ):
        raise InnerfaceError(f"{location}: channel, kind, name and axis are texts, mute is true or false; mend it")
    try:
        target.name.encode("utf-8")
    except UnicodeEncodeError:
        raise InnerfaceError(f"{location}: its name is no text; mend it") from None
    if target.channel not in ARKIT:
        raise InnerfaceError(f"{location}: '{target.channel[:32]}' is none of Apple's 52 channels; mend it")
    if target.kind not in KINDS or (target.kind == "bone") != (target.axis in (*ROTATION_AXES, *TRANSLATION_AXES)):
        raise InnerfaceError(
            f"{location}: kind is one of {', '.join(KINDS)}, and a bone needs an axis ({', '.join((*ROTATION_AXES, *TRANSLATION_AXES))}); mend it"
        )
    if target.curve <= 0 or target.low > target.high:
        raise InnerfaceError(f"{location}: curve is above 0, and low is not above high; mend it")
    return target

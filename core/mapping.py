"""How channels drive a character: a table of targets that can be edited and kept in a file, run forwards for keys and backwards for weights."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .channels import ARKIT, mirrored
from .errors import InnerfaceError
from .files import read_bytes, replacing
from .sides import other_side

KINDS = ("key", "bone", "property")
TURNS, MOVES = ("yaw", "pitch", "roll"), ("left", "up", "forward")  # of bones, in the head's axes: degrees and millimetres
OPEN = 10.0  # a clamp that lets all through: Blender's own limit of sliders
_MARK, _MOST_ROWS = "innerface-mapping", 10_000
_SWEEPS, _SMALL = 200, 1e-9

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
    low: float = -OPEN
    high: float = OPEN
    curve: float = 1.0
    mute: bool = False

    @property
    def destination(self) -> Destination:
        """What it drives."""
        return self.kind, self.name, self.axis

    def mirror(self) -> Target:
        """The same on the other side of the face; itself where it has no side."""
        turned = -1.0 if self.kind == "bone" and self.axis in ("yaw", "roll", "left") else 1.0
        channel = mirrored(self.channel)
        if channel == self.channel:
            turned = 1.0
        return replace(self, channel=channel, name=other_side(self.name), gain=self.gain * turned, offset=self.offset * turned)


@dataclass(frozen=True)
class Mapping:
    """All rows of a character; `name`: the naming scheme or the preset that they come from."""

    name: str
    targets: tuple[Target, ...]

    @cached_property
    def live(self) -> tuple[Target, ...]:
        """Rows that are not muted."""
        return tuple(t for t in self.targets if not t.mute)

    @cached_property
    def destinations(self) -> tuple[Destination, ...]:
        """What is driven, in the order of the rows."""
        return tuple(dict.fromkeys(t.destination for t in self.live))

    @property
    def unmatched(self) -> tuple[str, ...]:
        """Channels that drive nothing."""
        driven = {t.channel for t in self.live}
        return tuple(c for c in ARKIT if c not in driven)

    def feeding(self, destination: Destination) -> frozenset[str]:
        """The channels that a destination hears."""
        return frozenset(t.channel for t in self.live if t.destination == destination)

    def size(self, destination: Destination) -> float:
        """What a full weight moves a destination by: the largest of its gains."""
        return max((abs(t.gain) for t in self.live if t.destination == destination), default=0.0) or 1.0

    @cached_property
    def _rows(self) -> tuple[np.ndarray, ...]:
        """Arrays over the rows: channel and destination (index), gain, offset, low, high, power."""
        place = {d: i for i, d in enumerate(self.destinations)}
        channel = np.array([ARKIT.index(t.channel) for t in self.live], dtype=int)
        destination = np.array([place[t.destination] for t in self.live], dtype=int)
        numbers = np.array([[t.gain, t.offset, t.low, t.high, t.curve] for t in self.live], dtype=np.float64).reshape(-1, 5).T
        return channel, destination, *numbers

    @cached_property
    def _sum(self) -> np.ndarray:
        """(rows, D): which destination each row adds to."""
        _, destination, *_ = self._rows
        out = np.zeros((len(self.live), len(self.destinations)))
        out[np.arange(len(destination)), destination] = 1.0
        return out

    def values(self, weights: np.ndarray) -> np.ndarray:
        """Values (..., D) of the destinations from weights (..., 52); bones in degrees and millimetres."""
        channel, _, gain, offset, low, high, power = self._rows
        bent = weights[..., channel]
        if (power != 1.0).any():
            bent = np.sign(bent) * np.abs(bent) ** power
        return (offset + gain * np.clip(bent, low, high)) @ self._sum

    def weights(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Backwards: weights (T, 52) whose `values` come closest to values (T, D) by least squares, and which channels (52,) bool they say anything of. Where
        several channels share their targets, the answer is kept between 0 and 1."""
        channel, _, gain, offset, _, _, power = self._rows
        mix = np.zeros((len(self.destinations), len(ARKIT)))
        np.add.at(mix.T, channel, gain[:, None] * self._sum)
        bend = np.ones(len(ARKIT))
        bend[channel] = power
        heard = np.abs(mix).max(0, initial=0.0) > _SMALL
        size = np.maximum(np.abs(mix).max(1, initial=0.0), _SMALL)  # degrees and weights alike
        a, rest = mix[:, heard] / size[:, None], (values - offset @ self._sum) / size
        bent = rest @ np.linalg.pinv(a).T
        if np.linalg.matrix_rank(a) < a.shape[1]:
            bent = _bounded(a, rest, np.clip(bent, 0.0, 1.0))
        out = np.zeros((len(values), len(ARKIT)))
        out[:, heard] = np.sign(bent) * np.abs(bent) ** (1.0 / bend[heard])
        return out, heard


def _bounded(a: np.ndarray, values: np.ndarray, start: np.ndarray) -> np.ndarray:
    """min |a x - values| over 0 <= x <= 1 for all rows (T) at once, by cyclic coordinate descent."""
    x, left = start.copy(), values - start @ a.T
    power = (a**2).sum(0)
    for _ in range(_SWEEPS):
        largest = 0.0
        for j in range(a.shape[1]):
            step = np.clip(x[:, j] + left @ a[:, j] / power[j], 0.0, 1.0) - x[:, j]
            x[:, j] += step
            left -= step[:, None] * a[:, j]
            largest = max(largest, float(np.abs(step).max(initial=0.0)))
        if largest < 1e-6:
            break
    return x


def save(mapping: Mapping, path: str | Path) -> None:
    """Write a preset. Raises InnerfaceError where it cannot be written."""
    rows = [{k: v for k, v in asdict(t).items() if v != _DEFAULTS.get(k)} for t in mapping.targets]
    with replacing(path) as temporary:
        temporary.write_text(json.dumps({_MARK: 1, "name": mapping.name, "targets": rows}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load(path: str | Path) -> Mapping:
    """Read a preset. Raises InnerfaceError for a file that is none."""
    try:
        data = json.loads(read_bytes(path, 8 << 20).decode("utf-8"))
    except (ValueError, RecursionError):
        raise InnerfaceError(f"{path}: is not JSON; choose a mapping that was saved with Save Preset") from None
    if not isinstance(data, dict) or _MARK not in data or not isinstance(data.get("targets"), list) or len(data["targets"]) > _MOST_ROWS:
        raise InnerfaceError(f"{path}: is no mapping of channels; choose one that was saved with Save Preset")
    name = data.get("name")
    targets = tuple(_target(row, f"{path}: row {n}") for n, row in enumerate(data["targets"], start=1))
    return Mapping(name if isinstance(name, str) and name else Path(path).stem, targets)


_DEFAULTS = {f.name: f.default for f in fields(Target)}


def _target(row: Any, where: str) -> Target:
    """A row of a file, checked."""
    if not isinstance(row, dict) or not {"channel", "kind", "name"} <= row.keys() <= _DEFAULTS.keys():
        raise InnerfaceError(f"{where}: needs channel, kind and name, and may have axis, gain, offset, low, high, curve and mute; mend it")
    numbers = {k: row[k] for k in ("gain", "offset", "low", "high", "curve") if k in row}
    if any(isinstance(v, bool) or not isinstance(v, (int, float)) or not abs(v) <= 1e4 for v in numbers.values()):
        raise InnerfaceError(f"{where}: gain, offset, low, high and curve are plain numbers; mend it")
    target = Target(**row)
    if any(not isinstance(v, str) for v in (target.channel, target.kind, target.name, target.axis)) or not isinstance(target.mute, bool):
        raise InnerfaceError(f"{where}: channel, kind, name and axis are texts, mute is true or false; mend it")
    try:
        target.name.encode("utf-8")
    except UnicodeEncodeError:
        raise InnerfaceError(f"{where}: its name is no text; mend it") from None
    if target.channel not in ARKIT:
        raise InnerfaceError(f"{where}: '{target.channel[:32]}' is none of Apple's 52 channels; mend it")
    if target.kind not in KINDS or (target.kind == "bone") != (target.axis in (*TURNS, *MOVES)):
        raise InnerfaceError(f"{where}: kind is one of {', '.join(KINDS)}, and a bone needs an axis ({', '.join((*TURNS, *MOVES))}); mend it")
    if target.curve <= 0 or target.low > target.high:
        raise InnerfaceError(f"{where}: curve is above 0, and low is not above high; mend it")
    return target


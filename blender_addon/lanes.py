"""Where a face's animation lies in Blender: shape keys, bones and properties as F-curve paths with their values; and writing to them without curves."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

import bpy
import numpy as np

from ..core.mapping import MOVES, TURNS
from .curves import shape_key_path
from .face import Face, FaceMesh
from .turns import Turn, turn_of

_DEGREE, _MM = math.pi / 180, 1e-3
_INDEXED = re.compile(r"^(.*)\[(\d{1,2})\]$")


@dataclass
class Lanes:
    """F-curves of one datablock: `values` (T, n) for n of `paths` with `indices`, the `channels` that feed each, and the `sizes` (n,) of what a full weight
    does to each. `mesh`: whose `keys` they are, else None."""

    owner: Any
    paths: list[str]
    indices: list[int]
    channels: list[frozenset[str]]
    values: np.ndarray
    sizes: np.ndarray
    mesh: FaceMesh | None = None
    keys: list[str] = field(default_factory=list)


def lanes(face: Face, values: np.ndarray) -> tuple[list[Lanes], list[str]]:
    """The curves of a face for values (T, D) of its mapping's destinations, and sentences on what cannot be keyed."""
    out, notes = [], []
    feeding = {d: face.mapping.feeding(d) for d in face.mapping.destinations}
    size = np.array([face.mapping.size(d) for d in face.mapping.destinations])
    for mesh in face.meshes:
        own = face.keys(mesh)
        if own:
            fed = [feeding[face.mapping.destinations[place]] for place, _ in own]
            paths = [shape_key_path(name) for _, name in own]
            places = [place for place, _ in own]
            out.append(Lanes(mesh.key, paths, [0] * len(own), fed, values[:, places], size[places], mesh, [name for _, name in own]))
    for turn, axes in bone_turns(face, notes):
        fed = frozenset(c for place in axes.values() for c in feeding[face.mapping.destinations[place]])
        angles, moves = bone_values(values, axes)
        parts = []
        if set(axes) & set(TURNS):
            parts.append((turn.path, turn.values(angles), 1.0))
        if set(axes) & set(MOVES):
            most = max(size[place] for axis, place in axes.items() if axis in MOVES)
            parts.append((turn.place_path, turn.places(moves), most * _MM / turn.size))
        for path, part, full in parts:
            count = part.shape[1]
            out.append(Lanes(turn.owner, [path] * count, list(range(count)), [fed] * count, part, np.full(count, full)))
    for place, owner, path, index in properties(face, notes):
        out.append(Lanes(owner, [path], [index], [feeding[face.mapping.destinations[place]]], values[:, [place]], size[[place]]))
    return out, notes


def bone_turns(face: Face, notes: list[str]) -> list[tuple[Turn, dict[str, int]]]:
    """The bones that channels drive: how each turns, and the mapping's destination of each axis."""
    bones: dict[str, dict[str, int]] = {}
    for place, (kind, name, axis) in enumerate(face.mapping.destinations):
        if kind == "bone":
            bones.setdefault(name, {})[axis] = place
    out = []
    for name, axes in bones.items():
        if face.rig is None or name not in face.rig.pose.bones:
            notes.append(f"{face.name} has no bone '{name}', which the mapping names; it was left out")
            continue
        turn = turn_of(face.rig, name)
        if isinstance(turn, str):
            notes.append(turn)
        else:
            out.append((turn, axes))
    return out


def bone_values(values: np.ndarray, axes: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Angles (T, 3: yaw, pitch, roll; rad) and moves (T, 3: left, up, forward; m) of a bone."""
    zero = np.zeros(len(values))
    angles = np.stack([values[:, axes[a]] * _DEGREE if a in axes else zero for a in TURNS], axis=1)
    return angles, np.stack([values[:, axes[a]] * _MM if a in axes else zero for a in MOVES], axis=1)


def from_bone_values(angles: np.ndarray, moves: np.ndarray, axis: str) -> np.ndarray:
    """Backwards: the destination's values (T,) of one axis."""
    return angles[:, TURNS.index(axis)] / _DEGREE if axis in TURNS else moves[:, MOVES.index(axis)] / _MM


def properties(face: Face, notes: list[str]) -> list[tuple[int, Any, str, int]]:
    """The properties that channels drive: (destination, owner, data path, index; -1 where it is a single number)."""
    out = []
    for place, (kind, name, _) in enumerate(face.mapping.destinations):
        if kind != "property":
            continue
        path, index = split(name)
        if isinstance(value_of(face.turns, path, index), float):
            out.append((place, face.turns, path, max(index, 0)))
        else:
            notes.append(f"{face.turns.name} has no number at {name}, which the mapping names; it was left out")
    return out


def split(name: str) -> tuple[str, int]:
    """A property's name as data path and index: `pose.bones["jaw"].location[2]` has one, `["smile"]` has none (-1)."""
    found = _INDEXED.match(name)
    return (found[1], int(found[2])) if found is not None else (name, -1)


def value_of(owner: Any, path: str, index: int) -> float | None:
    """The number there, None where there is none."""
    try:
        value = owner.path_resolve(path)
        value = value[index] if index >= 0 and not isinstance(value, (int, float)) else value
        return float(value)
    except (ValueError, TypeError, IndexError, KeyError):
        return None


def set_value(owner: Any, path: str, index: int, value: float) -> None:
    """Write a number there."""
    if index >= 0 and not isinstance(owner.path_resolve(path), (int, float)):
        owner.path_resolve(path)[index] = value
        return
    if path.endswith(('"]', "']")):
        at = max(path.rfind('["'), path.rfind("['"))
        holder = owner.path_resolve(path[:at]) if at else owner
        holder[bpy.utils.unescape_identifier(path[at + 2 : -2])] = value
        return
    before, _, name = path.rpartition(".")
    setattr(owner.path_resolve(before) if before else owner, name, value)

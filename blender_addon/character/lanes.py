"""Where a face's animation lies in Blender: shape keys, bones and properties as F-curve paths with their values; and writing to them without curves."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

import bpy
import numpy as np

from ...core.face.mapping import ROTATION_AXES, TRANSLATION_AXES
from .face import Face
from .face_mesh import FaceMesh
from .turns import DrivenTransform, driven_transform

_DEGREE, _MM = math.pi / 180, 1e-3
_INDEXED = re.compile(r"^(.*)\[(\d{1,2})\]$")


def shape_key_path(name: str) -> str:
    """Data path of a shape key's value on its Key datablock, with quotes and backslashes escaped."""
    return f'key_blocks["{bpy.utils.escape_identifier(name)}"].value'


@dataclass
class CurveSet:
    """F-curves of one datablock: `values` (T, n) for n of `paths` with `indices`, the `channels` that feed each, and the `sizes` (n,) of what a full weight
    does to each. `mesh`: whose `keys` they are, else None."""

    owner: Any
    paths: list[str]
    indices: list[int]
    channels: list[frozenset[str]]
    values: np.ndarray
    full_scales: np.ndarray
    mesh: FaceMesh | None = None
    key_names: list[str] = field(default_factory=list)


def face_curves(face: Face, values: np.ndarray) -> tuple[list[CurveSet], list[str]]:
    """The curves of a face for values (T, D) of its mapping's destinations, and sentences on what cannot be keyed."""
    out, notes = [], []
    channels_of = {d: face.mapping.channels_driving(d) for d in face.mapping.destinations}
    full_scales = np.array([face.mapping.max_gain(d) for d in face.mapping.destinations])
    for mesh in face.meshes:
        mesh_keys = face.mapped_keys(mesh)
        if mesh_keys:
            channels = [channels_of[face.mapping.destinations[place]] for place, _ in mesh_keys]
            paths = [shape_key_path(name) for _, name in mesh_keys]
            columns = [place for place, _ in mesh_keys]
            out.append(
                CurveSet(
                    mesh.key,
                    paths,
                    [0] * len(mesh_keys),
                    channels,
                    values[:, columns],
                    full_scales[columns],
                    mesh,
                    [name for _, name in mesh_keys],
                )
            )
    for transform, axes in driven_bones(face, notes):
        channels = frozenset(c for place in axes.values() for c in channels_of[face.mapping.destinations[place]])
        angles, moves = bone_angles_and_moves(values, axes)
        components = []
        if set(axes) & set(ROTATION_AXES):
            components.append((transform.path, transform.rotation_values(angles), 1.0))
        if set(axes) & set(TRANSLATION_AXES):
            max_move = max(full_scales[place] for axis, place in axes.items() if axis in TRANSLATION_AXES)
            components.append(
                (transform.location_path, transform.location_values(moves), max_move * _MM / transform.unit_m)
            )
        for path, component, full_scale in components:
            count = component.shape[1]
            out.append(
                CurveSet(
                    transform.owner,
                    [path] * count,
                    list(range(count)),
                    [channels] * count,
                    component,
                    np.full(count, full_scale),
                )
            )
    for place, owner, path, index in driven_properties(face, notes):
        out.append(
            CurveSet(
                owner,
                [path],
                [index],
                [channels_of[face.mapping.destinations[place]]],
                values[:, [place]],
                full_scales[[place]],
            )
        )
    return out, notes


def driven_bones(face: Face, notes: list[str]) -> list[tuple[DrivenTransform, dict[str, int]]]:
    """The bones that channels drive: how each turns, and the mapping's destination of each axis."""
    bones: dict[str, dict[str, int]] = {}
    for column, (kind, name, axis) in enumerate(face.mapping.destinations):
        if kind == "bone":
            bones.setdefault(name, {})[axis] = column
    out = []
    for name, axes in bones.items():
        if face.rig is None or name not in face.rig.pose.bones:
            notes.append(f"{face.name} has no bone '{name}', which the mapping names; it was left out")
            continue
        transform = driven_transform(face.rig, name)
        if isinstance(transform, str):
            notes.append(transform)
        else:
            out.append((transform, axes))
    return out


def bone_angles_and_moves(values: np.ndarray, axes: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Angles (T, 3: yaw, pitch, roll; rad) and moves (T, 3: left, up, forward; m) of a bone."""
    zero = np.zeros(len(values))
    angles = np.stack([values[:, axes[a]] * _DEGREE if a in axes else zero for a in ROTATION_AXES], axis=1)
    return angles, np.stack([values[:, axes[a]] * _MM if a in axes else zero for a in TRANSLATION_AXES], axis=1)


def destination_values(angles: np.ndarray, moves: np.ndarray, axis: str) -> np.ndarray:
    """Backwards: the destination's values (T,) of one axis."""
    return (
        angles[:, ROTATION_AXES.index(axis)] / _DEGREE
        if axis in ROTATION_AXES
        else moves[:, TRANSLATION_AXES.index(axis)] / _MM
    )


def driven_properties(face: Face, notes: list[str]) -> list[tuple[int, Any, str, int]]:
    """The properties that channels drive: (destination, owner, data path, index; -1 where it is a single number)."""
    out = []
    for column, (kind, name, _) in enumerate(face.mapping.destinations):
        if kind != "property":
            continue
        path, index = split_index(name)
        if isinstance(get_value(face.head_object, path, index), float):
            out.append((column, face.head_object, path, max(index, 0)))
        else:
            notes.append(f"{face.head_object.name} has no number at {name}, which the mapping names; it was left out")
    return out


def split_index(name: str) -> tuple[str, int]:
    """A property's name as data path and index: `pose.bones["jaw"].location[2]` has one, `["smile"]` has none (-1)."""
    match = _INDEXED.match(name)
    return (match[1], int(match[2])) if match is not None else (name, -1)


def get_value(owner: Any, path: str, index: int) -> float | None:
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
        bracket = max(path.rfind('["'), path.rfind("['"))
        holder = owner.path_resolve(path[:bracket]) if bracket else owner
        holder[bpy.utils.unescape_identifier(path[bracket + 2 : -2])] = value
        return
    parent_path, _, name = path.rpartition(".")
    setattr(owner.path_resolve(parent_path) if parent_path else owner, name, value)

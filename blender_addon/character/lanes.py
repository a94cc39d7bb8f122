"""Where the animation of a face is in Blender: F-curves of shape keys, bones and properties, and their values.

Also reads and writes these without curves.
"""

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
    """Return the data path of a shape key's value on its Key datablock, with quotes and backslashes escaped."""
    return f'key_blocks["{bpy.utils.escape_identifier(name)}"].value'


@dataclass
class CurveSet:
    """F-curves of one datablock.

    Attributes
    ----------
    owner : bpy.types.ID
        The datablock.
    paths, indices : list
        Data paths and array indices (n) of the curves.
    channels : list of frozenset of str
        The channels (n) that drive each curve.
    values : ndarray (T, n)
    full_scales : ndarray (n,)
        What a full weight does to each curve.
    mesh : FaceMesh or None
        Whose shape keys, called `key_names` (n), the curves are of.
    key_names : list of str
    """

    owner: Any
    paths: list[str]
    indices: list[int]
    channels: list[frozenset[str]]
    values: np.ndarray
    full_scales: np.ndarray
    mesh: FaceMesh | None = None
    key_names: list[str] = field(default_factory=list)

    @classmethod
    def of_components(
        cls, owner: Any, path: str, channels: frozenset[str], *, values: np.ndarray, full_scale: float = 1.0
    ) -> CurveSet:
        """Return the curves of all components (T, n) of one vector property."""
        count = values.shape[1]
        return cls(owner, [path] * count, list(range(count)), [channels] * count, values, np.full(count, full_scale))

    @property
    def owner_name(self) -> str:
        """What to call the datablock in messages: its object."""
        return self.mesh.object.name if self.mesh is not None else self.owner.name

    def select(self, columns: list[int]) -> CurveSet:
        """Return some of the curves."""
        return CurveSet(
            self.owner,
            [self.paths[k] for k in columns],
            [self.indices[k] for k in columns],
            [self.channels[k] for k in columns],
            self.values[:, columns],
            self.full_scales[columns],
            self.mesh,
            [self.key_names[k] for k in columns] if self.key_names else [],
        )


@dataclass(frozen=True)
class DrivenProperty:
    """A property that channels drive.

    `destination`: its column in the mapping's destinations; `index`: of an array, 0 for a number.
    """

    destination: int
    owner: Any
    path: str
    index: int


def face_curves(face: Face, values: np.ndarray) -> tuple[list[CurveSet], list[str]]:
    """Return the curves for values (T, D) of the mapping's destinations, and notes on what cannot be keyed."""
    curve_sets, notes = [], []
    destinations = face.mapping.destinations
    channels_of = {d: face.mapping.channels_driving(d) for d in destinations}
    full_scales = np.array([face.mapping.max_gain(d) for d in destinations])
    for mesh in face.meshes:
        mesh_keys = face.mapped_keys(mesh)
        if mesh_keys:
            columns, names = [column for column, _ in mesh_keys], [name for _, name in mesh_keys]
            curve_sets.append(
                CurveSet(
                    mesh.key,
                    [shape_key_path(name) for name in names],
                    [0] * len(names),
                    [channels_of[destinations[column]] for column in columns],
                    values[:, columns],
                    full_scales[columns],
                    mesh,
                    names,
                )
            )
    for transform, axes in driven_bones(face, notes):
        channels = frozenset(c for column in axes.values() for c in channels_of[destinations[column]])
        angles, moves = bone_angles_and_moves(values, axes)
        if set(axes) & set(ROTATION_AXES):
            rotations = transform.rotation_values(angles)
            curve_sets.append(CurveSet.of_components(transform.owner, transform.path, channels, values=rotations))
        if set(axes) & set(TRANSLATION_AXES):
            max_move = max(full_scales[column] for axis, column in axes.items() if axis in TRANSLATION_AXES)
            curve_sets.append(
                CurveSet.of_components(
                    transform.owner,
                    transform.location_path,
                    channels,
                    values=transform.location_values(moves),
                    full_scale=max_move * _MM / transform.unit_m,
                )
            )
    for prop in driven_properties(face, notes):
        column = prop.destination
        channels = channels_of[destinations[column]]
        curve_sets.append(
            CurveSet(prop.owner, [prop.path], [prop.index], [channels], values[:, [column]], full_scales[[column]])
        )
    return curve_sets, notes


def driven_bones(face: Face, notes: list[str]) -> list[tuple[DrivenTransform, dict[str, int]]]:
    """Return the bones that channels drive: how each turns, and the mapping's destination of each axis."""
    bones: dict[str, dict[str, int]] = {}
    for column, (kind, name, axis) in enumerate(face.mapping.destinations):
        if kind == "bone":
            bones.setdefault(name, {})[axis] = column
    out = []
    for name, axes in bones.items():
        if face.rig is None or name not in face.rig.pose.bones:
            notes.append(f"{face.name} has no bone '{name}', which the mapping names; it was not keyed")
            continue
        transform = driven_transform(face.rig, name)
        if isinstance(transform, str):
            notes.append(transform)
        else:
            out.append((transform, axes))
    return out


def bone_angles_and_moves(values: np.ndarray, axes: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return a bone's angles (T, 3: yaw, pitch, roll; rad) and moves (T, 3: left, up, forward; m)."""
    zero = np.zeros(len(values))
    angles = np.stack([values[:, axes[a]] * _DEGREE if a in axes else zero for a in ROTATION_AXES], axis=1)
    return angles, np.stack([values[:, axes[a]] * _MM if a in axes else zero for a in TRANSLATION_AXES], axis=1)


def destination_values(angles: np.ndarray, moves: np.ndarray, axis: str) -> np.ndarray:
    """Return the destination's values (T,) of one axis: the inverse of `bone_angles_and_moves`."""
    return (
        angles[:, ROTATION_AXES.index(axis)] / _DEGREE
        if axis in ROTATION_AXES
        else moves[:, TRANSLATION_AXES.index(axis)] / _MM
    )


def driven_properties(face: Face, notes: list[str]) -> list[DrivenProperty]:
    """Return the properties that channels drive; what is missing is added to `notes`."""
    properties = []
    for column, (kind, name, _) in enumerate(face.mapping.destinations):
        if kind != "property":
            continue
        path, index = split_index(name)
        if isinstance(get_value(face.head_object, path, index), float):
            properties.append(DrivenProperty(column, face.head_object, path, max(index, 0)))
        else:
            notes.append(f"{face.head_object.name} has no number at {name}, which the mapping names; it was not keyed")
    return properties


def split_index(name: str) -> tuple[str, int]:
    """Split a property's name into data path and index: `pose.bones["jaw"].location[2]` has one, `["smile"]` -1."""
    match = _INDEXED.match(name)
    return (match[1], int(match[2])) if match is not None else (name, -1)


def get_value(owner: Any, path: str, index: int) -> float | None:
    """Return the number at a data path, None where there is none."""
    try:
        value = owner.path_resolve(path)
        value = value[index] if index >= 0 and not isinstance(value, (int, float)) else value
        return float(value) if isinstance(value, (int, float)) else None  # a text is none, also one of digits
    except (ValueError, TypeError, IndexError, KeyError):
        return None


def set_value(owner: Any, path: str, index: int, *, value: float) -> None:
    """Write a number to a data path."""
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

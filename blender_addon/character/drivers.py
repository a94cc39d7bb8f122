"""Shape keys with drivers: what drives them, and how a take can be mapped to that control instead."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import bpy

from ...core.errors import InnerfaceError
from ...core.face.mapping import Mapping, Target
from .lanes import get_value, set_value, shape_key_path, split_index

if TYPE_CHECKING:
    from .face import Face

# Values of a property at which its driver is probed; the first one with a linear response, short of the sliders' ends.
_PROBE_VALUES = (0.5, -0.5, 0.05, -0.05, 0.005, -0.005)
_LINEARITY_TOLERANCE = 1e-4


@dataclass(frozen=True)
class DrivenPath:
    """A data path that a driver controls.

    Attributes
    ----------
    source : str
        What drives it, for the user.
    follows : bool
        Whether all that drives it is keyed, so that it moves by itself.
    """

    source: str
    follows: bool = False


AnimatedPath = tuple[Any, str]  # a datablock and a data path on it


def driven_paths(paths: Collection[AnimatedPath]) -> dict[AnimatedPath, DrivenPath]:
    """Return which of the paths, all of which are to be keyed, drivers control; muted drivers control nothing."""
    curves_by_path = {
        (owner, curve.data_path): curve
        for owner in dict.fromkeys(owner for owner, _ in paths)
        for curve in (owner.animation_data.drivers if owner.animation_data is not None else ())
        if not curve.mute and (owner, curve.data_path) in paths
    }
    moving = set(paths) - set(curves_by_path)
    inputs = {path: _inputs(curve) for path, curve in curves_by_path.items()}
    followers: set[AnimatedPath] = set()
    while found := {
        path
        for path, sources in inputs.items()
        if path not in followers and sources and all(_is_moved(source, moving | followers) for source in sources)
    }:
        followers |= found
    return {path: DrivenPath(_describe(curve), path in followers) for path, curve in curves_by_path.items()}


def _describe(curve: Any) -> str:
    sources = []
    for variable in curve.driver.variables:
        for target in variable.targets:
            if target.id is not None:
                channel = target.transform_type if variable.type == "TRANSFORMS" else variable.type
                source_path = target.data_path or " ".join(x for x in (target.bone_target, channel) if x)
                sources.append(f"{target.id.name} {source_path}".strip())
    return "; ".join(dict.fromkeys(sources)) or curve.driver.expression


def _inputs(curve: Any) -> list[AnimatedPath]:
    """Return the paths that a driver reads, of a bone or an object the beginning of its transform's."""
    inputs = []
    for variable in curve.driver.variables:
        for target in variable.targets:
            if target.id is None:
                continue
            if variable.type in ("SINGLE_PROP", "CONTEXT_PROP"):
                inputs.append(_on_key_datablock(target.id, target.data_path))
            elif target.bone_target:
                inputs.append((target.id, f'pose.bones["{bpy.utils.escape_identifier(target.bone_target)}"].'))
            else:
                inputs.append((target.id, ""))
    return inputs


def _on_key_datablock(owner: Any, path: str) -> AnimatedPath:
    """Return a path on the Key datablock, where it leads there from the object or the mesh."""
    if isinstance(owner, bpy.types.Object) and path.startswith("data."):
        owner, path = owner.data, path.removeprefix("data.")
    if isinstance(owner, bpy.types.Mesh) and path.startswith("shape_keys."):
        owner, path = owner.shape_keys, path.removeprefix("shape_keys.")
    return owner, path


def _is_moved(source: AnimatedPath, moving: Collection[AnimatedPath]) -> bool:
    owner, path = source
    if not path:
        return any(o == owner and not p.startswith(("pose.", "[")) for o, p in moving)
    if path.endswith("."):
        return any(o == owner and p.startswith(path) for o, p in moving)
    return source in moving or split_index(path)[0] in {p for o, p in moving if o == owner}


@dataclass(frozen=True)
class DrivenKey:
    """A shape key of a mapping that a driver controls; `driver` names what it depends on."""

    mesh: Any
    name: str
    driver: str


def driven_keys(face: Face) -> list[DrivenKey]:
    """Return the shape keys of a face's mapping that are driven by something else than its keyed ones."""
    keys = {
        (mesh.key, shape_key_path(name)): (mesh, name) for mesh in face.meshes for _, name in face.mapped_keys(mesh)
    }
    return [DrivenKey(*keys[path], driven.source) for path, driven in driven_paths(keys).items() if not driven.follows]


@dataclass(frozen=True)
class Control:
    """What an animator moves instead of a driven shape key: a number on `owner` at `data_path`."""

    owner: Any
    data_path: str


_TRANSFORM_CHANNELS = {
    f"{short}_{axis}": (name, index)
    for short, name in (("LOC", "location"), ("ROT", "rotation_euler"), ("SCALE", "scale"))
    for index, axis in enumerate("XYZ")
}


def find_control(owner: Any, path: str) -> Control | str:
    """Return the one property or bone behind a driven path, or a sentence that says why there is none."""
    curve = (
        next((c for c in owner.animation_data.drivers if c.data_path == path), None) if owner.animation_data else None
    )
    if curve is None:
        return "nothing drives it"
    targets = [(v, t) for v in curve.driver.variables for t in v.targets if t.id is not None]
    if len(targets) != 1:
        return f"{len(targets)} things drive it together"
    variable, target = targets[0]
    if variable.type == "SINGLE_PROP" and isinstance(target.id, bpy.types.Object):
        return Control(target.id, target.data_path)
    if variable.type == "TRANSFORMS" and target.transform_type in _TRANSFORM_CHANNELS:
        attribute, index = _TRANSFORM_CHANNELS[target.transform_type]
        if not target.bone_target:
            return Control(target.id, f"{attribute}[{index}]")
        bone = target.id.pose.bones.get(target.bone_target) if target.id.pose is not None else None
        if bone is not None and (
            attribute != "rotation_euler" or bone.rotation_mode not in ("QUATERNION", "AXIS_ANGLE")
        ):
            return Control(target.id, f'pose.bones["{bpy.utils.escape_identifier(bone.name)}"].{attribute}[{index}]')
    return "its driver cannot be inverted"


def rows_for_control(key: Any, key_name: str, control: Control, *, rows: list[Target]) -> list[Target] | str:
    """Return rows that drive the control so that the key gets what `rows` (all of the key's) would give it, or why not.

    The driver is probed at a few values of the control, which is restored.
    """
    path, index = split_index(control.data_path)
    original_value = get_value(control.owner, path, index)
    if original_value is None:
        return f"{control.owner.name} has no number at {control.data_path}"

    def key_value_at(value: float) -> float:
        set_value(control.owner, path, index, value=value)
        control.owner.update_tag()
        bpy.context.view_layer.update()
        return float(key.key_blocks[key_name].value)

    try:
        base = key_value_at(0.0)
        for probe in _PROBE_VALUES:
            half_response, full_response = key_value_at(probe / 2) - base, key_value_at(probe) - base
            if (
                abs(full_response) > 10 * _LINEARITY_TOLERANCE
                and abs(full_response - 2 * half_response) < _LINEARITY_TOLERANCE
            ):
                break
        else:
            return f"'{key_name}' does not follow {control.data_path} in a straight line"
    finally:
        set_value(control.owner, path, index, value=original_value)
        control.owner.update_tag()
        bpy.context.view_layer.update()
    slope = full_response / probe
    base_per_row = base / len(rows)
    return [
        replace(
            r,
            kind="property",
            name=control.data_path,
            gain=float(r.gain / slope),
            offset=float((r.offset - base_per_row) / slope),
        )
        for r in rows
    ]


@dataclass(frozen=True)
class ControlMapping:
    """A mapping to what drives shape keys.

    Attributes
    ----------
    mapping : Mapping
    control_count, key_count : int
        How many controls are keyed instead of how many driven shape keys.
    failures : list of str
        Driven keys that stay as they are, and why.
    """

    mapping: Mapping
    control_count: int
    key_count: int
    failures: list[str]


def map_to_controls(face: Face) -> ControlMapping:
    """Map the channels of driven shape keys to the properties and bones that drive them. Raises InnerfaceError."""
    driven_meshes = {driven.name: driven.mesh for driven in driven_keys(face)}
    if not driven_meshes:
        raise InnerfaceError(f"no shape key of {face.name} is driven; they are keyed directly")
    rows, failures, new_destinations = list(face.mapping.targets), [], set[tuple[str, str]]()
    for name, mesh in driven_meshes.items():
        key_rows = [t for t in rows if t.kind == "key" and t.name == name and not t.mute]
        new_rows = _control_rows(face, name, mesh, key_rows=key_rows)
        if isinstance(new_rows, str):
            failures.append(f"'{name}': {new_rows}")
            continue
        row_index = rows.index(key_rows[0])
        rows = [t for t in rows if t not in key_rows]
        rows[row_index:row_index] = [
            t for t in new_rows if (t.channel, t.name) not in new_destinations
        ]  # several keys may follow one control
        new_destinations |= {(t.channel, t.name) for t in new_rows}
    if not new_destinations:
        raise InnerfaceError(f"no rig control was found for the driven shape keys: {'; '.join(failures[:3])}")
    return ControlMapping(
        Mapping(face.mapping.name, tuple(rows)),
        len({name for _, name in new_destinations}),
        len(driven_meshes) - len(failures),
        failures,
    )


def _control_rows(face: Face, name: str, mesh: Any, *, key_rows: list[Target]) -> list[Target] | str:
    """Return the rows that map a driven key's channels to its control, or why there are none."""
    control = find_control(mesh.key, shape_key_path(name))
    if isinstance(control, str):
        return control
    new_rows = rows_for_control(mesh.key, name, control, rows=key_rows)
    if not isinstance(new_rows, str) and control.owner != face.head_object:
        return f"it is driven by {control.owner.name}, which is not the rig of the face"
    return new_rows


def has_control(face: Face, owner: Any, path: str) -> bool:
    """Whether a property or bone of the face's rig may be keyed instead of a driven path."""
    control = find_control(owner, path)
    return isinstance(control, Control) and control.owner == face.head_object

"""Shape keys with drivers: what drives them, and how a take can be mapped to that control instead."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import bpy

from ...core.face.mapping import Target
from .lanes import get_value, set_value, shape_key_path, split_index

if TYPE_CHECKING:
    from .face import Face

# Values of a property at which its driver is probed; the first one with a linear response, short of the sliders' ends.
_PROBE_VALUES = (0.5, -0.5, 0.05, -0.05, 0.005, -0.005)
_LINEARITY_TOLERANCE = 1e-4


def driven_paths(owner: Any) -> dict[str, str]:
    """Return the driven data paths of a datablock, and a text that names what drives each."""
    descriptions = {}
    for curve in owner.animation_data.drivers if owner.animation_data else []:
        sources = []
        for variable in curve.driver.variables:
            for target in variable.targets:
                if target.id is not None:
                    channel = target.transform_type if variable.type == "TRANSFORMS" else variable.type
                    source_path = target.data_path or " ".join(x for x in (target.bone_target, channel) if x)
                    sources.append(f"{target.id.name} {source_path}".strip())
        descriptions[curve.data_path] = "; ".join(sources) or curve.driver.expression
    return descriptions


@dataclass(frozen=True)
class DrivenKey:
    """A shape key of a mapping that a driver controls; `driver` names what it depends on."""

    mesh: Any
    name: str
    driver: str


def driven_keys(face: Face) -> list[DrivenKey]:
    """Return the shape keys of a face's mapping that are driven."""
    keys = []
    for mesh in face.meshes:
        drivers_by_path = driven_paths(mesh.key)
        keys += [
            DrivenKey(mesh, name, drivers_by_path[shape_key_path(name)])
            for _, name in face.mapped_keys(mesh)
            if shape_key_path(name) in drivers_by_path
        ]
    return keys


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

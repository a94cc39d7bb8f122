"""Shape keys that something else drives: what it is, and how a take can be mapped onto that instead."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import bpy

from ..core.mapping import Target
from .lanes import set_value, split, value_of

# How far a property is moved from 0 while its driver is watched: the first that moves the key in a straight line, short of where sliders end.
_PROBES = (0.5, -0.5, 0.05, -0.05, 0.005, -0.005)
_LINEAR = 1e-4


def of(owner: Any) -> dict[str, str]:
    """Data paths that are driven on a datablock, and a text that names what drives each."""
    out = {}
    for curve in owner.animation_data.drivers if owner.animation_data else []:
        sources = []
        for variable in curve.driver.variables:
            for target in variable.targets:
                if target.id is not None:
                    moved = target.transform_type if variable.type == "TRANSFORMS" else variable.type
                    what = target.data_path or " ".join(x for x in (target.bone_target, moved) if x)
                    sources.append(f"{target.id.name} {what}".strip())
        out[curve.data_path] = "; ".join(sources) or curve.driver.expression
    return out


@dataclass(frozen=True)
class Handle:
    """What an animator would move instead: a number on `owner` at the data path `name`."""

    owner: Any
    name: str


_MOVES = {
    f"{short}_{axis}": (name, index)
    for short, name in (("LOC", "location"), ("ROT", "rotation_euler"), ("SCALE", "scale")) for index, axis in enumerate("XYZ")
}  # fmt: skip


def handle(owner: Any, path: str) -> Handle | str:
    """The one property or bone behind a driven path, or a sentence that says why there is none."""
    curve = next((c for c in owner.animation_data.drivers if c.data_path == path), None) if owner.animation_data else None
    if curve is None:
        return "nothing drives it"
    targets = [(v, t) for v in curve.driver.variables for t in v.targets if t.id is not None]
    if len(targets) != 1:
        return f"{len(targets)} things drive it together"
    variable, target = targets[0]
    if variable.type == "SINGLE_PROP" and isinstance(target.id, bpy.types.Object):
        return Handle(target.id, target.data_path)
    if variable.type == "TRANSFORMS" and target.transform_type in _MOVES:
        attribute, index = _MOVES[target.transform_type]
        if not target.bone_target:
            return Handle(target.id, f"{attribute}[{index}]")
        bone = target.id.pose.bones.get(target.bone_target) if target.id.pose is not None else None
        if bone is not None and (attribute != "rotation_euler" or bone.rotation_mode not in ("QUATERNION", "AXIS_ANGLE")):
            return Handle(target.id, f'pose.bones["{bpy.utils.escape_identifier(bone.name)}"].{attribute}[{index}]')
    return "it is driven in a way that cannot be turned round"


def solved(key: Any, key_name: str, found: Handle, rows: list[Target]) -> list[Target] | str:
    """Rows that drive the property so that the key gets what `rows` (all of the key's) would give it, or why that cannot be. The driver is watched at a few
    values of the property; nothing is left changed."""
    path, index = split(found.name)
    before = value_of(found.owner, path, index)
    if before is None:
        return f"{found.owner.name} has no number at {found.name}"

    def seen(value: float) -> float:
        set_value(found.owner, path, index, value)
        found.owner.update_tag()
        bpy.context.view_layer.update()
        return float(key.key_blocks[key_name].value)

    try:
        base = seen(0.0)
        for reach in _PROBES:
            half, whole = seen(reach / 2) - base, seen(reach) - base
            if abs(whole) > 10 * _LINEAR and abs(whole - 2 * half) < _LINEAR:
                break
        else:
            return f"'{key_name}' does not follow {found.name} in a straight line"
    finally:
        set_value(found.owner, path, index, before)
        found.owner.update_tag()
        bpy.context.view_layer.update()
    slope = whole / reach
    share = base / len(rows)
    return [replace(r, kind="property", name=found.name, gain=float(r.gain / slope), offset=float((r.offset - share) / slope)) for r in rows]


"""Shape keys that something else drives: what it is, and how a take can be mapped onto that instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from ..core.mapping import Target
from .lanes import set_value, split, value_of

_PROBES = (0.0, 0.25, 0.5, 1.0)  # of what a property is set to while its driver is watched
_LINEAR = 1e-3


def of(owner: Any) -> dict[str, str]:
    """Data paths that are driven on a datablock, and a text that names what drives each."""
    out = {}
    for curve in owner.animation_data.drivers if owner.animation_data else []:
        sources = []
        for variable in curve.driver.variables:
            for target in variable.targets:
                if target.id is not None:
                    what = target.data_path or " ".join(x for x in (target.bone_target, target.transform_type if variable.type == "TRANSFORMS" else variable.type) if x)
                    sources.append(f"{target.id.name} {what}".strip())
        out[curve.data_path] = "; ".join(sources) or curve.driver.expression
    return out


@dataclass(frozen=True)
class Handle:
    """What an animator would move instead: a number on `owner` at the data path `name`."""

    owner: Any
    name: str


_MOVES = {"LOC_X": ("location", 0), "LOC_Y": ("location", 1), "LOC_Z": ("location", 2), "SCALE_X": ("scale", 0), "SCALE_Y": ("scale", 1), "SCALE_Z": ("scale", 2),
          "ROT_X": ("rotation_euler", 0), "ROT_Y": ("rotation_euler", 1), "ROT_Z": ("rotation_euler", 2)}  # fmt: skip


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
    limits = _limits(found, path, index)
    probes = [limits[0] + p * (limits[1] - limits[0]) for p in _PROBES]
    seen = []
    try:
        for probe in probes:
            set_value(found.owner, path, index, probe)
            found.owner.update_tag()
            bpy.context.view_layer.update()
            seen.append(key.evaluated_get(bpy.context.evaluated_depsgraph_get()).key_blocks[key_name].value)
    finally:
        set_value(found.owner, path, index, before)
        found.owner.update_tag()
        bpy.context.view_layer.update()
    slope, base = np.polyfit(probes, seen, 1)
    if abs(slope) < 1e-6 or np.abs(slope * np.array(probes) + base - seen).max() > _LINEAR:
        return f"'{key_name}' does not follow {found.name} in a straight line"
    share = base / len(rows)
    return [
        Target(r.channel, "property", found.name, gain=float(r.gain / slope), offset=float((r.offset - share) / slope), low=r.low, high=r.high, curve=r.curve, mute=r.mute)
        for r in rows
    ]


def _limits(found: Handle, path: str, index: int) -> tuple[float, float]:
    """Between which values the property is tried: its own soft limits where it has any, else so that small controls stay small."""
    if path.endswith('"]') and index < 0:
        at = path.rfind('["')
        holder = found.owner.path_resolve(path[:at]) if at else found.owner
        ui = holder.id_properties_ui(path[at + 2 : -2]).as_dict()
        low, high = float(ui.get("soft_min", 0.0)), float(ui.get("soft_max", 1.0))
        if 0 < high - low <= 1000:
            return low, high
    return 0.0, 0.1 if "location" in path else 1.0

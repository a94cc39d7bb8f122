"""What a preview changes in Blender's data, kept in the data itself, so that any undo step or file can be restored.

A datablock that a preview has changed holds its former values, and which of its drivers and curves were muted for it,
as JSON in a custom property.
"""

from __future__ import annotations

import json
from typing import Any

import bpy

from .. import compat
from ..character.lanes import get_value, set_value

SAVED_STATE = "innerface_preview"


def save_and_mute(owner: Any, state: dict[str, Any], paths: set[str]) -> None:
    """Save what the preview changes in a datablock, then mute drivers and curves at `paths`.

    A datablock may be saved more than once: for its bones, and then for the head.
    """
    saved = json.loads(owner[SAVED_STATE]) if SAVED_STATE in owner else {}
    data = owner.animation_data
    drivers = (
        []
        if data is None
        else [[d.data_path, d.array_index] for d in data.drivers if d.data_path in paths and not d.mute]
    )
    state = state | {"drivers": drivers}
    merged = {
        name: saved.get(name, []) + value if isinstance(value, list) else value | saved.get(name, {})
        for name, value in state.items()
    }
    owner[SAVED_STATE] = json.dumps(saved | merged)
    if data is None:
        return
    for d in data.drivers:
        if [d.data_path, d.array_index] in drivers:
            d.mute = True
    current = [data.action] if data.action is not None else []
    for action in dict.fromkeys([*current, *compat.strip_actions(owner)]):
        if action.library is None:  # a linked action cannot be restored from its file, so its keys win
            _mute_curves(action, paths)


def _mute_curves(action: Any, paths: set[str]) -> None:
    muted = []
    for index, curve in enumerate(compat.all_fcurves(action)):
        if curve.data_path in paths and not curve.mute:
            curve.mute = True
            muted.append([index, curve.data_path, curve.array_index])
    if muted:
        saved = json.loads(action[SAVED_STATE])["curves"] if SAVED_STATE in action else []
        action[SAVED_STATE] = json.dumps({"curves": saved + muted})


def restore_all() -> int:
    """Restore every datablock that a preview has changed; return how many."""
    count = 0
    for collection in (bpy.data.shape_keys, bpy.data.objects, bpy.data.actions):
        for owner in collection:
            if SAVED_STATE in owner:
                _restore(owner)
                count += 1
    return count


def _restore(owner: Any) -> None:
    try:
        state = json.loads(owner[SAVED_STATE])
    except (ValueError, TypeError):
        state = {}
    del owner[SAVED_STATE]
    for name, value in state.get("values", {}).items():
        if name in owner.key_blocks:
            owner.key_blocks[name].value = value
    for bone, attribute, value in state.get("turns", []):
        target = owner if bone is None else owner.pose.bones.get(bone)
        if target is not None and len(getattr(target, attribute)) == len(value):
            setattr(target, attribute, value)
    for path, index, value in state.get("numbers", []):
        if value is not None and get_value(owner, path, index) is not None:
            set_value(owner, path, index, value)
    drivers = state.get("drivers", [])
    for d in owner.animation_data.drivers if drivers and owner.animation_data else ():
        if [d.data_path, d.array_index] in drivers:
            d.mute = False
    muted = {(path, index) for _, path, index in state.get("curves", [])}
    curve_indices = {k for k, _, _ in state.get("curves", [])}
    if muted:
        for k, curve in enumerate(compat.all_fcurves(owner)):
            if k in curve_indices and (curve.data_path, curve.array_index) in muted:
                curve.mute = False
    owner.update_tag()

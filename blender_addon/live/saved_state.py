"""What a preview changes in Blender's data, kept in the data itself, so that any undo step or file can be restored.

A datablock that a preview has changed holds its former values, and which of its drivers and curves were muted for it,
as JSON in a custom property.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

import bpy

from .. import compat
from ..character.lanes import get_value, set_value

SAVED_STATE = "innerface_preview"
_MAX_TEXT = 16 << 20  # characters; a face with thousands of keys has less
_MAX_NUMBER = 1e30  # more than Blender's properties hold
_BONE_ATTRIBUTES = {"location", "rotation_quaternion", "rotation_euler", "rotation_axis_angle"}


def save_and_mute(owner: Any, state: dict[str, Any], paths: set[str]) -> None:
    """Save what the preview changes in a datablock, then mute drivers and curves at `paths`.

    A datablock may be saved more than once: for its bones, and then for the head.
    """
    saved = _read_state(owner)
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
        action[SAVED_STATE] = json.dumps({"curves": _read_state(action)["curves"] + muted})


def restore_all() -> int:
    """Restore every datablock that a preview has changed; return how many.

    Files of others may hold anything under the property's name: one that cannot be restored keeps none of the others
    from it.
    """
    count = 0
    for collection in (bpy.data.shape_keys, bpy.data.objects, bpy.data.actions):
        for owner in collection:
            if owner.library is not None or SAVED_STATE not in owner:
                continue
            try:
                _restore(owner)
                count += 1
            except Exception as error:  # of any kind: the file may be a stranger's
                print(f"Innerface: the preview saved in {owner.name} cannot be restored ({error})")
    return count


def _read_state(owner: Any) -> dict[str, Any]:
    """What `save_and_mute` wrote: its sections, empty where they are missing; whatever else is there is left out."""
    text, state = owner.get(SAVED_STATE), None
    if isinstance(text, str) and len(text) <= _MAX_TEXT:
        with suppress(ValueError, RecursionError):
            state = json.loads(text)
    sections = cast("dict[str, Any]", state if isinstance(state, dict) else {})
    values = sections.get("values")
    return {
        "values": {k: v for k, v in values.items() if _is_number(v)} if isinstance(values, dict) else {},
        "turns": [
            [bone, attribute, numbers]
            for bone, attribute, numbers in _rows(sections, "turns", 3)
            if isinstance(bone, str | None) and str(attribute) in _BONE_ATTRIBUTES and _are_numbers(numbers)
        ],
        "numbers": [
            [path, index, value]
            for path, index, value in _rows(sections, "numbers", 3)
            if isinstance(path, str) and _is_index(index) and _is_number(value)
        ],
        "drivers": [
            [path, index] for path, index in _rows(sections, "drivers", 2) if isinstance(path, str) and _is_index(index)
        ],
        "curves": [
            [place, path, index]
            for place, path, index in _rows(sections, "curves", 3)
            if _is_index(place) and isinstance(path, str) and _is_index(index)
        ],
    }


def _rows(sections: dict[str, Any], name: str, width: int) -> Iterator[list[Any]]:
    """Rows of a section that are lists of its width."""
    section = sections.get(name)
    for row in section if isinstance(section, list) else ():
        if isinstance(row, list) and len(cast("list[Any]", row)) == width:
            yield cast("list[Any]", row)


def _is_index(value: Any) -> bool:
    return isinstance(value, int) and -1 <= value < 1 << 31


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _MAX_NUMBER


def _are_numbers(values: Any) -> bool:
    return isinstance(values, list) and all(map(_is_number, cast("list[Any]", values)))


def _restore(owner: Any) -> None:
    state = _read_state(owner)
    del owner[SAVED_STATE]
    # a value that Blender refuses leaves the others to be restored
    blocks = getattr(owner, "key_blocks", {})
    for name, value in state["values"].items():
        with suppress(Exception):
            if name in blocks:
                blocks[name].value = value
    for bone, attribute, value in state["turns"]:
        with suppress(Exception):
            target = owner if bone is None else owner.pose.bones.get(bone)
            if target is not None and len(getattr(target, attribute)) == len(value):
                setattr(target, attribute, value)
    for path, index, value in state["numbers"]:
        with suppress(Exception):
            if get_value(owner, path, index) is not None:
                set_value(owner, path, index, value=value)
    _unmute(owner, state)
    owner.update_tag()


def _unmute(owner: Any, state: dict[str, Any]) -> None:
    data, drivers = getattr(owner, "animation_data", None), state["drivers"]
    for d in data.drivers if drivers and data is not None else ():
        if [d.data_path, d.array_index] in drivers:
            d.mute = False
    if not isinstance(owner, bpy.types.Action):
        return
    muted = {(path, index) for _, path, index in state["curves"]}
    places = {place for place, _, _ in state["curves"]}
    for k, curve in enumerate(compat.all_fcurves(owner) if muted else ()):
        if k in places and (curve.data_path, curve.array_index) in muted:
            curve.mute = False

"""What plays on a face: actions assigned to its datablocks, and NLA strips."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

from .. import compat
from ..character.face import Face
from .keying import KeyingResult
from .scene_time import curve_step
from .take_action import Part, TakeAction


def leave_tweak_mode(face: Face) -> None:
    """End editing of a strip's action, during which no other action can be assigned."""
    for owner in face.owners:
        if owner.animation_data is not None and owner.animation_data.use_tweak_mode:
            owner.animation_data.use_tweak_mode = False


def play(face: Face, keyed: KeyingResult) -> list[str]:
    """Put the curves of a keyed take on the face. Returns notes about what made room.

    An action of someone else that played before is kept below the take as an NLA strip, so a body goes on walking while
    the head is keyed. Where this take moves nothing (no head angles), an earlier take is taken off, and what it moved
    goes back to rest.
    """
    notes = []
    leave_tweak_mode(face)
    for owner, action in keyed.owner_actions:
        previous = owner.animation_data.action if owner.animation_data else None
        if previous is not None and previous != action and TakeAction(previous).is_baked:
            _reset_released(owner, compat.playing_fcurves(owner), compat.fcurves_of(action, owner))
        elif previous is not None and previous != action:
            compat.push_down(owner)
            notes.append(
                f"The previous action '{previous.name}' of {owner.name} plays on as an NLA strip below the take"
            )
        compat.assign_action(action, owner)
    animated = [owner for owner, _ in keyed.owner_actions]
    for owner in face.owners:
        action = _assigned_action(owner)
        if owner not in animated and action is not None and TakeAction(action).is_baked:
            owner.animation_data.action = None
            if owner == face.head_object and face.head_bone is not None:
                owner.pose.bones[face.head_bone].matrix_basis.identity()
    return notes


def _reset_released(owner: Any, previous: Any, current: Any) -> None:
    """Reset what an earlier take moved on a datablock, and this one does not."""
    released_paths = {curve.data_path for curve in previous or ()} - {curve.data_path for curve in current}
    for path in released_paths:
        if path.startswith(("key_blocks[", "pose.bones[")):
            holder, _, name = path.rpartition(".")
            with suppress(ValueError, TypeError):  # deleted, or a property of the user's
                owner.path_resolve(holder).property_unset(name)


def _assigned_action(owner: Any) -> Any:
    return None if owner.animation_data is None else owner.animation_data.action


def playing_action(face: Face) -> Any:
    """Return the action of a take that plays on a face; None where none does."""
    actions = [_assigned_action(owner) for owner in face.owners]
    return next((a for a in actions if a is not None and TakeAction(a).is_take), None)


def baked_actions(face: Face) -> list[tuple[Any, Any]]:
    """Return the datablocks of a face with the assigned actions that were baked here."""
    assigned = [(owner, _assigned_action(owner)) for owner in face.owners]
    return [(owner, action) for owner, action in assigned if action is not None and TakeAction(action).is_baked]


def playing_actions(owner: Any) -> list[Any]:
    """Return what plays on a datablock: the assigned action, and those in strips."""
    return [a for a in (_assigned_action(owner), *compat.strip_actions(owner)) if a is not None]


def frames_of_actions(face: Face, scene: Any) -> tuple[int, int] | None:
    """Return the first and last frame of the timeline that the assigned actions of a face key; None without any."""
    ranges = [a.frame_range for a in map(_assigned_action, face.owners) if a is not None]
    if not ranges:
        return None
    step = curve_step(scene)
    return math.ceil(min(r[0] for r in ranges) / step - 1e-3), math.floor(max(r[1] for r in ranges) / step + 1e-3)


def is_playing(keyed: KeyingResult) -> bool:
    """Whether the actions of a keyed take play already, on every datablock that they animate."""
    return all(action in playing_actions(owner) for owner, action in keyed.owner_actions)


def add_strip(owner: Any, action: Any, frame: float, *, mute: bool) -> None:
    """Put an action into an NLA track of its own, unless it is in one already."""
    if action in compat.strip_actions(owner):
        return
    data = owner.animation_data or owner.animation_data_create()
    if data.action == action:
        data.action = None
    track = compat.add_strip(owner, action, frame)
    track.mute, track.strips[0].extrapolation = mute, "NOTHING" if mute else "HOLD_FORWARD"


def unobserved_tracks(face: Face) -> list[Any]:
    """Return the NLA tracks of a face that hold the channels that no sensor sees."""

    def is_unobserved(action: Any) -> bool:
        return action is not None and TakeAction(action).part == Part.UNOBSERVED

    tracks = [t for o in face.owners if o.animation_data is not None for t in o.animation_data.nla_tracks]
    return [t for t in tracks if any(is_unobserved(s.action) for s in t.strips)]

"""Names of clips in exported files."""

from __future__ import annotations

from typing import Any

from .. import compat
from ..animation.playback import playing_action
from ..animation.take_action import TakeAction
from ..character.face import Face


def clip_name(face: Face) -> str:
    """Return the name of the animation in the file: that of the current take."""
    action = playing_action(face)
    if action is None:
        action = next(
            (
                o.animation_data.action
                for o in face.owners
                if o.animation_data is not None and o.animation_data.action is not None
            ),
            None,
        )
    return face.name if action is None else take_name(action)


def take_name(action: Any) -> str:
    """Return an action's name; before slots, where a take is an action per datablock, the take's."""
    return action.name if compat.supports_shared_action() else TakeAction(action).take_name

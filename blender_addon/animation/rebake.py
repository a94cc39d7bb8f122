"""Bake a take again with the options of its action, at once when one of them is changed."""

from __future__ import annotations

from typing import Any

import bpy

from ...core.errors import InnerfaceError
from ..character.face import Face, faces
from ..properties import bake_options as option_properties
from .bake import bake_options, bake_take
from .keying import KeyingResult
from .loaded_take import LoadedTake, cached_take, retime
from .playback import playing_actions
from .take_action import TakeAction

errors: dict[str, str] = {}  # by action's name: why its options cannot be applied; shown in the panel
_blocked: list[bool] = []  # while options are set by `set_options`


def store_options(action: Any, options: Any) -> None:
    """Keep the options (`InnerfaceBake`) that an action was baked with in it."""
    names = [n for n in options.bl_rna.properties.keys() if n not in ("rna_type", "name")]  # noqa: SIM118
    set_options(action.innerface, **{name: getattr(options, name) for name in names})


def set_options(options: Any, **values: Any) -> None:
    """Set options of an action without baking it again."""
    _blocked.append(True)
    try:
        for name, value in values.items():
            setattr(options, name, value)
    finally:
        _blocked.pop()


def rebake(face: Face, action: Any, loaded: LoadedTake, *, scene: Any) -> KeyingResult:
    """Bake a take again with the options of its action, in the same place. Raises InnerfaceError."""
    take_action = TakeAction(action)
    slope = take_action.clock_slope
    options = bake_options(
        action.innerface, loaded.from_sensors, start=take_action.start_frame, first=take_action.first_frame
    )
    keyed = bake_take(face, retime(loaded, slope), scene, options=options)
    store_clock_slope(keyed, slope)
    keyed.notes += take_action.problems
    return keyed


def store_clock_slope(keyed: KeyingResult, slope: float) -> None:
    """Keep the slope of the take's clock in the actions of a bake."""
    for take_action in [TakeAction(action) for action in keyed.actions]:
        if take_action.is_take:
            take_action.clock_slope = slope


def face_of_action(action: Any) -> Face | None:
    """Return the face in the scene that an action animates."""
    for face in faces(list(bpy.context.scene.objects)):
        if any(action in playing_actions(owner) for owner in face.owners):
            return face
    return None


def _on_option_changed(action: Any) -> None:
    """Bake at once if the take is in memory, else when the user asks for it."""
    if _blocked:
        return
    loaded = cached_take(TakeAction(action).take_path)
    face = face_of_action(action) if loaded is not None else None
    if loaded is None or face is None:
        return
    try:
        rebake(face, action, loaded, scene=bpy.context.scene)
        errors.pop(action.name, None)
    except InnerfaceError as error:  # Blender's callback cannot report it
        errors[action.name] = str(error)


def register() -> None:
    """Bake again whenever an option of an action is changed."""
    option_properties.change_listeners.append(_on_option_changed)


def unregister() -> None:
    """Undo `register`."""
    option_properties.change_listeners.remove(_on_option_changed)

"""Differences between Blender 4.2 and 5.2."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import bpy

_CYCLES_EXTRA_FRAMES = 100_000.0  # frames


def has_slots() -> bool:
    """Whether actions keep one slot per datablock (4.4 and later)."""
    return "slots" in bpy.types.Action.bl_rna.properties


def fcurves_of(action: Any, datablock: Any, create: bool = True) -> Any:
    """Return the F-curves of `action` for `datablock`, creating slot, layer, strip and channelbag as needed.

    Before 4.4 an action animates one type of datablock, and its own list is returned. None if there is nothing and
    `create` is false.
    """
    if not has_slots():
        if create and not action.fcurves:
            action.id_root = datablock.id_type
        return action.fcurves
    data = datablock.animation_data
    playing = data.action_slot if data is not None and data.action == action else None
    slot = playing or slot_of(action, datablock, create)
    if slot is None:
        return None
    if not action.layers:
        if not create:
            return None
        action.layers.new("Layer")
    layer = action.layers[0]
    if not layer.strips:
        if not create:
            return None
        layer.strips.new(type="KEYFRAME")
    bag = layer.strips[0].channelbag(slot, ensure=create)
    return None if bag is None else bag.fcurves


def slot_of(action: Any, datablock: Any, create: bool) -> Any:
    """Return the slot of `action` that animates `datablock`, by the datablock's name."""
    for slot in action.slots:
        if slot.target_id_type == datablock.id_type and slot.name_display == datablock.name:
            return slot
    return action.slots.new(id_type=datablock.id_type, name=datablock.name) if create else None


def assign_action(action: Any, datablock: Any) -> None:
    """Assign `action` to `datablock`, with its slot: an action without a slot plays nothing."""
    data = datablock.animation_data or datablock.animation_data_create()
    if data.action == action and (not has_slots() or data.action_slot is not None):
        return  # its slot may be called otherwise
    data.action = action
    if has_slots() and action is not None:
        data.action_slot = slot_of(action, datablock, create=True)


@dataclass(frozen=True)
class AnimationState:
    """What plays on a datablock: `action` and `slot`, or None, and the names of its NLA `tracks`."""

    action: Any = None
    slot: Any = None
    tracks: tuple[str, ...] = ()


def animation_state(datablock: Any) -> AnimationState:
    """Return what plays on a datablock, for `restore_animation`."""
    data = datablock.animation_data
    if data is None:
        return AnimationState()
    slot = data.action_slot if has_slots() else None
    return AnimationState(data.action, slot, tuple(t.name for t in data.nla_tracks))


def restore_animation(datablock: Any, state: AnimationState) -> None:
    """Restore a state of `animation_state`; NLA tracks that were added since are removed."""
    data = datablock.animation_data
    if data is None:
        return
    for track in [t for t in data.nla_tracks if t.name not in state.tracks]:
        data.nla_tracks.remove(track)
    data.action = state.action
    if state.action is not None and state.slot is not None:
        data.action_slot = state.slot


def playing_fcurves(datablock: Any) -> Any:
    """Return the F-curves of the action and slot that are assigned to a datablock; None where there are none."""
    data = datablock.animation_data
    if data is None or data.action is None or (has_slots() and data.action_slot is None):
        return None
    return fcurves_of(data.action, datablock, create=False)


def push_down(datablock: Any) -> None:
    """Keep the current action of `datablock` as an NLA strip below the next one."""
    data = datablock.animation_data
    action, start = data.action, float(data.action.frame_range[0])
    cycles = any(m.type == "CYCLES" for c in all_fcurves(action) for m in c.modifiers)
    track = add_strip(datablock, action, start, slot=data.action_slot if has_slots() else None)
    data.action = None
    if cycles:  # it is to go on
        track.strips[0].action_frame_end += _CYCLES_EXTRA_FRAMES
    track.strips[0].frame_start = start


def animates(action: Any, datablock: Any) -> bool:
    """Whether `action` holds curves for `datablock`."""
    if has_slots():
        return slot_of(action, datablock, create=False) is not None
    return action.id_root == datablock.id_type and bool(action.fcurves)


def all_fcurves(action: Any) -> Iterable[Any]:
    """Yield every curve of an action, whatever it animates."""
    if not has_slots():
        yield from action.fcurves
        return
    for layer in action.layers:
        for strip in layer.strips:
            for bag in strip.channelbags:
                yield from bag.fcurves


def strip_actions(datablock: Any) -> list[Any]:
    """Return the actions in a datablock's NLA strips."""
    data = datablock.animation_data
    return [] if data is None else [s.action for track in data.nla_tracks for s in track.strips if s.action is not None]


def add_strip(datablock: Any, action: Any, frame: float, *, slot: Any = None) -> Any:
    """Add an NLA track with a strip of `action`; `slot`: the strip's, None for the one that animates the datablock."""
    data = datablock.animation_data or datablock.animation_data_create()
    track = data.nla_tracks.new()
    track.name = action.name
    strip = track.strips.new(action.name, int(frame), action)
    if frame != int(frame):
        strip.frame_start = frame
    if has_slots():
        strip.action_slot = slot or slot_of(action, datablock, create=True)
    return track


def supports_shared_action() -> bool:
    """Whether one action can animate a whole face (several datablocks of different kinds)."""
    return has_slots()


def set_video_output(scene: Any) -> None:
    """Set the scene to render an H.264 MP4."""
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "VIDEO"
    settings.file_format = "FFMPEG"
    scene.render.ffmpeg.format = "MPEG4"
    scene.render.ffmpeg.codec = "H264"
    scene.render.ffmpeg.constant_rate_factor = "HIGH"


def set_image_output(scene: Any) -> None:
    """Set the scene to render a PNG."""
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format = "PNG"
    settings.color_mode = "RGB"


def sequencer_strips(editor: Any) -> Any:
    """Return the sequencer's strips, which are called sequences before 4.4."""
    return editor.strips if hasattr(editor, "strips") else editor.sequences

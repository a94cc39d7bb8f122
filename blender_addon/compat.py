"""All that differs between Blender 4.2 and 5.2, in one place."""

from __future__ import annotations

from typing import Any

import bpy


def has_slots() -> bool:
    """Whether actions keep one slot per datablock (4.4 and later)."""
    return "slots" in bpy.types.Action.bl_rna.properties


def fcurves_of(action: Any, datablock: Any, create: bool = True) -> Any:
    """The F-curves of `action` for `datablock`, creating slot, layer, strip and channelbag as needed.

    Before 4.4 an action animates one kind of datablock, and its own list is returned. None if nothing is there and
    `create` is false.
    """
    if not has_slots():
        if create and not action.fcurves:
            action.id_root = datablock.id_type
        return action.fcurves
    slot = slot_of(action, datablock, create)
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
    """The slot of `action` that animates `datablock`, by the datablock's name."""
    for slot in action.slots:
        if slot.target_id_type == datablock.id_type and slot.name_display == datablock.name:
            return slot
    return action.slots.new(id_type=datablock.id_type, name=datablock.name) if create else None


def assign(action: Any, datablock: Any) -> None:
    """Make `action` the one that plays on `datablock`: an action without its slot set plays nothing."""
    data = datablock.animation_data or datablock.animation_data_create()
    data.action = action
    if has_slots() and action is not None:
        data.action_slot = slot_of(action, datablock, create=True)


def push_down(datablock: Any) -> None:
    """Keep what plays on `datablock` as an NLA strip under whatever plays next."""
    data = datablock.animation_data
    action = data.action
    track = data.nla_tracks.new()
    track.name = action.name
    strip = track.strips.new(action.name, int(action.frame_range[0]), action)
    if has_slots():
        strip.action_slot = data.action_slot
    data.action = None


def animates(action: Any, datablock: Any) -> bool:
    """Whether `action` holds curves for `datablock`."""
    if has_slots():
        return slot_of(action, datablock, create=False) is not None
    return action.id_root == datablock.id_type and any(f is not None for f in action.fcurves)


def add_strip(datablock: Any, action: Any, frame: int, name: str, mute: bool) -> Any:
    """An NLA track of its own for `action`, with the strip's slot set."""
    data = datablock.animation_data or datablock.animation_data_create()
    track = data.nla_tracks.new()
    track.name, track.mute = name, mute
    strip = track.strips.new(name, frame, action)
    if has_slots():
        strip.action_slot = slot_of(action, datablock, create=True)
    strip.extrapolation = "HOLD_FORWARD" if not mute else "NOTHING"
    return strip


def shared_action() -> bool:
    """Whether one action can animate a whole face (several datablocks of different kinds)."""
    return has_slots()


def set_video_output(scene: Any) -> None:
    """Let the scene render to an H.264 MP4."""
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "VIDEO"
    settings.file_format = "FFMPEG"
    scene.render.ffmpeg.format = "MPEG4"
    scene.render.ffmpeg.codec = "H264"
    scene.render.ffmpeg.constant_rate_factor = "HIGH"


def set_image_output(scene: Any) -> None:
    """Let the scene render to a PNG."""
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format = "PNG"
    settings.color_mode = "RGB"

"""What can keep keyed animation from showing: of curves, of meshes, of shape keys, of bones; each with its remedy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from .. import compat
from .evaluation import group_weights


@dataclass(frozen=True)
class Obstacle:
    """Why something does not show, and what to do: parts of one sentence."""

    reason: str
    remedy: str


def of_datablock(owner: Any, action: Any, name: str) -> Obstacle | None:
    """Return what keeps an action from playing on a datablock of the object `name`; None where it plays alone."""
    data = owner.animation_data
    if data is None or (data.action != action and action not in compat.strip_actions(owner)):
        return Obstacle(f"the action '{action.name}' is not assigned to {name}", "assign it in the Action editor")
    if data.action == action:
        if compat.has_slots() and data.action_slot is None:
            return Obstacle(
                f"the action '{action.name}' plays no slot on {name}", "choose its slot in the Action editor"
            )
        if compat.has_slots() and compat.playing_fcurves(owner) is None:
            return Obstacle(
                f"the slot '{data.action_slot.name_display}' of '{action.name}' holds nothing for {name}",
                "choose the slot of that name in the Action editor",
            )
        if (solo := _of_solo(data, name)) is not None:
            return solo
        if data.action_influence < 1:
            return Obstacle(
                f"the action of {name} has an influence of {data.action_influence:.2f}",
                "set Influence to 1 in the NLA editor",
            )
        if data.action_blend_type != "REPLACE":
            return Obstacle(
                f"the action of {name} is blended by {data.action_blend_type.title()} with what is below",
                "set Blending to Replace in the NLA editor",
            )
        return None
    return _of_strip(owner, action, name)


def _of_strip(owner: Any, action: Any, name: str) -> Obstacle | None:
    data = owner.animation_data
    if not data.use_nla:
        return Obstacle(f"the NLA of {name} is turned off", "turn it on in the NLA editor")
    for track in data.nla_tracks:
        for strip in [s for s in track.strips if s.action == action]:
            if track.mute or strip.mute:
                return Obstacle(f"the NLA track '{track.name}' of {name} is muted", "unmute it in the NLA editor")
            if (solo := _of_solo(data, name, but=track)) is not None:
                return solo
            if strip.influence < 1:
                return Obstacle(
                    f"the NLA strip '{strip.name}' of {name} has an influence of {strip.influence:.2f}",
                    "set it to 1 in the NLA editor",
                )
    if data.action is not None:
        return Obstacle(f"the action '{data.action.name}' plays over the NLA of {name}", "stash it, or mute its curves")
    return None


def _of_solo(data: Any, name: str, but: Any = None) -> Obstacle | None:
    """Return that another NLA track than `but` plays solo; None where none does."""
    solo = next((t for t in data.nla_tracks if t.is_solo and t != but), None) if data.use_nla else None
    return None if solo is None else Obstacle(f"the NLA track '{solo.name}' of {name} plays solo", "turn its star off")


def of_curve(owner: Any, curve: Any) -> Obstacle | None:
    """Return what keeps a curve of a playing action from setting its property."""
    if curve.mute or (curve.group is not None and curve.group.mute):
        what = "its curve is muted" if curve.mute else f"the group '{curve.group.name}' of its curve is muted"
        return Obstacle(what, "unmute it in the Graph editor")
    drivers = owner.animation_data.drivers if owner.animation_data is not None else ()
    if any(d.data_path == curve.data_path and d.array_index == curve.array_index and not d.mute for d in drivers):
        return Obstacle("a driver controls it", "remove the driver in the Drivers editor")
    active = [m for m in curve.modifiers if not m.mute]
    if active:
        return Obstacle(
            f"the modifier {active[0].type.replace('_', ' ').title()} of its curve changes it",
            "remove that in the Graph editor's sidebar",
        )
    if not curve.is_valid:
        return Obstacle("its curve names nothing that exists", "bake the take again")
    return None


def of_object(obj: Any, scene: Any) -> Obstacle | None:
    """Return why an object is not shown in a scene's view layer."""
    layer = scene.view_layers[0] if bpy.context.scene != scene else bpy.context.view_layer
    if obj.name not in layer.objects:
        collection = next((c for c in obj.users_collection if _layer_state(layer, c, "exclude")), None)
        if collection is not None:
            return Obstacle(
                f"its collection '{collection.name}' is excluded from the view layer '{layer.name}'",
                "tick the collection in the Outliner",
            )
        return Obstacle(f"it is not in the view layer '{layer.name}'", "link it to a collection of the scene")
    if obj.hide_viewport:
        return Obstacle("it is disabled in viewports", "enable its monitor icon in the Outliner")
    hidden = next((c for c in obj.users_collection if c.hide_viewport or _layer_state(layer, c, "hide_viewport")), None)
    if hidden is not None and not obj.visible_get(view_layer=layer):
        return Obstacle(f"its collection '{hidden.name}' is hidden", "show the collection in the Outliner")
    if obj.hide_get(view_layer=layer):
        return Obstacle("it is hidden", "show it with its eye icon in the Outliner")
    if not obj.visible_get(view_layer=layer):
        return Obstacle("a collection above it is hidden", "show the collection in the Outliner")
    return None


def _layer_state(layer: Any, collection: Any, attribute: str) -> bool:
    """Whether a view layer excludes or hides a collection, or one above it."""
    pending = [(layer.layer_collection, False)]
    states = []
    while pending:
        node, inherited = pending.pop()
        state = inherited or getattr(node, attribute)
        if node.collection == collection:
            states.append(state)
        pending += [(child, state) for child in node.children]
    return bool(states) and all(states)


def of_shape_keys(obj: Any) -> Obstacle | None:
    """Return what keeps all shape keys of a mesh from playing."""
    key = obj.data.shape_keys
    if not key.use_relative:
        return Obstacle(
            "its shape keys are absolute, so that their values have no effect",
            "turn Relative on in the mesh's Shape Keys",
        )
    if obj.show_only_shape_key:
        pinned = obj.active_shape_key.name if obj.active_shape_key is not None else ""
        return Obstacle(
            f"it is pinned to show the shape key '{pinned}' only", "turn Solo Active Shape (the pin) off in Shape Keys"
        )
    if obj.mode == "EDIT" and not obj.use_shape_key_edit_mode:
        return Obstacle("it is in Edit Mode, which shows one shape key", "leave Edit Mode")
    return None


def of_shape_key(obj: Any, block: Any, offsets: np.ndarray) -> Obstacle | None:
    """Return what keeps one shape key from moving its mesh, by `offsets` (V, 3) at value 1."""
    if block.mute:
        return Obstacle("muted in Shape Keys", "tick the checkbox there")
    if offsets.any():
        hiding = _hiding_mask(obj, offsets)
        if hiding is not None:
            return Obstacle(
                f"the modifier '{hiding}' hides what it moves", "turn the modifier off, or change its group"
            )
        return None
    if block.vertex_group and block.vertex_group in obj.vertex_groups:
        return Obstacle(
            f"the vertex group '{block.vertex_group}' masks it entirely", "paint the group, or clear it in Shape Keys"
        )
    return Obstacle(
        f"its shape equals '{block.relative_key.name}', which it is relative to", "sculpt the shape, or transfer it"
    )


def _hiding_mask(obj: Any, offsets: np.ndarray) -> str | None:
    """Return the modifier that masks all vertices that a shape key moves."""
    masks = [m for m in obj.modifiers if m.type == "MASK" and m.show_viewport and m.mode == "VERTEX_GROUP"]
    moving = np.flatnonzero(offsets.any(axis=1)) if masks else np.zeros(0, dtype=int)
    for mask in masks:
        if mask.vertex_group in obj.vertex_groups:
            inside = group_weights(obj, mask.vertex_group, moving) > mask.threshold
            if not (inside ^ mask.invert_vertex_group).any():
                return mask.name
    return None


def of_follower(rig: Any, bone: Any, obj: Any) -> Obstacle | None:
    """Return why a mesh does not seem to follow a bone; None where it does, or follows by other ways than skinning."""
    if rig.data.pose_position == "REST":
        return Obstacle(f"{rig.name} shows its rest position", "choose Pose Position in the rig's Skeleton settings")
    bones = {bone.name, *(child.name for child in bone.children_recursive)}
    if any(o.parent == rig and o.parent_type == "BONE" and o.parent_bone in bones for o in _with_parents(obj)):
        return None
    modifiers = [m for m in obj.modifiers if m.type == "ARMATURE" and m.object == rig]
    if not modifiers:
        if obj.parent == rig and obj.parent_type == "ARMATURE":
            return None
        return Obstacle(f"{obj.name} is not skinned to {rig.name}", "add an Armature modifier with that rig")
    enabled = [m for m in modifiers if m.show_viewport]
    if not enabled:
        return Obstacle(
            f"the modifier '{modifiers[0].name}' of {obj.name} is off in the viewport", "turn it on for the viewport"
        )
    if any(m.use_bone_envelopes for m in enabled):
        return None
    groups = [g.name for g in obj.vertex_groups if g.name in bones]
    if not any(m.use_vertex_groups for m in enabled):
        return Obstacle(
            f"the modifier '{enabled[0].name}' of {obj.name} uses no vertex groups", "turn Vertex Groups on"
        )
    if not groups:
        return Obstacle(f"{obj.name} has no vertex group of the bone '{bone.name}'", "weight the mesh to the bone")
    deforming = [g for g in groups if rig.data.bones[g].use_deform]
    if not deforming:
        return Obstacle(f"Deform of the bone '{groups[0]}' is off", "turn Deform on in the bone's settings")
    indices = {obj.vertex_groups[g].index for g in deforming}
    if not any(g.group in indices and g.weight > 0 for v in obj.data.vertices for g in v.groups):
        return Obstacle(f"the vertex group '{deforming[0]}' of {obj.name} is empty", "weight the mesh to the bone")
    return None


def _with_parents(obj: Any) -> list[Any]:
    out = [obj]
    while out[-1].parent is not None:
        out.append(out[-1].parent)
    return out


def holding_constraint(target: Any) -> Any:
    """Return the constraint of a bone or an object that most likely holds it: the last active one."""
    active = [c for c in target.constraints if not c.mute and c.influence > 0]
    return active[-1] if active else None

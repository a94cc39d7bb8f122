"""Does what was keyed move? One test for each thing that can keep it from moving."""

import math

import innerface.blender_addon.animation.motion_check
import innerface.blender_addon.character.face
import innerface.core.take
import numpy as np
import pytest

from ..conftest import key_and_play

KEYS = ("jawOpen", "eyeBlinkLeft", "mouthSmileLeft", "mouthPucker")
FRAMES = 25


def add_head(scene, name="Head", rings=8):
    """A sphere with shape keys that move separate rings, skinned to a rig with neck and head."""
    import bpy

    angles = [(math.pi * i / rings, 2 * math.pi * j / rings) for i in range(rings + 1) for j in range(rings)]
    places = [(0.1 * math.sin(a) * math.cos(b), 0.1 * math.sin(a) * math.sin(b), 0.1 * math.cos(a)) for a, b in angles]
    faces = [
        (i * rings + j, i * rings + (j + 1) % rings, (i + 1) * rings + (j + 1) % rings, (i + 1) * rings + j)
        for i in range(rings)
        for j in range(rings)
    ]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(places, [], faces)
    obj = bpy.data.objects.new(name, mesh)
    scene.collection.objects.link(obj)
    obj.shape_key_add(name="Basis")
    for k, key in enumerate(KEYS):
        block = obj.shape_key_add(name=key, from_mix=False)
        for i in range((k + 1) * rings, (k + 2) * rings):
            block.data[i].co.z -= 0.02
    return obj


def add_rig(scene, obj):
    import bpy

    rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    neck, bone = (rig.data.edit_bones.new(n) for n in ("neck", "head"))
    neck.head, neck.tail = (0, 0, -0.2), (0, 0, -0.1)
    bone.head, bone.tail, bone.parent = (0, 0, -0.1), (0, 0, 0.1), neck
    bpy.ops.object.mode_set(mode="OBJECT")
    rig.pose.bones["head"].rotation_mode = "QUATERNION"
    obj.modifiers.new("Armature", "ARMATURE").object = rig
    obj.vertex_groups.new(name="head").add(range(len(obj.data.vertices)), 1.0, "REPLACE")
    return rig


def take(with_head=True):
    phase = np.arange(FRAMES)[:, None] / FRAMES * 2 * np.pi + np.arange(len(KEYS))
    values = 0.5 + 0.5 * np.sin(phase)
    angles = 0.4 * np.sin(np.arange(FRAMES)[:, None] / FRAMES * 2 * np.pi) * np.array([1.0, 0.5, 0.2])
    columns = (*KEYS, "headYaw", "headPitch", "headRoll") if with_head else KEYS
    return innerface.core.take.Track(
        "weights", np.arange(FRAMES) / 24, columns, np.hstack([values, angles]) if with_head else values
    )


@pytest.fixture
def character(scene):
    obj = add_head(scene)
    return obj, add_rig(scene, obj)


def notes(scene, spoil_before=None, spoil_after=None, track=None):
    """Key a take on the face in the scene, and say what does not move."""
    import bpy

    check = innerface.blender_addon.animation.motion_check
    if spoil_before is not None:
        spoil_before()
    face = innerface.blender_addon.character.face.find_face(list(scene.objects))
    keyed = key_and_play(face, track or take(), "take", scene)
    if spoil_after is not None:
        spoil_after()
    bpy.context.view_layer.update()
    frame = scene.frame_current
    still = check.find_still(
        face, scene, keyed.owner_actions, frames=(keyed.first_frame, keyed.first_frame + keyed.frames - 1)
    )
    assert scene.frame_current == frame, "the playhead is where it was"
    return check.notes_of(still)


def key_of(obj):
    return obj.data.shape_keys


def test_nothing_is_said_of_a_face_that_moves(scene, character):
    assert notes(scene) == []


def test_nothing_is_said_of_the_bundled_head(scene, head):
    import innerface.core.performance

    assert notes(scene, track=innerface.core.performance.demo_performance(1).weights()) == []


def test_nothing_is_said_of_a_still_take_or_of_channels_that_the_take_does_not_move(scene, character):
    obj, _ = character
    key_of(obj).key_blocks["jawOpen"].mute = True
    values = np.zeros((FRAMES, len(KEYS)))
    values[:, 1] = 0.3
    assert notes(scene, track=innerface.core.take.Track("weights", np.arange(FRAMES) / 24, KEYS, values)) == []


def spoil_mute(obj, rig):
    key_of(obj).key_blocks["jawOpen"].mute = True


def spoil_absolute(obj, rig):
    key_of(obj).use_relative = False


def spoil_pin(obj, rig):
    obj.show_only_shape_key, obj.active_shape_key_index = True, 2


def spoil_empty_key(obj, rig):
    blocks = key_of(obj).key_blocks
    for a, b in zip(blocks["jawOpen"].data, blocks["Basis"].data):
        a.co = b.co


def spoil_vertex_group(obj, rig):
    obj.vertex_groups.new(name="Beard").add([0], 1.0, "REPLACE")
    key_of(obj).key_blocks["jawOpen"].vertex_group = "Beard"


def spoil_mask(obj, rig):
    obj.vertex_groups.new(name="Scalp").add(range(8), 1.0, "REPLACE")
    mask = obj.modifiers.new("Hide", "MASK")
    mask.vertex_group = "Scalp"


def spoil_visibility(obj, rig):
    obj.hide_viewport = True


def spoil_eye_icon(obj, rig):
    obj.hide_set(True)


def _collection(obj):
    import bpy

    collection = bpy.data.collections.new("Character")
    scene = bpy.context.scene
    scene.collection.children.link(collection)
    collection.objects.link(obj)
    scene.collection.objects.unlink(obj)
    return bpy.context.view_layer.layer_collection.children["Character"]


def spoil_excluded(obj, rig):
    _collection(obj).exclude = True


def spoil_hidden_collection(obj, rig):
    _collection(obj).hide_viewport = True


def spoil_constraint(obj, rig):
    constraint = rig.pose.bones["head"].constraints.new("COPY_ROTATION")
    constraint.target, constraint.subtarget = rig, "neck"


def spoil_limit(obj, rig):
    limit = rig.pose.bones["head"].constraints.new("LIMIT_ROTATION")
    limit.use_limit_x = limit.use_limit_y = limit.use_limit_z = True
    limit.owner_space = "LOCAL"


def spoil_rest_position(obj, rig):
    rig.data.pose_position = "REST"


def spoil_armature_off(obj, rig):
    obj.modifiers["Armature"].show_viewport = False


def spoil_skin(obj, rig):
    obj.vertex_groups.remove(obj.vertex_groups["head"])


def spoil_deform(obj, rig):
    rig.data.bones["head"].use_deform = False


def spoil_remesh(obj, rig):
    """A modifier that replaces the mesh by another one, which stands still."""
    import bpy

    group = bpy.data.node_groups.new("Replace", "GeometryNodeTree")
    group.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    cube, out = group.nodes.new("GeometryNodeMeshCube"), group.nodes.new("NodeGroupOutput")
    group.links.new(cube.outputs["Mesh"], out.inputs[0])
    obj.modifiers.new("Replace", "NODES").node_group = group


BEFORE = {
    spoil_mute: ("'jawOpen' of Head", "muted"),
    spoil_absolute: ("not show on Head", "Relative"),
    spoil_pin: ("not show on Head", "eyeBlinkLeft"),
    spoil_empty_key: ("'jawOpen' of Head", "equals 'Basis'"),
    spoil_vertex_group: ("'jawOpen' of Head", "'Beard'"),
    spoil_mask: ("of Head", "'Hide'"),
    spoil_visibility: ("not show on Head", "disabled in viewports"),
    spoil_eye_icon: ("not show on Head", "hidden"),
    spoil_excluded: ("not show on Head", "'Character' is excluded"),
    spoil_hidden_collection: ("not show on Head", "'Character' is hidden"),
    spoil_constraint: ("'head' of Rig", "'Copy Rotation'"),
    spoil_limit: ("'head' of Rig", "'Limit Rotation'"),
    spoil_rest_position: ("'head' of Rig", "rest position"),
    spoil_armature_off: ("'head' of Rig", "'Armature' of Head is off"),
    spoil_skin: ("'head' of Rig", "no vertex group"),
    spoil_deform: ("'head' of Rig", "Deform"),
    spoil_remesh: ("not show on Head", "'Replace'"),
}


@pytest.mark.parametrize("spoil", BEFORE, ids=lambda f: f.__name__.removeprefix("spoil_"))
def test_what_keeps_the_face_from_moving_is_named_once_with_its_remedy(scene, character, spoil):
    found = notes(scene, lambda: spoil(*character))
    where, why = BEFORE[spoil]
    assert len(found) == 1 and where in found[0] and why in found[0] and "; " in found[0], found


def _curve(obj, name="jawOpen"):
    from innerface.blender_addon import compat

    return next(c for c in compat.playing_fcurves(key_of(obj)) if f'"{name}"' in c.data_path)


def spoil_curve(obj, rig):
    _curve(obj).mute = True


def spoil_curve_modifier(obj, rig):
    limits = _curve(obj).modifiers.new("LIMITS")
    limits.use_max_y, limits.max_y = True, 0.1


def spoil_influence(obj, rig):
    key_of(obj).animation_data.action_influence = 0.0


def spoil_blending(obj, rig):
    key_of(obj).animation_data.action_blend_type = "SUBTRACT"


def spoil_slot(obj, rig):
    key_of(obj).animation_data.action_slot = None


def spoil_wrong_slot(obj, rig):
    data = key_of(obj).animation_data
    data.action_slot = data.action.slots.new("KEY", "Other")


def spoil_other_action(obj, rig):
    import bpy

    key_of(obj).animation_data.action = bpy.data.actions.new("Other")


def spoil_muted_track(obj, rig):
    from innerface.blender_addon.animation import playback

    data = key_of(obj).animation_data
    playback.add_strip(key_of(obj), data.action, 0, mute=True)
    data.action = None


def spoil_solo_track(obj, rig):
    track = key_of(obj).animation_data.nla_tracks.new()
    track.is_solo = True


def spoil_driver(obj, rig):
    key_of(obj).driver_add('key_blocks["jawOpen"].value').driver.expression = "0.25"


AFTER = {
    spoil_curve: ("'jawOpen' of Head", "curve is muted"),
    spoil_curve_modifier: ("'jawOpen' of Head", "Limits"),
    spoil_influence: ("not show on Head", "influence of 0.00"),
    spoil_blending: ("not show on Head", "Subtract"),
    spoil_slot: ("not show on Head", "slot"),
    spoil_wrong_slot: ("not show on Head", "slot 'Other'"),
    spoil_other_action: ("not show on Head", "not assigned"),
    spoil_muted_track: ("not show on Head", "muted"),
    spoil_solo_track: ("not show on Head", "solo"),
    spoil_driver: ("'jawOpen' of Head", "driver"),
}


@pytest.mark.parametrize("spoil", AFTER, ids=lambda f: f.__name__.removeprefix("spoil_"))
def test_what_keeps_curves_from_playing_is_named_once_with_its_remedy(scene, character, spoil):
    if "slot" in spoil.__name__ and not innerface.blender_addon.compat.has_slots():
        pytest.skip("actions have slots from 4.4 on")
    found = notes(scene, spoil_after=lambda: spoil(*character))
    where, why = AFTER[spoil]
    assert len(found) == 1 and where in found[0] and why in found[0] and "; " in found[0], found


def test_a_control_that_moves_the_face_through_other_bones_is_no_obstacle(scene, character):
    """The head bone is a control without skin: what it moves follows it by constraints."""
    import bpy

    obj, rig = character
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    deforming = rig.data.edit_bones.new("DEF-skull")
    deforming.head, deforming.tail = (0, 0, -0.1), (0, 0, 0.1)
    bpy.ops.object.mode_set(mode="OBJECT")
    obj.vertex_groups["head"].name = "DEF-skull"
    constraint = rig.pose.bones["DEF-skull"].constraints.new("COPY_TRANSFORMS")
    constraint.target, constraint.subtarget = rig, "head"
    assert notes(scene) == []


def test_many_keys_of_one_reason_are_one_note(scene, character):
    obj, _ = character

    def mute_all():
        for block in key_of(obj).key_blocks[1:]:
            block.mute = True

    found = notes(scene, mute_all)
    assert len(found) == 1 and "'jawOpen', 'eyeBlinkLeft'" in found[0]


def test_three_frames_are_evaluated_whatever_the_length_of_the_take(scene, character):
    import bpy

    evaluated = []

    def count(*_):
        evaluated.append(scene.frame_current)

    bpy.app.handlers.frame_change_post.append(count)
    try:
        track = take()
        longer = innerface.core.take.Track(
            "weights", np.arange(20 * FRAMES) / 24, track.columns, np.tile(track.values, (20, 1))
        )
        assert notes(scene, track=longer) == []
    finally:
        bpy.app.handlers.frame_change_post.remove(count)
    assert len(evaluated) == 4, "and the current frame once more"


def _aim(obj):
    import bpy

    target = bpy.data.objects.new("Target", None)
    bpy.context.scene.collection.objects.link(target)
    constraint = obj.constraints.new("COPY_ROTATION")
    constraint.target = target
    return constraint


def test_an_object_that_a_constraint_holds_is_named(scene):
    obj = add_head(scene)
    found = notes(scene, lambda: _aim(obj))
    assert len(found) == 1 and "not show on Head" in found[0] and "'Copy Rotation'" in found[0]


@pytest.mark.parametrize("change", ["mute", "influence", "add"])
def test_constraints_that_leave_the_motion_are_no_obstacles(scene, character, change):
    _, rig = character

    def constrain():
        constraint = _aim(rig.pose.bones["head"])
        if change == "mute":
            constraint.mute = True
        elif change == "influence":
            constraint.influence = 0.0
        else:
            constraint.target.rotation_euler.x = 0.5
            constraint.mix_mode = "ADD"

    assert notes(scene, constrain) == []


def test_parts_of_a_face_are_told_apart(scene, character):
    """Teeth without skin stay behind while the head turns; the head itself is all right."""
    _, rig = character
    teeth = add_head(scene, "Teeth")
    teeth.parent = rig
    (note,) = notes(scene)
    assert "'head' of Rig" in note and "Teeth is not skinned to Rig" in note
    teeth.modifiers.new("Armature", "ARMATURE").object = rig
    (note,) = notes(scene)
    assert "'head' of Rig" in note and "Teeth has no vertex group" in note

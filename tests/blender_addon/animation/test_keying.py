import math

import innerface.blender_addon.animation.curves
import innerface.blender_addon.character.face
import innerface.blender_addon.character.lanes
import innerface.blender_addon.character.turns
import innerface.blender_addon.compat
import innerface.core.animation.frames
import innerface.core.errors
import innerface.core.face.channels
import innerface.core.performance
import innerface.core.take
import numpy as np
import pytest

from ..conftest import key_and_play, make_mesh

ARKIT_FEW = ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft")


def weights(columns=ARKIT_FEW, rows=61, rate=30.0, values=None, start=100.0):
    rng = np.random.default_rng(0)
    values = rng.uniform(0, 1, (rows, len(columns))) if values is None else values
    return innerface.core.take.Track("weights", start + np.arange(len(values)) / rate, columns, values)


def curve_of(owner, path, index=0):
    return innerface.blender_addon.compat.fcurves_of(owner.animation_data.action, owner, create=False).find(
        path, index=index
    )


def key_path(name):
    return innerface.blender_addon.character.lanes.shape_key_path(name)


def test_keys_follow_the_takes_own_time_at_fractional_rates(scene, head):
    scene.render.fps, scene.render.fps_base = 24, 1.001
    slow = 0.5 + 0.4 * np.sin(np.arange(301)[:, None] / 30 * np.array([2.0, 1.5, 1.0, 0.7]))
    track = weights(values=slow)
    keyed = key_and_play(head, track, "take", scene)
    assert keyed.frames == math.floor(10 * 24 / 1.001) + 1
    curve = curve_of(head.meshes[0].key, key_path("jawOpen"))
    turns = np.diff(np.sign(np.diff(track.column("jawOpen")))) != 0
    times = 100.0 + np.arange(keyed.frames) * 1.001 / 24
    calm = [
        f for f, t in enumerate(times) if not turns[max(int((t - 100) * 30) - 3, 0) : int((t - 100) * 30) + 3].any()
    ]  # peaks are moved onto frames
    assert len(calm) > 100
    for frame in (*calm, 0, keyed.frames - 1):
        want = np.interp(times[frame], track.time, track.column("jawOpen"))
        assert curve.evaluate(frame) == pytest.approx(want, abs=1e-5)


def test_the_face_really_moves_when_the_scene_plays(scene, head):
    import bpy

    track = weights(values=np.linspace(0, 1, 61)[:, None].repeat(4, 1))
    key_and_play(head, track, "take", scene)
    obj = head.meshes[0].object
    drop = []
    for frame in (0, 24, 48):
        scene.frame_set(frame)
        shape = obj.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
        drop.append(min(v.co.z for v in shape.vertices if abs(v.co.x) < 0.01 and v.co.y < -0.06))
    assert drop[0] > drop[1] + 0.005 > drop[2] + 0.01


def test_one_action_serves_the_whole_face_where_blender_has_slots(scene, head):
    angles = np.tile([0.2, 0.1, 0.0], (61, 1))
    track = weights(
        columns=(*ARKIT_FEW, "headYaw", "headPitch", "headRoll"), values=np.hstack([np.full((61, 4), 0.5), angles])
    )
    keyed = key_and_play(head, track, "take", scene)
    key = head.meshes[0].key
    if innerface.blender_addon.compat.supports_shared_action():
        assert len(keyed.actions) == 1
        assert key.animation_data.action == head.rig.animation_data.action
        assert key.animation_data.action_slot != head.rig.animation_data.action_slot
    assert key.animation_data.action.use_fake_user


@pytest.mark.parametrize(("channel", "axis", "sign"), [("headYaw", "x", 1), ("headPitch", "z", -1)])
def test_the_head_turns_left_for_positive_yaw_and_nods_down_for_positive_pitch(scene, head, channel, axis, sign):
    import bpy

    track = weights(columns=(*ARKIT_FEW, channel), values=np.hstack([np.zeros((61, 4)), np.full((61, 1), 0.3)]))
    key_and_play(head, track, "take", scene)
    obj = head.meshes[0].object
    nose = min(range(len(obj.data.vertices)), key=lambda i: obj.data.vertices[i].co.y)
    rest = obj.data.vertices[nose].co.copy()
    scene.frame_set(10)
    shape = obj.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    moved = shape.vertices[nose].co - rest
    assert sign * getattr(moved, axis) > 0.02
    neck = min(range(len(rest_z := [v.co.z for v in obj.data.vertices])), key=rest_z.__getitem__)
    assert (shape.vertices[neck].co - obj.data.vertices[neck].co).length < 1e-4, "the bust stays on its base"


def test_head_rotation_is_yaw_then_pitch_then_roll():
    rotation = innerface.blender_addon.character.turns.head_rotation(
        np.array([[np.pi / 2, 0, 0], [0, np.pi / 2, 0], [0, 0, np.pi / 2]])
    )
    forward = np.array([0, 0, 1.0])
    assert np.allclose(rotation[0] @ forward, [1, 0, 0])  # to the performer's left
    assert np.allclose(rotation[1] @ forward, [0, -1, 0])  # chin down
    assert np.allclose(rotation[2] @ [1, 0, 0], [0, 1, 0])  # left side up
    a, b, c = 0.3, -0.2, 0.1
    whole = innerface.blender_addon.character.turns.head_rotation(np.array([[a, b, c]]))[0]
    parts = innerface.blender_addon.character.turns.head_rotation(np.array([[a, 0, 0], [0, b, 0], [0, 0, c]]))
    assert np.allclose(whole, parts[0] @ parts[1] @ parts[2])


def test_reduced_keys_stay_within_the_tolerance_on_whole_frames(scene, head):
    track = innerface.core.performance.demo_performance(2).weights()
    keyed = key_and_play(head, track, "take", scene, tolerance=0.01)
    assert keyed.keys < keyed.dense_keys / 3
    frames = np.arange(keyed.frames)
    want = innerface.core.animation.frames.resample_to_frames(track, track.time[0] + frames / 24)
    for name in ("jawOpen", "eyeBlinkLeft", "mouthSmileLeft", "browInnerUp"):
        curve = curve_of(head.meshes[0].key, key_path(name))
        assert (
            np.abs(
                innerface.blender_addon.animation.curves.sample_curve(curve, frames)
                - want[:, innerface.core.face.channels.ARKIT.index(name)]
            ).max()
            <= 0.01
        )
        assert all(k.co.x == round(k.co.x) and k.interpolation == "BEZIER" for k in curve.keyframe_points)


def test_sliders_open_for_values_outside_and_the_user_is_told(scene, head):
    values = np.full((61, 4), 0.5)
    values[5, 0], values[6, 1] = 1.08, -0.02
    keyed = key_and_play(head, weights(values=values, rate=24.0), "take", scene)
    block = head.meshes[0].key.key_blocks["jawOpen"]
    scene.frame_set(5)
    curve = curve_of(head.meshes[0].key, key_path("jawOpen"))
    assert block.slider_max >= 1.08 and curve.evaluate(5) == pytest.approx(1.08, abs=1e-5)
    assert any("jawOpen" in note and "1.08" in note for note in keyed.notes)
    assert any("eyeBlinkLeft" in note for note in keyed.notes)


def test_a_driven_key_is_left_alone_and_its_driver_named(scene, head):
    key = head.meshes[0].key
    driver = key.driver_add(key_path("jawOpen")).driver
    variable = driver.variables.new()
    variable.targets[0].id = head.rig
    variable.targets[0].data_path = "location.x"
    keyed = key_and_play(head, weights(), "take", scene)
    assert any("jawOpen" in n and head.rig.name in n and "location.x" in n for n in keyed.notes)
    assert curve_of(key, key_path("jawOpen")) is None
    assert curve_of(key, key_path("eyeBlinkLeft")) is not None


def test_a_face_of_several_meshes_is_keyed_whole(scene):
    import bpy

    rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    scene.collection.objects.link(rig)
    head = make_mesh(scene, "Head", ARKIT_FEW, rig)
    lashes = make_mesh(scene, "Lashes", ("Eye_Blink_L", "Eye_Blink_R", "Mouth_Smile_L", "Jaw_Open", "Other"), rig)
    make_mesh(scene, "Hat", (), rig)
    face = innerface.blender_addon.character.face.find_face(list(scene.objects))
    assert {m.object for m in face.meshes} == {head, lashes}
    track = weights()
    key_and_play(face, track, "take", scene)
    for obj, name in ((head, "eyeBlinkLeft"), (lashes, "Eye_Blink_L")):
        curve = curve_of(obj.data.shape_keys, key_path(name))
        assert curve.evaluate(0) == pytest.approx(track.column("eyeBlinkLeft")[0], abs=1e-6)


def test_two_characters_are_not_mixed_up_in_silence(scene):
    for name in ("Anna", "Bert"):
        make_mesh(scene, name, ARKIT_FEW)
    with pytest.raises(innerface.core.errors.InnerfaceError, match="2 characters"):
        innerface.blender_addon.character.face.find_face(list(scene.objects))
    face = innerface.blender_addon.character.face.named_face(list(scene.objects), ["Bert"])
    assert face.meshes[0].object.name == "Bert"


def test_wrong_objects_are_refused_with_what_there_is(scene):
    make_mesh(scene, "Plain", ())
    make_mesh(scene, "Odd", ("Fat", "Thin", "Tall"))
    error, face = innerface.core.errors.InnerfaceError, innerface.blender_addon.character.face
    for name, words in (("Nobody", "Plain"), ("Plain", "no shape keys"), ("Odd", "Fat")):
        with pytest.raises(error, match=words) as told:
            face.named_face(list(scene.objects), [name])
        assert "\n" not in str(told.value)
    with pytest.raises(error, match="no mesh"):
        face.find_face(list(scene.objects))


def test_rows_without_a_face_are_bridged_and_never_keyed_as_nan(scene, head):
    values = np.random.default_rng(0).uniform(0, 1, (61, 4))
    values[20:30] = np.nan
    key_and_play(head, weights(values=values), "take", scene)
    curve = curve_of(head.meshes[0].key, key_path("jawOpen"))
    sampled = innerface.blender_addon.animation.curves.sample_curve(curve, np.arange(49))
    assert np.isfinite(sampled).all()
    assert sampled[20] == pytest.approx(
        np.interp(20 / 24, [19 / 30, 30 / 30], [values[19, 0], values[30, 0]]), abs=1e-5
    )


def test_a_take_of_one_frame_gives_one_key(scene, head):
    keyed = key_and_play(head, weights(rows=1), "take", scene)
    assert keyed.frames == 1
    keyed = key_and_play(head, weights(rows=1), "take", scene, tolerance=0.01)
    assert keyed.frames == 1


def test_head_angles_that_are_all_zero_key_no_rotation(scene, head):
    track = weights(columns=(*ARKIT_FEW, "headYaw"), values=np.hstack([np.full((61, 4), 0.5), np.zeros((61, 1))]))
    key_and_play(head, track, "take", scene)
    assert head.rig.animation_data is None or head.rig.animation_data.action is None


def test_a_key_fed_by_two_channels_gets_their_sum(scene):
    make_mesh(
        scene,
        "Meta",
        (
            "CTRL_expressions_mouthFunnelUL",
            "CTRL_expressions_jawOpen",
            "CTRL_expressions_eyeBlinkL",
            "CTRL_expressions_eyeBlinkR",
        ),
    )
    face = innerface.blender_addon.character.face.find_face(list(scene.objects))
    track = weights(columns=("mouthFunnel", "mouthPucker", "jawOpen"), values=np.full((61, 3), 0.2))
    key_and_play(face, track, "take", scene)
    curve = curve_of(face.meshes[0].key, key_path("CTRL_expressions_mouthFunnelUL"))
    rows = {c: w for c, k, w in face.meshes[0].match.targets if k == "CTRL_expressions_mouthFunnelUL"}
    assert set(rows) == {"mouthFunnel", "mouthPucker"}
    assert curve.evaluate(3) == pytest.approx(0.2 * sum(rows.values()), abs=1e-6)


ANGLES = ("headYaw", "headPitch", "headRoll")


def turning(yaw=0.3):
    values = np.hstack([np.full((61, 4), 0.5), np.tile([yaw, 0.0, 0.0], (61, 1))])
    return weights(columns=(*ARKIT_FEW, *ANGLES), values=values)


def test_every_part_of_a_face_plays_its_own_curves(scene, head):
    """Before 4.4 one action animates one kind of datablock: parts must not end up with each other's."""
    make_mesh(scene, "Lashes", ("eyeBlinkLeft", "eyeBlinkRight", "jawOpen"), head.rig)
    face = innerface.blender_addon.character.face.find_face(list(scene.objects))
    key_and_play(face, turning(), "T", scene)
    assert len(face.meshes) == 2
    for mesh in face.meshes:
        fcurves = innerface.blender_addon.compat.fcurves_of(mesh.key.animation_data.action, mesh.key, create=False)
        assert {c.data_path for c in fcurves} >= {key_path(k) for k in mesh.match.matched_keys if k in ARKIT_FEW}
    assert curve_of(head.rig, 'pose.bones["head"].rotation_quaternion', 0) is not None


def test_a_body_goes_on_walking_while_the_head_is_keyed(scene, head):
    import bpy

    walk = bpy.data.actions.new("BodyWalk")
    compat = innerface.blender_addon.compat
    innerface.blender_addon.animation.curves.write_curve(
        compat.fcurves_of(walk, head.rig), "location", frames=np.array([0, 48]), values=np.array([0.0, 1.0])
    )
    compat.assign_action(walk, head.rig)
    keyed = key_and_play(head, turning(), "T", scene)
    assert any("BodyWalk" in note for note in keyed.notes)
    scene.frame_set(24)
    assert head.rig.location.x == pytest.approx(0.5, abs=1e-4)
    assert head.rig.pose.bones["head"].rotation_quaternion[0] < 0.999
    assert walk.users > 0


def test_a_take_without_head_angles_leaves_no_older_head_motion_playing(scene, head):
    key_and_play(head, turning(), "one", scene)
    key_and_play(head, weights(), "two", scene)
    assert head.rig.animation_data.action is None
    scene.frame_set(10)
    assert head.rig.pose.bones["head"].rotation_quaternion[0] == pytest.approx(1.0)
    assert head.meshes[0].key.animation_data.action.name.startswith("two")


def test_a_rig_without_a_head_bone_is_not_spun_as_a_whole(scene):
    import bpy

    rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    scene.collection.objects.link(rig)
    make_mesh(scene, "Head", ARKIT_FEW, rig)
    face = innerface.blender_addon.character.face.find_face(list(scene.objects))
    keyed = key_and_play(face, turning(), "T", scene)
    assert rig.animation_data is None or rig.animation_data.action is None
    assert any("no bone called head" in note for note in keyed.notes)


@pytest.mark.parametrize("degrees", [0, 90, 180, -135])
def test_a_nod_stays_a_nod_wherever_the_character_faces(scene, head, degrees):
    import bpy

    head.rig.rotation_euler.z = math.radians(degrees)
    bpy.context.view_layer.update()
    track = weights(columns=(*ARKIT_FEW, "headPitch"), values=np.hstack([np.zeros((61, 4)), np.full((61, 1), 0.3)]))
    key_and_play(head, track, "take", scene)
    obj = head.meshes[0].object
    nose = min(range(len(obj.data.vertices)), key=lambda i: obj.data.vertices[i].co.y)
    scene.frame_set(10)
    shape = obj.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    moved = shape.vertices[nose].co - obj.data.vertices[nose].co
    assert moved.z < -0.02 and abs(moved.x) < 0.001


def test_lashes_with_two_keys_belong_to_the_face_above_them(scene):
    import bpy

    holder = bpy.data.objects.new("Character", None)
    scene.collection.objects.link(holder)
    head = make_mesh(scene, "Head", ARKIT_FEW, holder)
    lashes = make_mesh(scene, "Lashes", ("eyeBlinkLeft", "eyeBlinkRight"), holder)
    make_mesh(scene, "Teeth", ("jawOpen",), holder)
    face = innerface.blender_addon.character.face
    whole = {m.object.name for m in face.find_face(list(scene.objects)).meshes}
    assert whole == {"Head", "Lashes", "Teeth"}
    for clicked in (head, lashes):
        assert {m.object.name for m in face.face_of(clicked, list(scene.objects)).meshes} == whole


def test_a_take_whose_time_is_in_milliseconds_is_refused_before_it_fills_memory(scene, head):
    track = innerface.core.take.Track("weights", np.array([0.0, 1e12]), ARKIT_FEW, np.zeros((2, 4)))
    with pytest.raises(innerface.core.errors.InnerfaceError, match="time_ms"):
        key_and_play(head, track, "take", scene)
    assert not __import__("bpy").data.actions

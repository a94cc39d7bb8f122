"""Five characters as they come in the wild, from the take to the file and back."""

import innerface.blender_addon.character.face
import innerface.blender_addon.export.export_take
import innerface.blender_addon.export.exporters
import innerface.blender_addon.properties.registration
import innerface.cli.dev.benches.characters
import innerface.core.animation.frames
import innerface.core.face.channels
import innerface.core.performance
import innerface.core.take
import innerface.core.take.resample
import numpy as np
import pytest

from .conftest import key_and_play

NAMES = ("one mesh", "parts", "character creator", "control rig", "override")


@pytest.fixture
def character(scene, tmp_path):
    """`character(name)` -> the face, in the scene."""
    import bpy

    innerface.blender_addon.properties.registration.register_data()

    def make(name):
        innerface.cli.dev.benches.characters.CHARACTERS[name](scene, tmp_path)
        bpy.context.view_layer.update()
        return innerface.blender_addon.character.face.find_face(list(scene.objects))

    return make


def channels_heard(face):
    return 52 - len(face.unmatched_channels())


@pytest.mark.parametrize("name", NAMES)
def test_names_alone_find_the_whole_face(character, name):
    face = character(name)
    assert channels_heard(face) >= (51 if name == "character creator" else 52)
    meshes = {"one mesh": 1, "parts": 4, "character creator": 1, "control rig": 1, "override": 2}
    assert len(face.meshes) == meshes[name]
    bones = {t.name for t in face.mapping.active_targets if t.kind == "bone"}
    assert bones == ({"CC_Base_JawRoot", "CC_Base_L_Eye", "CC_Base_R_Eye"} if name == "character creator" else set())


@pytest.mark.parametrize("name", NAMES)
def test_a_take_comes_back_out_of_every_character_as_it_went_in(addon, scene, character, name):
    face = character(name)
    if name == "control rig":
        addon.context.view_layer.objects.active = face.meshes[0].object
        assert addon.ops.innerface.mapping_driven() == {"FINISHED"}
        face = innerface.blender_addon.character.face.find_face(list(scene.objects))
        assert {t.kind for t in face.mapping.active_targets} == {"property"}
    track = innerface.core.performance.demo_performance(3).weights()
    keyed = key_and_play(face, track, "take", scene)
    scene.frame_end = keyed.frames - 1
    found = innerface.blender_addon.export.export_take.export_take(face, scene)
    want = innerface.core.animation.frames.resample_to_frames(track, track.time[0] + np.arange(keyed.frames) / 24)
    got = found.take.weights()
    heard = [k for k, c in enumerate(innerface.core.face.channels.ARKIT) if c not in face.unmatched_channels()]
    assert np.allclose(got.time, track.time[0] + np.arange(keyed.frames) / 24)
    limit = np.clip(want[:, heard], 0, 1) if name != "control rig" else want[:, heard]
    assert np.abs(got.values[:, :52][:, heard] - limit).max() < 2e-3
    assert found.residual < 2e-3
    angles = innerface.core.take.resample.resample_linear(
        track.time, track.select(("headYaw", "headPitch", "headRoll")), got.time
    )
    assert np.abs(got.values[:, 52:] - angles).max() < 1e-3


def test_jaw_and_eyes_of_a_character_creator_figure_turn_the_right_way(scene, character):
    import bpy

    face = character("character creator")
    columns = ("jawOpen", "eyeLookOutLeft", "eyeLookInRight", "eyeLookDownLeft")
    values = np.zeros((49, 4))
    values[24:] = (1.0, 1.0, 1.0, 0.0)
    key_and_play(face, innerface.core.take.Track("weights", np.arange(49) / 24, columns, values), "look", scene)
    teeth, eyes = scene.objects["CC_Base_Teeth"], scene.objects["CC_Base_Eye"]

    def places(obj):
        mesh = obj.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
        return np.array([obj.matrix_world @ v.co for v in mesh.vertices])

    scene.frame_set(0)
    before = places(teeth), places(eyes)
    scene.frame_set(40)
    after = places(teeth), places(eyes)
    low = before[0][:, 1].argmin()  # the foremost tooth
    assert after[0][low, 2] < before[0][low, 2] - 0.02, "the jaw opens downwards"
    for side in (1, -1):
        own = before[1][:, 0] * side > 0
        front = np.flatnonzero(own)[before[1][own][:, 1].argmin()]
        assert after[1][front, 0] > before[1][front, 0] + 0.003, "both eyes look to the performer's left"
    head = scene.objects["CC_Armature"].pose.bones["CC_Base_JawRoot"]
    assert head.rotation_quaternion.angle == pytest.approx(np.radians(25), abs=0.02)


def test_driven_keys_are_never_keyed_silently_and_their_controls_are_offered(addon, scene, character):
    face = character("control rig")
    track = innerface.core.performance.demo_performance(3).weights()
    keyed = key_and_play(face, track, "take", scene)
    said = " ".join(keyed.notes)
    assert "ControlRig" in said and "Map to Rig Controls" in said and "more" in said
    key = face.meshes[0].key
    assert key.animation_data.action is None
    addon.context.view_layer.objects.active = face.meshes[0].object
    addon.ops.innerface.mapping_driven()
    face = innerface.blender_addon.character.face.find_face(list(scene.objects))
    key_and_play(face, track, "again", scene)
    frame = int(np.argmax(track.column("jawOpen")) / track.rate * 24)
    scene.frame_set(frame)
    want = innerface.core.animation.frames.resample_to_frames(track, track.time[0] + np.arange(frame + 1) / 24)[-1]
    got = np.array([key.key_blocks[c].value for c in innerface.core.face.channels.ARKIT])
    assert np.abs(got - np.clip(want, 0, 1)).max() < 2e-3


@pytest.mark.node
@pytest.mark.parametrize("kind", ["fbx", "glb"])
@pytest.mark.parametrize("name", NAMES)
def test_every_character_arrives_whole_in_the_file(addon, scene, character, three, tmp_path, name, kind):
    face = character(name)
    if name == "control rig":
        addon.context.view_layer.objects.active = face.meshes[0].object
        addon.ops.innerface.mapping_driven()
        face = innerface.blender_addon.character.face.find_face(list(scene.objects))
    track = innerface.core.performance.demo_performance(3).weights()
    keyed = key_and_play(face, track, "the take", scene)
    scene.frame_end = 120
    before = {o.name: o for o in scene.objects}
    getattr(innerface.blender_addon.export.exporters, f"export_{kind}")(face, scene, tmp_path / f"x.{kind}")
    assert {o.name: o for o in scene.objects} == before and len(addon.data.scenes) == 1
    found = three(tmp_path / f"x.{kind}")
    (clip,) = found["clips"]
    assert clip["name"].endswith("the take") and found["skinned"] >= (4 if name == "parts" else 1)
    want = np.clip(
        innerface.core.animation.frames.resample_to_frames(track, track.time[0] + np.arange(keyed.frames) / 24), 0, 1
    )
    arkit = innerface.core.face.channels.ARKIT
    names = {t.channel: t.name for t in face.mapping.active_targets if t.kind == "key"} or {c: c for c in arkit}
    checked = 0
    for channel, key in names.items():
        curve = clip["curves"].get(key)
        column = want[:121, arkit.index(channel)]
        if curve is None:
            assert np.ptp(column) < 1e-5, f"{key} moves but is not in the file"
            continue
        at = np.round(np.array(curve["times"]) * 24).astype(int)
        assert np.abs(np.interp(np.arange(121), at, curve["values"]) - column).max() < 1e-3, key
        checked += 1
    assert checked > 25
    turns = {
        n.split(".")[-1]
        for n, c in clip["rotations"].items()
        if np.ptp(np.array(c["values"]).reshape(-1, 4), axis=0).max() > 0.01
    }
    head = "CC_Base_Head" if name == "character creator" else "head"
    assert head in turns and (name != "character creator" or {"CC_Base_JawRoot"} <= turns)

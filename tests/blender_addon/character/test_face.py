"""The active face."""

import innerface.blender_addon.character.face
import innerface.blender_addon.ui.face_panel
import numpy as np
import pytest
from innerface.blender_addon.character.name_reports import report_faces, report_of
from innerface.blender_addon.export.export_take import export_take
from innerface.core.take import Track

from ..conftest import key_and_play, make_mesh


def test_the_active_object_chooses_among_several_faces(scene, addon):
    addon.ops.innerface.add_head()
    first = addon.context.active_object
    addon.ops.innerface.add_head()
    second = addon.context.active_object
    face, panel = innerface.blender_addon.character.face, innerface.blender_addon.ui.face_panel
    assert face.active_face(addon.context).meshes[0].object == second
    addon.context.view_layer.objects.active = first
    assert face.active_face(addon.context).meshes[0].object == first
    addon.context.view_layer.objects.active = None
    assert panel.face_or_message(addon.context)[0] is None


@pytest.mark.parametrize(
    ("keys", "jaw", "blink"),
    [
        (("Fcl_MTH_A", "Fcl_MTH_I", "Fcl_MTH_O", "Fcl_EYE_Close", "Fcl_EYE_Close_L", "Fcl_EYE_Close_R"), 0, 4),
        (("A", "I", "U", "E", "O", "Blink", "Blink_L", "Blink_R", "Joy", "Angry", "Sorrow", "Fun"), 0, 6),
        (("aa", "ih", "ou", "ee", "oh", "blink", "blinkLeft", "blinkRight", "happy"), 0, 6),
        (("あ", "い", "う", "え", "お", "まばたき", "ウィンク", "ウィンク右"), 0, 6),
    ],
)
def test_a_face_of_few_shapes_plays_the_take_and_gives_it_back(scene, keys, jaw, blink):
    make_mesh(scene, "Face", keys)
    face = innerface.blender_addon.character.face.find_face(list(scene.objects))
    channels = ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "mouthFunnel")
    values = np.random.default_rng(0).uniform(0, 1, (25, 4))
    key_and_play(face, Track("weights", np.arange(25) / 24, channels, values), "t", scene)
    blocks = face.meshes[0].key.key_blocks
    for frame in range(25):
        scene.frame_set(frame)
        assert blocks[keys[jaw]].value == pytest.approx(values[frame, 0], abs=1e-6)
        assert blocks[keys[blink]].value == pytest.approx(values[frame, 1], abs=1e-6)
    scene.frame_end = 24
    back = export_take(face, scene).take.weights()
    assert np.abs(back.select(channels) - values).max() < 2e-3


def test_a_blink_of_both_eyes_on_the_lashes_does_not_close_the_lids_twice(scene):
    head = make_mesh(scene, "Face", ("A", "I", "O", "Blink", "Blink_L", "Blink_R"))
    make_mesh(scene, "Lashes", ("Blink",), head)
    mapping = innerface.blender_addon.character.face.find_face(list(scene.objects)).mapping
    assert "Blink" not in {t.name for t in mapping.targets}


def test_properties_of_the_rig_that_are_named_after_channels_are_driven_where_no_key_is(scene):
    import bpy

    rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    rig.data.edit_bones.new("head").tail = (0, 0, 1)
    bpy.ops.object.mode_set(mode="OBJECT")
    make_mesh(scene, "Face", ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight"), rig)
    for name in ("jawOpen", "facs_bs_MouthSmileLeft_div2", "facs_ctrl_CheekPuff", "speed"):
        rig[name] = 0.0
    rig["browInnerUp"] = 1  # no slider
    face = innerface.blender_addon.character.face.find_face(list(scene.objects))
    rows = {(t.channel, t.name) for t in face.mapping.targets if t.kind == "property"}
    assert rows == {("mouthSmileLeft", '["facs_bs_MouthSmileLeft_div2"]'), ("cheekPuff", '["facs_ctrl_CheekPuff"]')}
    report = report_of(face)
    assert [m.name for m in report.matched if m.kind == "property"] == [name for _, name in sorted(rows)][::-1]
    track = Track("weights", np.arange(25) / 24, ("cheekPuff",), np.full((25, 1), 0.4))
    key_and_play(face, track, "t", scene)
    scene.frame_set(3)
    assert rig["facs_ctrl_CheekPuff"] == pytest.approx(0.4)
    del rig["facs_ctrl_CheekPuff"]
    fewer = innerface.blender_addon.character.face.find_face(list(scene.objects)).mapping
    assert not [t for t in fewer.targets if t.kind == "property"]  # two names are chance


def test_the_names_of_a_face_in_another_scene_are_reported(scene):
    import bpy

    obj = make_mesh(scene, "Face", ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight"))
    scene.collection.objects.unlink(obj)
    bpy.data.scenes.new("Other").collection.objects.link(obj)
    (report,) = report_faces(list(scene.objects), [], "f.blend")
    assert report.name == "Face" and len(report.matched) == 3

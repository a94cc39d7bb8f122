"""The mapping table: filled, edited, mirrored, saved."""

import innerface.blender_addon.character.face
import innerface.blender_addon.live.preview
import innerface.blender_addon.operators.mapping_presets
import innerface.core.face.channels
import innerface.core.take
import numpy as np
import pytest

from ..conftest import key_and_play, make_mesh


@pytest.fixture
def table(addon, scene):
    """The bundled head's rows."""
    addon.ops.innerface.add_head()
    addon.ops.innerface.mapping_auto()
    return innerface.blender_addon.character.face.active_face(addon.context).root_object.innerface


def face(addon):
    return innerface.blender_addon.character.face.active_face(addon.context)


def row(table, channel):
    return next(r for r in table.targets if r.channel == channel)


def test_matching_fills_the_table_and_what_is_edited_is_what_plays(addon, scene, table):
    assert len(table.targets) == 52 and table.preset == "ARKit"
    jaw = row(table, "jawOpen")
    jaw.gain, jaw.curve, jaw.high = 0.5, 2.0, 0.25
    row(table, "mouthClose").mute = True
    values = np.full((25, 2), 0.8)
    who = face(addon)
    key_and_play(
        who, innerface.core.take.Track("weights", np.arange(25) / 24, ("jawOpen", "mouthClose"), values), "t", scene
    )
    scene.frame_set(5)
    blocks = who.meshes[0].key.key_blocks
    assert blocks["jawOpen"].value == pytest.approx(0.5 * 0.25) and blocks["mouthClose"].value == 0.0
    assert "mouthClose" in who.unmatched_channels()


def test_one_channel_may_drive_several_targets_and_a_row_is_mirrored(addon, scene, table):
    table.target = [r.channel for r in table.targets].index("mouthSmileLeft")
    addon.ops.innerface.mapping_row(what="ADD")
    added = table.targets[table.target]
    assert added.channel == "mouthSmileLeft"
    added.to, added.gain = "cheekSquintLeft", 0.4
    addon.ops.innerface.mapping_row(what="MIRROR")
    other = table.targets[table.target]
    assert (other.channel, other.to) == ("mouthSmileRight", "cheekSquintRight") and other.gain == pytest.approx(0.4)
    addon.ops.innerface.mapping_row(what="MIRROR")
    assert table.targets[table.target] == added or len(table.targets) == 54, (
        "back onto the row that is there, not another one"
    )
    count = len(table.targets)
    addon.ops.innerface.mapping_row(what="REMOVE")
    assert len(table.targets) == count - 1


def test_the_live_preview_goes_by_the_table_and_leaves_bones_and_properties_as_they_were(addon, scene, table):
    who = face(addon)
    who.rig["smile"] = 0.25
    for kind, to, axis, gain in (("property", '["smile"]', "pitch", 2.0), ("bone", "root", "yaw", 30.0)):
        new = table.targets.add()
        new.channel, new.kind, new.to, new.axis, new.gain = "jawOpen", kind, to, axis, gain
    preview = innerface.blender_addon.live.preview.Preview(face(addon))
    weights = np.zeros(55)
    weights[innerface.core.face.channels.ARKIT.index("jawOpen")] = 0.5
    assert preview.show(weights)
    turned = who.rig.pose.bones["root"].matrix_basis.to_quaternion
    addon.context.view_layer.update()
    assert who.rig["smile"] == pytest.approx(1.0) and turned().angle == pytest.approx(np.radians(15), abs=1e-4)
    preview.hide()
    assert who.rig["smile"] == 0.25 and turned().angle < 1e-6
    assert "innerface_preview" not in who.rig


def test_a_preset_goes_to_another_character_and_what_it_lacks_is_left_out(addon, scene, table, tmp_path):
    row(table, "jawOpen").gain = 0.7
    addon.ops.innerface.mapping_save(filepath=str(tmp_path / "mine.innerface.json"))
    other = make_mesh(scene, "Other", ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "Fat"))
    addon.context.view_layer.objects.active = other
    addon.ops.innerface.mapping_load(filepath=str(tmp_path / "mine.innerface.json"))
    assert {r.channel for r in other.innerface.targets} == {"jawOpen", "eyeBlinkLeft", "eyeBlinkRight"}
    assert row(other.innerface, "jawOpen").gain == pytest.approx(0.7)


def test_a_character_whose_names_say_nothing_is_mapped_by_hand(addon, scene):
    obj = make_mesh(scene, "Alien", ("Fat", "Thin"))
    addon.context.view_layer.objects.active = obj
    with pytest.raises(RuntimeError, match="no mesh has shape keys that match"):
        addon.ops.innerface.mapping_auto()
    addon.ops.innerface.mapping_row(what="ADD")
    obj.innerface.targets[0].to = "Fat"
    who = face(addon)
    key_and_play(
        who, innerface.core.take.Track("weights", np.arange(25) / 24, ("jawOpen",), np.full((25, 1), 0.5)), "t", scene
    )
    scene.frame_set(3)
    assert obj.data.shape_keys.key_blocks["Fat"].value == pytest.approx(0.5)


def test_a_scheme_of_few_shapes_is_a_preset_in_the_keys_own_spelling(addon, scene):
    obj = make_mesh(scene, "Face", ("a", "i", "u", "Blink", "JOY", "Fat"))
    addon.context.view_layer.objects.active = obj
    addon.ops.innerface.mapping_preset(preset="SCHEME:VRM 0 presets")
    assert {r.to for r in obj.innerface.targets} == {"a", "i", "u", "Blink", "JOY"}
    assert row(obj.innerface, "eyeBlinkLeft").gain == 0.5


def test_character_creators_preset_holds_jaw_and_eye_bones():
    scheme_mapping = innerface.blender_addon.operators.mapping_presets.scheme_mapping
    import bpy

    root_object = bpy.data.objects.new("x", None)
    for name in ("Reallusion CC4 Standard", "Reallusion CC4 Extended", "Reallusion CC3 Traditional"):
        bones = {t.name for t in scheme_mapping(name, root_object).targets if t.kind == "bone"}
        assert bones == {"CC_Base_JawRoot", "CC_Base_L_Eye", "CC_Base_R_Eye"}


def test_the_table_is_in_the_file_and_the_command_line_goes_by_it(addon, scene, table, tmp_path):
    row(table, "jawOpen").gain = 0.5
    addon.ops.wm.save_as_mainfile(filepath=str(tmp_path / "c.blend"))
    addon.ops.wm.open_mainfile(filepath=str(tmp_path / "c.blend"))
    who = innerface.blender_addon.character.face.find_face(list(addon.context.scene.objects))
    assert next(t for t in who.mapping.targets if t.channel == "jawOpen").gain == pytest.approx(0.5)


def test_everything_on_the_timeline_is_one_undo_step_away(addon):
    for name in (
        "key_takes",
        "take_bake",
        "bake_again",
        "neutral_here",
        "align_sound",
        "add_head",
        "add_ict",
        "invented",
        "mapping_auto",
        "mapping_clear",
        "mapping_row",
        "mapping_driven",
        "mapping_preset",
        "mapping_load",
    ):
        assert "UNDO" in getattr(addon.types, f"INNERFACE_OT_{name}").bl_options, name

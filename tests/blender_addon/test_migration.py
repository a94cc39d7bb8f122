"""Files of earlier versions: what they hold is read by its old names, and renamed when they are opened."""

import json

import innerface.blender_addon.animation.baked_keys
import innerface.blender_addon.animation.take_action
import innerface.blender_addon.character.face
import innerface.blender_addon.character.mapping
import innerface.blender_addon.migration
import numpy as np
import pytest

from .conftest import make_mesh

ROWS = [["jawOpen", "key", "A", "", 1.0], ["jawOpen", "bone", "jaw", "pitch", 20.0]]
OVERLAY = (np.array([3.0, 4.0]), np.array([0.5, 0.25]))


def write_old_file(scene):
    """What version 0.1.0 left in a file after a bake, a take over it, and a FLAME face."""
    import bpy

    baked_keys = innerface.blender_addon.animation.baked_keys
    curve = baked_keys.CurveId("Key", 'key_blocks["A"].value', 0)
    for name, part in (("take", "seen"), ("take (invented)", "invented")):
        action = bpy.data.actions.new(name)
        action.use_fake_user = True
        action["innerface_take"] = True
        action["innerface_take_path"], action["innerface_part"] = "/takes/take.mcap", part
        action["innerface_start"], action["innerface_clock"], action["innerface_name"] = 10.5, 0.25, "take"
        action["innerface_slope"], action["innerface_first"] = 1.00001, 11
        action["innerface_baked"] = baked_keys.encode_keys({curve: (np.arange(3.0), np.ones(3))})
        action["innerface_over"] = baked_keys.encode_keys({curve: OVERLAY})
    rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    scene.collection.objects.link(rig)
    make_mesh(scene, "Face", ("A", "B"), rig)
    rig["innerface_learned"] = json.dumps(["FLAME", *ROWS])
    return curve


def check(curve, migrated):
    import bpy

    module = innerface.blender_addon.animation.take_action
    for name, part in (("take", module.Part.OBSERVED), ("take (invented)", module.Part.UNOBSERVED)):
        action = bpy.data.actions[name]
        take = module.TakeAction(action)
        assert take.is_baked and take.is_take and take.part == part and take.take_name == "take"
        assert (take.start_frame, take.start_time, take.first_frame) == (10.5, 0.25, 11)
        assert take.clock_slope == pytest.approx(1.00001) and len(take.stored_keys()[curve][0]) == 3
        overlay = take.stored_keys(module.KeyLayer.OVERLAY)[curve]
        assert np.allclose(overlay[0], OVERLAY[0]) and np.allclose(overlay[1], OVERLAY[1]) and not take.problems
        assert ("innerface_over" in action, "innerface_overlay" in action) == (not migrated, migrated)
    face = innerface.blender_addon.character.face.find_face(list(bpy.context.scene.objects))
    assert face.mapping.name == "FLAME" and not face.notes
    assert [[t.channel, t.kind, t.name, t.axis, t.gain] for t in face.mapping.targets] == ROWS
    assert ("innerface_learned" in face.rig) != migrated


def test_old_names_are_read_as_they_are(scene):
    check(write_old_file(scene), migrated=False)


def test_old_names_are_renamed_once(scene):
    curve = write_old_file(scene)
    assert innerface.blender_addon.migration.migrate_file() == 3
    check(curve, migrated=True)
    assert innerface.blender_addon.migration.migrate_file() == 0


def test_an_old_file_is_migrated_when_it_is_opened(addon, scene, tmp_path):
    curve = write_old_file(scene)
    addon.ops.wm.save_as_mainfile(filepath=str(tmp_path / "old.blend"))
    addon.ops.wm.open_mainfile(filepath=str(tmp_path / "old.blend"))
    check(curve, migrated=True)


def test_keys_over_an_old_action_replace_its_old_name(scene):
    import bpy

    curve = write_old_file(scene)
    module = innerface.blender_addon.animation.take_action
    action = bpy.data.actions["take"]
    module.TakeAction(action).store_keys({curve: OVERLAY}, module.KeyLayer.OVERLAY)
    assert "innerface_over" not in action and curve in module.TakeAction(action).stored_keys(module.KeyLayer.OVERLAY)


@pytest.mark.parametrize(
    "text",
    ["[", "[]", "null", "7", '["x", 1]', '["x", ["jawOpen"]]', '["x", ["jawOpen", "key", "A", "", "much"]]']
    + ['["x", ["nose", "key", "A", "", 1]]', '["x", ["jawOpen", "bone", "jaw", "sideways", 1]]', "[" * 5000]
    + ['["x", [["jawOpen"], "key", "A", "", 1]]', '["x", ["jawOpen", "key", "A", "", NaN]]', 5, [1.0, 2.0]],
)
def test_a_damaged_mapping_leaves_the_names_to_decide_and_is_noted(scene, text):
    import bpy

    rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    scene.collection.objects.link(rig)
    make_mesh(scene, "Face", ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight"), rig)
    rig["innerface_mapping"] = text
    face = innerface.blender_addon.character.face.find_face(list(scene.objects))
    assert face.mapping.name == "ARKit" and len(face.notes) == 1 and "Rig" in face.notes[0]

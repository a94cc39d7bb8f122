"""A preview's memory in a .blend of strangers: what does not look like the add-on's own is ignored."""

import json

import innerface.blender_addon.live.saved_state
import pytest

SAVED = innerface.blender_addon.live.saved_state.SAVED_STATE
ODD = {
    "a list": "[]",
    "a number": "5",
    "no JSON": "{",
    "deep": "[" * 100_000,
    "sections of other kinds": json.dumps({"values": [], "turns": {}, "numbers": 1, "drivers": "x", "curves": None}),
    "rows of other kinds": json.dumps(
        {"turns": [1, [], [[], [], []]], "numbers": [[1, 2, 3]], "curves": [[[], {}, 1]]}
    ),
    "rows of other widths": json.dumps({"turns": [[None, "location"]], "drivers": [["location"]], "curves": [[0]]}),
    "a text as a number": json.dumps({"numbers": [["animation_data.drivers[0].driver.expression", -1, "1.0 + 2.0"]]}),
    "a number for a text": json.dumps({"numbers": [["animation_data.drivers[0].driver.expression", -1, 2.0]]}),
    "numbers that are none": '{"turns": [[null, "location", [NaN, 0, 1e999]]], "numbers": [["location", 0, NaN]]}',
    "another attribute": json.dumps({"turns": [[None, "name", "ab"], [None, "__class__", [1.0]]]}),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_memory_changes_nothing_and_keeps_no_other_face_from_being_restored(scene, head, name):
    import bpy

    odd = bpy.data.objects.new("AAA odd", None)  # restored first
    scene.collection.objects.link(odd)
    odd.driver_add("location", 0).driver.expression = "0"
    odd[SAVED] = ODD[name]
    before = [*odd.location[1:], odd.name]
    key = head.meshes[0].key
    key[SAVED] = json.dumps({"values": {"jawOpen": 0.5, "nobody": 1, "mouthPucker": "1"}})
    innerface.blender_addon.live.saved_state.restore_all()
    assert odd.animation_data.drivers[0].driver.expression == "0"
    assert [*odd.location[1:], odd.name] == before and SAVED not in odd
    assert key.key_blocks["jawOpen"].value == 0.5 and SAVED not in key


@pytest.mark.parametrize("value", [7, [1.0, 2.0], {"a": 1}, b"{}"])
def test_a_memory_that_is_no_text_is_ignored(scene, value):
    import bpy

    odd = bpy.data.objects.new("odd", None)
    scene.collection.objects.link(odd)
    odd[SAVED] = value
    innerface.blender_addon.live.saved_state.restore_all()
    assert SAVED not in odd


def test_a_preview_over_an_odd_memory_saves_and_restores_what_it_changes(scene, head):
    key = head.meshes[0].key
    key.key_blocks["jawOpen"].value = 0.25
    key[SAVED] = "[]"
    saved_state = innerface.blender_addon.live.saved_state
    saved_state.save_and_mute(key, {"values": {"jawOpen": 0.25}}, set())
    key.key_blocks["jawOpen"].value = 1.0
    assert saved_state.restore_all() == 1
    assert key.key_blocks["jawOpen"].value == 0.25

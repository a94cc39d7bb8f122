"""What bakes keep in actions is read as it was written, and damage gives a default and a note."""

import innerface.blender_addon.animation.baked_keys
import innerface.blender_addon.animation.take_action
import numpy as np
import pytest

KEYS = {("Key", 'key_blocks["jawOpen"].value', 0): (np.arange(4.0), np.linspace(0, 1, 4))}


@pytest.fixture
def action(scene):
    import bpy

    action = bpy.data.actions.new("Take 1")
    obj = bpy.data.objects.new("Cube", None)
    scene.collection.objects.link(obj)
    obj.animation_data_create().action = action
    obj.keyframe_insert("location", index=0, frame=12)
    return action


def wrap(action):
    return innerface.blender_addon.animation.take_action.TakeAction(action)


def curve_keys():
    curve_id = innerface.blender_addon.animation.baked_keys.CurveId
    return {curve_id(*name): keys for name, keys in KEYS.items()}


def test_an_action_of_the_animators_is_no_take(action):
    take = wrap(action)
    assert not take.is_baked and not take.is_take and take.take_path == ""
    assert take.start_frame == 12 and take.start_time is None and take.clock_slope == 1.0 and take.first_frame is None
    assert take.take_name == "Take 1" and take.stored_keys() == {} and take.problems == []


def test_what_is_written_is_read(action):
    part, layer = (getattr(innerface.blender_addon.animation.take_action, n) for n in ("Part", "KeyLayer"))
    written = wrap(action)
    written.mark()
    written.take_path, written.part, written.take_name = "/takes/a.mcap", part.UNOBSERVED, "a"
    written.start_frame, written.start_time, written.clock_slope, written.first_frame = 10.5, -0.25, 1.0001, 11
    written.store_keys(curve_keys())
    written.store_keys({}, layer.OVERLAY)
    read = wrap(action)
    assert read.is_baked and read.is_take and read.take_path == "/takes/a.mcap" and read.part == part.UNOBSERVED
    assert (read.take_name, read.start_frame, read.start_time, read.first_frame) == ("a", 10.5, -0.25, 11)
    assert read.clock_slope == pytest.approx(1.0001) and list(read.stored_keys()) == list(curve_keys())
    assert read.stored_keys(layer.OVERLAY) == {} and read.problems == []


@pytest.mark.parametrize("value", [7, 1.5, float("nan"), "x", b"\x00\xff", [1.0, 2.0], {"a": 1}, 10**9])
def test_values_of_a_wrong_kind_give_defaults_and_a_note(action, value):
    module = innerface.blender_addon.animation.take_action
    names = [module.MARK, module.TAKE_PATH, module.PART, module.NAME, module.START_FRAME, module.START_TIME]
    names += [module.CLOCK_SLOPE, module.FIRST_FRAME, *(layer.value for layer in module.KeyLayer)]
    for name in names:
        action[name] = value
    take = wrap(action)
    assert isinstance(take.take_path, str) and isinstance(take.take_name, str) and take.part in module.Part
    assert np.isfinite(take.start_frame) and (take.start_time is None or np.isfinite(take.start_time))
    assert 0.5 <= take.clock_slope <= 2.0 and (take.first_frame is None or isinstance(take.first_frame, int))
    assert take.stored_keys() == {} and take.stored_keys(module.KeyLayer.OVERLAY) == {}
    assert take.problems and all("Take 1" in p and "innerface_" in p and "\n" not in p for p in take.problems)


@pytest.mark.parametrize(
    "header",
    ["[", "{}", "[1]", '[["a"]]', '[["a", "b", 0, -1]]', f'[["a", "b", 0, {10**30}]]', '[["a", "b", 1e999, 1]]']
    + ["[" * 5000],
)
def test_damaged_keys_are_none(header):
    import zlib

    packed = zlib.compress(len(header).to_bytes(4, "little") + header.encode() + b"\x00" * 16)
    assert not innerface.blender_addon.animation.baked_keys.decode_keys(packed)

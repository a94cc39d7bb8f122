"""Faces with fewer shapes than channels."""

import numpy as np
import pytest
from innerface.core.face.channels import ARKIT, mirrored
from innerface.core.face.mapping import Mapping, Target
from innerface.core.face.naming.matching import match
from innerface.core.face.naming.scheme_tables import FEW_SHAPE_SCHEMES, few_shape_names, load_few_shapes

VRM0 = ("A", "I", "U", "E", "O", "Blink", "Blink_L", "Blink_R", "Joy", "Angry", "Sorrow", "Fun", "LookUp", "LookDown")
VRM1 = (
    "aa",
    "ih",
    "ou",
    "ee",
    "oh",
    "blink",
    "blinkLeft",
    "blinkRight",
    "happy",
    "angry",
    "sad",
    "relaxed",
    "surprised",
)
VROID = few_shape_names()["VRoid"]
MMD = ("あ", "い", "う", "え", "お", "まばたき", "ウィンク", "ウィンク右", "笑い", "口角上げ", "怒り")


def drive(keys, **weights):
    """Values of keys under weights, by key."""
    found = match(keys)
    mapping = Mapping(found.scheme, tuple(Target(c, "key", key, gain=w) for c, key, w in found.targets))
    values = mapping.to_values(np.array([weights.get(c, 0.0) for c in ARKIT]))
    return dict(zip((d.name for d in mapping.destinations), values.round(6).tolist()))


@pytest.mark.parametrize(
    ("keys", "jaw", "left", "right"),
    [
        (VRM0, "A", "Blink_L", "Blink_R"),
        (VRM1, "aa", "blinkLeft", "blinkRight"),
        (VROID, "Fcl_MTH_A", "Fcl_EYE_Close_L", "Fcl_EYE_Close_R"),
        (MMD, "あ", "ウィンク", "ウィンク右"),
        (("vrc.v_aa", "vrc.v_ih", "vrc.v_ou", "vrc.blink_left", "vrc.blink_right"), "vrc.v_aa", "vrc.blink_left", ""),
        (("mouthOpen", "viseme_aa", "Wink_L", "Wink_R", "mouthSmile"), "mouthOpen", "Wink_L", "Wink_R"),
        (("blendShape1.MTH_A", "blendShape1.MTH_I", "Blink.L", "Blink.R"), "blendShape1.MTH_A", "Blink.L", "Blink.R"),
    ],
)
def test_the_jaw_and_the_blinks_play_one_to_one(keys, jaw, left, right):
    values = drive(keys, jawOpen=0.37, eyeBlinkLeft=0.81, eyeBlinkRight=0.24)
    assert {k: v for k, v in values.items() if v} == {
        jaw: 0.37,
        left: 0.81,
        right or "vrc.blink_right": 0.24,
    }


@pytest.mark.parametrize(("keys", "smile"), [(VRM0, "Joy"), (VRM1, "happy"), (VROID, "Fcl_MTH_Fun"), (MMD, "口角上げ")])
def test_both_sides_of_a_smile_make_a_whole_one(keys, smile):
    assert drive(keys, mouthSmileLeft=0.6, mouthSmileRight=0.6)[smile] == pytest.approx(0.6)
    assert drive(keys, mouthSmileLeft=0.6)[smile] == pytest.approx(0.3)


def test_five_vowels_are_a_face():
    values = drive(("A", "I", "U", "E", "O"), jawOpen=1, mouthPucker=1, mouthSmileLeft=1, mouthSmileRight=1)
    assert values["A"] == values["U"] == 1.0 and 0 < values["E"] < 1 and values["O"] == 0


def test_letters_alone_are_no_mouth():
    assert match(("A", "B", "C")).targets == () and match(("E", "I")).targets == ()
    assert match(("A", "Blink")).matched_keys == ("A", "Blink")
    assert match(("eyeBlinkLeft", "A", "eyeBlinkRight")).matched_keys == ("eyeBlinkLeft", "A", "eyeBlinkRight")


def test_a_blink_of_both_eyes_is_driven_only_where_each_eye_has_none():
    assert drive(("Blink", "A", "Joy"), eyeBlinkLeft=1, eyeBlinkRight=1)["Blink"] == 1.0
    assert "Blink" not in match(("Blink", "Blink_L", "Blink_R")).matched_keys
    assert match(("Blink", "Blink_L", "Joy", "A")).matched_keys == ("Blink", "Joy", "A")  # a lone wink is none


def test_shapes_of_few_do_not_add_to_keys_that_are_named_after_channels():
    found = match((*ARKIT, *VROID, *VRM0, *MMD))
    assert found.matched_keys == ARKIT and found.scheme == "ARKit"
    partly = match(("jawOpen", "mouthFunnel", "mouthPucker", "A", "Joy", "Blink"))
    assert partly.matched_keys == ("jawOpen", "mouthFunnel", "mouthPucker", "Joy", "Blink")


@pytest.mark.parametrize("name", ["eye_joy", "eye_smile_L", "Hair_Fun", "Fcl_HA_Short", "angrybird", "Joystick"])
def test_shapes_for_a_part_or_of_something_else_are_not_taken_for_the_whole_face(name):
    assert name not in match((name, "jawOpen", "mouthFunnel")).matched_keys


def test_older_vroid_exports_put_the_mesh_before_the_name():
    found = match(tuple(f"Face.M_F00_000_00_{name}" for name in VROID))
    assert found.scheme == "VRoid" and len(found.unmatched_channels) == 30


@pytest.mark.parametrize("scheme", FEW_SHAPE_SCHEMES)
def test_no_key_exceeds_1_and_both_sides_are_treated_alike(scheme):
    found = match(few_shape_names()[scheme])
    rows = {(row.channel, row.name): row.weight for row in load_few_shapes()[scheme]}
    sums = {}
    for channel, key, weight in found.targets:
        assert rows[channel, key] == weight
        sums[key] = sums.get(key, 0.0) + weight
        other = [t for t in found.targets if t.channel == mirrored(channel)]
        assert weight in [t.weight for t in other]
    assert max(sums.values()) <= 1.0 + 1e-9


@pytest.mark.parametrize("scheme", FEW_SHAPE_SCHEMES)
def test_a_few_shape_mapping_runs_backwards_to_the_same_picture(scheme):
    found = match(few_shape_names()[scheme])
    mapping = Mapping(scheme, tuple(Target(c, "key", key, gain=w) for c, key, w in found.targets))
    weights = np.random.default_rng(0).uniform(0, 1, (40, 52))
    values = mapping.to_values(weights)
    back, determined = mapping.to_weights(values)
    assert np.abs(mapping.to_values(back) - values).max() < 5e-3 and back.min() >= 0 and back.max() <= 1
    assert determined[ARKIT.index("jawOpen")]
    assert np.abs((back - weights)[:, ARKIT.index("jawOpen")]).max() < 1e-6


def test_weights_beyond_1_come_back_where_a_shape_has_one_channel():
    found = match(VRM0)
    mapping = Mapping("m", tuple(Target(c, "key", key, gain=w) for c, key, w in found.targets))
    weights = np.zeros((3, 52))
    weights[:, ARKIT.index("jawOpen")], weights[:, ARKIT.index("eyeBlinkLeft")] = 1.08, -0.02
    weights[:, ARKIT.index("mouthSmileLeft")] = 0.6
    back, _ = mapping.to_weights(mapping.to_values(weights))
    assert np.abs(back[:, [ARKIT.index("jawOpen"), ARKIT.index("eyeBlinkLeft")]] - [1.08, -0.02]).max() < 1e-9
    assert back[:, ARKIT.index("mouthSmileLeft")] == pytest.approx(0.3)


def test_the_quality_of_a_few_shape_mapping_is_said():
    def coverage(keys):
        found = match(keys)
        return Mapping(found.scheme, tuple(Target(c, "key", k, gain=w) for c, k, w in found.targets)).coverage

    assert coverage(("Blink", "A", "Joy")) == "5 of 52 channels, few-shape mapping: jaw, blinks, smile"
    assert coverage(ARKIT) == "52 of 52 channels"

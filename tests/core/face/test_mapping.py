import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from innerface.core.errors import InnerfaceError
from innerface.core.face import bones, mapping_preset
from innerface.core.face.channels import ARKIT
from innerface.core.face.mapping import Mapping, Target
from innerface.core.face.naming.matching import match
from innerface.core.face.naming.scheme_tables import load_schemes
from innerface.core.face.naming.sides import other_side


def rows(scheme):
    return Mapping(scheme, tuple(Target(c, "key", key, gain=w) for c, key, w in load_schemes()[scheme]))


def test_a_row_adds_offset_and_gain_times_the_bent_and_cut_weight():
    made = Mapping(
        "m",
        (
            Target("jawOpen", "key", "A", gain=2.0, offset=0.1, low=0.0, high=0.5),
            Target("jawOpen", "bone", "jaw", "pitch", gain=25.0, curve=2.0),
            Target("mouthClose", "key", "A", gain=-1.0),
            Target("jawLeft", "key", "B", mute=True),
        ),
    )
    weights = np.zeros(52)
    weights[ARKIT.index("jawOpen")], weights[ARKIT.index("mouthClose")] = 0.8, 0.3
    assert made.destinations == (("key", "A", ""), ("bone", "jaw", "pitch"))
    assert np.allclose(made.to_values(weights), [0.1 + 2 * 0.5 - 0.3, 25 * 0.64])
    assert "jawLeft" in made.unmatched_channels and "jawOpen" not in made.unmatched_channels


@pytest.mark.parametrize("scheme", [s for s, r in load_schemes().items() if r])
def test_every_scheme_runs_backwards_to_what_went_in(scheme):
    made = rows(scheme)
    rng = np.random.default_rng(0)
    weights = rng.uniform(0, 1, (50, 52))
    values = made.to_values(weights)
    found, heard = made.to_weights(values)
    assert np.abs(made.to_values(found) - values).max() < 5e-3  # the same picture
    alone = [
        k
        for k, c in enumerate(ARKIT)
        if heard[k]
        and all(len(made.channels_driving(t.destination)) == 1 for t in made.active_targets if t.channel == c)
    ]
    assert np.abs(found[:, alone] - weights[:, alone]).max(initial=0.0) < 1e-6


@given(
    st.lists(st.tuples(st.floats(0.2, 3), st.floats(-0.5, 0.5), st.floats(0.4, 2.5)), min_size=3, max_size=3),
    st.integers(0, 2**31),
)
@settings(max_examples=40, deadline=None)
def test_gains_offsets_and_curves_run_backwards_exactly(numbers, seed):
    targets = tuple(
        Target(c, "key", c, gain=g, offset=o, curve=p)
        for c, (g, o, p) in zip(("jawOpen", "eyeBlinkLeft", "browInnerUp"), numbers)
    )
    made = Mapping("m", targets)
    weights = np.zeros((20, 52))
    weights[:, [ARKIT.index(t.channel) for t in targets]] = np.random.default_rng(seed).uniform(0, 1, (20, 3))
    found, _ = made.to_weights(made.to_values(weights))
    assert np.abs(found - weights).max() < 1e-6


def test_what_no_weights_can_say_shows_in_the_residual():
    made = Mapping("m", (Target("mouthFunnel", "key", "up"), Target("mouthFunnel", "key", "down")))
    found, _ = made.to_weights(np.array([[1.0, 0.0]]))
    assert np.abs(made.to_values(found) - [[1.0, 0.0]]).max() == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("Smile_L", "Smile_R"),
        ("eye.R", "eye.L"),
        ("CC_Base_L_Eye", "CC_Base_R_Eye"),
        ("LeftEye", "RightEye"),
        ("mouthSmileLeft", "mouthSmileRight"),
        ('pose.bones["brow.L"].location[2]', 'pose.bones["brow.R"].location[2]'),
        ('["smile_L"]', '["smile_R"]'),
        ("jaw", "jaw"),
        ("A14_Eye_Blink_Left", "A14_Eye_Blink_Right"),
        ("JawL", "JawR"),
        ("REBEL", "REBEL"),
    ],
)
def test_the_other_sides_name_is_found(name, other):
    assert other_side(name) == other and other_side(other) == name


def test_mirroring_a_row_gives_the_other_side_and_turns_sideways_bones_round():
    eye = Target("eyeLookOutLeft", "bone", "eye.L", "yaw", gain=34.0, offset=1.0)
    assert (
        eye.mirror() == Target("eyeLookOutRight", "bone", "eye.R", "yaw", gain=-34.0, offset=-1.0)
        and eye.mirror().mirror() == eye
    )
    assert Target("eyeLookUpLeft", "bone", "eye.L", "pitch", gain=-25.0).mirror().gain == -25.0
    assert Target("jawOpen", "bone", "jaw", "pitch", gain=25.0).mirror() == Target(
        "jawOpen", "bone", "jaw", "pitch", gain=25.0
    )


def test_a_preset_is_read_back_as_it_was_written(tmp_path):
    jaw = Target("jawOpen", "bone", "jaw", "pitch", 25.0, 0.5, 0.0, 1.0, 1.5, True)
    made = Mapping("mine", (Target("jawOpen", "key", 'od"d\\'), jaw, Target("jawLeft", "property", '["x"]')))
    mapping_preset.save(made, tmp_path / "a.json")
    assert mapping_preset.load(tmp_path / "a.json") == made


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"channel": "jaw"}, "not one of Apple's"),
        ({"kind": "bone"}, "axis"),
        ({"gain": "2"}, "numbers"),
        ({"gain": 1e9}, "numbers"),
        ({"curve": 0.0}, "curve"),
        ({"low": 1.0, "high": 0.0}, "low"),
        ({"extra": 1}, "must have channel"),
        ({"mute": 1}, "true or false"),
        ({"name": 3}, "text"),
        ({"gain": True}, "numbers"),
    ],
)
def test_a_damaged_preset_is_refused_in_one_line_that_names_the_row(tmp_path, change, words):
    row = {"channel": "jawOpen", "kind": "key", "name": "A"} | change
    (tmp_path / "a.json").write_text(
        json.dumps({"innerface-mapping": 1, "targets": [{"channel": "jawOpen", "kind": "key", "name": "B"}, row]})
    )
    with pytest.raises(InnerfaceError, match="row 2") as told:
        mapping_preset.load(tmp_path / "a.json")
    assert words in str(told.value) and "\n" not in str(told.value)


@pytest.mark.parametrize("text", ["", "x", "[]", '{"a": 1}', '{"innerface-mapping": 1, "targets": 3}', "[" * 20_000])
def test_what_is_no_preset_is_refused(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InnerfaceError):
        mapping_preset.load(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (
            ("CC_Base_Head", "CC_Base_JawRoot", "CC_Base_L_Eye", "CC_Base_R_Eye"),
            ("CC_Base_JawRoot", "CC_Base_L_Eye", "CC_Base_R_Eye"),
        ),
        (("jaw", "jaw.L", "eye.L", "eye.R", "eyebrow.L"), ("jaw", "eye.L", "eye.R")),
        (("DEF-jaw", "DEF-eye.L", "DEF-eye.R"), ("DEF-jaw", "DEF-eye.L", "DEF-eye.R")),
        (
            ("mixamorig:LeftEye", "mixamorig:RightEye", "mixamorig:Head"),
            (None, "mixamorig:LeftEye", "mixamorig:RightEye"),
        ),
        (("J_Adj_L_FaceEye", "J_Adj_R_FaceEye"), (None, "J_Adj_L_FaceEye", "J_Adj_R_FaceEye")),
        (("hand.L", "eyelid.L", "jaw.001", "eye.L.001"), (None, None, None)),
        (("Bip01 MJaw", "Bip01 LEye", "Bip01 REye", "Bip01 LEyeBlinkTop"), ("Bip01 MJaw", "Bip01 LEye", "Bip01 REye")),
        (("lowerJaw", "lEye", "rEye", "lEyelidUpper"), ("lowerJaw", "lEye", "rEye")),
        (("FACIAL_C_Jaw", "FACIAL_L_Eye", "FACIAL_R_Eye"), ("FACIAL_C_Jaw", "FACIAL_L_Eye", "FACIAL_R_Eye")),
    ],
)
def test_jaw_and_eye_bones_are_known_by_their_names(names, found):
    got = bones.find_roles(names)
    assert tuple(got.get(role) for role in ("jaw", "eye_left", "eye_right")) == found


def test_all_schemes_of_the_tables_are_found_by_their_own_names(data):
    """Every table of names at hand: a mesh so named is matched, and every channel that the table answers is."""
    import csv

    same = {
        "facecap_index_order",
        "unity_arkit_enum_order",
        "vtubestudio_phone",
        "livelinkface61_csv_order",
        "livelinkface61_udp_order",
    }
    for path in sorted((data.parent / "names").glob("names_*.csv")):
        with open(path, encoding="utf-8", newline="") as source:
            table = [r for r in csv.DictReader(source) if r["arkit"] in ARKIT and r["other"]]
        if "UNTRUSTED" in path.name or not table:
            continue
        answered = {r["arkit"] for r in table}
        found = match([r["other"] for r in table])
        got = {c for c, _, _ in found.targets}
        assert len(got & answered) >= 0.9 * len(answered), (path.name, found.scheme, answered - got)
        if path.stem.removeprefix("names_") in same:
            assert len(got) == 52


@pytest.mark.parametrize(
    ("names", "head"),
    [
        (("Bip01 Head", "Bip01 HeadNub"), "Bip01 Head"),
        (("CC_Base_Head", "CC_Base_FacialBone"), "CC_Base_Head"),
        (("mixamorig:Head", "mixamorig:HeadTop_End"), "mixamorig:Head"),
        (("c_head.x", "head.x"), "head.x"),
        (("Armature_Head", "forehead"), "Armature_Head"),
        (("forehead", "head.001"), None),
    ],
)
def test_the_head_bone_is_known_behind_any_prefix(names, head):
    assert bones.find_head(names) == head

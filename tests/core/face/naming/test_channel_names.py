"""What a name means, and what a set of names means together."""

import numpy as np
import pytest
from innerface.core.face.channels import ARKIT, pascal_case
from innerface.core.face.naming.channel_names import Precision, match_name
from innerface.core.face.naming.channel_table import match_names
from innerface.core.face.naming.matching import match
from innerface.core.face.naming.scheme_tables import SCHEMES, load_expressions, load_schemes


def to_channels(values, **options):
    table = match_names(tuple(values), **options)
    numbers = table.to_channels(np.array([list(values.values())], dtype=float))[0]
    return dict(zip(table.channels, numbers.round(6).tolist()))


@pytest.mark.parametrize("channel", ARKIT)
@pytest.mark.parametrize(
    "affixed", ["head_lod0_mesh__{}", "ARKit_{}", "blendShape1.AK_25_{}", "BS_{}", "{}_bs", "{}.001", "ARKit{}"]
)
def test_what_stands_around_a_whole_name_is_ignored_in_any_spelling(channel, affixed):
    snake = "".join("_" + x.lower() if x.isupper() else x for x in channel)
    for spelled in (channel, pascal_case(channel), snake):
        if affixed == "ARKit{}" and spelled != pascal_case(channel):
            continue
        found = match_name(affixed.format(spelled))
        assert found is not None and found.channels == ((channel, 1.0),)
        assert found.precision > Precision.SPELLING


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_name_of_every_scheme_is_known_by_itself_and_means_its_channel(scheme):
    for channel, name, _ in load_schemes()[scheme]:
        for spelled in (name, name.lower()):
            found = match_name(spelled)
            assert found is not None and channel in dict(found.channels), (spelled, found)


@pytest.mark.parametrize(
    "name", ["upper_mouth_left", "upperMouthLeft", "cor_jawOpen_mouthFunnel", "Fat", "Wink", "time", "", "x" * 5000]
)
def test_other_names_and_correctives_are_not_taken_for_channels(name):
    assert match_name(name) is None


@pytest.mark.parametrize(
    ("name", "channel"),
    [
        ("mouthSmile_L", "mouthSmileLeft"),
        ("mouth_smile_right", "mouthSmileRight"),
        ("browDown_R", "browDownRight"),
        ("Left_Eye_Blink", "eyeBlinkLeft"),
        ("L_eyeBlink", "eyeBlinkLeft"),
        ("face.eyeBlink.L", "eyeBlinkLeft"),
        ("head_yaw", "headYaw"),
        ("Smile.L", "mouthSmileLeft"),
        ("smile left", "mouthSmileLeft"),
        ("L_Smile", "mouthSmileLeft"),
        ("Left_Blink", "eyeBlinkLeft"),
        ("open_mouth", "jawOpen"),
    ],
)
def test_sides_and_angles_are_known_in_any_spelling(name, channel):
    found = match_name(name)
    assert found is not None and found.channels == ((channel, 1.0),)


def test_presets_of_vrm_0_and_1_move_the_face():
    assert to_channels({"A": 0.8, "Blink_L": 1.0, "Blink_R": 0.0, "Joy": 0.5}) == {
        "eyeBlinkLeft": 1.0,
        "eyeBlinkRight": 0.0,
        "jawOpen": 0.8,
        "mouthSmileLeft": 0.5,
        "mouthSmileRight": 0.5,
        "cheekSquintLeft": 0.25,
        "cheekSquintRight": 0.25,
    }
    face = to_channels({"aa": 0.8, "blinkLeft": 1.0, "blink": 0.0, "happy": 0.5, "neutral": 1.0})
    assert (face["jawOpen"], face["eyeBlinkLeft"], face["eyeBlinkRight"], face["mouthSmileLeft"]) == (0.8, 1, 0, 0.5)


def test_every_expression_names_channels_or_is_neutral():
    for name, channels in load_expressions().items():
        assert set(channels) <= set(ARKIT) and (channels or name.lower().endswith(("neutral", "unknown")))


def test_presets_do_not_add_to_apples_names_of_the_same_frame():
    apples = dict.fromkeys(ARKIT, 0.25)
    for presets in ({"A": 1.0, "Joy": 1.0, "Blink": 1.0}, {"Fcl_MTH_O": 1.0, "happy": 1.0}):
        assert to_channels(presets | apples) == apples
        assert set(match_names(tuple(presets | apples)).unused) == set(presets)
    assert to_channels({"jawOpen": 0.2, "O": 1.0}) == {"jawOpen": 0.2}


def test_presets_of_one_channel_add_up_to_one_at_most():
    assert to_channels({"A": 0.8, "O": 0.8})["jawOpen"] == 1.0
    assert to_channels({"Blink": 1.0, "Blink_L": 1.0})["eyeBlinkLeft"] == 1.0


def test_single_letters_of_a_table_are_no_presets():
    assert match_names(("a", "e", "jawForward"), min_expressions=3).channels == ("jawForward",)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_face_in_any_scheme_comes_back_as_its_channels(scheme):
    rows = load_schemes()[scheme]
    names, channels = tuple(dict.fromkeys(r.name for r in rows)), list(dict.fromkeys(r.channel for r in rows))
    gains = np.zeros((len(names), len(channels)))
    for row in rows:
        gains[names.index(row.name), channels.index(row.channel)] = row.weight
    weights = np.random.default_rng(0).random((3, len(channels))) * 0.9
    table = match_names(names)
    assert set(table.channels) == set(channels) and not table.unknown
    order = [channels.index(c) for c in table.channels]
    assert np.abs(table.to_channels(weights @ gains.T) - weights[:, order]).max() < 1e-9


def test_a_missing_value_costs_its_channel_and_no_other():
    assert to_channels({"CheekPuffLeft": 0.8, "CheekPuffRight": np.nan})["cheekPuff"] == 0.8
    table = match_names(("jawOpen", "mouthClose", "A", "Joy"))
    values = table.to_channels(np.array([[0.5, np.nan, 0, 0]]))[0]
    assert values[table.channels.index("jawOpen")] == 0.5 and np.isnan(values[table.channels.index("mouthClose")])


@pytest.mark.parametrize("keys", [("jawOpen.001", "jawOpen"), ("jawOpen", "jawOpen.001"), ("AK_25_JawOpen", "JawOpen")])
def test_the_key_itself_beats_its_copies_wherever_they_stand(keys):
    found = match(keys)
    (target,) = found.targets
    assert target.name in ("jawOpen", "JawOpen")
    assert found.unmatched_keys == tuple(k for k in keys if k != target.name)


def test_a_mesh_whose_keys_have_prefixes_is_matched_whole():
    keys = [f"blendShape1.AK_{n:02}_{pascal_case(c)}" for n, c in enumerate(ARKIT)]
    found = match(keys)
    assert found.unmatched_channels == () and found.unmatched_keys == ()

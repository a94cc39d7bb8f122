import numpy as np
import pytest
from innerface.core.face.channels import ARKIT, pascal_case
from innerface.core.face.mapping import Mapping, Target
from innerface.core.face.naming.matching import match
from innerface.core.face.naming.scheme_tables import SCHEMES, load_schemes


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_mesh_named_by_a_scheme_is_recognised_whole(scheme):
    rows = load_schemes()[scheme]
    keys = list(dict.fromkeys(other for _, other, _ in rows))
    found = match(keys)
    assert {c for c, _, _ in found.targets} == {c for c, _, _ in rows}
    assert set(found.matched_keys) == set(keys)
    for channel, other, weight in rows:
        assert (channel, other, weight) in found.targets


@pytest.mark.parametrize(
    "spell",
    [
        lambda c: c,
        pascal_case,
        str.lower,
        lambda c: (
            c.replace("Left", "_L").replace("Right", "_R")
            if not c.startswith(("jaw", "mouthLeft", "mouthRight"))
            else c
        ),
        lambda c: "face_GEO." + c,
        lambda c: c + ".001",
        lambda c: (
            c.replace("Left", ".L").replace("Right", ".R")
            if not c.startswith(("jaw", "mouthLeft", "mouthRight"))
            else c
        ),
        lambda c: "".join("_" + x.lower() if x.isupper() else x for x in c),
    ],
)
def test_common_spellings_of_apples_names_all_match(spell):
    found = match([spell(c) for c in ARKIT])
    assert {c for c, _, _ in found.targets} == set(ARKIT)
    assert found.unmatched_channels == () and found.unmatched_keys == ()
    assert all(key == spell(channel) for channel, key, _ in found.targets)


def test_what_matches_nothing_is_listed_and_not_invented():
    found = match(["jawOpen", "Wink Fancy", "eyeBlinkLeft", "mouthSmileLeft"])
    assert found.unmatched_keys == ("Wink Fancy",)
    assert len(found.unmatched_channels) == 49
    assert match(["Key 1", "Fat", "Thin"]).targets == ()
    assert match([]).targets == ()


def test_one_channel_drives_both_halves_and_two_channels_add_up_on_one_key():
    found = match([other for _, other, _ in load_schemes()["MetaHuman curves"]])
    made = Mapping(
        found.scheme, tuple(Target(channel, "key", key, gain=weight) for channel, key, weight in found.targets)
    )
    weights = np.zeros((3, len(ARKIT)))
    weights[:, [ARKIT.index("mouthFunnel"), ARKIT.index("mouthPucker")]] = [[0.5, 0.0], [0.0, 0.5], [0.5, 0.5]]
    values = made.to_values(weights)
    k = made.destinations.index(("key", "CTRL_expressions_mouthFunnelUL", ""))
    assert values[0, k] > 0 and values[1, k] > 0
    assert values[2, k] == pytest.approx(values[0, k] + values[1, k])


def test_left_and_right_never_change_sides():
    for scheme, rows in load_schemes().items():
        for channel, other, _ in rows:
            plain = other.lower()
            if channel.endswith("Left") and not channel.startswith(("eyeLook", "mouthLeft", "jawLeft")):
                assert not plain.endswith(("right", "_r")), (scheme, channel, other)


def test_the_score_tells_whole_from_partial_and_exact_from_tolerant_matches():
    whole, half = match(ARKIT).score, match(ARKIT[:26]).score
    assert (
        whole == 1.0
        and half == 0.5
        and 0.85 < match([c + ".001" for c in ARKIT]).score < 1.0
        and match(["Fat"]).score == 0.0
    )

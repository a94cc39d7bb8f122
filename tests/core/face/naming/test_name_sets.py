"""Whole lists of names, as a mesh's shape keys and as what a table or another program names."""

import time

import pytest
from innerface.core.face.channels import ARKIT, LIVE_LINK_FACE, pascal_case
from innerface.core.face.naming.channel_table import match_names
from innerface.core.face.naming.matching import match, match_scheme
from innerface.core.face.naming.scheme_tables import (
    FEW_SHAPE_SCHEMES,
    SCHEMES,
    few_shape_names,
    load_expressions,
    load_few_shapes,
    load_schemes,
)

CHANGES = {
    "as they are": lambda n: n,
    "in small letters": str.lower,
    "in capitals": str.upper,
    "with hyphens": lambda n: n.replace("_", "-"),
    "with blanks": lambda n: n.replace("_", " "),
    "behind a blend shape node": lambda n: f"blendShape1.{n}",
    "behind an object": lambda n: f"Face.{n}",
    "behind a head": lambda n: f"head_{n}",
    "behind a MetaHuman mesh": lambda n: f"head_lod0_mesh__{n}",
    "behind BS_": lambda n: f"BS_{n}",
    "as copies": lambda n: f"{n}.001",
    "as copies in parentheses": lambda n: f"{n} (1)",
}


def all_names(scheme):
    if scheme in FEW_SHAPE_SCHEMES:
        return few_shape_names()[scheme]
    return tuple(dict.fromkeys(row.name for row in load_schemes()[scheme]))


def driven_channels(scheme):
    rows = load_few_shapes()[scheme] if scheme in FEW_SHAPE_SCHEMES else load_schemes()[scheme]
    return {row.channel for row in rows}


def shown_channels(scheme):
    if scheme not in FEW_SHAPE_SCHEMES:
        return driven_channels(scheme)
    return {c for name in all_names(scheme) for c in load_expressions().get(name, {})}


def assert_most(found, expected):
    assert len(found & expected) >= 0.95 * len(expected), expected - found


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("scheme", [*SCHEMES, *FEW_SHAPE_SCHEMES])
def test_a_schemes_own_list_of_names_expresses_what_it_can(scheme, change):
    names = tuple(dict.fromkeys(CHANGES[change](n) for n in all_names(scheme)))
    assert_most(set(ARKIT) - set(match(names).unmatched_channels), driven_channels(scheme))
    assert_most(set(match_names(names).channels), shown_channels(scheme))


@pytest.mark.parametrize("scheme", [*SCHEMES, *FEW_SHAPE_SCHEMES])
def test_copies_and_prefixed_keys_above_the_keys_change_nothing(scheme):
    names = all_names(scheme)
    alone = match(names)
    copies = tuple(f"{n}.001" for n in names)
    found = match(copies + names)
    assert set(found.targets) == set(alone.targets)
    assert set(copies) <= set(found.unmatched_keys)
    assert set(dict(found.replaced_by).values()) <= set(names)


def test_apples_own_spelling_beats_a_scheme_of_more_channels():
    names = (*(row.name for row in load_schemes()["Reallusion CC4 Standard"]), "jawOpen")
    assert [t.name for t in match(names).targets if t.channel == "jawOpen"] == ["jawOpen"]


def test_each_mesh_of_a_metahuman_has_a_key_of_its_own():
    keys = ("head_lod0_mesh__eye_blink_L", "cartilage_lod0_mesh__eye_blink_L", "head_lod0_mesh__jaw_open")
    assert match(keys).matched_keys == keys
    assert match((*keys, "head_lod0_mesh__eye_blink_L.001")).matched_keys == keys


@pytest.mark.parametrize(
    "corrective", ["McornerPull_Jopen_L", "jawOpen_mouthFunnel", "Mouth_Smile_L_Eye_Blink_L", "facs_cbs_EyeFull"]
)
def test_correctives_are_no_names_of_channels(corrective):
    assert match((f"head_lod0_mesh__{corrective}",)).targets == ()


def test_a_table_reads_the_spellings_that_a_mesh_reads():
    for name in ("Smile.L", "mouth_smile_left", "head_lod0_mesh__jaw_open", "ARKit_jawOpen", "facs_jnt_JawOpen"):
        (target,) = match((name,)).targets
        assert match_names((name,)).channels == (target.channel,)


def test_a_given_scheme_keeps_the_keys_own_spelling():
    rows = match_scheme("Reallusion CC4 Standard", ("jaw_open", "EYE_BLINK_L"))
    assert ("jawOpen", "jaw_open", 1.0) in rows and ("eyeBlinkLeft", "EYE_BLINK_L", 1.0) in rows
    assert ("mouthSmileLeft", "Mouth_Smile_L", 1.0) in rows
    assert match_scheme("VRM 0 presets", ("Blink",)) == (
        ("eyeBlinkLeft", "Blink", 0.5),
        ("eyeBlinkRight", "Blink", 0.5),
    )


def test_the_angles_of_a_table_are_no_shape_keys():
    assert match(tuple(pascal_case(c) for c in LIVE_LINK_FACE)).unmatched_keys == tuple(
        pascal_case(c) for c in LIVE_LINK_FACE if c not in ARKIT
    )


def test_two_thousand_shape_keys_are_matched_in_a_blink():
    parts = ("McornerPull", "Mstretch", "Jopen", "Eblink", "NSwrinkle", "MupperLipRaise")
    keys = tuple(f"head_lod0_mesh__{parts[k % 6]}_{parts[k // 6 % 6]}_{k}_L" for k in range(1948)) + ARKIT
    start = time.process_time()
    assert len(match(keys).targets) == len(ARKIT)
    assert time.process_time() - start < 1.0  # a tenth of that on an idle computer

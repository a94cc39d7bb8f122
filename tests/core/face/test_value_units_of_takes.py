"""Whole takes in percent and degrees are converted by the limits that live faces have."""

import numpy as np
import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT, LIVE_LINK_FACE
from innerface.core.face.value_units import convert_take
from innerface.core.formats import read_take


def values(rows=100, channels=LIVE_LINK_FACE):
    rng = np.random.default_rng(0)
    return rng.uniform(0, 1, (rows, len(channels))) * [1.0 if c in ARKIT else 0.4 for c in channels]


def test_values_in_the_units_used_inside_stay_as_they_are():
    true = values()
    true[3, 0], true[4, 1] = 1.9, -0.9  # exaggerated
    converted = convert_take(true, LIVE_LINK_FACE)
    assert (converted.values == true).all() and not converted.notes and converted.implausible is None


def test_percent_and_degrees_are_converted_and_told():
    true = values()
    scale = np.array([100.0 if c in ARKIT else 180 / np.pi for c in LIVE_LINK_FACE])
    converted = convert_take(true * scale, LIVE_LINK_FACE)
    np.testing.assert_allclose(converted.values, true, rtol=1e-9)
    assert "percent" in converted.notes[0] and "head's angles in degrees" in converted.notes[1]
    assert "eyes' angles in degrees" in converted.notes[2] and converted.implausible is None


def test_the_head_in_degrees_leaves_the_eyes_in_radians():
    true = values()
    scale = np.array([180 / np.pi if c.startswith("head") else 1.0 for c in LIVE_LINK_FACE])
    np.testing.assert_allclose(convert_take(true * scale, LIVE_LINK_FACE).values, true, rtol=1e-9)


def test_a_turn_past_half_a_circle_is_the_one_the_other_way():
    converted = convert_take(np.full((10, 1), 350.0), ("headYaw",))
    np.testing.assert_allclose(converted.values, np.radians(-10.0))


def test_a_single_odd_value_is_no_other_unit():
    true = values()
    true[50, LIVE_LINK_FACE.index("headYaw")] = 12.0
    converted = convert_take(true, LIVE_LINK_FACE)
    assert converted.implausible == (50, LIVE_LINK_FACE.index("headYaw")) and not converted.notes


def test_missing_values_are_no_evidence():
    assert not convert_take(np.full((10, 52), np.nan), ARKIT).notes


@pytest.mark.parametrize(("column", "words"), [("jawOpen", "divide percentages by 100"), ("headYaw", "degrees")])
def test_a_value_of_no_unit_is_refused_with_its_own_words(tmp_path, column, words):
    rows = "".join(f"{k / 30:.4f},{0.3 if k != 70 else 999},0.2\n" for k in range(100))
    (tmp_path / "t.csv").write_text(f"time,{column},mouthSmileLeft\n{rows}")
    with pytest.raises(InnerfaceError, match=words) as error:
        read_take(tmp_path / "t.csv")
    assert "line 72" in str(error.value) and column in str(error.value)

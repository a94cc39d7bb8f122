import numpy as np
import pytest
from innerface.core.animation.smoothing import zero_phase
from innerface.core.animation.treatment import Treatment, apply_treatment
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT, GROUPS
from innerface.core.take import Track


def track(rate=60.0, rows=240):
    rng = np.random.default_rng(0)
    values = np.clip(
        0.3 + 0.2 * np.sin(np.arange(rows)[:, None] / 20 + np.arange(55)) + rng.normal(0, 0.02, (rows, 55)), 0, 1
    )
    return Track("weights", 10 + np.arange(rows) / rate, (*ARKIT, "headYaw", "headPitch", "headRoll"), values)


def test_nothing_asked_for_changes_nothing():
    before = track()
    after = apply_treatment(before, Treatment(), "t")
    assert np.array_equal(after.values, before.values) and np.array_equal(after.time, before.time)


def test_the_neutral_span_becomes_zero_and_a_full_weight_stays_full():
    before = track()
    before.values[60:120, :52] = 0.2
    before.values[200, :52] = 1.0
    after = apply_treatment(before, Treatment(neutral=(1.0, 1.9)), "t")
    assert np.abs(after.values[62:118, :52]).max() < 1e-12 and np.allclose(after.values[200, :52], 1.0)
    assert np.array_equal(after.values[:, 52:], before.values[:, 52:])


def test_smoothing_is_by_region_and_the_same_per_second_at_any_rate():
    before = track()
    after = apply_treatment(before, Treatment(smooth=dict.fromkeys(GROUPS, 0.0) | {"mouth": 1.0}), "t")
    mouth = [ARKIT.index(c) for c in GROUPS["mouth"]]
    others = [k for k in range(55) if k not in mouth]
    assert np.allclose(after.values[:, mouth], np.clip(zero_phase(before.values[:, mouth]), 0, None))
    assert np.array_equal(after.values[:, others], before.values[:, others])
    slow = apply_treatment(track(30.0), Treatment(smooth=dict.fromkeys(GROUPS, 2.0)), "t")
    assert np.allclose(slow.values[:, :52], np.clip(zero_phase(track(30.0).values[:, :52]), 0, None))


def test_rows_without_a_face_stay_so_and_do_not_spread():
    before = track()
    before.values[50:60] = np.nan
    after = apply_treatment(before, Treatment(neutral=(0.0, 4.0), smooth=dict.fromkeys(GROUPS, 1.0)), "t")
    assert np.array_equal(np.isnan(after.values), np.isnan(before.values))


def test_trimming_keeps_the_times_of_what_is_left():
    after = apply_treatment(track(), Treatment(trim=(1.0, 2.0)), "t")
    assert after.time[0] == 11.0 and after.time[-1] == 12.0


@pytest.mark.parametrize("wrong", [Treatment(trim=(9, 10)), Treatment(neutral=(9, 10)), Treatment(trim=(2, 1))])
def test_a_span_that_holds_nothing_is_told_in_one_line(wrong):
    with pytest.raises(InnerfaceError, match=r"lasts 3\.98 s"):
        apply_treatment(track(), wrong, "song")


def test_a_neutral_span_without_a_face_is_told():
    before = track()
    before.values[0:60] = np.nan
    with pytest.raises(InnerfaceError, match="has a face"):
        apply_treatment(before, Treatment(neutral=(0.0, 0.9)), "song")

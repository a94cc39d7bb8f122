"""MAE, NME and shares of landmarks."""

import numpy as np
import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.landmarks import metrics, points


def track(p, start=0.0, rate=30.0, mm=60.0):
    return points.landmark_track(start + np.arange(len(p)) / rate, p, interocular_mm=mm)


def test_a_known_shift_gives_the_known_figures():
    truth = np.random.default_rng(0).normal(0, 0.3, (50, 53, 2))
    pred = truth + [0.03, 0.04]  # 0.05 units = 3 mm
    pred[:, :20] = truth[:, :20]
    done = metrics.evaluate(track(pred), track(truth))
    assert done["mae_mm"] == pytest.approx(3.0 * 33 / 53)
    assert done["nme_percent"] == pytest.approx(5.0 * 33 / 53)
    assert done["share_under_2_66mm"] == pytest.approx(20 / 53)
    assert done["mae_mm_by_group"]["pred"]["brows"] == pytest.approx(0.0)


def test_faces_that_never_move_stand_beside():
    truth = np.zeros((100, 53, 2))
    truth[60:, 40] = 0.5
    done = metrics.evaluate(track(np.zeros_like(truth)), track(truth))
    assert done["mae_mm"] == pytest.approx(done["rest_face"]["mae_mm"])
    assert done["mean_face"]["mae_mm"] != pytest.approx(done["rest_face"]["mae_mm"])


def test_other_rates_and_clocks_are_matched():
    t = np.arange(301) / 30
    wave = np.zeros((301, 53, 2))
    wave[:, 3, 0] = np.sin(t)
    fast = np.zeros((601, 53, 2))
    fast[:, 3, 0] = np.sin(np.arange(601) / 60)
    one = metrics.evaluate(track(fast, rate=60.0), track(wave))
    assert one["matched_by"] == "timecode" and one["mae_mm"] < 0.01
    other = metrics.evaluate(track(fast, 5000.0, 60.0), track(wave))
    assert other["matched_by"] == "first rows" and other["mae_mm"] < 0.01


def test_points_that_one_of_both_lacks_are_left_out():
    truth = np.zeros((10, 53, 2))
    truth[:, points.IBUG_COUNT :] = np.nan
    assert metrics.evaluate(track(np.zeros((10, 53, 2))), track(truth))["mae_mm"] == 0.0
    with pytest.raises(InnerfaceError):
        metrics.evaluate(track(np.full((10, 53, 2), np.nan)), track(truth))

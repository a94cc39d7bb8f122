import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from innerface.core.take.resample import fill_gaps, frame_times, resample_linear


def test_rows_count_by_their_timestamps_and_not_by_their_number():
    time = np.array([0.0, 0.1, 1.0])  # a dropped stretch
    values = time[:, None] * 2.0
    at = np.linspace(0, 1, 31)
    assert np.allclose(resample_linear(time, values, at)[:, 0], 2 * at)


def test_own_times_give_the_own_values_back_exactly():
    rng = np.random.default_rng(0)
    time = np.cumsum(rng.uniform(0.01, 0.05, 200))
    values = rng.normal(size=(200, 4))
    assert (resample_linear(time, values, time) == values).all()


@given(st.floats(1, 240), st.floats(0.05, 20))
def test_frames_never_lie_beyond_the_take_and_none_is_missing(fps, length):
    at = frame_times(np.array([5.0, 5.0 + length]), fps)
    assert at[0] == 5.0
    assert at[-1] <= 5.0 + length + 1e-6 / fps
    assert at[-1] + 1 / fps > 5.0 + length - 1e-6


def test_fractional_rates_do_not_drift_over_ten_minutes():
    at = frame_times(np.array([0.0, 600.0]), 24000 / 1001)
    assert at[14385] == pytest.approx(14385 * 1001 / 24000, abs=1e-9)


def test_lost_rows_are_bridged_and_a_column_never_seen_stays_missing():
    time = np.arange(5.0)
    values = np.array([[0, np.nan], [np.nan, np.nan], [2, np.nan], [3, np.nan], [np.nan, np.nan]])
    out = fill_gaps(time, values)
    assert out[:, 0].tolist() == [0, 1, 2, 3, 3]
    assert np.isnan(out[:, 1]).all()


def test_a_take_of_one_frame_is_one_frame():
    assert resample_linear(np.array([3.0]), np.array([[0.5]]), frame_times(np.array([3.0]), 24)).tolist() == [[0.5]]


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan")])
def test_an_impossible_rate_is_refused(fps):
    with pytest.raises(ValueError):
        frame_times(np.array([0.0, 1.0]), fps)

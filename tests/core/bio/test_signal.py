"""Biosignals at a uniform sample rate."""

import numpy as np
import pytest
from innerface.core.bio import signal
from innerface.core.errors import InnerfaceError
from innerface.core.take import Take, Track


def track(time, values, **meta):
    return Track("biosignal", time, ("a", "b"), values, {"unit": "uV"} | meta)


def test_even_samples_come_back_untouched():
    values = np.random.default_rng(0).normal(size=(1000, 2))
    done = signal.to_uniform_rate(track(5 + np.arange(1000) / 250, values))
    assert done.rate == 250 and done.start == 5 and not done.missing.any()
    np.testing.assert_array_equal(done.values, values)


def test_batches_with_jittering_times_give_the_boards_rate_and_the_same_wave():
    rng = np.random.default_rng(1)
    even = np.arange(5000) / 250
    jittered = np.sort(even + rng.normal(0, 0.001, len(even)))
    wave = np.stack([np.sin(2 * np.pi * 3 * even), np.cos(2 * np.pi * 3 * even)], axis=1)
    done = signal.to_uniform_rate(track(jittered, wave))
    assert done.rate == pytest.approx(250, rel=1e-4)
    np.testing.assert_array_equal(done.values, wave)


@pytest.mark.parametrize("spread", [0.0005, 0.002, 0.004])
def test_jittering_times_leave_every_sample_as_it_is(spread):
    rng = np.random.default_rng(2)
    values = rng.normal(size=(20_000, 2))
    time = np.sort(np.arange(20_000) / 1000 + rng.normal(0, spread, 20_000))
    done = signal.to_uniform_rate(track(time, values))
    assert done.rate == pytest.approx(1000, rel=1e-5)
    np.testing.assert_array_equal(done.values, values)


@pytest.mark.parametrize("ppm", [100, 400, 5000])
def test_a_board_with_a_wrong_clock_keeps_its_samples_and_its_rate(ppm):
    values = np.random.default_rng(3).normal(size=(75_000, 2))
    done = signal.to_uniform_rate(track(np.arange(75_000) / 250 / (1 + ppm * 1e-6), values, rate_hz="250"))
    assert done.rate == pytest.approx(250 * (1 + ppm * 1e-6), rel=1e-9)
    np.testing.assert_array_equal(done.values, values)


def test_samples_in_batches_of_20_ms_are_counted_and_silence_between_them_is_loss():
    rng = np.random.default_rng(4)
    even = np.arange(10_000) / 500
    arrival = np.ceil(even / 0.02) * 0.02 + 1e-7 * np.arange(10_000)
    keep = (even < 8) | (even >= 8.5)
    values = rng.normal(size=(10_000, 2))
    done = signal.to_uniform_rate(track(arrival[keep], values[keep]))
    assert done.rate == pytest.approx(500, rel=2e-3)
    assert 0.4 * 500 < done.missing[:, 0].sum() < 0.6 * 500
    np.testing.assert_array_equal(done.values[:3900], values[:3900])


def test_single_lost_samples_are_interpolated_in_place():
    rng = np.random.default_rng(5)
    keep = rng.uniform(size=20_000) > 0.01
    wave = np.sin(2 * np.pi * 20 * np.arange(20_000) / 1000)[:, None] * [1.0, 2.0]
    done = signal.to_uniform_rate(track(np.arange(20_000)[keep] / 1000, wave[keep]))
    assert len(done.values) == 20_000 and not done.missing.any()
    assert np.abs(done.values - wave).max() < 0.05


def test_gaps_are_bridged_and_marked_per_electrode():
    time = np.arange(2500) / 250
    values = np.ones((2500, 2))
    values[500:750, 1] = np.nan
    keep = np.ones(2500, bool)
    keep[1500:1600] = False
    done = signal.to_uniform_rate(track(time[keep], values[keep], rate_hz="250"))
    assert np.isfinite(done.values).all()
    assert done.missing[600, 1] and not done.missing[600, 0]
    assert done.missing[1550].all() and not done.missing[1400].any()
    assert done.missing[:, 0].sum() == pytest.approx(100, abs=4)


def test_a_declared_rate_that_the_times_contradict_is_not_believed():
    assert signal.sample_rate(track(np.arange(1000) / 250, np.zeros((1000, 2)), rate_hz="1000")) == 250


def test_rates_too_low_for_muscles_and_takes_without_electrodes_end_in_one_line():
    with pytest.raises(InnerfaceError, match="muscles need"):
        signal.to_uniform_rate(track(np.arange(100) / 30, np.zeros((100, 2))))
    with pytest.raises(InnerfaceError, match="no biosignals"):
        signal.bio_track(Take("x", {"imu": Track("imu", np.arange(3.0), ("a.qw",), np.zeros((3, 1)))}))


def test_a_clock_that_leaps_by_years_does_not_eat_all_memory():
    time = np.concatenate([np.arange(1000) / 250, 1e9 + np.arange(1000) / 250])
    with pytest.raises(InnerfaceError, match="cut the take"):
        signal.to_uniform_rate(track(time, np.zeros((2000, 2))))

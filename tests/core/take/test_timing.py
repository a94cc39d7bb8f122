"""A clock that is set smears no recording over time, and times that are hard to believe are told."""

import numpy as np
import pytest
from innerface.core.formats import read_take
from innerface.core.take import Take, Track
from innerface.core.take.timing import even_stretches, find_stretches, fit_line, measure_period, timing_notes


def stamps(seconds, rate, rng, batch=0.04):
    """Times at which samples at a rate arrive, in batches."""
    true = np.arange(round(seconds * rate)) / rate
    return true, np.ceil(true / batch) * batch + rng.uniform(0, 0.004, len(true))


@pytest.mark.parametrize("rate", [50, 250, 1000])
@pytest.mark.parametrize("jump", [-50.0, -3.0, -0.5, 0.5, 3.0, 50.0])
def test_stretches_begin_where_the_clock_was_set(rate, jump):
    rng = np.random.default_rng(1)
    true, arrival = stamps(60, rate, rng)
    row = round(20 * rate)
    arrival[row:] += jump
    index = np.arange(len(true))
    period = measure_period(index, arrival)
    assert period == pytest.approx(1 / rate, rel=0.01)
    assert find_stretches(index, arrival, period) == [0, row]


@pytest.mark.parametrize("held_s", [0.3, 1.0, 4.0])
def test_samples_that_were_only_held_up_are_no_step(held_s):
    true, arrival = stamps(60, 250, np.random.default_rng(2))
    held = (true > 20) & (true < 20 + held_s)
    arrival[held] = 20 + held_s
    index = np.arange(len(true))
    assert find_stretches(index, arrival, 1 / 250) == [0]


def test_two_stretches_keep_their_rate_and_their_times():
    times = np.arange(1000) / 250 - np.where(np.arange(1000) >= 500, 50.0, 0.0)
    even, notes = even_stretches(times)
    np.testing.assert_allclose(even, times, atol=1e-6)
    assert len(notes) == 1 and "back by 50 s" in notes[0]


def test_a_stretch_that_would_lie_on_another_follows_it():
    rng = np.random.default_rng(3)
    true, arrival = stamps(20, 250, rng)
    arrival[2500:] -= 0.5
    even, notes = even_stretches(arrival)
    assert (np.diff(even) > 0).all() and np.abs(even - even[0] - true).max() < 0.05
    assert "back by 0." in notes[0]


def test_missing_samples_stay_a_gap():
    true, arrival = stamps(20, 250, np.random.default_rng(4))
    keep = (true < 8) | (true >= 11)
    even, notes = even_stretches(arrival[keep])
    assert np.abs(even - true[keep]).max() < 0.06 and "gap" in notes[0]


def test_an_even_clock_is_as_before():
    true, arrival = stamps(60, 250, np.random.default_rng(5))
    even, notes = even_stretches(arrival)
    assert not notes and np.abs(np.diff(even) - 1 / 250).max() < 1e-6
    slope, start = fit_line(np.arange(len(true)), arrival)
    assert even[0] == pytest.approx(start) and slope == pytest.approx(1 / 250, rel=1e-4)


def told(kind, time, **meta):
    track = Track(kind, time, ("a",), np.zeros((len(time), 1)), meta)
    return timing_notes(Take("x", {kind: track}))


@pytest.mark.parametrize("rate", [24, 30, 60, 120, 240])
def test_times_in_whole_milliseconds_are_even_and_their_rate_is_true(rate):
    for rounding in (np.round, np.floor):
        time = rounding(np.arange(500) / rate * 1000) / 1000
        assert told("weights", time) == []
        assert Track("weights", time, ("a",), np.zeros((500, 1))).rate == pytest.approx(rate, rel=0.002)


def test_real_phones_takes_are_even(data):
    for path in sorted((data / "arkit").glob("*.csv")):
        assert not any("uneven" in note for note in read_take(path).notes), path.name


def test_plausible_times_are_not_mentioned():
    for kind, rate in (("weights", 60), ("weights", 24), ("imu", 100), ("biosignal", 250), ("landmarks", 30)):
        time = np.arange(500) / rate
        assert told(kind, time) == [] == told(kind, time[np.random.default_rng(0).uniform(size=500) > 0.02])
    batches = np.repeat(np.arange(100) * 0.05, 12) + np.tile(np.arange(12) * 1e-5, 100)
    assert told("biosignal", batches) == []
    assert told("events", np.arange(20) * 1000.0) == []


@pytest.mark.parametrize(
    ("kind", "time", "meta", "words"),
    [
        ("weights", np.arange(60) * 33.33, {}, ["60 rows over 1966 s", "another unit"]),
        ("imu", np.arange(500) * 1e-8, {}, ["another unit"]),
        ("biosignal", np.arange(1000) / 13.51, {"rate_hz": "250"}, ["13.51", "250"]),
        ("weights", np.arange(90) / 60 + np.arange(90) // 30 * 0.5, {}, ["uneven", "2 of 89", "0.517 s"]),
        ("landmarks", np.cumsum(np.tile([0.001, 0.03], 50)), {}, ["uneven"]),
        ("weights", np.cumsum(np.tile([0.030, 0.0375], 50)), {}, ["uneven", "30 to 37.5 ms"]),
        ("weights", np.round(np.arange(100) / 24 * 60) / 60, {}, ["uneven"]),
    ],
)
def test_times_that_are_hard_to_believe_are_told(kind, time, meta, words):
    (note,) = told(kind, time, **meta)
    for word in [kind, *words]:
        assert word in note

"""The 1 Euro filter."""

import numpy as np
from innerface.core.numerics.one_euro import OneEuroFilter


def test_at_rest_it_is_a_low_pass_filter_of_first_order():
    euro_filter = OneEuroFilter(100.0, 2.0, 0.0, speed_cutoff_hz=1.0)
    euro_filter.push(np.zeros(1))
    gain = 2 * np.pi * 2.0 / 100.0
    gain /= 1 + gain
    assert np.isclose(euro_filter.push(np.ones(1)), gain)
    assert np.isclose(euro_filter.push(np.ones(1)), gain + (1 - gain) * gain)


def test_fast_values_are_followed_more_closely():
    steps = [OneEuroFilter(60.0, 1.0, beta, speed_cutoff_hz=1.0) for beta in (0.0, 5.0)]
    for euro_filter in steps:
        euro_filter.push(np.zeros(1))
    slow, fast = (euro_filter.push(np.ones(1))[0] for euro_filter in steps)
    assert slow < fast < 1


def test_an_infinite_cutoff_leaves_a_channel_as_it_is():
    values = np.random.default_rng(0).normal(size=(50, 2))
    euro_filter = OneEuroFilter(60.0, np.array([np.inf, 1.0]), 0.0, speed_cutoff_hz=1.0)
    filtered = np.stack([euro_filter.push(row) for row in values])
    assert np.array_equal(filtered[:, 0], values[:, 0]) and not np.allclose(filtered[1:, 1], values[1:, 1])

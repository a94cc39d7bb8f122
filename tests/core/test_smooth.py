import numpy as np
from innerface.core.smooth import OneEuro, one_euro, zero_phase


def test_stream_and_batch_of_the_one_euro_filter_are_equal():
    values = np.random.default_rng(0).uniform(size=(200, 5))
    live = OneEuro()
    assert np.allclose(np.stack([live.push(row) for row in values]), one_euro(values))


def test_smoothing_takes_jitter_off_and_keeps_blinks():
    t = np.arange(600) / 60
    blink = np.exp(-(((t - 5) / 0.07) ** 2))[:, None]
    noisy = blink + np.random.default_rng(0).normal(0, 0.02, blink.shape)
    for smooth, lag in ((zero_phase, 1), (one_euro, 6)):
        got = smooth(noisy)
        assert np.std(np.diff(got[:200], 2, axis=0)) < 0.45 * np.std(np.diff(noisy[:200], 2, axis=0))
        assert got.max() > 0.6 and abs(int(got.argmax()) - int(blink.argmax())) <= lag


def test_takes_shorter_than_the_window_come_back_as_they_are():
    values = np.random.default_rng(0).uniform(size=(4, 3))
    assert np.array_equal(zero_phase(values), values)

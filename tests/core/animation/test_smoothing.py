import numpy as np
import pytest
from innerface.core.animation.smoothing import channel_strengths, one_euro, one_euro_filter, zero_phase
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT


def test_stream_and_batch_of_the_one_euro_filter_are_equal():
    values = np.random.default_rng(0).uniform(size=(200, 5))
    live = one_euro_filter()
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


def test_every_channel_group_is_smoothed_as_strongly_as_was_asked():
    rng = np.random.default_rng(0)
    values = rng.uniform(0.4, 0.6, (300, 52))
    asked = channel_strengths({"mouth": 0.0, "brow": 3.0})
    mouth, brow, cheek = (ARKIT.index(c) for c in ("jawOpen", "browInnerUp", "cheekPuff"))
    for smooth in (zero_phase, one_euro):
        got, usual = smooth(values, asked), smooth(values)
        assert np.array_equal(got[:, mouth], values[:, mouth]) and np.allclose(got[:, cheek], usual[:, cheek])
        shake = [np.std(np.diff(x[50:, brow], 2)) for x in (got, usual, values)]
        assert shake[0] < 0.8 * shake[1] < shake[1] < 0.6 * shake[2]


@pytest.mark.parametrize("asked", [{"nose": 1.0}, {"mouth": -1.0}, {"mouth": 9.0}, {"mouth": float("nan")}])
def test_strengths_that_are_none_are_one_line(asked):
    with pytest.raises(InnerfaceError, match=r"smoothing (nose|mouth)=.*eye_left.*0 \(off\) to 5"):
        channel_strengths(asked)

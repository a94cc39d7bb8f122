"""Features of the network."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from innerface.core.bio import features
from innerface.core.errors import InnerfaceError


def noise(seconds=4.0, rate=1000.0, seed=0):
    return np.random.default_rng(seed).normal(0, 10, (int(seconds * rate), 2))


@given(st.lists(st.integers(1, 90), min_size=3, max_size=30), st.sampled_from([200.0, 250.0, 512.0, 1000.0]))
def test_live_is_the_recording_however_it_is_cut(cuts, rate):
    values = noise(sum(cuts) / rate, rate)
    values = values[: sum(cuts)]
    emg, eog = features.extract_features(values, rate, 50.0)
    live = features.FeatureExtractor(2, rate, 50.0)
    parts = [live.push(p) for p in np.split(values, np.cumsum(cuts)[:-1])]
    np.testing.assert_allclose(np.concatenate([e for e, _ in parts]), emg, atol=1e-9)
    np.testing.assert_allclose(np.concatenate([o for _, o in parts]), eog, atol=1e-9)


@pytest.mark.parametrize("rate", [200.0, 250.0, 333.0, 1000.0])
def test_there_are_100_a_second_and_as_many_as_it_says(rate):
    emg, eog = features.extract_features(noise(3.0, rate), rate, 0.0)
    assert abs(len(emg) - 300) <= 1
    assert (emg.shape[1], eog.shape[1]) == features.feature_counts(2, features.max_emg_hz(rate))


def test_gain_of_an_electrode_raises_only_its_bands():
    values = noise()
    a, _ = features.extract_features(values, 1000, 0)
    b, _ = features.extract_features(values * [3.0, 1.0], 1000, 0)
    bands = len(features.emg_bands(450))
    np.testing.assert_allclose(np.median((b - a)[50:, :bands], axis=0), np.log(9), atol=0.02)
    np.testing.assert_allclose((b - a)[50:, bands : 2 * bands], 0, atol=1e-9)


def test_likeness_is_1_for_one_muscle_in_both_0_for_two_and_minus_1_for_opposite_poles():
    one = noise()[:, :1]
    bands = len(features.emg_bands(450))
    for pair, expected in ((one * [1.0, 0.4], 1.0), (one * [1.0, -2.0], -1.0), (noise(), 0.0)):
        emg, _ = features.extract_features(pair, 1000, 0)
        assert abs(np.median(emg[50:, 2 * bands :]) - expected) < 0.08


def test_power_does_not_depend_on_the_boards_rate():
    t = np.arange(4000) / 1000
    wave = 20 * np.sin(2 * np.pi * 60 * t)[:, None] * [1.0, 0.5]
    fast, _ = features.extract_features(wave, 1000, 0, top_hz=112.0)
    slow, _ = features.extract_features(wave[::4], 250, 0, top_hz=112.0)
    assert np.abs(fast[100:-5] - slow[100 : len(fast) - 5])[:, [1, 4]].max() < 0.15


def test_a_rate_too_low_for_the_networks_bands_is_an_error():
    with pytest.raises(InnerfaceError, match="record at 1000 Hz or more"):
        features.FeatureExtractor(2, 250, 50, top_hz=450.0)


def test_a_flat_electrode_gives_finite_numbers():
    emg, eog = features.extract_features(np.zeros((2000, 2)), 1000, 50)
    assert np.isfinite(emg).all() and np.isfinite(eog).all()

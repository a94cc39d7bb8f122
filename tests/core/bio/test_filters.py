"""Pass bands, and the same output live as for a recording."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from innerface.core.bio import filters
from innerface.core.errors import InnerfaceError
from scipy.signal import sosfreqz


def gain(sos, hz, rate):
    _, h = sosfreqz(sos, worN=[2 * np.pi * hz / rate])
    return abs(h[0])


@pytest.mark.parametrize("rate", [250, 500, 1000, 2000])
def test_emg_lets_muscles_through_and_not_the_eyes_nor_the_skin(rate):
    sos = filters.emg_sos(rate)
    assert gain(sos, 70, rate) > 0.85
    assert gain(sos, 2, rate) < 0.02


@pytest.mark.parametrize("rate", [250, 1000])
def test_eog_lets_glances_and_blinks_through_and_neither_a_constant_nor_muscles(rate):
    sos = filters.eog_sos(rate)
    assert 0.9 < gain(sos, 1.0, rate) < 1.1
    assert gain(sos, 0.001, rate) < 0.05
    assert gain(sos, 0.45 * rate, rate) < 0.25


@pytest.mark.parametrize("mains", [50.0, 60.0])
def test_mains_and_harmonics_go_and_their_neighbours_stay(mains):
    sos = filters.mains_sos(1000, mains)
    for k in (1, 2, 3):
        assert gain(sos, k * mains, 1000) < 1e-3
    assert gain(sos, mains + 12, 1000) > 0.8


def test_without_mains_nothing_changes():
    values = np.random.default_rng(0).normal(size=(100, 2))
    np.testing.assert_allclose(filters.CausalFilter(filters.mains_sos(250, 0)).push(values), values)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=20), st.sampled_from([250.0, 1000.0]))
def test_live_is_the_recording_however_it_is_cut(cuts, rate):
    values = np.random.default_rng(1).normal(size=(sum(cuts), 2)).cumsum(axis=0) + 300
    for sos in (filters.emg_sos(rate), filters.eog_sos(rate), filters.mains_sos(rate, 50)):
        whole, live = filters.CausalFilter(sos).push(values), filters.CausalFilter(sos)
        parts = np.split(values, np.cumsum(cuts)[:-1])
        np.testing.assert_allclose(np.concatenate([live.push(p) for p in parts]), whole, atol=1e-9)


def test_an_electrodes_offset_does_not_ring_at_the_start():
    values = np.full((500, 2), 40_000.0)
    assert np.abs(filters.CausalFilter(filters.emg_sos(250)).push(values)).max() < 1e-3
    assert np.abs(filters.CausalFilter(filters.eog_sos(250)).push(values)).max() < 1.0


def test_zero_phase_does_not_shift_a_burst():
    t = np.arange(2000) / 1000
    burst = np.sin(2 * np.pi * 80 * t) * np.exp(-(((t - 1.0) / 0.05) ** 2))
    out = filters.zero_phase(filters.emg_sos(1000), burst[:, None])[:, 0]
    assert abs((np.abs(out) ** 2 @ t) / (np.abs(out) ** 2).sum() - 1.0) < 0.002


@pytest.mark.parametrize("mains", [50.0, 60.0])
def test_mains_is_detected_only_if_present(mains):
    rng = np.random.default_rng(2)
    t = np.arange(5000) / 500
    noise = rng.normal(0, 3, (5000, 2))
    assert filters.detect_mains(noise, 500) == 0.0
    assert filters.detect_mains(noise + 4 * np.sin(2 * np.pi * mains * t)[:, None], 500) == mains


def test_rates_without_muscles_are_refused():
    with pytest.raises(InnerfaceError, match="best 1,000"):
        filters.emg_sos(80)

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from innerface.core.animation import bezier, key_reduction
from innerface.core.formats import read_take
from innerface.core.performance import demo_performance
from innerface.core.take.resample import frame_times, resample_linear


def worst(values, keys):
    frames = np.arange(len(values))
    curves = [bezier.evaluate(k, values[k, c], frames) for c, k in enumerate(keys)]
    return np.abs(np.stack(curves, axis=1) - values).max()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**31),
    st.integers(1, 120),
    st.sampled_from([0.001, 0.005, 0.05]),
    st.sampled_from(["walk", "noise", "steps", "flat"]),
)
def test_the_curve_stays_within_the_tolerance_at_every_frame(seed, frames, tolerance, kind):
    rng = np.random.default_rng(seed)
    values = {
        "walk": np.cumsum(rng.normal(0, 0.03, (frames, 3)), axis=0),
        "noise": rng.uniform(0, 1, (frames, 3)),
        "steps": np.repeat(rng.uniform(0, 1, (frames // 7 + 1, 3)), 7, axis=0)[:frames],
        "flat": np.full((frames, 3), 0.25),
    }[kind]
    keys = key_reduction.reduce_keys(values, tolerance)
    assert worst(values, keys) <= tolerance
    for k in keys:
        assert (np.diff(k) > 0).all() and k[0] == 0 and k[-1] == frames - 1


def test_blink_peaks_and_lip_closures_keep_their_exact_value():
    track = demo_performance(3).weights()
    at = frame_times(track.time, 24)
    values = resample_linear(track.time, track.values, at)
    tolerance = 0.02
    keys = key_reduction.reduce_keys(values, tolerance)
    blink = track.columns.index("eyeBlinkLeft")
    y = values[:, blink]
    peaks = [f for f in range(1, len(y) - 1) if y[f] > 0.5 and y[f] >= y[f - 1] and y[f] > y[f + 1]]
    assert len(peaks) >= 5
    assert set(peaks) <= set(keys[blink].tolist())
    jaw = values[:, track.columns.index("jawOpen")]
    contacts = [
        f for f in range(1, len(jaw) - 1) if jaw[f] < jaw[f - 1] - tolerance and jaw[f] < jaw[f + 1] - tolerance
    ]
    assert len(contacts) >= 3
    assert set(contacts) <= set(keys[track.columns.index("jawOpen")].tolist())


def test_a_rest_keeps_its_first_and_last_frame_so_that_onsets_do_not_creep():
    y = np.concatenate([np.zeros(40), np.linspace(0, 1, 10), np.ones(40)])[:, None]
    keys = key_reduction.reduce_keys(y, 0.01)[0].tolist()
    assert 39 in keys or 40 in keys
    assert len(keys) <= 8


def test_a_real_take_loses_most_of_its_keys_and_nothing_else(data):
    track = read_take(data / "arkit" / "alex_rom_3.csv").weights()
    values = resample_linear(track.time, track.values, frame_times(track.time, 24))[:, :52]
    keys = key_reduction.reduce_keys(values, 0.005)
    assert worst(values, keys) <= 0.005
    dense = values.size
    assert sum(map(len, keys)) < dense / 4


def test_handles_never_overshoot_the_keys_they_stand_between():
    rng = np.random.default_rng(1)
    x = np.cumsum(rng.integers(1, 30, 200)).astype(float)
    y = rng.uniform(0, 1, 200)
    frames = np.arange(x[0], x[-1])
    curve = bezier.evaluate(x, y, frames)
    k = np.searchsorted(x, frames, side="right") - 1
    low, high = np.minimum(y[k], y[k + 1]), np.maximum(y[k], y[k + 1])
    inner = (k > 0) & (k < len(x) - 2)
    assert (curve[inner] >= low[inner] - 1e-9).all() and (curve[inner] <= high[inner] + 1e-9).all()


@pytest.mark.parametrize("tolerance", [0, -0.1, float("nan")])
def test_an_impossible_tolerance_is_refused(tolerance):
    with pytest.raises(ValueError):
        key_reduction.reduce_keys(np.zeros((5, 1)), tolerance)


def test_missing_values_are_refused_instead_of_keyed():
    with pytest.raises(ValueError):
        key_reduction.reduce_keys(np.full((5, 1), np.nan), 0.01)


def test_nothing_reduces_to_nothing():
    assert [len(k) for k in key_reduction.reduce_keys(np.zeros((0, 2)), 0.01)] == [0, 0]
    assert [k.tolist() for k in key_reduction.reduce_keys(np.zeros((1, 2)), 0.01)] == [[0], [0]]

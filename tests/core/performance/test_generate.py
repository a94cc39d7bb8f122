import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from innerface.core import formats
from innerface.core.face.channels import ARKIT, OUTPUT_CHANNELS, mirrored
from innerface.core.performance.generate import generate
from innerface.core.performance.statistics import correlation_agreement, explained_variance, performance_statistics

REAL = (
    "S07-001.csv",
    "apfel.csv",
    "dao.converted.csv",
    "FaceCapture_2020-19-7-17-03-23.converted.csv",
    "alex_rom_3.csv",
    "alex_rom_4.csv",
    "MySlate_3_Jason_Millers_iPhone.csv",
)
HELD_OUT = REAL[4:]


@pytest.fixture(scope="module")
def made():
    return [generate(60.0, np.random.default_rng(k)) for k in range(40)]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.5, 20), st.sampled_from([24.0, 60.0, 100.0]))
def test_any_seed_gives_weights_in_range_that_move_smoothly(seed, seconds, rate):
    track = generate(seconds, np.random.default_rng(seed), rate)
    weights = track.select(ARKIT)
    assert (
        track.columns == OUTPUT_CHANNELS
        and len(track.time) == max(int(seconds * rate), 2)
        and np.isfinite(track.values).all()
    )
    assert weights.min() >= -0.02 and weights.max() <= 1.08
    jumps = [k for k, c in enumerate(ARKIT) if not c.startswith("eyeLook")]  # a saccade may be over within two frames
    assert np.abs(np.diff(weights[:, jumps], axis=0)).max() < 45.0 / rate
    assert np.abs(track.values[:, 52:]).max() < 1.6


def test_the_same_seed_is_the_same_performance_and_another_is_another():
    a, b, c = (generate(5.0, np.random.default_rng(k)).values for k in (1, 1, 2))
    assert (a == b).all() and not np.array_equal(a, c)


def test_every_channel_moves_in_some_performance(made):
    reach = np.max([np.ptp(t.select(ARKIT), axis=0) for t in made], axis=0)
    assert [c for c, r in zip(ARKIT, reach) if r < 0.5] == []


def test_the_mouth_never_closes_far_beyond_the_jaw(made):
    for track in made:
        assert (track.column("mouthClose") - track.column("jawOpen")).max() < 0.09


def test_both_eyes_look_the_same_way(made):
    for a, b in (("eyeLookOutLeft", "eyeLookInRight"), ("eyeLookInLeft", "eyeLookOutRight")):
        together = [
            np.corrcoef(t.column(a), t.column(b))[0, 1]
            for t in made
            if min(np.std(t.column(a)), np.std(t.column(b))) > 0.02
        ]
        assert np.median(together) > 0.8  # single channels move on their own now and then, besides


def test_ranges_and_speeds_cover_those_of_real_takes(data, made):
    real = performance_statistics([formats.read_take(data / "arkit" / n).weights() for n in REAL])
    ours = performance_statistics(made)
    pooled = np.concatenate([formats.read_take(data / "arkit" / n).weights().select(ARKIT) for n in REAL])
    most = np.nanpercentile(pooled, 95, axis=0)
    narrow = [c for k, c in enumerate(ARKIT) if ours.high[k] < most[k] - 0.02]
    assert narrow == []
    slow = [c for k, c in enumerate(ARKIT) if ours.speed[k] < 0.5 * real.speed[k]]
    assert slow == []


def test_channels_go_together_as_in_performers_who_were_not_looked_at(data, made):
    held = [formats.read_take(data / "arkit" / n).weights() for n in HELD_OUT]
    assert correlation_agreement(performance_statistics(made), performance_statistics(held)) > 0.4
    assert explained_variance(made, held, 20) > 0.85


def test_sides_are_alike_on_average(made):
    ours = performance_statistics(made)
    flip = [ARKIT.index(mirrored(c)) for c in ARKIT]
    assert np.abs(ours.active - ours.active[flip]).max() < 0.12

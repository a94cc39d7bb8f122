import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from innerface.core import formats
from innerface.core.face.channels import ARKIT, OUTPUT_CHANNELS
from innerface.core.performance import augment, demo_performance
from innerface.core.take import Track

seeds = st.integers(0, 2**32 - 1)


def recorded():
    """30 rows a second, a hole in the clock, rows without a face, fewer channels than 55."""
    track = demo_performance(1).weights()
    rows = np.concatenate([np.arange(0, 600, 2), np.arange(700, 1200, 2)])
    values = track.values[rows, :53].copy()
    values[40:50] = np.nan
    return Track("weights", track.time[rows] + 1000.0, track.columns[:53], values)


def whole(track):
    return (
        track.columns == OUTPUT_CHANNELS
        and np.isfinite(track.values).all()
        and np.allclose(np.diff(track.time), 1 / 60)
        and track.time[0] == 0
    )


def test_recorded_takes_become_even_and_whole():
    even = augment.at_rate(recorded())
    assert whole(even) and abs(even.time[-1] - recorded().duration) < 1 / 30
    assert (even.column("headRoll") == 0).all()


def test_a_mirror_twice_is_the_take_itself_and_once_is_the_other_side():
    even = augment.at_rate(recorded())
    once = augment.mirror(even)
    assert np.allclose(augment.mirror(once).values, even.values)
    assert np.allclose(once.column("mouthSmileLeft"), even.column("mouthSmileRight"))
    assert np.allclose(once.column("jawLeft"), even.column("jawRight"))
    assert np.allclose(once.column("eyeLookInLeft"), even.column("eyeLookInRight"))
    assert np.allclose(once.column("headYaw"), -even.column("headYaw"))
    assert np.allclose(once.column("jawOpen"), even.column("jawOpen"))


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_a_warp_keeps_every_value_in_order_and_its_speeds_within_limits(seed):
    even = augment.at_rate(demo_performance(1).weights())
    clock = Track("weights", even.time, OUTPUT_CHANNELS, even.values.copy())
    clock.values[:, 0] = even.time  # a channel that tells the time
    warped = augment.time_warp(clock, np.random.default_rng(seed))
    speed = np.diff(warped.values[:, 0])[:-1] * 60
    assert whole(warped) and speed.min() > 0.69 and speed.max() < 1.51
    assert warped.values[0, 0] == 0 and abs(warped.values[-1, 0] - even.time[-1]) < 0.05


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_gains_stay_within_limits_and_rest_faces_in_range(seed):
    rng = np.random.default_rng(seed)
    even = augment.at_rate(demo_performance(1).weights())
    stronger = augment.random_gains(even, rng)
    moving = even.values > 0.3
    ratio = stronger.values[:, :52][moving[:, :52]] / even.values[:, :52][moving[:, :52]]
    assert whole(stronger) and ratio.min() > 0.55 and ratio.max() < 1.45
    assert (stronger.column("mouthClose") - stronger.column("jawOpen")).max() < 1.4 * (
        even.column("mouthClose") - even.column("jawOpen")
    ).max() + 1e-9
    rest = augment.offset_rest(even, rng)
    assert (
        whole(rest)
        and (rest.values[:, :52] >= even.values[:, :52] - 1e-9).all()
        and rest.values[:, :52].max() <= 1.0 + 1e-9
    )


@settings(max_examples=20, deadline=None)
@given(seeds, st.floats(1, 40))
def test_splices_have_no_steps_and_hold_nothing_but_their_sources(seed, seconds):
    sources = [demo_performance(k).weights() for k in (1, 2)]
    made = augment.splice(sources, np.random.default_rng(seed), seconds)
    limit = max(np.abs(np.diff(s.values, axis=0)).max() for s in sources)
    assert whole(made) and np.abs(np.diff(made.values, axis=0)).max() < limit + 0.06
    assert made.values.max() <= max(s.values.max() for s in sources) + 1e-9


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_added_actions_and_other_habits_stay_in_range_and_shut_the_mouth_no_farther_than_the_jaw(seed):
    even = augment.at_rate(demo_performance(1).weights())
    slack = max((even.column("mouthClose") - even.column("jawOpen")).max(), 0.06) + 1e-9
    for made in (
        augment.add_actions(even, np.random.default_rng(seed)),
        augment.vary_style(even, np.random.default_rng(seed)),
    ):
        weights = made.select(ARKIT)
        assert (
            whole(made)
            and weights.min() >= -0.02
            and weights.max() <= 1.08
            and np.abs(weights - even.select(ARKIT)).max() > 0.02
        )
        assert (made.column("mouthClose") - made.column("jawOpen")).max() <= slack
        assert np.array_equal(made.values[:, 52:], even.values[:, 52:])  # the head is its own


def test_other_habits_leave_the_rest_as_it_was_and_draw_both_sides_mostly_alike():
    even = augment.at_rate(demo_performance(1).weights())
    still = Track("weights", even.time, OUTPUT_CHANNELS, np.tile(even.values[:1], (len(even.time), 1)))
    rng = np.random.default_rng(0)
    assert np.allclose(augment.vary_style(still, rng).values, still.values)
    left, right = ARKIT.index("mouthSmileLeft"), ARKIT.index("mouthSmileRight")
    both = even.values.copy()
    both[:, right] = both[:, left]
    apart, moved = [], []
    for seed in range(30):
        made = augment.vary_style(
            Track("weights", even.time, OUTPUT_CHANNELS, both), np.random.default_rng(seed)
        ).values
        apart.append(np.abs(made[:, left] - made[:, right]).mean())
        moved.append(np.abs(made[:, left] - both[:, left]).mean())
    assert np.mean(apart) < 0.6 * np.mean(moved)


def test_real_takes_go_through_every_augmentation(data):
    rng = np.random.default_rng(0)
    real = [formats.read_take(data / "arkit" / n).weights() for n in ("apfel.csv", "S07-001.csv")]
    track = augment.splice(real, rng, 20.0)
    for change in (
        augment.mirror,
        lambda t: augment.time_warp(t, rng),
        lambda t: augment.random_gains(t, rng),
        lambda t: augment.offset_rest(t, rng),
        lambda t: augment.add_actions(t, rng),
        lambda t: augment.vary_style(t, rng),
    ):
        track = change(track)
        assert whole(track)
    assert track.select(ARKIT).max() < 1.3

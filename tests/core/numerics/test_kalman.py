"""The Kalman filter of points: live equals a recording, looking both ways is better, and gaps are bridged."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from innerface.core.numerics import kalman


def textbook(time, z, q, r=1.0):
    """Constant velocity, one coordinate, as matrices."""
    x, p = np.array([z[0], 0.0]), np.diag([r, kalman._UNKNOWN_RATE_VARIANCE * r])
    out, states = [x[0]], [(x, p, None, None, None)]
    for k in range(1, len(z)):
        dt = time[k] - time[k - 1]
        f = np.array([[1, dt], [0, 1]])
        noise = q * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])
        xp, pp = f @ x, f @ p @ f.T + noise
        gain = pp[:, 0] / (pp[0, 0] + r)
        x, p = xp + gain * (z[k] - xp[0]), pp - np.outer(gain, pp[0])
        states.append((x, p, f, xp, pp))
        out.append(x[0])
    back = states[-1][0]
    both = [back[0]]
    for k in range(len(z) - 2, -1, -1):
        x, p, _, _, _ = states[k]
        _, _, f, xp, pp = states[k + 1]
        c = p @ f.T @ np.linalg.inv(pp)
        back = x + c @ (back - xp)
        both.append(back[0])
    return np.array(out), np.array(both[::-1])


@settings(deadline=None)
@given(st.integers(0, 1000))
def test_filter_and_smoother_are_the_textbooks(seed):
    rng = np.random.default_rng(seed)
    time = np.cumsum(rng.uniform(0.01, 0.05, 40))
    z = np.cumsum(rng.normal(0, 0.1, (40, 3)), axis=0)
    q = 10.0 ** rng.uniform(1, 5, 3)
    live, both = kalman.filter_points(time, z, q), kalman.smooth_points(time, z, q)
    for k in range(3):
        one, other = textbook(time, z[:, k], q[k])
        np.testing.assert_allclose(live[:, k], one, atol=1e-6)
        np.testing.assert_allclose(both[:, k], other, atol=1e-5)


def test_the_last_moment_is_the_same_live_and_looking_both_ways():
    rng = np.random.default_rng(0)
    time, z = np.arange(50) / 30, rng.normal(size=(50, 4))
    q = np.full(4, kalman.tightness_for(0.1))
    np.testing.assert_allclose(kalman.filter_points(time, z, q)[-1], kalman.smooth_points(time, z, q)[-1])


def test_smoothing_brings_noisy_points_nearer_to_the_truth_and_both_ways_nearer_still():
    rng = np.random.default_rng(2)
    time = np.arange(600) / 60
    truth = np.sin(2 * np.pi * 0.7 * time)[:, None] * np.ones(6)
    z = truth + rng.normal(0, 0.1, truth.shape)
    q = np.full(6, kalman.tightness_for(0.05))
    raw, live, both = (
        np.abs(a - truth).mean() for a in (z, kalman.filter_points(time, z, q), kalman.smooth_points(time, z, q))
    )
    assert both < live < raw


def test_missing_points_are_bridged_and_not_taken_for_zero():
    time = np.arange(100) / 30
    z = np.full((100, 2), 5.0)
    z[40:60] = np.nan
    out = kalman.smooth_points(time, z, np.full(2, kalman.tightness_for(0.1)))
    np.testing.assert_allclose(out, 5.0, atol=1e-6)


@pytest.mark.parametrize("rate", [24, 30, 60, 120])
def test_following_takes_as_long_as_it_says_at_any_rate(rate):
    time = np.arange(4 * rate) / rate
    step = (time >= 2)[:, None].astype(float)
    out = kalman.filter_points(time, step, np.array([kalman.tightness_for(0.2)]))[:, 0]
    reached = time[np.argmax(out > 0.63)] - 2
    assert 0.02 < reached < 0.4

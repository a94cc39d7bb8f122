"""What blocks of motion tell of each sensor's heading."""

import numpy as np
import pytest
from innerface.core.imu import drift

ERRORS = np.radians([0.0, 5.0, -12.0])


def turns(size, seed=0):
    """Rotations of sites (1, frames, S, 3), whose worlds are turned by ERRORS, and of the head (1, frames, 3)."""
    head = size * np.random.default_rng(seed).normal(0, 1, (1, drift.BLOCK_FRAMES, 3))
    horizontal = (head[..., 2] + 1j * head[..., 0])[..., None] * np.exp(-1j * ERRORS)
    site = np.stack([horizontal.imag, np.repeat(head[..., 1:2], len(ERRORS), axis=-1), horizontal.real], axis=-1)
    return site, head


def test_a_head_that_moves_shows_each_sensors_heading():
    error, variance = drift.heading_measurements(*turns(np.radians(10)))
    assert np.abs(error - ERRORS).max() < 1e-9 and np.degrees(np.sqrt(variance)).max() < 7


@pytest.mark.parametrize("degrees", [0.0, 1e-6, 0.01, 0.3])
def test_a_still_head_shows_no_heading_however_quiet_the_sensors_are(degrees):
    _, variance = drift.heading_measurements(*turns(np.radians(degrees)))
    assert not np.isfinite(variance).any(), "headings follow what is no motion"


def test_headings_stay_while_the_head_is_still_for_ten_minutes():
    state, rng = drift.heading_filter(3), np.random.default_rng(1)
    for _ in range(1200):
        site = rng.normal(0, np.radians(0.05), (1, drift.BLOCK_FRAMES, 3, 3))
        head = rng.normal(0, np.radians(0.05), (1, drift.BLOCK_FRAMES, 3))
        error, variance = drift.heading_measurements(site, head)
        state = state.update(error[0], variance[0]).predict(drift.BLOCK_S)
    assert np.degrees(np.abs(state.value)).max() < 1.0


SITES = 10


def follow_zero(vectors):
    """Zeros (N, SITES, 3) after each block of rotation vectors (T, SITES, 3), as they are followed live."""
    blocks = vectors[: len(vectors) // drift.BLOCK_FRAMES * drift.BLOCK_FRAMES]
    measured = drift.zero_measurements(blocks.reshape(-1, drift.BLOCK_FRAMES, SITES, 3))
    state, zeros = drift.zero_filter(SITES), []
    for error, variance in zip(*measured):
        state = state.update(error, variance).predict(drift.BLOCK_S)
        zeros.append(state.value)
    return np.array(zeros)


def pose(degrees, rng):
    """Rotation vectors (SITES, 3) of a pose that moves every site by `degrees`, in a direction of its own."""
    direction = rng.normal(0, 1, (SITES, 3))
    return np.radians(degrees) * direction / np.linalg.norm(direction, axis=-1, keepdims=True)


def performed(seconds, rng, *, speed=4.0, degrees=6.0):
    """Rotation vectors of a face in motion."""
    time = np.arange(round(60 * seconds)) / 60
    phase = rng.uniform(0, 2 * np.pi, (SITES, 3))
    return np.radians(degrees) * np.sin(speed * 2 * np.pi * time[:, None, None] + phase)


def still(seconds, at, rng):
    return at + rng.normal(0, np.radians(0.1), (round(60 * seconds), SITES, 3))


@pytest.mark.parametrize("degrees", [2.0, 4.0, 7.0, 12.0])
@pytest.mark.parametrize("seed", range(3))
def test_an_expression_that_is_held_for_20_seconds_keeps_95_percent_of_its_size(degrees, seed):
    rng = np.random.default_rng(seed)
    held = pose(degrees, rng)
    held[rng.permutation(SITES)[:4]] *= 0.3  # no expression moves all sites alike
    vectors = np.concatenate([still(8, 0, rng), performed(30, rng), still(20, held, rng)])
    zeros = follow_zero(vectors)
    eaten = np.linalg.norm(zeros[-1] - zeros[-41], axis=-1) / np.linalg.norm(held, axis=-1)
    assert eaten.max() < 0.05


def test_a_drift_of_two_degrees_a_minute_is_followed_for_ten_minutes():
    rng = np.random.default_rng(4)
    parts = [np.concatenate([performed(6, rng), still(2, 0, rng)]) for _ in range(75)]
    vectors = np.concatenate(parts)
    minutes = np.arange(len(vectors))[:, None, None] / 3600
    ramp = pose(2.0, rng) * minutes
    error = follow_zero(vectors + ramp)[-1] - ramp[-1]
    assert np.degrees(np.linalg.norm(error, axis=-1)).max() < 2.0, "of 20 degrees"


def test_many_short_rests_tell_more_than_one_long_one():
    rng = np.random.default_rng(5)
    error = pose(2.0, rng)
    long = np.concatenate([performed(180, rng), still(120, 0, rng)]) + error
    short = np.concatenate([np.concatenate([performed(3, rng), still(2, 0, rng)]) for _ in range(60)]) + error
    left = [np.linalg.norm(follow_zero(v)[-1] - error, axis=-1).mean() for v in (long, short)]
    assert left[1] < 0.8 * left[0]

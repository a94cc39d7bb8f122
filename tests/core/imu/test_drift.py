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

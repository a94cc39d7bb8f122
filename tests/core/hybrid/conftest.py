"""A performance as a camera records it, and as another tracker does."""

import numpy as np
import pytest
from innerface.core.performance import augment
from innerface.core.performance.generate import generate
from innerface.core.take import Take, Track
from scipy.ndimage import gaussian_filter1d


@pytest.fixture(scope="session")
def camera():
    """40 s at 30 rows a second, with a tracker's noise."""
    rng = np.random.default_rng(4)
    track = augment.at_rate(generate(40.0, rng), 30.0)
    noise = gaussian_filter1d(rng.normal(0, 0.002, track.values.shape), 1.0, axis=0)  # trackers smooth their output
    return Track("weights", track.time, track.columns, np.clip(track.values + noise, 0, 1))


@pytest.fixture(scope="session")
def phone(camera):
    """The same performance by another tracker: other gains, another rest, another clock."""
    rng = np.random.default_rng(5)
    values = np.clip(
        camera.values * rng.uniform(0.6, 1.1, camera.values.shape[1])
        + 0.04
        + rng.normal(0, 0.004, camera.values.shape),
        0,
        1,
    )
    return Take("phone", {"weights": Track("weights", camera.time + 5.5, camera.columns, values)})

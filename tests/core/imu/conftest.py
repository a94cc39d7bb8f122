"""Simulated takes that several tests look at."""

from functools import lru_cache

import numpy as np
import pytest
from innerface.core.face.channels import ARKIT, HEAD_ANGLES
from innerface.core.face.face_model import load_bundled
from innerface.core.imu.layout import load_layout
from innerface.core.imu.signal import from_track
from innerface.core.imu.simulation.effects import PRESETS, Effects
from innerface.core.imu.simulation.simulate import simulate
from innerface.core.performance import demo_performance
from innerface.core.take import Track

STILL = Effects(sway_deg=0.0, sway_mm=0.0)


@pytest.fixture(scope="session")
def face():
    return load_bundled()


@pytest.fixture(scope="session")
def sites():
    return load_layout()


@pytest.fixture(scope="session")
def made(face, sites):
    """`made("studio", seed=1)`: a simulated IMU signal of the made-up performance, or of `weights` (T, 52) and `head`
    (T, 3) at 60 rows/s."""

    def signal(effects="clean", seed=1, weights=None, head=None, linear=False):
        if weights is None:
            track = demo_performance(seed).weights()
        else:
            head = np.zeros((len(weights), 3)) if head is None else head
            track = Track(
                "weights", np.arange(len(weights)) / 60, ARKIT + HEAD_ANGLES, np.concatenate([weights, head], axis=1)
            )
        effects = PRESETS[effects] if isinstance(effects, str) else effects
        return from_track(simulate(track, face, sites, effects=effects, seed=seed, linear=linear).tracks["imu"])

    @lru_cache
    def known(effects, seed, linear):
        return signal(effects, seed, linear=linear)

    def cached(effects="clean", seed=1, weights=None, head=None, linear=False):
        return known(effects, seed, linear) if weights is None else signal(effects, seed, weights, head, linear)

    return cached


@pytest.fixture(scope="session")
def simulated(made):
    """`made` under a name for modules that have a `made` of their own."""
    return made

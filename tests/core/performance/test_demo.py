import numpy as np
from innerface.core.face.channels import ARKIT
from innerface.core.performance import demo_performance


def test_the_same_seed_makes_the_same_performance_and_another_seed_another():
    assert (demo_performance(1).weights().values == demo_performance(1).weights().values).all()
    assert not (demo_performance(1).weights().values == demo_performance(2).weights().values).all()


def test_weights_stay_in_range_and_motion_is_smooth():
    track = demo_performance(0).weights()
    weights = track.select(ARKIT)
    assert weights.min() >= 0 and weights.max() <= 1
    assert np.abs(np.diff(weights, axis=0)).max() < 0.5
    assert 15 < track.duration < 30


def test_the_performance_blinks_speaks_and_uses_most_of_the_face():
    track = demo_performance(0).weights()
    moving = (np.ptp(track.select(ARKIT), axis=0) > 0.1).sum()
    assert moving > 35
    assert (track.column("eyeBlinkLeft") > 0.9).any()
    assert np.abs(track.select(("headYaw", "headPitch", "headRoll"))).max() > 0.03

from dataclasses import replace

import numpy as np
import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.imu.convention import fix_conventions
from innerface.core.imu.motion import calibrate_take
from innerface.core.imu.signal import GRAVITY
from innerface.core.numerics import quaternion as quat

Z_UP = quat.from_matrix(np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]]))  # y -> z, z -> x
X_UP = quat.from_matrix(np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]]))  # y -> x

CHANGES = {
    "z is up and said so": (lambda s: replace(s, rotation=quat.multiply(Z_UP, s.rotation), up="z"), 0),
    "z is up and not said": (lambda s: replace(s, rotation=quat.multiply(Z_UP, s.rotation), up=""), 0),
    "x is up and said so": (lambda s: replace(s, rotation=quat.multiply(X_UP, s.rotation), up="x"), 0),
    "the up axis is not said": (lambda s: replace(s, up=""), 0),
    "accelerations are in g": (lambda s: replace(s, acceleration=s.acceleration / GRAVITY), 1),
    "accelerations point down": (lambda s: replace(s, acceleration=-s.acceleration), 1),
    "quaternions run from world to sensor": (lambda s: replace(s, rotation=quat.conjugate(s.rotation)), 1),
    "quaternions are in the order x, y, z, w": (lambda s: replace(s, rotation=s.rotation[..., [1, 2, 3, 0]]), 1),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_take_in_another_convention_gives_the_same_motion_and_says_so(made, sites, name):
    change, notes = CHANGES[name]
    signal = made("studio", 1)
    want, got = calibrate_take(signal, sites), calibrate_take(change(signal), sites)
    assert np.degrees(np.abs(got[1].rotation - want[1].rotation)).max() < 0.1
    assert len(got[0].notes) - len(want[0].notes) == notes


def test_linear_acceleration_gives_nearly_the_same_motion(made, sites):
    a, b = calibrate_take(made("clean", 3), sites)[1], calibrate_take(made("clean", 3, linear=True), sites)[1]
    assert np.degrees(np.abs(a.rotation - b.rotation)).max() < 0.05
    assert np.abs(a.acceleration - b.acceleration).mean() < 0.02


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: replace(s, up="x"), "up=x"),
        (lambda s: replace(s, acceleration=s.acceleration * 0.02), "median"),
        (lambda s: replace(s, acceleration=s.acceleration * 0), "median"),
        (lambda s: replace(s, rotation=s.rotation[..., [2, 0, 3, 1]]), "do not match"),
        (lambda s: replace(s, rotation=np.roll(s.rotation, 700, axis=0)[:, ::-1]), "do not match"),
    ],
)
def test_signals_that_make_no_sense_are_refused_in_one_line(made, change, words):
    with pytest.raises(InnerfaceError) as told:
        fix_conventions(change(made("studio", 1)))
    assert words in str(told.value) and "\n" not in str(told.value)


def test_linear_accelerations_in_g_are_noticed_by_the_lever_arms(made, sites):
    signal = made("clean", 3, linear=True)
    with pytest.raises(InnerfaceError, match="look like g"):
        calibrate_take(replace(signal, acceleration=signal.acceleration / GRAVITY), sites)

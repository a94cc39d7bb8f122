"""What simulated parts measure, and the orientation that fusion makes of it."""

from dataclasses import replace

import numpy as np
import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.imu.signal import GRAVITY
from innerface.core.imu.simulation import boards
from innerface.core.imu.simulation.boards import BOARDS, measure
from innerface.core.numerics import quaternion as quat

RATE = 240.0


def motion(seconds=30.0, turn=0.5, count=3):
    """Sensors that turn about two axes, and the specific force of gravity alone."""
    pytest.importorskip("vqf")
    t = np.arange(int(seconds * RATE)) / RATE
    vector = np.zeros((len(t), count, 3))
    vector[:, :, 0], vector[:, :, 1] = turn * np.sin(0.9 * t)[:, None], turn * np.sin(0.5 * t)[:, None]
    mounting = np.random.default_rng(0).normal(0, 1, (count, 4))
    rotation = quat.multiply(quat.from_rotvec(vector), mounting / np.linalg.norm(mounting, axis=1, keepdims=True))
    return rotation, quat.rotate(quat.conjugate(rotation), np.array([0.0, GRAVITY, 0.0]))


def degrees(a, b):
    return np.degrees(np.linalg.norm(quat.to_rotvec(quat.multiply(a, quat.conjugate(b))), axis=-1))


def inclination(rotation, force):
    """Degrees between the world's vertical and where an orientation (T, S, 4) puts gravity's reaction."""
    up = quat.rotate(rotation, force / np.linalg.norm(force, axis=-1, keepdims=True))
    return np.degrees(np.arccos(np.clip(up[..., 1], -1, 1)))


@pytest.mark.parametrize("name", [*BOARDS, "madgwick"])
def test_the_inclination_is_that_of_the_sensors_to_some_degrees(name):
    rotation, force = motion()
    board = replace(BOARDS["bmi270"], fusion="madgwick") if name == "madgwick" else BOARDS[name]
    got = measure(rotation, force, board, rate=RATE, rng=np.random.default_rng(1))
    error = inclination(got.rotation, force)[int(5 * RATE) :]
    assert got.rotation.shape == rotation.shape and np.median(error) < 3.0 and error.max() < 12.0


def test_without_errors_only_the_heading_is_unknown_and_stays_what_it_is():
    rotation, force = motion()
    perfect = boards.Board("perfect", RATE, 0, 0, 0, 0, 0, 2000, 0, 0, 0)
    got = measure(rotation, force, perfect, rate=RATE, rng=np.random.default_rng(1)).rotation
    offset = quat.multiply(got, quat.conjugate(rotation))
    settled = offset[int(5 * RATE) :]
    assert np.abs(quat.to_rotvec(settled)[..., [0, 2]]).max() < np.radians(1.5), "more than the heading differs"
    assert degrees(settled, settled[:1]).max() < 1.5, "the heading wanders"
    heading = quat.to_rotvec(settled[0])[:, 1]
    assert np.ptp(heading) > 0.1, "six axes know no heading, yet all agree"


def test_a_magnetometer_gives_all_sensors_one_heading():
    rotation, force = motion()
    board = replace(BOARDS["qmi8658"], magnet_ut=0.0)
    got = measure(rotation, force, board, rate=RATE, rng=np.random.default_rng(1)).rotation
    offset = quat.multiply(got, quat.conjugate(rotation))[int(15 * RATE) :]
    assert np.median(degrees(offset[:, 1:], offset[:, :1])) < 5.0


def test_noise_at_rest_is_that_of_the_data_sheet():
    still, force = motion(seconds=20.0, turn=0.0)
    board = BOARDS["bmi270"]
    readings = measure(still, force, board, rate=RATE, rng=np.random.default_rng(2)).force
    expected = board.accel_noise_ug * 1e-6 * GRAVITY * np.sqrt(RATE / 2)
    assert readings.std(axis=0).mean() == pytest.approx(expected, rel=0.05)
    bias = np.abs(readings.mean(axis=0) - force[0])
    assert bias.max() < (board.accel_bias_mg * 1e-3 + 6 * (board.accel_scale + board.misalignment)) * GRAVITY


def test_readings_stop_at_full_scale_and_have_its_steps():
    rotation, force = motion(seconds=4.0)
    board = replace(BOARDS["lsm6dsv16x"], accel_range_g=2.0)
    readings = measure(rotation, force * 5, board, rate=RATE, rng=np.random.default_rng(0)).force
    step = 2.0 * GRAVITY / 2**15
    assert np.abs(readings).max() == pytest.approx(2.0 * GRAVITY, abs=2 * step)
    assert np.abs(readings / step - np.round(readings / step)).max() < 1e-6


def test_the_same_seed_gives_the_same_measurement():
    rotation, force = motion(seconds=3.0)
    a, b, c = (
        measure(rotation, force, BOARDS["icm45686"], rate=RATE, rng=np.random.default_rng(s)).rotation
        for s in (1, 1, 2)
    )
    assert np.array_equal(a, b) and not np.array_equal(a, c)


def test_fusion_that_is_not_installed_is_one_line(monkeypatch):
    rotation, force = motion(seconds=1.0)
    monkeypatch.setitem(__import__("sys").modules, "vqf", None)
    with pytest.raises(InnerfaceError, match=r"innerface\[fusion\]"):
        measure(rotation, force, BOARDS["bmi270"], rate=RATE, rng=np.random.default_rng(0))

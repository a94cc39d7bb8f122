import numpy as np
import pytest
from innerface.core.channels import ARKIT
from innerface.core.errors import InnerfaceError
from innerface.core.imu.effects import PRESETS, Effects
from innerface.core.imu.head import NOD, RELAX, SHAKE, TAPS
from innerface.core.imu.signal import GRAVITY, from_track
from innerface.core.imu.simulate import simulate
from innerface.core.imu.skin import patches
from innerface.core.performance import perform
from innerface.core.take import Track
from scipy.spatial.transform import Rotation

STILL = Effects(sway_deg=0.0, sway_mm=0.0)


def run(face, sites, weights, effects=STILL, seed=0, rate=60.0):
    track = Track("weights", 100.0 + np.arange(len(weights)) / rate, ARKIT, weights)
    return from_track(simulate(track, face, sites, effects, seed).tracks["imu"])


def pose(channel, rows=240, apex=1.0):
    """A channel that rises in the second second and stays."""
    weights = np.zeros((rows, 52))
    x = np.clip((np.arange(rows) / 60 - 1.0) / 0.5, 0, 1)
    weights[:, ARKIT.index(channel)] = apex * (x * x * (3 - 2 * x))
    return weights


def turned(signal, site, a, b):
    """Degrees that a site turned between two times, seen from the ear (so head motion does not count)."""
    k, aux = signal.sites.index(site), signal.sites.index("aux")
    out = []
    for when in (a, b):
        row = np.abs(signal.time - when).argmin()
        w, x, y, z = signal.rotation[row, k]
        rw, rx, ry, rz = signal.rotation[row, aux]
        out.append(Rotation.from_quat([rx, ry, rz, rw]).inv() * Rotation.from_quat([x, y, z, w]))
    return np.degrees((out[0].inv() * out[1]).magnitude())


def test_a_still_sensor_feels_gravity_and_nothing_else(face, sites):
    signal = run(face, sites, np.zeros((120, 52)))
    rest = (signal.time > 100 + RELAX[0] + 0.5) & (signal.time < 100 + RELAX[1] - 0.5)
    assert np.abs(np.linalg.norm(signal.acceleration[rest], axis=-1) - GRAVITY).max() < 0.03
    q = signal.rotation[rest]
    up = Rotation.from_quat(q.reshape(-1, 4)[:, [1, 2, 3, 0]]).apply(signal.acceleration[rest].reshape(-1, 3))
    assert np.abs(up - [0, GRAVITY, 0]).max() < 0.03


def test_the_preamble_comes_before_the_first_row_on_the_takes_own_clock(face, sites):
    signal = run(face, sites, np.zeros((120, 52)))
    assert signal.time[0] == pytest.approx(100 + RELAX[0], abs=0.02)
    assert 100 <= signal.time[-1] <= 102
    aux = Rotation.from_quat(signal.rotation[:, 0][:, [1, 2, 3, 0]])
    speed = np.degrees((aux[:-1].inv() * aux[1:]).magnitude()) * 100
    t = signal.time[:-1] - 100
    for a, b in (NOD, SHAKE):
        assert speed[(t > a) & (t < b)].max() > 40
    assert speed[(t > RELAX[0]) & (t < RELAX[1] - 0.1)].max() < 3
    chin = np.linalg.norm(signal.acceleration[:, signal.sites.index("mentalis_left")], axis=1)
    for tap in TAPS:
        assert chin[np.abs(signal.time - 100 - tap) < 0.05].max() > GRAVITY + 4


@pytest.mark.parametrize(
    ("channel", "near", "far"),
    [
        ("jawOpen", "mentalis_left", "frontalis_left"),
        ("browOuterUpLeft", "frontalis_left", "mentalis_left"),
        ("mouthSmileLeft", "zygomaticus_left", "zygomaticus_right"),
        ("cheekPuff", "buccinator_right", "frontalis_right"),
    ],
)
def test_an_action_turns_the_sensors_near_it_and_not_those_far_away(face, sites, channel, near, far):
    signal = run(face, sites, pose(channel))
    assert turned(signal, near, 100.5, 103.5) > 2.0
    assert turned(signal, far, 100.5, 103.5) < 0.5 * turned(signal, near, 100.5, 103.5)


def test_an_open_jaw_turns_the_chin_as_far_as_the_mesh_does(face, sites):
    signal = run(face, sites, pose("jawOpen"))
    assert turned(signal, "mentalis_left", 100.5, 103.5) == pytest.approx(17, abs=3)


def test_the_ear_feels_the_head_and_never_the_face(face, sites):
    signal = run(face, sites, pose("jawOpen"))
    quiet = signal.time > 100.2
    q = signal.rotation[quiet, 0]
    assert np.abs(q - q[0]).max() < 1e-6


def test_mirrored_performances_give_mirrored_rotations(face, sites):
    left, right = run(face, sites, pose("mouthSmileLeft")), run(face, sites, pose("mouthSmileRight"))
    for a, b in (("zygomaticus_left", "zygomaticus_right"), ("buccinator_left", "buccinator_right")):
        assert turned(left, a, 100.5, 103.5) == pytest.approx(turned(right, b, 100.5, 103.5), rel=0.02)


def test_the_same_seed_makes_the_same_take_and_another_seed_another(face, sites):
    track = perform(1).weights()
    one, two, other = (simulate(track, face, sites, PRESETS["rough"], seed).tracks["imu"].values for seed in (5, 5, 6))
    assert np.array_equal(one, two, equal_nan=True)
    assert one.shape != other.shape or not np.array_equal(one, other, equal_nan=True)


@pytest.mark.parametrize(
    ("name", "size", "measure"),
    [
        ("accel_noise_ug", 400.0, lambda s: np.nanstd(np.diff(s.acceleration[50:300], axis=0))),
        ("accel_bias", 0.5, lambda s: np.abs(np.linalg.norm(s.acceleration[50:300], axis=-1).mean(0) - GRAVITY).max()),
        ("tilt_deg", 3.0, lambda s: np.abs(np.diff(s.rotation[50:300:60], axis=0)).max()),
        ("heading_drift_dpm", 30.0, lambda s: np.abs(s.rotation[300] - s.rotation[50]).max()),
        ("loss", 0.2, lambda s: np.isnan(s.rotation[..., 0]).mean()),
        ("gaps_per_min", 60.0, lambda s: np.isnan(s.rotation[..., 0]).mean()),
        ("jitter_ms", 2.0, lambda s: np.diff(s.time).std()),
        ("walk", 3.0, lambda s: np.nanstd(np.linalg.norm(s.acceleration[-100:, 0], axis=-1))),
        ("cable", 1.0, lambda s: np.nanstd(np.linalg.norm(s.acceleration[50:300], axis=-1))),
        ("sway_deg", 20.0, lambda s: np.abs(s.rotation[-1, 0] - s.rotation[-150, 0]).max()),
    ],
)
def test_every_effect_does_something_of_its_own(face, sites, name, size, measure):
    weights = np.zeros((240, 52))
    with_it = run(face, sites, weights, Effects(**{"sway_deg": 0.0, "sway_mm": 0.0, name: size}))
    without = run(face, sites, weights, Effects(sway_deg=0.0, sway_mm=0.0))
    assert measure(with_it) > 3 * measure(without) + 1e-6


def test_a_dead_sensor_is_a_face_site_and_only_one(face, sites):
    signal = run(face, sites, np.zeros((120, 52)), Effects(dead=1.0))
    dead = np.isnan(signal.rotation[..., 0]).all(axis=0)
    assert dead.sum() == 1 and not dead[0]


def test_placement_moves_the_patches_by_about_what_it_says(face, sites):
    rng = np.random.default_rng(0)
    exact = patches(face, sites, 0.0, rng)
    moved = [np.linalg.norm(p.place - e.place) for _ in range(20) for p, e in zip(patches(face, sites, 4.0, rng)[1:], exact[1:])]
    assert 0.0015 < np.median(moved) < 0.006


def test_only_a_performance_can_be_simulated(face, sites):
    with pytest.raises(InnerfaceError):
        simulate(Track("weights", np.array([0.0]), ("jawOpen",), np.zeros((1, 1))), face, sites, STILL)
    with pytest.raises(InnerfaceError):
        simulate(Track("weights", np.array([0.0, 1.0]), ("headYaw",), np.zeros((2, 1))), face, sites, STILL)

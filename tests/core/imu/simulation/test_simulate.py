from dataclasses import fields, replace

import numpy as np
import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT
from innerface.core.imu.signal import GRAVITY, from_track
from innerface.core.imu.simulation import sensor_errors
from innerface.core.imu.simulation.effects import PRESETS, Effects
from innerface.core.imu.simulation.head_motion import NECK, NOD, RELAX, SHAKE, TAPS, HeadMotion
from innerface.core.imu.simulation.simulate import _specific_force, simulate
from innerface.core.imu.skin import skin_patches
from innerface.core.numerics import quaternion as quat
from innerface.core.performance import demo_performance
from innerface.core.take import Track
from scipy.spatial.transform import Rotation

STILL = Effects(sway_deg=0.0, sway_mm=0.0)


def run(face, sites, weights, effects=STILL, seed=0, rate=60.0):
    track = Track("weights", 100.0 + np.arange(len(weights)) / rate, ARKIT, weights)
    return from_track(simulate(track, face, sites, effects=effects, seed=seed).tracks["imu"])


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
    track = demo_performance(1).weights()
    one, two, other = (
        simulate(track, face, sites, effects=PRESETS["rough"], seed=seed).tracks["imu"].values for seed in (5, 5, 6)
    )
    assert np.array_equal(one, two, equal_nan=True)
    assert one.shape != other.shape or not np.array_equal(one, other, equal_nan=True)


def apart(signal):
    """The most that any site turns against the ear's sensor, seen in the ear's axes, rad: 0 on a still face, however
    the head moves."""
    q = np.nan_to_num(signal.rotation, nan=0.5)[:, :, [1, 2, 3, 0]]
    ear = Rotation.from_quat(q[:, 0])
    against = [ear.inv() * Rotation.from_quat(q[:, s]) for s in range(1, len(signal.sites))]
    return max((a[0].inv() * a).magnitude().max() for a in against)


def head_turns(signal):
    """How far the ear's sensor turns after the preamble, rad."""
    ear = Rotation.from_quat(signal.rotation[signal.time > 99.5, 0][:, [1, 2, 3, 0]])
    return (ear[0].inv() * ear).magnitude().max()


EFFECTS = {
    "creep_deg": (10.0, apart),
    "wobble_deg": (2.0, apart),
    "loose": (1.0, apart),
    "cable_deg": (3.0, apart),
    "tilt_deg": (3.0, apart),
    "heading_deg": (180.0, apart),
    "heading_rate_dpm": (20.0, apart),
    "heading_drift_dpm": (30.0, apart),
    "magnet_deg": (20.0, apart),
    "gyro_noise_dps": (0.5, apart),
    "gyro_scale": (0.2, apart),
    "sway_deg": (20.0, head_turns),
    "torso_deg": (10.0, head_turns),
    "glance_deg": (30.0, head_turns),
    "beat_deg": (5.0, head_turns),
    "sway_mm": (200.0, lambda s: np.nanstd(np.linalg.norm(s.acceleration[s.time > 100, 0], axis=-1))),
    "walk": (3.0, lambda s: np.nanstd(np.linalg.norm(s.acceleration[s.time > 100, 0], axis=-1))),
    "accel_noise_ug": (400.0, lambda s: np.nanstd(np.diff(s.acceleration[50:300], axis=0))),
    "accel_bias": (0.5, lambda s: np.abs(np.linalg.norm(s.acceleration[50:300], axis=-1).mean(0) - GRAVITY).max()),
    "accel_scale": (0.1, lambda s: np.abs(np.linalg.norm(s.acceleration[50:300], axis=-1).mean(0) - GRAVITY).max()),
    "cable": (1.0, lambda s: np.nanstd(np.linalg.norm(s.acceleration[50:300], axis=-1))),
    "loss": (0.2, lambda s: np.isnan(s.rotation[..., 0]).mean()),
    "row_loss": (0.2, lambda s: np.isnan(s.rotation[..., 0]).all(axis=1).mean()),
    "gaps_per_min": (60.0, lambda s: np.isnan(s.rotation[..., 0]).mean()),
    "jitter_ms": (2.0, lambda s: np.diff(s.time).std()),
}
TESTED_ALONE = {
    "slip",
    "slip_s",
    "rate_hz",
    "placement_mm",
    "mounting_deg",
    "coupling_hz",
    "coupling_damping",
    "anatomy",
    "relaxed",
    "accel_range",
    "gyro_range_dps",
    "tilt_s",
    "tilt_pull",
    "dead",
}


@pytest.mark.parametrize("name", EFFECTS)
def test_every_effect_does_something_of_its_own(face, sites, name):
    size, measure = EFFECTS[name]
    weights = np.zeros((2400, 52))
    with_it = run(face, sites, weights, Effects(**{"sway_deg": 0.0, "sway_mm": 0.0, name: size}))
    without = run(face, sites, weights, Effects(sway_deg=0.0, sway_mm=0.0))
    assert measure(with_it) > 3 * measure(without) + 1e-3


def test_no_effect_goes_untested():
    assert {entry.name for entry in fields(Effects)} == set(EFFECTS) | TESTED_ALONE


def test_tape_gives_way_to_a_share_of_a_held_turn_and_overshoots_on_the_way_back():
    effects, rate = Effects(slip=0.2, slip_s=2.0), 100.0
    turn = np.zeros((3000, 1, 3))
    turn[500:1500, 0, 0] = 0.3
    measured = sensor_errors.slip(turn, effects, rate)[:, 0, 0]
    assert measured[500] > 0.29 and abs(measured[1499] - 0.8 * 0.3) < 0.002
    assert abs(measured[1500] + 0.2 * 0.3) < 0.002 and abs(measured[-1]) < 0.001


def test_a_sensor_on_the_skull_never_wobbles(face, sites):
    force = np.random.default_rng(0).normal(0, 3, (200, len(sites.sites), 3))
    reference = sites.sites.index(sites.reference)
    on_skin = [s for s in range(len(sites.sites)) if s != reference]
    tilt = sensor_errors.wobble(force, on_skin, Effects(wobble_deg=1.0), rate=100.0, rng=np.random.default_rng(1))
    assert not tilt[:, reference].any() and (np.abs(tilt[1:, on_skin]).max(axis=(0, 2)) > np.radians(0.1)).all()


def test_sensors_feel_their_path_through_the_room():
    """Against the second difference of the places themselves: gravity, neck, Euler, centripetal, Coriolis and skin
    terms at once."""
    step = 1e-3
    t = np.arange(2000) * step
    rotation = quat.from_euler_yxz(0.5 * np.sin(3 * t), 0.3 * np.sin(5 * t + 1), 0.2 * np.sin(4 * t + 2))
    neck = 0.02 * np.stack([np.sin(4 * t), np.cos(3 * t), np.sin(2 * t)], axis=1)
    rate = np.array([6.0, 9.0, 4.0])
    mean, size = np.array([[0.03, -0.05, 0.1], [0.07, 0.0, 0.0]]), np.array([[0.01, 0.02, 0.005], [0.0, 0.01, 0.01]])
    phase = t[:, None, None] * rate
    place, speed, push = mean + size * np.sin(phase), size * rate * np.cos(phase), -size * rate**2 * np.sin(phase)
    force = _specific_force(t, HeadMotion(rotation, neck), place, velocity=speed, skin_acceleration=push)
    room = neck[:, None] + quat.rotate(rotation[:, None], place - NECK)
    moved = (room[2:] - 2 * room[1:-1] + room[:-2]) / step**2 + [0.0, GRAVITY, 0.0]
    felt = quat.rotate(rotation[1:-1, None], force[1:-1])
    assert np.abs(moved - [0.0, GRAVITY, 0.0]).max() > 2  # else the comparison would say little
    assert np.abs(felt - moved)[5:-5].max() < 0.01


def test_sensors_send_at_the_rate_that_is_asked(face, sites):
    for rate in (30.0, 200.0):
        assert np.diff(run(face, sites, np.zeros((60, 52)), replace(STILL, rate_hz=rate)).time) == pytest.approx(
            1 / rate
        )


def test_sensors_that_are_mounted_straight_agree_with_the_head(face, sites):
    rest = run(face, sites, np.zeros((60, 52)), replace(STILL, mounting_deg=0.0)).rotation[0]
    assert np.abs(np.abs(rest @ rest[0]) - 1).max() < 1e-9
    askew = run(face, sites, np.zeros((60, 52)), STILL).rotation[0]
    assert np.abs(askew @ askew[0]).min() < 0.7


def test_soft_skin_follows_late_and_rings(face, sites):
    hard, soft, ringing = (
        run(face, sites, pose("jawOpen"), replace(STILL, coupling_hz=(hz, hz), coupling_damping=(d, d)))
        for hz, d in ((0.0, 0.4), (10.0, 1.0), (10.0, 0.1))
    )
    half = [turned(s, "mentalis_left", 100.5, 101.25) for s in (hard, soft)]
    assert half[1] < 0.85 * half[0]
    chin = hard.sites.index("mentalis_left")
    after = [
        np.nanstd(s.acceleration[(s.time > 101.55) & (s.time < 102.5), chin], axis=0).max() for s in (hard, ringing)
    ]
    assert after[1] > 5 * after[0]


def test_another_anatomy_moves_further_or_less(face, sites):
    angles = [
        turned(run(face, sites, pose("jawOpen"), replace(STILL, anatomy=0.3), seed), "mentalis_left", 100.5, 103.5)
        for seed in range(8)
    ]
    assert 2.0 < np.std(angles) < 10


def test_performers_may_relax_further_than_they_act(face, sites):
    weights = pose("jawOpen") * 0.5
    weights[:, ARKIT.index("browDownLeft")] = 0.6  # never let go while acting
    held, free = (run(face, sites, weights, replace(STILL, relaxed=(r, r))) for r in (1.0, 0.0))
    assert turned(held, "frontalis_left", 90.0, 100.5) < 0.3
    assert turned(free, "frontalis_left", 90.0, 100.5) > 1.5


def test_accelerometers_and_gyroscopes_saturate_at_their_ranges(face, sites):
    taps = run(face, sites, np.zeros((60, 52)), replace(STILL, accel_range=12.0))
    assert np.abs(taps.acceleration).max() == 12.0
    slow = run(face, sites, np.zeros((60, 52)), replace(STILL, gyro_range_dps=20.0))
    assert apart(run(face, sites, np.zeros((60, 52)), STILL)) < 1e-6 and head_turned_back(slow) > 0.1


def head_turned_back(signal):
    """How far the ear's heading is from where it was before the nod and shake, on a head that came back, rad; or went
    astray while it shook."""
    ear = Rotation.from_quat(signal.rotation[:, 0][:, [1, 2, 3, 0]])
    t = signal.time - 100
    swing = (ear[np.abs(t - RELAX[1]).argmin()].inv() * ear[(t > SHAKE[0]) & (t < SHAKE[1])]).magnitude().max()
    return np.radians(24) - swing  # a shake is at least that wide


def test_a_fusion_filter_leans_towards_what_it_takes_for_gravity():
    t = np.arange(600) / 100
    pull = np.tile([0.05, -0.03], (600, 1))
    error = sensor_errors.orientation_error(
        t, np.zeros((600, 2)), pull, effects=Effects(tilt_pull=1.0), rng=np.random.default_rng(0)
    )
    felt = quat.rotate(error, np.broadcast_to([0.05, 1.0, -0.03], (600, 2, 3)))
    assert np.abs(felt[..., [0, 2]]).max() < 2e-3


def test_the_tilt_error_wanders_as_slowly_as_it_says():
    t = np.arange(20000) / 100
    fast, slow = (
        quat.to_rotvec(
            sensor_errors.orientation_error(
                t,
                np.zeros((20000, 1)),
                np.zeros((20000, 2)),
                effects=Effects(tilt_deg=3.0, tilt_s=s),
                rng=np.random.default_rng(0),
            )
        )
        for s in (0.5, 5.0)
    )
    assert np.std(np.diff(fast, axis=0)) > 2 * np.std(np.diff(slow, axis=0))
    assert np.degrees(np.linalg.norm(slow, axis=-1)).mean() == pytest.approx(3.0 * np.sqrt(np.pi) / 2, rel=0.4)


def test_devices_may_take_gravity_off_themselves(face, sites):
    track = Track("weights", np.arange(120) / 60, ARKIT, np.zeros((120, 52)))
    signal = from_track(simulate(track, face, sites, effects=STILL, seed=0, linear=True).tracks["imu"])
    assert signal.linear and np.abs(signal.acceleration[50:300]).max() < 0.03


def test_a_dead_sensor_is_a_face_site_and_only_one(face, sites):
    signal = run(face, sites, np.zeros((120, 52)), Effects(dead=1.0))
    dead = np.isnan(signal.rotation[..., 0]).all(axis=0)
    assert dead.sum() == 1 and not dead[0]


def test_placement_moves_the_patches_by_about_what_it_says(face, sites):
    rng = np.random.default_rng(0)
    exact = skin_patches(face, sites, 0.0, rng=rng)
    moved = [
        np.linalg.norm(p.position - e.position)
        for _ in range(20)
        for p, e in zip(skin_patches(face, sites, 4.0, rng=rng)[1:], exact[1:])
    ]
    assert 0.0015 < np.median(moved) < 0.006


def test_only_a_performance_can_be_simulated(face, sites):
    with pytest.raises(InnerfaceError):
        simulate(Track("weights", np.array([0.0]), ("jawOpen",), np.zeros((1, 1))), face, sites, effects=STILL)
    with pytest.raises(InnerfaceError):
        simulate(Track("weights", np.array([0.0, 1.0]), ("headYaw",), np.zeros((2, 1))), face, sites, effects=STILL)

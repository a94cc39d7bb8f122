from dataclasses import fields

import numpy as np
from innerface.core.channels import OUTPUT
from innerface.core.imu.effects import PRESETS, Effects
from innerface.core.imu.examples import Example, example, random_effects, windows
from innerface.core.imu.kinematics import Motion
from innerface.core.performance.generate import generate


def test_random_sensors_reach_from_perfect_to_worse_than_rough():
    made = [random_effects(np.random.default_rng(k)) for k in range(400)]
    rough = PRESETS["rough"]
    for name in ("tilt_deg", "placement_mm", "accel_noise_ug", "heading_drift_dpm", "anatomy"):
        sizes = np.array([getattr(e, name) for e in made])
        assert sizes.min() < 0.05 * getattr(rough, name) and sizes.max() > getattr(rough, name) * 0.9
    same = [e.name for e in fields(Effects) if len({getattr(m, e.name) for m in made}) == 1]
    assert set(same) <= {"mounting_deg", "coupling_damping", "accel_range", "gyro_range_dps", "tilt_s", "dead", "loose"}


def test_sensors_for_moments_are_never_dead_or_loose():
    assert all(e.dead == e.loose == 0 for e in (random_effects(np.random.default_rng(k), whole=True) for k in range(50)))


def test_an_example_is_the_performance_on_the_motions_own_clock(face, sites):
    track = generate(8.0, np.random.default_rng(3))
    made = example(track, face, sites, PRESETS["clean"], np.random.default_rng(0))
    assert made is not None and made.weights.shape == (len(made.motion.time), len(OUTPUT))
    inside = made.motion.time[made.use]
    assert inside[0] >= track.time[0] and inside[-1] <= track.time[-1] and len(inside) > 0.95 * len(track.time)
    k = OUTPUT.index("jawOpen")
    assert np.abs(made.weights[made.use, k] - np.interp(inside, track.time, track.column("jawOpen"))).max() < 1e-9


def test_an_uncalibrated_take_is_no_example_rather_than_a_wrong_one(face, sites):
    lost = Effects(row_loss=1.0)
    assert example(generate(4.0, np.random.default_rng(0)), face, sites, lost, np.random.default_rng(0)) is None


def numbered(length, sites, first, lacking=None):
    """An example whose every value is its frame's number, so that windows can be told apart."""
    time = np.arange(length) / 60
    count = first + np.arange(length, dtype=float)
    rotation = np.tile(count[:, None, None], (1, len(sites), 3))
    if lacking is not None:
        rotation[:, sites.index(lacking)] = np.nan
    still = np.zeros((length, len(sites)))
    motion = Motion(time, tuple(sites), rotation, rotation.copy(), np.zeros((length, 3)), still, np.zeros_like(rotation))
    use = np.arange(length) >= 10
    return Example(motion, np.tile(count[:, None], (1, len(OUTPUT))), use)


def test_windows_hold_sensors_and_truth_of_the_same_frames():
    sites = ("a", "b", "c")
    made = [numbered(400, sites[:2], 1000.0 * k, lacking="b" if k % 2 else None) for k in range(8)]
    batches = list(windows(iter(made), sites, 120, 4, np.random.default_rng(0)))
    assert len(batches) == 8 * 3 // 4
    for values, present, weights in batches:
        assert values.shape == (4, 120, 3, 6) and present.shape == (4, 120, 3) and weights.shape == (4, 120, len(OUTPUT))
        assert (values[:, :, 0, 0] == weights[:, :, 0]).all() and (np.diff(weights[:, :, 0], axis=1) == 1).all()
        assert (weights[:, 0, 0] % 1000 >= 10).all()  # never before the performance
        assert present[:, :, 0].all() and not present[:, :, 2].any() and np.isfinite(values).all()
        assert (values[~present] == 0).all()
        assert (present[:, :, 1].all(axis=1) == (weights[:, 0, 0] // 1000 % 2 == 0)).all()


def test_performances_shorter_than_a_window_are_passed_over():
    assert list(windows(iter([numbered(100, ("a",), 0.0)]), ("a",), 120, 1, np.random.default_rng(0))) == []


def test_a_batch_holds_windows_of_many_performances():
    made = (numbered(3610, ("a",), 10_000.0 * k) for k in range(40))
    batches = list(windows(made, ("a",), 120, 16, np.random.default_rng(0), mix=16))
    performances = [len(set(weights[:, 0, 0] // 10_000)) for _, _, weights in batches]
    assert len(batches) == 40 * 30 // 16 and np.median(performances) >= 6

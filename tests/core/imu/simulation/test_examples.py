from dataclasses import fields

import numpy as np
from innerface.core.face.channels import OUTPUT_CHANNELS
from innerface.core.imu.simulation.effects import PRESETS, Effects
from innerface.core.imu.simulation.examples import random_effects, simulated_example
from innerface.core.performance.generate import generate


def test_random_sensors_reach_from_perfect_to_worse_than_rough():
    made = [random_effects(np.random.default_rng(k)) for k in range(400)]
    rough = PRESETS["rough"]
    for name in ("tilt_deg", "placement_mm", "accel_noise_ug", "heading_drift_dpm", "anatomy"):
        sizes = np.array([getattr(e, name) for e in made])
        assert sizes.min() < 0.05 * getattr(rough, name) and sizes.max() > getattr(rough, name) * 0.9
    same = [e.name for e in fields(Effects) if len({getattr(m, e.name) for m in made}) == 1]
    fixed = {"mounting_deg", "coupling_damping", "accel_range", "gyro_range_dps", "tilt_s", "slip_s", "dead", "loose"}
    assert set(same) <= fixed


def test_sensors_for_moments_are_never_dead_or_loose():
    assert all(
        e.dead == e.loose == 0 for e in (random_effects(np.random.default_rng(k), all_sites=True) for k in range(50))
    )


def test_an_example_is_the_performance_on_the_motions_own_clock(face, sites):
    track = generate(8.0, np.random.default_rng(3))
    made = simulated_example(track, face, sites, effects=PRESETS["clean"], rng=np.random.default_rng(0))
    assert made is not None and made.weights.shape == (len(made.motion.time), len(OUTPUT_CHANNELS))
    inside = made.motion.time[made.use]
    assert inside[0] >= track.time[0] and inside[-1] <= track.time[-1] and len(inside) > 0.95 * len(track.time)
    k = OUTPUT_CHANNELS.index("jawOpen")
    assert np.abs(made.weights[made.use, k] - np.interp(inside, track.time, track.column("jawOpen"))).max() < 1e-9


def test_an_uncalibrated_take_is_no_example_rather_than_a_wrong_one(face, sites):
    lost = Effects(row_loss=1.0)
    assert (
        simulated_example(
            generate(4.0, np.random.default_rng(0)), face, sites, effects=lost, rng=np.random.default_rng(0)
        )
        is None
    )

"""IMUs and electrodes on one face: per channel the surer one counts for more."""

import numpy as np
from innerface.core.face.channels import ARKIT
from innerface.core.fusion import fuse, fuse_estimates, fusion_weight
from innerface.core.take import Take, Track


def test_estimates_count_by_confidence():
    shares = fusion_weight(np.array([0.5, 0.5, 1.0, 1.0, 0.2, 1.0]), np.array([0.5, 0.2, 0.5, 0.99, 1.0, 1.0]))
    assert np.allclose(shares, [0.5, 0.8, 0.952, 0.168, 0.0, 0.0], atol=1e-3)


def test_fused_confidence_is_never_below_either_and_two_guesses_stay_a_guess():
    rng = np.random.default_rng(0)
    own, other = rng.uniform(0, 0.97, (2, 1000))
    _, sure = fuse_estimates(np.zeros(1000), own, second=np.ones(1000), second_confidence=other)
    assert (sure >= np.maximum(own, other) - 1e-9).all() and (sure <= 1).all()
    assert fuse_estimates(np.zeros(1), np.zeros(1), second=np.ones(1), second_confidence=np.zeros(1)) == (0.0, 0.0)


def test_two_noisy_estimates_are_better_together():
    rng = np.random.default_rng(1)
    truth = rng.normal(0, 1, 20_000)
    own, other = truth + rng.normal(0, 0.5, 20_000), truth + rng.normal(0, 1.0, 20_000)
    mixed, _ = fuse_estimates(
        own, np.array(1 - 0.2), second=other, second_confidence=np.array(1 - 0.5)
    )  # unexplained s^2 / (1 + s^2)
    assert np.mean((mixed - truth) ** 2) < 0.85 * np.mean((own - truth) ** 2)


def test_recordings_keep_the_imus_where_the_electrodes_do_not_reach():
    def take(time, value, sure):
        rows = np.full((len(time), len(ARKIT)), value)
        return Take(
            "t",
            {
                "weights": Track("weights", time, ARKIT, rows),
                "confidence": Track("confidence", time, ARKIT, np.full_like(rows, sure)),
                "landmarks": Track("landmarks", time, ("x0",), rows[:, :1]),
            },
        )

    at = np.arange(10.0)
    done = fuse(take(at, 0.0, 0.5), take(at[3:7], 1.0, 0.8)).weights().values[:, 0]
    assert (done[[0, 1, 2, 7, 8, 9]] == 0).all() and np.allclose(done[3:7], 0.8)

import numpy as np
from innerface.core.face.channels import ARKIT
from innerface.core.face.neutral import Neutral


def test_the_relaxed_face_becomes_zero_and_a_full_expression_stays_full():
    rest = np.zeros(len(ARKIT))
    rest[3], rest[5], rest[7] = 0.2, 0.97, np.nan
    neutral = Neutral(rest)
    assert np.abs(neutral.remove(np.where(np.isnan(rest), 0, np.minimum(rest, 0.8)))).max() < 1e-12
    assert np.abs(neutral.remove(np.ones((4, len(ARKIT)))) - 1).max() < 1e-12


def test_without_a_neutral_nothing_changes():
    weights = np.random.default_rng(0).uniform(0, 1, (5, len(ARKIT)))
    assert (Neutral().remove(weights) == weights).all()

import numpy as np
import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT
from innerface.core.imu import site_driven_channel
from innerface.core.imu.motion import calibrate_take

EXAMPLE, LATER = (13.5, 15.0), (17.5, 19.0)  # seconds from the first row; the preamble takes 12


@pytest.fixture(scope="module")
def puffed(made, sites):
    """A full puff, then one of 60 %."""
    weights, t = np.zeros((480, 52)), np.arange(480) / 60
    for (a, b), apex in ((EXAMPLE, 1.0), (LATER, 0.6)):
        shape = np.clip((t - (a - 12.4)) / 0.3, 0, 1) * (1 - np.clip((t - (b - 11.8)) / 0.3, 0, 1))
        weights[:, ARKIT.index("cheekPuff")] += apex * shape
    found, motion = calibrate_take(made("studio", 2, weights), sites)
    return found, motion, weights[:, ARKIT.index("cheekPuff")]


def test_one_example_teaches_a_channel_its_range(puffed):
    found, motion, truth = puffed
    learned = site_driven_channel.learn(
        motion, "cheekPuff", "buccinator_left", span=EXAMPLE, neutral=found.neutral_span
    )
    got = learned.weights(motion)
    assert 0 < learned.dead_zone < learned.full_angle
    t = motion.time
    want = np.interp(t, np.arange(len(truth)) / 60, truth)
    assert np.abs(got - want)[t > 0].mean() < 0.1
    assert got[(t > 5.8) & (t < 6.6)].mean() == pytest.approx(0.6, abs=0.15)
    assert got[(t > -11) & (t < -8.5)].max() == 0  # the dead zone


@pytest.mark.parametrize(
    ("channel", "site", "span", "words"),
    [
        ("CheekPuff", "buccinator_left", EXAMPLE, "not one of the 52"),
        ("cheekPuff", "nose", EXAMPLE, "not in the take"),
        ("cheekPuff", "buccinator_left", (400.0, 401.0), "no samples"),
        ("cheekPuff", "buccinator_left", (1.0, 3.0), "full extent"),
    ],
)
def test_an_example_that_teaches_nothing_is_refused_in_one_line(puffed, channel, site, span, words):
    found, motion, _ = puffed
    with pytest.raises(InnerfaceError, match=words):
        site_driven_channel.learn(motion, channel, site, span=span, neutral=found.neutral_span)

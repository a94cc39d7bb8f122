"""The relaxed face in a camera's take."""

import numpy as np
import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT
from innerface.core.face.resting_face import find_resting_face
from innerface.core.take import Track

REST = np.linspace(0.0, 0.3, len(ARKIT))


def camera(seconds, moving=np.zeros_like, rate=60.0):
    time = 100 + np.arange(int(seconds * rate)) / rate
    noise = np.random.default_rng(0).normal(0, 0.003, (len(time), len(ARKIT)))
    return Track("weights", time, ARKIT, REST + noise + 0.5 * moving(time - 100)[:, None])


@pytest.mark.parametrize("rate", [10.0, 60.0])
def test_a_second_of_the_relaxed_face_is_all_of_it(rate):
    found = find_resting_face(camera(1.0, rate=rate))
    assert np.abs(found.weights - REST).max() < 0.006 and found.span == (0.0, pytest.approx(1 - 1 / rate))


def test_in_a_longer_take_the_second_without_motion_counts():
    found = find_resting_face(camera(20.0, lambda t: np.where((t > 8) & (t < 10), 0.0, np.abs(np.sin(3 * t)))))
    assert np.abs(found.weights - REST).max() < 0.006 and 8 <= found.span[0] < found.span[1] <= 10


def test_rows_without_a_face_do_not_count():
    track = camera(1.0)
    track.values[:30] = np.nan
    assert np.abs(find_resting_face(track).weights - REST).max() < 0.006
    track.values[:] = np.nan
    with pytest.raises(InnerfaceError, match="no row has a face"):
        find_resting_face(track)

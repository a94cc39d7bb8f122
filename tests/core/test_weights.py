import sys

import numpy as np
import pytest
from innerface.core.channels import OUTPUT
from innerface.core.errors import InnerfaceError
from innerface.core.face_model import bundled
from innerface.core.imu.effects import PRESETS
from innerface.core.imu.layout import layout
from innerface.core.imu.simulate import simulate
from innerface.core.performance import perform
from innerface.core.take import Take, Track
from innerface.core.weights import weights_take


def test_weights_pass_as_they_are_and_sensors_are_inferred():
    weights = perform(1)
    assert weights_take(weights) is weights
    assert weights_take(simulate(weights.weights(), bundled(), layout(), PRESETS["clean"], 1)).weights().columns == OUTPUT


def test_sensor_takes_without_scipy_end_in_one_line_and_weights_need_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "innerface.core.infer", None)
    weights = perform(1)
    assert weights_take(weights) is weights
    with pytest.raises(InnerfaceError, match=r"^worn: .*SciPy"):
        weights_take(Take("worn", {"imu": Track("imu", np.zeros(1), ("a.qw",), np.ones((1, 1)))}))

import sys

import numpy as np
import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import OUTPUT_CHANNELS
from innerface.core.face.face_model import load_bundled
from innerface.core.imu.layout import load_layout
from innerface.core.imu.simulation.effects import PRESETS
from innerface.core.imu.simulation.simulate import simulate
from innerface.core.performance import demo_performance
from innerface.core.pipeline import to_weights_take
from innerface.core.take import Take, Track


def test_weights_pass_as_they_are_and_sensors_are_inferred():
    weights = demo_performance(1)
    assert to_weights_take(weights) is weights
    assert (
        to_weights_take(simulate(weights.weights(), load_bundled(), load_layout(), PRESETS["clean"], 1))
        .weights()
        .columns
        == OUTPUT_CHANNELS
    )


def test_sensor_takes_without_scipy_end_in_one_line_and_weights_need_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "innerface.core.imu.inference", None)
    weights = demo_performance(1)
    assert to_weights_take(weights) is weights
    with pytest.raises(InnerfaceError, match=r"^worn: .*SciPy"):
        to_weights_take(Take("worn", {"imu": Track("imu", np.zeros(1), ("a.qw",), np.ones((1, 1)))}))

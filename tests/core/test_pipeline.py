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
from innerface.core.pipeline import FacePipeline, PerformerSettings, to_weights_take
from innerface.core.take import Take, Track
from innerface.core.take.resample import resample_linear


def test_weights_pass_as_they_are_and_sensors_are_inferred():
    weights = demo_performance(1)
    assert to_weights_take(weights) is weights
    assert (
        to_weights_take(simulate(weights.weights(), load_bundled(), load_layout(), effects=PRESETS["clean"], seed=1))
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


@pytest.fixture(scope="module")
def mixed():
    """A camera's take whose face is lost for two seconds, beside the IMUs of the same performance, on one clock."""
    weights = demo_performance(1).weights()
    imu = simulate(weights, load_bundled(), load_layout(), effects=PRESETS["clean"], seed=1).tracks["imu"]
    time = np.arange(weights.time[0], weights.time[-1], 1 / 30)
    values = 1.3 * resample_linear(weights.time, weights.values, time)
    values += np.random.default_rng(0).normal(0, 1e-3, values.shape)
    lost = (time > 6.0) & (time < 8.0)
    values[lost] = np.nan
    return Take("mixed", {"weights": Track("weights", time, weights.columns, values), "imu": imu})


def test_a_take_of_camera_and_imus_is_the_camera_where_it_sees_the_face_and_the_sensors_elsewhere(mixed):
    camera = mixed.weights()
    solved = FacePipeline(PerformerSettings(model="linear")).run(mixed)
    track = solved.take.weights()
    jaw = OUTPUT_CHANNELS.index("jawOpen")
    expected = np.interp(track.time, camera.time, camera.column("jawOpen"))
    seen = (track.time > camera.time[0] + 1) & (track.time < camera.time[-1] - 0.1)
    seen &= (track.time < 5.9) | (track.time > 9.5)
    assert (
        np.abs(track.values[seen, jaw] - np.maximum(expected[seen], 0)).max() < 1e-3 and np.nanmax(track.values) > 1.0
    )
    lost = (track.time > 6.1) & (track.time < 8.0)
    assert np.isfinite(track.values[lost]).all() and np.ptp(track.values[lost, jaw]) > 0.02
    assert any("camera and sensors were mixed" in n for n in solved.take.notes) and solved.imu is not None
    assert not solved.unobserved


def test_a_camera_beside_sensors_that_cannot_be_used_is_used_alone(mixed):
    still = mixed.tracks["imu"]
    imu = Track("imu", still.time[:300], still.columns, np.repeat(still.values[:1], 300, axis=0), still.meta)
    solved = FacePipeline().run(Take("mixed", {"weights": mixed.weights(), "imu": imu}))
    assert solved.take.weights().values is mixed.weights().values
    assert any(n.endswith("the camera alone is used") for n in solved.take.notes)

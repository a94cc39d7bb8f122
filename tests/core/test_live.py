import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from innerface.core.face_model import bundled
from innerface.core.imu import linear, network
from innerface.core.imu.calibrate import calibrate
from innerface.core.imu.effects import PRESETS
from innerface.core.imu.layout import layout
from innerface.core.imu.level import level
from innerface.core.imu.motion import calibrate_take
from innerface.core.imu.signal import LOOKAHEAD, frame_times, from_track, pick, resample
from innerface.core.imu.simulate import simulate
from innerface.core.infer import infer
from innerface.core.live import Live, Stage, _rows
from innerface.core.performance import perform


@pytest.fixture(scope="module")
def take():
    return simulate(perform(2).weights(), bundled(), layout(), PRESETS["rough"], 2)


@pytest.fixture(scope="module", params=["network", "linear"])
def model(request):
    return linear.load() if request.param == "linear" else network.load(network.LIVE)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**31))
def test_live_chunks_of_any_size_give_what_causal_inference_of_the_recording_gives(take, model, seed):
    motion = calibrate_take(from_track(take.tracks["imu"]), layout(), causal=True)[1]
    want = infer(take, layout(), model, causal=True).take.weights().values[:, :52]
    stage, parts, at, rng = Stage(model), [], 0, np.random.default_rng(seed)
    while at < len(motion.time):
        size = int(rng.integers(1, 60))
        parts.append(stage.push(_rows(motion, slice(at, at + size)))[0])
        at += size
    assert np.abs(np.concatenate(parts) - want).max() < 1e-4


def test_sensors_to_weights_frame_by_frame_is_the_same_as_over_the_whole_take(take, model):
    upright, _ = level(from_track(take.tracks["imu"]))
    frames = resample(upright, frame_times(upright), causal=True)
    found = calibrate(frames, layout(), None, None)
    frames = pick(frames, [frames.sites.index(s) for s in found.sites])
    live, parts = Live(found, model), []
    for k in range(900):  # orientations are known at once, accelerations LOOKAHEAD frames later
        known = frames.acceleration[k - LOOKAHEAD] if k >= LOOKAHEAD else np.full_like(frames.acceleration[0], np.nan)
        parts.append(live.push(frames.rotation[k][None], known[None])[0])
    got = np.concatenate(parts)
    assert len(got) == 900 - LOOKAHEAD and got.shape[1] == 55
    want = infer(take, layout(), model, causal=True).take.weights().values[: len(got)]
    assert np.abs(got - want)[:, :52].max() < 1e-4


def test_frames_without_any_sensor_hold_the_face(take, model):
    motion = _rows(calibrate_take(from_track(take.tracks["imu"]), layout(), causal=True)[1], slice(600, 700))
    motion.rotation[50:60] = np.nan
    weights = Stage(model, raw=True).push(motion)[0]
    assert (weights[50:60] == weights[49]).all() and np.isfinite(weights).all()

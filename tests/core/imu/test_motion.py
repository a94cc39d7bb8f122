from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from innerface.core.imu.calibration import calibrate
from innerface.core.imu.convention import fix_conventions
from innerface.core.imu.motion import Calibrator, apply_calibration, calibrate_take
from innerface.core.imu.signal import LOOKAHEAD, frame_times, resample

PARTS = ("rotation", "acceleration", "head", "heading", "zero")


@pytest.fixture(scope="module")
def rough(made, sites):
    """Frames of a rough take with gaps, its calibration, and its causal motion in one piece."""
    upright, _ = fix_conventions(made("rough", 2))
    frames = resample(upright, frame_times(upright), causal=True)
    found = calibrate(frames, sites)
    keep = [frames.sites.index(s) for s in found.sites]
    frames = replace(
        frames, sites=found.sites, rotation=frames.rotation[:, keep], acceleration=frames.acceleration[:, keep]
    )
    return found, frames, apply_calibration(found, frames, causal=True)


def pushed(found, frames, sizes):
    """The causal motion of frames pushed in chunks of the given sizes, over and over."""
    live, out, at, k = Calibrator(found), [], 0, 0
    rotation = np.concatenate([frames.rotation, np.repeat(frames.rotation[-1:], LOOKAHEAD, axis=0)])
    acceleration = np.concatenate([np.full((LOOKAHEAD, *frames.acceleration.shape[1:]), np.nan), frames.acceleration])
    while at < len(rotation):
        size = sizes[k % len(sizes)]
        out.append(live.push(rotation[at : at + size], acceleration[at : at + size]))
        at, k = at + size, k + 1
    return out


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(1, 97), min_size=1, max_size=5))
def test_stream_and_batch_are_the_same_motion(rough, sizes):
    found, frames, whole = rough
    parts = pushed(found, frames, sizes)
    for name in PARTS:
        stream, batch = np.concatenate([getattr(p, name) for p in parts]), getattr(whole, name)
        assert stream.shape == batch.shape, name
        assert np.allclose(stream, batch, atol=1e-9, equal_nan=True), name
    assert np.allclose(np.diff(np.concatenate([p.time for p in parts])), 1 / 60)


def test_one_frame_at_a_time_is_the_same_motion(rough):
    found, frames, whole = rough
    stream = np.concatenate([p.rotation for p in pushed(found, frames, [1])])
    assert np.allclose(stream, whole.rotation, atol=1e-9, equal_nan=True)


def test_the_future_beyond_the_lookahead_changes_nothing(made, sites):
    """Causal motion of a take that is cut off equals that of the whole take until a few frames before the cut."""
    signal = made("studio", 4)
    found, whole = calibrate_take(signal, sites, causal=True)
    cut = int(np.searchsorted(signal.time, 5.0))
    upright, _ = fix_conventions(signal)
    short = replace(
        upright, time=upright.time[:cut], rotation=upright.rotation[:cut], acceleration=upright.acceleration[:cut]
    )
    part = apply_calibration(found, resample(short, frame_times(short), causal=True), causal=True)
    rows = len(part.time) - LOOKAHEAD - 2
    assert rows > 500
    assert np.allclose(part.rotation[:rows], whole.rotation[:rows], atol=1e-5, equal_nan=True)
    assert np.allclose(part.acceleration[:rows], whole.acceleration[:rows], atol=1e-3, equal_nan=True)


def test_live_and_offline_motion_are_nearly_the_same_on_clean_sensors(made, sites):
    signal = made("clean", 2)
    live, whole = calibrate_take(signal, sites, causal=True)[1], calibrate_take(signal, sites)[1]
    assert np.degrees(np.abs(live.rotation - whole.rotation)).mean() < 0.6
    assert np.degrees(np.abs(live.head - whole.head)).mean() < 0.2

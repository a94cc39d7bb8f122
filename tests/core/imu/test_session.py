from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from innerface.core.errors import InnerfaceError
from innerface.core.face.face_model import load_bundled
from innerface.core.imu import linear_model, network
from innerface.core.imu.calibration import calibrate
from innerface.core.imu.convention import find_convention_fix, fix_conventions
from innerface.core.imu.frame_stream import FrameStream
from innerface.core.imu.inference import infer
from innerface.core.imu.layout import load_layout
from innerface.core.imu.motion import calibrate_frames, calibrate_take
from innerface.core.imu.session import ActiveCalibration, CalibratedStream, ImuSession, MotionToFace, _motion_rows
from innerface.core.imu.signal import LOOKAHEAD, frame_times, from_track, resample, select_sites, to_specific_force_y_up
from innerface.core.imu.simulation.effects import PRESETS
from innerface.core.imu.simulation.simulate import simulate
from innerface.core.numerics import quaternion as quat
from innerface.core.performance import demo_performance


@pytest.fixture(scope="module")
def take():
    return simulate(demo_performance(2).weights(), load_bundled(), load_layout(), effects=PRESETS["rough"], seed=2)


@pytest.fixture(scope="module", params=["network", "linear"])
def model(request):
    return linear_model.load() if request.param == "linear" else network.load(network.LIVE)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**31))
def test_live_chunks_of_any_size_give_what_causal_inference_of_the_recording_gives(take, model, seed):
    motion = calibrate_take(from_track(take.tracks["imu"]), load_layout(), causal=True)[1]
    want = infer(take, load_layout(), model, causal=True).take.weights().values[:, :52]
    stage, parts, at, rng = MotionToFace(model), [], 0, np.random.default_rng(seed)
    while at < len(motion.time):
        size = int(rng.integers(1, 60))
        parts.append(stage.push(_motion_rows(motion, slice(at, at + size)))[0])
        at += size
    assert np.abs(np.concatenate(parts) - want).max() < 1e-4


def test_sensors_to_weights_frame_by_frame_is_the_same_as_over_the_whole_take(take, model):
    upright, _ = fix_conventions(from_track(take.tracks["imu"]))
    frames = resample(upright, frame_times(upright), causal=True)
    found = calibrate(frames, load_layout(), None, turn=None)
    frames = select_sites(frames, [frames.sites.index(s) for s in found.sites])
    live, parts = CalibratedStream(found, model), []
    for k in range(900):  # orientations are known at once, accelerations LOOKAHEAD frames later
        known = frames.acceleration[k - LOOKAHEAD] if k >= LOOKAHEAD else np.full_like(frames.acceleration[0], np.nan)
        parts.append(live.push(frames.rotation[k][None], known[None])[0])
    got = np.concatenate(parts)
    assert len(got) == 900 - LOOKAHEAD and got.shape[1] == 55
    want = infer(take, load_layout(), model, causal=True).take.weights().values[: len(got)]
    assert np.abs(got - want)[:, :52].max() < 1e-4


def test_frames_without_any_sensor_hold_the_face(take, model):
    motion = _motion_rows(
        calibrate_take(from_track(take.tracks["imu"]), load_layout(), causal=True)[1], slice(600, 700)
    )
    motion.rotation[50:60] = np.nan
    weights = MotionToFace(model, raw=True).push(motion)[0]
    assert (weights[50:60] == weights[49]).all() and np.isfinite(weights).all()


def streamed(session, signal, count):
    """The first samples of a recording pushed one by one into a session; what came out."""
    number = session.add_device(
        signal.sites, step=float(np.median(np.diff(signal.time))), linear=signal.linear, up=signal.up
    )
    parts = []
    for k, now in enumerate(signal.time[:count]):
        session.add_sample(number, float(now), rotation=signal.rotation[k], acceleration=signal.acceleration[k])
        parts.append(session.advance(float(now)))
    return parts


def test_a_calibration_found_while_frames_go_on_coming_loses_none_of_them(take):
    signal = from_track(take.tracks["imu"])
    session, parts = ImuSession(linear_model.load(), load_layout(), start=float(signal.time[0])), []
    number = session.add_device(
        signal.sites, step=float(np.median(np.diff(signal.time))), linear=signal.linear, up=signal.up
    )
    ready = None
    for k, now in enumerate(signal.time[:1150]):
        session.add_sample(number, float(now), rotation=signal.rotation[k], acceleration=signal.acceleration[k])
        parts.append(session.advance(float(now)))
        if k == 950:
            ready = session.calibrate(session.snapshot())
        if k == 1000:  # while it was sought, half a second has passed
            session.activate(ready)
    got = np.concatenate([p.values for p in parts])
    whole = ImuSession(linear_model.load(), load_layout(), start=float(signal.time[0]))
    whole.activate(
        ActiveCalibration(
            ready.convention_fix, CalibratedStream(ready.stream.calibrator.calibration, linear_model.load()), 0, ()
        )
    )
    want = np.concatenate([p.values for p in streamed(whole, signal, 1150)])
    last = np.concatenate([p.time for p in parts])[-1]
    until = int(np.searchsorted(np.arange(len(want)) / 60 + signal.time[0], last + 1e-6))
    assert len(got) > 80 and np.abs(got[-80:] - want[until - 80 : until]).max() < 1e-6


def test_samples_one_by_one_give_what_causal_inference_of_the_recording_gives(take):
    signal = from_track(take.tracks["imu"])
    found, _ = calibrate_frames(signal, load_layout(), causal=True)
    session = ImuSession(linear_model.load(), load_layout(), start=float(signal.time[0]))
    session.activate(
        ActiveCalibration(find_convention_fix(signal)[0], CalibratedStream(found, linear_model.load()), 0, ())
    )
    parts = streamed(session, signal, 1100)
    time = np.concatenate([p.time for p in parts])
    got = np.concatenate([p.values for p in parts])
    want = infer(take, load_layout(), linear_model.load(), causal=True).take.weights()
    rows = np.round((time - want.time[0]) * 60).astype(int)
    assert len(time) > 600 and np.abs(want.time[rows] - time).max() < 1e-9 and (np.diff(rows) == 1).all()
    assert np.abs(got[:, :52] - want.values[rows, :52]).max() < 1e-6


def test_frames_of_a_lossy_jittering_stream_are_those_of_the_recording(take):
    signal = from_track(take.tracks["imu"])
    signal.rotation[300:350, 3], signal.rotation[500:580] = (
        np.nan,
        np.nan,
    )  # one sensor, and all of them, for longer than is bridged
    rows = np.delete(np.arange(len(signal.time)), slice(700, 712))
    signal = replace(
        signal, time=signal.time[rows], rotation=signal.rotation[rows], acceleration=signal.acceleration[rows]
    )
    step = float(np.median(np.diff(signal.time)))
    want = resample(signal, frame_times(signal), causal=True)
    frames, rotation, acceleration = FrameStream(signal.sites, float(signal.time[0])), [], []
    number = frames.add_device(list(range(len(signal.sites))), step)
    for k in range(1200):
        frames.add_sample(
            number, float(signal.time[k]), rotation=signal.rotation[k], acceleration=signal.acceleration[k]
        )
        _, r, a = frames.take_frames(float(signal.time[k]))
        rotation.append(r)
        acceleration.append(a)
    rotation, acceleration = np.concatenate(rotation), np.concatenate(acceleration)
    assert len(rotation) > 600
    same = np.nan_to_num(np.abs((rotation * want.rotation[: len(rotation)]).sum(-1)), nan=-1)
    assert np.isnan(rotation).any() and (np.isnan(rotation) == np.isnan(want.rotation[: len(rotation)])).all()
    assert np.abs(same[same >= 0] - 1).max() < 1e-9
    assert np.nanmax(np.abs(acceleration[LOOKAHEAD:] - want.acceleration[: len(acceleration) - LOOKAHEAD])) < 1e-6


def test_two_devices_at_other_rates_and_clocks_are_one_face(take):
    signal = from_track(take.tracks["imu"])
    session = ImuSession(linear_model.load(), load_layout(), start=float(signal.time[0]))
    halves = [list(range(0, 6)), list(range(6, 11))]
    numbers = [
        session.add_device(tuple(signal.sites[s] for s in half), step=0.01 * (k + 1), linear=False, up="y")
        for k, half in enumerate(halves)
    ]
    for k, now in enumerate(signal.time[:1200]):
        for number, half, every in zip(numbers, halves, (1, 2)):
            if k % every == 0:
                session.add_sample(
                    number, float(now), rotation=signal.rotation[k, half], acceleration=signal.acceleration[k, half]
                )
        session.advance(float(now))
    ready = session.calibrate(session.snapshot())
    assert ready is not None and set(ready.stream.calibrator.calibration.sites) == set(signal.sites)


def test_a_site_has_one_device_until_it_is_dropped():
    session = ImuSession(linear_model.load(), load_layout())
    first = session.add_device(("aux", "oculi_left"), step=0.01, linear=False, up="y")
    with pytest.raises(InnerfaceError, match="oculi_left has a device"):
        session.add_device(("oculi_left",), step=0.01, linear=False, up="y")
    session.remove_device(first)
    assert not session.add_sample(first, 0.0, rotation=np.tile([1.0, 0, 0, 0], (2, 1)), acceleration=np.zeros((2, 3)))
    again = session.add_device(("oculi_left",), step=0.01, linear=False, up="y")
    assert session.add_sample(again, 0.0, rotation=np.array([[1.0, 0, 0, 0]]), acceleration=np.zeros((1, 3)))


def test_linear_devices_and_those_with_z_up_are_brought_to_one_convention(take):
    signal = from_track(take.tracks["imu"])
    up = quat.about_axis(0, np.pi / 2)  # y up -> z up
    rotation = quat.multiply(up, signal.rotation)
    felt = signal.acceleration - quat.rotate(quat.conjugate(rotation), np.array([0, 0, 9.80665]))
    back, force = to_specific_force_y_up(rotation, felt, linear=True, up="z")
    assert np.nanmax(np.abs(back - signal.rotation)) < 1e-12 and np.nanmax(np.abs(force - signal.acceleration)) < 1e-9


def test_a_nod_that_may_go_on_is_waited_for(take):
    signal = from_track(take.tracks["imu"])
    session = ImuSession(linear_model.load(), load_layout(), start=float(signal.time[0]))
    streamed(session, signal, 1000)
    turn = session.calibrate(session.snapshot()).stream.calibrator.calibration.turn_span
    rotation, acceleration, _ = session.snapshot()
    until = int((turn[1] + 0.5) * 60)
    assert session.calibrate((rotation[:until], acceleration[:until], until), min_settled_s=1.0) is None


def test_a_stretch_without_any_sensor_that_fills_a_whole_chunk_holds_the_face(take, model):
    motion = _motion_rows(
        calibrate_take(from_track(take.tracks["imu"]), load_layout(), causal=True)[1], slice(600, 660)
    )
    stage = MotionToFace(model, raw=True)
    before = stage.push(motion)[0][-1]
    motion.rotation[:] = np.nan
    for k in range(40):
        held = stage.push(_motion_rows(motion, slice(k, k + 1)))[0]
    assert np.abs(held - before).max() < 1e-9


def test_samples_that_come_late_are_waited_for_and_frames_are_complete(take):
    signal = from_track(take.tracks["imu"])
    rng, step = np.random.default_rng(0), 0.01
    arrival = signal.time + np.abs(rng.normal(0, 0.03, len(signal.time)))  # a busy network: 30 ms
    frames = FrameStream(signal.sites, float(signal.time[0]))
    number = frames.add_device(list(range(len(signal.sites))), step)
    whole, counts, waits = [], 0, []
    order = np.argsort(arrival[:1000])
    for k in order:
        now = float(arrival[k])
        frames.add_sample(
            number, float(signal.time[k]), rotation=signal.rotation[k], acceleration=signal.acceleration[k], now=now
        )
        at, rotation, _ = frames.take_frames(now)
        counts += len(at)
        waits += (now - at).tolist()
        whole.append(rotation)
    want = resample(signal, frame_times(signal), causal=True).rotation[:counts]
    got = np.concatenate(whole)
    off = np.degrees(2 * np.arccos(np.clip(np.abs((got * want).sum(-1)), 0, 1)))[120:]
    assert counts > 500 and np.nanpercentile(off, 95) < 0.1 and np.percentile(waits[120:], 99) < 0.15


def test_patience_is_forgotten_when_samples_come_in_time_again():
    frames = FrameStream(("aux",), 0.0)
    number = frames.add_device([0], 0.01)
    for k in range(2000):
        frames.add_sample(
            number,
            k * 0.01,
            rotation=np.array([[1.0, 0, 0, 0]]),
            acceleration=np.zeros((1, 3)),
            now=k * 0.01 + (0.1 if k == 100 else 0.002),
        )
        if k == 101:
            assert frames.devices[0].max_wait > 0.1
    assert frames.devices[0].max_wait == pytest.approx(0.015)


def test_without_look_ahead_faces_come_at_once_and_hardly_differ(take, model):
    signal = from_track(take.tracks["imu"])
    outputs = {}
    for ahead in (True, False):
        session, parts = ImuSession(model, load_layout(), start=float(signal.time[0]), ahead=ahead), []
        number = session.add_device(
            signal.sites, step=float(np.median(np.diff(signal.time))), linear=signal.linear, up=signal.up
        )
        for k, now in enumerate(signal.time[:1400]):
            session.add_sample(number, float(now), rotation=signal.rotation[k], acceleration=signal.acceleration[k])
            out = session.advance(float(now))
            if len(out.time):
                parts.append(out)
                late = float(now) - out.time[-1]
                assert late < (0.06 if ahead else 0.03)
            if k == 1000:
                session.activate(session.calibrate(session.snapshot()))
        outputs[ahead] = {round(float(t), 4): v for p in parts for t, v in zip(p.time, p.values)}
    same = sorted(set(outputs[True]) & set(outputs[False]))
    a, b = (np.stack([outputs[x][t] for t in same]) for x in (True, False))
    assert len(same) > 200 and np.abs(a[:, 52:] - b[:, 52:]).max() < 1e-9  # the head needs no accelerations
    assert np.abs(a - b)[:, :52].mean() < 0.25 * np.abs(a[:, :52] - a[:, :52].mean(axis=0)).mean()


def test_without_look_ahead_what_came_before_is_remembered_as_with_it(take, model):
    """Peeking at a frame changes nothing of what later ones give."""
    motion = _motion_rows(
        calibrate_take(from_track(take.tracks["imu"]), load_layout(), causal=True)[1], slice(600, 720)
    )
    peeking, plain = MotionToFace(model), MotionToFace(model)
    got, want = [], []
    for k in range(120):
        row = _motion_rows(motion, slice(k, k + 1))
        want.append(plain.push(row)[0])
        got.append(peeking.push(row)[0])
        peeking.peek(_motion_rows(motion, slice(min(k + 1, 118), min(k + 3, 120))))
    assert (np.concatenate(got) == np.concatenate(want)).all()

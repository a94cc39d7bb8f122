"""Numbers that no device can mean, from anywhere, neither reach a face nor a file."""

import json
import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from innerface.core.face.channels import OUTPUT_CHANNELS
from innerface.server.frame import decode_face
from innerface.server.messages import BioSample, DeviceInfo, FaceSample, ImuSample
from innerface.server.plausibility import plausible
from innerface.server.sources.remote_bridge import RemoteBridge
from mcap.reader import make_reader

ODD = (math.nan, math.inf, -math.inf, 1e300, -1e300)
NUMBERS = st.one_of(st.sampled_from(ODD), st.floats(-1, 1))


@given(arrays(float, (4, 4), elements=NUMBERS), arrays(float, (4, 3), elements=NUMBERS))
def test_a_sensor_is_whole_or_missing(rotation, acceleration):
    message = ImuSample("a", ("0", "1", "2", "3"), rotation, acceleration, gyro=acceleration)
    checked = plausible(message)
    for values in (checked.rotation, checked.acceleration, checked.gyro):
        assert (np.isnan(values) | (np.abs(values) <= 1)).all()
    whole = np.isfinite(rotation).all(axis=1) & (np.abs(rotation) <= 1).all(axis=1)
    assert np.array_equal(checked.rotation[whole], rotation[whole])


@given(st.dictionaries(st.sampled_from(OUTPUT_CHANNELS), NUMBERS))
def test_one_odd_weight_costs_no_other(values):
    kept = plausible(FaceSample("a", values)).values
    assert kept == {c: v for c, v in values.items() if abs(v) <= 1}


def test_odd_biosignals_are_missing_and_an_odd_rate_is_nothing():
    values = np.array([[1.0, math.inf], [math.nan, 1e300], [-3.0, 4.0]])
    checked = plausible(BioSample("a", ("x", "y"), values, 250.0)).values
    assert np.array_equal(checked, [[1.0, math.nan], [math.nan, math.nan], [-3.0, 4.0]], equal_nan=True)
    for rate in (0.0, -1.0, *ODD):
        assert plausible(BioSample("a", ("x", "y"), values, rate)) is None
    assert math.isnan(plausible(DeviceInfo("a", battery=math.inf)).battery)


def frame(number, time, odd_channel=None, scale=1.0, version=1, count=55):
    values = [scale * (0.3 + 0.1 * math.sin(number / 5))] * count
    if odd_channel is not None:
        values[odd_channel] = math.inf
    head = struct.pack("<2sBBIdd", b"IW", 1, version, number, time, time)
    return head + struct.pack("<BBH", 1, len(values), 0) + struct.pack(f"<{len(values)}f", *values)


@pytest.mark.parametrize("odd", ["infinite-weight", *ODD])
def test_odd_frames_of_another_bridge_end_neither_faces_nor_the_recording(bridge, clock, tmp_path, odd):
    source = RemoteBridge("ws://127.0.0.1:9")

    async def work(hub):
        faces = []
        hub.outputs.listeners.add(faces.append)
        path = hub.commands.record("take")
        for k in range(900):
            clock.time = k / 60
            is_odd = 300 <= k < 420
            if odd == "infinite-weight":
                data = frame(k, k / 60, odd_channel=17 if is_odd else None)
            else:
                data = frame(k, odd if is_odd else k / 60)
            source._handle_message(hub, data)
            if k == 400:
                assert next(iter(hub.streams.values())).report(hub.now()).problem, "odd frames are not told"
        assert next(iter(hub.streams.values())).state(hub.now()) == "ok", "the fault has passed"
        result = await hub.commands.stop_recording()
        return faces, path, result, list(hub.notes)

    faces, path, result, notes = bridge(work, clock=clock)
    kept = 900 if odd == "infinite-weight" else 780
    assert result["rows"] == kept == len(faces) and not result["dropped"] and not result["problem"]
    assert all(np.isfinite(face.values).all() and np.isfinite(face.time) for face in faces)
    late = [face for face in faces if face.arrival > 7.1]
    assert len(late) > 470 and max(face.arrival - face.time for face in late) < 0.1, "the face is silent"
    assert source.odd_frames.total() == 120 and sum("cannot be" in note for note in notes) == 1
    with open(path, "rb") as recorded:
        rows = [json.loads(m.data, parse_constant=pytest.fail) for *_, m in make_reader(recorded).iter_messages()]
    times = np.array([row["time"] for row in rows])
    assert len(rows) == kept and (np.diff(times) > 0).all() and abs(times[-1] - 899 / 60) < 0.1


def received(bridge, clock, make, count=450):
    """Faces, status of stream and source, and notes of another bridge that sends `make(k)`, 60 a second."""
    source = RemoteBridge("ws://127.0.0.1:9")

    async def work(hub):
        hub.sources, faces = [source], []
        hub.outputs.listeners.add(lambda face: faces.append(face) if face.seen else None)
        for k in range(count):
            clock.time = k / 60
            source._handle_message(hub, make(k))
        status = hub.status()
        hub.sources = []
        return faces, status["streams"][0], status["sources"][0], list(hub.notes)

    return bridge(work, clock=clock)


@pytest.mark.parametrize("time", [math.nan, math.inf, 1.7e12])
def test_a_bridge_whose_time_never_can_be_does_not_silence_the_face(bridge, clock, time):
    faces, stream, source, _ = received(bridge, clock, lambda k: frame(k, time))
    assert len(faces) >= 445 and abs(faces[-1].time - clock.time) < 0.1
    assert stream["state"] == "poor" and "arrival" in stream["problem"] and not source["dropped"]


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda k: frame(k, k / 60, version=2), "version 2"),
        (lambda k: frame(k, k / 60, count=61), "channels"),
        (lambda k: b"garbage", "no faces"),
        (lambda k: "garbage", "no faces"),
    ],
)
def test_unreadable_frames_of_another_bridge_are_reported_and_counted(bridge, clock, make, problem):
    faces, stream, source, notes = received(bridge, clock, make)
    assert not faces and problem in stream["problem"] and source["state"] != "ok"
    assert source["dropped"] == {"malformed": 450} and sum(problem in note for note in notes) == 1


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda k: frame(0, k / 60), "no weight has changed"),
        (lambda k: frame(k, k / 60, scale=0.0), "all weights are 0"),
        (lambda k: frame(k, k / 60)[:28].replace(b"\x01\x37", b"\x00\x37") + frame(k, k / 60)[28:], "no face"),
    ],
)
def test_a_face_of_another_bridge_that_never_moves_has_the_status_poor(bridge, clock, make, problem):
    _, stream, _, _ = received(bridge, clock, make)
    assert stream["state"] == "poor" and problem in stream["problem"]


def test_percent_of_another_bridge_are_converted_and_reported(bridge, clock):
    faces, _, _, notes = received(bridge, clock, lambda k: frame(k, k / 60, scale=100.0))
    assert 0.2 <= faces[-1].values[17] <= 0.4 and any("percent" in note for note in notes)


@given(st.binary(max_size=400))
def test_a_frame_of_any_bytes_is_decoded_or_none(data):
    decode_face(b"IW\x01\x01" + data)

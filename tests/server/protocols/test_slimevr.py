import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from innerface.server.protocols import slimevr
from innerface.server.protocols.slimevr import (
    Acceleration,
    Battery,
    Handshake,
    KeepAlive,
    Rotation,
    SensorInfo,
    Signal,
    Tap,
    TrackerError,
    parse,
)


def only(data):
    number, (event,) = parse(data)
    return number, event


def test_every_documented_packet_is_read_as_documented(vector):
    assert only(vector("slimevr_handshake")) == (0, Handshake(4, "0.7.2", 22, "a0:b1:c2:d3:e4:f5"))
    assert only(vector("slimevr_heartbeat")) == (1, KeepAlive(0))
    number, event = only(vector("slimevr_accel"))
    assert (
        number == 2
        and isinstance(event, Acceleration)
        and event.sensor == 1
        and event.acceleration.tolist() == [0.5, -1.25, 9.75]
    )
    number, event = only(vector("slimevr_battery"))
    assert number == 3 and isinstance(event, Battery) and abs(event.volts - 3.7) < 1e-6 and event.level == 0.5
    assert only(vector("slimevr_tap")) == (4, Tap(0)) and only(vector("slimevr_error")) == (5, TrackerError(0, 3))
    assert only(vector("slimevr_sensorinfo")) == (6, SensorInfo(1, 1, 11))
    number, event = only(vector("slimevr_rotation"))
    assert number == 7 and isinstance(event, Rotation) and event.sensor == 1
    assert (
        np.abs(event.rotation - [np.sqrt(0.5), 0, 0, np.sqrt(0.5)]).max() < 1e-6
    )  # scalar first inside, last on the wire
    assert only(vector("slimevr_signal")) == (9, Signal(-60))
    assert all(
        isinstance(only(vector(f"slimevr_{k}"))[1], KeepAlive)
        for k in ("magaccuracy", "temperature", "useraction", "featureflags", "ackconfig")
    )


def test_rotation_with_acceleration_in_one_packet(vector):
    _, event = only(vector("slimevr_rotaccel"))
    assert event.sensor == 0 and np.abs(event.rotation - [np.sqrt(0.5), 0, 0, np.sqrt(0.5)]).max() < 1e-4
    assert event.acceleration.tolist() == [0.5, -1.25, 0.25]


def test_bundles_hold_several_packets(vector):
    for name, number in (("slimevr_bundle100", 15), ("slimevr_bundlecompact", 16)):
        got, (rotation, acceleration) = parse(vector(name))
        assert (
            got == number
            and rotation.sensor == acceleration.sensor == 1
            and acceleration.acceleration.tolist() == [0.5, -1.25, 0.25]
        )


def test_replies_are_what_trackers_expect(vector):
    assert (
        vector("slimevr_SRV_handshake_reply") == slimevr.HANDSHAKE_REPLY
        and vector("slimevr_SRV_heartbeat") == slimevr.HEARTBEAT
    )
    assert (
        slimevr.sensor_info_ack(1, 1) == vector("slimevr_SRV_sensorinfo_ack")
        and len(slimevr.sensor_info_ack(1, 1)) == 6
    )
    assert slimevr.ping_reply(vector("slimevr_SRV_ping")) == vector("slimevr_SRV_ping")


def test_handshakes_of_old_firmware_are_read_as_far_as_they_go(vector):
    whole = vector("slimevr_handshake")
    for size in range(12, len(whole)):
        _, (event,) = parse(whole[:size])
        assert isinstance(event, Handshake)


def test_invalid_rotations_are_ignored(vector):
    raw = bytearray(vector("slimevr_rotation"))
    raw[14:30] = bytes(16)
    assert only(bytes(raw))[1] == KeepAlive(17)
    raw[14:18] = b"\x7f\xc0\0\0"
    assert only(bytes(raw))[1] == KeepAlive(17)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=1500), st.integers(0, 255))
def test_random_datagrams_never_raise(data, kind):
    parse(data)
    parse(b"\0\0\0" + bytes([kind]) + data)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutated_packets_never_raise(vectors, data):
    raw = bytearray(vectors[data.draw(st.sampled_from(sorted(k for k in vectors if k.startswith("slimevr"))))])
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    got = parse(bytes(raw[: data.draw(st.integers(0, len(raw)))]))
    assert got is None or len(got[1]) <= 64

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from innerface.core.face.channels import pascal_case
from innerface.server.protocols import live_link_face
from innerface.server.protocols.live_link_face import UDP_ORDER, encode, named_weights, packet_seconds, parse


def test_a_real_capture_is_encoded_bit_for_bit(capture):
    assert len(capture) == 180
    packets = [parse(data) for data in capture]
    assert all(p is not None for p in packets) and [encode(p) for p in packets] == capture


def test_the_order_of_values_is_unreals(table):
    assert [pascal_case(c) for c in UDP_ORDER] == [other for _, other in table("names_livelinkface61_udp_order.csv")]


def test_the_captures_values_are_a_face(capture):
    packets = [parse(data) for data in capture]
    jaw = [named_weights(p)["jawOpen"] for p in packets]
    assert 0 <= min(jaw) < max(jaw) <= 1.1 and packets[0].numerator == 60 and packets[0].denominator == 1
    steps = np.diff([packet_seconds(p) for p in packets])
    assert (steps > 0).all() and np.median(steps) == pytest.approx(1 / 60, rel=0.1)


def test_the_mouths_sides_agree_with_the_apps_own_csv(capture):
    """In the app's CSV, mouthLeft correlates with jawLeft; in its packets it does so only after the exchange."""
    rows = [named_weights(parse(data)) for data in capture]
    plain = [named_weights(parse(data), swap_mouth=False) for data in capture]

    def sides(rows, stem):
        return np.array([r[f"{stem}Left"] - r[f"{stem}Right"] for r in rows])

    assert np.corrcoef(sides(rows, "mouth"), sides(rows, "jaw"))[0, 1] > 0.8
    assert np.corrcoef(sides(plain, "mouth"), sides(plain, "jaw"))[0, 1] < -0.8


def test_documented_packets_are_read_and_written_as_documented(vector):
    data = vector("llf_v6_jawopen")
    packet = parse(data)
    face = named_weights(packet)
    assert (
        face["jawOpen"] == 0.5
        and face["eyeBlinkLeft"] == 0.25
        and face["headYaw"] == pytest.approx(-0.1)
        and packet.subject == "iPhone"
    )
    assert packet.frame == 216_000 and packet_seconds(packet) == pytest.approx(3600, abs=0.1) and encode(packet) == data


def test_a_packet_without_a_face_has_no_values(vector):
    packet = parse(vector("llf_v6_idle"))
    assert (
        packet is not None
        and packet.values is None
        and named_weights(packet) == {}
        and encode(packet) == vector("llf_v6_idle")
    )


def test_other_versions_and_truncated_packets_are_none(vector):
    data = vector("llf_v6_jawopen")
    assert parse(b"\x05" + data[1:]) is None
    idle = len(vector("llf_v6_idle"))
    assert all(parse(data[:k]) is None for k in range(len(data)) if k != idle) and parse(data + b"\0") is None


def test_a_rate_of_zero_gives_no_time(vector):
    data = bytearray(vector("llf_v6_idle"))
    data[-8:-4] = bytes(4)
    assert packet_seconds(parse(bytes(data))) is None


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=600))
def test_random_datagrams_never_raise(data):
    parse(data)
    parse(b"\x06\0\0\0\x02ab" + data)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutated_packets_never_raise(capture, data):
    raw = bytearray(capture[data.draw(st.integers(0, 179))])
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    packet = parse(bytes(raw[: data.draw(st.integers(0, len(raw)))]))
    if packet is not None:
        assert len(named_weights(packet)) in (0, 61)
        assert packet_seconds(packet) is None or np.isfinite(packet_seconds(packet))
        assert live_link_face.encode(packet) is not None

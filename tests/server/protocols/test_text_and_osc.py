import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from innerface.core.face.channels import ARKIT
from innerface.server.protocols import cyton, ifacialmocap, osc, vmc


def osc_message(address, *args):
    from pythonosc.osc_message_builder import OscMessageBuilder

    builder = OscMessageBuilder(address)
    for arg in args:
        builder.add_arg(arg)
    return builder.build().dgram


def test_recorded_frames_hold_all_52_shapes(frames):
    assert len(frames) == 3
    for frame in frames:
        got = ifacialmocap.parse(frame)
        assert set(got.weights) == set(ARKIT) and {"headYaw", "leftEyeYaw", "rightEyePitch"} <= set(got.angles)
        assert all(-100 <= v <= 150 for v in got.weights.values())
        assert all(abs(v) < math.pi for v in got.angles.values()) and got.tracked and got.unknown == ()


def test_every_name_of_the_app_is_known(table):
    for arkit, other in table("names_ifacialmocap.csv"):
        if arkit:
            assert ifacialmocap.parse(f"{other}-50|=head#0,0,0,0,0,0|".encode()).weights == {arkit: 50}


def test_weights_are_percent_angles_are_radians_and_left_is_left():
    got = ifacialmocap.parse(b"jawOpen-37|mouthSmile_L-80|mouthLeft-20|=head#10,-20,5,0,0,0|leftEye#3,4,0|")
    assert got.weights == {"jawOpen": 37, "mouthSmileLeft": 80, "mouthLeft": 20}
    assert got.angles["headPitch"] == pytest.approx(math.radians(10))
    assert got.angles["headYaw"] == pytest.approx(math.radians(-20))
    assert got.angles["leftEyeYaw"] == pytest.approx(-math.radians(4))
    assert got.angles["leftEyePitch"] == pytest.approx(math.radians(3))


def test_negative_values_of_version_two_are_kept():
    got = ifacialmocap.parse(b"jawOpen&-3|browInnerUp&12|=head#0,0,0,0,0,0|")
    assert got.weights == {"jawOpen": -3, "browInnerUp": 12}


def test_a_lost_face_is_told_and_other_text_is_none():
    assert not ifacialmocap.parse(b"jawOpen-37|trackingStatus-0|=head#0,0,0,0,0,0|").tracked
    assert ifacialmocap.parse(b"hello world this is no frame") is None and ifacialmocap.parse(b"\xff" * 40) is None


def test_one_value_that_is_no_number_costs_its_channel_only():
    got = ifacialmocap.parse(b"jawOpen-nan|mouthSmile_L-80|browDown_L-x|=head#0,nan,0,0,0,0|")
    assert got.weights["mouthSmileLeft"] == 80 and math.isnan(got.weights["jawOpen"])
    assert got.angles["headPitch"] == 0 and math.isnan(got.angles["headYaw"])
    receiver = vmc.Receiver()
    for name, value in (("jawOpen", math.nan), ("mouthSmile_L", 0.5)):
        receiver.push(osc_message("/VMC/Ext/Blend/Val", name, value))
    (face,) = receiver.push(osc_message("/VMC/Ext/Blend/Apply"))
    assert face["mouthSmileLeft"] == 0.5 and math.isnan(face["jawOpen"])


def test_names_that_are_no_channels_are_told():
    got = ifacialmocap.parse(b"jawOpen-37|Wink-80|FM_SAD-1|hapihapi-0|=head#0,0,0,0,0,0|")
    assert got.unknown == ("Wink",)
    receiver = vmc.Receiver()
    receiver.push(osc_message("/VMC/Ext/Blend/Val", "Wink", 1.0))
    receiver.push(osc_message("/VMC/Ext/Blend/Val", "Joy", 1.0))
    assert receiver.unknown == ("Wink",) and receiver.values["mouthSmileLeft"] == 1.0


def test_a_program_that_never_applies_is_shown_when_its_first_name_comes_again():
    receiver, faces = vmc.Receiver(), []
    for value in (0.1, 0.2, 0.3):
        for name in ("jawOpen", "mouthClose"):
            faces += receiver.push(osc_message("/VMC/Ext/Blend/Val", name, value))
    assert [round(f["jawOpen"], 5) for f in faces] == [0.1, 0.2]


def test_names_of_an_avatar_that_is_gone_do_not_hold_the_face():
    receiver = vmc.Receiver()
    for names in (["JawOpen", "EyeBlinkLeft"], ["A", "Blink_L"]):
        for _ in range(100):
            for name in names:
                receiver.push(osc_message("/VMC/Ext/Blend/Val", name, 0.5 if len(name) > 7 else 0.75))
            receiver.push(osc_message("/VMC/Ext/Blend/Apply"))
    assert receiver.values["eyeBlinkLeft"] == 0.75


def test_expressions_in_percent_are_told_from_whole_ones():
    receiver = vmc.Receiver()
    for name, value in (("A", 80.0), ("Blink_L", 30.0), ("Joy", 50.0), ("a counter", 5e4)):
        receiver.push(osc_message("/VMC/Ext/Blend/Val", name, value))
    values = receiver.values
    assert values["eyeBlinkLeft"] == pytest.approx(30) and values["jawOpen"] > 10, "each looks like a whole weight"
    receiver.push(osc_message("/VMC/Ext/Blend/Val", "A", 1.0))
    for name, value in (("A", 1.0), ("O", 1.0), ("Blink_L", 0.3), ("Joy", 0.5)):
        receiver.push(osc_message("/VMC/Ext/Blend/Val", name, value))
    assert receiver.values["jawOpen"] == pytest.approx(1.0), "expressions add up to more than a whole weight"


def test_channels_that_come_after_hundreds_of_unknown_names_are_heard():
    receiver = vmc.Receiver()
    for k in range(400):
        receiver.push(osc_message("/VMC/Ext/Blend/Val", f"thing {k}", 0.5))
    receiver.push(osc_message("/VMC/Ext/Blend/Val", "jawOpen", 0.5))
    assert receiver.values == {"jawOpen": 0.5} and len(receiver.named) < 300


def test_a_phone_whose_names_are_all_unknown_is_told_so_and_not_called_damaged():
    frame = ifacialmocap.parse(b"foo-10|bar-20|=head#1,2,3,0,0,0|rightEye#0,0,0|leftEye#0,0,0|")
    assert frame is not None and frame.unknown == ("foo", "bar") and not frame.weights
    assert ifacialmocap.parse(b"foo-10|bar-20") is None


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutated_text_never_raises(frames, data):
    raw = bytearray(frames[data.draw(st.integers(0, 2))])
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    ifacialmocap.parse(bytes(raw))


def test_documented_vmc_packets_are_read(vector):
    assert osc.parse_messages(vector("osc_vmc_blend_val")) == [("/VMC/Ext/Blend/Val", ["JawOpen", 0.5])]
    assert osc.parse_messages(vector("osc_vmc_bundle"))[-1] == ("/VMC/Ext/Blend/Apply", [])
    assert osc.parse_messages(vector("osc_facecap"))[0] == ("/W", [24, 0.5])
    receiver = vmc.Receiver()
    assert receiver.push(vector("osc_vmc_blend_val")) == [] and receiver.push(vector("osc_vmc_blend_apply")) == [
        {"jawOpen": 0.5}
    ]
    assert receiver.push(vector("osc_vmc_bundle")) == [{"jawOpen": 0.5, "eyeBlinkLeft": 1.0}]
    assert receiver.push(vector("osc_vmc_bone_head_identity")) == [] and receiver.values["headYaw"] == 0


def test_messages_are_encoded_as_the_standard_says(vector):
    encoder = vmc.Encoder(head_height=None)
    datagrams = encoder.encode(np.array([0.5 if c == "jawOpen" else 0.0 for c in ARKIT]), (0, 0, 0))
    assert all(d.startswith(b"#bundle\0\0\0\0\0\0\0\0\x01") for d in datagrams)
    assert sum(d.count(vector("osc_vmc_blend_val")) for d in datagrams) == 1
    assert [d.count(vector("osc_vmc_blend_apply")) for d in datagrams] == [0] * (len(datagrams) - 1) + [1]
    assert not any(b"Bone/Pos" in d for d in datagrams)
    assert vector("osc_vmc_bone_head_identity") in vmc.Encoder(head_height=0.0).encode(np.zeros(52), (0, 0, 0))[-1]


def test_the_head_keeps_its_distance_from_the_neck_where_positions_are_applied():
    messages = [m for d in vmc.Encoder().encode(np.zeros(52), (0.1, 0, 0)) for m in osc.parse_messages(d)]
    (head,) = [args for address, args in messages if address == "/VMC/Ext/Bone/Pos"]
    assert head[0] == "Head" and head[1:4] == pytest.approx([0.0, vmc.HEAD_HEIGHT_M, 0.0])
    assert 0.05 < vmc.HEAD_HEIGHT_M < 0.12, "no humanoid's head is there"


@pytest.mark.parametrize("camel", [False, True])
def test_no_datagram_is_so_large_that_a_network_splits_it(camel):
    datagrams = vmc.Encoder(camel).encode(np.ones(52), (0.1, 0.2, 0.3))
    assert max(map(len, datagrams)) <= 1400 and len(datagrams) == 2
    addresses = [address for d in datagrams for address, _ in osc.parse_messages(d)]
    assert addresses[-3:] == ["/VMC/Ext/Bone/Pos", "/VMC/Ext/Blend/Apply", "/VMC/Ext/OK"]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(0, 1, width=32), min_size=52, max_size=52), st.booleans(), st.tuples(*[st.floats(-1.2, 1.2)] * 3)
)
def test_an_encoded_face_is_decoded_unchanged(weights, camel, angles):
    receiver = vmc.Receiver()
    (got,) = [face for d in vmc.Encoder(camel).encode(np.array(weights), angles) for face in receiver.push(d)]
    assert [got[c] for c in ARKIT] == weights
    assert (got["headYaw"], got["headPitch"], got["headRoll"]) == pytest.approx(angles, abs=1e-5)


def test_the_head_rotation_is_in_unitys_convention():
    """Unity is left-handed with x to the performer's right.

    A turn to the performer's left is negative about y, chin down is positive about x.
    """
    x, y, z, w = vmc.head_quaternion(0.4, 0.0, 0.0)
    assert y == pytest.approx(-math.sin(0.2)) and w == pytest.approx(math.cos(0.2)) and x == z == 0
    assert vmc.head_quaternion(0.0, 0.4, 0.0)[0] == pytest.approx(math.sin(0.2))


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
_ARGUMENT = st.one_of(
    st.integers(-(2**31), 2**31 - 1),
    st.floats(width=32, allow_nan=False),
    _TEXT,
    st.booleans(),
    st.none(),
    st.binary(min_size=1, max_size=9),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.from_regex(r"/[a-z/]{0,12}", fullmatch=True), st.lists(_ARGUMENT, max_size=6)),
        min_size=1,
        max_size=5,
    )
)
def test_what_python_osc_writes_is_read(sent):
    from pythonosc import osc_bundle_builder, osc_message_builder

    bundle = osc_bundle_builder.OscBundleBuilder(osc_bundle_builder.IMMEDIATELY)
    for address, args in sent:
        builder = osc_message_builder.OscMessageBuilder(address)
        for arg in args:
            builder.add_arg(arg)
        bundle.add_content(builder.build())
    assert osc.parse_messages(bundle.build().dgram) == [(address, list(args)) for address, args in sent]


def test_nesting_of_bundles_is_limited():
    data = b"/a\0\0,\0\0\0"
    for _ in range(50):
        data = b"#bundle\0" + bytes(7) + b"\1" + len(data).to_bytes(4, "big") + data
    assert osc.parse_messages(data) == []


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_random_osc_never_raises(data):
    receiver = vmc.Receiver()
    for start in (
        b"",
        b"/VMC/Ext/Blend/Val\0\0,sf\0",
        b"#bundle\0\0\0\0\0\0\0\0\1\0\0\0\x20/",
        b"/VMC/Ext/Bone/Pos\0\0\0,sfffffff\0\0\0Head\0\0\0\0",
    ):
        for face in receiver.push(start + data):
            assert not any(math.isinf(v) for v in face.values())


def test_a_cyton_frame_is_read_as_documented(vector):
    (sample,) = cyton.Reader().push(vector("cyton"))
    assert sample.counter == 42 and sample.stop_code == 0
    assert np.abs(sample.microvolts / (4.5 / 24 / (2**23 - 1) * 1e6) - (np.arange(8) - 4) * 100_000).max() < 1e-6


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=90), st.integers(1, 50))
def test_frames_are_found_after_noise_in_data_split_anywhere(vector, noise, size):
    frame = vector("cyton")
    line = frame * 2 + bytes(b for b in noise if b != 0xA0) + frame * 3
    reader, got = cyton.Reader(), []
    for k in range(0, len(line), size):
        got += reader.push(line[k : k + size])
    assert [s.counter for s in got].count(42) >= 5 and len(reader.buffer) < 4096

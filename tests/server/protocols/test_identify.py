"""Datagrams of other protocols are told for what they are, with what to change."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from innerface.server.protocols import device, ifacialmocap, live_link_face, slimevr
from innerface.server.protocols.identify import identify

from ..conftest import sample


def osc(address):
    return address + b"\0" * (4 - len(address) % 4) + b",f\0\0" + struct.pack(">f", 0.5)


def bundle(*messages):
    return b"#bundle\0" + bytes(7) + b"\1" + b"".join(struct.pack(">i", len(m)) + m for m in messages)


def live_link(version, count=61):
    text = struct.pack(">i", 5) + b"PHONE" + struct.pack(">i", 4) + b"face"
    return bytes([version]) + text + struct.pack(">ifii", 1, 0.0, 60, 1) + bytes([count]) + bytes(4 * count)


def animator(order):
    subject = b"iPhone von Eva"
    return struct.pack(f"{order}HH", 1, len(subject)) + subject + struct.pack(f"{order}ifii", 1, 0, 60, 1) + bytes(500)


@pytest.mark.parametrize(
    ("data", "source", "words"),
    [
        (osc(b"/VMC/Ext/Blend/Val"), "vmc", "VMC"),
        (bundle(osc(b"/VMC/Ext/OK"), osc(b"/VMC/Ext/T")), "vmc", "VMC"),
        (osc(b"/innerface/record"), "osc", "commands"),
        (osc(b"/avatar/parameters/v2/JawOpen"), "", "VRChat"),
        (osc(b"/W"), "", "Face Cap"),
        (osc(b"/other/thing"), "", "/other/thing"),
        (live_link(6), "livelinkface", "Live Link Face"),
        (live_link(7), "", "first byte 7"),
        (live_link(5), "", "first byte 5"),
        (live_link(6, 52), "", "another number of values"),
        (b"\x07\0\0\0\x01P\0\0\0\x01a" + bytes(300), "", "another mode or version"),
        (animator(">"), "", "MetaHuman Animator"),
        (animator("<"), "", "MetaHuman Animator"),
        (b"jawOpen-37|mouthSmile_L-80|=head#10,-20,5,0,0,0|", "ifacialmocap", "iFacialMocap"),
        (ifacialmocap.START, "", "request to a phone"),
        (slimevr.HANDSHAKE_REPLY, "", "SlimeVR server"),
        (struct.pack(">IQ", 17, 3) + bytes(19), "slimevr", "SlimeVR tracker"),
        (device.encode(sample(1)), "device", "Innerface device"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "", "browser"),
        (b"\x16\x03\x01\x02\0\x01", "", "browser"),
        (b'{"Timestamp":1,"FaceFound":true,"BlendShapes":[{"k":"JawOpen","v":0.5}]}', "", "VTube Studio's phone"),
        (b'{"scene":{"actors":[]}}', "", "Rokoko"),
        (b"\x04\x22\x4d\x18" + bytes(40), "", "LZ4"),
        (b'{"a":1}', "", "JSON"),
        (b"Timecode,BlendshapeCount,EyeBlinkLeft\n00:00:00:00.000,61,0.1", "", "CSV"),
        (b"hello there", "", "text that begins 'hello there'"),
        (b"\xfe\xff\x80\x81" * 20, "", "begin fe ff 80 81"),
        (b"", "", "empty"),
    ],
)
def test_each_protocol_is_told_with_the_source_that_reads_it(data, source, words):
    found = identify(data)
    assert words in found.what and found.source == source
    assert found.source or found.advice


def test_the_app_in_its_other_mode_is_told_which_mode_to_choose():
    for data in (live_link(7), animator(">"), animator("<")):
        assert "Live Link (ARKit)" in identify(data).advice


def test_live_link_faces_own_packets_are_never_taken_for_another_mode(capture):
    assert all(identify(data).source == "livelinkface" for data in capture[:40])
    assert live_link_face.parse(live_link(6)) is not None


@settings(max_examples=500, deadline=None)
@given(
    st.binary(max_size=120), st.sampled_from([b"", b"\x07\0\0\0\1P", b"/", b"#bundle\0", b"\0\0\0", b"{", b"\0\1\0\5"])
)
def test_any_bytes_are_told_in_one_printable_line(data, start):
    found = identify(start + data)
    assert found.what.isprintable() and len(found.what) < 200 and found.advice.isprintable()

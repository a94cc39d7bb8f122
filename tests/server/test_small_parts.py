"""Loss policies, recentring, sites, frames, and the arguments of sources and sinks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from innerface.core.errors import InnerfaceError
from innerface.core.face.head_pose import HeadRecentrer
from innerface.core.imu.layout import load_layout
from innerface.core.pipeline import LossPolicy
from innerface.server import registry
from innerface.server.frame import Frame, decode_face, encode_face
from innerface.server.messages import ImuSample
from innerface.server.sites import SiteAssignments, TapDetector


def went_out(policy, seen):
    loss = LossPolicy(policy)
    return [loss.push(np.ones(3), s, 1 / 60) for s in seen]


def test_hold_goes_on_with_the_last_face_and_gap_stops():
    lost = [True] * 10 + [False] * 120
    assert all(f is not None and f[0] == 1 for f in went_out("hold", lost))
    out = went_out("gap", lost)
    assert all(f is not None for f in out[:25]) and all(f is None for f in out[40:])


def test_fade_reaches_neutral_within_a_second_and_comes_back_without_a_step():
    out = went_out("fade", [True] * 10 + [False] * 90 + [True] * 60)
    size = np.array([f[0] for f in out])
    assert size[99] == 0 and size[20] == 1 and size[-1] == 1 and np.abs(np.diff(size)).max() < 0.12
    with pytest.raises(InnerfaceError, match="hold, fade, gap"):
        LossPolicy("forget")


def test_recentring_makes_the_present_pose_zero():
    centre = HeadRecentrer(auto=False)
    centre.push(np.array([0.3, 0.1, -0.2]), 1 / 60)
    centre.recentre()
    assert np.abs(centre.push(np.array([0.3, 0.1, -0.2]), 1 / 60)).max() < 1e-12
    assert centre.push(np.array([0.4, 0.1, -0.2]), 1 / 60)[0] == pytest.approx(0.1)


def test_a_heading_that_drifts_stays_near_zero_and_a_glance_aside_is_kept():
    drift = np.radians(3.0) * np.arange(60 * 600) / 3600  # three degrees a minute
    centre = HeadRecentrer()
    out = np.array([centre.push(np.array([a, 0.0, 0.0]), 1 / 60)[0] for a in drift])
    assert np.degrees(np.abs(out).max()) < 6.5 and np.degrees(drift[-1]) > 29
    glance = [centre.push(np.array([drift[-1] + np.radians(40), 0.1, 0.0]), 1 / 60) for _ in range(180)]
    assert np.degrees(glance[-1][0] - out[-1]) > 38 and glance[-1][1] == pytest.approx(
        0.1
    )  # pitch has gravity: never recentred by itself


def test_a_lost_head_holds():
    centre = HeadRecentrer(auto=False)
    first = centre.push(np.array([0.2, 0.0, 0.0]), 1 / 60)
    assert (centre.push(np.full(3, np.nan), 1 / 60) == first).all()


def test_sensors_sit_where_the_device_says_until_the_user_says_otherwise(tmp_path):
    path = tmp_path / "sites.json"
    sites = SiteAssignments(load_layout(), path)
    assert sites.site_of("7a3f", "1") == "frontalis_left" and sites.site_of("x", "oculi_left") == "oculi_left"
    assert sites.site_of("a0:b1:c2:d3:e4:f5", "0") == ""  # a tracker's sensor 0 is nowhere until assigned
    sites.assign("a0:b1:c2:d3:e4:f5/0", "frontalis_left")
    assert (
        sites.site_of("a0:b1:c2:d3:e4:f5", "0") == "frontalis_left" and sites.site_of("7a3f", "1") == ""
    )  # one sensor a site
    again = SiteAssignments(load_layout(), path)
    again.load()
    assert again.assigned == sites.assigned
    again.assign("a0:b1:c2:d3:e4:f5/0", "")
    assert again.site_of("a0:b1:c2:d3:e4:f5", "0") == ""
    with pytest.raises(InnerfaceError, match="has aux"):
        sites.assign("a/0", "nose")
    with pytest.raises(InnerfaceError, match="DEVICE/SENSOR"):
        sites.assign("a", "aux")
    path.write_text("[1, 2")
    with pytest.raises(InnerfaceError, match="delete it"):
        SiteAssignments(load_layout(), path).load()


def tapped(strong, weak):
    touch, rng = TapDetector("oculi_left", 5.0), np.random.default_rng(0)
    for k in range(300):
        for device, size in (("a", strong), ("b", weak)):
            force = np.array([[0, 0, 9.8]]) + rng.normal(0, 0.05, 3) + (size if k == 150 else 0.0)
            touch.add(ImuSample(device, ("0",), np.array([[1.0, 0, 0, 0]]), force))
    return touch


def test_the_tapped_sensor_is_found_and_doubt_is_told():
    assert tapped(9.0, 2.0).tapped_sensor() == "a/0"
    with pytest.raises(InnerfaceError, match="no sensor felt"):
        tapped(1.0, 0.5).tapped_sensor()
    with pytest.raises(InnerfaceError, match="alike"):
        tapped(9.0, 8.0).tapped_sensor()


@settings(max_examples=50, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.floats(0, 1e6),
    st.lists(st.floats(-1, 1, width=32), min_size=55, max_size=55),
    st.booleans(),
    st.booleans(),
)
def test_an_encoded_frame_is_decoded_unchanged(sequence, time, values, sure, seen):
    frame = Frame(
        sequence, time, time + 0.01, np.array(values), np.linspace(0, 1, 52) if sure else None, "sensors", seen
    )
    back = decode_face(encode_face(frame))
    assert (back.sequence, back.time, back.seen) == (sequence, time, seen) and (back.values == np.array(values)).all()
    assert back.confidence is None if not sure else np.abs(back.confidence - frame.confidence).max() < 0.0021


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_other_data_is_not_a_frame(data):
    decode_face(data)
    decode_face(b"IW\x01\x01" + data)


GOOD = (
    "device",
    "device:9000",
    "device:0.0.0.0:9000",
    "slimevr",
    "livelinkface:11112,keep-mouth",
    "ifacialmocap",
    "vmc:[::1]:39540",
    "virtual",
    "virtual,loss=0.1,jitter=3,disconnect=20:3,serial",
    "lsl:EMG",
    "brainflow:-1",
    "osc",
    "cyton:/dev/ttyUSB0",
)
BAD = (
    ("nothing", "give one of"),
    ("device:x:y", "not a port"),
    ("device:99999", "not a port"),
    ("virtual,loss=much", "not a number"),
    ("virtual,loss=2", "share below 1"),
    ("virtual,colour=red", "unknown argument"),
    ("serial", "give the port"),
    ("virtual,disconnect=a", "EVERY:FOR"),
    ("file", "give the take"),
    ("virtual,preset=perfect", "give one of"),
)


@pytest.mark.parametrize("text", GOOD)
def test_sources_are_created_from_their_texts(text):
    assert registry.make_source(text).name in registry.sources()


@pytest.mark.parametrize(
    "text", ["vmc", "vmc:127.0.0.1:39539,camel", "livelink:192.168.0.5:11111,name=Anna", "vts", "csv:out.csv"]
)
def test_sinks_are_created_from_their_texts(text):
    assert registry.make_sink(text).name in registry.sinks()


@pytest.mark.parametrize(("text", "result"), BAD)
def test_invalid_sources_give_one_line(text, result):
    with pytest.raises(InnerfaceError, match=result) as error:
        registry.make_source(text)
    assert "\n" not in str(error.value)


def test_invalid_sinks_give_one_line():
    for text, result in (("nothing", "give one of"), ("csv", "give the file"), ("vmc,head", "unknown argument")):
        with pytest.raises(InnerfaceError, match=result):
            registry.make_sink(text)


def test_a_touch_watches_no_more_sensors_than_there_can_be():
    touch = TapDetector("oculi_left", 5.0)
    for k in range(3000):
        touch.add(ImuSample(f"{k:x}", ("0",), np.ones((1, 4)), np.zeros((1, 3))))
    assert len(touch.peak) == len(touch.baseline) == 1024

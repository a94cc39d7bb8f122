import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from innerface.core.imu import signal as imu
from innerface.core.imu.frame_stream import FrameStream
from innerface.core.imu.layout import load_layout
from innerface.core.numerics import quaternion as quat


def about(axis, angle):
    """Quaternions (T, 4) of turns about an axis."""
    axis = np.asarray(axis, float) / np.linalg.norm(axis)
    angle = np.atleast_1d(angle)
    return np.concatenate([np.cos(angle / 2)[:, None], np.sin(angle / 2)[:, None] * axis], axis=1)


def angle_between(a, b):
    return 2 * np.arccos(np.clip(np.abs((a * b).sum(-1)), 0, 1))


def made(rate=100.0, seconds=2.0, sites=("aux", "oculi_left")):
    time = np.arange(int(rate * seconds)) / rate
    q = np.stack([about((1, 2, 3), 0.5 * np.sin(3 * time + s)) for s in range(len(sites))], axis=1)
    a = np.stack([np.stack([np.sin(5 * time), np.cos(2 * time), 9.8 + 0 * time], axis=1)] * len(sites), axis=1)
    return imu.ImuSignal(time, sites, q, a, False, "y")


@settings(deadline=None)
@given(st.floats(0.01, 3.0), st.floats(0, 1))
def test_slerp_turns_at_constant_speed_about_one_axis(angle, share):
    q = about((0.2, -1, 0.4), [0.0, angle])
    got = imu.slerp(np.array([0.0, 1.0]), q, np.array([share]))
    assert angle_between(got, about((0.2, -1, 0.4), share * angle))[0] < 1e-6


def test_a_quaternions_sign_never_turns_the_long_way_round():
    q = about((0, 1, 0), np.linspace(0, 1, 50))
    flipped = q * np.where(np.arange(50) % 3 == 0, -1.0, 1.0)[:, None]
    at = np.linspace(0, 1, 200)
    got = imu.slerp(np.linspace(0, 1, 50), flipped, at)
    assert angle_between(got, about((0, 1, 0), at)).max() < 1e-6
    assert (np.diff(imu.make_continuous(flipped[:, None])[:, 0], axis=0) ** 2).sum(1).max() < 1e-2


def test_the_triangle_is_the_second_difference_of_position():
    """eq 5 read with units: (p(t-h) + p(t+h) - 2 p(t)) / h^2, for a motion whose acceleration is known."""
    h, w = 1 / 60, 2 * np.pi * 4.0
    t = np.arange(0, 2, 1 / 2000)
    a = -(w**2) * np.sin(w * t)[:, None]
    at = np.linspace(0.5, 1.5, 77)
    got = imu.triangle_filter(t, a, at, half_width=h)[:, 0]
    want = (np.sin(w * (at - h)) + np.sin(w * (at + h)) - 2 * np.sin(w * at)) / h**2
    assert np.abs(got - want).max() < 2e-3 * w**2
    gain = np.abs(got).max() / w**2
    assert gain == pytest.approx(np.sinc(4.0 * h) ** 2, rel=1e-2)


def test_a_constant_acceleration_passes_the_triangle_unchanged_at_any_rate():
    for rate in (30, 60, 200):
        t = np.arange(200) / rate
        got = imu.triangle_filter(t, np.full((200, 2), 9.81), np.linspace(t[0], t[-1], 50), half_width=1 / 60)
        assert np.abs(got - 9.81).max() < 1e-9


@pytest.mark.parametrize("rate", [30.0, 100.0, 200.0])
def test_resampling_keeps_slow_motion_whatever_the_input_rate(rate):
    source = made(rate)
    at = np.arange(0.2, 1.7, 1 / 60)
    got = imu.resample(source, at)
    for s in range(2):
        want = about((1, 2, 3), 0.5 * np.sin(3 * at + s))
        assert np.degrees(angle_between(got.rotation[:, s], want)).max() < 0.15
    assert np.abs(got.acceleration[:, 0, 2] - 9.8).max() < 1e-9


def test_short_losses_are_bridged_and_long_ones_stay_missing():
    source = made()
    source.rotation[50:60, 1] = np.nan  # 0.1 s
    source.acceleration[100:150, 1] = np.nan  # 0.5 s
    at = np.arange(0.0, 1.99, 1 / 60)
    present = imu.resample(source, at).present()
    assert present[:, 0].all()
    assert present[(at < 0.98), 1].all()
    assert not present[(at > 1.01) & (at < 1.48), 1].any()


def test_a_dead_site_does_not_end_the_others():
    source = made()
    source.rotation[:, 1] = np.nan
    present = imu.resample(source, np.arange(0, 1.9, 1 / 60)).present()
    assert present[:, 0].all() and not present[:, 1].any()


def test_a_signal_survives_being_a_track():
    source = made()
    source.rotation[3, 0] = np.nan
    again = imu.from_track(imu.to_track(source))
    assert again.sites == source.sites and again.up == "y" and not again.linear
    assert np.array_equal(again.acceleration, source.acceleration)
    assert np.allclose(again.rotation, source.rotation, equal_nan=True)


def test_the_default_layout_is_the_papers_eleven_sites():
    sites = load_layout()
    assert sites.sites == (
        "aux",
        "frontalis_left",
        "frontalis_right",
        "oculi_left",
        "oculi_right",
        "zygomaticus_left",
        "zygomaticus_right",
        "buccinator_left",
        "buccinator_right",
        "mentalis_left",
        "mentalis_right",
    )
    assert np.allclose(sites.positions[0], [0.075, 0.005, -0.010])
    assert sites.mirrored_site("oculi_left") == "oculi_right" and sites.mirrored_site("aux") == "aux"
    for site, place in zip(sites.sites, sites.positions):
        other = sites.positions[sites.sites.index(sites.mirrored_site(site))]
        assert np.allclose(place * (-1, 1, 1), other) or site == "aux"


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[",
        '{"sites": []}',
        '{"reference": "a", "sites": [{"id": "a"}]}',
        '{"reference": "b", "sites": [{"id": "a", "position_mm": [0, 0, 0]}]}',
        '{"reference": "a", "sites": [{"id": "a", "position_mm": [0, 0, 0]}, {"id": "a", "position_mm": [0, 0, 0]}]}',
        '{"reference": "a", "sites": [{"id": "a", "position_mm": [0, 0, NaN]}]}',
    ],
)
def test_a_broken_layout_is_told_in_one_line(tmp_path, text):
    from innerface.core.errors import InnerfaceError

    (tmp_path / "mine.json").write_text(text)
    with pytest.raises(InnerfaceError) as error:
        load_layout(tmp_path / "mine.json")
    assert "mine.json" in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(InnerfaceError, match="default"):
        load_layout("nobody")


def test_two_devices_tracks_are_one_signal_whatever_their_habits(simulated):
    whole = simulated("clean", 4)
    left, right = [0, 1, 3, 5, 7, 9], [2, 4, 6, 8, 10]
    up = quat.about_axis(0, np.pi / 2)
    turned = quat.multiply(up, whole.rotation[1::2, right])
    linear = whole.acceleration[1::2, right] - quat.rotate(quat.conjugate(turned), np.array([0, 0, 9.80665]))
    a = imu.to_track(imu.select_sites(whole, left))
    b = imu.to_track(imu.ImuSignal(whole.time[1::2], tuple(whole.sites[s] for s in right), turned, linear, True, "z"))
    both = imu.merge_tracks([a, b])
    assert (
        both.sites == (*(whole.sites[s] for s in left), *(whole.sites[s] for s in right))
        and (both.time == whole.time).all()
    )
    assert both.up == "y" and not both.linear and np.isnan(both.rotation[0::2, 6:]).all()
    assert np.nanmax(np.abs(both.acceleration[1::2, 6:] - whole.acceleration[1::2, right])) < 1e-9
    at = whole.time[0] + np.arange(1, 300) / 60
    want, got = imu.resample(imu.select_sites(whole, right), at), imu.resample(both, at)
    assert np.degrees(2 * np.arccos(np.clip(np.abs((want.rotation * got.rotation[:, 6:]).sum(-1)), 0, 1))).max() < 0.5
    assert imu.merge_tracks([a]).sites == imu.from_track(a).sites


def test_live_like_resampling_of_two_devices_does_not_take_the_others_rows_for_losses(simulated):
    whole = simulated("clean", 4)
    left, right = [0, 1, 3], [2, 4]
    part = imu.select_sites(whole, right)
    shifted = imu.ImuSignal(
        whole.time[:1000] + 0.004, part.sites, part.rotation[:1000], part.acceleration[:1000], False, "y"
    )
    both = imu.merge_tracks([imu.to_track(imu.select_sites(whole, left)), imu.to_track(shifted)])
    at = whole.time[0] + 1 + np.arange(200) / 60
    together, alone = imu.resample(both, at, causal=True), imu.resample(shifted, at, causal=True)
    assert np.abs(together.acceleration[:, 3:] - alone.acceleration).max() < 1e-9


def test_a_site_that_two_devices_claim_is_the_firsts_and_one_that_changed_hands_is_both_in_turn(simulated):
    whole = imu.select_sites(simulated("clean", 4), [0, 1])
    other = imu.ImuSignal(
        whole.time + 0.003, whole.sites, np.roll(whole.rotation, 7, axis=0), whole.acceleration, False, "y"
    )
    both = imu.merge_tracks([imu.to_track(whole), imu.to_track(other)])
    rows = np.searchsorted(both.time, whole.time)
    assert np.nanmax(np.abs(both.rotation[rows] - whole.rotation)) < 1e-12
    assert np.isnan(
        both.rotation[np.setdiff1d(np.arange(len(both.time) - 1), rows)]
    ).all()  # the last of the second's lies beyond the first's end
    early, late = (
        imu.ImuSignal(whole.time[s], whole.sites, whole.rotation[s], whole.acceleration[s], False, "y")
        for s in (slice(0, 500), slice(500, None))
    )
    assert not np.isnan(imu.merge_tracks([imu.to_track(late), imu.to_track(early)]).rotation).any()


def test_after_a_computer_slept_frames_begin_anew_instead_of_filling_the_memory():
    frames = FrameStream(("aux",), 0.0)
    number = frames.add_device([0], 0.01)
    frames.add_sample(number, 0.0, rotation=np.array([[1.0, 0, 0, 0]]), acceleration=np.zeros((1, 3)))
    frames.take_frames(0.0)
    assert len(frames.take_frames(3600.0)[0]) == 600 and frames.next_frame == 216_001

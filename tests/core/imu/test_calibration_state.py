"""A take that was recorded after a calibration is inferred by it."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from innerface.core.errors import InnerfaceError
from innerface.core.imu import calibration_state, linear_model
from innerface.core.imu.inference import infer
from innerface.core.imu.kinematics import Motion
from innerface.core.imu.motion import motion_from_state
from innerface.core.imu.session import ImuSession
from innerface.core.imu.signal import to_track
from innerface.core.rates import FRAME_RATE
from innerface.core.take import Take


@pytest.fixture(scope="module")
def session(made, sites):
    """A session that has seen all of a rough take, calibrated in it."""
    signal = made("rough", 3)
    session = ImuSession(linear_model.load(), sites, start=float(signal.time[0]))
    number = session.add_device(
        signal.sites, step=float(np.median(np.diff(signal.time))), linear=signal.linear, up=signal.up
    )
    for k, now in enumerate(signal.time[:1900]):
        session.add_sample(number, float(now), rotation=signal.rotation[k], acceleration=signal.acceleration[k])
        session.advance(float(now))
        if k == 1000:
            session.activate(session.calibrate(session.snapshot()))
    return signal, session


def later(signal, first):
    """The take from a row on, as a recording that was begun then."""
    return replace(
        signal,
        time=signal.time[first:] - signal.time[first],
        rotation=signal.rotation[first:],
        acceleration=signal.acceleration[first:],
    )


def test_a_recording_without_a_nod_is_inferred_by_the_calibration_it_was_begun_with(session, sites):
    signal, live = session
    text = live.active.stream.calibration_state(live.active.convention_fix, np.zeros(3)).to_json()
    cut = later(signal, 1900)
    track = to_track(cut)
    track.meta[calibration_state.META_KEY] = text
    got = infer(Take("later", {"imu": track}), sites, linear_model.load()).take.weights()
    whole = infer(Take("whole", {"imu": to_track(signal)}), sites, linear_model.load()).take.weights()
    at = got.time + signal.time[1900]
    want = np.stack([np.interp(at, whole.time, whole.values[:, c]) for c in range(52)], axis=1)
    assert np.abs(got.values[:, :52] - want).mean() < 0.02 < np.abs(want - want.mean(axis=0)).mean()
    head = np.stack([np.interp(at, whole.time, whole.values[:, c]) for c in (52, 53, 54)], axis=1)
    assert np.degrees(np.abs(got.values[:, 52:] - head)).mean() < 2.0
    with pytest.raises(InnerfaceError):  # which it could not be by itself
        infer(Take("later", {"imu": to_track(cut)}), sites, linear_model.load())


def test_what_had_crept_until_then_is_taken_out_from_the_first_frame_on(session):
    signal, live = session
    known = live.active.stream.calibration_state(live.active.convention_fix, np.zeros(3))
    crept = replace(known, heading=known.heading + np.radians(20.0) * (np.arange(len(known.heading)) == 3))
    a, b = (motion_from_state(later(signal, 1900), w, causal=True).rotation[:20] for w in (known, crept))
    site = live.active.stream.calibrator.calibration.face_indices.index(3)
    moved = np.abs(a - b).max(axis=(0, 2))
    assert moved[site] > 0.05 and np.nanmax(np.delete(moved, site)) < 1e-9


def test_a_recentred_head_is_straight_in_the_recording(session):
    signal, live = session
    plain, turned = (
        motion_from_state(
            later(signal, 1900), live.active.stream.calibration_state(live.active.convention_fix, zero)
        ).head
        for zero in (np.zeros(3), np.array([0.3, 0, 0]))
    )
    assert np.abs(plain - turned - [0.3, 0, 0]).max() < 1e-12


def test_text_round_trip(session):
    _, live = session
    known = live.active.stream.calibration_state(live.active.convention_fix, np.array([0.1, 0.2, 0.3]))
    back = calibration_state.parse(known.to_json(), "x")
    assert (
        back.calibration.sites == known.calibration.sites
        and back.calibration.reference == known.calibration.reference
        and back.calibration.renamed == known.calibration.renamed
    )
    for name in calibration_state._ARRAY_FIELDS:
        assert np.abs(getattr(back.calibration, name) - getattr(known.calibration, name)).max() < 1e-8
    assert (
        np.abs(back.heading - known.heading).max() < 1e-8
        and np.abs(back.zero - known.zero).max() < 1e-8
        and back.head_zero.tolist() == [0.1, 0.2, 0.3]
    )


def test_a_take_that_lacks_a_calibrated_site_is_told(session):
    signal, live = session
    known = live.active.stream.calibration_state(live.active.convention_fix, np.zeros(3))
    fewer = replace(later(signal, 1900), sites=("other", *signal.sites[1:]))
    with pytest.raises(InnerfaceError, match="lacks aux"):
        motion_from_state(fewer, known)


@given(
    st.one_of(
        st.text(),
        st.dictionaries(st.sampled_from(["version", "sites", "reference", "level", "zero"]), st.integers()).map(str),
    )
)
def test_hostile_texts_end_in_one_line(text):
    with pytest.raises(InnerfaceError, match="cannot be read"):
        calibration_state.parse(text, "take")


def test_damaged_values_end_in_one_line(session):
    data = json.loads(
        session[1].active.stream.calibration_state(session[1].active.convention_fix, np.zeros(3)).to_json()
    )
    for key in set(data) - {"linear", "use_levers"}:  # those are true or not, whatever they are
        for wrong in (None, "x", 1e400, [[1]]):
            with pytest.raises(InnerfaceError, match="cannot be read"):
                calibration_state.parse(json.dumps(data | {key: wrong}), "take")


def test_noise_is_judged_where_the_face_rests_and_nowhere_else(session):
    rng = np.random.default_rng(0)
    rotation = rng.normal(0, 0.2, (600, 2, 3)).cumsum(axis=0) * 0.05
    rotation[240:360] = rotation[240]
    still = Motion(
        np.arange(600) / FRAME_RATE, ("a", "b"), rotation, rotation, np.zeros((600, 3)), np.zeros((600, 2)), rotation
    )
    a, b = calibration_state.calm_span(still)
    assert 4.0 <= a < b <= 6.0
    assert calibration_state.calm_span(replace(still, rotation=rng.normal(0, 0.5, (600, 2, 3)))) == (0.0, 0.0)


def test_the_calm_second_holds_no_taps_on_the_chin():
    rng = np.random.default_rng(1)
    rotation, acceleration = rng.normal(0, 1e-3, (600, 2, 3)), rng.normal(0, 0.05, (600, 2, 3))
    rotation[120:180] *= 0.1  # the stillest second
    acceleration[150] += 20.0
    zero = np.zeros((600, 3))
    tapped = Motion(np.arange(600) / FRAME_RATE, ("a", "b"), rotation, acceleration, zero, zero[:, :2], rotation * 0)
    a, b = calibration_state.calm_span(tapped)
    assert not a <= 150 / FRAME_RATE <= b

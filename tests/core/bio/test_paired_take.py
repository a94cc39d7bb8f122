"""Electrodes and camera on one clock."""

import numpy as np
import pytest
from innerface.core.bio.paired_take import pair_takes
from innerface.core.bio.simulation.effects import PRESETS
from innerface.core.bio.simulation.simulate import simulate
from innerface.core.errors import InnerfaceError
from innerface.core.face.face_model import load_bundled
from innerface.core.landmarks import points
from innerface.core.landmarks.camera import landmarks_from_weights
from innerface.core.performance.pose_sequence import pose_sequence
from innerface.core.take import Take, Track

TRACK = pose_sequence(60, 2)


def moved(track, by):
    return Track(track.kind, track.time + by, track.columns, track.values, track.meta)


@pytest.fixture(scope="module")
def electrodes():
    return simulate(TRACK, PRESETS["studio"], 2)


def test_takes_on_one_clock_stay_as_they_are(electrodes):
    both = pair_takes(electrodes, Take("cam", {"w": TRACK}), load_bundled())
    landmarks = both.points
    assert both.signal.simulated and both.notes == []
    np.testing.assert_array_equal(both.weights.values, TRACK.values)
    np.testing.assert_array_equal(landmarks.time, TRACK.time)


def test_another_clock_is_aligned_on_request(electrodes):
    both = pair_takes(electrodes, Take("cam", {"w": moved(TRACK, 3000.0)}), load_bundled(), find_offset=True)
    landmarks, notes = both.points, both.notes
    np.testing.assert_array_equal(both.weights.time, landmarks.time)
    assert abs(landmarks.time[0] - TRACK.time[0]) < 0.06
    assert any("the camera's clock is offset by +" in n for n in notes)


def test_clocks_that_do_not_overlap_give_a_note_or_an_error(electrodes):
    signal = electrodes.tracks["biosignal"]
    selected = signal.time >= 0
    cut = Take(
        "cut",
        {"biosignal": Track("biosignal", signal.time[selected], signal.columns, signal.values[selected], signal.meta)},
    )
    both = pair_takes(cut, Take("cam", {"w": moved(TRACK, 40_000.0)}), load_bundled())
    landmarks, notes = both.points, both.notes
    assert any("begin together" in n for n in notes) and landmarks.time[0] == pytest.approx(signal.time[selected][0])
    short = Track(TRACK.kind, TRACK.time[:300] + 40_000, TRACK.columns, TRACK.values[:300])
    with pytest.raises(InnerfaceError, match="--align"):
        pair_takes(cut, Take("cam", {"w": short}), load_bundled())


def test_landmarks_without_pupils_are_used_with_a_note(electrodes):
    landmarks = landmarks_from_weights(TRACK, load_bundled())
    values = landmarks.values.copy()
    values[:, 2 * points.IBUG_COUNT :] = np.nan
    both = pair_takes(
        electrodes,
        Take("l", {"landmarks": Track(landmarks.kind, landmarks.time, landmarks.columns, values, landmarks.meta)}),
        load_bundled(),
    )
    assert both.weights is None and np.isfinite(both.points.values).all() and any("no pupils" in n for n in both.notes)


def test_one_electrode_gives_a_note(electrodes):
    signal = electrodes.tracks["biosignal"]
    one = Take(
        "one", {"biosignal": Track("biosignal", signal.time, signal.columns[:1], signal.values[:, :1], signal.meta)}
    )
    both = pair_takes(one, Take("cam", {"w": TRACK}), load_bundled())
    assert any("only one electrode (lower)" in n for n in both.notes)

"""Electrodes and camera on one clock."""

import numpy as np
import pytest
from innerface.core.bio.paired_take import pair_takes
from innerface.core.bio.simulation.simulate import PRESETS, simulate
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
def worn():
    return simulate(TRACK, PRESETS["studio"], 2)


def test_one_clock_is_taken_as_it_is(worn):
    both = pair_takes(worn, Take("cam", {"w": TRACK}), load_bundled())
    marks = both.points
    assert both.signal.simulated and both.notes == []
    np.testing.assert_array_equal(both.weights.values, TRACK.values)
    np.testing.assert_array_equal(marks.time, TRACK.time)


def test_another_clock_is_found_where_that_is_asked(worn):
    both = pair_takes(worn, Take("cam", {"w": moved(TRACK, 3000.0)}), load_bundled(), find_offset=True)
    marks, notes = both.points, both.notes
    np.testing.assert_array_equal(both.weights.time, marks.time)
    assert abs(marks.time[0] - TRACK.time[0]) < 0.06
    assert any("the camera's clock is +" in n for n in notes)


def test_clocks_with_nothing_in_common_are_told_or_refused(worn):
    signal = worn.tracks["biosignal"]
    own = signal.time >= 0
    cut = Take(
        "cut", {"biosignal": Track("biosignal", signal.time[own], signal.columns, signal.values[own], signal.meta)}
    )
    both = pair_takes(cut, Take("cam", {"w": moved(TRACK, 40_000.0)}), load_bundled())
    marks, notes = both.points, both.notes
    assert any("begin together" in n for n in notes) and marks.time[0] == pytest.approx(signal.time[own][0])
    short = Track(TRACK.kind, TRACK.time[:300] + 40_000, TRACK.columns, TRACK.values[:300])
    with pytest.raises(InnerfaceError, match="--align"):
        pair_takes(cut, Take("cam", {"w": short}), load_bundled())


def test_landmarks_without_pupils_still_teach_the_rest(worn):
    marks = landmarks_from_weights(TRACK, load_bundled())
    values = marks.values.copy()
    values[:, 2 * points.IBUG_COUNT :] = np.nan
    both = pair_takes(
        worn, Take("l", {"landmarks": Track(marks.kind, marks.time, marks.columns, values, marks.meta)}), load_bundled()
    )
    assert both.weights is None and np.isfinite(both.points.values).all() and any("no pupils" in n for n in both.notes)


def test_one_electrode_is_told(worn):
    signal = worn.tracks["biosignal"]
    one = Take(
        "one", {"biosignal": Track("biosignal", signal.time, signal.columns[:1], signal.values[:, :1], signal.meta)}
    )
    both = pair_takes(one, Take("cam", {"w": TRACK}), load_bundled())
    assert any("one electrode (lower) only" in n for n in both.notes)

"""What is told of a sender's faces: units, names, missing values, faces that never move."""

import math

import pytest
from innerface.core.face.channels import ARKIT
from innerface.server.face_watch import FaceWatch


def faces(watch, make, count, unknown=(), start=1.0):
    """Clean `count` faces, 50 a second; the last one."""
    face = {}
    for k in range(count):
        face = watch.clean(make(k), unknown, start + k * 0.02)
    return face


def moving(k, scale=1.0):
    return {c: scale * (0.3 + 0.2 * math.sin(0.1 * k + i)) for i, c in enumerate(ARKIT)}


def test_a_plain_face_passes_unchanged_and_untold():
    watch = FaceWatch()
    assert faces(watch, moving, 500) == moving(499) and watch.problem == "" and watch.take_notes() == []


def test_weights_in_percent_are_divided_and_told():
    watch = FaceWatch()
    face = faces(watch, lambda k: moving(k, 100), 100)
    assert face == pytest.approx(moving(99)) and watch.problem == ""
    (note,) = watch.take_notes()
    assert "percent" in note


def test_one_impossible_weight_is_left_out_and_named_rather_than_clipped_or_taken_for_percent():
    watch = FaceWatch()
    face = faces(watch, lambda k: moving(k) | {"jawOpen": 37.0}, 100)
    assert "jawOpen" not in face and face["mouthClose"] == moving(99)["mouthClose"]
    assert "jawOpen is 37" in watch.problem


def test_head_angles_in_degrees_become_radians_and_are_told():
    watch = FaceWatch()
    face = faces(watch, lambda k: moving(k) | {"headYaw": 20.0 + k % 2, "headPitch": 1.0}, 100)
    assert face["headYaw"] == pytest.approx(math.radians(21)) and face["headPitch"] == pytest.approx(math.radians(1))
    (note,) = watch.take_notes()
    assert "degrees" in note and watch.problem == ""


def test_a_phone_that_sends_fractions_where_percent_are_usual_moves_the_face():
    watch = FaceWatch(100.0)
    assert faces(watch, moving, 100) == pytest.approx(moving(99)) and "0 to 1" in watch.take_notes()[0]
    watch = FaceWatch(100.0)
    assert faces(watch, lambda k: dict.fromkeys(ARKIT, float(k % 2)), 100)["jawOpen"] == 0.01
    assert watch.take_notes() == []


def test_one_value_that_is_no_number_costs_its_channel_and_is_told_once():
    watch = FaceWatch()
    face = faces(watch, lambda k: moving(k) | {"rightEyeRoll": math.nan}, 100)
    assert face == moving(99) and watch.problem == ""
    (note,) = watch.take_notes()
    assert "rightEyeRoll" in note


def test_unknown_names_are_told_once_with_their_number():
    watch = FaceWatch()
    faces(watch, moving, 500, unknown=[f"Wink{k}" for k in range(30)])
    (note,) = watch.take_notes()
    assert "30 names" in note and "Wink0" in note and len(note) < 400 and watch.problem == ""


def test_names_that_are_all_unknown_are_a_problem_of_the_stream():
    watch = FaceWatch()
    faces(watch, lambda k: {}, 10, unknown=["Foo", "Bar"])
    assert "none of its 2 names (Foo, Bar)" in watch.problem


@pytest.mark.parametrize(("value", "words"), [(0.0, "all weights are 0"), (0.25, "no weight has changed")])
def test_a_face_that_never_moves_is_a_problem_until_it_moves(value, words):
    watch = FaceWatch()
    faces(watch, lambda k: dict.fromkeys(ARKIT, value), 240)
    assert watch.problem == ""
    faces(watch, lambda k: dict.fromkeys(ARKIT, value), 20, start=5.8)
    assert words in watch.problem
    faces(watch, moving, 1, start=7.0)
    assert watch.problem == ""


def test_a_face_that_is_not_tracked_for_a_moment_is_no_problem():
    watch = FaceWatch()
    faces(watch, lambda k: {}, 200)
    assert watch.problem == ""


def test_a_camera_that_sees_no_face_is_told_after_5_s_and_no_more_once_it_sees_one():
    watch = FaceWatch()
    faces(watch, moving, 100)
    faces(watch, lambda k: {}, 200, start=3.0)
    assert watch.problem == ""
    faces(watch, lambda k: {}, 100, start=7.0)
    assert "no face" in watch.problem
    faces(watch, moving, 2, start=9.0)
    assert watch.problem == ""

"""Faces in pictures."""

import numpy as np
import pytest
from innerface.camera.track_video import HASH_META, VIDEO_META, track_video
from innerface.camera.tracker import POINTS, MediaPipeTracker, head_angles, overlap
from innerface.camera.video import VideoFile
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT, HEAD_ANGLES
from innerface.core.landmarks.points import POINT_COUNT, points_of
from innerface.core.numerics import quaternion as quat
from innerface.core.take import TrackKind

from .conftest import write_video


@pytest.fixture(scope="module")
def tracked(face_model, clip):
    with MediaPipeTracker(face_model) as tracker:
        return [tracker.push(picture, k / 30) for k, picture in enumerate(clip[0])]


def test_each_of_the_53_points_has_a_point_of_its_own():
    assert len(POINTS) == POINT_COUNT == len(set(POINTS)) and max(POINTS) < 478


@pytest.mark.parametrize("angles", [(0.3, 0.0, 0.0), (0.0, -0.2, 0.0), (0.0, 0.0, 0.4), (0.5, 0.2, -0.3)])
def test_head_angles_are_those_of_the_matrix_whatever_its_scale(angles):
    matrix = np.eye(4)
    matrix[:3, :3] = 12.0 * quat.to_matrix(quat.from_euler_yxz(*angles))
    assert np.allclose(head_angles(matrix), angles)


def test_boxes_overlap_by_their_shared_area():
    a = np.array([0.0, 0.0, 2.0, 2.0])
    assert overlap(a, a) == 1.0 and overlap(a, a + 5) == 0.0 and overlap(a, a + [1, 0, 1, 0]) == pytest.approx(1 / 3)


def test_no_picture_of_a_real_face_is_lost(tracked, clip):
    height, width = clip[0][0].shape[:2]
    assert all(face is not None for face in tracked)
    for face in tracked:
        assert ((face.points >= 0) & (face.points <= [width, height])).all() and face.dense.shape == (478, 3)
        assert ((face.weights >= 0) & (face.weights <= 1)).all() and face.box[2] > face.box[0]


def test_points_lie_where_their_names_say(tracked):
    points = np.mean([face.points for face in tracked], axis=0)
    brows, nose, mouth = points[:10], points[10:19], points[31:51]
    assert brows[:, 1].mean() < nose[:, 1].mean() < mouth[:, 1].mean()  # y down
    assert points[0, 0] < points[9, 0] and points[31, 0] < points[37, 0]  # from the performer's right
    assert points[51, 0] > points[52, 0]  # the left pupil is on the right of the picture
    for pupil, (outer, inner) in ((52, (19, 22)), (51, (28, 25))):
        assert np.linalg.norm(points[pupil] - (points[outer] + points[inner]) / 2) < 0.3 * np.linalg.norm(
            points[outer] - points[inner]
        )


@pytest.mark.parametrize("name", ["d3", "d9"])
def test_yaw_and_pitch_have_the_signs_of_the_convention(data, face_model, name):
    """The nose goes to the performer's left with yaw, and down with pitch."""
    with MediaPipeTracker(face_model) as tracker:
        take = track_video(data / "video" / f"{name}.mp4", tracker)
    angles, points = take.weights().select(HEAD_ANGLES), points_of(take.tracks[TrackKind.LANDMARKS])
    nose = points[:, 13] - points[:, [19, 28]].mean(axis=1)
    assert np.corrcoef(angles[:, 0], nose[:, 0])[0, 1] > 0.8
    assert np.corrcoef(angles[:, 1], nose[:, 1])[0, 1] < -0.6
    assert np.degrees(np.abs(angles)).max() < 40.0


def test_a_take_has_the_videos_times_its_hash_and_lost_rows_where_no_face_is(face_model, clip, tmp_path):
    pictures = [p if not 20 <= k < 35 else np.zeros_like(p) for k, p in enumerate(clip[0])]
    path = write_video(tmp_path / "gap.mp4", pictures, np.arange(len(pictures)) / 30, sound=True)
    with MediaPipeTracker(face_model) as tracker:
        take = track_video(path, tracker)
    weights, landmarks = take.weights(), take.tracks[TrackKind.LANDMARKS]
    lost = np.isnan(weights.values).all(axis=1)
    assert np.allclose(weights.time, np.arange(len(pictures)) / 30, atol=0.002)
    assert lost[20:35].all() and not lost[:20].any() and not lost[40:].any()
    assert (np.isnan(landmarks.values).all(axis=1) == lost).all() and np.isfinite(weights.values[~lost]).all()
    assert weights.meta[VIDEO_META] == str(path.resolve()) and len(weights.meta[HASH_META]) == 64
    assert take.sound == path and any("no face is seen" in note for note in take.notes)


def test_two_passes_over_a_video_give_the_same(face_model, clip):
    def run():
        with MediaPipeTracker(face_model) as tracker:
            return track_video(clip[1], tracker).weights().values

    np.testing.assert_array_equal(run(), run())


def test_of_two_faces_the_larger_one_is_followed_and_the_other_one_on_request(face_model, clip, tmp_path):
    pairs = []
    for picture in clip[0][:20]:
        small = picture[::2, ::2]
        beside = np.zeros((picture.shape[0], picture.shape[1] + small.shape[1], 3), dtype=np.uint8)
        beside[:, : picture.shape[1]], beside[: small.shape[0], picture.shape[1] :] = picture, small
        pairs.append(beside)
    boxes = []
    for face in (0, 1):
        with MediaPipeTracker(face_model, face) as tracker:
            found = [tracker.push(p, k / 30) for k, p in enumerate(pairs)]
        boxes.append(np.array([f.box for f in found[3:] if f is not None]))
    split = clip[0][0].shape[1]
    assert len(boxes[0]) > 10 and (boxes[0][:, 2] < split).all()
    assert len(boxes[1]) > 10 and (boxes[1][:, 0] > split).all()


def test_a_video_without_a_face_is_refused_in_one_line(face_model, flat_video):
    path = flat_video(np.arange(10) / 30)
    with MediaPipeTracker(face_model) as tracker, pytest.raises(InnerfaceError, match="no face is seen") as told:
        track_video(path, tracker)
    assert str(path) in str(told.value) and "\n" not in str(told.value)


def test_channels_that_the_tracker_does_not_know_are_zero(tracked):
    weights = np.array([face.weights for face in tracked])
    assert weights[:, ARKIT.index("tongueOut")].max() == 0.0 and weights.max() > 0.3


def test_a_number_of_a_face_that_cannot_be_is_refused(face_model):
    with pytest.raises(InnerfaceError, match="--face 9"):
        MediaPipeTracker(face_model, 9)


def test_the_real_clip_has_its_frames(clip):
    assert len(list(VideoFile(clip[1]))) == len(clip[0]) >= 59

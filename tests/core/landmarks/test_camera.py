"""From channels to points, and from trackers' points to the common face space."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT
from innerface.core.face.face_model import load_bundled
from innerface.core.landmarks import camera, points, procrustes
from innerface.core.take import Track

MODEL = camera.point_model(load_bundled())


def weights(**values):
    out = np.zeros((1, len(ARKIT)))
    for name, value in values.items():
        out[0, ARKIT.index(name)] = value
    return out


def test_rest_lies_between_the_pupils_one_unit_apart():
    rest = MODEL.points(np.zeros((1, 52)))[0]
    np.testing.assert_allclose(rest[points.LEFT_PUPIL], [0.5, 0.0], atol=1e-9)
    np.testing.assert_allclose(rest[points.RIGHT_PUPIL], [-0.5, 0.0], atol=1e-9)
    assert (
        rest[points.group_indices(["mouth"]), 1].max()
        < rest[points.group_indices(["nose"]), 1].mean()
        < rest[points.group_indices(["brows"]), 1].min()
    )
    assert rest[0, 0] < 0 < rest[9, 0], "iBUG 17 is the performer's right"


def test_a_look_to_the_left_moves_only_the_pupils_to_the_left():
    look = weights(eyeLookOutLeft=1.0, eyeLookInRight=1.0)
    moved = MODEL.points(look)[0] - MODEL.rest
    assert (moved[[points.LEFT_PUPIL, points.RIGHT_PUPIL], 0] > 0.05).all()
    np.testing.assert_allclose(moved[10:19], 0, atol=1e-9)


def test_a_look_down_lowers_pupils_and_a_look_up_raises_them():
    down, up = (MODEL.points(weights(**{f"eyeLook{way}Left": 1.0}))[0, points.LEFT_PUPIL, 1] for way in ("Down", "Up"))
    assert down < -0.05 < 0.05 < up


def test_points_are_exact_on_the_mesh_as_seen_from_the_front():
    face = load_bundled()
    w = np.random.default_rng(0).uniform(0, 1, (3, 52))
    unit = np.linalg.norm(face.pupils[0] - face.pupils[1])
    mesh = face.neutral[face.landmarks] + np.tensordot(w, face.deltas[:, face.landmarks], axes=1)
    expected = (mesh - face.pupils.mean(axis=0))[..., :2] / unit
    np.testing.assert_allclose(MODEL.points(w)[:, :51], expected, atol=1e-12)


def test_rows_without_a_face_stay_without():
    values = np.zeros((3, 52))
    values[1] = np.nan
    track = camera.landmarks_from_weights(Track("weights", np.arange(3.0), ARKIT, values), load_bundled())
    assert list(track.lost_rows()) == [False, True, False]


def expressions(count=60):
    rng = np.random.default_rng(1)
    w = np.clip(rng.normal(0.1, 0.3, (count, 52)), 0, 1)
    w[: count // 2] = 0
    return MODEL.points(w)


@given(st.integers(0, 10_000))
def test_a_similarity_transform_of_every_image_leaves_the_common_space_unchanged(seed):
    rng = np.random.default_rng(seed)
    own = expressions()
    own[:, [11, 12, 19, 28]] = MODEL.rest[[11, 12, 19, 28]]
    angle, scale = rng.uniform(-0.4, 0.4, len(own)), rng.uniform(80, 120, len(own))
    turn = np.stack([np.stack([np.cos(angle), -np.sin(angle)], 1), np.stack([np.sin(angle), np.cos(angle)], 1)], 1)
    picture = np.einsum("tij,tpj->tpi", turn, own) * scale[:, None, None] + rng.uniform(-500, 500, (len(own), 1, 2))
    time = np.arange(len(own)) / 30
    still = own * 100.0
    a, b = (
        procrustes.to_face_space(
            Track(
                "landmarks",
                time,
                points.COLUMNS,
                p.reshape(len(p), -1),
                {"space": procrustes.IMAGE_SPACE, "interocular_mm": "60"},
            )
        )
        for p in (picture, still)
    )
    np.testing.assert_allclose(a.values, b.values, atol=1e-6)


def test_a_trackers_face_matches_the_camera_model():
    own = expressions(200)
    track = Track(
        "landmarks",
        np.arange(200) / 30,
        points.COLUMNS,
        (own * 150 + 400).reshape(200, -1),
        {"space": procrustes.IMAGE_SPACE},
    )
    done = points.points_of(procrustes.to_face_space(track))
    assert np.abs(done - own).mean() < 0.01


def test_points_without_pupils_are_placed_by_the_corners_of_the_eyes():
    own = expressions(100) * 90
    own[:, points.IBUG_COUNT :] = np.nan
    done = points.points_of(
        procrustes.to_face_space(
            Track(
                "landmarks",
                np.arange(100) / 30,
                points.COLUMNS,
                own.reshape(100, -1),
                {"space": procrustes.IMAGE_SPACE},
            )
        )
    )
    assert np.isnan(done[:, points.IBUG_COUNT :]).all()
    assert abs(np.nanmedian(done[:, 25, 0] + done[:, 28, 0]) / 2 - 0.5) < 1e-6


def test_a_track_in_the_common_space_is_left_as_it_is():
    track = points.landmark_track(np.arange(2.0), expressions(2))
    assert procrustes.to_face_space(track) is track


def test_landmarks_upside_down_or_mirrored_give_a_message():
    own = expressions()
    assert procrustes.check_faces(own) == ""
    assert "y axis" in procrustes.check_faces(own * [1, -1])
    assert "left and right" in procrustes.check_faces(own * [-1, 1])


def test_a_table_without_eyes_ends_in_one_line():
    empty = np.full((4, 106), np.nan)
    empty[:, :8] = 1.0
    with pytest.raises(InnerfaceError, match="track the face again"):
        procrustes.to_face_space(
            Track("landmarks", np.arange(4.0), points.COLUMNS, empty, {"space": procrustes.IMAGE_SPACE})
        )


def test_a_tracker_without_pupils_gets_static_ones():
    own = expressions()
    own[:, points.IBUG_COUNT :] = np.nan
    own[7] = np.nan
    done = procrustes.fill_pupils(own)
    assert np.isfinite(np.delete(done, 7, axis=0)).all() and np.isnan(done[7]).all()
    np.testing.assert_allclose(
        np.delete(done, 7, axis=0)[:, points.LEFT_PUPIL],
        np.broadcast_to(MODEL.rest[points.LEFT_PUPIL], (59, 2)),
        atol=0.05,
    )
    whole = expressions()
    np.testing.assert_array_equal(procrustes.fill_pupils(whole), whole)


def test_points_that_are_no_face_give_a_message():
    own = expressions()
    assert "x and y are swapped" in procrustes.check_faces(own[..., ::-1])
    assert "rather than mm or pixels" in procrustes.check_faces(own * 60)
    with pytest.raises(InnerfaceError, match="do not have two eyes"):
        procrustes.check_faces(np.zeros_like(own))

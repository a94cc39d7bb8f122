"""ARKit channels from points."""

import numpy as np
from innerface.core.face.channels import ARKIT
from innerface.core.face.face_model import load_bundled
from innerface.core.landmarks import camera, channel_solver, points
from innerface.core.performance.pose_sequence import pose_sequence
from innerface.core.take import Track

MODEL = camera.point_model(load_bundled())


def test_a_performance_comes_back_from_its_points_far_better_than_a_face_that_never_moves():
    track = pose_sequence(30, 1)
    done = channel_solver.to_weights(camera.landmarks_from_weights(track, load_bundled()))
    seen = [
        k
        for k, c in enumerate(ARKIT)
        if c.startswith(("jawOpen", "mouthSmile", "browInner", "browOuter", "mouthFrown", "eyeBlink"))
    ]
    wrong = ((done.values - track.values)[:, seen] ** 2).mean()
    still = min((track.values[:, seen] ** 2).mean(), track.values[:, seen].var(axis=0).mean())
    assert wrong < 0.25 * still


def test_gaze_is_read_from_the_pupils():
    w = np.zeros((60, 52))
    w[20:40, [ARKIT.index("eyeLookOutLeft"), ARKIT.index("eyeLookInRight")]] = 0.5
    done = channel_solver.to_weights(
        camera.landmarks_from_weights(Track("weights", np.arange(60) / 30, ARKIT, w), load_bundled())
    ).values
    assert done[30, ARKIT.index("eyeLookOutLeft")] > 0.35
    assert done[30, ARKIT.index("eyeLookInLeft")] < 0.05


def test_weights_stay_within_0_and_1_whatever_the_points():
    wild = np.random.default_rng(0).normal(0, 1, (40, 53, 2))
    done = channel_solver.to_weights(points.landmark_track(np.arange(40) / 30, wild)).values
    assert done.min() >= 0 and done.max() <= 1


def test_live_is_the_recording_less_its_look_ahead():
    track = camera.landmarks_from_weights(pose_sequence(12, 2), load_bundled())
    p = points.points_of(track)
    rest = channel_solver.find_neutral_face(p)
    live, whole = channel_solver.ChannelSolver(MODEL, rest), channel_solver.ChannelSolver(MODEL, rest).process(p)
    own = np.array([live.push(row) for row in p])
    assert np.abs(own - whole).mean() < 0.02


def test_a_live_frame_satisfies_the_conditions_of_its_minimum():
    p = points.points_of(camera.landmarks_from_weights(pose_sequence(12, 3), load_bundled()))
    live = channel_solver.ChannelSolver(MODEL, channel_solver.find_neutral_face(p))
    before = live.push(p[100])
    w = live.push(p[101])
    slope = (
        (live.hessian + channel_solver._SMOOTHNESS_WEIGHT * np.eye(52)) @ w
        - live._project(p[101:102])[0]
        - channel_solver._SMOOTHNESS_WEIGHT * before
    )
    scale = np.abs(live._project(p)).max()
    assert np.abs(slope[(w > 1e-6) & (w < 1 - 1e-6)]).max(initial=0) < 2e-3 * scale
    assert slope[w <= 1e-6].min(initial=0) > -2e-3 * scale


def test_missing_points_are_ignored():
    track = camera.landmarks_from_weights(pose_sequence(12, 4), load_bundled())
    values = track.values.copy()
    values[:, 2 * points.IBUG_COUNT :] = np.nan
    done = channel_solver.to_weights(Track("landmarks", track.time, points.COLUMNS, values, track.meta))
    assert np.isfinite(done.values).all()

"""A face's model is loaded again, and takes with landmarks only are fitted with it."""

import numpy as np
import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT
from innerface.core.flame import flame_track, stand_in
from innerface.core.flame.source import STAND_IN, FlameSource, drop_redundant_landmarks, fit_take, pad_shape
from innerface.core.landmarks.points import landmark_track
from innerface.core.take import Take, Track


@pytest.fixture
def landmarks(take):
    return landmark_track(np.arange(60) / 60, take.points[:60])


def test_the_model_comes_back_with_the_expressions_that_are_used(model, tmp_path):
    stand_in.write_model(tmp_path / "m.npz", model)
    for source in (FlameSource(STAND_IN, expressions=20), FlameSource(str(tmp_path / "m.npz"), expressions=20)):
        found = source.load()
        np.testing.assert_array_equal(found.expression_dirs, model.expression_dirs[:, :, :20])
        assert source.load_embedding(found).faces.shape == (53,)
    with pytest.raises(InnerfaceError, match=r"gone\.pkl"):
        FlameSource(str(tmp_path / "gone.pkl")).load()


def test_short_identities_are_padded_and_long_ones_are_errors(model):
    assert pad_shape(np.ones(100), model, "t").sum() == 100 and len(pad_shape(np.ones(100), model, "t")) == 300
    with pytest.raises(InnerfaceError, match=r"t: the identity has 400 numbers, but stand-in has 300"):
        pad_shape(np.ones(400), model, "t")


def test_landmarks_become_a_flame_track_beside_the_other_tracks(landmarks, take):
    weights = Track("weights", landmarks.time, ARKIT, np.zeros((60, 52)))
    whole = Take("t", {"weights": weights, "landmarks": landmarks})
    done = fit_take(
        drop_redundant_landmarks(Take("t", {"landmarks": landmarks}), whole),
        FlameSource(STAND_IN, shape=tuple(take.shape.tolist())),
    )
    said = flame_track.arrays_of(flame_track.require_flame(done))
    assert (
        np.abs(said["jaw"][:, 0] - take.jaw[:60, 0]).mean() < 0.02
        and (said["shape"] == take.shape).all()
        and done.weights() is weights
    )


@pytest.mark.parametrize("kind", ["weights", "imu"])
def test_weights_of_a_camera_or_imus_drive_the_face_by_channels(landmarks, kind):
    told = Track(kind, landmarks.time, ARKIT, np.zeros((60, 52)))
    whole = Take("t", {"weights": Track("weights", landmarks.time, ARKIT, np.zeros((60, 52))), "landmarks": landmarks})
    done = fit_take(
        drop_redundant_landmarks(Take("t", {kind: told, "landmarks": landmarks}), whole), FlameSource(STAND_IN)
    )
    assert set(done.tracks) == {"weights"}

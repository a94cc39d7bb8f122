"""The 53 points on a model: from files, or by geometry on faces of other proportions and axes."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.face.head import load
from innerface.core.flame import embedding as em
from innerface.core.flame import stand_in
from innerface.core.landmarks.points import POINT_GROUPS


def test_points_found_by_geometry_match_the_heads_landmarks(model, points53):
    """The stand-in is the bundled head, whose landmarks are known; the finder does not know that."""
    head = load()
    away = np.linalg.norm(points53.points(model, model.template)[:51] - head.vertices[head.landmarks], axis=1)
    assert away.max() < 0.003 and away.mean() < 0.001
    assert "geometry" in points53.notes[0]


@pytest.mark.parametrize("seed", range(4))
def test_other_proportions_are_found_as_well(model, points53, seed):
    rng = np.random.default_rng(seed)
    stretch = np.diag(rng.uniform(0.85, 1.15, 3)) * rng.uniform(0.8, 1.3)
    other = replace(model, template=model.template @ stretch + (0.01, 0.05, -0.04))
    away = np.linalg.norm(
        em.load_embedding(other).points(other, other.template) - points53.points(other, other.template), axis=1
    )
    assert away.max() < 0.004


def test_the_points_are_the_same_on_both_sides(model, points53):
    points = points53.points(model, model.template)
    np.testing.assert_allclose(points[em.MIRRORED_POINTS] * (-1, 1, 1), points, atol=5e-4)
    assert (em.MIRRORED_POINTS[em.MIRRORED_POINTS] == np.arange(53)).all()


def test_the_order_is_ibugs_and_the_left_pupil_comes_first(model, points53):
    x, y, z = points53.points(model, model.template).T
    assert (np.diff(x[:10]) > 0).all() and x[51] > 0 > x[52] and x[19] < x[25] and x[31] < x[37]
    assert y[list(POINT_GROUPS["brows"])].min() > y[list(POINT_GROUPS["lids"])].mean() > y[13] > y[34] > y[40]
    assert z[13] == z.max()


def test_lips_move_with_their_half(model, points53):
    jaw = (model.skin_weights[model.faces[points53.faces], 2] * points53.bary).sum(axis=1)
    assert jaw[list(em._UPPER_LIP)].max() < 0.3 and jaw[list(em._LOWER_LIP)].min() > 0.7


def files(points53):
    faces, bary = points53.faces[:51], points53.bary[:51]
    more = {
        "full_lmk_faces_idx": np.append(np.zeros(17, int), faces)[None],
        "full_lmk_bary_coords": np.concatenate([np.eye(3)[[0] * 17], bary])[None],
    }
    return {
        "flame_static_embedding.pkl": {"lmk_face_idx": faces.astype(np.uint32), "lmk_b_coords": bary},
        "landmark_embedding.npy": more,
        "landmark_embedding.npz": {"static_lmk_faces_idx": faces, "static_lmk_bary_coords": bary},
    }


def save(path, data):
    if path.suffix == ".pkl":
        path.write_bytes(pickle.dumps(data, protocol=2))
    elif path.suffix == ".npz":
        np.savez(path, **data)
    else:
        np.save(path, np.array(data, dtype=object), allow_pickle=True)


@pytest.mark.parametrize("name", ["flame_static_embedding.pkl", "landmark_embedding.npy", "landmark_embedding.npz"])
def test_a_file_named_or_beside_the_model_is_used(model, points53, tmp_path, name):
    save(tmp_path / name, files(points53)[name])
    for found in (
        em.load_embedding(model, tmp_path / name),
        em.load_embedding(replace(model, path=tmp_path / "flame.pkl")),
    ):
        np.testing.assert_array_equal(found.faces, points53.faces)
        np.testing.assert_array_equal(found.bary, points53.bary)
        assert name in found.notes[0]


@pytest.mark.parametrize(
    ("data", "word"),
    [
        ({"a": np.zeros(3)}, "none of"),
        ({"lmk_face_idx": np.zeros(5, int), "lmk_b_coords": np.zeros((5, 3))}, "not 51 or 68"),
        ({"lmk_face_idx": np.full(51, 10**7), "lmk_b_coords": np.eye(3)[[0] * 51]}, "does not fit the"),
        ({"lmk_face_idx": np.zeros(51, int), "lmk_b_coords": np.full((51, 3), np.nan)}, "does not fit the"),
        ({"lmk_face_idx": np.zeros(51, int), "lmk_b_coords": np.full((51, 3), 9.0)}, "does not fit the"),
    ],
)
def test_embeddings_that_do_not_fit_are_errors_in_one_line(model, tmp_path, data, word):
    for name in ("e.pkl", "e.npz"):
        save(tmp_path / name, data)
        with pytest.raises(InnerfaceError, match=word) as error:
            em.load_embedding(model, tmp_path / name)
        assert "\n" not in str(error.value) and name in str(error.value)


def test_an_embedding_that_counts_from_the_left_gives_a_note(model, points53, tmp_path):
    data = {
        "lmk_face_idx": points53.faces[:51][em.MIRRORED_POINTS[:51]],
        "lmk_b_coords": points53.bary[:51][em.MIRRORED_POINTS[:51]],
    }
    save(tmp_path / "e.pkl", data)
    assert any("left brow" in note for note in em.load_embedding(model, tmp_path / "e.pkl").notes)


def test_models_without_recognisable_features_are_errors(model):
    for changes, word in (
        ({"template": np.zeros_like(model.template)}, "one place"),
        ({"skin_weights": np.eye(5)[np.ones(len(model.template), int)]}, "weighted to the left eye"),
    ):
        with pytest.raises(InnerfaceError, match=word):
            em.load_embedding(replace(model, **changes))


def test_an_unusual_model_gives_a_note_and_is_used(model):
    for changes, word in (
        ({"template": model.template * (-1, 1, 1), "faces": model.faces[:, ::-1]}, r"+X"),
        ({"skin_weights": np.where(np.arange(5) == 2, 0, model.skin_weights)}, "no lips"),
    ):
        found = em.load_embedding(replace(model, **changes))
        assert any(word in note for note in found.notes)
        assert np.isfinite(found.bary).all() and found.faces.max() < len(model.faces)


def test_a_found_model_needs_no_file(tmp_path, model):
    stand_in.write_model(tmp_path / "m.npz", model)
    from innerface.core.flame.model import load as load_model

    assert "geometry" in em.load_embedding(load_model(tmp_path / "m.npz")).notes[0]

"""The generated model has FLAME's layout and a plausible face."""

import pickle

import numpy as np
import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.flame import model as flame
from innerface.core.flame import skinning, stand_in
from scipy import sparse


def test_it_is_laid_out_as_flame_is(model):
    V = len(model.template)
    assert (
        4000 < V < 6500
        and model.shape_dirs.shape == (V, 3, 300)
        and model.expression_dirs.shape == (V, 3, 100)
        and model.pose_dirs.shape == (V, 3, 36)
    )
    assert model.faces.max() == V - 1 and tuple(model.parents) == flame.PARENTS
    np.testing.assert_allclose(model.skin_weights.sum(axis=1), 1, atol=1e-12)
    left, right = model.joints()[[3, 4]]
    assert left[0] > 0.02 and np.allclose(left * (-1, 1, 1), right, atol=1e-4)


@pytest.mark.parametrize("name", ["m.pkl", "m.npz"])
def test_a_written_model_reads_back_the_same(tmp_path, model, name):
    stand_in.write_model(tmp_path / name, model)
    read = flame.load(tmp_path / name)
    for key in (
        "template",
        "shape_dirs",
        "expression_dirs",
        "pose_dirs",
        "joint_regressor",
        "skin_weights",
        "parents",
        "faces",
    ):
        np.testing.assert_array_equal(getattr(read, key), getattr(model, key), err_msg=key)
    assert len(read.sha) == 16 and read.path == tmp_path / name


def test_the_pickle_has_flames_keys(tmp_path, model):
    stand_in.write_model(tmp_path / "m.pkl", model)
    data = pickle.loads((tmp_path / "m.pkl").read_bytes(), encoding="latin1")
    assert sparse.issparse(data["J_regressor"]) and data["J_regressor"].shape == (5, len(model.template))
    assert (
        data["shapedirs"].shape[2] == 400 and data["kintree_table"][0, 0] == 2**32 - 1 and data["f"].dtype == np.uint32
    )


def test_another_suffix_is_an_error(tmp_path, model):
    with pytest.raises(InnerfaceError, match=r"\.pkl or \.npz"):
        stand_in.write_model(tmp_path / "m.obj", model)


def test_seeds_give_other_people_with_the_same_face_at_rest(model):
    other = stand_in.make_stand_in(3)
    np.testing.assert_array_equal(other.template, model.template)
    assert np.abs(other.shape_dirs - model.shape_dirs).max() > 1e-3


def test_identities_differ_by_millimetres_and_eyes_stay_round(model):
    sizes = np.sqrt((model.shape_dirs**2).mean(axis=(0, 1))) * 1000
    assert 2 < sizes[0] < 5 and (np.diff(sizes) <= 0).all()
    eye = model.skin_weights[:, 3] > 0.9
    assert np.ptp(model.shape_dirs[eye], axis=0).max() < 1e-12 and np.abs(model.expression_dirs[eye]).max() == 0


def test_expressions_fall_in_size_and_open_no_jaw(model):
    sizes = np.linalg.norm(model.expression_dirs.reshape(-1, 100), axis=0)
    assert (np.diff(sizes[:50]) <= 1e-12).all()
    square = model.expression_dirs.reshape(-1, 100)[:, :40]
    together = square.T @ square
    assert np.abs(together - np.diag(np.diag(together))).max() < 1e-9 * together.max()


def test_triangles_do_not_degenerate_in_a_performance(model):
    said = stand_in.make_performance(model, 30, 2)
    vertices = skinning.pose_vertices(
        model, said["shape"] * 0.5, expression=said["expression"], jaw=said["jaw"], eyes=said["eyes"], neck=said["neck"]
    )
    assert np.isfinite(vertices).all() and np.abs(vertices - model.template).max() < 0.06

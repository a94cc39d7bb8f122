"""Skinning equals that of FLAME's public layers, here a plain loop that shares no code with it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from innerface.core.flame import skinning, submodel
from scipy.spatial.transform import Rotation

angles = st.lists(st.floats(-3, 3), min_size=3, max_size=3).map(np.array)


@pytest.fixture(scope="module")
def slim(model):
    """Some vertices of the model, so that loops take no time."""
    keep = np.arange(0, len(model.template), 83)
    regressor = np.random.default_rng(0).dirichlet(np.ones(len(keep)), 5)
    return replace(
        model,
        template=model.template[keep],
        shape_dirs=model.shape_dirs[keep, :, :9],
        expression_dirs=model.expression_dirs[keep, :, :7],
        pose_dirs=model.pose_dirs[keep] * 30,
        joint_regressor=regressor,
        skin_weights=np.random.default_rng(1).dirichlet(np.ones(5), len(keep)),
    )


def plain(model, shape, expression, rotvecs):
    """One frame, vertex by vertex, in homogeneous matrices."""
    V = len(model.template)
    betas = np.concatenate([shape, expression])
    directions = np.concatenate([model.shape_dirs, model.expression_dirs], axis=2)
    shaped = [model.template[v] + directions[v] @ betas for v in range(V)]
    joints = [sum(model.joint_regressor[j, v] * shaped[v] for v in range(V)) for j in range(5)]
    turns = [Rotation.from_rotvec(r).as_matrix() for r in rotvecs]
    feature = np.concatenate([(turns[j] - np.eye(3)).ravel() for j in range(1, 5)])
    world = []
    for j in range(5):
        parent = model.parents[j]
        local = np.eye(4)
        local[:3, :3] = turns[j]
        local[:3, 3] = joints[j] - (joints[parent] if parent >= 0 else 0)
        world.append(local if parent < 0 else world[parent] @ local)
    for j in range(5):
        away = np.eye(4)
        away[:3, 3] = -joints[j]
        world[j] = world[j] @ away
    out = np.zeros((V, 3))
    for v in range(V):
        blended = sum(model.skin_weights[v, j] * world[j] for j in range(5))
        out[v] = (blended @ np.append(shaped[v] + model.pose_dirs[v] @ feature, 1.0))[:3]
    return out


def test_vertices_are_those_of_the_plain_loop(slim):
    rng = np.random.default_rng(2)
    T = 40  # more than one chunk
    shape, expression = rng.normal(size=9), rng.normal(size=(T, 7))
    turns = rng.normal(0, 0.5, (T, 5, 3))
    got = skinning.pose_vertices(
        slim,
        shape,
        expression=expression,
        jaw=turns[:, 2],
        eyes=turns[:, 3:].reshape(T, 6),
        neck=turns[:, 1],
        root=turns[:, 0],
    )
    for t in (0, 17, 39):
        np.testing.assert_allclose(got[t], plain(slim, shape, expression[t], turns[t]), atol=1e-12)


def test_a_resting_face_is_the_template(model):
    zero = {name: np.zeros((1, n)) for name, n in (("expression", 100), ("jaw", 3), ("eyes", 6), ("neck", 3))}
    np.testing.assert_allclose(skinning.pose_vertices(model, np.zeros(300), **zero)[0], model.template, atol=1e-15)


def test_the_jaw_opens_downward_and_eyes_turn_to_the_left(model, points53):
    zero = [np.zeros((1, n)) for n in (100, 3, 6, 3)]
    rest = points53.points(model, model.template)
    opened = points53.points(
        model,
        skinning.pose_vertices(
            model,
            np.zeros(300),
            expression=zero[0],
            jaw=np.array([[0.3, 0, 0]]),
            eyes=np.array([[0, 0.3, 0, 0, 0.3, 0.0]]),
            neck=zero[3],
        )[0],
    )
    lower, upper = (opened - rest)[[39, 40, 49]], (opened - rest)[[34, 45]]
    assert (lower[:, 1] < -0.02).all() and np.abs(upper).max() < 0.003
    assert ((opened - rest)[51:, 0] > 0.002).all()


@given(angles)
def test_rotations_are_scipys(v):
    np.testing.assert_allclose(skinning.rotations(v), Rotation.from_rotvec(v).as_matrix(), atol=1e-12)


@given(angles, st.sampled_from([1.0, 0.05, 1e-3, 1e-9, 0.0]))
def test_derivatives_are_gallego_and_yezzis_and_hold_at_zero(v, size):
    v = v * size
    turn, got = skinning.rotations_and_derivatives(v)
    np.testing.assert_allclose(turn, Rotation.from_rotvec(v).as_matrix(), atol=1e-12)
    cross = skinning._cross_matrices
    square = v @ v
    for k, e in enumerate(np.eye(3)):
        if square > 1e-8:
            wanted = (v[k] * cross(v) + cross(np.cross(v, (np.eye(3) - turn) @ e))) / square @ turn
            np.testing.assert_allclose(got[k], wanted, atol=1e-7)
        else:
            np.testing.assert_allclose(got[k], cross(e), atol=1e-3)


def test_the_submodel_gives_the_same_points_as_the_whole_model(model, points53, take):
    vertices = skinning.pose_vertices(
        model,
        take.shape,
        expression=take.expression[:9],
        jaw=take.jaw[:9],
        eyes=take.eyes[:9],
        neck=take.neck[:9] + 0.1,
    )
    there = points53.points(model, vertices)[..., :2]
    still = {name: np.zeros((1, n)) for name, n in (("expression", 100), ("jaw", 3), ("eyes", 6), ("neck", 3))}
    rest = points53.points(model, skinning.pose_vertices(model, take.shape, **still)[0])[51:, :2]
    wanted = (there - rest.mean(axis=0)) / np.linalg.norm(rest[0] - rest[1])
    face = submodel.build_submodel(model, points53).for_identity(take.shape)
    x = submodel.pack_parameters(take.expression[:9], jaw=take.jaw[:9], eyes=take.eyes[:9], neck=take.neck[:9] + 0.1)
    np.testing.assert_allclose(face.points(x), wanted, atol=1e-12)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.05, 0.4]))
def test_the_points_jacobian_is_that_of_differences(model, points53, seed, size):
    rng = np.random.default_rng(seed)
    strong = replace(model, pose_dirs=model.pose_dirs * 20)  # so that correctives count
    face = submodel.build_submodel(strong, points53).for_identity(rng.normal(size=300), rng.normal(0, 0.2, (300, 4)))
    x = rng.normal(0, 1, (2, face.parameter_count))
    x[:, 100:112] *= size
    got = face.evaluate(x)[1]
    step = 1e-6 * np.eye(face.parameter_count)
    wanted = np.stack([(face.evaluate(x + d, False)[0] - face.evaluate(x - d, False)[0]) / 2e-6 for d in step], axis=2)
    np.testing.assert_allclose(got, wanted, atol=1e-7)

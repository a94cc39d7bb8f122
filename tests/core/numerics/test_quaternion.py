import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from innerface.core.numerics import quaternion as quat
from scipy.spatial.transform import Rotation

seeds = st.integers(0, 2**32 - 1)


def some(seed, *shape):
    q = np.random.default_rng(seed).normal(size=(*shape, 4))
    return q / np.linalg.norm(q, axis=-1, keepdims=True)


def theirs(q):
    return Rotation.from_quat(q[..., [1, 2, 3, 0]].reshape(-1, 4))


def same(a, b):
    return np.allclose(np.abs((a * b).sum(-1)), 1, atol=1e-9)


@given(seeds)
def test_products_turned_vectors_and_matrices_are_those_of_scipy(seed):
    a, b, v = some(seed, 5), some(seed + 1, 5), np.random.default_rng(seed).normal(size=(5, 3))
    assert same(quat.multiply(a, b), (theirs(a) * theirs(b)).as_quat()[:, [3, 0, 1, 2]])
    assert np.allclose(quat.rotate(a, v), theirs(a).apply(v))
    assert np.allclose(quat.to_matrix(a), theirs(a).as_matrix())
    assert same(quat.from_matrix(quat.to_matrix(a)), a)
    assert np.allclose(quat.to_rotvec(a), theirs(a).as_rotvec())
    assert same(quat.from_rotvec(quat.to_rotvec(a)), a)


def test_half_turns_and_identities_survive_the_matrix():
    """eq 7 as printed gives w = 1.245 at the identity and no vector part below 63 degrees."""
    q = np.concatenate([np.eye(4), some(1, 50), quat.about_axis(0, np.linspace(-3.1, 3.1, 40))])
    back = quat.from_matrix(quat.to_matrix(q))
    assert np.allclose(np.linalg.norm(back, axis=-1), 1) and (back[:, 0] >= 0).all() and same(back, q)


@given(st.floats(-3, 3), st.floats(-1.4, 1.4), st.floats(-3, 3))
def test_head_angles_come_back_as_they_went_in(yaw, pitch, roll):
    q = quat.from_euler_yxz(np.array(yaw), np.array(pitch), np.array(roll))
    assert np.allclose(quat.to_euler_yxz(q), [yaw, pitch, roll], atol=1e-7)
    assert same(q, Rotation.from_euler("YXZ", [yaw, pitch, roll]).as_quat()[[3, 0, 1, 2]])


@given(seeds)
def test_the_mean_rotation_is_scipys_and_leaves_missing_samples_out(seed):
    q = quat.multiply(some(seed), quat.from_rotvec(0.2 * np.random.default_rng(seed).normal(size=(9, 3))))
    q[::2] *= -1
    assert same(quat.mean(q), theirs(q).mean().as_quat()[[3, 0, 1, 2]])
    holed = np.concatenate([q, np.full((3, 4), np.nan)])
    assert same(quat.mean(holed), quat.mean(q))
    assert np.isnan(quat.mean(np.full((3, 4), np.nan))).all()

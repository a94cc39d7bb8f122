"""Ridge regression and the choice of its penalty."""

import numpy as np
import pytest
from innerface.core.numerics import ridge


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(2.0, [1.0, 5.0, 0.2], (400, 3))
    return x, x @ rng.normal(size=(3, 2)) + [1.0, -3.0] + rng.normal(0, 0.1, (400, 2))


def test_without_a_penalty_it_is_least_squares(data):
    x, y = data
    expected = np.linalg.lstsq(np.column_stack([x, np.ones(len(x))]), y, rcond=None)[0]
    for coefficients in (ridge.fit(x, y, 0.0), ridge.fit(x, y, 0.0, spread_floor=0.02)):
        np.testing.assert_allclose(coefficients, expected, atol=1e-9)
    np.testing.assert_allclose(ridge.predict(x, expected), x @ expected[:-1] + expected[-1])


def test_a_large_penalty_leaves_the_mean(data):
    x, y = data
    coefficients = ridge.fit(x, y, 1e12)
    np.testing.assert_allclose(ridge.predict(x, coefficients), np.broadcast_to(y.mean(axis=0), y.shape), atol=1e-6)


def test_weighting_a_row_by_two_is_repeating_it(data):
    x, y = data
    weights = np.where(np.arange(len(x)) < 100, 2.0, 1.0)
    repeated = np.concatenate([np.arange(len(x)), np.arange(100)])
    for floor in (None, 0.02):
        np.testing.assert_allclose(
            ridge.fit(x, y, 0.1, weights=weights, spread_floor=floor),
            ridge.fit(x[repeated], y[repeated], 0.1, spread_floor=floor),
        )


def test_each_coefficient_may_have_a_penalty_of_its_own(data):
    x, y = data
    gram, moment = x.T @ x, x.T @ y
    coefficients = ridge.solve(gram, moment, np.array([0.0, 1e12, 0.0]))
    assert np.abs(coefficients[1]).max() < 1e-6 < np.abs(coefficients[0]).max()


def test_cross_validation_finds_the_error_of_fits_without_the_fold(data):
    x, y = data
    penalties, weights = np.array([1e-6, 0.1, 10.0]), np.random.default_rng(1).uniform(0.5, 1.0, len(x))
    folds = [np.arange(k, len(x), 4) for k in range(4)]
    best = ridge.cross_validate(x, y, penalties=penalties, folds=folds, weights=weights, spread_floor=0.02)
    z = (x - x.mean(axis=0)) / (x.std(axis=0) + 0.02)
    errors = np.zeros((3, 2))
    for fold in folds:
        rest = np.setdiff1d(np.arange(len(x)), fold)
        for k, penalty in enumerate(penalties):
            predicted = ridge.predict(z[fold], ridge.fit(z[rest], y[rest], penalty, weights=weights[rest]))
            errors[k] += (weights[fold][:, None] * (predicted - y[fold]) ** 2).sum(axis=0) / weights.sum()
    np.testing.assert_allclose(best.error, errors.min(axis=0))
    np.testing.assert_array_equal(best.penalty, penalties[errors.argmin(axis=0)])


def test_one_fold_alone_says_nothing(data):
    x, y = data
    folds = [np.arange(10), np.zeros(0, dtype=int)]
    best = ridge.cross_validate(x, y, penalties=np.array([0.1]), folds=folds, weights=np.ones(len(x)), spread_floor=0.0)
    assert np.isinf(best.error).all()

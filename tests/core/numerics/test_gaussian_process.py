"""Gaussian process regression over time."""

import numpy as np
import pytest
from innerface.core.numerics import gaussian_process


def test_it_passes_through_exact_measurements_and_returns_to_zero_far_away():
    time, values = np.array([0.0, 0.5, 2.0]), np.array([[1.0], [-1.0], [0.3]])
    predicted = gaussian_process.predict(time, values, np.append(time, 100.0), scale=0.4, noise=0.0)
    np.testing.assert_allclose(predicted[:3], values, atol=1e-12)
    assert abs(predicted[3, 0]) < 1e-12


def test_measurements_with_more_noise_pull_less():
    time, values = np.array([-1e-9, 1e-9]), np.array([1.0, -1.0])
    predicted = gaussian_process.predict(time, values, np.zeros(1), scale=1.0, noise=np.array([0.1, 10.0]))
    assert predicted[0] > 0.8


def test_the_kernel_is_one_at_no_distance_and_falls_with_it():
    kernel = gaussian_process.matern32(np.zeros(1), np.array([0.0, 0.1, 1.0, 10.0]), 1.0)[0]
    assert kernel[0] == 1.0 and (np.diff(kernel) < 0).all()
    assert kernel[2] == pytest.approx((1 + np.sqrt(3)) * np.exp(-np.sqrt(3)))

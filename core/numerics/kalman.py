"""Kalman filters of values and their rates (constant velocity), causal, and smoothed over a whole recording.

Values are independent of one another, so every covariance is 2 x 2 and everything is an array over values. The smoother
is that of Rauch, Tung and Striebel (1965).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

import numpy as np

from ..arrays import Array

_MIN_DETERMINANT = 1e-30  # of a covariance, below which a rate is known for certain
_UNKNOWN_VALUE_VARIANCE = 1e6  # in units of the measurements' variance
_UNKNOWN_RATE_VARIANCE = 1e3  # the same, per s^2
_MIN_STEP_S = 1e-4


@dataclass(frozen=True)
class Covariance:
    """Covariances of value and rate: arrays of the shape of the values."""

    value: Array
    cross: Array
    rate: Array


@dataclass(frozen=True)
class KalmanFilter:
    """The state of a filter at one moment. All arrays have the shape of the values (...).

    Attributes
    ----------
    value, rate : the estimate, and its change per s
    covariance : of the estimate
    value_noise : variance per s that the value gains (random walk)
    rate_noise : variance per s that the rate gains (white acceleration), one number or one per value
    """

    value: Array
    rate: Array
    covariance: Covariance
    value_noise: float = 0.0
    rate_noise: Array | float = 0.0

    def predict(self, dt: float) -> Self:
        """The state `dt` s later."""
        p, q = self.covariance, self.rate_noise
        covariance = Covariance(
            p.value + 2 * dt * p.cross + dt * dt * p.rate + self.value_noise * dt + q * dt**3 / 3,
            p.cross + dt * p.rate + q * dt * dt / 2,
            p.rate + q * dt,
        )
        return replace(self, value=self.value + dt * self.rate, covariance=covariance)

    def update(self, measured: Array, variance: Array | float) -> Self:
        """The state after a measurement of the value; an infinite variance changes nothing."""
        p = self.covariance
        informative = np.isfinite(variance)
        value_gain = np.where(informative, p.value / (p.value + variance), 0.0)
        rate_gain = np.where(informative, p.cross / (p.value + variance), 0.0)
        innovation = np.where(informative, measured - self.value, 0.0)
        covariance = Covariance(
            p.value - value_gain * p.value, p.cross - value_gain * p.cross, p.rate - rate_gain * p.cross
        )
        value, rate = self.value + value_gain * innovation, self.rate + rate_gain * innovation
        return replace(self, value=value, rate=rate, covariance=covariance)


def rts_smooth(predicted: Sequence[KalmanFilter], updated: Sequence[KalmanFilter], steps: Sequence[float]) -> Array:
    """Smoothed values (N, ...) of N moments, given all measurements (Rauch-Tung-Striebel).

    Parameters
    ----------
    predicted : the N - 1 states before the measurements of all moments but the first
    updated : the N states after the measurements
    steps : the N - 1 times between moments, s
    """
    value, rate = updated[-1].value, updated[-1].rate
    smoothed = [value]
    for here, later, dt in zip(updated[-2::-1], predicted[::-1], steps[::-1]):
        p, q = here.covariance, later.covariance
        # P F^T = [[a, b], [c, p.rate]]; the smoother's gain is P F^T Q^-1
        a, b, c = p.value + dt * p.cross, p.cross, p.cross + dt * p.rate
        determinant = q.value * q.rate - q.cross * q.cross
        determinant = np.where(np.abs(determinant) > _MIN_DETERMINANT, determinant, 1.0)
        value_error, rate_error = value - later.value, rate - later.rate
        by_value = (q.rate * value_error - q.cross * rate_error) / determinant
        by_rate = (q.value * rate_error - q.cross * value_error) / determinant
        value = here.value + a * by_value + b * by_rate
        rate = here.rate + c * by_value + p.rate * by_rate
        smoothed.append(value)
    return np.stack(smoothed[::-1])


class PointFilter:
    """Constant-velocity filter of D coordinates that are measured at any times, with NaN where they are not.

    Only the ratio of the acceleration's noise to the measurements' matters: `tightness` (D,), 1/s^3. The larger, the
    closer the filter follows.
    """

    def __init__(self, tightness: Array) -> None:
        self.tightness = np.asarray(tightness, dtype=np.float64)
        self.time = 0.0
        self.state: KalmanFilter | None = None

    def push(self, time: float, measured: Array) -> Array:
        """Coordinates (D,) after a measurement (D,) at `time`, s."""
        if self.state is None:
            self.state = _first_state(measured, self.tightness)
        else:
            self.state = _update_known(self.state.predict(_step_s(self.time, time)), measured)
        self.time = time
        return self.state.value.copy()


def filter_points(time: Array, measured: Array, tightness: Array) -> Array:
    """Filter a recording (T, D) causally, exactly as `PointFilter` does live."""
    point_filter = PointFilter(tightness)
    return np.array([point_filter.push(float(t), row) for t, row in zip(time, measured)]).reshape(measured.shape)


def smooth_points(time: Array, measured: Array, tightness: Array) -> Array:
    """Smooth a recording (T, D), given all measurements before and after."""
    if len(time) < 2:
        return np.array(measured)
    steps = [_step_s(a, b) for a, b in pairwise(time)]
    updated = [_first_state(measured[0], np.asarray(tightness, dtype=np.float64))]
    predicted: list[KalmanFilter] = []
    for dt, row in zip(steps, measured[1:]):
        predicted.append(updated[-1].predict(dt))
        updated.append(_update_known(predicted[-1], row))
    return rts_smooth(predicted, updated, steps)


def tightness_for(time_constant_s: float) -> float:
    """The tightness, 1/s^3, with which the filter follows a step within about this time, at 60 Hz."""
    return 1.0 / time_constant_s**4 * (1 / 60.0)


def _first_state(measured: Array, tightness: Array) -> KalmanFilter:
    """The state after the first measurement (D,), with variances in units of the measurements'."""
    known = np.isfinite(measured)
    variance = np.where(known, 1.0, _UNKNOWN_VALUE_VARIANCE)
    covariance = Covariance(variance, np.zeros_like(variance), np.full_like(variance, _UNKNOWN_RATE_VARIANCE))
    return KalmanFilter(np.where(known, measured, 0.0), np.zeros_like(variance), covariance, rate_noise=tightness)


def _update_known(state: KalmanFilter, measured: Array) -> KalmanFilter:
    """Update by those coordinates of a measurement that are not NaN."""
    return state.update(measured, np.where(np.isfinite(measured), 1.0, np.inf))


def _step_s(earlier: float, later: float) -> float:
    return max(float(later - earlier), _MIN_STEP_S)

"""Features of occlusions: what speaks against a camera at each moment, per channel group.

`detector.py` weighs them. Each is relative to the take itself, so that calm and lively performers, and any tracker, are
measured alike:

jitter
    Second differences beyond what motion of that speed explains.
stillness
    How little is left of the group's usual noise and motion. Channels at their limits (a closed eye) do not count.
mahalanobis
    Robust Mahalanobis distance of the group's channels from how they go together in this take.
misfit
    Residual of a robust ridge regression (with Nyström features) on the camera's other groups.
contradiction, motion_ratio, motion_correlation
    Against the helping take's channels: residual beyond what so strong an expression explains; how much less the camera
    moves; how well the motions correlate.
"""

# SciPy has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, uniform_filter1d

from ..arrays import Array
from ..face.channels import ARKIT, GROUPS
from ..numerics import ridge
from ..take import Track
from ..take.resample import fill_gaps, resample_linear

COLUMNS = {g: np.array([ARKIT.index(c) for c in channels]) for g, channels in GROUPS.items()}
FEATURES_ALONE = ("jitter", "stillness", "mahalanobis", "misfit")
FEATURES_HELPED = (*FEATURES_ALONE, "contradiction", "motion_ratio", "motion_correlation")
FEATURE_RATE = 30.0  # Hz; faster cameras are decimated
_WINDOW_S, _LONG_S = 0.25, 0.6
_MIN_CHANNEL_SD = 1e-3  # standard deviation of a channel that the tracker delivers
_LIMIT_MARGIN = 0.02  # a channel so near to the limits of its range cannot jitter
SPREAD_FLOOR = 0.02  # of a weight, added to its spread before it is standardised
_MAX_FIT_ROWS, _NYSTROEM_COUNT, _ITERATIONS, _PENALTY = 1600, 120, 3, 0.03
_ROTATION_SCALE = 2.0  # brings rotation vectors to the size of weights
_HOLD_S = 0.05  # a take's first and last values hold for so long outside of it
_MAX_RESIDUAL = 8.0  # in units of the usual residual


@dataclass(frozen=True)
class OcclusionFeatures:
    """Values (T, len(names)) of one group, finite, about 0 where nothing is wrong; 0 in rows without a face."""

    names: tuple[str, ...]
    values: Array


def with_nystroem_features(x: Array) -> Array:
    """Append Nyström features to x (T, D), with landmarks among its own rows: (T, D + up to 120)."""
    return np.concatenate([x, nystroem_features(x, np.arange(len(x)))], axis=1)


def helper_channels(weights: Track, rotation: Array | None, time: Array) -> Array:
    """Resample a helping take's channels to other times (N,).

    Parameters
    ----------
    weights : its track of weights, T rows
    rotation : rotation vectors (T, S, 3) of its S sensors, or None
    time : (N,) s, on its clock

    Returns
    -------
    (N, 52 + 3 S), NaN before its first row and after its last
    """
    columns = [np.nan_to_num(weights.select(ARKIT))]
    if rotation is not None:
        columns.append(np.nan_to_num(fill_gaps(weights.time, rotation.reshape(len(rotation), -1))) * _ROTATION_SCALE)
    out = resample_linear(weights.time, np.concatenate(columns, axis=1), time)
    out[(time < weights.time[0] - _HOLD_S) | (time > weights.time[-1] + _HOLD_S)] = np.nan
    return out


def nystroem_features(x: Array, candidates: Array, count: int = _NYSTROEM_COUNT, *, width: float = 1.5) -> Array:
    """Nyström approximation (T, up to `count`) of a Gaussian kernel on rows x (T, D).

    Landmarks are `count` of the rows `candidates` (N,), evenly spaced; `width` is the kernel's, in standard deviations
    of all columns together. See Williams and Seeger 2001.
    """
    candidates = np.asarray(candidates)
    if len(candidates) < 8 or not x.shape[1]:
        return np.zeros((len(x), 0))
    z = x / ((x[candidates].std(axis=0) + 0.05) * width * np.sqrt(x.shape[1]))
    centres = z[candidates[np.linspace(0, len(candidates) - 1, min(count, len(candidates))).astype(int)]]

    def kernel(a: Array) -> Array:
        squared_distance = (a * a).sum(1)[:, None] + (centres * centres).sum(1)[None] - 2 * (a @ centres.T)
        return np.exp(-0.5 * np.maximum(squared_distance, 0.0))

    eigenvalues, eigenvectors = np.linalg.eigh(kernel(centres))
    keep = eigenvalues > 1e-4
    return kernel(z) @ (eigenvectors[:, keep] / np.sqrt(eigenvalues[keep]))


def predict_robustly(x: Array, y: Array, doubt: Array) -> tuple[Array, Array]:
    """Predict y (T, C) from x (T, D) by iteratively reweighted ridge regression.

    Parameters
    ----------
    x, y : (T, D), (T, C)
    doubt : (T,), distances that reduce the first weights of rows

    Returns
    -------
    prediction : (T, C)
    deviation : (T,), root mean square residual in units of its usual size
    """
    rows = np.unique(np.linspace(0, len(x) - 1, min(_MAX_FIT_ROWS, len(x))).astype(int))
    weight = 1 / (1 + (doubt / 1.5) ** 2)
    deviation, prediction = doubt, y
    for _ in range(_ITERATIONS):
        c = ridge.fit(x[rows], y[rows], _PENALTY, weights=weight[rows], spread_floor=SPREAD_FLOOR)
        prediction = ridge.predict(x, c)
        residual = np.abs(y - prediction)
        trusted = weight > 0.3
        scale = 1.48 * np.median(residual[trusted] if trusted.sum() > 10 else residual, axis=0) + 0.01
        deviation = uniform_filter1d(np.sqrt((np.minimum(residual / scale, _MAX_RESIDUAL) ** 2).mean(axis=1)), 5)
        weight = 1 / (1 + (deviation / 2) ** 4)
    return prediction, deviation


def without_gaps(weights: Array, time: Array) -> Array:
    """Interpolate the gaps of weights (T, 52); channels without any value become 0."""
    return np.nan_to_num(fill_gaps(time, weights))


def _standardise(x: Array) -> Array:
    """Centre x (T,) on its median and scale it by the spread of its lower part, since damage is mostly above."""
    low, middle, high = np.percentile(x, (10, 50, 60))
    return (x - middle) / ((high - low) / 1.5 + 0.05)


def gather_features(weights: Array, rate: float, helper: Array | None = None) -> dict[str, OcclusionFeatures]:
    """Compute the features per group; groups in which nothing moves are left out.

    Parameters
    ----------
    weights : (T, 52) of the camera, without gaps
    rate : rows per second, about FEATURE_RATE
    helper : channels (T, D) of a helping take, if any
    """
    weights, window = np.asarray(weights, dtype=np.float64), max(int(_WINDOW_S * rate) | 1, 5)
    second_difference, speed = np.zeros_like(weights), np.zeros_like(weights)
    second_difference[1:-1] = weights[2:] - 2 * weights[1:-1] + weights[:-2]
    speed[1:-1] = (weights[2:] - weights[:-2]) / 2
    jitter_power = uniform_filter1d(second_difference**2, window, axis=0)
    speed_power = uniform_filter1d(speed**2, window, axis=0)
    by_group: dict[str, OcclusionFeatures] = {}
    for group, columns in COLUMNS.items():
        columns = columns[weights[:, columns].std(axis=0) > _MIN_CHANNEL_SD]
        if not len(columns):
            continue
        group_weights, e, v = weights[:, columns], jitter_power[:, columns], speed_power[:, columns]
        floor = np.percentile(e, 30, axis=0) + 1e-8
        jitter = (0.5 * np.log((e + floor) / (2 * floor + 0.25 * v))).mean(axis=1)
        low, high = group_weights.min(axis=0), group_weights.max(axis=0)
        free = (group_weights > low + _LIMIT_MARGIN) & (group_weights < high - _LIMIT_MARGIN)
        level = 0.5 * np.log((e + 1e-9) / floor)
        stillness = (level * free).sum(axis=1) / np.maximum(free.sum(axis=1), 1)
        mahalanobis = _mahalanobis(group_weights)
        others = np.setdiff1d(np.arange(weights.shape[1]), COLUMNS[group])
        misfit = predict_robustly(with_nystroem_features(weights[:, others]), group_weights, mahalanobis)[1]
        values = [
            jitter,
            _standardise(stillness) * (free.mean(axis=1) > 0.15),
            _standardise(np.log(mahalanobis + 0.05)),
            _standardise(np.log(misfit + 0.05)),
        ]
        if helper is not None:
            values += _helper_features(helper, group_weights, mahalanobis, rate=rate)
        names = FEATURES_ALONE if helper is None else FEATURES_HELPED
        by_group[group] = OcclusionFeatures(names, np.stack(values, axis=1))
    return by_group


def _mahalanobis(group_weights: Array) -> Array:
    """Mahalanobis distance (T,) of rows (T, C), per channel, with a robust covariance."""
    weight = np.ones(len(group_weights))
    distance = weight
    for _ in range(4):
        share = weight / weight.sum()
        a = group_weights - share @ group_weights
        covariance = (a * share[:, None]).T @ a + 2e-5 * np.eye(group_weights.shape[1])
        distance = np.sqrt(np.einsum("ij,ij->i", a @ np.linalg.inv(covariance), a) / group_weights.shape[1])
        weight = 1 / (1 + (distance / 1.5) ** 2)
    return distance


def _helper_features(helper: Array, group_weights: Array, doubt: Array, *, rate: float) -> list[Array]:
    """Contradiction, motion ratio, motion correlation of a group's channels (T, C) with a helping take's prediction."""
    prediction, deviation = predict_robustly(with_nystroem_features(helper), group_weights, doubt)
    scale = group_weights.std(axis=0) + 0.02

    def motion(x: Array) -> Array:
        return (x - gaussian_filter1d(x, _LONG_S * rate, axis=0)) / scale

    camera, sensors = motion(group_weights), motion(prediction)
    width = 2 * int(_LONG_S * rate / 2) + 1
    camera_power, sensor_power, cross_power = (
        uniform_filter1d((a * b).mean(axis=1), width)
        for a, b in ((camera, camera), (sensors, sensors), (camera, sensors))
    )
    floor = np.percentile(sensor_power, 40) + 1e-4
    strength = np.sqrt((((prediction - np.median(prediction, axis=0)) / scale) ** 2).mean(axis=1))
    motion_ratio = 0.5 * np.log((camera_power + floor) / (sensor_power + floor))
    motion_correlation = cross_power / np.sqrt((camera_power + floor) * (sensor_power + floor))
    return [_excess_deviation(deviation, strength), motion_ratio, motion_correlation]


def _excess_deviation(deviation: Array, strength: Array) -> Array:
    """Deviation (T,) beyond what is usual for expressions of that strength (T,): strong ones always deviate more."""
    y, x = np.log(deviation + 0.1), np.log(strength + 0.1)
    weight = np.ones(len(y))
    coefficients = np.zeros(2)
    for _ in range(3):
        a = np.stack([x, np.ones(len(x))], axis=1)
        coefficients = np.linalg.lstsq(a * weight[:, None], y * weight, rcond=None)[0]
        residual = y - a @ coefficients
        weight = 1 / (1 + (np.maximum(residual - np.median(residual), 0) / 0.5) ** 2)
    return _standardise(y - x * max(coefficients[0], 0.0))

"""What speaks against a camera at each moment, per channel group: numbers that a trained detector weighs (`detect.py`).

Every number is relative to the take itself, so that calm and lively performers, and any tracker, are judged by their own measure:

- tremble: how far rows jump to and fro (second differences) beyond what motion of that speed does;
- stillness: how little is left of the noise and motion that the group usually has; channels at their ends (a closed eye) do not count;
- strangeness: how far the group's channels are from going together as they do in this take (Mahalanobis distance, robust);
- misfit: how far the group is from what the other groups say (ridge regression with bends, fitted to what fits);
- contradiction, moved and follows: the same against the helping take's channels: how far off for so strong an expression, how much less the camera
  moves, how alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, uniform_filter1d

from ..face.channels import ARKIT, GROUPS
from ..take import Track
from ..take.resample import fill_gaps, resample_linear

COLUMNS = {g: np.array([ARKIT.index(c) for c in channels]) for g, channels in GROUPS.items()}
FEATURES_ALONE = ("tremble", "stillness", "strangeness", "misfit")
FEATURES_HELPED = (*FEATURES_ALONE, "contradiction", "moved", "follows")
FEATURE_RATE = 30.0  # rows a second that evidence is gathered at; cameras of 60 are thinned
_WINDOW_S, _LONG_S = 0.25, 0.6
_MIN_CHANNEL_SD = 1e-3  # sd of a channel that the tracker delivers at all
_LIMIT_MARGIN = 0.02  # so near to the ends of its range a channel cannot tremble
_FIT_ROWS, _NYSTROEM_COUNT, _ITERATIONS, _RIDGE = 1600, 120, 3, 0.03
_ROTATION_SCALE, _HOLD_S = (
    2.0,
    0.05,
)  # brings rotation vectors to the size of weights; a take says what is so near to its ends
_MAX_RESIDUAL = 8.0  # residuals count up to so many times their usual size


@dataclass(frozen=True)
class OcclusionFeatures:
    """`values` (T, len(names)) of one group in a take; about 0 where nothing is wrong. NaN nowhere; rows without a face are 0."""

    names: tuple[str, ...]
    values: np.ndarray


def with_nystroem_features(x: np.ndarray) -> np.ndarray:
    """What other groups or a helping take say, with bends: (T, D) -> (T, D + at most 120). The bends are distances to moments of the take itself (Nyström)."""
    return np.concatenate([x, nystroem_features(x, np.arange(len(x)))], axis=1)


def helper_channels(weights: Track, rotation: np.ndarray | None, time: np.ndarray) -> np.ndarray:
    """Channels (len(time), D) of a helping take at other times: its 52 weights and, of sensors, the rotation vectors (T, S, 3) of its sites; NaN before its
    first row and after its last."""
    parts = [np.nan_to_num(weights.select(ARKIT))]
    if rotation is not None:
        parts.append(np.nan_to_num(fill_gaps(weights.time, rotation.reshape(len(rotation), -1))) * _ROTATION_SCALE)
    out = resample_linear(weights.time, np.concatenate(parts, axis=1), time)
    out[(time < weights.time[0] - _HOLD_S) | (time > weights.time[-1] + _HOLD_S)] = np.nan
    return out


def nystroem_features(
    x: np.ndarray, candidates: np.ndarray, count: int = _NYSTROEM_COUNT, width: float = 1.5
) -> np.ndarray:
    """Gaussian features (T, count) of rows x (T, D): nearness to `count` of the rows `among` (N,), spread evenly, made orthogonal (Nyström). `width` in
    standard deviations of all columns together."""
    candidates = np.asarray(candidates)
    if len(candidates) < 8 or not x.shape[1]:
        return np.zeros((len(x), 0))
    z = x / ((x[candidates].std(axis=0) + 0.05) * width * np.sqrt(x.shape[1]))
    centres = z[candidates[np.linspace(0, len(candidates) - 1, min(count, len(candidates))).astype(int)]]

    def near(a: np.ndarray) -> np.ndarray:
        squared_distance = (a * a).sum(1)[:, None] + (centres * centres).sum(1)[None] - 2 * (a @ centres.T)
        return np.exp(-0.5 * np.maximum(squared_distance, 0.0))

    eigenvalues, eigenvectors = np.linalg.eigh(near(centres))
    keep = eigenvalues > 1e-4
    return near(z) @ (eigenvectors[:, keep] / np.sqrt(eigenvalues[keep]))


def ridge(x: np.ndarray, y: np.ndarray, weight: np.ndarray, penalty: float = _RIDGE) -> np.ndarray:
    """Coefficients (D + 1, C) of y (N, C) on standardised x (N, D) with row weights (N,); the constant is free."""
    share = weight / weight.sum()
    mx, my = share @ x, share @ y
    a, b = x - mx, y - my
    scale = np.sqrt(share @ (a * a)) + 0.02
    a = a / scale
    c = (
        np.linalg.solve((a * share[:, None]).T @ a + penalty * np.eye(a.shape[1]), (a * share[:, None]).T @ b)
        / scale[:, None]
    )
    return np.concatenate([c, (my - mx @ c)[None]])


def predict_robustly(x: np.ndarray, y: np.ndarray, doubt: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What x (T, D) says y (T, C) should be, and how far off it is in units of its usual residual (T,), fitted to what fits: rows that are far off, or
    already in `doubt` (T,), count less."""
    rows = np.unique(np.linspace(0, len(x) - 1, min(_FIT_ROWS, len(x))).astype(int))
    weight = 1 / (1 + (doubt / 1.5) ** 2)
    deviation, prediction = doubt, y
    for _ in range(_ITERATIONS):
        c = ridge(x[rows], y[rows], weight[rows])
        prediction = x @ c[:-1] + c[-1]
        residual = np.abs(y - prediction)
        trusted = weight > 0.3
        scale = 1.48 * np.median(residual[trusted] if trusted.sum() > 10 else residual, axis=0) + 0.01
        deviation = uniform_filter1d(np.sqrt((np.minimum(residual / scale, _MAX_RESIDUAL) ** 2).mean(axis=1)), 5)
        weight = 1 / (1 + (deviation / 2) ** 4)
    return prediction, deviation


def _standardise(x: np.ndarray) -> np.ndarray:
    """x (T,) from its median, in units of how far its lower half spreads (damage is mostly above)."""
    low, middle, high = np.percentile(x, (10, 50, 60))
    return (x - middle) / ((high - low) / 1.5 + 0.05)


def gather_features(weights: np.ndarray, rate: float, helper: np.ndarray | None = None) -> dict[str, OcclusionFeatures]:
    """Evidence per group from a camera's weights (T, 52) without gaps at about RATE rows a second, and the channels (T, D) of a helping take, if any.
    Groups in which nothing moves are left out."""
    weights, window = np.asarray(weights, dtype=np.float64), max(int(_WINDOW_S * rate) | 1, 5)
    second_difference, speed = np.zeros_like(weights), np.zeros_like(weights)
    second_difference[1:-1] = weights[2:] - 2 * weights[1:-1] + weights[:-2]
    speed[1:-1] = (weights[2:] - weights[:-2]) / 2
    second_difference, speed = (
        uniform_filter1d(second_difference**2, window, axis=0),
        uniform_filter1d(speed**2, window, axis=0),
    )
    out = {}
    for group, columns in COLUMNS.items():
        columns = columns[weights[:, columns].std(axis=0) > _MIN_CHANNEL_SD]
        if not len(columns):
            continue
        group_weights, e, v = weights[:, columns], second_difference[:, columns], speed[:, columns]
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
            values += _helper_features(helper, group_weights, mahalanobis, rate)
        out[group] = OcclusionFeatures(FEATURES_ALONE if helper is None else FEATURES_HELPED, np.stack(values, axis=1))
    return out


def _mahalanobis(group_weights: np.ndarray) -> np.ndarray:
    weight = np.ones(len(group_weights))
    distance = weight
    for _ in range(4):
        share = weight / weight.sum()
        a = group_weights - share @ group_weights
        covariance = (a * share[:, None]).T @ a + 2e-5 * np.eye(group_weights.shape[1])
        distance = np.sqrt(np.einsum("ij,ij->i", a @ np.linalg.inv(covariance), a) / group_weights.shape[1])
        weight = 1 / (1 + (distance / 1.5) ** 2)
    return distance


def _helper_features(helper: np.ndarray, group_weights: np.ndarray, doubt: np.ndarray, rate: float) -> list[np.ndarray]:
    """Contradiction, moved, follows: a group's channels (T, C) against what a helping take makes of them."""
    prediction, deviation = predict_robustly(with_nystroem_features(helper), group_weights, doubt)
    scale = group_weights.std(axis=0) + 0.02

    def motion(x: np.ndarray) -> np.ndarray:
        return (x - gaussian_filter1d(x, _LONG_S * rate, axis=0)) / scale

    camera, sensors = motion(group_weights), motion(prediction)
    width = 2 * int(_LONG_S * rate / 2) + 1
    camera_power, sensor_power, cross_power = (
        uniform_filter1d((a * b).mean(axis=1), width)
        for a, b in ((camera, camera), (sensors, sensors), (camera, sensors))
    )
    floor = np.percentile(sensor_power, 40) + 1e-4
    moved = 0.5 * np.log((camera_power + floor) / (sensor_power + floor))
    return [
        _excess_deviation(
            deviation, np.sqrt((((prediction - np.median(prediction, axis=0)) / scale) ** 2).mean(axis=1))
        ),
        moved,
        cross_power / np.sqrt((camera_power + floor) * (sensor_power + floor)),
    ]


def _excess_deviation(deviation: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """How far off (T,) is beyond what is usual at so strong an expression: strong ones are always farther off."""
    y, x = np.log(deviation + 0.1), np.log(strength + 0.1)
    weight = np.ones(len(y))
    coefficients = np.zeros(2)
    for _ in range(3):
        a = np.stack([x, np.ones(len(x))], axis=1)
        coefficients = np.linalg.lstsq(a * weight[:, None], y * weight, rcond=None)[0]
        residual = y - a @ coefficients
        weight = 1 / (1 + (np.maximum(residual - np.median(residual), 0) / 0.5) ** 2)
    return _standardise(y - x * max(coefficients[0], 0.0))

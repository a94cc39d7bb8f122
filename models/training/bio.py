"""Training of a performer's network, from a paired take of electrodes and a camera (BioFace-3D).

A few minutes of paired data are enough. The last part of them is kept from training, to select the best epoch, to tune
the Kalman filter, and to compare the network with a linear model and with faces that do not move.
"""

from __future__ import annotations

import json
import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from ...core.arrays import Array
from ...core.bio import features
from ...core.bio.network import HARDLY_BETTER, KIND, MAX_GOOD_ERROR_SHARE
from ...core.bio.segments import AHEAD, LENGTH, gather_segments
from ...core.bio.signal import BioSignal
from ...core.errors import InnerfaceError
from ...core.files import atomic_write
from ...core.landmarks.channel_solver import find_neutral_face
from ...core.landmarks.points import POINT_COUNT, POINT_GROUPS, interocular_mm
from ...core.numerics import kalman, ridge
from ...core.take import Track
from .bio_data import PairedFeatures, RemountAugmentation, pair_features
from .bio_network import BioNet, to_tensor, wing_loss
from .budget import Budget

_VALIDATION_SHARE, _MIN_VALIDATION_S, _VALIDATION_GAP_S = 0.15, 8.0, 1.0
_BATCH, _EPOCHS, _LEARNING_RATE = 256, 30, 2e-3
_MAX_SHIFT = 1  # features by which segments are shifted
_MAX_BASIS, _BASIS_VARIANCE = 32, 0.9995  # directions that the face moves in, and their share of its variance
_LINEAR_PENALTY, _LINEAR_SPREAD_FLOOR = 30.0, 1e-6  # on sums of squares
# Points that are few and move little weigh more; else blinks and glances are not learned.
_GROUP_WEIGHTS = {"lids": 2.0, "pupils": 5.0}
_CHANNEL_PENALTY = 0.1  # on sums of squares
_MIN_VARIANCE = 1e-4  # of a channel
_TIME_CONSTANTS_S = (0.06, 0.1, 0.15, 0.22, 0.33, 0.5)  # candidates of the Kalman filter
_OPSET = 17
_MAX_GROUP_ERROR = 0.9  # of the mean face's on the held-out part; groups of points above it stay still


@dataclass(frozen=True)
class _Split:
    """Rows to train on, rows to validate on, and the length of the latter."""

    training: Array
    validation: Array
    validation_s: float


def train(
    signal: BioSignal,
    landmarks: Track,
    out: str | Path,
    *,
    budget: Budget,
    seed: int,
    weights: Track | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> dict[str, str]:
    """Train on a paired take, write the network, and return its card. Raises InnerfaceError.

    Parameters
    ----------
    signal : of the electrodes
    landmarks : of the camera, on the same clock
    out : .onnx file
    budget : limit of the training, which ends after 30 epochs at the latest
    seed : of all random numbers
    weights : of the camera, row by row with the landmarks, if it has channels
    progress : called with the share that is done
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    data = pair_features(signal, landmarks, weights)
    split = _split(data.time)
    mean, basis = _mean_and_basis(data.points[split.training])
    net = BioNet(data.emg, data.eog, mean=mean, basis=basis)
    bands = len(features.emg_bands(features.max_emg_hz(signal.rate)))
    augmentation = RemountAugmentation(data.emg, len(signal.channels), bands)
    epochs = _fit(net, data, split, augmentation=augmentation, budget=budget, rng=rng, progress=progress)
    emg, eog = _segments_at(data, split.validation)
    with torch.no_grad():
        predicted = net(to_tensor(emg), to_tensor(eog)).numpy().astype(np.float64)
        gain = _fit_gain(predicted - mean, data.points[split.validation] - mean)
        net.get_buffer("gain").copy_(to_tensor(gain))
    predicted = mean + gain * (predicted - mean)
    evaluation = _Evaluation(data, split, predicted, pupil_distance_mm=interocular_mm(landmarks))
    card = _card(signal, landmarks, data, split=split, evaluation=evaluation) | {
        "training": f"{epochs} epochs, Wing loss, seed {seed}",
        "parameters": str(sum(p.numel() for p in net.parameters())),
        "licence": "the performer's own",
    }
    metadata = _metadata(signal, landmarks, data, evaluation=evaluation)
    _write(net, Path(out), metadata | {f"card.{k}": v for k, v in card.items()}, data=data)
    return card


def _fit_gain(predicted: Array, truth: Array) -> Array:
    """Factors (106,) of predicted motion (N, 106), one per group of points, that come nearest to the true motion.

    0 where even then the face is not clearly nearer to the truth than one that does not move.
    """
    out = np.zeros(predicted.shape[1])
    for points in POINT_GROUPS.values():
        columns = _columns(points)
        p, t = predicted[:, columns], truth[:, columns]
        factor = np.clip((p * t).sum() / max((p * p).sum(), 1e-12), 0.0, 1.0)
        if ((factor * p - t) ** 2).sum() < _MAX_GROUP_ERROR**2 * (t * t).sum():
            out[columns] = factor
    return out


def _columns(points: tuple[int, ...]) -> list[int]:
    """Columns of points, x and y, in arrays (N, 106)."""
    return [2 * p + a for p in points for a in (0, 1)]


def _split(time: Array) -> _Split:
    """Keep the last part of a recording from training, with a gap before it."""
    validation_s = max(_MIN_VALIDATION_S, _VALIDATION_SHARE * (time[-1] - time[0]))
    is_training = time < time[-1] - validation_s - _VALIDATION_GAP_S
    return _Split(np.flatnonzero(is_training), np.flatnonzero(time > time[-1] - validation_s), validation_s)


def _mean_and_basis(points: Array) -> tuple[Array, Array]:
    """Median face (106,), and directions (K, 106) in which points (N, 106) move, by their standard deviations."""
    mean = np.median(points, axis=0)
    _, size, directions = np.linalg.svd(points - mean, full_matrices=False)
    explained_share = np.cumsum(size**2) / max((size**2).sum(), 1e-12)
    count = min(_MAX_BASIS, int(np.searchsorted(explained_share, _BASIS_VARIANCE)) + 1)
    if size[0] < 1e-6:
        raise InnerfaceError("the face does not move in the camera's take; record expressions")
    return mean, directions[:count] * (size[:count, None] / math.sqrt(len(points)))


def _segments_at(data: PairedFeatures, rows: Array, shift: int = 0) -> tuple[Array, Array]:
    """Segments of EMG (N, E, LENGTH) and EOG (N, O, LENGTH) of frames, `shift` features later."""
    last = data.last_feature[rows] + shift
    return gather_segments(data.emg, last), gather_segments(data.eog, last)


def _fit(
    net: BioNet,
    data: PairedFeatures,
    split: _Split,
    *,
    augmentation: RemountAugmentation,
    budget: Budget,
    rng: np.random.Generator,
    progress: Callable[[float], None],
) -> int:
    """Train a network, keep its best epoch, and return the number of epochs."""
    point_weights = to_tensor(np.repeat([_point_weight(k) for k in range(POINT_COUNT)], 2))
    validation_emg, validation_eog = (to_tensor(x) for x in _segments_at(data, split.validation))
    validation_truth = to_tensor(data.points[split.validation])
    net.fit_pupil_regression(to_tensor(_segments_at(data, split.training)[1]), to_tensor(data.points[split.training]))
    optimiser = torch.optim.AdamW(net.parameters(), lr=_LEARNING_RATE, weight_decay=1e-2)
    best_error, best_state = math.inf, {k: v.clone() for k, v in net.state_dict().items()}
    started, epoch, steps = time.monotonic(), 0, 0
    while max(budget.spent(time.monotonic() - started, steps), epoch / _EPOCHS) < 1:
        net.train()
        order = rng.permutation(split.training)
        for i in range(0, len(order) - _BATCH // 4, _BATCH):
            spent = max(budget.spent(time.monotonic() - started, steps), (epoch + i / len(order)) / _EPOCHS)
            completed = min(spent, 1.0)
            for group in optimiser.param_groups:
                group["lr"] = _LEARNING_RATE * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * completed)))
            rows = order[i : i + _BATCH]
            emg, eog = _segments_at(data, rows, int(rng.integers(-_MAX_SHIFT, _MAX_SHIFT + 1)))
            emg, eog = augmentation.augment_emg(emg, rng), augmentation.augment_eog(eog, rng)
            error = 100 * (net(to_tensor(emg), to_tensor(eog)) - to_tensor(data.points[rows]))
            loss = (point_weights * wing_loss(error)).mean()
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimiser.step()
            steps += 1
            progress(completed)
        epoch += 1
        net.eval()
        with torch.no_grad():
            residual = net(validation_emg, validation_eog) - validation_truth
        mean_error = residual.reshape(-1, POINT_COUNT, 2).norm(dim=2).mean().item()
        if mean_error < best_error:
            best_error, best_state = mean_error, {k: v.clone() for k, v in net.state_dict().items()}
    net.load_state_dict(best_state)
    net.eval()
    return epoch


def _point_weight(point: int) -> float:
    group = next(g for g, points in POINT_GROUPS.items() if point in points)
    return _GROUP_WEIGHTS.get(group, 1.0)


class _Evaluation:
    """Predictions on the validation rows, and what the network's file holds of them."""

    def __init__(self, data: PairedFeatures, split: _Split, predicted: Array, *, pupil_distance_mm: float) -> None:
        self.pupil_distance_mm = pupil_distance_mm
        self.time, self.predicted, self.truth = data.time[split.validation], predicted, data.points[split.validation]
        self.causal_tightness, self.tightness = (
            _tune_tightness(self.time, predicted, self.truth, kalman_filter=kalman_filter)
            for kalman_filter in (kalman.filter_points, kalman.smooth_points)
        )
        self.smoothed = kalman.smooth_points(self.time, predicted, self.tightness)
        self.calm_points = find_neutral_face(data.points[split.training].reshape(-1, POINT_COUNT, 2)).ravel()
        self.mean_points = data.points[split.training].mean(axis=0)
        error_power = ((predicted - self.truth).reshape(-1, POINT_COUNT, 2) ** 2).sum(axis=(0, 2))
        true_power = ((self.truth - self.truth.mean(axis=0)).reshape(-1, POINT_COUNT, 2) ** 2).sum(axis=(0, 2))
        self.explained = np.clip(1 - error_power / np.maximum(true_power, 1e-9), 0, 1)
        self.channel_map = self.channels_explained = None
        if data.weights is not None:
            self.channel_map = _fit_channel_map(data.points[split.training], data.weights[split.training])
            self.channels_explained = self._explain_channels(self.channel_map, data.weights[split.validation])

    def mean_error_mm(self, points: Array) -> float:
        """Mean distance of points (N, 106) or (106,) from the truth."""
        return float(
            self.pupil_distance_mm * np.linalg.norm((points - self.truth).reshape(-1, POINT_COUNT, 2), axis=2).mean()
        )

    @property
    def error_share(self) -> float:
        """The network's error over that of the better face that does not move."""
        still = min(self.mean_error_mm(self.mean_points), self.mean_error_mm(self.calm_points))
        return self.mean_error_mm(self.smoothed) / max(still, 1e-9)

    def _explain_channels(self, channel_map: Array, truth: Array) -> Array:
        """Share of each channel's variance (52,) that is explained; 0 for channels that do not move."""
        predicted = np.clip(ridge.predict(self.smoothed, channel_map), 0, 1)
        power = truth.var(axis=0)
        explained = 1 - ((predicted - truth) ** 2).mean(axis=0) / np.maximum(power, _MIN_VARIANCE)
        return np.clip(np.where(power > _MIN_VARIANCE, explained, 0.0), 0, 1)


def _card(
    signal: BioSignal, landmarks: Track, data: PairedFeatures, *, split: _Split, evaluation: _Evaluation
) -> dict[str, str]:
    """What the network was trained on, and how it compares."""
    training_points = data.points[split.training]
    linear_model = fit_linear_model(_pooled_at(data, split.training), training_points)
    errors = {
        "network": evaluation.smoothed,
        "linear": ridge.predict(_pooled_at(data, split.validation), linear_model),
        "mean face": evaluation.mean_points,
        "calm face": evaluation.calm_points,
    }
    network, *others = (f"{name} {evaluation.mean_error_mm(points):.2f}" for name, points in errors.items())
    max_emg_hz = features.max_emg_hz(signal.rate)
    share = evaluation.error_share
    seconds = len(split.training) / max(landmarks.rate, 1e-6)
    return {
        "data": f"{seconds:.0f} s of a {'simulated ' if signal.simulated else ''}performer's own take, "
        f"{landmarks.rate:.4g} faces a second",
        "electrodes": f"{', '.join(signal.channels)} at {signal.rate:.4g} Hz",
        "bands": f"EMG 20-{max_emg_hz:.0f} Hz in {len(features.emg_bands(max_emg_hz))} bands, EOG 0.05-35 Hz",
        "mains": f"{data.mains_hz:.0f} Hz removed" if data.mains_hz else "none found",
        "kept": f"the last {split.validation_s:.0f} s, on which: {network} mm, {', '.join(others)}",
        "verdict": f"{share:.0%} of the error of a face that does not move"
        + (f": {HARDLY_BETTER}" if share > MAX_GOOD_ERROR_SHARE else ""),
    }


def _metadata(signal: BioSignal, landmarks: Track, data: PairedFeatures, *, evaluation: _Evaluation) -> dict[str, str]:
    """What `core.bio.network.load` reads."""
    metadata = {
        "kind": KIND,
        "channels": json.dumps(signal.channels),
        "top_hz": repr(features.max_emg_hz(signal.rate)),
        "mains_hz": repr(data.mains_hz),
        "frame_hz": repr(round(landmarks.rate, 3)),
        "length": str(LENGTH),
        "ahead": str(AHEAD),
        "interocular_mm": repr(evaluation.pupil_distance_mm),
        "rest": _rounded_json(evaluation.calm_points.reshape(POINT_COUNT, 2)),
        "explained": _rounded_json(evaluation.explained),
        "follow_live": _rounded_json(evaluation.causal_tightness),
        "follow": _rounded_json(evaluation.tightness),
        "simulated": "yes" if signal.simulated else "no",
        "error_share": repr(round(evaluation.error_share, 4)),
    }
    if evaluation.channel_map is not None and evaluation.channels_explained is not None:
        metadata["to_channels"] = _rounded_json(evaluation.channel_map)
        metadata["channels_explained"] = _rounded_json(evaluation.channels_explained)
    return metadata


def _pooled_at(data: PairedFeatures, rows: Array) -> Array:
    return pool_segments(np.concatenate(_segments_at(data, rows), axis=1))


def pool_segments(segments: Array) -> Array:
    """Inputs of a linear model (N, 3 F): means of segments (N, F, LENGTH) at the frame, around it and over all."""
    parts = [segments[:, :, -20:].mean(axis=2), segments[:, :, -45:-15].mean(axis=2), segments.mean(axis=2)]
    return np.concatenate(parts, axis=1)


def fit_linear_model(x: Array, y: Array) -> Array:
    """Ridge regression of points (N, 106) on pooled segments (N, D): coefficients (D + 1, 106)."""
    return ridge.fit(x, y, _LINEAR_PENALTY / len(x), spread_floor=_LINEAR_SPREAD_FLOOR)


def _fit_channel_map(points: Array, weights: Array) -> Array:
    """Ridge regression of a camera's channels (N, 52) on points (N, 106): coefficients (107, 52)."""
    return ridge.fit(points, weights, _CHANNEL_PENALTY / len(points))


def _tune_tightness(
    time_s: Array,
    predicted: Array,
    truth: Array,
    *,
    kalman_filter: Callable[[Array, Array, Array], Array],
) -> Array:
    """Tightness (106,) of the Kalman filter that comes nearest to the truth, per group of points."""
    filtered = {
        s: kalman_filter(time_s, predicted, np.full(predicted.shape[1], kalman.tightness_for(s)))
        for s in _TIME_CONSTANTS_S
    }
    out = np.empty(predicted.shape[1])
    for points in POINT_GROUPS.values():
        columns = _columns(points)
        best = min(_TIME_CONSTANTS_S, key=lambda s: np.abs(filtered[s][:, columns] - truth[:, columns]).mean())
        out[columns] = kalman.tightness_for(best)
    return out


def _rounded_json(a: Array) -> str:
    return json.dumps(np.vectorize(lambda v: float(f"{v:.5g}"))(a).tolist())


def _write(net: BioNet, out: Path, metadata: dict[str, str], *, data: PairedFeatures) -> None:
    example = (
        to_tensor(gather_segments(data.emg, data.last_feature[:2])),
        to_tensor(gather_segments(data.eog, data.last_feature[:2])),
    )
    with atomic_write(out) as temporary:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                net,
                example,
                str(temporary),
                input_names=["emg", "eog"],
                output_names=["points"],
                opset_version=_OPSET,
                dynamic_axes={n: {0: "frames"} for n in ("emg", "eog", "points")},
                dynamo=False,
            )
        model = onnx.load(str(temporary))
        for key, value in metadata.items():
            entry = model.metadata_props.add()
            entry.key, entry.value = key, value
        onnx.save(model, str(temporary))

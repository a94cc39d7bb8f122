"""Train a performer's network: from segments of two electrodes' EMG and EOG to the 53 points that a camera saw meanwhile. BioFace-3D's training phase.

A multi-input 1-D CNN with Wing loss. A few minutes of paired data are enough for it to be of use; the last part of them is kept from training, to stop in time,
to set the Kalman filter, and to say how good it is beside a linear model and beside faces that never move.
"""

from __future__ import annotations

import itertools
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
from torch import Tensor, nn
from torch.nn import functional

from ...core.bio import features
from ...core.bio.filters import detect_mains
from ...core.bio.network import KIND
from ...core.bio.segments import AHEAD, LENGTH, gather_segments, last_feature, within_recording
from ...core.bio.signal import BioSignal
from ...core.errors import InnerfaceError
from ...core.face.channels import ARKIT
from ...core.files import atomic_write
from ...core.landmarks.channel_solver import find_neutral_face
from ...core.landmarks.points import LEFT_PUPIL, POINT_COUNT, POINT_GROUPS, interocular_mm
from ...core.numerics import kalman, ridge
from ...core.take import Track
from .budget import Budget

_VALIDATION_SHARE, _MIN_VALIDATION_S, _VALIDATION_GAP_S = 0.15, 8.0, 1.0
_MIN_PAIRED_S = 30.0  # of paired data: less than that teaches nothing
_BATCH, _EPOCHS, _LEARNING_RATE = 256, 30, 2e-3
_BRANCH_WIDTH, _TRUNK_WIDTH, _DROPOUT = 32, 96, 0.25
_MAX_BASIS, _BASIS_VARIANCE = (
    32,
    0.9995,
)  # directions that the face moves in, and the share of its variance that they hold
_WING_WIDTH, _WING_CURVATURE = (
    10.0,
    2.0,
)  # in % of the pupils' distance; the usual w and epsilon (papers: in pixels of a face of 256)
# Augmentation: electrodes stuck on again are louder or fainter and rest at another level; slow signals wander; segments lie a feature earlier or later.
_EMG_GAIN_SD, _EOG_GAIN_SD, _EOG_OFFSET_SD, _REST_POWER_RANGE, _REST_CHANGED_SHARE, _MAX_SHIFT = (
    0.25,
    0.15,
    0.15,
    (0.15, 6.0),
    0.5,
    1,
)
_LINEAR_PENALTY, _LINEAR_SPREAD_FLOOR = 30.0, 1e-6  # on sums of squares
_GROUP_WEIGHTS = {
    "lids": 2.0,
    "pupils": 5.0,
}  # points that are few and move little count for more, else blinks and glances are never learned
_PUPIL_POOLING, _PUPIL_PENALTY = 4, 1e-2
_CHANNEL_PENALTY = 0.1  # on sums of squares
_MIN_VARIANCE = 1e-4  # variance of a channel
_PUPIL_COLUMNS = list(range(2 * LEFT_PUPIL, 2 * POINT_COUNT))  # columns
_TIME_CONSTANTS_S = (0.06, 0.1, 0.15, 0.22, 0.33, 0.5)  # time constants that the Kalman filter is tried with
_OPSET = 17


def wing_loss(error: Tensor) -> Tensor:
    """Wing loss (Feng 2018) of errors in % of the pupils' distance: w ln(1 + |x| / e) for |x| < w, beyond it |x| - C."""
    size = error.abs()
    return torch.where(
        size < _WING_WIDTH,
        _WING_WIDTH * torch.log1p(size / _WING_CURVATURE),
        size - (_WING_WIDTH - _WING_WIDTH * math.log1p(_WING_WIDTH / _WING_CURVATURE)),
    )


class Branch(nn.Module):
    """One input's convolutions: four times fewer steps, then their means over all, around the frame, and at its end."""

    def __init__(self, inputs: int, centre: Tensor, spread: Tensor) -> None:
        super().__init__()
        self.centre: Tensor
        self.spread: Tensor
        self.register_buffer("centre", centre[:, None])
        self.register_buffer("spread", spread[:, None])
        self.layers = nn.Sequential(
            nn.Conv1d(inputs, _BRANCH_WIDTH, 7, stride=2, padding=3),
            nn.ReLU(),
            nn.Conv1d(_BRANCH_WIDTH, _BRANCH_WIDTH, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv1d(_BRANCH_WIDTH, _BRANCH_WIDTH, 5, padding=2),
            nn.ReLU(),
        )

    def normalised(self, x: Tensor) -> Tensor:
        """Inputs (B, inputs, LENGTH) at about 1."""
        return ((x - self.centre) / self.spread).clamp(-6, 6)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, LENGTH) -> (B, features)."""
        x = self.layers(self.normalised(x))
        return torch.cat([x.mean(dim=2), x[:, :, -8:].mean(dim=2), x[:, :, -3:].mean(dim=2)], dim=1)


class BioNet(nn.Module):
    """EMG and EOG branches, joined; the face moves in the directions that it moved in while training. Where the eyes look is so small a part of a face, and so
    nearly a linear filter of EOG, that pupils are half what ridge regression says of them (`straighten`)."""

    def __init__(self, emg: np.ndarray, eog: np.ndarray, mean: np.ndarray, basis: np.ndarray) -> None:
        super().__init__()

        def branch(x: np.ndarray) -> Branch:
            return Branch(x.shape[1], _tensor(x.mean(axis=0)), _tensor(x.std(axis=0) + 0.05))

        self.emg, self.eog = branch(emg), branch(eog)
        size = 6 * _BRANCH_WIDTH
        self.trunk = nn.Sequential(
            nn.Dropout(_DROPOUT),
            nn.Linear(size, _TRUNK_WIDTH),
            nn.ReLU(),
            nn.Dropout(_DROPOUT),
            nn.Linear(_TRUNK_WIDTH, _TRUNK_WIDTH),
            nn.ReLU(),
            nn.Linear(_TRUNK_WIDTH, len(basis)),
        )
        self.straight: Tensor
        self.register_buffer(
            "straight", torch.zeros(eog.shape[1] * (LENGTH // _PUPIL_POOLING) + 1, len(_PUPIL_COLUMNS))
        )
        self.register_buffer("mean", _tensor(mean))
        self.register_buffer("basis", _tensor(basis))

    def forward(self, emg: Tensor, eog: Tensor) -> Tensor:
        """Segments (B, E, LENGTH), (B, O, LENGTH) -> points (B, 106); in training without what ridge regression says, which would leave nothing to learn."""
        points = self.mean + self.trunk(torch.cat([self.emg(emg), self.eog(eog)], dim=1)) @ self.basis
        if self.training:
            return points
        pupils = self._pooled_eog(eog) @ self.straight[:-1] + self.straight[-1]
        return torch.cat([points[:, : _PUPIL_COLUMNS[0]], (points[:, _PUPIL_COLUMNS[0] :] + pupils) / 2], dim=1)

    def fit_pupil_regression(self, eog: Tensor, points: Tensor) -> None:
        """Ridge regression from slow EOG of segments (N, O, LENGTH) to the pupils of `points` (N, 106)."""
        x, y = self._pooled_eog(eog).double().numpy(), points[:, _PUPIL_COLUMNS].double().numpy()
        self.straight.copy_(_tensor(ridge.fit(x, y, _PUPIL_PENALTY)))

    def _pooled_eog(self, eog: Tensor) -> Tensor:
        return functional.avg_pool1d(self.eog.normalised(eog), _PUPIL_POOLING).flatten(1)


def _tensor(a: np.ndarray) -> Tensor:
    return torch.from_numpy(np.asarray(a, dtype=np.float32))


class _RemountAugmentation:
    """Segments as they would be if the electrodes had been stuck on anew. `resting` (C, B): the quietest power of each electrode and band, which is mostly
    noise."""

    def __init__(self, emg: np.ndarray, channels: int, bands: int) -> None:
        self.channels, self.bands = channels, bands
        self.rest_power = np.quantile(np.exp(emg[:, : channels * bands]), 0.05, axis=0).reshape(channels, bands)
        self.pairs = list(itertools.combinations(range(channels), 2))

    def augment_emg(self, emg: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Segments (N, E, L) with other gains and other noise at rest, and electrodes as much less alike as that noise makes them."""
        n, _, length = emg.shape
        log_power = emg[:, : self.channels * self.bands].reshape(n, self.channels, self.bands, length)
        correlation = emg[:, self.channels * self.bands :].reshape(n, len(self.pairs), self.bands, length)
        low, high = np.log(_REST_POWER_RANGE)
        rest_increase = np.exp(rng.uniform(low, high, (n, self.channels))) - 1
        rest_increase[rng.uniform(size=n) > _REST_CHANGED_SHARE] = 0.0
        added_power = rest_increase[:, :, None, None] * self.rest_power[None, :, :, None]
        power = np.exp(log_power)
        new_power = np.maximum(power + added_power, np.minimum(power, 0.2 * self.rest_power[None, :, :, None]))
        log_change = np.log(new_power) - log_power
        correlation_drop = (
            np.stack([np.exp(-0.5 * (log_change[:, a] + log_change[:, b])) for a, b in self.pairs], axis=1)
            if self.pairs
            else correlation
        )
        log_gain = rng.normal(0, 2 * _EMG_GAIN_SD, (n, self.channels, 1, 1))
        return np.concatenate(
            [
                (log_power + log_change + log_gain).reshape(n, -1, length),
                np.clip(correlation * correlation_drop, -1, 1).reshape(n, -1, length),
            ],
            axis=1,
        )

    def augment_eog(self, eog: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Segments (N, O, L) with other gains, and wandered off."""
        n = len(eog)
        return eog * np.exp(rng.normal(0, _EOG_GAIN_SD, (n, 1, 1))) + rng.normal(
            0, _EOG_OFFSET_SD, (n, eog.shape[1], 1)
        )


@dataclass
class PairedFeatures:
    """`emg` (T, E), `eog` (T, O) features of the recording; per frame its segment's `last` feature, its `points` (N, 106) and, where the camera gave
    channels, its `weights` (N, 52), in order of `time` (N,)."""

    emg: np.ndarray
    eog: np.ndarray
    last_feature: np.ndarray
    points: np.ndarray
    time: np.ndarray
    mains_hz: float
    weights: np.ndarray | None = None


def pair_features(signal: BioSignal, landmarks: Track, weights: Track | None = None) -> PairedFeatures:
    """Frames of the video that lie within the recording, with what the electrodes picked up. Raises InnerfaceError where there are too few."""
    mains = detect_mains(signal.values, signal.rate)
    emg, eog = features.extract_features(signal.values, signal.rate, mains)
    last = last_feature(landmarks.time, signal.start)
    points = landmarks.values
    valid = within_recording(last, len(emg)) & np.isfinite(points).all(axis=1)
    missing = signal.missing.any(axis=1)
    if missing.any():
        at = np.clip(np.round((landmarks.time - signal.start) * signal.rate).astype(int), 0, len(missing) - 1)
        valid &= ~missing[at]
    seconds = valid.sum() / max(landmarks.rate, 1e-6)
    if seconds < _MIN_PAIRED_S:
        raise InnerfaceError(
            f"{seconds:.0f} s of the two takes lie beside each other with a face and with electrodes; {_MIN_PAIRED_S:.0f} s are the least, 5 minutes are good"
        )
    return PairedFeatures(
        emg,
        eog,
        last[valid],
        points[valid],
        landmarks.time[valid],
        mains,
        None if weights is None else np.nan_to_num(weights.select(ARKIT)[valid]),
    )


def pool_segments(segments: np.ndarray) -> np.ndarray:
    """What a linear model sees of segments (N, F, LENGTH): their means at the frame, around it and over all: (N, 3 F)."""
    parts = [segments[:, :, -20:].mean(axis=2), segments[:, :, -45:-15].mean(axis=2), segments.mean(axis=2)]
    return np.concatenate(parts, axis=1)


def fit_linear_model(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Ridge regression of points (N, 106) on pooled segments (N, D): coefficients (D + 1, 106)."""
    return ridge.fit(x, y, _LINEAR_PENALTY / len(x), spread_floor=_LINEAR_SPREAD_FLOOR)


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
    """Train on a paired take (one clock), write `out`, return its card. `weights`: the camera's channels, row by row of the landmarks, where it gave any.
    Raises InnerfaceError."""
    torch.manual_seed(seed)
    rng, simulated = np.random.default_rng(seed), signal.simulated
    data = pair_features(signal, landmarks, weights)
    validation_s = max(_MIN_VALIDATION_S, _VALIDATION_SHARE * (data.time[-1] - data.time[0]))
    is_validation = data.time > data.time[-1] - validation_s
    is_training = data.time < data.time[-1] - validation_s - _VALIDATION_GAP_S
    mean = np.median(data.points[is_training], axis=0)
    _, size, directions = np.linalg.svd(data.points[is_training] - mean, full_matrices=False)
    explained_share = np.cumsum(size**2) / max((size**2).sum(), 1e-12)
    basis_size = min(_MAX_BASIS, int(np.searchsorted(explained_share, _BASIS_VARIANCE)) + 1)
    if size[0] < 1e-6:
        raise InnerfaceError("the face does not move in the camera's take; record expressions")
    basis = directions[:basis_size] * (size[:basis_size, None] / math.sqrt(is_training.sum()))
    net = BioNet(data.emg, data.eog, mean, basis)
    truth = data.points

    def segments_at(indices: np.ndarray, shift: int = 0) -> tuple[np.ndarray, np.ndarray]:
        return gather_segments(data.emg, data.last_feature[indices] + shift), gather_segments(
            data.eog, data.last_feature[indices] + shift
        )

    bands = len(features.emg_bands(features.max_emg_hz(signal.rate)))
    point_weights = _tensor(
        np.repeat(
            [
                _GROUP_WEIGHTS.get(next(g for g, points in POINT_GROUPS.items() if k in points), 1.0)
                for k in range(POINT_COUNT)
            ],
            2,
        )
    )
    augmentation = _RemountAugmentation(data.emg, len(signal.channels), bands)
    training_rows, validation_rows = np.flatnonzero(is_training), np.flatnonzero(is_validation)
    validation_emg, validation_eog = (_tensor(x) for x in segments_at(validation_rows))
    validation_truth = _tensor(truth[validation_rows])
    net.fit_pupil_regression(_tensor(segments_at(training_rows)[1]), _tensor(truth[training_rows]))
    optimiser = torch.optim.AdamW(net.parameters(), lr=_LEARNING_RATE, weight_decay=1e-2)
    best_error, best_state = math.inf, {k: v.clone() for k, v in net.state_dict().items()}
    started, epoch, steps = time.monotonic(), 0, 0
    while True:
        if max(budget.spent(time.monotonic() - started, steps), epoch / _EPOCHS) >= 1:
            break
        net.train()
        order = rng.permutation(training_rows)
        for i in range(0, len(order) - _BATCH // 4, _BATCH):
            completed = max(budget.spent(time.monotonic() - started, steps), (epoch + i / len(order)) / _EPOCHS)
            for group in optimiser.param_groups:
                group["lr"] = _LEARNING_RATE * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(completed, 1.0))))
            which = order[i : i + _BATCH]
            emg, eog = segments_at(which, int(rng.integers(-_MAX_SHIFT, _MAX_SHIFT + 1)))
            emg, eog = augmentation.augment_emg(emg, rng), augmentation.augment_eog(eog, rng)
            error = 100 * (net(_tensor(emg), _tensor(eog)) - _tensor(truth[which]))
            loss = (point_weights * wing_loss(error)).mean()
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimiser.step()
            steps += 1
            progress(min(completed, 1.0))
        epoch += 1
        net.eval()
        with torch.no_grad():
            error = (
                (net(validation_emg, validation_eog) - validation_truth)
                .reshape(-1, POINT_COUNT, 2)
                .norm(dim=2)
                .mean()
                .item()
            )
        if error < best_error:
            best_error, best_state = error, {k: v.clone() for k, v in net.state_dict().items()}
    net.load_state_dict(best_state)
    net.eval()
    with torch.no_grad():
        predicted = net(validation_emg, validation_eog).numpy().astype(np.float64)
    pupil_distance_mm = interocular_mm(landmarks)

    def mean_error_mm(points: np.ndarray) -> float:
        return float(
            pupil_distance_mm
            * np.linalg.norm((points - truth[validation_rows]).reshape(-1, POINT_COUNT, 2), axis=2).mean()
        )

    causal_tightness, smooth_tightness = (
        _tune_tightness(data.time[validation_rows], predicted, truth[validation_rows], how)
        for how in (kalman.filter_points, kalman.smooth_points)
    )
    linear_model = fit_linear_model(
        pool_segments(np.concatenate(segments_at(training_rows), axis=1)), truth[training_rows]
    )
    linear_predicted = ridge.predict(pool_segments(np.concatenate(segments_at(validation_rows), axis=1)), linear_model)
    calm_points = find_neutral_face(truth[training_rows].reshape(-1, POINT_COUNT, 2)).ravel()
    error_power = ((predicted - truth[validation_rows]).reshape(-1, POINT_COUNT, 2) ** 2).sum(axis=(0, 2))
    true_power = ((truth[validation_rows] - truth[validation_rows].mean(axis=0)).reshape(-1, POINT_COUNT, 2) ** 2).sum(
        axis=(0, 2)
    )
    explained = np.clip(1 - error_power / np.maximum(true_power, 1e-9), 0, 1)
    card = {
        "data": f"{is_training.sum() / max(landmarks.rate, 1e-6):.0f} s of a {'simulated ' if simulated else ''}performer's own take, "
        f"{landmarks.rate:.4g} faces a second",
        "electrodes": f"{', '.join(signal.channels)} at {signal.rate:.4g} Hz",
        "bands": f"EMG 20-{features.max_emg_hz(signal.rate):.0f} Hz in {bands} bands, EOG 0.05-35 Hz",
        "mains": f"{data.mains_hz:.0f} Hz taken out" if data.mains_hz else "none found",
        "training": f"{epoch} rounds, Wing loss, seed {seed}",
        "parameters": str(sum(p.numel() for p in net.parameters())),
        "kept": f"the last {validation_s:.0f} s, on which: network {mean_error_mm(kalman.smooth_points(data.time[validation_rows], predicted, smooth_tightness)):.2f} mm, linear {mean_error_mm(linear_predicted):.2f}, "
        f"mean face {mean_error_mm(np.broadcast_to(truth[training_rows].mean(axis=0), linear_predicted.shape)):.2f}, calm face {mean_error_mm(np.broadcast_to(calm_points, linear_predicted.shape)):.2f}",
        "licence": "the performer's own",
    }
    metadata = {
        "kind": KIND,
        "channels": json.dumps(signal.channels),
        "top_hz": repr(features.max_emg_hz(signal.rate)),
        "mains_hz": repr(data.mains_hz),
        "frame_hz": repr(round(landmarks.rate, 3)),
        "length": str(LENGTH),
        "ahead": str(AHEAD),
        "interocular_mm": repr(pupil_distance_mm),
        "rest": _rounded_json(calm_points.reshape(POINT_COUNT, 2)),
        "explained": _rounded_json(explained),
        "follow_live": _rounded_json(causal_tightness),
        "follow": _rounded_json(smooth_tightness),
        "simulated": "yes" if simulated else "no",
    }
    if data.weights is not None:
        channel_map = _fit_channel_map(data.points[training_rows], data.weights[training_rows])
        channels_predicted = np.clip(
            kalman.smooth_points(data.time[validation_rows], predicted, smooth_tightness) @ channel_map[:-1]
            + channel_map[-1],
            0,
            1,
        )
        channels_truth = data.weights[validation_rows]
        true_power = channels_truth.var(axis=0)
        channels_explained = np.where(
            true_power > _MIN_VARIANCE,
            1 - ((channels_predicted - channels_truth) ** 2).mean(axis=0) / np.maximum(true_power, _MIN_VARIANCE),
            0.0,
        )  # nothing is known of what never moved
        metadata |= {
            "to_channels": _rounded_json(channel_map),
            "channels_explained": _rounded_json(np.clip(channels_explained, 0, 1)),
        }
    _write(net, Path(out), metadata | {f"card.{k}": v for k, v in card.items()}, data)
    return card


def _fit_channel_map(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Ridge regression (107, 52; the last row is the constant) from points (N, 106) to a camera's channels (N, 52) of the same frames."""
    return ridge.fit(points, weights, _CHANNEL_PENALTY / len(points))


def _tune_tightness(
    time_s: np.ndarray,
    predicted: np.ndarray,
    truth: np.ndarray,
    kalman_filter: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    """Tightness (106,) of the Kalman filter, per group of points whichever comes nearest to the truth on the kept frames."""
    filtered = {
        s: kalman_filter(time_s, predicted, np.full(predicted.shape[1], kalman.tightness_for(s)))
        for s in _TIME_CONSTANTS_S
    }
    out = np.empty(predicted.shape[1])
    for points in POINT_GROUPS.values():
        columns = [2 * p + a for p in points for a in (0, 1)]
        best = min(_TIME_CONSTANTS_S, key=lambda s: np.abs(filtered[s][:, columns] - truth[:, columns]).mean())
        out[columns] = kalman.tightness_for(best)
    return out


def _rounded_json(a: np.ndarray) -> str:
    return json.dumps(np.vectorize(lambda v: float(f"{v:.5g}"))(a).tolist())


def _write(net: BioNet, out: Path, metadata: dict[str, str], data: PairedFeatures) -> None:
    example = (
        _tensor(gather_segments(data.emg, data.last_feature[:2])),
        _tensor(gather_segments(data.eog, data.last_feature[:2])),
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

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
from ...core.bio.filters import mains_of
from ...core.bio.network import KIND
from ...core.bio.segments import AHEAD, LENGTH, gather, inside, last_feature
from ...core.bio.signal import BioSignal
from ...core.channels import ARKIT
from ...core.errors import InnerfaceError
from ...core.files import replacing
from ...core.landmarks import kalman
from ...core.landmarks.points import COUNT, GROUPS, LEFT_PUPIL, interocular_mm
from ...core.landmarks.solve import calm as calm_face
from ...core.take import Track

_KEPT, _KEPT_LEAST_S, _GUARD_S = 0.15, 8.0, 1.0
_LEAST_S = 30.0  # of paired data: less than that teaches nothing
_BATCH, _EPOCHS, _RATE = 256, 30, 2e-3
_WIDTH, _JOINED, _DROP = 32, 96, 0.25
_BASIS, _BASIS_SHARE = 32, 0.9995  # directions that the face moves in, and the share of its variance that they hold
_WING, _WING_BEND = 10.0, 2.0  # in % of the pupils' distance; the usual w and epsilon (papers: in pixels of a face of 256)
# Augmentation: electrodes stuck on again are louder or fainter and rest at another level; slow signals wander; segments lie a feature earlier or later.
_GAIN, _EOG_GAIN, _EOG_OFF, _REST, _REST_SHARE, _SHIFT = 0.25, 0.15, 0.15, (0.15, 6.0), 0.5, 1
_RIDGE = 30.0
_COUNTS = {"lids": 2.0, "pupils": 5.0}  # points that are few and move little count for more, else blinks and glances are never learned
_STRAIGHT_STEP, _STRAIGHT_RIDGE, _CHANNEL_RIDGE = 4, 1e-2, 0.1
_STILL = 1e-4  # variance of a channel
_PUPILS = list(range(2 * LEFT_PUPIL, 2 * COUNT))  # columns
_SECONDS = (0.06, 0.1, 0.15, 0.22, 0.33, 0.5)  # time constants that the Kalman filter is tried with
_OPSET = 17


def wing(off: Tensor) -> Tensor:
    """Wing loss (Feng 2018) of errors in % of the pupils' distance: w ln(1 + |x| / e) for |x| < w, beyond it |x| - C."""
    size = off.abs()
    return torch.where(size < _WING, _WING * torch.log1p(size / _WING_BEND), size - (_WING - _WING * math.log1p(_WING / _WING_BEND)))


class Branch(nn.Module):
    """One input's convolutions: four times fewer steps, then their means over all, around the frame, and at its end."""

    def __init__(self, inputs: int, centre: Tensor, spread: Tensor) -> None:
        super().__init__()
        self.centre: Tensor
        self.spread: Tensor
        self.register_buffer("centre", centre[:, None])
        self.register_buffer("spread", spread[:, None])
        self.layers = nn.Sequential(
            nn.Conv1d(inputs, _WIDTH, 7, stride=2, padding=3), nn.ReLU(),
            nn.Conv1d(_WIDTH, _WIDTH, 5, stride=2, padding=2), nn.ReLU(),
            nn.Conv1d(_WIDTH, _WIDTH, 5, padding=2), nn.ReLU(),
        )  # fmt: skip

    def scaled(self, x: Tensor) -> Tensor:
        """Inputs (B, inputs, LENGTH) at about 1."""
        return ((x - self.centre) / self.spread).clamp(-6, 6)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, LENGTH) -> (B, features)."""
        x = self.layers(self.scaled(x))
        return torch.cat([x.mean(dim=2), x[:, :, -8:].mean(dim=2), x[:, :, -3:].mean(dim=2)], dim=1)


class Net(nn.Module):
    """EMG and EOG branches, joined; the face moves in the directions that it moved in while training. Where the eyes look is so small a part of a face, and so
    nearly a linear filter of EOG, that pupils are half what ridge regression says of them (`straighten`)."""

    def __init__(self, emg: np.ndarray, eog: np.ndarray, mean: np.ndarray, basis: np.ndarray) -> None:
        super().__init__()

        def branch(x: np.ndarray) -> Branch:
            return Branch(x.shape[1], _tensor(x.mean(axis=0)), _tensor(x.std(axis=0) + 0.05))

        self.emg, self.eog = branch(emg), branch(eog)
        size = 6 * _WIDTH
        self.joined = nn.Sequential(
            nn.Dropout(_DROP), nn.Linear(size, _JOINED), nn.ReLU(), nn.Dropout(_DROP), nn.Linear(_JOINED, _JOINED), nn.ReLU(), nn.Linear(_JOINED, len(basis))
        )
        self.straight: Tensor
        self.register_buffer("straight", torch.zeros(eog.shape[1] * (LENGTH // _STRAIGHT_STEP) + 1, len(_PUPILS)))
        self.register_buffer("mean", _tensor(mean))
        self.register_buffer("basis", _tensor(basis))

    def forward(self, emg: Tensor, eog: Tensor) -> Tensor:
        """Segments (B, E, LENGTH), (B, O, LENGTH) -> points (B, 106); in training without what ridge regression says, which would leave nothing to learn."""
        said = self.mean + self.joined(torch.cat([self.emg(emg), self.eog(eog)], dim=1)) @ self.basis
        if self.training:
            return said
        pupils = self._slow(eog) @ self.straight[:-1] + self.straight[-1]
        return torch.cat([said[:, : _PUPILS[0]], (said[:, _PUPILS[0] :] + pupils) / 2], dim=1)

    def straighten(self, eog: Tensor, points: Tensor) -> None:
        """Ridge regression from slow EOG of segments (N, O, LENGTH) to the pupils of `points` (N, 106)."""
        x, y = self._slow(eog).double(), points[:, _PUPILS].double()
        centre, level = x.mean(dim=0), y.mean(dim=0)
        x = x - centre
        mix = torch.linalg.solve(x.T @ x + _STRAIGHT_RIDGE * len(x) * torch.eye(x.shape[1]), x.T @ (y - level))
        self.straight.copy_(torch.cat([mix, (level - centre @ mix)[None]]))

    def _slow(self, eog: Tensor) -> Tensor:
        return functional.avg_pool1d(self.eog.scaled(eog), _STRAIGHT_STEP).flatten(1)


def _tensor(a: np.ndarray) -> Tensor:
    return torch.from_numpy(np.asarray(a, dtype=np.float32))


class _Again:
    """Segments as they would be if the electrodes had been stuck on anew. `resting` (C, B): the quietest power of each electrode and band, which is mostly
    noise."""

    def __init__(self, emg: np.ndarray, channels: int, bands: int) -> None:
        self.channels, self.bands = channels, bands
        self.resting = np.quantile(np.exp(emg[:, : channels * bands]), 0.05, axis=0).reshape(channels, bands)
        self.pairs = list(itertools.combinations(range(channels), 2))

    def emg(self, emg: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Segments (N, E, L) with other gains and other noise at rest, and electrodes as much less alike as that noise makes them."""
        n, _, length = emg.shape
        loud = emg[:, : self.channels * self.bands].reshape(n, self.channels, self.bands, length)
        alike = emg[:, self.channels * self.bands :].reshape(n, len(self.pairs), self.bands, length)
        low, high = np.log(_REST)
        level = np.exp(rng.uniform(low, high, (n, self.channels))) - 1
        level[rng.uniform(size=n) > _REST_SHARE] = 0.0
        more = level[:, :, None, None] * self.resting[None, :, :, None]
        power = np.exp(loud)
        noisy = np.maximum(power + more, np.minimum(power, 0.2 * self.resting[None, :, :, None]))
        change = np.log(noisy) - loud
        drop = np.stack([np.exp(-0.5 * (change[:, a] + change[:, b])) for a, b in self.pairs], axis=1) if self.pairs else alike
        volume = rng.normal(0, 2 * _GAIN, (n, self.channels, 1, 1))
        return np.concatenate([(loud + change + volume).reshape(n, -1, length), np.clip(alike * drop, -1, 1).reshape(n, -1, length)], axis=1)

    def eog(self, eog: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Segments (N, O, L) with other gains, and wandered off."""
        n = len(eog)
        return eog * np.exp(rng.normal(0, _EOG_GAIN, (n, 1, 1))) + rng.normal(0, _EOG_OFF, (n, eog.shape[1], 1))


@dataclass
class Paired:
    """`emg` (T, E), `eog` (T, O) features of the recording; per frame its segment's `last` feature, its `points` (N, 106) and, where the camera gave
    channels, its `weights` (N, 52), in order of `time` (N,)."""

    emg: np.ndarray
    eog: np.ndarray
    last: np.ndarray
    points: np.ndarray
    time: np.ndarray
    mains_hz: float
    weights: np.ndarray | None = None


def paired(signal: BioSignal, landmarks: Track, weights: Track | None = None) -> Paired:
    """Frames of the video that lie within the recording, with what the electrodes picked up. Raises InnerfaceError where there are too few."""
    mains = mains_of(signal.values, signal.rate)
    emg, eog = features.whole(signal.values, signal.rate, mains)
    last = last_feature(landmarks.time, signal.start)
    points = landmarks.values
    use = inside(last, len(emg)) & np.isfinite(points).all(axis=1)
    gone = signal.missing.any(axis=1)
    if gone.any():
        at = np.clip(np.round((landmarks.time - signal.start) * signal.rate).astype(int), 0, len(gone) - 1)
        use &= ~gone[at]
    seconds = use.sum() / max(landmarks.rate, 1e-6)
    if seconds < _LEAST_S:
        raise InnerfaceError(
            f"{seconds:.0f} s of the two takes lie beside each other with a face and with electrodes; {_LEAST_S:.0f} s are the least, 5 minutes are good"
        )
    return Paired(emg, eog, last[use], points[use], landmarks.time[use], mains, None if weights is None else np.nan_to_num(weights.select(ARKIT)[use]))


def pooled(segments: np.ndarray) -> np.ndarray:
    """What a linear model sees of segments (N, F, LENGTH): their means at the frame, around it and over all, with a 1: (N, 3 F + 1)."""
    parts = [segments[:, :, -20:].mean(axis=2), segments[:, :, -45:-15].mean(axis=2), segments.mean(axis=2)]
    return np.concatenate([*parts, np.ones((len(segments), 1))], axis=1)


def linear_model(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ridge regression: centre and spread of inputs (N, D), and coefficients (D, 106)."""
    centre, spread = x.mean(axis=0), x.std(axis=0) + 1e-6
    centre[-1], spread[-1] = 0.0, 1.0
    z = (x - centre) / spread
    held = _RIDGE * np.eye(z.shape[1])
    held[-1, -1] = 1e-6
    return centre, spread, np.linalg.solve(z.T @ z + held, z.T @ y)


def train(
    signal: BioSignal,
    landmarks: Track,
    out: str | Path,
    minutes: float,
    seed: int,
    progress: Callable[[float], None] = lambda _: None,
    weights: Track | None = None,
) -> dict[str, str]:
    """Train on a paired take (one clock), write `out`, return its card. `weights`: the camera's channels, row by row of the landmarks, where it gave any.
    Raises InnerfaceError."""
    torch.manual_seed(seed)
    rng, simulated = np.random.default_rng(seed), signal.simulated
    data = paired(signal, landmarks, weights)
    kept_s = max(_KEPT_LEAST_S, _KEPT * (data.time[-1] - data.time[0]))
    kept = data.time > data.time[-1] - kept_s
    learn = data.time < data.time[-1] - kept_s - _GUARD_S
    mean = np.median(data.points[learn], axis=0)
    _, size, directions = np.linalg.svd(data.points[learn] - mean, full_matrices=False)
    share = np.cumsum(size**2) / max((size**2).sum(), 1e-12)
    count = min(_BASIS, int(np.searchsorted(share, _BASIS_SHARE)) + 1)
    if size[0] < 1e-6:
        raise InnerfaceError("the face does not move in the camera's take; record expressions")
    basis = directions[:count] * (size[:count, None] / math.sqrt(learn.sum()))
    net = Net(data.emg, data.eog, mean, basis)
    truth = data.points

    def segments(which: np.ndarray, shift: int = 0) -> tuple[np.ndarray, np.ndarray]:
        return gather(data.emg, data.last[which] + shift), gather(data.eog, data.last[which] + shift)

    bands = len(features.bands(features.highest(signal.rate)))
    counts = _tensor(np.repeat([_COUNTS.get(next(g for g, points in GROUPS.items() if k in points), 1.0) for k in range(COUNT)], 2))
    again = _Again(data.emg, len(signal.channels), bands)
    rows, held = np.flatnonzero(learn), np.flatnonzero(kept)
    kept_emg, kept_eog = (_tensor(x) for x in segments(held))
    kept_truth = _tensor(truth[held])
    net.straighten(_tensor(segments(rows)[1]), _tensor(truth[rows]))
    optimiser = torch.optim.AdamW(net.parameters(), lr=_RATE, weight_decay=1e-2)
    best, best_state, began, epoch = math.inf, {k: v.clone() for k, v in net.state_dict().items()}, time.monotonic(), 0
    while True:
        done = max((time.monotonic() - began) / (minutes * 60), epoch / _EPOCHS)
        if done >= 1:
            break
        net.train()
        order = rng.permutation(rows)
        for i in range(0, len(order) - _BATCH // 4, _BATCH):
            done = max((time.monotonic() - began) / (minutes * 60), (epoch + i / len(order)) / _EPOCHS)
            for group in optimiser.param_groups:
                group["lr"] = _RATE * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(done, 1.0))))
            which = order[i : i + _BATCH]
            emg, eog = segments(which, int(rng.integers(-_SHIFT, _SHIFT + 1)))
            emg, eog = again.emg(emg, rng), again.eog(eog, rng)
            off = 100 * (net(_tensor(emg), _tensor(eog)) - _tensor(truth[which]))
            loss = (counts * wing(off)).mean()
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimiser.step()
            progress(min(done, 1.0))
        epoch += 1
        net.eval()
        with torch.no_grad():
            off = (net(kept_emg, kept_eog) - kept_truth).reshape(-1, COUNT, 2).norm(dim=2).mean().item()
        if off < best:
            best, best_state = off, {k: v.clone() for k, v in net.state_dict().items()}
    net.load_state_dict(best_state)
    net.eval()
    with torch.no_grad():
        guess = net(kept_emg, kept_eog).numpy().astype(np.float64)
    unit = interocular_mm(landmarks)

    def mae(points: np.ndarray) -> float:
        return float(unit * np.linalg.norm((points - truth[held]).reshape(-1, COUNT, 2), axis=2).mean())

    live, both = (_tune(data.time[held], guess, truth[held], how) for how in (kalman.causal, kalman.smooth))
    seen = linear_model(pooled(np.concatenate(segments(rows), axis=1)), truth[rows])
    plain = (pooled(np.concatenate(segments(held), axis=1)) - seen[0]) / seen[1] @ seen[2]
    calm = calm_face(truth[rows].reshape(-1, COUNT, 2)).ravel()
    wrong = ((guess - truth[held]).reshape(-1, COUNT, 2) ** 2).sum(axis=(0, 2))
    moved = ((truth[held] - truth[held].mean(axis=0)).reshape(-1, COUNT, 2) ** 2).sum(axis=(0, 2))
    explained = np.clip(1 - wrong / np.maximum(moved, 1e-9), 0, 1)
    card = {
        "data": f"{learn.sum() / max(landmarks.rate, 1e-6):.0f} s of a {'simulated ' if simulated else ''}performer's own take, "
        f"{landmarks.rate:.4g} faces a second",
        "electrodes": f"{', '.join(signal.channels)} at {signal.rate:.4g} Hz",
        "bands": f"EMG 20-{features.highest(signal.rate):.0f} Hz in {bands} bands, EOG 0.05-35 Hz",
        "mains": f"{data.mains_hz:.0f} Hz taken out" if data.mains_hz else "none found",
        "training": f"{epoch} rounds, Wing loss, seed {seed}",
        "parameters": str(sum(p.numel() for p in net.parameters())),
        "kept": f"the last {kept_s:.0f} s, on which: network {mae(kalman.smooth(data.time[held], guess, both)):.2f} mm, linear {mae(plain):.2f}, "
        f"mean face {mae(np.broadcast_to(truth[rows].mean(axis=0), plain.shape)):.2f}, calm face {mae(np.broadcast_to(calm, plain.shape)):.2f}",
        "licence": "the performer's own",
    }
    about = {
        "kind": KIND, "channels": json.dumps(signal.channels), "top_hz": repr(features.highest(signal.rate)), "mains_hz": repr(data.mains_hz),
        "frame_hz": repr(round(landmarks.rate, 3)), "length": str(LENGTH), "ahead": str(AHEAD), "interocular_mm": repr(unit),
        "rest": _rounded(calm.reshape(COUNT, 2)), "explained": _rounded(explained), "follow_live": _rounded(live), "follow": _rounded(both),
        "simulated": "yes" if simulated else "no",
    }  # fmt: skip
    if data.weights is not None:
        own = _to_channels(data.points[rows], data.weights[rows])
        said = np.clip(kalman.smooth(data.time[held], guess, both) @ own[:-1] + own[-1], 0, 1)
        true = data.weights[held]
        moved = true.var(axis=0)
        shown = np.where(moved > _STILL, 1 - ((said - true) ** 2).mean(axis=0) / np.maximum(moved, _STILL), 0.0)  # nothing is known of what never moved
        about |= {"to_channels": _rounded(own), "channels_explained": _rounded(np.clip(shown, 0, 1))}
    _write(net, Path(out), about | {f"card.{k}": v for k, v in card.items()}, data)
    return card


def _to_channels(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Ridge regression (107, 52; the last row is the constant) from points (N, 106) to a camera's channels (N, 52) of the same frames."""
    centre, level = points.mean(axis=0), weights.mean(axis=0)
    x = points - centre
    mix = np.linalg.solve(x.T @ x + _CHANNEL_RIDGE * np.eye(x.shape[1]), x.T @ (weights - level))
    return np.concatenate([mix, (level - centre @ mix)[None]])


def _tune(time_s: np.ndarray, guess: np.ndarray, truth: np.ndarray, how: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """Tightness (106,) of the Kalman filter, per group of points whichever comes nearest to the truth on the kept frames."""
    tried = {s: how(time_s, guess, np.full(guess.shape[1], kalman.follow(s))) for s in _SECONDS}
    out = np.empty(guess.shape[1])
    for points in GROUPS.values():
        columns = [2 * p + a for p in points for a in (0, 1)]
        best = min(_SECONDS, key=lambda s: np.abs(tried[s][:, columns] - truth[:, columns]).mean())
        out[columns] = kalman.follow(best)
    return out


def _rounded(a: np.ndarray) -> str:
    return json.dumps(np.vectorize(lambda v: float(f"{v:.5g}"))(a).tolist())


def _write(net: Net, out: Path, about: dict[str, str], data: Paired) -> None:
    example = _tensor(gather(data.emg, data.last[:2])), _tensor(gather(data.eog, data.last[:2]))
    with replacing(out) as temporary:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                net, example, str(temporary), input_names=["emg", "eog"], output_names=["points"], opset_version=_OPSET,
                dynamic_axes={n: {0: "frames"} for n in ("emg", "eog", "points")}, dynamo=False,
            )  # fmt: skip
        model = onnx.load(str(temporary))
        for key, value in about.items():
            entry = model.metadata_props.add()
            entry.key, entry.value = key, value
        onnx.save(model, str(temporary))

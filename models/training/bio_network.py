"""The network from segments of EMG and EOG to points of the face (BioFace-3D): a multi-input 1-D CNN."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...core.arrays import Array
from ...core.bio.segments import LENGTH
from ...core.landmarks.points import LEFT_PUPIL, POINT_COUNT
from ...core.numerics import ridge

_BRANCH_WIDTH, _TRUNK_WIDTH, _DROPOUT = 32, 96, 0.25
# w and epsilon in % of the pupils' distance; as in papers, where they are in pixels of a face of 256
_WING_WIDTH, _WING_CURVATURE = 10.0, 2.0
_PUPIL_POOLING, _PUPIL_PENALTY = 4, 1e-2
_PUPIL_COLUMNS = list(range(2 * LEFT_PUPIL, 2 * POINT_COUNT))


def to_tensor(a: Array) -> Tensor:
    """Convert an array to a tensor in single precision."""
    return torch.from_numpy(np.asarray(a, dtype=np.float32))


def wing_loss(error: Tensor) -> Tensor:
    """Wing loss (Feng 2018) of errors in % of the pupils' distance: w ln(1 + |x| / e) for |x| < w, else |x| - C."""
    size = error.abs()
    return torch.where(
        size < _WING_WIDTH,
        _WING_WIDTH * torch.log1p(size / _WING_CURVATURE),
        size - (_WING_WIDTH - _WING_WIDTH * math.log1p(_WING_WIDTH / _WING_CURVATURE)),
    )


class Branch(nn.Module):
    """Convolutions of one input at a quarter of its rate, then means over all, around the frame, and at the end."""

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
        """Inputs (B, inputs, LENGTH), scaled to about 1."""
        return ((x - self.centre) / self.spread).clamp(-6, 6)

    def forward(self, x: Tensor) -> Tensor:
        """Features (B, F) of inputs (B, inputs, LENGTH)."""
        x = self.layers(self.normalised(x))
        return torch.cat([x.mean(dim=2), x[:, :, -8:].mean(dim=2), x[:, :, -3:].mean(dim=2)], dim=1)


class BioNet(nn.Module):
    """EMG and EOG branches, joined, whose output is a combination of basis faces.

    Gaze is a small part of a face and nearly a linear filter of EOG, so pupils are the mean of the network's output and
    a ridge regression (`fit_pupil_regression`).

    Parameters
    ----------
    emg, eog : (T, E), (T, O) features of the recording, to scale inputs by
    mean : (106,), mean face
    basis : (K, 106), directions in which the face moves
    """

    def __init__(self, emg: Array, eog: Array, *, mean: Array, basis: Array) -> None:
        super().__init__()

        def branch(x: Array) -> Branch:
            return Branch(x.shape[1], to_tensor(x.mean(axis=0)), to_tensor(x.std(axis=0) + 0.05))

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
        self.mean: Tensor
        self.register_buffer("mean", to_tensor(mean))
        self.register_buffer("basis", to_tensor(basis))
        self.gain: Tensor
        self.register_buffer("gain", torch.ones(len(mean)))

    def forward(self, emg: Tensor, eog: Tensor) -> Tensor:
        """Points (B, 106) of segments (B, E, LENGTH), (B, O, LENGTH).

        Their distance from the mean face is multiplied by `gain`. While training without it, and without the ridge
        regression, which would leave nothing to learn.
        """
        points = self.mean + self.trunk(torch.cat([self.emg(emg), self.eog(eog)], dim=1)) @ self.basis
        if self.training:
            return points
        pupils = self._pooled_eog(eog) @ self.straight[:-1] + self.straight[-1]
        joined = torch.cat([points[:, : _PUPIL_COLUMNS[0]], (points[:, _PUPIL_COLUMNS[0] :] + pupils) / 2], dim=1)
        return self.mean + self.gain * (joined - self.mean)

    def fit_pupil_regression(self, eog: Tensor, points: Tensor) -> None:
        """Fit the ridge regression from pooled EOG of segments (N, O, LENGTH) to the pupils of `points` (N, 106)."""
        x, y = self._pooled_eog(eog).double().numpy(), points[:, _PUPIL_COLUMNS].double().numpy()
        self.straight.copy_(to_tensor(ridge.fit(x, y, _PUPIL_PENALTY)))

    def _pooled_eog(self, eog: Tensor) -> Tensor:
        return functional.avg_pool1d(self.eog.normalised(eog), _PUPIL_POOLING).flatten(1)

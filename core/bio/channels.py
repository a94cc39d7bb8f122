"""From the points that the electrodes' network gives to the 52 ARKit channels, with a confidence per channel.

A network trained with a camera's channels holds a linear map of its own, learned from the performer's points. Otherwise
the channels are the least squares solution on the bundled head.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Array
from ..face.channels import ARKIT
from ..face.face_model import load_bundled
from ..landmarks import channel_solver
from ..landmarks.camera import point_model
from ..landmarks.points import IBUG_COUNT, POINT_COUNT
from ..take import Take, Track, TrackKind
from ..take.resample import fill_gaps
from . import inference
from .network import BioNetwork


class ChannelDecoder:
    """Map one performer's points to the 52 channels, for recordings and frame by frame."""

    def __init__(self, network: BioNetwork) -> None:
        self.network = network
        self.solver = (
            None
            if network.to_channels is not None
            else channel_solver.ChannelSolver(point_model(load_bundled()), network.rest)
        )

    def push(self, points: Array) -> Array:
        """Weights (52,) of the next frame's points (53, 2)."""
        return self._apply_linear_map(points[None])[0] if self.solver is None else self.solver.push(points)

    def process(self, track: Track, causal: bool = False) -> Track:
        """Weights of a landmark track; `causal` gives what `push` would."""
        if self.solver is not None:
            return channel_solver.to_weights(track, rest=self.network.rest, causal=causal)
        return Track(
            TrackKind.WEIGHTS,
            track.time,
            ARKIT,
            self._apply_linear_map(fill_gaps(track.time, track.values).reshape(-1, POINT_COUNT, 2)),
        )

    def _apply_linear_map(self, points: Array) -> Array:
        assert self.network.to_channels is not None
        return np.clip(
            points.reshape(len(points), -1) @ self.network.to_channels[:-1] + self.network.to_channels[-1], 0.0, 1.0
        )


def channel_confidence(network: BioNetwork) -> Array:
    """Confidence (52,) in 0..1: share of each channel's variance that was explained on held-out frames.

    For a network trained with points alone: the explained share of the points that a channel moves, weighted by squared
    displacement, times how far points distinguish the channel from all others.
    """
    if network.channels_explained is not None:
        return np.clip(network.channels_explained, 0.0, 1.0)
    model = point_model(load_bundled())
    information = channel_solver.ChannelSolver(model, network.rest).information
    displacement = np.linalg.norm(model.basis, axis=2) ** 2
    for k, name in enumerate(ARKIT):
        if name.startswith("eyeLook"):
            displacement[k] = 0.0
            displacement[k, IBUG_COUNT + (0 if name.endswith("Left") else 1)] = 1.0
    total = displacement.sum(axis=1)
    return information * np.where(total > 1e-6, displacement @ network.explained / np.maximum(total, 1e-12), 0.0)


def infer_weights(take: Take, network: BioNetwork, *, causal: bool = False, raw: bool = False) -> Take:
    """Infer weights at the network's frame rate from a biosignal take; the result also has landmarks and confidence.

    `causal` gives what the live session would, `raw` omits smoothing. Raises InnerfaceError as `inference.infer`.
    """
    landmark_take = inference.infer(take, network, causal=causal, raw=raw)
    points = landmark_take.tracks[TrackKind.LANDMARKS]
    confidence_track = Track(
        TrackKind.CONFIDENCE,
        points.time,
        ARKIT,
        np.broadcast_to(channel_confidence(network), (len(points.time), len(ARKIT))).copy(),
    )
    return Take(
        take.name,
        {
            TrackKind.WEIGHTS: ChannelDecoder(network).process(points, causal),
            TrackKind.LANDMARKS: points,
            TrackKind.CONFIDENCE: confidence_track,
        },
        landmark_take.notes,
        take.sound,
    )

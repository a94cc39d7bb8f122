"""From the points that electrodes give to Apple's 52 channels, and how sure each channel is: as sure as the points that it moves, and as they tell it from
others."""

from __future__ import annotations

import numpy as np

from ..channels import ARKIT
from ..face_model import bundled
from ..landmarks import solve
from ..landmarks.camera import point_model
from ..landmarks.points import INNER
from ..take import Take, Track
from . import infer
from .network import BioNetwork


def confidence(network: BioNetwork) -> np.ndarray:
    """(52,) 0..1: what the network explained of the points that each channel moves, weighted by how far it moves them, times how far points tell the channel
    from all others; 0 for what no point shows."""
    model = point_model(bundled())
    told = solve.Solver(model, network.rest).told
    moved = np.linalg.norm(model.basis, axis=2) ** 2
    for k, name in enumerate(ARKIT):
        if name.startswith("eyeLook"):
            moved[k] = 0.0
            moved[k, INNER + (0 if name.endswith("Left") else 1)] = 1.0
    size = moved.sum(axis=1)
    return told * np.where(size > 1e-6, moved @ network.explained / np.maximum(size, 1e-12), 0.0)


def weights(take: Take, network: BioNetwork, causal: bool = False, raw: bool = False) -> Take:
    """A biosignal take as weights at the network's frame rate, with `landmarks` and `confidence` beside them. Raises InnerfaceError."""
    done = infer.infer(take, network, causal, raw)
    points = done.tracks["landmarks"]
    solved = solve.to_weights(points, rest=network.rest, causal=causal)
    sure = Track("confidence", points.time, ARKIT, np.broadcast_to(confidence(network), (len(points.time), len(ARKIT))).copy())
    return Take(take.name, {"weights": solved, "landmarks": points, "confidence": sure}, done.notes, take.sound)

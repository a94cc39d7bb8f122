"""From samples to faces, one at a time or a whole take. See `FacePipeline`."""

from __future__ import annotations

from ..take import Take
from .face_pipeline import FACE_STREAMS, OUTPUTS, FacePipeline, OutputSettings
from .frames import BioChunk, CameraChunk, Chunk, FaceFrame, ImuChunk
from .loss_policy import LOSS_POLICIES, LossPolicy
from .settings import PerformerSettings, SolvedWeights, TakeOptions
from .take_solver import has_camera

__all__ = [
    "FACE_STREAMS",
    "LOSS_POLICIES",
    "OUTPUTS",
    "BioChunk",
    "CameraChunk",
    "Chunk",
    "FaceFrame",
    "FacePipeline",
    "ImuChunk",
    "LossPolicy",
    "OutputSettings",
    "PerformerSettings",
    "SolvedWeights",
    "TakeOptions",
    "has_camera",
    "solve_weights",
    "to_weights_take",
]


def to_weights_take(take: Take) -> Take:
    """As `solve_weights`, for the default layout and no particular performer."""
    return solve_weights(take).take


def solve_weights(take: Take, performer: PerformerSettings | None = None) -> SolvedWeights:
    """A take's faces by the non-causal pass. Raises InnerfaceError."""
    return FacePipeline(performer).run(take)

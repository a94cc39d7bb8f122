"""Gap and closures of the lips.

There is no standard for lip closure. Real takes never close below 1.1 mm on ICT's model, so gaps are measured from the
take's own closed lips.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Array
from .face_model import FaceModel

CLOSED_GAP_M = 0.001  # lips are closed below this gap above the closed lips' own
OPEN_GAP_M = 0.0025  # and must have been open by more than this before, to count as a closure


def lip_gap(face: FaceModel, weights: Array) -> Array:
    """Mean distance (T,) in m between upper and lower inner lips, for weights (T, 52)."""
    upper, lower = face.inner_lips.T
    rest = face.neutral[upper] - face.neutral[lower]
    displacement = face.deltas[:, upper] - face.deltas[:, lower]
    gap = rest[None] + np.tensordot(weights, displacement, axes=1)
    return np.linalg.norm(gap, axis=2).mean(axis=1)


def closed_gap(gap: Array) -> float:
    """Gap (m) of a take's closed lips: the 5th percentile of its gaps (T,)."""
    return float(np.percentile(gap, 5))


def closures(gap: Array) -> Array:
    """First frames (N,) of lip closures, for gaps (T,) above closed lips: below CLOSED_GAP_M after above OPEN_GAP_M."""
    out: list[int] = []
    was_open = False
    for k, value in enumerate(gap):
        if value > OPEN_GAP_M:
            was_open = True
        elif value < CLOSED_GAP_M and was_open:
            out.append(k)
            was_open = False
    return np.array(out, dtype=int)


def lip_closure_hits(face: FaceModel, pred: Array, truth: Array, *, tolerance_frames: int = 2) -> dict[str, float]:
    """Share of the true closures in which the predicted lips close, too, within `tolerance_frames`."""
    gap = lip_gap(face, truth)
    rest = closed_gap(gap)
    starts = closures(gap - rest)
    closed = lip_gap(face, pred) - rest < CLOSED_GAP_M
    hits = sum(bool(closed[max(k - tolerance_frames, 0) : k + tolerance_frames + 1].any()) for k in starts)
    return {"closures": len(starts), "hit_rate": hits / len(starts) if len(starts) else float("nan")}

"""Errors of predicted weights against true ones: on weights, on the mesh, of lip closures and of steadiness."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array
from ..take import Track
from .channels import ARKIT, GROUPS
from .face_model import FaceModel
from .lips import lip_closure_hits
from .row_matching import match_rows

_CHUNK_FRAMES = 256  # frames on the mesh at a time


def summarise(values: Array) -> dict[str, float]:
    """Median, mean and standard deviation over frames."""
    return {"median": float(np.median(values)), "mean": float(values.mean()), "std": float(values.std())}


def vertex_errors_mm(face: FaceModel, difference: Array) -> tuple[Array, Array]:
    """Mean distances (T,) in mm over the region and over the 51 landmarks, for weight differences (T, 52).

    These are PVE and PVE_LMK: with shared identity and pose, M(w) - M(w') = sum of (w - w')_k B_k (IMUSIC eq 4).
    """
    out: list[Array] = []
    for rows in (face.region, face.landmarks):
        basis = face.deltas[:, rows].reshape(len(ARKIT), -1).astype(np.float32) * np.float32(1000)
        parts = [
            difference[i : i + _CHUNK_FRAMES].astype(np.float32) @ basis
            for i in range(0, len(difference), _CHUNK_FRAMES)
        ]
        out.append(
            np.concatenate([np.linalg.norm(p.reshape(len(p), -1, 3), axis=2).mean(1) for p in parts]).astype(np.float64)
        )
    return out[0], out[1]


def correlations(pred: Array, truth: Array) -> dict[str, float]:
    """Pearson correlation per channel; NaN where either does not move."""
    a, b = pred - pred.mean(0), truth - truth.mean(0)
    scale = np.sqrt((a * a).sum(0) * (b * b).sum(0))
    return {
        c: float((a[:, k] * b[:, k]).sum() / scale[k]) if scale[k] > 1e-9 else float("nan") for k, c in enumerate(ARKIT)
    }


def jitter(weights: Array, time: Array) -> float:
    """Root mean square of the second difference of weights (T, 52), scaled to 60 Hz; less is steadier."""
    if len(time) < 3:
        return 0.0
    step = float(np.median(np.diff(time)))
    return float(np.sqrt((np.diff(weights, n=2, axis=0) ** 2).mean()) / (60 * step) ** 2)


def evaluate(pred: Track, truth: Track, face: FaceModel) -> dict[str, Any]:
    """All measures of a prediction, and those of two baselines: the neutral face and the true take's mean face."""
    rows = match_rows(pred, truth)
    mean_face = np.broadcast_to(rows.truth.mean(axis=0), rows.truth.shape)
    neutral = np.zeros_like(rows.truth)

    def errors(weights: Array) -> dict[str, dict[str, float]]:
        difference = weights - rows.truth
        pve, lmk = vertex_errors_mm(face, difference)
        return {"mse": summarise((difference**2).mean(axis=1)), "pve_mm": summarise(pve), "pve_lmk_mm": summarise(lmk)}

    def groups(weights: Array) -> dict[str, float]:
        squared_error = ((weights - rows.truth) ** 2).mean(axis=0)
        return {g: float(squared_error[[ARKIT.index(c) for c in channels]].mean()) for g, channels in GROUPS.items()}

    return errors(rows.pred) | {
        "neutral": errors(neutral),
        "mean_face": errors(mean_face),
        "face": face.name,
        "region": face.region_name,
        "rows": len(rows.time),
        "matched_by": rows.matched_by,
        "mse_by_group": {"pred": groups(rows.pred), "neutral": groups(neutral), "mean_face": groups(mean_face)},
        "mse_by_channel": dict(zip(ARKIT, ((rows.pred - rows.truth) ** 2).mean(axis=0).tolist())),
        "correlation": correlations(rows.pred, rows.truth),
        "lip_closure": lip_closure_hits(face, rows.pred, rows.truth),
        "jitter": {"pred": jitter(rows.pred, rows.time), "truth": jitter(rows.truth, rows.time)},
    }

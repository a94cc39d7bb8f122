"""How far a predicted weights track is from the true one: on weights, on the mesh, and as an animator sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..take import Track
from ..take.resample import resample_linear
from .channels import ARKIT, GROUPS
from .face_model import FaceModel

DAY_S = 86400.0
# No standard for lip closure exists. A performer's rest is not the model's (real takes never close below 1.1 mm on ICT), so the
# gap counts from the take's own closed lips, the 5th percentile of its true gap.
CLOSED_GAP_M = 0.001  # lips nearer than this above closed are closed
OPEN_GAP_M = 0.0025  # and must have been farther apart than this before, to count as a closure
_CHUNK_FRAMES = 256  # frames on the mesh at a time


@dataclass(frozen=True)
class MatchedRows:
    """The rows that are compared: `time` (T,) of the truth, `pred` and `truth` (T, 52), and how rows were matched."""

    time: Array
    pred: Array
    truth: Array
    matched_by: str


def match_rows(pred: Track, truth: Track) -> MatchedRows:
    """Predicted weights at the true rows' times, by timecode where the two overlap, else from the first rows on.

    Rows in which the truth has no face are left out; channels that a track lacks count as 0. Midnight between the two
    is allowed for. Raises InnerfaceError where nothing is left.
    """
    truth_values, pred_values = truth.select(ARKIT), pred.select(ARKIT)
    truth_valid, pred_valid = ~np.isnan(truth_values).all(axis=1), ~np.isnan(pred_values).all(axis=1)
    rows = shared_rows(pred.time[pred_valid], truth.time[truth_valid])
    pred_at_truth = resample_linear(
        pred.time[pred_valid] + rows.shift, np.nan_to_num(pred_values[pred_valid]), rows.time
    )
    return MatchedRows(
        rows.time, pred_at_truth, np.nan_to_num(truth_values[truth_valid][rows.truth_mask]), rows.matched_by
    )


@dataclass(frozen=True)
class SharedRows:
    """Which rows two takes share: true times `time` (N,), rows of the truth that they are (`inside`), what the other's clock is moved by, and how that was
    found."""

    time: Array
    truth_mask: Array
    shift: float
    matched_by: str


def shared_rows(pred_time: Array, truth_time: Array) -> SharedRows:
    """By timecode where times (T,), (T',) of rows with a face overlap, allowing for midnight between them, else from the first rows on. Raises InnerfaceError
    where nothing is left."""
    if not len(truth_time) or not len(pred_time):
        raise InnerfaceError("one of the two has no row with a face in it; nothing can be compared")
    shifts = [0.0, DAY_S, -DAY_S]

    def common(shift: float) -> float:
        return min(truth_time[-1], pred_time[-1] + shift) - max(truth_time[0], pred_time[0] + shift)

    shift = max(shifts, key=common)
    matched_by = "timecode"
    if common(shift) < 0.5 * min(truth_time[-1] - truth_time[0], pred_time[-1] - pred_time[0]) or common(shift) < 0:
        shift, matched_by = truth_time[0] - pred_time[0], "first rows"
    truth_mask = (truth_time >= pred_time[0] + shift - 1e-6) & (truth_time <= pred_time[-1] + shift + 1e-6)
    if not truth_mask.any():
        raise InnerfaceError("the two takes have no row in common; give takes of the same performance")
    return SharedRows(truth_time[truth_mask], truth_mask, float(shift), matched_by)


def summarise(values: Array) -> dict[str, float]:
    """Median, mean and standard deviation over frames."""
    return {"median": float(np.median(values)), "mean": float(values.mean()), "std": float(values.std())}


def vertex_errors_mm(face: FaceModel, difference: Array) -> tuple[Array, Array]:
    """Mean distance (mm) per frame over the region and over the 51 landmarks, each (T,), for weight differences (T, 52).

    Identity and pose are shared, so M(w) - M(w') = sum of (w - w')_k B_k (IMUSIC eq 4): PVE and PVE_LMK.
    """
    out = []
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


def lip_gap(face: FaceModel, weights: Array) -> Array:
    """Mean distance (T,) in metres between upper and lower inner lips."""
    upper, lower = face.inner_lips.T
    rest = face.neutral[upper] - face.neutral[lower]
    displacement = face.deltas[:, upper] - face.deltas[:, lower]
    gap = rest[None] + np.tensordot(weights, displacement, axes=1)
    return np.linalg.norm(gap, axis=2).mean(axis=1)


def closed_gap(gap: Array) -> float:
    """The gap (m) of a take's closed lips: the 5th percentile of its gaps (T,)."""
    return float(np.percentile(gap, 5))


def closures(gap: Array) -> Array:
    """First frames (N,) of lip closures: the gap above closed lips falls under CLOSED_M after having been over OPEN_M."""
    out, was_open = [], False
    for k, value in enumerate(gap):
        if value > OPEN_GAP_M:
            was_open = True
        elif value < CLOSED_GAP_M and was_open:
            out.append(k)
            was_open = False
    return np.array(out, dtype=int)


def lip_closure_hits(face: FaceModel, pred: Array, truth: Array, tolerance_frames: int = 2) -> dict[str, float]:
    """Share of the true closures in which the predicted lips close as well, within `slack` frames."""
    gap = lip_gap(face, truth)
    rest = closed_gap(gap)
    starts = closures(gap - rest)
    closed = lip_gap(face, pred) - rest < CLOSED_GAP_M
    hits = sum(bool(closed[max(k - tolerance_frames, 0) : k + tolerance_frames + 1].any()) for k in starts)
    return {"closures": len(starts), "hit_rate": hits / len(starts) if len(starts) else float("nan")}


def correlations(pred: Array, truth: Array) -> dict[str, float]:
    """Pearson correlation per channel; NaN where either stands still."""
    a, b = pred - pred.mean(0), truth - truth.mean(0)
    scale = np.sqrt((a * a).sum(0) * (b * b).sum(0))
    return {
        c: float((a[:, k] * b[:, k]).sum() / scale[k]) if scale[k] > 1e-9 else float("nan") for k, c in enumerate(ARKIT)
    }


def jitter(weights: Array, time: Array) -> float:
    """Root mean square of the second difference per frame, scaled to 60 frames a second: steadiness of a track."""
    if len(time) < 3:
        return 0.0
    step = float(np.median(np.diff(time)))
    return float(np.sqrt((np.diff(weights, n=2, axis=0) ** 2).mean()) / (60 * step) ** 2)


def evaluate(pred: Track, truth: Track, face: FaceModel) -> dict[str, Any]:
    """All figures, and the same for the neutral face and for the take's own mean face on the same frames."""
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

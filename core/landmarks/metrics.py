"""Errors of landmarks as BioFace-3D reports them: MAE in mm, NME in % of the pupil distance, share under 2.66 mm."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..face.row_matching import shared_rows
from ..take import Track
from ..take.resample import resample_linear
from .points import POINT_COUNT, POINT_GROUPS, interocular_mm, mean_face, median_face, points_of

SHARE_MM = 2.66  # the article has 80 % of its landmarks below


def distances(pred: Array, truth: Array) -> Array:
    """Distances (T, 53) between points (T, 53, 2), in units."""
    return np.linalg.norm(pred - truth, axis=2)


def error_statistics(distance: Array, unit_mm: float) -> dict[str, float]:
    """`mae_mm`, `nme_percent` and `share_under_2_66mm` of distances (T, P) in units; NaN is left out."""
    mm = distance * unit_mm
    return {
        "mae_mm": float(np.nanmean(mm)),
        "nme_percent": float(100 * np.nanmean(distance)),
        "share_under_2_66mm": float(np.nanmean(np.where(np.isnan(mm), np.nan, mm < SHARE_MM))),
    }


def evaluate(pred: Track, truth: Track) -> dict[str, Any]:
    """Errors of a landmark track, in all and per group of points.

    The same errors of two static faces are baselines: the true take's mean face and its median (rest) face. Rows are
    matched by time where the tracks overlap, else from their first rows on. Raises InnerfaceError.
    """
    rows = shared_rows(pred.time[~pred.lost_rows()], truth.time[~truth.lost_rows()])
    truth_points = points_of(truth)[~truth.lost_rows()][rows.truth_mask]
    pred_points = points_of(pred)[~pred.lost_rows()]
    matched_points = resample_linear(
        pred.time[~pred.lost_rows()] + rows.shift, pred_points.reshape(len(pred_points), -1), rows.time
    ).reshape(-1, POINT_COUNT, 2)
    if not np.isfinite(matched_points + truth_points).any():
        raise InnerfaceError("the two tracks have no point in common; give landmarks of one performance")
    unit_mm = interocular_mm(truth)
    static_faces = {"mean_face": mean_face(truth_points), "rest_face": median_face(truth_points)}
    face_errors = {
        name: distances(np.broadcast_to(face, truth_points.shape), truth_points) for name, face in static_faces.items()
    }
    errors = distances(matched_points, truth_points)
    frame_errors = np.array([_finite_mean(row) for row in errors])
    return (
        error_statistics(errors, unit_mm)
        | {name: error_statistics(d, unit_mm) for name, d in face_errors.items()}
        | {
            "interocular_mm": unit_mm,
            "rows": len(truth_points),
            "matched_by": rows.matched_by,
            "mae_mm_by_group": {
                which: {g: _finite_mean(d[:, list(p)]) * unit_mm for g, p in POINT_GROUPS.items()}
                for which, d in {"pred": errors, **face_errors}.items()
            },
            "per_frame_mm": {
                "median": float(np.nanmedian(frame_errors) * unit_mm),
                "std": float(np.nanstd(frame_errors) * unit_mm),
            },
        }
    )


def _finite_mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")

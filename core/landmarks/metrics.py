"""How far predicted points are from the true ones, as BioFace-3D reports it: MAE in mm, NME in % of the pupils' distance, share under 2.66 mm."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InnerfaceError
from ..metrics import shared_rows
from ..resample import linear
from ..take import Track
from .points import COUNT, GROUPS, interocular_mm, mean_face, median_face, points_of

SHARE_MM = 2.66  # the article: 80 % of its landmarks lie under this


def distances(pred: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Distance (T, 53) of points (T, 53, 2), in units."""
    return np.linalg.norm(pred - truth, axis=2)


def figures(distance: np.ndarray, unit_mm: float) -> dict[str, float]:
    """Of distances (T, P) in units: `mae_mm`, `nme_percent`, `share_under_2_66mm`; NaN counts as not measured."""
    mm = distance * unit_mm
    return {
        "mae_mm": float(np.nanmean(mm)),
        "nme_percent": float(100 * np.nanmean(distance)),
        "share_under_2_66mm": float(np.nanmean(np.where(np.isnan(mm), np.nan, mm < SHARE_MM))),
    }


def evaluate(pred: Track, truth: Track) -> dict[str, Any]:
    """Figures of a landmark track against the true one, of every group of points, and of two faces that never move: the take's own mean, and its rest
    (the median face). Rows are matched by time where the two overlap, else from the first rows on. Raises InnerfaceError."""
    rows = shared_rows(pred.time[~pred.lost()], truth.time[~truth.lost()])
    true = points_of(truth)[~truth.lost()][rows.inside]
    guess = points_of(pred)[~pred.lost()]
    at = linear(pred.time[~pred.lost()] + rows.shift, guess.reshape(len(guess), -1), rows.time).reshape(-1, COUNT, 2)
    if not np.isfinite(at + true).any():
        raise InnerfaceError("the two have no point in common; give landmarks of the same performance")
    unit = interocular_mm(truth)
    still = {"mean_face": mean_face(true), "rest_face": median_face(true)}
    faces = {name: distances(np.broadcast_to(face, true.shape), true) for name, face in still.items()}
    own = distances(at, true)
    own_mean = np.array([_mean(row) for row in own])
    return figures(own, unit) | {name: figures(d, unit) for name, d in faces.items()} | {
        "interocular_mm": unit,
        "rows": len(true),
        "matched_by": rows.how,
        "mae_mm_by_group": {
            which: {g: _mean(d[:, list(p)]) * unit for g, p in GROUPS.items()} for which, d in {"pred": own, **faces}.items()
        },
        "per_frame_mm": {"median": float(np.nanmedian(own_mean) * unit), "std": float(np.nanstd(own_mean) * unit)},
    }  # fmt: skip


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")

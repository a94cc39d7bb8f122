"""Fit FLAME to 53 landmarks: expression, jaw, eyes and neck of every row, and one identity.

MODEL is your FLAME file (.pkl or .npz; nothing in it is executed), or stand-in for a generated face in FLAME's layout.
The positions of the 53 points on it come from the landmark embedding beside it (flame_static_embedding.pkl,
landmark_embedding.npy) or from --embedding, else from geometry.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from ..core import formats
from ..core.errors import InnerfaceError
from ..core.take import TrackKind
from .dependencies import required
from .output import print_notes
from .progress import step

STAND_IN = "stand-in"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("landmarks", metavar="L.landmarks.csv", help="a .landmarks.csv, or any take with landmarks")
    parser.add_argument(
        "--flame", required=True, metavar="MODEL", help=f"your FLAME model, .pkl or .npz; or {STAND_IN}"
    )
    parser.add_argument(
        "--out", required=True, metavar="F.flame.npz", help="the FLAME take to write (.flame.npz or .mcap)"
    )
    parser.add_argument("--embedding", metavar="FILE", help="landmark embedding of the model: .pkl, .npy or .npz")
    parser.add_argument(
        "--shape-from",
        metavar="TAKE",
        help="take the identity from an earlier .flame.npz or from other landmarks (default: fit it to this take)",
    )


def run(options: argparse.Namespace) -> dict[str, Any]:
    import numpy as np

    with required("fitting"):
        from ..core.face.face_model import load_bundled
        from ..core.flame import embedding, fit, flame_track, model, stand_in
        from ..core.landmarks import points, procrustes, sources
        from ..core.take import Take
    if not options.out.lower().endswith((".flame.npz", ".mcap")):
        raise InnerfaceError(f"{options.out}: must end in .flame.npz or .mcap; change the name")
    if Path(options.out).exists() and any(
        Path(p).exists() and Path(options.out).samefile(p) for p in (options.landmarks, options.flame)
    ):
        raise InnerfaceError(f"{options.out}: is an input of the command; write to another file")
    take = formats.read_take(options.landmarks)
    points.require_landmarks(take)
    track, notes = sources.landmarks_of(take, load_bundled())
    if options.flame == STAND_IN:
        notes.append("the face is a generated stand-in, not FLAME; other programs cannot use its expressions")
        face = stand_in.make_stand_in()
    else:
        face = model.load(options.flame)
    face_embedding = embedding.load_embedding(face, options.embedding)
    notes += face_embedding.notes
    fitter = fit.FlameFitter(face, face_embedding)
    if options.shape_from:
        shape_take = formats.read_take(options.shape_from)
        shape_track = flame_track.find_flame(shape_take)
        if shape_track is None:
            fitter.learn(points.points_of(procrustes.to_face_space(points.require_landmarks(shape_take))))
            shape = fitter.shape
        else:
            shape = flame_track.arrays_of(shape_track)["shape"]
            if shape_track.meta.get("model", face.sha) != face.sha:
                notes.append(
                    f"{options.shape_from} was fitted with another model file; its identity may look different here"
                )
        fitter = fit.FlameFitter(face, face_embedding, shape)
    began = time.perf_counter()
    with step("fitting") as bar:
        fitted = fitter.fit(points.points_of(track), bar)
    seconds = time.perf_counter() - began
    missing_rows = int(np.isnan(fitted.residual).sum())
    if missing_rows:
        notes.append(f"{missing_rows} of {len(track.time)} rows have no points; they were interpolated")
    formats.write_take(
        Take(
            take.name,
            {
                TrackKind.FLAME: flame_track.build_flame_track(
                    track.time,
                    expression=fitted.expression,
                    jaw=fitted.jaw,
                    eyes=fitted.eyes,
                    neck=fitted.neck,
                    shape=fitted.shape,
                    model=face.sha,
                )
            },
        ),
        options.out,
    )
    residual_percent = 100 * fitted.residual[np.isfinite(fitted.residual)]
    residual_summary = {
        "median": float(np.median(residual_percent)),
        "mean": float(residual_percent.mean()),
        "p95": float(np.percentile(residual_percent, 95)),
    }
    print_notes(notes)
    if not options.json:
        print(
            f"{options.out}: {len(track.time)} rows, {track.duration:.2f} s, {fitted.expression.shape[1]} expressions, "
            f"jaw, eyes and neck of {face.name}, {len(track.time) / max(seconds, 1e-9):.0f} frames/s"
        )
        print(
            "residual {median:.2f} median, {mean:.2f} mean, {p95:.2f} 95th percentile (% of interocular "
            "distance)".format(**residual_summary)
        )
    return {
        "out": options.out,
        "rows": len(track.time),
        "model": face.name,
        "sha": face.sha,
        "residual_percent": residual_summary,
        "frames_per_s": len(track.time) / max(seconds, 1e-9),
        "notes": notes,
    }

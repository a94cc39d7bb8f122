"""Turn any take into 53 landmarks.

Electrodes are inferred by the performer's network, weights drive a face model, a tracker's points are brought into the
common face space. For electrodes, --model is a network from `innerface train bio`; the shipped one is of a simulated
performer. The points are iBUG 17 to 67 and the pupils: see docs/formats.md.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from typing import Any

from ..core import formats
from ..core.errors import InnerfaceError
from ..core.face.face_model import load_face_model
from ..core.landmarks import points as the_points
from ..core.take import Take, TrackKind
from .dependencies import required
from .output import print_electrode_quality, print_notes
from .parsing import add_face_option


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "take", metavar="TAKE", help="electrodes, face IMUs, any weights take, or a tracker's landmarks"
    )
    parser.add_argument(
        "--out", required=True, metavar="L.landmarks.csv", help="the landmarks to write; .mcap also has the confidence"
    )
    parser.add_argument(
        "--model",
        metavar="M.onnx",
        help="electrodes: the performer's network (default: the shipped one, of a simulated performer)",
    )
    add_face_option(parser, "weights: face model that they drive")
    parser.add_argument("--causal", action="store_true", help="electrodes: smooth as live does")
    parser.add_argument("--raw", action="store_true", help="electrodes: no smoothing")


def run(options: argparse.Namespace) -> dict[str, Any]:
    if not options.out.lower().endswith((".landmarks.csv", ".mcap")):
        raise InnerfaceError(f"{options.out}: must end in .landmarks.csv or .mcap; change the name")
    take = formats.read_take(options.take)
    began = time.perf_counter()
    landmark_take, source_info = _to_landmarks(take, options)
    seconds = time.perf_counter() - began
    formats.write_take(landmark_take, options.out)
    track = the_points.require_landmarks(landmark_take)
    print_notes(landmark_take.notes)
    speed = track.duration / max(seconds, 1e-9)
    if not options.json:
        print(
            f"{options.out}: {len(track.time)} rows, {track.duration:.2f} s, {track.rate:.4g} rows/s, "
            f"from {source_info['from']}, {speed:.0f} x real time"
        )
        print_electrode_quality(source_info.get("electrodes", []))
    return {
        "out": options.out,
        "rows": len(track.time),
        "rate": track.rate,
        "interocular_mm": the_points.interocular_mm(track),
        "x_realtime": speed,
        "notes": landmark_take.notes,
    } | source_info


def _to_landmarks(take: Take, options: argparse.Namespace) -> tuple[Take, dict[str, Any]]:
    kinds = take.kinds
    if TrackKind.BIOSIGNAL in kinds and (options.model or not kinds & {TrackKind.LANDMARKS, TrackKind.WEIGHTS}):
        with required("inference"):
            from ..core.bio import inference, network, quality
        landmark_take = inference.infer(take, network.load(options.model), causal=options.causal, raw=options.raw)
        return landmark_take, {
            "from": "electrodes",
            "electrodes": [asdict(e) for e in quality.assess_take(take)],
        }
    if options.model or options.causal or options.raw:
        raise InnerfaceError("--model, --causal and --raw are for electrodes, and the take has none; omit them")
    from ..core.landmarks.sources import landmarks_of
    from ..core.pipeline import to_weights_take

    if not kinds & {TrackKind.LANDMARKS, TrackKind.WEIGHTS}:
        take = to_weights_take(take)
    track, notes = landmarks_of(take, load_face_model(options.face))
    return Take(take.name, {TrackKind.LANDMARKS: track}, notes, take.sound), {
        "from": TrackKind.LANDMARKS if TrackKind.LANDMARKS in kinds else TrackKind.WEIGHTS
    }

"""Turn any take into 53 landmarks: electrodes through a performer's network, a camera's take through a face, a tracker's table into the common face space.

`innerface landmarks TAKE --out L.landmarks.csv`. Of electrodes, --model is what `innerface train bio` wrote; without it the shipped network is used, which
knows a simulated performer only. Points are iBUG 17 to 67 and the pupils; docs/formats.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict
from typing import Any

from ..core import formats
from ..core.errors import InnerfaceError
from ..core.face.face_model import load_face_model
from ..core.landmarks import points as the_points
from ..core.take import Take, TrackKind


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "take", metavar="TAKE", help="electrodes, a camera's or any weights take, face IMUs, or a tracker's landmarks"
    )
    parser.add_argument(
        "--out", required=True, metavar="L.landmarks.csv", help="the landmarks to write; .mcap keeps confidence as well"
    )
    parser.add_argument(
        "--model",
        metavar="M.onnx",
        help="electrodes: the performer's network (default: the shipped one, of a simulated performer)",
    )
    parser.add_argument(
        "--face",
        metavar="FACE",
        help="weights: the face whose points they move: bundled, or an .npz (default: ICT where found)",
    )
    parser.add_argument("--causal", action="store_true", help="electrodes: smoothed as live")
    parser.add_argument("--raw", action="store_true", help="electrodes: not smoothed")


def run(options: argparse.Namespace) -> dict[str, Any]:
    if not options.out.lower().endswith((".landmarks.csv", ".mcap")):
        raise InnerfaceError(f"{options.out}: should end in .landmarks.csv or .mcap; change the name")
    take = formats.read_take(options.take)
    began = time.perf_counter()
    landmark_take, source_info = _to_landmarks(take, options)
    seconds = time.perf_counter() - began
    formats.write_take(landmark_take, options.out)
    track = the_points.require_landmarks(landmark_take)
    for note in landmark_take.notes:
        print(f"note: {note}", file=sys.stderr)
    speed = track.duration / max(seconds, 1e-9)
    if not options.json:
        print(
            f"{options.out}: {len(track.time)} rows, {track.duration:.2f} s, {track.rate:.4g} rows/s, from {source_info['from']}, {speed:.0f} x real time"
        )
        for e in source_info.get("electrodes", []):
            print(
                f"  {e['channel']:<12} rest {e['rest_uv']:.1f} uV, loudest {e['peak_uv']:.1f} uV, mains {e['mains_uv']:.1f} uV, missing {e['missing']:.1%}"
            )
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
        try:
            from ..core.bio import inference, network, quality
            from ..core.bio.signal import bio_track, to_uniform_rate
        except ImportError as error:
            raise InnerfaceError(f"inference needs SciPy, which does not load ({error}); pip install scipy") from None
        landmark_take = inference.infer(take, network.load(options.model), options.causal, options.raw)
        return landmark_take, {
            "from": "electrodes",
            "electrodes": [asdict(e) for e in quality.assess_electrodes(to_uniform_rate(bio_track(take)))],
        }
    if options.model or options.causal or options.raw:
        raise InnerfaceError("--model, --causal and --raw are of electrodes, and the take has none; leave them away")
    from ..core.landmarks.sources import landmarks_of
    from ..core.pipeline import to_weights_take

    if not kinds & {TrackKind.LANDMARKS, TrackKind.WEIGHTS}:
        take = to_weights_take(take)
    track, notes = landmarks_of(take, load_face_model(options.face))
    return Take(take.name, {TrackKind.LANDMARKS: track}, notes, take.sound), {
        "from": TrackKind.LANDMARKS if TrackKind.LANDMARKS in kinds else TrackKind.WEIGHTS
    }

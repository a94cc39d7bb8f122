"""Track the face of a video: Apple's 52 channels and head angles, or 53 landmarks, at the video's own times.

Needs the extra `camera` (pip install 'innerface[camera]') and the tracker's model file, which 'innerface fetch
face-model' gets once. Nothing of a picture leaves this computer or is kept. Pictures without a face become lost rows.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from ..core import formats
from ..core.take import Take, TrackKind
from . import videos
from .output import print_notes
from .parsing import add_face_model_option


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("video", metavar="VIDEO", help="a video of one performer, or a photograph")
    parser.add_argument(
        "--out",
        required=True,
        metavar="W.csv|T.mcap|L.landmarks.csv",
        help="the take to write: weights, weights and landmarks, or landmarks",
    )
    parser.add_argument(
        "--face",
        type=int,
        default=0,
        metavar="N",
        help="which of several faces, by size from 0 (default: the largest)",
    )
    add_face_model_option(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    formats.find_writer(Path(options.out))
    began = time.perf_counter()
    take = videos.track(options.video, options.face_model, options.face)
    seconds = time.perf_counter() - began
    if options.out.lower().endswith(".landmarks.csv"):
        take = Take(take.name, {TrackKind.LANDMARKS: take.tracks[TrackKind.LANDMARKS]}, take.notes)
    formats.write_take(take, options.out)
    print_notes(take.notes)
    track = next(iter(take.tracks.values()))
    lost = int(np.isnan(track.values).all(axis=1).sum())
    rows = len(track.time)
    if not options.json:
        print(
            f"{options.out}: {rows} pictures, {track.duration:.2f} s, {track.rate:.4g} a second, {lost} without a "
            f"face, {rows / max(seconds, 1e-9):.0f} pictures a second"
        )
    return {
        "out": options.out,
        "rows": rows,
        "rate": track.rate,
        "duration_s": track.duration,
        "lost_rows": lost,
        "track_fps": rows / max(seconds, 1e-9),
        "notes": take.notes,
    }

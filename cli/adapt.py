"""Adapt the model to one performer in seconds, from sensors and a camera recorded together.

Needs half a minute to five minutes of both takes on one clock, or --align. `innerface infer --adapter P.npz` then
corrects every later take of this performer. Does not need torch; `innerface train imu --finetune` corrects more and
takes minutes.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from typing import Any

from ..core import formats
from ..core.errors import InnerfaceError
from ..core.face.channels import ARKIT
from ..core.imu.layout import load_layout
from .dependencies import required
from .output import print_notes, print_take_notes
from .parsing import add_face_model_option, add_layout_option
from .videos import read_face_take


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--imu", required=True, metavar="TAKE", help="the IMU take")
    camera = parser.add_mutually_exclusive_group(required=True)
    camera.add_argument("--arkit", metavar="W.csv", help="the camera's take of the same performance")
    camera.add_argument(
        "--video", dest="arkit", metavar="FILE", help="a video of the same performance, which is tracked first"
    )
    parser.add_argument("--out", required=True, metavar="P.npz", help="the adapter to write")
    parser.add_argument(
        "--align", action="store_true", help="align the takes first; for takes that are not on one clock"
    )
    parser.add_argument(
        "--model", metavar="M", help="the model to correct (default: the shipped networks, offline and live)"
    )
    add_face_model_option(parser)
    add_layout_option(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    with required("adapting"):
        from ..core.imu import adapter, linear_model, model
        from ..core.imu.inference import imu_track
        from ..core.imu.model import estimate
        from ..core.imu.motion_signal import motion_signal
        from ..core.imu.simulation import examples
        from ..core.rates import FRAME_RATE
        from ..core.take import alignment
    if not options.out.endswith(".npz"):
        raise InnerfaceError(f"{options.out}: must end in .npz; change the name")
    sites = load_layout(options.layout)
    imu, camera = formats.read_take(options.imu), read_face_take(options.arkit, options.face_model)
    began = time.perf_counter()
    track = camera.weights()
    if options.align:
        motion_model = linear_model.load()
        clock_alignment = alignment.align(
            motion_signal(imu, sites, motion_model), motion_signal(camera, sites, motion_model)
        )
        track = replace(track, time=clock_alignment.a_time(track.time))
    corrections, scores, seconds, rest = {}, {}, 0.0, None
    for live in (False, True) if options.model is None else (False,):
        base_model, notes = model.load(options.model, live)
        print_notes(notes)
        if base_model.id in corrections:  # the linear model, which replaces both
            continue
        try:
            example = examples.paired_example(imu_track(imu), track, sites, causal=live)
            truth = example.weights[:, : len(ARKIT)]
            if rest is None:
                rest = adapter.find_relaxed_face(example.motion, truth, example.use)
            weights = estimate(base_model, example.motion, rest=rest)[0]
            corrections[base_model.id], score = adapter.fit(example.motion, weights, truth, use=example.use)
        except InnerfaceError as error:
            raise InnerfaceError(f"{options.imu}, {options.arkit}: {error}") from None
        scores["live" if live else "offline"] = score
        seconds = float(example.use.sum()) / FRAME_RATE
    adapter.Adapter(adapter.layout_sites(), corrections, seconds, rest, rest is not None).save(options.out)
    elapsed = time.perf_counter() - began
    print_take_notes(imu, camera)
    if not options.json:
        print(f"{options.out}: learned from {seconds:.1f} s of paired takes, in {elapsed:.1f} s")
        for name, score in scores.items():
            print(
                f"mean square error of the weights, {name}, on held-out blocks: "
                f"{score['before']:.4f} before, {score['after']:.4f} after"
            )
    return {"out": options.out, "paired_s": seconds, "seconds": elapsed, "mse": scores}

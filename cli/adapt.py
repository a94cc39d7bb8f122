"""Learn what the model gets wrong on one performer, in seconds: `innerface adapt --imu TAKE --arkit W.csv --out P.npz`.

Half a minute to five minutes of sensors and a camera together, on one clock (or --align). `innerface infer --adapter P.npz` then corrects
every later take of this performer. Without torch; `innerface train imu --finetune` goes further and takes minutes.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from typing import Any

from ..core import formats
from ..core.errors import InnerfaceError
from ..core.face.channels import ARKIT
from ..core.imu.layout import load_layout


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--imu", required=True, metavar="TAKE", help="the sensor take")
    parser.add_argument("--arkit", required=True, metavar="W.csv", help="the camera's take of the same performance")
    parser.add_argument("--out", required=True, metavar="P.npz", help="the adapter to write")
    parser.add_argument(
        "--align", action="store_true", help="the two are on clocks of their own: find which moment is which first"
    )
    parser.add_argument(
        "--model", metavar="M", help="the model to correct (default: the shipped networks, offline and live)"
    )
    parser.add_argument("--layout", default="default", metavar="L", help="sites: a shipped layout or a .json file")


def run(options: argparse.Namespace) -> dict[str, Any]:
    try:
        from ..core.imu import adapter, linear_model, model
        from ..core.imu.inference import estimate, imu_track
        from ..core.imu.motion_signal import motion_signal
        from ..core.imu.session import MotionToFace
        from ..core.imu.simulation import examples
        from ..core.rates import FRAME_RATE
        from ..core.take import alignment
    except ImportError as error:
        raise InnerfaceError(f"adapting needs SciPy, which does not load ({error}); pip install scipy") from None
    if not options.out.endswith(".npz"):
        raise InnerfaceError(f"{options.out}: should end in .npz; change the name")
    sites = load_layout(options.layout)
    imu, camera = formats.read_take(options.imu), formats.read_take(options.arkit)
    began = time.perf_counter()
    track = camera.weights()
    if options.align:
        motion_model = linear_model.load()
        clock_alignment = alignment.align(
            motion_signal(imu, sites, motion_model), motion_signal(camera, sites, motion_model)
        )
        track = replace(track, time=clock_alignment.a_time(track.time))
    corrections, scores, seconds = {}, {}, 0.0
    for live in (False, True) if options.model is None else (False,):
        base_model, notes = model.load(options.model, live)
        for note in notes:
            print(f"note: {note}", file=sys.stderr)
        if base_model.id in corrections:  # the linear model, which stands in for both
            continue
        try:
            example = examples.paired_example(imu_track(imu), track, sites, live)
            weights = (
                MotionToFace(base_model, raw=True).push(example.motion)
                if live
                else estimate(base_model, example.motion)
            )[0]
            corrections[base_model.id], score = adapter.fit(
                example.motion, weights, example.weights[:, : len(ARKIT)], example.use
            )
        except InnerfaceError as error:
            raise InnerfaceError(f"{options.imu}, {options.arkit}: {error}") from None
        scores["live" if live else "offline"] = score
        seconds = float(example.use.sum()) / FRAME_RATE
    adapter.Adapter(adapter.layout_sites(), corrections, seconds).save(options.out)
    elapsed = time.perf_counter() - began
    if not options.json:
        print(f"{options.out}: learned from {seconds:.1f} s of sensors and camera together, in {elapsed:.1f} s")
        for name, score in scores.items():
            print(
                f"mean square error of weights, {name}, on stretches left out: {score['before']:.4f} before, {score['after']:.4f} after"
            )
    return {"out": options.out, "paired_s": seconds, "seconds": elapsed, "mse": scores}

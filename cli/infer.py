"""Infer a weights take from a sensor take: calibrate, infer, smooth.

A take of IMUs must contain a relaxed face, and should contain a nod and a shake of the head, best at its start; these
spans are detected or given. Without a nod, ordinary motion calibrates the sensors, less surely. Electrodes need the
performer's network (--electrodes, from innerface train bio); a take of both uses both. Writes Live Link Face CSV at 60
rows per second over the whole take, with the take's own time as timecode.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import formats
from ..core.errors import InnerfaceError
from ..core.face.channels import ARKIT
from ..core.pipeline import FacePipeline, PerformerSettings, SolvedWeights, TakeOptions, has_camera
from ..core.rates import FRAME_RATE
from ..core.take import Take, Track, TrackKind
from ..core.take.resample import resample_linear
from .dependencies import required
from .output import print_calibration_spans, print_electrode_quality, print_notes
from .parsing import (
    add_calibration_options,
    add_face_model_option,
    add_layout_option,
    parse_site_drives,
    parse_smoothing,
    parse_span,
)
from .videos import face_take_file

if TYPE_CHECKING:
    from ..core.imu.inference import ImuInference


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "take", metavar="TAKE", help="a take of face IMUs, of electrodes, or of both: .imu.csv, .bio.csv or .mcap"
    )
    parser.add_argument("--out", required=True, metavar="W.csv", help="the weights take to write")
    add_calibration_options(parser)
    parser.add_argument(
        "--model",
        metavar="M",
        help="a network (.onnx), linear, or a linear model's .npz (default: the shipped network)",
    )
    parser.add_argument(
        "--electrodes",
        metavar="M.onnx",
        help="the performer's network for electrodes; simulated: the shipped one, of a simulated performer "
        "(default without IMUs)",
    )
    parser.add_argument("--adapter", metavar="P.npz", help="correction for this performer, from innerface adapt")
    parser.add_argument(
        "--rest",
        metavar="REST",
        help="a take of weights, a video or a photograph with a second or more of this performer's relaxed face, which "
        "sensors cannot know",
    )
    add_face_model_option(parser)
    parser.add_argument(
        "--steps",
        type=int,
        default=1,
        metavar="N",
        help="sampling steps of a diffusion network (default 1)",
    )
    add_layout_option(parser)
    parser.add_argument("--causal", action="store_true", help="infer as live does, with at most 2 frames of look-ahead")
    parser.add_argument("--raw", action="store_true", help="no smoothing")
    parser.add_argument(
        "--smooth",
        action="append",
        default=[],
        metavar="GROUP=STRENGTH",
        help="strength of smoothing for mouth, brow, cheek, eye_left or eye_right, from 0 (off) to 5 (default 1); "
        "can be repeated",
    )
    parser.add_argument(
        "--site-drive",
        "--minute",
        action="append",
        default=[],
        metavar="CHANNEL=SITE@START:END",
        help="minute motion: drive a channel by the rotation of one site, learned from the seconds of one full "
        "example; can be repeated",
    )


_IMU_ONLY_OPTIONS = ("neutral", "turn", "adapter", "rest", "smooth", "site_drive")
_MAX_STEPS = 1000


def run(options: argparse.Namespace) -> dict[str, Any]:
    take = formats.read_take(options.take)
    with required("inference"):
        from ..core.animation.smoothing import channel_strengths
        from ..core.imu.inference import imu_track
    only_electrodes = TrackKind.BIOSIGNAL in take.kinds and TrackKind.IMU not in take.kinds
    if only_electrodes:
        _check_electrode_options(options)
    elif options.electrodes and TrackKind.BIOSIGNAL not in take.kinds:
        raise InnerfaceError(f"--electrodes: {options.take} has no electrodes; omit it")
    else:
        imu_track(take)
    if not 1 <= options.steps <= _MAX_STEPS:
        raise InnerfaceError(f"--steps {options.steps}: give a whole number from 1 to {_MAX_STEPS}")
    smoothing_strengths = parse_smoothing(options.smooth)
    channel_strengths(smoothing_strengths)
    performer = PerformerSettings(
        options.layout,
        options.adapter or "",
        smoothing_strengths,
        electrodes=options.electrodes or (options.model if only_electrodes else "") or "",
        model=options.model,
        raw=options.raw,
        rest=face_take_file(options.rest or "", options.face_model),
    )
    request = TakeOptions(
        parse_span(options.neutral, "--neutral"),
        parse_span(options.turn, "--turn"),
        options.steps,
        parse_site_drives(options.site_drive),
        require_electrodes=bool(options.electrodes),
        in_one_chunk=not has_camera(take),
    )
    began = time.perf_counter()
    solved = FacePipeline(performer).run(take, options.causal, request)
    quality = _electrode_quality(take) if only_electrodes or options.electrodes else []
    seconds = time.perf_counter() - began
    if only_electrodes:
        return _write_electrode_result(solved, quality, seconds, options=options)
    return _write_result(solved, quality, seconds, options=options)


def _check_electrode_options(options: argparse.Namespace) -> None:
    for name in _IMU_ONLY_OPTIONS:
        if getattr(options, name):
            raise InnerfaceError(
                f"--{name.replace('_', '-')}: for IMUs only, but {options.take} has only electrodes; omit it"
            )
    if options.out.lower().endswith((".bio.csv", ".imu.csv", ".landmarks.csv")):
        raise InnerfaceError(
            f"{options.out}: the result is weights; use a name that ends in .csv only, in .mcap or in .json"
        )
    if options.model and options.electrodes:
        raise InnerfaceError("--model and --electrodes are the same for a take of electrodes; give one of them")


def _electrode_quality(take: Take) -> list[dict[str, Any]]:
    from ..core.bio import quality

    return [asdict(e) for e in quality.assess_take(take)]


def _write_electrode_result(
    solved: SolvedWeights, quality: list[dict[str, Any]], seconds: float, *, options: argparse.Namespace
) -> dict[str, Any]:
    inferred = solved.take
    weights = inferred.weights()
    row_times = weights.time[0] + np.arange(int(weights.duration * FRAME_RATE + 1e-6) + 1) / FRAME_RATE
    values = resample_linear(weights.time, weights.values, row_times)
    track = Track(TrackKind.WEIGHTS, row_times, weights.columns, values, weights.meta)
    tracks = inferred.tracks | {TrackKind.WEIGHTS: track}
    formats.write_take(Take(inferred.name, tracks, inferred.notes, inferred.sound), options.out)
    print_notes(inferred.notes)
    speed = track.duration / max(seconds, 1e-9)
    if not options.json:
        size = f"{len(track.time)} rows, {track.duration:.2f} s at 60 rows/s, {len(ARKIT)} weights"
        print(f"{options.out}: {size} from {len(quality)} electrodes, {speed:.0f} x real time")
        print_electrode_quality(quality)
    return {
        "out": options.out,
        "rows": len(track.time),
        "quality": quality,
        "x_realtime": speed,
        "notes": inferred.notes,
        "from": "electrodes",
    }


def _write_result(
    solved: SolvedWeights, electrode_quality: list[dict[str, Any]], seconds: float, *, options: argparse.Namespace
) -> dict[str, Any]:
    formats.write_take(solved.take, options.out)
    track, imu = solved.take.weights(), solved.imu
    speed = track.duration / max(seconds, 1e-9)
    print_notes(solved.take.notes)
    if not options.json:
        size = f"{len(track.time)} rows, {track.duration:.2f} s at 60 rows/s, {len(ARKIT)} weights and head angles"
        sites = "" if imu is None else f" from {len(imu.motion.sites)} face sites"
        print(f"{options.out}: {size}{sites}, {speed:.0f} x real time")
        if imu is not None:
            _print_imu_report(imu)
        print_electrode_quality(electrode_quality)
    result = {"out": options.out, "rows": len(track.time), "x_realtime": speed, "notes": solved.take.notes}
    if imu is not None:
        result |= {
            "neutral": list(imu.calibration.neutral_span),
            "turn": list(imu.calibration.turn_span),
            "renamed": imu.calibration.renamed,
            "quality": [asdict(q) for q in imu.quality],
            "invented": list(imu.unobserved),
        }
    return result | ({"electrodes": electrode_quality} if electrode_quality else {})


def _print_imu_report(imu: ImuInference) -> None:
    print_calibration_spans(imu.calibration.neutral_span, imu.calibration.turn_span)
    if imu.unobserved:
        print(f"not observed by any sensor, filled in by the model: {', '.join(imu.unobserved)}")
    print(f"{'site':<20}{'noise deg':>10}{'m/s^2':>8}{'drift deg/min':>15}{'loss':>8}")
    for q in imu.quality:
        print(f"{q.site:<20}{q.noise_deg:>10.3f}{q.noise_accel:>8.3f}{q.drift_dpm:>15.1f}{q.loss:>8.1%}")

"""Infer a weights take from a sensor take: calibrate, infer, smooth.

A take of IMUs must contain a relaxed face, and a nod and a shake of the head, best at its start; these spans are
detected or given. Electrodes need the performer's network (--electrodes, from innerface train bio); a take of both
uses both. Writes Live Link Face CSV at 60 rows per second over the whole take, with the take's own time as timecode.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from typing import Any

import numpy as np

from ..core import formats
from ..core.errors import InnerfaceError
from ..core.face.channels import ARKIT
from ..core.imu.layout import load_layout
from ..core.rates import FRAME_RATE
from ..core.take import Take, Track, TrackKind
from ..core.take.resample import resample_linear
from .dependencies import required
from .output import print_calibration_spans, print_electrode_quality, print_notes
from .parsing import add_calibration_options, add_layout_option, parse_site_drives, parse_smoothing, parse_span


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


_IMU_ONLY_OPTIONS = ("neutral", "turn", "adapter", "smooth", "site_drive")


def run(options: argparse.Namespace) -> dict[str, Any]:
    take = formats.read_take(options.take)
    kinds = take.kinds
    if TrackKind.BIOSIGNAL in kinds and TrackKind.IMU not in kinds:
        return _infer_electrodes(take, options)
    if options.electrodes and TrackKind.BIOSIGNAL not in kinds:
        raise InnerfaceError(f"--electrodes: {options.take} has no electrodes; omit it")
    return _infer_imus(take, options)


def _infer_electrodes(take: Take, options: argparse.Namespace) -> dict[str, Any]:
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
    began = time.perf_counter()
    inferred, quality = _weights_from_electrodes(take, options, options.electrodes or options.model)
    seconds = time.perf_counter() - began
    weights = inferred.weights()
    row_times = weights.time[0] + np.arange(int(weights.duration * FRAME_RATE + 1e-6) + 1) / FRAME_RATE
    track = Track(
        TrackKind.WEIGHTS,
        row_times,
        weights.columns,
        resample_linear(weights.time, weights.values, row_times),
        weights.meta,
    )
    formats.write_take(
        Take(inferred.name, inferred.tracks | {TrackKind.WEIGHTS: track}, inferred.notes, inferred.sound), options.out
    )
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


def _weights_from_electrodes(
    take: Take, options: argparse.Namespace, path: str | None
) -> tuple[Take, list[dict[str, Any]]]:
    """Weights from electrodes, and the quality of each electrode."""
    with required("inference"):
        from ..core.bio import channels, network, quality
        from ..core.bio.signal import bio_track, to_uniform_rate
    result = channels.infer_weights(take, network.load(path), options.causal, options.raw)
    return result, [asdict(e) for e in quality.assess_electrodes(to_uniform_rate(bio_track(take)))]


def _infer_imus(take: Take, options: argparse.Namespace) -> dict[str, Any]:
    with required("inference"):
        from ..core.animation.smoothing import channel_strengths
        from ..core.imu import adapter, inference, model
    neutral, turn = parse_span(options.neutral, "--neutral"), parse_span(options.turn, "--turn")
    smoothing_strengths = parse_smoothing(options.smooth)
    channel_strengths(smoothing_strengths)
    drive_examples = parse_site_drives(options.site_drive)
    imu_model, notes = model.load(options.model, options.causal)
    if not 1 <= options.steps <= 1000:
        raise InnerfaceError(f"--steps {options.steps}: give a whole number from 1 to 1000")
    performer_adapter = adapter.load(options.adapter) if options.adapter else None
    if performer_adapter is not None:
        performer_adapter.correction(imu_model.id, options.adapter)
    began = time.perf_counter()
    imu_result = inference.infer(
        take,
        load_layout(options.layout),
        imu_model,
        neutral,
        turn,
        options.causal,
        options.raw,
        drive_examples,
        performer_adapter,
        options.steps,
        smoothing_strengths,
    )
    imu_result.take.notes += notes
    result, electrode_quality = imu_result.take, []
    if options.electrodes:
        from ..core.fusion import fuse

        electrode_take, electrode_quality = _weights_from_electrodes(take, options, options.electrodes)
        result = fuse(imu_result.take, electrode_take)
    elif TrackKind.BIOSIGNAL in take.kinds:
        result.notes.append(
            "the take also has electrodes, which need the performer's network (--electrodes M.onnx); only IMUs are used"
        )
    seconds = time.perf_counter() - began
    formats.write_take(result, options.out)
    track, calibration = result.weights(), imu_result.calibration
    print_notes(result.notes)
    if not options.json:
        print(
            f"{options.out}: {len(track.time)} rows, {track.duration:.2f} s at 60 rows/s, {len(ARKIT)} weights and "
            "head "
            f"angles from {len(imu_result.motion.sites)} face sites, {track.duration / max(seconds, 1e-9):.0f} x real "
            "time"
        )
        print_calibration_spans(calibration.neutral_span, calibration.turn_span)
        if imu_result.unobserved:
            print(f"not observed by any sensor, filled in by the model: {', '.join(imu_result.unobserved)}")
        print(f"{'site':<20}{'noise deg':>10}{'m/s^2':>8}{'drift deg/min':>15}{'loss':>8}")
        for q in imu_result.quality:
            print(f"{q.site:<20}{q.noise_deg:>10.3f}{q.noise_accel:>8.3f}{q.drift_dpm:>15.1f}{q.loss:>8.1%}")
        print_electrode_quality(electrode_quality)
    return {
        "out": options.out,
        "rows": len(track.time),
        "neutral": list(calibration.neutral_span),
        "turn": list(calibration.turn_span),
        "renamed": calibration.renamed,
        "quality": [asdict(q) for q in imu_result.quality],
        "x_realtime": track.duration / max(seconds, 1e-9),
        "invented": list(imu_result.unobserved),
        "notes": result.notes,
    } | ({"electrodes": electrode_quality} if electrode_quality else {})

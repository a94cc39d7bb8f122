"""Turn a sensor take into a weights take: calibrate, infer, smooth.

Of IMUs, the take holds a relaxed face, a nod and a shake of the head somewhere, best at its start; both spans are found, or given. Electrodes go through the
performer's network (--electrodes, innerface train bio), and a take of both through both.
Writes Live Link Face CSV at 60 rows a second over the whole take, with timecode = the take's own time.
"""

from __future__ import annotations

import argparse
import sys
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
from .spans import span


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "take", metavar="TAKE", help="a take of face IMUs, of electrodes, or of both: .imu.csv, .bio.csv or .mcap"
    )
    parser.add_argument("--out", required=True, metavar="W.csv", help="the weights take to write")
    parser.add_argument("--neutral", metavar="START:END", help="seconds in which the face is relaxed (default: found)")
    parser.add_argument(
        "--turn", metavar="START:END", help="seconds in which the head nods and shakes (default: found)"
    )
    parser.add_argument(
        "--model",
        metavar="M",
        help="a network (.onnx), linear, or a linear model's .npz (default: the shipped network)",
    )
    parser.add_argument(
        "--electrodes",
        metavar="M.onnx",
        help="the performer's network for electrodes; simulated: the shipped one, of a simulated performer (default without IMUs)",
    )
    parser.add_argument("--adapter", metavar="P.npz", help="what was learned of this performer by innerface adapt")
    parser.add_argument(
        "--steps",
        type=int,
        default=1,
        metavar="N",
        help="of a diffusion network (default 1); others answer in one step",
    )
    parser.add_argument("--layout", default="default", metavar="L", help="sites: a shipped layout or a .json file")
    parser.add_argument("--causal", action="store_true", help="as live: at most 2 frames of look-ahead")
    parser.add_argument("--raw", action="store_true", help="no smoothing")
    parser.add_argument(
        "--smooth",
        action="append",
        default=[],
        metavar="GROUP=STRENGTH",
        help="smooth mouth, brow, cheek, eye_left or eye_right otherwise than usual (1): 0 is off, up to 5; repeat for several",
    )
    parser.add_argument(
        "--minute",
        action="append",
        default=[],
        metavar="CHANNEL=SITE@START:END",
        help="minute motion: drive a channel by one site's turn, learned from the seconds in which it is done once, fully; repeat for several",
    )


_IMU_ONLY_OPTIONS = ("neutral", "turn", "adapter", "smooth", "minute")


def run(options: argparse.Namespace) -> dict[str, Any]:
    take = formats.read_take(options.take)
    kinds = take.kinds
    if TrackKind.BIOSIGNAL in kinds and TrackKind.IMU not in kinds:
        return _infer_electrodes(take, options)
    if options.electrodes and TrackKind.BIOSIGNAL not in kinds:
        raise InnerfaceError(f"--electrodes: {options.take} holds no electrodes; leave it away")
    return _infer_imus(take, options)


def _infer_electrodes(take: Take, options: argparse.Namespace) -> dict[str, Any]:
    for name in _IMU_ONLY_OPTIONS:
        if getattr(options, name):
            raise InnerfaceError(f"--{name}: is of IMUs, and {options.take} holds electrodes; leave it away")
    if options.out.lower().endswith((".bio.csv", ".imu.csv", ".landmarks.csv")):
        raise InnerfaceError(f"{options.out}: is to hold weights; end its name in .csv alone, or in .mcap or .json")
    if options.model and options.electrodes:
        raise InnerfaceError("--model and --electrodes: mean the same for a take of electrodes; give one of them")
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
    for note in inferred.notes:
        print(f"note: {note}", file=sys.stderr)
    speed = track.duration / max(seconds, 1e-9)
    if not options.json:
        size = f"{len(track.time)} rows, {track.duration:.2f} s at 60 rows/s, {len(ARKIT)} weights"
        print(f"{options.out}: {size} from {len(quality)} electrodes, {speed:.0f} x real time")
        _print_electrode_quality(quality)
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
    """Weights by way of the points, and how each electrode was."""
    try:
        from ..core.bio import channels, network, quality
        from ..core.bio.signal import bio_track, to_uniform_rate
    except ImportError as error:
        raise InnerfaceError(f"inference needs SciPy, which does not load ({error}); pip install scipy") from None
    result = channels.infer_weights(take, network.load(path), options.causal, options.raw)
    return result, [asdict(e) for e in quality.assess_electrodes(to_uniform_rate(bio_track(take)))]


def _print_electrode_quality(quality: list[dict[str, Any]]) -> None:
    for e in quality:
        print(
            f"  {e['channel']:<12} rest {e['rest_uv']:.1f} uV, loudest {e['peak_uv']:.1f} uV, mains {e['mains_uv']:.1f} uV, missing {e['missing']:.1%}"
        )


def _infer_imus(take: Take, options: argparse.Namespace) -> dict[str, Any]:
    try:
        from ..core.animation.smoothing import channel_strengths
        from ..core.imu import adapter, inference, model
    except ImportError as error:
        raise InnerfaceError(f"inference needs SciPy, which does not load ({error}); pip install scipy") from None
    neutral, turn = span(options.neutral, "--neutral"), span(options.turn, "--turn")
    smoothing_strengths = dict(_parse_smoothing(text) for text in options.smooth)
    channel_strengths(smoothing_strengths)
    drive_examples = tuple(_parse_site_drive(text, inference.SiteDriveExample) for text in options.minute)
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
            "the take holds electrodes too, which need the performer's own network (--electrodes M.onnx); the IMUs alone are used"
        )
    seconds = time.perf_counter() - began
    formats.write_take(result, options.out)
    track, calibration = result.weights(), imu_result.calibration
    for note in result.notes:
        print(f"note: {note}", file=sys.stderr)
    if not options.json:
        print(
            f"{options.out}: {len(track.time)} rows, {track.duration:.2f} s at 60 rows/s, {len(ARKIT)} weights and the head from "
            f"{len(imu_result.motion.sites)} face sites, {track.duration / max(seconds, 1e-9):.0f} x real time"
        )
        print(
            "neutral {:.2f}:{:.2f}, turn {:.2f}:{:.2f} (seconds from the first row)".format(
                *calibration.neutral_span, *calibration.turn_span
            )
        )
        if imu_result.unobserved:
            print(f"invented, for no sensor sees them: {', '.join(imu_result.unobserved)}")
        print(f"{'site':<20}{'noise deg':>10}{'m/s^2':>8}{'drift deg/min':>15}{'loss':>8}")
        for q in imu_result.quality:
            print(f"{q.site:<20}{q.noise_deg:>10.3f}{q.noise_accel:>8.3f}{q.drift_dpm:>15.1f}{q.loss:>8.1%}")
        _print_electrode_quality(electrode_quality)
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


def _parse_smoothing(text: str) -> tuple[str, float]:
    group, _, strength = text.partition("=")
    try:
        return group, float(strength)
    except ValueError:
        raise InnerfaceError(f"--smooth {text}: is not GROUP=STRENGTH, such as mouth=0.5") from None


def _parse_site_drive(text: str, example_class: Any) -> Any:
    channel, _, rest = text.partition("=")
    site, _, seconds = rest.partition("@")
    example_span = span(seconds or None, "--minute")
    if not channel or not site or example_span is None:
        raise InnerfaceError(f"--minute {text}: is not CHANNEL=SITE@START:END; such as cheekPuff=buccinator_left@12:14")
    return example_class(channel, site, example_span)

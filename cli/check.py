"""Check a take of face IMUs or electrodes: the quality of each sensor, and whether it is at its site.

With IMUs, perform a smile, raised brows and a dropped jaw after nodding and shaking the head, and give their seconds:
sites that are dead, swapped or mirrored, the most common mistake, are reported. Electrodes are reported that are flat,
saturated, off the skin, or have mains hum.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from ..core import formats
from ..core.errors import InnerfaceError
from ..core.face.face_model import load_bundled
from ..core.imu.layout import load_layout
from ..core.take import Take, TrackKind
from .dependencies import required
from .output import print_calibration_spans
from .parsing import add_calibration_options, add_layout_option, parse_span


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "take", metavar="TAKE", help="a take of face IMUs or of electrodes: .imu.csv, .bio.csv or .mcap"
    )
    add_calibration_options(parser)
    add_layout_option(parser)
    for action, description in (("smile", "a smile"), ("brows", "raised brows"), ("jaw", "a dropped jaw")):
        parser.add_argument(f"--{action}", metavar="START:END", help=f"seconds in which {description} is held")


def run(options: argparse.Namespace) -> dict[str, Any]:
    with required("checking"):
        from ..core.imu import quality
        from ..core.imu.inference import imu_track
        from ..core.imu.motion import calibrate_take
        from ..core.imu.signal import from_track
    take = formats.read_take(options.take)
    kinds = take.kinds
    if TrackKind.BIOSIGNAL in kinds and TrackKind.IMU not in kinds:
        return _check_electrodes(take, options)
    sites = load_layout(options.layout)
    action_spans = {a: parse_span(getattr(options, a), f"--{a}") for a in quality.ACTIONS}
    action_spans = {a: s for a, s in action_spans.items() if s is not None}
    signal = from_track(imu_track(take))
    try:
        calibration, motion = calibrate_take(
            signal,
            sites,
            neutral=parse_span(options.neutral, "--neutral"),
            turn=parse_span(options.turn, "--turn"),
        )
    except InnerfaceError as error:
        raise InnerfaceError(f"{options.take}: {error}") from None
    placement_problems = (
        quality.check_placement(motion, action_spans, quality.action_signatures(load_bundled(), sites, motion.sites))
        if action_spans
        else []
    )
    report = quality.report(signal, calibration, motion)
    warnings = [*take.notes, *calibration.notes, *(q.words for q in report if q.words), *placement_problems]
    if not options.json:
        print_calibration_spans(calibration.neutral_span, calibration.turn_span)
        print(f"{'site':<20}{'noise deg':>10}{'m/s^2':>8}{'wander deg':>13}{'drift deg/min':>15}{'loss':>8}")
        for q in report:
            print(
                f"{q.site:<20}{q.noise_deg:>10.3f}{q.noise_accel:>8.3f}{q.still_deg:>13.2f}"
                f"{q.drift_dpm:>15.1f}{q.loss:>8.1%}"
            )
        for line in warnings:
            print(f"! {line}")
        if action_spans and not placement_problems:
            print(f"every site moves as expected ({', '.join(action_spans)})")
        if not action_spans:
            print("placement was not checked; give the seconds of --smile, --brows and --jaw")
    return {
        "neutral": list(calibration.neutral_span),
        "turn": list(calibration.turn_span),
        "quality": [asdict(q) for q in report],
        "places": placement_problems if action_spans else None,
        "words": warnings,
    }


def _check_electrodes(take: Take, options: argparse.Namespace) -> dict[str, Any]:
    """Check a take of electrodes."""
    from ..core.bio import quality

    report = quality.assess_take(take)
    warnings = [
        *take.notes,
        *(f"electrode {e.channel}: {e.fault or e.warning}" for e in report if e.fault or e.warning),
    ]
    if not options.json:
        print(f"{'electrode':<20}{'rest µV':>10}{'peak µV':>10}{'mains µV':>10}{'missing':>9}")
        for e in report:
            print(f"{e.channel:<20}{e.rest_uv:>10.1f}{e.peak_uv:>10.1f}{e.mains_uv:>10.1f}{e.missing:>9.1%}")
        for line in warnings:
            print(f"! {line}")
    return {"quality": [asdict(e) for e in report], "words": warnings}

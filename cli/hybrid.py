"""Repair a camera take where something hid the face: from sensors, a second take, or the rest of the face.

Ranges are given (--occluded, seconds from the first row), detected (--detect; also when none are given), or both. The
second take is aligned with the camera by motion, and refused if it does not match; its channels are mapped onto this
performer's camera and blended in without a step. Samples outside of the ranges do not change. Without --imu and
--with, hidden channels are predicted from the rest of the face and from the audio beside the take.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core import formats
from ..core.errors import InnerfaceError
from ..core.face.channels import GROUPS
from .dependencies import required
from .output import print_notes
from .parsing import add_face_model_option, add_layout_option
from .videos import face_take_file, read_face_take

if TYPE_CHECKING:
    import numpy as np

    from ..core.hybrid.ranges import Occlusion
    from ..core.take import Take


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--arkit", required=True, metavar="W", help="the camera's take, or its video")
    parser.add_argument(
        "--out", required=True, metavar="OUT", help="the repaired take, with the camera's rows and timecodes"
    )
    helper_group = parser.add_mutually_exclusive_group()
    helper_group.add_argument("--imu", metavar="TAKE", help="an IMU take of the same performance")
    helper_group.add_argument(
        "--with",
        dest="other",
        metavar="TAKE",
        help="any weights take of it: from a second phone, from audio, or hand animation",
    )
    parser.add_argument(
        "--occluded",
        action="append",
        default=[],
        metavar="START:END[:GROUP]",
        help=f"range in which the camera cannot be trusted; GROUP is one of {', '.join(GROUPS)} (default: all); "
        "can be repeated",
    )
    parser.add_argument("--detect", action="store_true", help="also detect hidden ranges")
    parser.add_argument(
        "--plain",
        action="store_true",
        help="copy the second take's channels without mapping or fades (IMUSIC's method)",
    )
    parser.add_argument(
        "--offset",
        type=float,
        metavar="S",
        help="camera time = time of the second take + S, instead of alignment by motion",
    )
    parser.add_argument(
        "--adapter", metavar="P.npz", help="with --imu: correction for this performer, from innerface adapt"
    )
    parser.add_argument(
        "--rest", metavar="REST", help="with --imu: a take of weights, a video or a photograph with the relaxed face"
    )
    add_face_model_option(parser)
    parser.add_argument("--model", metavar="M", help="with --imu: a network (.onnx), linear, or a linear model's .npz")
    add_layout_option(parser, "with --imu: ")


def run(options: argparse.Namespace) -> dict[str, Any]:
    with required("repairing"):
        from ..core.hybrid import ranges, repair
        from ..core.hybrid.helper_alignment import align_helper, sensor_take
        from ..core.imu import model
        from ..core.imu.layout import load_layout
        from ..core.pipeline.performer_files import load_adapter
    helper_path = options.imu or options.other
    if options.plain and helper_path is None:
        raise InnerfaceError("--plain copies another take's channels; give one with --imu or --with")
    if options.offset is not None and helper_path is None:
        raise InnerfaceError("--offset is for a second take; give one with --imu or --with")
    for flag in ("adapter", "rest", "model"):
        if getattr(options, flag) and not options.imu:
            raise InnerfaceError(f"--{flag} is for IMU takes; give one with --imu")
    camera = read_face_take(options.arkit, options.face_model)
    if options.out and Path(options.out).exists() and Path(options.out).samefile(options.arkit):
        raise InnerfaceError(f"{options.out}: is the camera take; write to another file")
    track = camera.weights()
    given_ranges = ranges.parse_ranges(options.occluded, track.duration, options.arkit)
    began, aligned, notes = time.perf_counter(), None, list(camera.notes)
    if helper_path is not None:
        helper_take = read_face_take(helper_path, options.face_model)
        if options.imu:
            sensors = sensor_take(helper_take)
            if sensors is None:
                raise InnerfaceError(f"{helper_path}: not an IMU take; give it with --with")
            helper_take = sensors
        imu_model, model_notes = model.load(options.model) if options.imu else (None, [])
        performer_adapter, rest_notes = load_adapter(
            options.adapter or "", face_take_file(options.rest or "", options.face_model)
        )
        if performer_adapter is not None and imu_model is not None:
            performer_adapter.check(imu_model.id, options.adapter or options.rest)
        same_file = Path(helper_path).samefile(options.arkit)  # recorded on one clock
        aligned = align_helper(
            camera,
            helper_take,
            ranges=given_ranges,
            offset_s=0.0 if same_file and options.offset is None else options.offset,
            sites=load_layout(options.layout),
            model=imu_model,
            adapter=performer_adapter,
        )
        notes += [f"{helper_take.name}: {note}" for note in helper_take.notes if note not in notes]
        notes += [*model_notes, *rest_notes, *aligned.notes]
    sound_features = _sound_features(camera, notes) if not options.plain else None
    helper = aligned.helper if aligned else None
    doubt = aligned.doubt if aligned else None
    repaired = repair.repair(
        camera,
        given_ranges,
        helper,
        find_ranges=options.detect or not given_ranges,
        substitute_only=options.plain,
        sound=sound_features,
        doubt=doubt,
    )
    seconds = time.perf_counter() - began
    formats.write_take(repaired.take, options.out)
    print_notes(notes)
    if not options.json:
        if aligned and aligned.alignment:
            alignment = aligned.alignment
            start_text = (
                f"{abs(aligned.begins_s):.3f} s {'after' if aligned.begins_s >= 0 else 'before'} the camera's take"
            )
            print(f"{helper_path}: begins {start_text}, by {alignment.method}, confidence {alignment.confidence:.2f}")
        for line in _range_lines(repaired.ranges):
            print(line)
        share = repaired.infill.changed.mean()
        print(
            f"{options.out}: {len(track.time)} rows, {share:.1%} of all samples repaired in {len(repaired.ranges)} "
            "ranges, "
            f"{track.duration / seconds:.0f} x real time"
            if repaired.ranges
            else f"{options.out}: nothing is hidden; the camera's take is unchanged"
        )
        for source in dict.fromkeys(repaired.infill.source.values()):
            channels = [c for c, s in repaired.infill.source.items() if s == source]
            origin = "camera before and after" if source == "edges" else source
            print(f"filled from the {origin}: {', '.join(_abbreviate_channels(channels))}")
    return {
        "out": options.out,
        "rows": len(track.time),
        "ranges": [asdict(r) for r in repaired.ranges],
        "changed": int(repaired.infill.changed.sum()),
        "source": repaired.infill.source,
        "alignment": None
        if aligned is None
        else {
            "offset_s": aligned.offset_s,
            "begins_s": aligned.begins_s,
            "lag_s": aligned.lag_s,
            **({} if aligned.alignment is None else asdict(aligned.alignment)),
        },
        "x_realtime": track.duration / seconds,
        "notes": notes,
    }


def _range_lines(ranges: list[Occlusion]) -> list[str]:
    """A line per range, with all groups that are hidden alike."""
    groups_by_range: dict[tuple[Any, ...], list[str]] = {}
    for r in ranges:
        groups_by_range.setdefault((r.start, r.end, r.reason, round(r.confidence, 2)), []).append(r.group)
    lines: list[str] = []
    for (start, end, reason, confidence), groups in groups_by_range.items():
        label = "the whole face" if len(groups) == len(GROUPS) else ", ".join(groups)
        lines.append(f"{start:8.2f} to {end:8.2f} s  {label}: {reason} ({confidence:.0%})")
    return lines


def _abbreviate_channels(channels: list[str]) -> list[str]:
    """Names of channels, with the names of complete groups in place of theirs."""
    full_groups = [g for g, members in GROUPS.items() if set(members) <= set(channels)]
    return full_groups + [c for c in channels if not any(c in GROUPS[g] for g in full_groups)]


def _sound_features(camera: Take, notes: list[str]) -> np.ndarray | None:
    """Features of the audio beside the camera's take at its rows; None if there is none or it cannot be read."""
    if camera.sound is None:
        return None
    from . import blender

    try:
        blender.load_bpy()
        from ..blender_addon.animation.sound import voice_features

        return voice_features(camera)
    except InnerfaceError as error:
        notes.append(f"the audio beside the take is not used: {error}")
        return None

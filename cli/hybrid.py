"""Mend a camera's take where something hid the face: with sensors, with another take, or with what is left of the face.

Ranges are given (--occluded, seconds from the first row), found (--detect; also when none are given), or both. The helping take is placed on the
camera's clock by its motion, and refused where it does not match; its channels are mapped onto this performer's camera and faded in without a step.
Samples outside of the ranges stay as they are, to the last digit. Without --imu and --with, hidden channels are made of the rest of the face, and
of the sound beside the take.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core import formats
from ..core.errors import InnerfaceError
from ..core.face.channels import GROUPS

if TYPE_CHECKING:
    import numpy as np

    from ..core.hybrid.ranges import Occlusion
    from ..core.take import Take


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--arkit", required=True, metavar="W", help="the camera's take")
    parser.add_argument("--out", required=True, metavar="OUT", help="the mended take: the camera's rows and timecodes")
    helper_group = parser.add_mutually_exclusive_group()
    helper_group.add_argument("--imu", metavar="TAKE", help="a sensor take of the same performance")
    helper_group.add_argument(
        "--with",
        dest="other",
        metavar="TAKE",
        help="any weights take of it: a second phone's, an audio-driven one, hand animation",
    )
    parser.add_argument(
        "--occluded",
        action="append",
        default=[],
        metavar="START:END[:GROUP]",
        help=f"where the camera is not to be trusted; GROUP is one of {', '.join(GROUPS)} (default: all); repeat for several",
    )
    parser.add_argument("--detect", action="store_true", help="find hidden stretches besides those given")
    parser.add_argument(
        "--plain",
        action="store_true",
        help="the other take's channels as they are, without mapping or fades (the paper's way)",
    )
    parser.add_argument(
        "--offset", type=float, metavar="S", help="camera's time = other take's time + S; no alignment by motion"
    )
    parser.add_argument(
        "--adapter", metavar="P.npz", help="with --imu: what was learned of this performer by innerface adapt"
    )
    parser.add_argument("--model", metavar="M", help="with --imu: a network (.onnx), linear, or a linear model's .npz")
    parser.add_argument(
        "--layout", default="default", metavar="L", help="with --imu: sites, a shipped layout or a .json file"
    )


def run(options: argparse.Namespace) -> dict[str, Any]:
    try:
        from ..core.hybrid import ranges, repair
        from ..core.hybrid.helper_alignment import align_helper, sensor_take
        from ..core.imu import adapter, model
        from ..core.imu.layout import load_layout
    except ImportError as error:
        raise InnerfaceError(f"mending needs SciPy, which does not load ({error}); pip install scipy") from None
    helper_path = options.imu or options.other
    if options.plain and helper_path is None:
        raise InnerfaceError("--plain puts another take's channels in; give one with --imu or --with")
    if options.offset is not None and helper_path is None:
        raise InnerfaceError("--offset says where another take lies; give one with --imu or --with")
    for flag in ("adapter", "model"):
        if getattr(options, flag) and not options.imu:
            raise InnerfaceError(f"--{flag}: is for sensor takes; give one with --imu")
    camera = formats.read_take(options.arkit)
    if options.out and Path(options.out).exists() and Path(options.out).samefile(options.arkit):
        raise InnerfaceError(f"{options.out}: is the camera's take itself; write to another file")
    track = camera.weights()
    given_ranges = ranges.parse_ranges(options.occluded, track.duration, options.arkit)
    began, aligned, notes = time.perf_counter(), None, list(camera.notes)
    if helper_path is not None:
        helper_take = formats.read_take(helper_path)
        if options.imu:
            sensors = sensor_take(helper_take)
            if sensors is None:
                raise InnerfaceError(f"{helper_path}: is no sensor take; give it with --with")
            helper_take = sensors
        imu_model, model_notes = model.load(options.model) if options.imu else (None, [])
        performer_adapter = adapter.load(options.adapter) if options.adapter else None
        if performer_adapter is not None and imu_model is not None:
            performer_adapter.correction(imu_model.id, options.adapter)
        same_file = Path(helper_path).samefile(options.arkit)  # recorded on one clock
        aligned = align_helper(
            camera,
            helper_take,
            given_ranges,
            0.0 if same_file and options.offset is None else options.offset,
            sites=load_layout(options.layout),
            model=imu_model,
            adapter=performer_adapter,
        )
        notes += [*model_notes, *aligned.notes]
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
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
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
            f"{options.out}: {len(track.time)} rows, {share:.1%} of all samples mended in {len(repaired.ranges)} ranges, {track.duration / seconds:.0f} x real time"
            if repaired.ranges
            else f"{options.out}: nothing is hidden; the camera's take as it is"
        )
        for source in dict.fromkeys(repaired.infill.source.values()):
            channels = [c for c, s in repaired.infill.source.items() if s == source]
            print(
                f"made of the {'camera before and after' if source == 'edges' else source}: {', '.join(_abbreviate_channels(channels))}"
            )
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
    """A line for each stretch: the groups that are hidden alike stand together."""
    groups_by_range: dict[tuple[Any, ...], list[str]] = {}
    for r in ranges:
        groups_by_range.setdefault((r.start, r.end, r.reason, round(r.confidence, 2)), []).append(r.group)
    return [
        f"{start:8.2f} to {end:8.2f} s  {'the whole face' if len(groups) == len(GROUPS) else ', '.join(groups)}: {reason} ({confidence:.0%})"
        for (start, end, reason, confidence), groups in groups_by_range.items()
    ]


def _abbreviate_channels(channels: list[str]) -> list[str]:
    """Channels by name, and whole groups by theirs."""
    full_groups = [g for g, members in GROUPS.items() if set(members) <= set(channels)]
    return full_groups + [c for c in channels if not any(c in GROUPS[g] for g in full_groups)]


def _sound_features(camera: Take, notes: list[str]) -> np.ndarray | None:
    """What the sound beside the camera's take tells at its rows, where there is any and Blender's library can read it."""
    if camera.sound is None:
        return None
    from . import blender

    try:
        blender.load_bpy()
        from ..blender_addon.animation.sound import voice_features

        return voice_features(camera)
    except InnerfaceError as error:
        notes.append(f"the sound beside the take is not used: {error}")
        return None

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
from ..core.channels import GROUPS
from ..core.errors import InnerfaceError

if TYPE_CHECKING:
    import numpy as np

    from ..core.hybrid.ranges import Occlusion
    from ..core.take import Take


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--arkit", required=True, metavar="W", help="the camera's take")
    parser.add_argument("--out", required=True, metavar="OUT", help="the mended take: the camera's rows and timecodes")
    helping = parser.add_mutually_exclusive_group()
    helping.add_argument("--imu", metavar="TAKE", help="a sensor take of the same performance")
    helping.add_argument("--with", dest="other", metavar="TAKE", help="any weights take of it: a second phone's, an audio-driven one, hand animation")
    parser.add_argument(
        "--occluded", action="append", default=[], metavar="START:END[:GROUP]",
        help=f"where the camera is not to be trusted; GROUP is one of {', '.join(GROUPS)} (default: all); repeat for several",
    )  # fmt: skip
    parser.add_argument("--detect", action="store_true", help="find hidden stretches besides those given")
    parser.add_argument("--plain", action="store_true", help="the other take's channels as they are, without mapping or fades (the paper's way)")
    parser.add_argument("--offset", type=float, metavar="S", help="camera's time = other take's time + S; no alignment by motion")
    parser.add_argument("--adapter", metavar="P.npz", help="with --imu: what was learned of this performer by innerface adapt")
    parser.add_argument("--model", metavar="M", help="with --imu: a network (.onnx), linear, or a linear model's .npz")
    parser.add_argument("--layout", default="default", metavar="L", help="with --imu: sites, a shipped layout or a .json file")


def run(options: argparse.Namespace) -> dict[str, Any]:
    try:
        from ..core.hybrid import mix, ranges
        from ..core.imu import adapt, model
        from ..core.imu.layout import layout
    except ImportError as error:
        raise InnerfaceError(f"mending needs SciPy, which does not load ({error}); pip install scipy") from None
    name = options.imu or options.other
    if options.plain and name is None:
        raise InnerfaceError("--plain puts another take's channels in; give one with --imu or --with")
    if options.offset is not None and name is None:
        raise InnerfaceError("--offset says where another take lies; give one with --imu or --with")
    for flag in ("adapter", "model"):
        if getattr(options, flag) and not options.imu:
            raise InnerfaceError(f"--{flag}: is for sensor takes; give one with --imu")
    camera = formats.read_take(options.arkit)
    if options.out and Path(options.out).exists() and Path(options.out).samefile(options.arkit):
        raise InnerfaceError(f"{options.out}: is the camera's take itself; write to another file")
    track = camera.weights()
    given = ranges.parse(options.occluded, track.duration, options.arkit)
    began, aligned, notes = time.perf_counter(), None, list(camera.notes)
    if name is not None:
        other = formats.read_take(name)
        if options.imu:
            sensors = mix.sensors_of(other)
            if sensors is None:
                raise InnerfaceError(f"{name}: is no sensor take; give it with --with")
            other = sensors
        chosen, said = model.load(options.model) if options.imu else (None, [])
        adapter = adapt.load(options.adapter) if options.adapter else None
        if adapter is not None and chosen is not None:
            adapter.correction(chosen.id, options.adapter)
        together = Path(name).samefile(options.arkit)  # recorded on one clock
        aligned = mix.help_from(camera, other, given, 0.0 if together and options.offset is None else options.offset, layout(options.layout), chosen, adapter)
        notes += [*said, *aligned.notes]
    sound = _heard(camera, notes) if not options.plain else None
    helper = aligned.helper if aligned else None
    doubt = aligned.doubt if aligned else None
    done = mix.mix(camera, given, helper, options.detect or not given, options.plain, sound, doubt)
    seconds = time.perf_counter() - began
    formats.write_take(done.take, options.out)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    if not options.json:
        if aligned and aligned.found:
            found = aligned.found
            when = f"{abs(aligned.begins_s):.3f} s {'after' if aligned.begins_s >= 0 else 'before'} the camera's take"
            print(f"{name}: begins {when}, by {found.method}, confidence {found.confidence:.2f}")
        for line in _lines(done.ranges):
            print(line)
        share = done.mended.changed.mean()
        print(
            f"{options.out}: {len(track.time)} rows, {share:.1%} of all samples mended in {len(done.ranges)} ranges, {track.duration / seconds:.0f} x real time"
            if done.ranges else f"{options.out}: nothing is hidden; the camera's take as it is"
        )  # fmt: skip
        for what in dict.fromkeys(done.mended.source.values()):
            channels = [c for c, s in done.mended.source.items() if s == what]
            print(f"made of the {'camera before and after' if what == 'edges' else what}: {', '.join(_short(channels))}")
    return {
        "out": options.out,
        "rows": len(track.time),
        "ranges": [asdict(r) for r in done.ranges],
        "changed": int(done.mended.changed.sum()),
        "source": done.mended.source,
        "alignment": None if aligned is None else {
            "offset_s": aligned.offset_s, "begins_s": aligned.begins_s, "lag_s": aligned.lag_s, **({} if aligned.found is None else asdict(aligned.found)),
        },
        "x_realtime": track.duration / seconds,
        "notes": notes,
    }  # fmt: skip


def _lines(ranges: list[Occlusion]) -> list[str]:
    """A line for each stretch: the groups that are hidden alike stand together."""
    alike: dict[tuple[Any, ...], list[str]] = {}
    for r in ranges:
        alike.setdefault((r.start, r.end, r.reason, round(r.confidence, 2)), []).append(r.group)
    return [
        f"{start:8.2f} to {end:8.2f} s  {'the whole face' if len(groups) == len(GROUPS) else ', '.join(groups)}: {reason} ({sure:.0%})"
        for (start, end, reason, sure), groups in alike.items()
    ]


def _short(channels: list[str]) -> list[str]:
    """Channels by name, and whole groups by theirs."""
    whole = [g for g, members in GROUPS.items() if set(members) <= set(channels)]
    return whole + [c for c in channels if not any(c in GROUPS[g] for g in whole)]


def _heard(camera: Take, notes: list[str]) -> np.ndarray | None:
    """What the sound beside the camera's take tells at its rows, where there is any and Blender's library can read it."""
    if camera.sound is None:
        return None
    from . import blender

    try:
        blender.load()
        from ..blender_addon.sound import heard

        return heard(camera)
    except InnerfaceError as error:
        notes.append(f"the sound beside the take is not used: {error}")
        return None

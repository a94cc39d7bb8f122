"""Convert a take between file formats.

Reads Live Link Face CSV (or a take's folder), CSV with ARKit names, BEAT-style JSON, face-IMU CSV and MCAP; biosignal
CSV, BrainFlow, OpenBCI's GUI, XDF, EDF and BDF; landmark CSV and OpenFace's; FLAME .npz and trackers'. The format is
detected from the content, not from the suffix. From a .blend it reads the animation of the face, evaluated over the
scene's frame range: edited, layered or animated by hand. Writes by the suffix of OUT: .csv (Live Link Face), .json
(BEAT-style), .imu.csv, .bio.csv, .landmarks.csv, .flame.npz, .mcap; --format plain gives CSV with a time column. Of
several tracks of one kind, .mcap holds all and the others one, which is said.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..core import formats
from ..core.errors import InnerfaceError
from ..core.file_kinds import is_blend
from ..core.take import Take, choice
from .output import print_notes
from .parsing import add_rate_option, parse_rate


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("take", metavar="IN", help="the take to read")
    parser.add_argument("out", metavar="OUT", help="the file to write")
    parser.add_argument(
        "--object",
        action="append",
        default=[],
        metavar="NAME",
        help="a mesh of the face, for a .blend with several faces",
    )
    parser.add_argument("--scene", metavar="NAME", help="the scene of a .blend (default: the active one)")
    parser.add_argument(
        "--range",
        choices=("take", "scene"),
        default="scene",
        help="frames of a .blend: the scene's range (default), or those of the face's current action",
    )
    add_rate_option(parser)
    parser.add_argument("--track", metavar="NAME", help="of several tracks of one kind, the one to keep")
    parser.add_argument(
        "--format", choices=sorted(formats.WRITERS), help="write this format, whatever the suffix of OUT"
    )


def run(options: argparse.Namespace) -> dict[str, Any]:
    take, blend_info = (
        _take_from_blend(options)
        if is_blend(options.take)
        else (formats.read_take(options.take, parse_rate(options.rate)), {})
    )
    if (options.object or options.scene) and not blend_info:
        raise InnerfaceError("--object and --scene name parts of a .blend, but IN is not one; omit them")
    if options.track:
        take = choice.keep_track(take, options.track)
    formats.write_take(take, options.out, options.format)
    print_notes(take.notes)
    kind = formats.find_writer(Path(options.out), options.format).kind
    name = choice.choose_track(take, kind) if kind else None
    track = take.tracks[name or next(iter(take.tracks))]
    if not options.json:
        if blend_info:
            print(f"read from {blend_info['face']}; residual {blend_info['residual']:.4f}")
        print(
            f"{options.out}: {track.kind}, {len(track.time)} rows, {track.duration:.3f} s, {track.rate:.2f} rows/s, "
            f"{len(track.columns)} channels"
        )
    return {
        "out": str(options.out),
        "kind": track.kind,
        "rows": len(track.time),
        "duration_s": track.duration,
        "rate": track.rate,
        "notes": take.notes,
    } | blend_info


def _take_from_blend(options: argparse.Namespace) -> tuple[Take, dict[str, Any]]:
    """Evaluate the animation of the face in a .blend."""
    from . import blender
    from .progress import step, suppress_stdout

    blender.load_bpy()
    from ..blender_addon import remedies
    from ..blender_addon.animation import playback
    from ..blender_addon.animation.scene_time import frame_range
    from ..blender_addon.character import face
    from ..blender_addon.export import export_take

    with remedies.on_command_line():
        scene, _ = blender.open_character(options.take, None, options.scene)
        objects = list(scene.objects)
        target = face.choose_face(objects, options.object, options.take)
        frames = scene.frame_start, scene.frame_end
        action_frames = playback.frames_of_actions(target, scene)
        if options.range == "take":
            if action_frames is None:
                raise InnerfaceError(f"{options.take}: no action plays on {target.name}; omit --range take")
            frames = action_frames
        with step("reading the scene") as bar, suppress_stdout(), frame_range(scene, *frames):
            exported = export_take.export_take(target, scene, bar)
    if options.range == "scene" and action_frames is not None and _is_much_longer(frames, action_frames):
        exported.notes.append(
            f"The rows are the scene's frames, {frames[0]} to {frames[1]}; the action of {target.name} ends at frame "
            f"{action_frames[1]} (--range take converts its frames only)"
        )
    return exported.take, {"residual": exported.residual, "face": target.name, "frames": list(frames)}


def _is_much_longer(frames: tuple[int, int], action_frames: tuple[int, int]) -> bool:
    """Whether a range goes on after an action for more than a tenth of it."""
    return frames[1] - action_frames[1] > max(0.1 * (action_frames[1] - action_frames[0]), 1)

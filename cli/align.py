"""Find the offset and the clock drift between two takes of one performance.

A and B are takes, or audio: a song, a dialogue master. time in A = (1 + drift 1e-6) time in B + offset, on the takes'
own clocks; audio begins at 0. Tried in this order: timecode (where both have it and the motion agrees), the takes' own
audio (the video beside a Live Link Face take), motion, taps. A take of electrodes is aligned with a camera's or with
face IMUs by eyes, eyelids and muscles, which both show. Takes that do not match are refused.
"""

from __future__ import annotations

import argparse
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..core import formats
from ..core.errors import InnerfaceError
from ..core.formats import take_folder
from ..core.imu.layout import load_layout
from ..core.take import Take, TrackKind
from ..core.take.alignment import Alignment
from .dependencies import required
from .output import print_take_notes
from .parsing import add_layout_option


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("a", metavar="A", help="the take (or audio) whose clock is the reference")
    parser.add_argument("b", metavar="B", help="the take (or audio) to align with it")
    add_layout_option(parser, "IMU takes: ")


def run(options: argparse.Namespace) -> dict[str, Any]:
    with required("aligning"):
        from ..core.imu import linear_model
        from ..core.imu.motion_signal import motion_signal
        from ..core.take import alignment as align
    takes = [None if _is_sound_file(path) else formats.read_take(path) for path in (options.a, options.b)]
    sounds = [Path(path) if take is None else take.sound for path, take in zip((options.a, options.b), takes)]
    both_takes = [take for take in takes if take is not None]
    if len(both_takes) < 2:
        return _align_by_sound(options, takes, sounds)
    if any(map(_is_electrode_take, both_takes)):
        alignment = _align_with_electrodes(options, *both_takes)
        print_take_notes(*both_takes)
        return alignment
    sites, model = load_layout(options.layout), linear_model.load()
    a, b = (motion_signal(take, sites, model) for take in both_takes)
    sound_result = None
    try:
        clock_alignment = align.prefer_timecode(align.align(a, b), *both_takes)
    except InnerfaceError:
        if not all(sounds):
            raise
        return _align_by_sound(options, takes, sounds)
    if clock_alignment.method != "timecode" and all(sounds):
        with suppress(InnerfaceError):  # silent or unrelated audio: the alignment by motion stays
            sound_result = _align_by_sound(options, takes, sounds)
    if sound_result is not None:
        return sound_result
    print_take_notes(*both_takes)
    if not options.json:
        _print_alignment(options, clock_alignment, start_a=a.start_s, start_b=b.start_s)
        for path, motion in ((options.a, a), (options.b, b)):
            if motion.tap_times is not None:
                times = ", ".join(f"{t - motion.start_s:.2f}" for t in motion.tap_times)
                print(f"{path}: three taps on the chin at {times} s from its start")
    return _alignment_json(clock_alignment) | {
        "taps": {
            "a": None if a.tap_times is None else a.tap_times.tolist(),
            "b": None if b.tap_times is None else b.tap_times.tolist(),
        }
    }


def _print_alignment(options: argparse.Namespace, alignment: Alignment, *, start_a: float, start_b: float) -> None:
    print(
        f"{options.b} begins {alignment.a_time(start_b) - start_a:+.4f} s after {options.a} begins, by "
        f"{alignment.method}"
    )
    _print_clock(alignment.drift_ppm, alignment.offset_s, alignment.confidence)


def _print_clock(drift_ppm: float, offset_s: float, confidence: float) -> None:
    print(f"time in A = (1 + {drift_ppm:.1f}e-6) x time in B {offset_s:+.4f} s; confidence {confidence:.2f}")


def _alignment_json(alignment: Alignment) -> dict[str, Any]:
    return {name: getattr(alignment, name) for name in ("offset_s", "drift_ppm", "confidence", "method", "correlation")}


def _is_electrode_take(take: Take) -> bool:
    kinds = take.kinds
    return TrackKind.BIOSIGNAL in kinds and not kinds & {TrackKind.IMU, TrackKind.WEIGHTS, TrackKind.LANDMARKS}


def _align_with_electrodes(options: argparse.Namespace, a: Take, b: Take) -> dict[str, Any]:
    """Align electrodes with a camera or face IMUs."""
    from ..core.bio import alignment as align
    from ..core.bio.signal import bio_track, to_uniform_rate
    from ..core.face.face_model import load_bundled
    from ..core.landmarks.points import without_eyes
    from ..core.landmarks.sources import landmarks_of
    from ..core.pipeline import PerformerSettings, solve_weights

    if _is_electrode_take(a) and _is_electrode_take(b):
        raise InnerfaceError(
            f"{options.a} and {options.b}: both are takes of electrodes, which cannot be aligned with each other; "
            "align each with the camera's take"
        )
    electrode_take, face_take = (a, b) if _is_electrode_take(a) else (b, a)
    if not any(t.kind in (TrackKind.WEIGHTS, TrackKind.LANDMARKS) for t in face_take.tracks.values()):
        face_take = solve_weights(face_take, PerformerSettings(options.layout)).take
        points = without_eyes(landmarks_of(face_take, load_bundled())[0])  # IMUs do not observe the eyes
    else:
        points = landmarks_of(face_take, load_bundled())[0]
    signal = to_uniform_rate(bio_track(electrode_take))
    clock_alignment = align.align(signal, points)  # time of the camera by time of the electrodes
    clock_alignment = clock_alignment if electrode_take is b else align.invert(clock_alignment)
    camera_start, electrode_start = float(points.time[0]), signal.start
    start_a, start_b = (camera_start, electrode_start) if electrode_take is b else (electrode_start, camera_start)
    if not options.json:
        _print_alignment(options, clock_alignment, start_a=start_a, start_b=start_b)
    return _alignment_json(clock_alignment)


def _is_sound_file(path: str) -> bool:
    return Path(path).suffix.lower() in take_folder.SOUND_SUFFIXES


def _align_by_sound(options: argparse.Namespace, takes: list[Take | None], sounds: list[Path | None]) -> dict[str, Any]:
    """Align by audio."""
    from ..core.take import audio
    from . import blender

    for path, sound in zip((options.a, options.b), sounds):
        if sound is None:
            raise InnerfaceError(f"{path}: has no audio to compare; put its audio file beside it, with the same name")
    blender.load_bpy()
    from ..blender_addon.animation.sound import read_samples

    alignment = audio.align(*(read_samples(sound, audio.RATE) for sound in sounds if sound is not None))
    first_times = [0.0 if take is None else float(next(iter(take.tracks.values())).time[0]) for take in takes]
    slope = 1 + alignment.drift_ppm * 1e-6
    offset = alignment.offset_s + first_times[0] - slope * first_times[1]  # audio begins at the takes' first rows
    if not options.json:
        print(f"{options.b} begins {alignment.offset_s:+.4f} s after {options.a} begins, by sound")
        _print_clock(alignment.drift_ppm, offset, alignment.confidence)
    return {"offset_s": offset, "drift_ppm": alignment.drift_ppm, "confidence": alignment.confidence, "method": "sound"}

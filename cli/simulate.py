"""Simulate the sensors of a performer who performs a weights take.

imu: eleven face-worn IMUs; before the performance the performer relaxes, nods, shakes the head and taps the chin three
times. bio: two electrodes at one ear; before the performance the performer relaxes, blinks three times and bites three
times. WEIGHTS may be `posed:SECONDS[:TAKE]` (bio): seven generated expressions of the person that --seed selects;
--weights-out writes them. See docs/methods.md for what the simulation assumes.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import fields, replace
from typing import Any

from ..core import formats
from ..core.errors import InnerfaceError
from ..core.face.face_model import FaceModel, IdentityModel, find_ict, load_face_model
from ..core.imu.layout import load_layout
from ..core.imu.simulation.boards import BOARDS
from ..core.imu.simulation.effects import PRESETS
from ..core.take import Take, Track, TrackKind
from .dependencies import required
from .output import print_take_notes
from .parsing import add_face_option, add_layout_option

PRESET_NAMES = ("clean", "cyton", "rough", "studio", "weak")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=("imu", "bio"), help="which sensors")
    parser.add_argument("weights", metavar="WEIGHTS", help="the performance: a weights take")
    parser.add_argument("--out", required=True, metavar="X.imu.csv|X.bio.csv|X.mcap", help="the take to write")
    add_face_option(parser, "imu: face of the performer")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="random seed")
    parser.add_argument(
        "--preset",
        choices=PRESET_NAMES,
        default="studio",
        help="size of all disturbances (default studio); bio only: cyton (250 Hz), weak (muscles hardly reach the ear)",
    )
    parser.add_argument(
        "--board",
        choices=sorted(BOARDS),
        help="imu: a motion sensor, whose gyroscope and accelerometer are simulated by its data sheet and fused as the "
        "device does (needs innerface[fusion]); skin, performer and transmission are those of --preset",
    )
    parser.add_argument("--clean", action="store_true", help="ideal sensors: the same as --preset clean")
    parser.add_argument(
        "--effect",
        action="append",
        default=[],
        metavar="NAME=SIZE",
        help="size of one disturbance, LOW:HIGH for a range (names and sources: core/imu/simulation/effects.py, "
        "core/bio/simulation/effects.py); can be repeated",
    )
    parser.add_argument(
        "--identity",
        type=int,
        metavar="N",
        help="imu: another person's face, from ICT-FaceKit's identity modes with this random seed",
    )
    parser.add_argument(
        "--linear", action="store_true", help="imu: devices that send linear acceleration, without gravity"
    )
    add_layout_option(parser, "imu: ")
    parser.add_argument(
        "--ear", choices=("left", "right"), default="left", help="bio: side of the electrodes (default left)"
    )
    parser.add_argument(
        "--mount",
        type=int,
        default=0,
        metavar="K",
        help="bio: number of the mounting of the electrodes on the same person (default 0)",
    )
    parser.add_argument("--weights-out", metavar="W.csv", help="posed: file to write the performance to")


def run(options: argparse.Namespace) -> dict[str, Any]:
    for flag, value in (("--seed", options.seed), ("--identity", options.identity), ("--mount", options.mount)):
        if value is not None and value < 0:
            raise InnerfaceError(f"{flag} {value}: give a whole number from 0")
    suffixes = (f".{options.kind}.csv", ".mcap")
    if not options.out.lower().endswith(suffixes):
        raise InnerfaceError(f"{options.out}: must end in {suffixes[0]} or {suffixes[1]}; change the name")
    simulate_kind = _simulate_imu if options.kind == "imu" else _simulate_bio
    with required("simulating"):
        return simulate_kind(options, "clean" if options.clean else options.preset)


def _simulate_imu(options: argparse.Namespace, preset: str) -> dict[str, Any]:
    from ..core.imu.simulation.simulate import simulate

    if preset not in PRESETS:
        raise InnerfaceError(f"--preset {preset} is for electrodes; give one of {', '.join(sorted(PRESETS))}")
    source = formats.read_take(options.weights)
    track = source.weights()
    limits = {"rate_hz": (20, 1000), "tilt_s": (0.01, 1000), "slip_s": (0.01, 1000)}
    effects = _apply_effect_changes(PRESETS[preset], options.effect, limits)
    sites = load_layout(options.layout)
    face = load_face_model(options.face) if options.identity is None else _identity_face(options.face, options.identity)
    began = time.perf_counter()
    board = BOARDS[options.board] if options.board else None
    take = simulate(track, face, sites, effects=effects, seed=options.seed, linear=options.linear, board=board)
    seconds = time.perf_counter() - began
    formats.write_take(take, options.out)
    print_take_notes(source)
    imu = take.tracks[TrackKind.IMU]
    return _report(
        options, preset, imu, count=len(imu.columns) // 7, unit="sites", x_realtime=imu.duration / seconds
    ) | {"identity": options.identity, "board": options.board}


def _simulate_bio(options: argparse.Namespace, preset: str) -> dict[str, Any]:
    from ..core.bio.simulation.effects import PRESETS
    from ..core.bio.simulation.simulate import simulate

    for flag, value in (
        ("--face", options.face),
        ("--identity", options.identity),
        ("--linear", options.linear),
        ("--board", options.board),
    ):
        if value:
            raise InnerfaceError(f"{flag} is for IMUs only; omit it (--seed selects the person)")
    is_posed = options.weights.startswith("posed:")
    if options.weights_out and not is_posed:
        raise InnerfaceError("--weights-out is for generated performances; give posed:SECONDS")
    source = (
        Take("posed", {TrackKind.WEIGHTS: _pose_sequence(options)}) if is_posed else formats.read_take(options.weights)
    )
    track = source.weights()
    effects = _apply_effect_changes(
        PRESETS[preset],
        options.effect,
        {"rate_hz": (60, 8000), "mains_hz": (0, 1000), "high_pass_hz": (1e-4, 5)},
    )
    began = time.perf_counter()
    take = simulate(track, effects, options.seed, mount=options.mount, ear=options.ear)
    seconds = time.perf_counter() - began
    formats.write_take(take, options.out)
    if options.weights_out:
        formats.write_take(source, options.weights_out)
    print_take_notes(source)
    bio = take.tracks[TrackKind.BIOSIGNAL]
    return _report(
        options, preset, bio, count=len(bio.columns), unit="electrodes", x_realtime=bio.duration / seconds
    ) | {
        "ear": options.ear,
        "mount": options.mount,
    }


def _pose_sequence(options: argparse.Namespace) -> Track:
    from ..core.performance.pose_sequence import pose_sequence

    _, seconds, take = (*options.weights.split(":"), "0")[:3]
    try:
        duration, take_number = float(seconds), int(take)
    except ValueError:
        duration, take_number = -1.0, 0
    if not 10 <= duration <= 7200 or take_number < 0:
        raise InnerfaceError(
            f"{options.weights}: give posed:SECONDS from 10 to 7200, or posed:SECONDS:TAKE with a whole number from 0"
        )
    return pose_sequence(duration, options.seed, take=take_number)


def _report(
    options: argparse.Namespace, preset: str, track: Track, *, count: int, unit: str, x_realtime: float
) -> dict[str, Any]:
    if not options.json:
        size = f"{count} {unit}, {len(track.time)} rows, {track.duration:.1f} s"
        print(f"{options.out}: simulated {size}, preset {preset}, {x_realtime:.0f} x real time")
    return {
        "out": options.out,
        "preset": preset,
        "effects": options.effect,
        "seed": options.seed,
        "rows": len(track.time),
        unit: count,
        "x_realtime": x_realtime,
    }


def _apply_effect_changes(preset: Any, changes: list[str], limits: dict[str, tuple[float, float]]) -> Any:
    """Replace effects of a preset as `NAME=SIZE` or `NAME=LOW:HIGH` says. Raises InnerfaceError."""
    defaults = {entry.name: getattr(preset, entry.name) for entry in fields(preset)}
    values: dict[str, Any] = {}
    for text in changes:
        name, _, size = text.partition("=")
        if name not in defaults:
            raise InnerfaceError(f"--effect {text}: no such effect; choose one of {', '.join(sorted(defaults))}")
        try:
            numbers = [float(part) for part in size.split(":")]
        except ValueError:
            numbers = []
        expected_count = 2 if isinstance(defaults[name], tuple) else 1
        if len(numbers) != expected_count or not all(0 <= n < 1e12 for n in numbers) or numbers != sorted(numbers):
            usage = (
                f"{name}=LOW:HIGH, two numbers from 0, the lower first"
                if expected_count == 2
                else f"{name}=SIZE, one number from 0"
            )
            raise InnerfaceError(f"--effect {text}: write {usage}")
        values[name] = tuple(numbers) if expected_count == 2 else numbers[0]
    effects = replace(preset, **values)
    for name, (low, high) in limits.items():
        if not low <= getattr(effects, name) <= high:
            raise InnerfaceError(f"--effect {name}={getattr(effects, name):g}: give a number from {low:g} to {high:g}")
    return effects


def _identity_face(path: str | None, seed: int) -> FaceModel:
    """Face of random person number `seed`. Raises InnerfaceError if no identity modes are available."""
    arrays_path = path if path not in (None, "bundled") else find_ict()
    if arrays_path is None or path == "bundled":
        raise InnerfaceError(
            "--identity needs ICT-FaceKit's arrays, since the bundled head is one person; give them with --face X.npz"
        )
    return IdentityModel(arrays_path).sample(seed)

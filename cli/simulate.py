"""Simulate the sensors that a performer would wear while performing a weights take.

`innerface simulate imu WEIGHTS --out X.imu.csv`: eleven face-worn IMUs. The performer relaxes, nods, shakes the head and taps
the chin three times before the performance's first row. `innerface simulate bio WEIGHTS --out X.bio.csv`: two electrodes at one ear. The performer relaxes,
blinks three times and bites three times before. This is simulation, not a recording: see docs/design.md.
WEIGHTS may be `posed:SECONDS[:TAKE]` (bio): seven posed expressions of the person whom --seed draws, made up in code; --weights-out keeps them.
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
from ..core.imu.simulation.effects import PRESETS
from ..core.take import Take, Track, TrackKind

PRESET_NAMES = ("clean", "cyton", "rough", "studio")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=("imu", "bio"), help="which sensors")
    parser.add_argument("weights", metavar="WEIGHTS", help="the performance: a weights take")
    parser.add_argument("--out", required=True, metavar="X.imu.csv|X.bio.csv|X.mcap", help="the take to write")
    parser.add_argument(
        "--face", metavar="FACE", help="bundled, or an .npz laid out as ICT-FaceKit's (default: ICT where found)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of everything random")
    parser.add_argument(
        "--preset",
        choices=PRESET_NAMES,
        default="studio",
        help="how disturbed the sensors are (default studio); cyton: bio on a 250 Hz board",
    )
    parser.add_argument("--clean", action="store_true", help="perfect sensors: the same as --preset clean")
    parser.add_argument(
        "--effect",
        action="append",
        default=[],
        metavar="NAME=SIZE",
        help="one disturbance of another size than the preset's, LOW:HIGH for a range (names and sources: core/imu/simulation/effects.py, core/bio/simulation/effects.py); "
        "repeat for several",
    )
    parser.add_argument(
        "--identity",
        type=int,
        metavar="N",
        help="another person's face (ICT-FaceKit's identity modes, drawn by this seed)",
    )
    parser.add_argument("--linear", action="store_true", help="imu: devices that take gravity off themselves")
    parser.add_argument("--layout", default="default", metavar="L", help="imu: sites: a shipped layout or a .json file")
    parser.add_argument(
        "--ear", choices=("left", "right"), default="left", help="bio: where the electrodes sit (default left)"
    )
    parser.add_argument(
        "--mount",
        type=int,
        default=0,
        metavar="K",
        help="bio: the same person's electrodes, stuck on for the Kth time (default 0)",
    )
    parser.add_argument("--weights-out", metavar="W.csv", help="posed: where to write the performance itself")


def run(options: argparse.Namespace) -> dict[str, Any]:
    for flag, value in (("--seed", options.seed), ("--identity", options.identity), ("--mount", options.mount)):
        if value is not None and value < 0:
            raise InnerfaceError(f"{flag} {value}: give a whole number from 0")
    suffixes = (f".{options.kind}.csv", ".mcap")
    if not options.out.lower().endswith(suffixes):
        raise InnerfaceError(f"{options.out}: should end in {suffixes[0]} or {suffixes[1]}; change the name")
    try:
        return (_simulate_imu if options.kind == "imu" else _simulate_bio)(
            options, "clean" if options.clean else options.preset
        )
    except ImportError:
        raise InnerfaceError(
            "simulating needs SciPy; pip install scipy, or use the installation that pip made"
        ) from None


def _simulate_imu(options: argparse.Namespace, preset: str) -> dict[str, Any]:
    from ..core.imu.simulation.simulate import simulate

    if preset not in PRESETS:
        raise InnerfaceError(f"--preset {preset}: is of electrodes; give one of {', '.join(sorted(PRESETS))}")
    track = formats.read_take(options.weights).weights()
    effects = _apply_effect_changes(PRESETS[preset], options.effect, {"rate_hz": (20, 1000), "tilt_s": (0.01, 1000)})
    sites = load_layout(options.layout)
    face = load_face_model(options.face) if options.identity is None else _identity_face(options.face, options.identity)
    began = time.perf_counter()
    take = simulate(track, face, sites, effects, options.seed, options.linear)
    seconds = time.perf_counter() - began
    formats.write_take(take, options.out)
    imu = take.tracks[TrackKind.IMU]
    return _report(options, preset, imu, len(imu.columns) // 7, "sites", imu.duration / seconds) | {
        "identity": options.identity
    }


def _simulate_bio(options: argparse.Namespace, preset: str) -> dict[str, Any]:
    from ..core.bio.simulation.effects import PRESETS
    from ..core.bio.simulation.simulate import simulate

    for flag, value in (("--face", options.face), ("--identity", options.identity), ("--linear", options.linear)):
        if value:
            raise InnerfaceError(
                f"{flag}: is of IMUs; electrodes do not depend on it, leave it away (--seed draws the person)"
            )
    is_posed = options.weights.startswith("posed:")
    if options.weights_out and not is_posed:
        raise InnerfaceError("--weights-out: is for performances that are made up; give posed:SECONDS")
    track = _pose_sequence(options) if is_posed else formats.read_take(options.weights).weights()
    effects = _apply_effect_changes(
        PRESETS[preset],
        options.effect,
        {"rate_hz": (60, 8000), "mains_hz": (0, 1000), "high_pass_hz": (1e-4, 5)},
    )
    began = time.perf_counter()
    take = simulate(track, effects, options.seed, options.mount, options.ear)
    seconds = time.perf_counter() - began
    formats.write_take(take, options.out)
    if options.weights_out:
        formats.write_take(Take("posed", {TrackKind.WEIGHTS: track}), options.weights_out)
    bio = take.tracks[TrackKind.BIOSIGNAL]
    return _report(options, preset, bio, len(bio.columns), "electrodes", bio.duration / seconds) | {
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
            f"{options.weights}: give posed:SECONDS, from 10 to 7200, or posed:SECONDS:TAKE, a whole number from 0"
        )
    return pose_sequence(duration, options.seed, take_number)


def _report(
    options: argparse.Namespace, preset: str, track: Track, count: int, unit: str, x_realtime: float
) -> dict[str, Any]:
    if not options.json:
        size = f"{count} {unit}, {len(track.time)} rows, {track.duration:.1f} s"
        print(f"{options.out}: simulated, not recorded: {size}, preset {preset}, {x_realtime:.0f} x real time")
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
    """The preset (effects of IMUs or of electrodes) with `NAME=SIZE` or `NAME=LOW:HIGH` in the place of its own; raises InnerfaceError for what is not such."""
    defaults = {entry.name: getattr(preset, entry.name) for entry in fields(preset)}
    values: dict[str, Any] = {}
    for text in changes:
        name, _, size = text.partition("=")
        if name not in defaults:
            raise InnerfaceError(f"--effect {text}: no such effect; there are {', '.join(sorted(defaults))}")
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
    """The `seed`th random person; raises InnerfaceError where no identity modes are at hand."""
    arrays_path = path if path not in (None, "bundled") else find_ict()
    if arrays_path is None or path == "bundled":
        raise InnerfaceError(
            "--identity: needs ICT-FaceKit's arrays, for the bundled head is one person; name them with --face X.npz"
        )
    return IdentityModel(arrays_path).sample(seed)

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
from ..core.face_model import FaceModel, Identities, face_model, find_ict
from ..core.imu.effects import PRESETS
from ..core.imu.layout import layout
from ..core.take import Take, Track

PRESET_NAMES = ("clean", "cyton", "rough", "studio")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=("imu", "bio"), help="which sensors")
    parser.add_argument("weights", metavar="WEIGHTS", help="the performance: a weights take")
    parser.add_argument("--out", required=True, metavar="X.imu.csv|X.bio.csv|X.mcap", help="the take to write")
    parser.add_argument("--face", metavar="FACE", help="bundled, or an .npz laid out as ICT-FaceKit's (default: ICT where found)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of everything random")
    parser.add_argument("--preset", choices=PRESET_NAMES, default="studio", help="how disturbed the sensors are (default studio); cyton: bio on a 250 Hz board")
    parser.add_argument("--clean", action="store_true", help="perfect sensors: the same as --preset clean")
    parser.add_argument(
        "--effect", action="append", default=[], metavar="NAME=SIZE",
        help="one disturbance of another size than the preset's, LOW:HIGH for a range (names and sources: core/imu/effects.py, core/bio/simulate.py); "
        "repeat for several",
    )  # fmt: skip
    parser.add_argument(
        "--identity", type=int, metavar="N", help="another person's face (ICT-FaceKit's identity modes, drawn by this seed)"
    )
    parser.add_argument("--linear", action="store_true", help="imu: devices that take gravity off themselves")
    parser.add_argument("--layout", default="default", metavar="L", help="imu: sites: a shipped layout or a .json file")
    parser.add_argument("--ear", choices=("left", "right"), default="left", help="bio: where the electrodes sit (default left)")
    parser.add_argument("--mount", type=int, default=0, metavar="K", help="bio: the same person's electrodes, stuck on for the Kth time (default 0)")
    parser.add_argument("--weights-out", metavar="W.csv", help="posed: where to write the performance itself")


def run(options: argparse.Namespace) -> dict[str, Any]:
    for flag, value in (("--seed", options.seed), ("--identity", options.identity), ("--mount", options.mount)):
        if value is not None and value < 0:
            raise InnerfaceError(f"{flag} {value}: give a whole number from 0")
    ends = (f".{options.kind}.csv", ".mcap")
    if not options.out.lower().endswith(ends):
        raise InnerfaceError(f"{options.out}: should end in {ends[0]} or {ends[1]}; change the name")
    try:
        return (_imu if options.kind == "imu" else _bio)(options, "clean" if options.clean else options.preset)
    except ImportError:
        raise InnerfaceError("simulating needs SciPy; pip install scipy, or use the installation that pip made") from None


def _imu(options: argparse.Namespace, preset: str) -> dict[str, Any]:
    from ..core.imu.simulate import simulate

    if preset not in PRESETS:
        raise InnerfaceError(f"--preset {preset}: is of electrodes; give one of {', '.join(sorted(PRESETS))}")
    track = formats.read_take(options.weights).weights()
    effects = _changed(PRESETS[preset], options.effect, {"rate_hz": (20, 1000), "tilt_s": (0.01, 1000)})
    sites = layout(options.layout)
    face = face_model(options.face) if options.identity is None else _person(options.face, options.identity)
    began = time.perf_counter()
    take = simulate(track, face, sites, effects, options.seed, options.linear)
    seconds = time.perf_counter() - began
    formats.write_take(take, options.out)
    imu = take.tracks["imu"]
    return _told(options, preset, imu, len(imu.columns) // 7, "sites", imu.duration / seconds) | {"identity": options.identity}


def _bio(options: argparse.Namespace, preset: str) -> dict[str, Any]:
    from ..core.bio import simulate

    for flag, given in (("--face", options.face), ("--identity", options.identity), ("--linear", options.linear)):
        if given:
            raise InnerfaceError(f"{flag}: is of IMUs; electrodes do not depend on it, leave it away (--seed draws the person)")
    posed = options.weights.startswith("posed:")
    if options.weights_out and not posed:
        raise InnerfaceError("--weights-out: is for performances that are made up; give posed:SECONDS")
    track = _posed(options) if posed else formats.read_take(options.weights).weights()
    effects = _changed(simulate.PRESETS[preset], options.effect, {"rate_hz": (60, 8000), "mains_hz": (0, 1000), "high_pass_hz": (1e-4, 5)})
    began = time.perf_counter()
    take = simulate.simulate(track, effects, options.seed, options.mount, options.ear)
    seconds = time.perf_counter() - began
    formats.write_take(take, options.out)
    if options.weights_out:
        formats.write_take(Take("posed", {"weights": track}), options.weights_out)
    bio = take.tracks["biosignal"]
    return _told(options, preset, bio, len(bio.columns), "electrodes", bio.duration / seconds) | {"ear": options.ear, "mount": options.mount}


def _posed(options: argparse.Namespace) -> Track:
    from ..core.performance.posed import posed

    _, seconds, take = (*options.weights.split(":"), "0")[:3]
    try:
        length, number = float(seconds), int(take)
    except ValueError:
        length, number = -1.0, 0
    if not 10 <= length <= 7200 or number < 0:
        raise InnerfaceError(f"{options.weights}: give posed:SECONDS, from 10 to 7200, or posed:SECONDS:TAKE, a whole number from 0")
    return posed(length, options.seed, number)


def _told(options: argparse.Namespace, preset: str, track: Track, count: int, what: str, x_realtime: float) -> dict[str, Any]:
    if not options.json:
        size = f"{count} {what}, {len(track.time)} rows, {track.duration:.1f} s"
        print(f"{options.out}: simulated, not recorded: {size}, preset {preset}, {x_realtime:.0f} x real time")
    return {
        "out": options.out, "preset": preset, "effects": options.effect, "seed": options.seed, "rows": len(track.time), what: count, "x_realtime": x_realtime,
    }  # fmt: skip


def _changed(preset: Any, changes: list[str], limits: dict[str, tuple[float, float]]) -> Any:
    """The preset (effects of IMUs or of electrodes) with `NAME=SIZE` or `NAME=LOW:HIGH` in the place of its own; raises InnerfaceError for what is not such."""
    known = {entry.name: getattr(preset, entry.name) for entry in fields(preset)}
    values: dict[str, Any] = {}
    for text in changes:
        name, _, size = text.partition("=")
        if name not in known:
            raise InnerfaceError(f"--effect {text}: no such effect; there are {', '.join(sorted(known))}")
        try:
            numbers = [float(part) for part in size.split(":")]
        except ValueError:
            numbers = []
        wanted = 2 if isinstance(known[name], tuple) else 1
        if len(numbers) != wanted or not all(0 <= n < 1e12 for n in numbers) or numbers != sorted(numbers):
            form = f"{name}=LOW:HIGH, two numbers from 0, the lower first" if wanted == 2 else f"{name}=SIZE, one number from 0"
            raise InnerfaceError(f"--effect {text}: write {form}")
        values[name] = tuple(numbers) if wanted == 2 else numbers[0]
    effects = replace(preset, **values)
    for name, (low, high) in limits.items():
        if not low <= getattr(effects, name) <= high:
            raise InnerfaceError(f"--effect {name}={getattr(effects, name):g}: give a number from {low:g} to {high:g}")
    return effects


def _person(path: str | None, seed: int) -> FaceModel:
    """The `seed`th random person; raises InnerfaceError where no identity modes are at hand."""
    arrays = path if path not in (None, "bundled") else find_ict()
    if arrays is None or path == "bundled":
        raise InnerfaceError("--identity: needs ICT-FaceKit's arrays, for the bundled head is one person; name them with --face X.npz")
    return Identities(arrays).face(seed)

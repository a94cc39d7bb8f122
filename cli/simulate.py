"""Simulate the sensors that a performer would wear while performing a weights take.

`innerface simulate imu WEIGHTS --out X.imu.csv`: eleven face-worn IMUs. The performer relaxes, nods, shakes the head and taps
the chin three times before the performance's first row. This is simulation, not a recording: see docs/design.md.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import fields, replace
from typing import Any

from ..core import formats
from ..core.errors import InnerfaceError
from ..core.face_model import FaceModel, Identities, face_model, find_ict
from ..core.imu.effects import PRESETS, Effects
from ..core.imu.layout import layout


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=("imu",), help="which sensors")
    parser.add_argument("weights", metavar="WEIGHTS", help="the performance: a weights take")
    parser.add_argument("--out", required=True, metavar="X.imu.csv|X.mcap", help="the take to write")
    parser.add_argument("--face", metavar="FACE", help="bundled, or an .npz laid out as ICT-FaceKit's (default: ICT where found)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of everything random")
    parser.add_argument("--preset", choices=sorted(PRESETS), default="studio", help="how disturbed the sensors are (default studio)")
    parser.add_argument("--clean", action="store_true", help="perfect sensors: the same as --preset clean")
    parser.add_argument(
        "--effect", action="append", default=[], metavar="NAME=SIZE",
        help="one disturbance of another size than the preset's, LOW:HIGH for a range (names and sources: core/imu/effects.py); repeat for several",
    )  # fmt: skip
    parser.add_argument(
        "--identity", type=int, metavar="N", help="another person's face (ICT-FaceKit's identity modes, drawn by this seed)"
    )
    parser.add_argument("--linear", action="store_true", help="devices that take gravity off themselves")
    parser.add_argument("--layout", default="default", metavar="L", help="sites: a shipped layout or a .json file")


def run(options: argparse.Namespace) -> dict[str, Any]:
    for flag, value in (("--seed", options.seed), ("--identity", options.identity)):
        if value is not None and value < 0:
            raise InnerfaceError(f"{flag} {value}: give a whole number from 0")
    if not options.out.lower().endswith((".imu.csv", ".mcap")):
        raise InnerfaceError(f"{options.out}: should end in .imu.csv or .mcap; change the name")
    try:
        from ..core.imu.simulate import simulate
    except ImportError:
        raise InnerfaceError("simulating needs SciPy; pip install scipy, or use the installation that pip made") from None
    track = formats.read_take(options.weights).weights()
    preset = "clean" if options.clean else options.preset
    effects = _changed(PRESETS[preset], options.effect)
    sites = layout(options.layout)
    face = face_model(options.face) if options.identity is None else _person(options.face, options.identity)
    began = time.perf_counter()
    take = simulate(track, face, sites, effects, options.seed, options.linear)
    seconds = time.perf_counter() - began
    formats.write_take(take, options.out)
    imu = take.tracks["imu"]
    result = {
        "out": options.out,
        "preset": preset,
        "effects": options.effect,
        "seed": options.seed,
        "identity": options.identity,
        "rows": len(imu.time),
        "sites": len(imu.columns) // 7,
        "x_realtime": imu.duration / seconds,
    }
    if not options.json:
        size = f"{result['sites']} sites, {len(imu.time)} rows, {imu.duration:.1f} s"
        print(f"{options.out}: simulated, not recorded: {size}, preset {preset}, {result['x_realtime']:.0f} x real time")
    return result


def _changed(preset: Effects, changes: list[str]) -> Effects:
    """The preset with `NAME=SIZE` or `NAME=LOW:HIGH` in the place of its own; raises InnerfaceError for what is not such."""
    known = {entry.name: getattr(preset, entry.name) for entry in fields(Effects)}
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
    for name, low, high in (("rate_hz", 20, 1000), ("tilt_s", 0.01, 1000)):
        if not low <= getattr(effects, name) <= high:
            raise InnerfaceError(f"--effect {name}={getattr(effects, name):g}: give a number from {low:g} to {high:g}")
    return effects


def _person(path: str | None, seed: int) -> FaceModel:
    """The `seed`th random person; raises InnerfaceError where no identity modes are at hand."""
    arrays = path if path not in (None, "bundled") else find_ict()
    if arrays is None or path == "bundled":
        raise InnerfaceError("--identity: needs ICT-FaceKit's arrays, for the bundled head is one person; name them with --face X.npz")
    return Identities(arrays).face(seed)

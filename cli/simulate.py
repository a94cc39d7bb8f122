"""Simulate the sensors that a performer would wear while performing a weights take.

`innerface simulate imu WEIGHTS --out X.imu.csv`: eleven face-worn IMUs. The performer relaxes, nods, shakes the head and taps
the chin three times before the performance's first row. This is simulation, not a recording: see docs/design.md.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from ..core import formats
from ..core.errors import InnerfaceError
from ..core.face_model import face_model
from ..core.imu.effects import PRESETS
from ..core.imu.layout import layout


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=("imu",), help="which sensors")
    parser.add_argument("weights", metavar="WEIGHTS", help="the performance: a weights take")
    parser.add_argument("--out", required=True, metavar="X.imu.csv|X.mcap", help="the take to write")
    parser.add_argument("--face", metavar="FACE", help="bundled, or an .npz laid out as ICT-FaceKit's (default: ICT where found)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of everything random")
    parser.add_argument("--preset", choices=sorted(PRESETS), default="studio", help="how disturbed the sensors are (default studio)")
    parser.add_argument("--clean", action="store_true", help="perfect sensors: the same as --preset clean")
    parser.add_argument("--layout", default="default", metavar="L", help="sites: a shipped layout or a .json file")


def run(options: argparse.Namespace) -> dict[str, Any]:
    if options.seed < 0:
        raise InnerfaceError(f"--seed {options.seed}: give a whole number from 0")
    if not options.out.lower().endswith((".imu.csv", ".mcap")):
        raise InnerfaceError(f"{options.out}: should end in .imu.csv or .mcap; change the name")
    try:
        from ..core.imu.simulate import simulate
    except ImportError:
        raise InnerfaceError("simulating needs SciPy; pip install scipy, or use the installation that pip made") from None
    track = formats.read_take(options.weights).weights()
    preset = "clean" if options.clean else options.preset
    face, sites = face_model(options.face), layout(options.layout)
    began = time.perf_counter()
    take = simulate(track, face, sites, PRESETS[preset], options.seed)
    seconds = time.perf_counter() - began
    formats.write_take(take, options.out)
    imu = take.tracks["imu"]
    result = {
        "out": options.out,
        "preset": preset,
        "seed": options.seed,
        "rows": len(imu.time),
        "sites": len(imu.columns) // 7,
        "x_realtime": imu.duration / seconds,
    }
    if not options.json:
        size = f"{result['sites']} sites, {len(imu.time)} rows, {imu.duration:.1f} s"
        print(f"{options.out}: simulated, not recorded: {size}, preset {preset}, {result['x_realtime']:.0f} x real time")
    return result

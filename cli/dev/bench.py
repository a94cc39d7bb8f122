"""Measure speed and accuracy, beside baselines measured in the same run."""

from __future__ import annotations

import argparse
import importlib
from typing import Any

from ...core.errors import InnerfaceError

# Name of each bench, and whether it has a soak test of minutes instead of seconds.
BENCHES = {
    "keying": False,
    "imu": False,
    "infer": True,
    "bridge": True,
    "addon": True,
    "hybrid": False,
    "flame": False,
    "electrodes": False,
    "camera": False,
}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--soak",
        action="store_true",
        help="infer: an hour of frames; bridge: ten minutes of recording; addon: an hour of live",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help=f"one of: {', '.join(BENCHES)} (default: all)")


def run(options: argparse.Namespace) -> dict[str, Any]:
    names = [options.name] if options.name else list(BENCHES)
    for name in names:
        if name not in BENCHES:
            raise InnerfaceError(f"bench {name}: no such bench; choose one of {', '.join(BENCHES)}")
    if options.soak and not (len(names) == 1 and BENCHES[names[0]]):
        raise InnerfaceError(f"--soak: choose one of {', '.join(name for name, soaks in BENCHES.items() if soaks)}")
    bench_functions = {name: getattr(importlib.import_module(f".benches.{name}", __package__), name) for name in names}
    results = {name: bench(**({"soak": True} if options.soak else {})) for name, bench in bench_functions.items()}
    if not options.json:
        for name, figures in results.items():
            print(name)
            for key, value in figures.items():
                print(f"  {key:<22} {value:.3f}" if isinstance(value, float) else f"  {key:<22} {value}")
    return results[options.name] if options.name else results

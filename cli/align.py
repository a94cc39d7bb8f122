"""Find the offset and the clock drift between two takes of one performance.

A and B are IMU or weights takes. time in A = (1 + drift 1e-6) time in B + offset, on the takes' own clocks. Takes whose
motions do not match are refused.
"""

from __future__ import annotations

import argparse
from typing import Any

from ..core import formats
from ..core.errors import InnerfaceError
from ..core.imu.layout import layout


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("a", metavar="A", help="the take whose clock counts")
    parser.add_argument("b", metavar="B", help="the take to be placed on it")
    parser.add_argument("--layout", default="default", metavar="L", help="sites of IMU takes: a shipped layout or a .json file")


def run(options: argparse.Namespace) -> dict[str, Any]:
    try:
        from ..core import align
        from ..core.imu import linear
    except ImportError as error:
        raise InnerfaceError(f"aligning needs SciPy, which does not load ({error}); pip install scipy") from None
    sites, model = layout(options.layout), linear.load()
    a, b = (align.moving(formats.read_take(path), sites, model) for path in (options.a, options.b))
    found = align.align(a, b)
    if not options.json:
        print(f"{options.b} begins {found.a_time(b.start) - a.start:+.4f} s after {options.a} begins, by {found.method}")
        print(f"time in A = (1 + {found.drift_ppm:.1f}e-6) x time in B {found.offset_s:+.4f} s; confidence {found.confidence:.2f}")
        for path, moved in ((options.a, a), (options.b, b)):
            if moved.taps is not None:
                print(f"{path}: three taps on the chin at {', '.join(f'{t - moved.start:.2f}' for t in moved.taps)} s from its start")
    return {
        "offset_s": found.offset_s,
        "drift_ppm": found.drift_ppm,
        "confidence": found.confidence,
        "method": found.method,
        "correlation": found.correlation,
        "taps": {"a": None if a.taps is None else a.taps.tolist(), "b": None if b.taps is None else b.taps.tolist()},
    }

"""Convert a take between file formats.

Reads Live Link Face CSV, CSV with Apple's names, BEAT-style JSON, face-IMU CSV and MCAP; the content decides, not the suffix.
Writes by OUT's suffix: .csv (Live Link Face), .json (BEAT-style), .imu.csv, .mcap; --format plain gives CSV with a time column.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from ..core import formats


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("take", metavar="IN", help="the take to read")
    parser.add_argument("out", metavar="OUT", help="the file to write")
    parser.add_argument("--format", choices=sorted(formats.WRITERS), help="write this format whatever OUT's suffix says")


def run(options: argparse.Namespace) -> dict[str, Any]:
    take = formats.read_take(options.take)
    formats.write_take(take, options.out, options.format)
    for note in take.notes:
        print(f"note: {note}", file=sys.stderr)
    track = next(iter(take.tracks.values()))
    if not options.json:
        print(
            f"{options.out}: {track.kind}, {len(track.time)} rows, {track.duration:.3f} s, {track.rate:.2f} rows/s, {len(track.columns)} channels"
        )
    return {
        "out": str(options.out),
        "kind": track.kind,
        "rows": len(track.time),
        "duration_s": track.duration,
        "rate": track.rate,
        "notes": take.notes,
    }

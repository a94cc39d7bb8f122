"""Convert a take between file formats.

Reads Live Link Face CSV, CSV with Apple's names, BEAT-style JSON and MCAP; the content decides, not the suffix.
Writes by OUT's suffix: .csv (Live Link Face), .json (BEAT-style), .mcap; --format plain gives CSV with a time column.
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
    track = take.weights()
    formats.write_take(take, options.out, options.format)
    for note in take.notes:
        print(f"note: {note}", file=sys.stderr)
    if not options.json:
        print(f"{options.out}: {len(track.time)} rows, {track.duration:.3f} s, {track.rate:.2f} rows/s, {len(track.columns)} channels")
    return {"out": str(options.out), "rows": len(track.time), "duration_s": track.duration, "rate": track.rate, "notes": take.notes}

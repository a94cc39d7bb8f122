"""Recover a recording that was cut off.

Reads an MCAP file that a crash, a kill or a power failure has cut off, and writes everything that is whole in it to
OUT, which any MCAP reader opens: messages with their times, sequence numbers and bytes, channels, schemas, metadata and
attachments. Any program's MCAP files can be recovered. IN stays as it is.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from .output import print_notes


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("take", metavar="IN.mcap", help="the file that was cut off")
    parser.add_argument("out", metavar="OUT.mcap", help="the file to write")


def run(options: argparse.Namespace) -> dict[str, Any]:
    from ..core.formats import mcap_recovery

    recovery = mcap_recovery.recover(options.take, options.out)
    if not options.json:
        state = "had been finished" if recovery.complete else "was cut off"
        print(
            f"{options.out}: {recovery.messages} messages in {recovery.channels} channels, {recovery.seconds:.3f} s, "
            f"{recovery.metadata} metadata records, {recovery.attachments} attachments; {options.take} {state}"
        )
        print_notes(f"lost: {text}" for text in recovery.lost)
        if recovery.lost_records > len(recovery.lost):
            print_notes([f"lost: {recovery.lost_records - len(recovery.lost)} more of the kind"])
    return {"out": str(options.out), "seconds": recovery.seconds} | asdict(recovery)

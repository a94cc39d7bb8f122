"""Part of the Python package only, not of the Blender extension."""

from __future__ import annotations

import argparse
from typing import NoReturn

from ..core.errors import InnerfaceError


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.prefix_chars = ""  # the command's own options are no mistake
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> NoReturn:
    raise InnerfaceError(
        f"{options.command} comes with the Python package, not with the Blender extension; "
        "run 'pip install -e .' in a checkout of Innerface and use its 'innerface' command"
    )

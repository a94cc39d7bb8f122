"""Take the guide's screenshots of a windowed Blender under Xvfb that is operated by mouse."""

from __future__ import annotations

import argparse
import os

from .blender import windowed_blender
from .processes import run_module


def main(arguments: list[str]) -> None:
    """`build.py screenshots`."""
    parser = argparse.ArgumentParser(prog="build.py screenshots", description=__doc__)
    parser.add_argument("--blender", default=os.environ.get("INNERFACE_BLENDER"), metavar="LAUNCHER")
    with windowed_blender(parser.parse_args(arguments).blender) as env:
        run_module("innerface.cli.dev.pictures.screenshots", env=env)

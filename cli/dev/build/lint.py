"""Check style, formatting, types and import contracts."""

from __future__ import annotations

import argparse
import sys
import sysconfig
from pathlib import Path

from .processes import run, run_module


def main(arguments: list[str]) -> None:
    """`build.py lint`."""
    argparse.ArgumentParser(prog="build.py lint", description=__doc__).parse_args(arguments)
    run_module("ruff", "check", ".")
    run_module("ruff", "format", "--check", ".")
    run_module("pyright", "--pythonpath", sys.executable)
    run(Path(sysconfig.get_path("scripts")) / "lint-imports", "--no-cache")

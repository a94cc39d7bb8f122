"""The checkout, and programs run in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def run(*command: object, env: dict[str, str] | None = None, quiet: bool = False) -> None:
    """Run a program in the checkout. Raises CalledProcessError, with its output where `quiet` kept that back."""
    subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
        text=True,
        check=True,
    )


def run_module(*arguments: object, env: dict[str, str] | None = None, quiet: bool = False) -> None:
    """Run a module of this Python, `python -m ...`. Raises CalledProcessError."""
    run(sys.executable, "-m", *arguments, env=env, quiet=quiet)

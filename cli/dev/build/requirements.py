"""The lock files: which exact versions, with which hashes, belong to which Python."""

from __future__ import annotations

import re
from pathlib import Path

from packaging.requirements import Requirement

from ....core.errors import InnerfaceError
from .processes import ROOT

LOCK = ROOT / "requirements.lock"
TRAIN_LOCK = ROOT / "requirements-train.lock"  # what torch needs beside it
UV_LOCK = ROOT / "requirements-uv.lock"  # the installer of the other two


def entries(lock: Path) -> list[str]:
    """The requirements of a lock file, each with its marker and hashes as one text of several lines."""
    lines = [line for line in lock.read_text().splitlines(keepends=True) if not line.startswith("#")]
    return [entry for entry in re.split(r"^(?=\S)", "".join(lines), flags=re.MULTILINE) if entry.strip()]


def requirement(entry: str) -> Requirement:
    """The requirement of an entry, without its hashes."""
    return Requirement(entry.split(" \\\n", 1)[0].strip())


def without_marker(entry: str) -> str:
    """An entry without its marker: pip weighs markers by the Python that runs it, not by the one it downloads for."""
    first, separator, hashes = entry.partition(" \\\n")
    return first.split(" ; ")[0].rstrip() + separator + hashes


def locked_entry(name: str, python: str) -> str:
    """The entry of a package for a Python such as 3.13. Raises InnerfaceError where the lock file has none."""
    for entry in entries(LOCK):
        wanted = requirement(entry)
        environment = {"python_full_version": f"{python}.0", "python_version": python}
        if wanted.name == name and (wanted.marker is None or wanted.marker.evaluate(environment)):
            return entry
    raise InnerfaceError(f"{LOCK.name} does not pin {name} for Python {python}; run 'python3 build.py lock'")

"""A real Blender with a fresh user folder and the packaged zip, for tests and screenshots."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ....core.errors import InnerfaceError
from .package import package_platform
from .wheels import BUNDLED_PYTHONS


@contextmanager
def fresh_blender(launcher: str) -> Iterator[dict[str, str]]:
    """Environment variables of a Blender with an empty user folder; INNERFACE_ZIP is the zip packaged for its Python.

    Raises InnerfaceError where `launcher` does not start.
    """
    probe = "import sys; print('PYTHON', '%d.%d' % sys.version_info[:2])"
    command = [launcher, "--background", "--factory-startup", "--python-expr", probe]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    match = re.search(r"PYTHON (\d+\.\d+)", result.stdout)
    if match is None:
        last_lines = [line for line in (result.stderr or result.stdout).splitlines() if line.strip()][-3:]
        raise InnerfaceError(
            f"{launcher}: does not start as a Blender (exit code {result.returncode}: "
            f"{' / '.join(last_lines)[-400:]}); give the path of its program"
        )
    with tempfile.TemporaryDirectory(prefix="innerface-blender-") as name:
        folder = Path(name)
        pythons = [*BUNDLED_PYTHONS, *({match.group(1)} - set(BUNDLED_PYTHONS))]
        archive = package_platform("linux-x64", folder, pythons)
        (folder / "user").mkdir()
        yield {
            "INNERFACE_ZIP": str(archive),
            "BLENDER_USER_RESOURCES": str(folder / "user"),
            "BLENDER_HOME": name,
            "PYTHONDONTWRITEBYTECODE": "1",
        }


@contextmanager
def windowed_blender(launcher: str | None) -> Iterator[dict[str, str]]:
    """The same for a Blender with a window under Xvfb; INNERFACE_WINDOWED is its launcher.

    Raises InnerfaceError where no launcher is given or a program is missing.
    """
    if not launcher:
        raise InnerfaceError("name a Blender with --blender, or in INNERFACE_BLENDER")
    programs = (("Xvfb", "xvfb"), ("xdotool", "xdotool"), ("import", "imagemagick"))
    missing = [package for program, package in programs if shutil.which(program) is None]
    if missing:
        raise InnerfaceError(
            f"a window without a screen needs {', '.join(missing)}; "
            f"on Debian or Ubuntu: sudo apt-get install {' '.join(missing)}"
        )
    with fresh_blender(launcher) as env:
        yield {**env, "INNERFACE_WINDOWED": launcher}

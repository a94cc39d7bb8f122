"""The system libraries that Blender's Python library needs on Linux."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from ....core.errors import InnerfaceError

# Debian's packages of the libraries that a bare system lacks.
DEBIAN_PACKAGES = {
    "libX11.so.6": "libx11-6",
    "libXrender.so.1": "libxrender1",
    "libXxf86vm.so.1": "libxxf86vm1",
    "libXfixes.so.3": "libxfixes3",
    "libXi.so.6": "libxi6",
    "libXext.so.6": "libxext6",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libSM.so.6": "libsm6",
    "libICE.so.6": "libice6",
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libgomp.so.1": "libgomp1",
}


def missing_libraries(site_packages: Path) -> list[str]:
    """The libraries that `bpy` in `site_packages` asks for and the system lacks, sorted."""
    library = next(site_packages.glob("bpy/__init__*.so"), None)
    missing: set[str] = set()
    if library is not None and shutil.which("ldd"):
        text = subprocess.run(["ldd", str(library)], capture_output=True, text=True, check=False).stdout
        missing = set(re.findall(r"^\s*(\S+) => not found", text, re.MULTILINE))
    try:
        ctypes.CDLL("libEGL.so.1")  # loaded by name when something is rendered
    except OSError:
        missing.add("libEGL.so.1")
    return sorted(missing)


def main(_: list[str]) -> None:
    """Check once per environment. Raises InnerfaceError with the line that installs what is missing."""
    stamp = Path(sys.prefix) / "libraries-found"
    if not sys.platform.startswith("linux") or stamp.exists():
        return
    missing = missing_libraries(Path(sysconfig.get_path("purelib")))
    if missing:
        packages = " ".join(sorted(DEBIAN_PACKAGES.get(name, name) for name in missing))
        raise InnerfaceError(
            f"system libraries are missing: {', '.join(missing)}; on Debian or Ubuntu: sudo apt-get install {packages}"
        )
    stamp.touch()

"""Link this checkout, with wheels for this machine, into Blender's folder of extensions."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ....core.errors import InnerfaceError
from .extension import link_files, write_manifest
from .processes import ROOT
from .wheels import BUNDLED_PYTHONS, fetch_wheels

PLATFORMS = {"linux": "linux-x64", "win32": "windows-x64", "darwin": "macos-arm64"}


def main(arguments: list[str]) -> None:
    """`build.py link`."""
    parser = argparse.ArgumentParser(prog="build.py link", description=__doc__)
    parser.add_argument("folder", type=Path, help="such as ~/.config/blender/5.2/extensions/user_default")
    target = parser.parse_args(arguments).folder.expanduser() / "innerface"
    if target.exists():
        raise InnerfaceError(f"{target} exists already; remove it first")
    wheels = fetch_wheels(ROOT / "wheels", PLATFORMS[sys.platform], list(BUNDLED_PYTHONS))
    target.mkdir(parents=True)
    link_files(target)
    (target / "wheels").symlink_to(ROOT / "wheels")
    write_manifest(target, wheels, None)
    print(f"{target} shows this checkout; enable Innerface in Blender's preferences")

"""Package the Blender extension: one zip for each platform, in dist/."""

from __future__ import annotations

import argparse
import sys
import sysconfig
import tempfile
from pathlib import Path

import tomlkit

from ....core.errors import InnerfaceError
from .extension import MANIFEST, copy_files, write_manifest
from .licenses import FILE_NAME, third_party_licenses
from .processes import ROOT, run
from .wheels import BUNDLED_PYTHONS, PLATFORM_TAGS, fetch_wheels


def package_platform(platform: str, out: Path, pythons: list[str]) -> Path:
    """Build one zip with Blender's own tool, which validates it, too."""
    site_packages = Path(sysconfig.get_path("purelib"))
    tool = next(site_packages.glob("bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py"), None)
    if tool is None:
        raise InnerfaceError("Blender's packaging tool is missing; install the 'blender' extra into this environment")
    version = tomlkit.parse(MANIFEST.read_text(encoding="utf-8"))["version"]
    out.mkdir(parents=True, exist_ok=True)
    archive = out / f"innerface-{version}-{platform}.zip"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "innerface"
        wheels = fetch_wheels(folder / "wheels", platform, pythons)
        copy_files(folder)
        write_manifest(folder, wheels, platform)
        (folder / FILE_NAME).write_text(third_party_licenses(wheels), encoding="utf-8")
        run(sys.executable, tool, "build", "--source-dir", folder, "--output-filepath", archive, quiet=True)
    run(sys.executable, tool, "validate", archive, quiet=True)
    return archive


def main(arguments: list[str]) -> None:
    """`build.py package`."""
    parser = argparse.ArgumentParser(prog="build.py package", description=__doc__)
    parser.add_argument("--platform", choices=[*PLATFORM_TAGS, "all"], default="all")
    parser.add_argument(
        "--python", action="append", default=[], metavar="X.Y", help="add wheels for this Python too (tests)"
    )
    options = parser.parse_args(arguments)
    for platform in PLATFORM_TAGS if options.platform == "all" else [options.platform]:
        archive = package_platform(platform, ROOT / "dist", [*BUNDLED_PYTHONS, *options.python])
        print(f"{archive.relative_to(ROOT)}  {archive.stat().st_size / 2**20:.1f} MiB")

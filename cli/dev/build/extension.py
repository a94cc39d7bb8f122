"""The Blender extension: which files it holds, and its manifest."""

from __future__ import annotations

import shutil
from pathlib import Path

import tomlkit

from .processes import ROOT

FILES = ("__init__.py", "__main__.py", "LICENSE")
FOLDERS = ("core", "camera", "server", "blender_addon")  # with all below them
FLAT_FOLDERS = ("cli", "models")  # without the folders in them, which are for development
SUFFIXES = {".py", ".csv", ".json", ".npz", ".onnx", ".html", ".js", ".css", ".svg"}
MANIFEST = ROOT / "blender_manifest.toml"


def packaged_files() -> list[Path]:
    """The files of the checkout that the zip holds."""
    files = [file for name in FOLDERS for file in (ROOT / name).rglob("*")]
    files += [file for name in FLAT_FOLDERS for file in (ROOT / name).iterdir()]
    chosen = [file for file in files if file.is_file() and file.suffix in SUFFIXES]
    return [*(ROOT / name for name in FILES), *sorted(chosen)]


def copy_files(folder: Path) -> None:
    """Copy the packaged files into a folder."""
    for file in packaged_files():
        destination = folder / file.relative_to(ROOT)
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, destination)


def link_files(folder: Path) -> None:
    """Link the checkout's files and folders into a folder."""
    for name in (*FILES, *FOLDERS, *FLAT_FOLDERS):
        (folder / name).symlink_to(ROOT / name)


def write_manifest(folder: Path, wheels: list[Path], platform: str | None) -> None:
    """Write the manifest with the wheels, which lie in the folder's `wheels`, and the platform if there is but one."""
    manifest = tomlkit.parse(MANIFEST.read_text(encoding="utf-8"))
    permissions, build = manifest.pop("permissions"), manifest.pop("build")
    bundled = tomlkit.array().multiline(True)
    bundled.extend(f"./wheels/{wheel.name}" for wheel in wheels)
    manifest["wheels"] = bundled
    if platform:
        manifest["platforms"] = [platform]
    manifest["permissions"], manifest["build"] = permissions, build
    (folder / MANIFEST.name).write_text(tomlkit.dumps(manifest), encoding="utf-8")

"""The wheels that the zip bundles."""

from __future__ import annotations

import tempfile
from pathlib import Path

from .processes import run_module
from .requirements import locked_entry, without_marker

# Dependencies are not resolved: MCAP's own are listed, and NumPy is Blender's.
BUNDLED_WHEELS = (
    "mcap",
    "lz4",
    "zstandard",
    "scipy",
    "onnxruntime",
    "websockets",
    "pyserial",
    "python-osc",
    "platformdirs",
    "tqdm",
)
BUNDLED_PYTHONS = ("3.11", "3.13")  # of Blender 4.2 to 5.0, and of 5.2
PLATFORM_TAGS = {
    "linux-x64": ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
    "windows-x64": ("win_amd64",),
    "macos-arm64": ("macosx_14_0_arm64", "macosx_13_0_arm64", "macosx_12_0_arm64", "macosx_11_0_arm64"),
}


def fetch_wheels(folder: Path, platform: str, pythons: list[str]) -> list[Path]:
    """Download the bundled wheels of a platform for each of `pythons`, held to the lock file's hashes."""
    folder.mkdir(parents=True, exist_ok=True)
    tags = [argument for tag in PLATFORM_TAGS[platform] for argument in ("--platform", tag)]
    for python in pythons:
        with tempfile.TemporaryDirectory() as temporary:
            subset = Path(temporary) / "wheels.txt"
            subset.write_text("".join(without_marker(locked_entry(name, python)) for name in BUNDLED_WHEELS))
            target = ["--python-version", python, "--implementation", "cp", *tags]
            options = ["--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"]
            run_module("pip", "download", *options, *target, "-r", subset, "-d", folder, quiet=True)
    return sorted(folder.glob("*.whl"))

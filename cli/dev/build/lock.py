"""Renew the lock files, with hashes, for both Pythons."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from .processes import run_module
from .requirements import LOCK, TRAIN_LOCK, UV_LOCK, entries, requirement

NUMPY = "numpy==1.26.4; python_version < '3.12'\nnumpy>=2.2,<3; python_version >= '3.12'\n"  # as the Blenders carry it
EXTRAS = ("blender", "fusion", "boards", "camera", "lab", "report", "test", "lint", "package")
HEADER = (
    "# Exact versions for Python 3.11 (Blender 4.5) and 3.13 (Blender 5.2){}; renew with `python3 build.py lock`.\n"
)
# torch is installed from pip's own sources, and brings the CUDA libraries that fit it, where it is built with any.
NOT_LOCKED = ("torch", "triton", "nvidia-", "cuda-")


def main(arguments: list[str]) -> None:
    """`build.py lock`."""
    argparse.ArgumentParser(prog="build.py lock", description=__doc__).parse_args(arguments)
    extras = [argument for name in EXTRAS for argument in ("--extra", name)]
    with tempfile.TemporaryDirectory() as folder:
        constraints, installer = Path(folder) / "constraints.txt", Path(folder) / "uv.txt"
        constraints.write_text(NUMPY)
        installer.write_text("uv\n")
        _compile(LOCK, "pyproject.toml", *extras, "-c", constraints, purpose="")
        _compile(TRAIN_LOCK, "pyproject.toml", "--extra", "train", "-c", LOCK, purpose=", to train with torch")
        _compile(UV_LOCK, installer, purpose=", of the installer")


def _compile(lock: Path, source: object, *options: object, purpose: str) -> None:
    """Resolve requirements into a lock file."""
    style = ["--generate-hashes", "--no-annotate", "--no-header", "--no-emit-index-url"]
    target = ["--universal", "--python-version", "3.11"]
    run_module("uv", "pip", "compile", *style, *target, source, *options, "-o", lock, quiet=True)
    kept = [entry for entry in entries(lock) if not requirement(entry).name.startswith(NOT_LOCKED)]
    lock.write_text(HEADER.format(purpose) + "".join(kept))

#!/usr/bin/env python3
"""Everything a developer runs. Needs only Python 3.11 or 3.13 and pip.

    python3 build.py demo [--take FILE] [--out DIR]      an animated face, in out/demo
    python3 build.py test [--blender LAUNCHER] [--bpy X] the tests; extra arguments after -- go to pytest
    python3 build.py test --gui --blender LAUNCHER       the add-on in a windowed Blender, by clicks
    python3 build.py test --train                        the tests of training, with torch
    python3 build.py lint                                style, formatting, types and import contracts
    python3 build.py package [--platform P] [--python 3.14]
    python3 build.py link EXTENSIONS_DIR                 use this checkout inside Blender
    python3 build.py screenshots --blender LAUNCHER      the guide's pictures from a windowed Blender
    python3 build.py lock | head | pictures              renew the lock files, the bundled head, docs/images

The first use makes .venv from requirements.lock; later ones start at once. All but this is in cli/dev/build.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent
LOCK, TRAIN_LOCK, UV_LOCK = (ROOT / f"requirements{name}.lock" for name in ("", "-train", "-uv"))
BLENDER_FOR_PYTHON = {(3, 11): "4.5.15", (3, 13): "5.2.3"}  # Python -> the Blender whose library fits it
PYTHON_FOR_BLENDER = {"4.2.23": (3, 11), "5.0.1": (3, 11), "4.5.15": (3, 11), "5.2.3": (3, 13)}
NUMPY_FOR_PYTHON = {(3, 11): "numpy==1.26.4", (3, 13): "numpy>=2.2,<3"}  # as those Blenders carry it
COMMANDS = ("lint", "package", "link", "lock", "head", "pictures", "screenshots")  # of cli/dev/build
COMMANDS_WITH_BLENDER = ("pictures", "screenshots")
UV_VARIABLES = {  # pip's setting -> uv's variable, and what stands between several values of it
    "index-url": ("UV_DEFAULT_INDEX", ""),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "cert": ("SSL_CERT_FILE", ""),
}


class BuildError(Exception):
    """A mistake that the user can fix, in one line."""


def run(*command: object, env: dict[str, str] | None = None, quiet: bool = False) -> None:
    """Run a program; its failure ends the build with its own exit code."""
    output = subprocess.PIPE if quiet else None
    result = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdout=output,
        stderr=subprocess.STDOUT if quiet else None,
        text=True,
        check=False,
    )
    if result.returncode:
        sys.stderr.write((result.stdout or "")[-4000:])
        raise SystemExit(result.returncode)


def environment(bpy: str | None = None) -> Path:
    """The Python of the virtual environment, which is made anew when a lock file has changed. Raises BuildError."""
    version = sys.version_info[:2]
    if version not in BLENDER_FOR_PYTHON:
        raise BuildError(
            f"Python {version[0]}.{version[1]} has no Blender library; "
            "run this with python3.11 (Blender 4.5) or python3.13 (Blender 5.2)"
        )
    if bpy and PYTHON_FOR_BLENDER.get(bpy) != version:
        choices = ", ".join(b for b, v in PYTHON_FOR_BLENDER.items() if v == version)
        raise BuildError(
            f"--bpy {bpy} does not run on Python {version[0]}.{version[1]}; with it choose one of {choices}"
        )
    folder = ROOT / (f".venv-bpy-{bpy}" if bpy else ".venv")
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / "innerface-stamp"
    inputs = b"".join(file.read_bytes() for file in (LOCK, UV_LOCK, ROOT / "pyproject.toml"))
    fingerprint = hashlib.sha256(inputs + f"{sys.version} {bpy} {ROOT}".encode()).hexdigest()
    if not (python.exists() and stamp.exists() and stamp.read_text() == fingerprint):
        print(f"setting up {folder.name} (once; Blender's library is large)", file=sys.stderr, flush=True)
        stamp.unlink(missing_ok=True)
        run(sys.executable, "-m", "venv", "--clear", folder)
        run(python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", UV_LOCK, quiet=True)
        install_with_uv(python, "--require-hashes", "-r", LOCK)
        if bpy:
            install_with_uv(python, f"bpy=={bpy}", NUMPY_FOR_PYTHON[version])
        install_with_uv(python, "--no-deps", "-e", ROOT)
        stamp.write_text(fingerprint)
    return python


def training_environment() -> Path:
    """The same with torch in it, which pip installs: this computer may have a build of its own."""
    python = environment()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    torch = next(requirement for requirement in extras["train"] if requirement.startswith("torch=="))
    stamp = python.parent.parent / "innerface-train-stamp"
    fingerprint = hashlib.sha256(TRAIN_LOCK.read_bytes() + torch.encode()).hexdigest()
    if not (stamp.exists() and stamp.read_text() == fingerprint):
        print("installing torch (once)", file=sys.stderr, flush=True)
        install_with_uv(python, "--require-hashes", "-r", TRAIN_LOCK)
        run(python, "-m", "pip", "install", "--quiet", torch, quiet=True)
        stamp.write_text(fingerprint)
    return python


def install_with_uv(python: Path, *arguments: object) -> None:
    """`uv pip install` with pip's package sources and certificates, which uv does not read by itself."""
    listing = subprocess.run([python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True).stdout
    env = {"UV_INDEX_STRATEGY": "unsafe-best-match"}  # pip's rule; hashes hold the choice to what was locked
    for line in listing.splitlines():  # variables of the environment come first, and count
        name, _, value = line.partition("=")
        setting = name.rsplit(".", 1)[-1]
        if setting in UV_VARIABLES:
            variable, separator = UV_VARIABLES[setting]
            env.setdefault(variable, separator.join(ast.literal_eval(value).split()))
    run(python, "-m", "uv", "pip", "install", "--quiet", "--python", python, *arguments, env=env, quiet=True)


def demo(arguments: list[str]) -> None:
    """`innerface demo`."""
    python = environment()
    run(python, "-m", "innerface.cli.dev.build", "libraries")
    run(python, "-m", "innerface", "demo", *arguments)


def test(arguments: list[str]) -> None:
    """The tests, in the environment that --bpy or --train asks for."""
    selection = argparse.ArgumentParser(add_help=False)
    selection.add_argument("--bpy")
    selection.add_argument("--train", action="store_true")
    options, _ = selection.parse_known_args(arguments)
    python = training_environment() if options.train else environment(options.bpy)
    if not options.train:
        run(python, "-m", "innerface.cli.dev.build", "libraries")
    run(python, "-m", "innerface.cli.dev.build", "test", *arguments)


def main() -> int:
    """Run the command named first."""
    name, arguments = (sys.argv[1] if len(sys.argv) > 1 else ""), sys.argv[2:]
    try:
        if name == "demo":
            demo(arguments)
        elif name == "test":
            test(arguments)
        elif name in COMMANDS:
            python = environment()
            if name in COMMANDS_WITH_BLENDER:
                run(python, "-m", "innerface.cli.dev.build", "libraries")
            run(python, "-m", "innerface.cli.dev.build", name, *arguments)
        else:
            print(__doc__)
            return 0 if name in ("-h", "--help") else 2
    except BuildError as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Run the tests; with --blender also the add-on's tests inside that Blender, with the packaged zip."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

from .blender import fresh_blender, windowed_blender
from .processes import ROOT, run, run_module

# They read exports and takes back, check the control page's accessibility, receive from sinks and send to sources.
NPM_PACKAGES = (
    *("three@0.180.0", "@mcap/core@2.2.2", "@mcap/support@1.1.0", "axe-core@4.14.1", "node-osc@11.7.1"),
    "@slimevr/tracker-emulation@0.2.6",
)


def main(arguments: list[str]) -> None:
    """`build.py test`; build.py itself has chosen the environment by --bpy and --train."""
    parser = argparse.ArgumentParser(prog="build.py test", description=__doc__)
    parser.add_argument(
        "--blender",
        default=os.environ.get("INNERFACE_BLENDER"),
        metavar="LAUNCHER",
        help="also test inside this Blender",
    )
    parser.add_argument("--only-blender", action="store_true", help="leave the tests outside Blender out")
    parser.add_argument(
        "--train", action="store_true", help="install torch, and run the tests of training (marked train) instead"
    )
    parser.add_argument(
        "--gui", action="store_true", help="operate the add-on in a windowed Blender (--blender) by mouse instead"
    )
    parser.add_argument("--bpy", metavar="VERSION", help="test against this bpy wheel instead")
    parser.add_argument(
        "--engines", action="store_true", help="first install the engines that open exports in tests (1.5 GB, once)"
    )
    parser.add_argument("pytest", nargs="*", help="arguments for pytest, after --")
    options = parser.parse_args(arguments)
    if options.engines:
        install_engines()
    outside = ("pytest", "-p", "no:pytest-blender", "-m")
    if options.train:
        run_module(*outside, "train", *options.pytest)
    elif options.gui:
        with windowed_blender(options.blender) as env:
            run_module(*outside, "gui", "tests/gui", *options.pytest, env=env)
    else:
        env = {"INNERFACE_NODE_MODULES": node_modules()}
        if not options.only_blender:
            markers = "not slow and not train and not gui"
            run_module(*outside, markers, *options.pytest, env={**env, "INNERFACE_PYTHON": sys.executable})
        if options.blender:
            run_inside_blender(options.blender, options.pytest, env)


def run_inside_blender(launcher: str, arguments: list[str], env: dict[str, str]) -> None:
    """Install the packaged zip into a fresh user folder of a Blender and run the add-on's tests there."""
    with fresh_blender(launcher) as blender_env:
        env = {**env, **blender_env}
        node = shutil.which("node")
        if node:  # a Blender in a root of its own sees only temporary files
            env["INNERFACE_NODE"] = shutil.copy(Path(node).resolve(), env["BLENDER_HOME"])
        options = ["-m", "blender and not slow", "-p", "no:cacheprovider", "--blender-executable", launcher]
        run_module("pytest", *options, ROOT / "tests" / "blender_addon", *arguments, env=env)


def node_modules() -> str:
    """A folder with NPM_PACKAGES in it, or an empty text where there is no npm."""
    folder = ROOT / ".venv-node"
    if shutil.which("npm") is None or shutil.which("node") is None:
        return ""
    names = [package.rpartition("@")[0] for package in NPM_PACKAGES]
    if not all((folder / "node_modules" / name).exists() for name in names):
        folder.mkdir(exist_ok=True)
        (folder / "package.json").write_text('{"private": true, "type": "module"}\n')
        options = ["--silent", "--no-package-lock", "--no-audit", "--no-fund"]
        run("npm", "install", "--prefix", folder, *options, *NPM_PACKAGES, quiet=True)
    return str(folder / "node_modules")


def install_engines() -> None:
    """Install the packages of `cli.dev.engines` into their folder, npm's only where there is npm."""
    from .. import engines

    if not (engines.FOLDER / "python").exists():
        target = ("--target", engines.FOLDER / "python", "--no-deps", "--quiet")
        run_module("pip", "install", *target, *engines.PYTHON_PACKAGES)
    if shutil.which("npm") is not None and not (engines.FOLDER / "node_modules").exists():
        (engines.FOLDER / "package.json").write_text('{"private": true, "type": "module"}\n')
        options = ["--silent", "--no-package-lock", "--no-audit", "--no-fund"]
        run("npm", "install", "--prefix", engines.FOLDER, *options, *engines.NODE_PACKAGES, quiet=True)
    if shutil.which("godot3-server") is None:
        print("Godot is left out: 'apt-get install godot3-server' installs it on Debian")

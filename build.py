#!/usr/bin/env python3
"""Everything a developer runs: demo, test, lint, package, link, lock, head. Needs only Python 3.11 or 3.13 and pip.

    python3 build.py demo [--take FILE] [--out DIR]      an animated face, in out/demo
    python3 build.py test [--blender LAUNCHER] [--bpy X] the tests; extra arguments after -- go to pytest
    python3 build.py test --gui --blender LAUNCHER       the add-on in a windowed Blender, by clicks (needs xvfb, xdotool, imagemagick)
    python3 build.py lint                                ruff and pyright
    python3 build.py package [--platform P] [--python 3.14]
    python3 build.py link EXTENSIONS_DIR                 use this checkout inside Blender
    python3 build.py screenshots --blender LAUNCHER      the guide's pictures from a windowed Blender
    python3 build.py lock | head | pictures              renew requirements.lock, the bundled head, docs/images

The first use makes .venv from requirements.lock; later ones start at once.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent
LOCK = ROOT / "requirements.lock"
TRAIN_LOCK = ROOT / "requirements-train.lock"  # what training needs beside it
BLENDER_FOR_PYTHON = {(3, 11): "4.5.15", (3, 13): "5.2.3"}  # Python -> the Blender whose library fits it
PYTHON_FOR_BLENDER = {"4.2.23": (3, 11), "5.0.1": (3, 11), "4.5.15": (3, 11), "5.2.3": (3, 13)}
THREE_JS = "three@0.180.0"  # reads exports back in tests
NUMPY_FOR_PYTHON = {(3, 11): "numpy==1.26.4", (3, 13): "numpy>=2.2,<3"}  # as those Blenders carry them

# What the add-on's zip holds: only what runs inside Blender.
PACKAGED_FILES = ("__init__.py", "__main__.py", "LICENSE")
PACKAGED_FOLDERS = ("core", "server", "blender_addon")  # with all below them
PACKAGED_FLAT_FOLDERS = ("cli", "models")  # without the folders in them, which are for development
PACKAGED_SUFFIXES = {".py", ".csv", ".json", ".npz", ".onnx", ".html", ".js", ".css", ".svg"}
# No dependencies are resolved: MCAP's own are listed; NumPy is Blender's.
BUNDLED_WHEELS = ("mcap", "lz4", "zstandard", "scipy", "onnxruntime", "websockets", "pyserial", "python-osc")
PLATFORM_TAGS = {
    "linux-x64": ["manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"],
    "windows-x64": ["win_amd64"],
    "macos-arm64": ["macosx_14_0_arm64", "macosx_13_0_arm64", "macosx_12_0_arm64", "macosx_11_0_arm64"],
}
BUNDLED_PYTHONS = ("3.11", "3.13")

# Debian's names for what a bare system lacks.
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


class BuildError(Exception):
    """One line for the person at the keyboard."""


def run(*command: object, env: dict[str, str] | None = None, cwd: Path = ROOT, quiet: bool = False) -> None:
    """Run a command; its failure ends the build with its own exit code."""
    out, err = (subprocess.PIPE, subprocess.STDOUT) if quiet else (None, None)
    result = subprocess.run(
        [str(c) for c in command],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdout=out,
        stderr=err,
        text=True,
        check=False,
    )
    if result.returncode:
        if quiet:
            sys.stderr.write((result.stdout or "")[-4000:])
        raise SystemExit(result.returncode)


def environment(bpy: str | None = None, need_bpy: bool = True) -> Path:
    """The virtual environment's Python, made or refreshed from the lock file."""
    version = sys.version_info[:2]
    if version not in BLENDER_FOR_PYTHON:
        raise BuildError(
            f"Python {version[0]}.{version[1]} has no Blender library; run this with python3.11 (Blender 4.5) or python3.13 (Blender 5.2)"
        )
    if bpy and PYTHON_FOR_BLENDER.get(bpy) != version:
        choices = ", ".join(b for b, v in PYTHON_FOR_BLENDER.items() if v == version)
        raise BuildError(
            f"--bpy {bpy} does not run on Python {version[0]}.{version[1]}; with it choose one of {choices}"
        )
    folder = ROOT / (f".venv-bpy-{bpy}" if bpy else ".venv")
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    fingerprint = hashlib.sha256(
        LOCK.read_bytes() + (ROOT / "pyproject.toml").read_bytes() + f"{sys.version} {bpy} {ROOT}".encode()
    ).hexdigest()
    stamp = folder / "innerface-stamp"
    if not (python.exists() and stamp.exists() and stamp.read_text() == fingerprint):
        print(f"setting up {folder.name} (once; Blender's library is large)", file=sys.stderr, flush=True)
        stamp.unlink(missing_ok=True)
        run(sys.executable, "-m", "venv", "--clear", folder)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run(*pip, "-r", LOCK, quiet=True)
        if bpy:
            run(*pip, f"bpy=={bpy}", NUMPY_FOR_PYTHON[version], quiet=True)
        run(*pip, "--no-deps", "-e", ROOT, quiet=True)
        stamp.write_text(fingerprint)
    if need_bpy:
        check_libraries(folder)
    return python


def training_environment() -> Path:
    """The environment's Python with torch in it."""
    python = environment(need_bpy=False)
    stamp = python.parent.parent / "innerface-train-stamp"
    fingerprint = hashlib.sha256(TRAIN_LOCK.read_bytes()).hexdigest()
    if not (stamp.exists() and stamp.read_text() == fingerprint):
        print("installing torch (once)", file=sys.stderr, flush=True)
        run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", TRAIN_LOCK, quiet=True)
        stamp.write_text(fingerprint)
    return python


def check_libraries(folder: Path) -> None:
    """Name the system libraries that Blender's library lacks, with the mend. Raises BuildError."""
    if not sys.platform.startswith("linux") or (folder / "libraries-found").exists():
        return
    library = next(folder.glob("lib/python*/site-packages/bpy/__init__*.so"), None)
    missing: set[str] = set()
    if library is not None and shutil.which("ldd"):
        text = subprocess.run(["ldd", str(library)], capture_output=True, text=True, check=False).stdout
        missing = set(re.findall(r"^\s*(\S+) => not found", text, re.MULTILINE))
    try:
        ctypes.CDLL("libEGL.so.1")  # loaded by name when something is rendered
    except OSError:
        missing.add("libEGL.so.1")
    if missing:
        packages = " ".join(sorted(DEBIAN_PACKAGES.get(name, name) for name in missing))
        raise BuildError(
            f"system libraries are missing: {', '.join(sorted(missing))}; on Debian or Ubuntu: sudo apt-get install {packages}"
        )
    (folder / "libraries-found").touch()


def demo(arguments: list[str]) -> None:
    """`innerface demo` in the environment."""
    run(environment(), "-m", "innerface", "demo", *arguments)


def test(arguments: list[str]) -> None:
    """pytest; then, with a Blender at hand, the add-on's tests inside it with the packaged zip. `--train`: the tests of training instead; `--gui`: those that
    click through a windowed Blender."""
    parser = argparse.ArgumentParser(prog="build.py test")
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
        "--gui", action="store_true", help="work the add-on in a windowed Blender (--blender) by mouse instead"
    )
    parser.add_argument("--bpy", metavar="VERSION", help="test against this wheel instead")
    parser.add_argument("pytest", nargs="*", help="arguments for pytest, after --")
    options = parser.parse_args(arguments)
    if options.train:
        run(training_environment(), "-m", "pytest", "-p", "no:pytest-blender", "-m", "train", *options.pytest)
        return
    if options.gui:
        command = ("-m", "pytest", "-p", "no:pytest-blender", "-m", "gui", "tests/gui", *options.pytest)
        with_windowed_blender(options.blender, lambda python, env: run(python, *command, env=env))
        return
    python = environment(options.bpy)
    env = {"INNERFACE_THREE": str(node_modules()), "INNERFACE_PYTHON": str(python)}
    if not options.only_blender:
        run(
            python,
            "-m",
            "pytest",
            "-p",
            "no:pytest-blender",
            "-m",
            "not slow and not train and not gui",
            *options.pytest,
            env=env,
        )
    if options.blender:
        inside_blender(python, options.blender, options.pytest, env)


def node_modules() -> str:
    """A folder with npm's three in it, or an empty text where there is no npm."""
    folder = ROOT / ".venv-node"
    if shutil.which("npm") is None or shutil.which("node") is None:
        return ""
    if not (folder / "node_modules" / "three").exists():
        folder.mkdir(exist_ok=True)
        (folder / "package.json").write_text('{"private": true, "type": "module"}\n')
        run(
            "npm",
            "install",
            "--silent",
            "--no-package-lock",
            "--no-audit",
            "--no-fund",
            THREE_JS,
            cwd=folder,
            quiet=True,
        )
    return str(folder / "node_modules")


def blender_environment(launcher: str, folder: Path) -> dict[str, str]:
    """Environment for a real Blender with a fresh user folder, and the packaged zip for its Python as INNERFACE_ZIP."""
    probe = "import sys; print('PYTHON', '%d.%d' % sys.version_info[:2])"
    command = [launcher, "--background", "--factory-startup", "--python-expr", probe]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    match = re.search(r"PYTHON (\d+\.\d+)", result.stdout)
    if match is None:
        last_lines = [line for line in (result.stderr or result.stdout).splitlines() if line.strip()][-3:]
        raise BuildError(
            f"{launcher}: does not start as a Blender (exit code {result.returncode}: {' / '.join(last_lines)[-400:]}); give the path of its program"
        )
    archive = package_platform("linux-x64", folder, [*BUNDLED_PYTHONS, *({match.group(1)} - set(BUNDLED_PYTHONS))])
    user = folder / "user"
    user.mkdir()
    return {
        "INNERFACE_ZIP": str(archive),
        "BLENDER_USER_RESOURCES": str(user),
        "BLENDER_HOME": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def inside_blender(python: Path, launcher: str, arguments: list[str], env: dict[str, str]) -> None:
    """Install the packaged zip into a fresh user folder of a real Blender and run the add-on's tests there."""
    with tempfile.TemporaryDirectory(prefix="innerface-blender-") as folder:
        env = {**env, **blender_environment(launcher, Path(folder))}
        node = shutil.which("node")
        if node:  # a Blender in a root of its own sees only temporary files
            env["INNERFACE_NODE"] = shutil.copy(Path(node).resolve(), folder)
        env.pop("INNERFACE_PYTHON")
        tests = [ROOT / "tests" / "blender_addon", *arguments]
        run(
            python,
            "-m",
            "pytest",
            "-m",
            "blender and not slow",
            "-p",
            "no:cacheprovider",
            "--blender-executable",
            launcher,
            *tests,
            env=env,
        )


def lint(_: list[str]) -> None:
    """Ruff (style and formatting of imports) and pyright."""
    python = environment(need_bpy=False)
    run(python, "-m", "ruff", "check", ".")
    run(python, "-m", "pyright", "--pythonpath", python)


def locked_requirement(name: str, python: str) -> str:
    """`name==version` from the lock file for a Python such as 3.13."""
    for requirement, comparison, limit in re.findall(
        rf"^({re.escape(name)}==[^ \n]+)(?: ; python_full_version (<|>=) '([\d.]+)')?$", LOCK.read_text(), re.MULTILINE
    ):
        wanted_version, limit_version = ([int(x) for x in v.split(".")[:2]] for v in (python, limit or python))
        if not comparison or (wanted_version < limit_version) == (comparison == "<"):
            return requirement
    raise BuildError(f"{LOCK.name} does not pin {name} for Python {python}; run 'python3 build.py lock'")


def fetch_wheels(folder: Path, platform: str, pythons: list[str]) -> list[Path]:
    """Download the wheels that the zip bundles."""
    folder.mkdir(parents=True, exist_ok=True)
    for version in pythons:
        tags = [x for tag in PLATFORM_TAGS[platform] for x in ("--platform", tag)]
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--only-binary=:all:",
            "--implementation",
            "cp",
        ]
        run(
            *command,
            "--python-version",
            version,
            *tags,
            "-d",
            folder,
            *(locked_requirement(w, version) for w in BUNDLED_WHEELS),
            quiet=True,
        )
    return sorted(folder.glob("*.whl"))


def packaged_files() -> list[Path]:
    """The files of the checkout that the zip holds."""
    files = [file for name in PACKAGED_FOLDERS for file in (ROOT / name).rglob("*")]
    files += [file for name in PACKAGED_FLAT_FOLDERS for file in (ROOT / name).iterdir()]
    chosen = [file for file in files if file.is_file() and file.suffix in PACKAGED_SUFFIXES]
    return [*(ROOT / name for name in PACKAGED_FILES), *sorted(chosen)]


def lay_out_extension(folder: Path, wheels: list[Path], platform: str | None, symlink: bool = False) -> None:
    """Lay out the extension: what runs, the wheels and a manifest that lists them."""
    folder.mkdir(parents=True, exist_ok=True)
    if symlink:
        for name in (*PACKAGED_FILES, *PACKAGED_FOLDERS, *PACKAGED_FLAT_FOLDERS):
            (folder / name).symlink_to(ROOT / name)
    else:
        for file in packaged_files():
            destination = folder / file.relative_to(ROOT)
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, destination)
    (folder / "wheels").mkdir(exist_ok=True)
    for wheel in wheels:
        shutil.copy2(wheel, folder / "wheels" / wheel.name)
    manifest = (ROOT / "blender_manifest.toml").read_text()
    bundled = "wheels = [\n" + "".join(f'  "./wheels/{w.name}",\n' for w in wheels) + "]\n"
    if platform:
        bundled += f'platforms = ["{platform}"]\n'
    (folder / "blender_manifest.toml").write_text(manifest.replace("\n[permissions]", f"{bundled}\n[permissions]", 1))


def package_platform(platform: str, out: Path, pythons: list[str]) -> Path:
    """Build and validate one zip with Blender's own tool."""
    python = environment(need_bpy=False)
    extension_tool = next(
        python.parent.parent.glob("lib/python*/site-packages/bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py")
    )
    version = re.search(r'^version = "(.+)"', (ROOT / "blender_manifest.toml").read_text(), re.MULTILINE).group(1)  # type: ignore[union-attr]
    out.mkdir(parents=True, exist_ok=True)
    archive = out / f"innerface-{version}-{platform}.zip"
    with tempfile.TemporaryDirectory() as temporary:
        wheels = fetch_wheels(Path(temporary) / "wheels", platform, pythons)
        lay_out_extension(Path(temporary) / "innerface", wheels, platform)
        run(
            python,
            extension_tool,
            "build",
            "--source-dir",
            Path(temporary) / "innerface",
            "--output-filepath",
            archive,
            quiet=True,
        )
        run(python, extension_tool, "validate", archive, quiet=True)
    return archive


def package(arguments: list[str]) -> None:
    """One zip per platform, in dist/."""
    parser = argparse.ArgumentParser(prog="build.py package")
    parser.add_argument("--platform", choices=[*PLATFORM_TAGS, "all"], default="all")
    parser.add_argument(
        "--python", action="append", default=[], metavar="X.Y", help="add wheels for this Python too (tests)"
    )
    options = parser.parse_args(arguments)
    for platform in PLATFORM_TAGS if options.platform == "all" else [options.platform]:
        archive = package_platform(platform, ROOT / "dist", [*BUNDLED_PYTHONS, *options.python])
        print(f"{archive.relative_to(ROOT)}  {archive.stat().st_size / 2**20:.1f} MiB")


def link(arguments: list[str]) -> None:
    """Put links to this checkout, with wheels for this machine, into Blender's folder of extensions."""
    parser = argparse.ArgumentParser(prog="build.py link")
    parser.add_argument("folder", type=Path, help="such as ~/.config/blender/5.2/extensions/user_default")
    options = parser.parse_args(arguments)
    target = options.folder.expanduser() / "innerface"
    if target.exists():
        raise BuildError(f"{target} exists already; remove it first")
    platform = {"linux": "linux-x64", "win32": "windows-x64", "darwin": "macos-arm64"}[sys.platform]
    lay_out_extension(target, fetch_wheels(ROOT / "wheels", platform, list(BUNDLED_PYTHONS)), None, symlink=True)
    print(f"{target} shows this checkout; enable Innerface in Blender's preferences")


def lock(_: list[str]) -> None:
    """Renew both lock files for both Pythons with uv."""
    python = environment(need_bpy=False) if LOCK.exists() else Path(sys.executable)
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv", quiet=True)
    numpy_constraints = "".join(
        f"{spec}; python_version {'<' if v == (3, 11) else '>='} '3.12'\n" for v, spec in NUMPY_FOR_PYTHON.items()
    )
    compiler = [
        python,
        "-m",
        "uv",
        "pip",
        "compile",
        "--universal",
        "--python-version",
        "3.11",
        "--no-annotate",
        "--no-header",
    ]
    compiler += ["--no-emit-index-url", "pyproject.toml"]
    header = (
        "# Exact versions for Python 3.11 (Blender 4.5) and 3.13 (Blender 5.2){}; renew with `python3 build.py lock`.\n"
    )
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.write(numpy_constraints)
        constraints.flush()
        extras = [
            x for name in ("blender", "fusion", "boards", "lab", "report", "test", "lint") for x in ("--extra", name)
        ]
        run(*compiler, *extras, "-c", constraints.name, "-o", LOCK, quiet=True)
    run(*compiler, "--extra", "train", "-c", LOCK, "-o", TRAIN_LOCK, quiet=True)
    LOCK.write_text(header.format("") + LOCK.read_text())
    # torch itself brings the CUDA that fits it, where it is built with any
    lines = [x for x in TRAIN_LOCK.read_text().splitlines(True) if not x.startswith(("nvidia-", "cuda-", "triton"))]
    TRAIN_LOCK.write_text(header.format(", to train with") + "".join(lines))


def head(_: list[str]) -> None:
    """Rebuild core/head/head.npz from its generator."""
    run(environment(need_bpy=False), "-c", "from innerface.cli.dev.head_generator import generate; generate.write()")


def pictures(arguments: list[str]) -> None:
    """Render docs/images again."""
    run(environment(), "-m", "innerface.cli.dev.pictures.renders", *arguments)
    run(environment(), "-m", "innerface.cli.dev.pictures.figures")
    run(environment(), "-m", "innerface.cli.dev.pictures.control_page")


def with_windowed_blender(launcher: str | None, action: Callable[[Path, dict[str, str]], None]) -> None:
    """Do something with the environment's Python and a windowed Blender's environment: the launcher as INNERFACE_WINDOWED, the packaged zip."""
    if not launcher:
        raise BuildError("name a Blender with --blender, or in INNERFACE_BLENDER")
    missing = [
        package
        for tool, package in (("Xvfb", "xvfb"), ("xdotool", "xdotool"), ("import", "imagemagick"))
        if shutil.which(tool) is None
    ]
    if missing:
        raise BuildError(
            f"a window without a screen needs {', '.join(missing)}; on Debian or Ubuntu: sudo apt-get install {' '.join(missing)}"
        )
    with tempfile.TemporaryDirectory(prefix="innerface-window-") as folder:
        action(environment(), {**blender_environment(launcher, Path(folder)), "INNERFACE_WINDOWED": launcher})


def screenshots(arguments: list[str]) -> None:
    """The guide's pictures, taken of a windowed Blender under Xvfb that is worked by mouse."""
    parser = argparse.ArgumentParser(prog="build.py screenshots")
    parser.add_argument("--blender", default=os.environ.get("INNERFACE_BLENDER"), metavar="LAUNCHER")
    options = parser.parse_args(arguments)
    with_windowed_blender(
        options.blender, lambda python, env: run(python, "-m", "innerface.cli.dev.pictures.screenshots", env=env)
    )


COMMANDS = {
    "demo": demo,
    "test": test,
    "lint": lint,
    "package": package,
    "link": link,
    "lock": lock,
    "head": head,
    "pictures": pictures,
    "screenshots": screenshots,
}


def main() -> int:
    """Pick the command."""
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        print(__doc__)
        return 0 if sys.argv[1:] in (["-h"], ["--help"]) else 2
    try:
        COMMANDS[sys.argv[1]](sys.argv[2:])
    except BuildError as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

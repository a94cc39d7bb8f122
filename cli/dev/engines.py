"""Engines and readers that open exports, each as a program of its own, and how far from the take is what they find.

They lie in the folder INNERFACE_ENGINES (default `.venv-engines` beside this checkout, which `python3 build.py test
--engines` fills): `python` for PyPI's packages, `node_modules` for npm's. Godot is Debian's `godot3-server`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...core import formats
from ...core.animation.frames import resample_to_frames
from ...core.errors import InnerfaceError
from ...core.face.channels import ARKIT, HEAD_ANGLES
from ...core.numerics.quaternion import from_euler_yxz, from_matrix
from ...core.rates import parse_frame_rate
from ...core.take import Take, Track, TrackKind

ROOT = Path(__file__).resolve().parents[2]
READERS = ROOT / "tests" / "readers"
FOLDER = Path(os.environ.get("INNERFACE_ENGINES", ROOT / ".venv-engines"))
RATES = ("23.976", "29.97", "30", "60")
PYTHON_PACKAGES = (
    "vtk==9.7.2",
    "f3d==4.0.0",
    "panda3d==1.10.16",
    "panda3d-gltf==1.3.0",
    "panda3d-simplepbr==0.13.1",
    "usd-core==26.11",
)
NODE_PACKAGES = (
    "three@0.180.0",
    "gltf-validator@2.0.0-dev.3.10",
    "babylonjs@9.35.0",
    "babylonjs-loaders@9.28.0",
    "assimpjs@0.0.10",
    "fbx2gltf@0.9.7",
    "gltfpack@1.3.0",
)
_TIMEOUT_S = 300
_BONE = "head"


class NotHereError(InnerfaceError):
    """An engine that cannot be had here; the message says what to install."""


@dataclass(frozen=True)
class Engine:
    """An engine or reader.

    Attributes
    ----------
    name : for tables
    kind : of the file that it opens: glb, fbx, usdc
    package : what has to be installed
    read : file and frames per second to what it finds, as `tests/readers` print it; raises NotHereError
    weights_within : largest error of weights (mm for VTK, which shows vertices) that is accepted, NaN if it shows none
    """

    name: str
    kind: str
    package: str
    read: Callable[[Path, float], dict[str, Any]]
    weights_within: float = 1e-4


@dataclass(frozen=True)
class Measured:
    """What an engine makes of a take.

    Attributes
    ----------
    clip_s : length of its clip, NaN if it shows none
    weight_error : largest error of any weight at the engine's own keys (VTK: of a vertex, mm), NaN if it shows none
    turn_error : largest error of the head's rotation, degrees, NaN if it shows none
    """

    clip_s: float = np.nan
    weight_error: float = np.nan
    turn_error: float = np.nan


@dataclass(frozen=True)
class KeyedTake:
    """A take as it is keyed: `weights` (F, 52) and `turns` (F, 4) on every frame, and the files that were exported."""

    rate: float
    weights: np.ndarray
    turns: np.ndarray
    files: dict[str, Path]

    @property
    def duration(self) -> float:
        """From the first frame to the last, s."""
        return (len(self.weights) - 1) / self.rate


def turned(track: Track) -> Take:
    """Weights of a track with a made-up turning of the head: real captures rarely have one."""
    t = track.time - track.time[0]
    angles = np.stack([0.4 * np.sin(0.9 * t), 0.2 * np.sin(0.5 * t + 0.3), 0.15 * np.sin(0.7 * t)], axis=1)
    weights = np.stack([track.column(c) for c in ARKIT], axis=1)
    values = np.concatenate([weights, angles], axis=1)
    return Take("take", {TrackKind.WEIGHTS: Track(TrackKind.WEIGHTS, track.time, (*ARKIT, *HEAD_ANGLES), values)})


def key_take(track: Track, fps: str, folder: Path, *, kinds: tuple[str, ...] = ("glb", "fbx", "usdc")) -> KeyedTake:
    """Key a track on the bundled head by the command line, and export it. Raises InnerfaceError."""
    source = folder / "take.csv"
    formats.write_take(turned(track), source, "llf")
    files = {kind: folder / f"take.{kind}" for kind in kinds}
    exports = [a for kind, path in files.items() for a in (f"--{kind.removesuffix('c')}", str(path))]
    command = [sys.executable, "-m", "innerface", "key", str(source), "--out", str(folder / "take.blend")]
    _run([*command, "--fps", fps, *exports])
    written = formats.read_take(source).weights()
    number, base = parse_frame_rate(fps)
    rate = number / base
    count = int(np.floor((written.time[-1] - written.time[0]) * rate + 1e-6)) + 1
    times = written.time[0] + np.arange(count) / rate
    angles = [np.interp(times, written.time, written.column(c)) for c in HEAD_ANGLES]
    return KeyedTake(rate, resample_to_frames(written, times), from_euler_yxz(*angles), files)


def measure(engine: Engine, keyed: KeyedTake) -> Measured:
    """Open a take's export in an engine and compare. Raises NotHereError, and InnerfaceError if it does not open."""
    found = engine.read(keyed.files[engine.kind], keyed.rate)
    clip = max(found["clips"], key=lambda c: len(c["curves"]) + len(c["rotations"]), default=None)
    if clip is None:
        return Measured()
    if "posed" in found:
        weight_error, turn_error = _compare_vertices(found, keyed)
        return Measured(clip["duration"], weight_error, turn_error)
    weight_errors = [
        np.abs(np.array(curve["values"]) - _at(keyed.weights[:, ARKIT.index(name)], curve["times"], keyed.rate)).max()
        for name, curve in clip["curves"].items()
    ]
    missing = {c for c, column in zip(ARKIT, keyed.weights.T) if np.ptp(column) > 1e-3} - set(clip["curves"])
    if clip["curves"] and missing:
        raise InnerfaceError(f"{engine.name} lacks the curves of {', '.join(sorted(missing))}")
    turn = clip["rotations"].get(_BONE)
    return Measured(
        clip["duration"],
        float(max(weight_errors, default=np.nan)),
        np.nan
        if turn is None or len(turn["times"]) < 2
        else _turn_error(np.array(turn["values"]).reshape(-1, 4)[:, [3, 0, 1, 2]], np.array(turn["times"]), keyed),
    )


def _at(values: np.ndarray, times: Any, rate: float) -> np.ndarray:
    return np.interp(np.asarray(times) * rate, np.arange(len(values)), values)


def _turn_error(found: np.ndarray, times: np.ndarray, keyed: KeyedTake) -> float:
    """Largest difference in degrees of the angles between rotations, which no choice of axes changes."""
    frames = times * keyed.rate
    low = np.clip(frames.astype(int), 0, len(keyed.turns) - 2)
    part = (frames - low)[:, None]
    want = keyed.turns[low] * (1 - part) + keyed.turns[low + 1] * part
    want /= np.linalg.norm(want, axis=1, keepdims=True)
    found = found / np.linalg.norm(found, axis=1, keepdims=True)

    def angles(q: np.ndarray) -> np.ndarray:
        references = q[np.linspace(0, len(q) - 1, 4).astype(int)]
        sine = np.linalg.norm(
            q[:, None] * np.sign((q[:, None] * references).sum(-1, keepdims=True)) - references, axis=-1
        )
        return np.degrees(4 * np.arcsin(np.clip(sine / 2, 0, 1)))

    return float(np.abs(angles(found) - angles(want)).max())


def _compare_vertices(found: dict[str, Any], keyed: KeyedTake) -> tuple[float, float]:
    """Largest error of a vertex of the face (mm) and of the head's rotation (degrees), from posed vertices."""
    times = found["times"]
    parts = _read_second(keyed.files["glb"], *times)["morphed"]
    (pieces,) = parts.values()
    rest = np.concatenate([np.array(p["rest"]) for p in pieces])
    rigid = rest[:, 1] > -0.05  # of the head alone
    errors, rotations = [0.0], []
    for k in range(len(times)):
        wanted = np.concatenate([np.array(p["at"][k]) for p in pieces])[rigid]
        posed = np.array(found["posed"][k])[rigid]
        u, _, v = np.linalg.svd((wanted - wanted.mean(0)).T @ (posed - posed.mean(0)))
        rotation = v.T @ np.diag([1, 1, np.sign(np.linalg.det(v.T @ u.T))]) @ u.T
        rotations.append(rotation)
        errors.append(np.abs((wanted - wanted.mean(0)) @ rotation.T - (posed - posed.mean(0))).max() * 1000)
    return float(max(errors)), _turn_error(from_matrix(np.array(rotations)), np.array(times), keyed)


def _run(command: list[str], **options: Any) -> str:
    """Run a program; returns its standard output. Raises InnerfaceError with the end of what it said."""
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S, **options)
    except subprocess.TimeoutExpired:
        raise InnerfaceError(f"{' '.join(command[:3])}: did not end within {_TIMEOUT_S} s") from None
    if said.returncode:
        lines = (said.stderr.strip() or said.stdout.strip()).splitlines() or ["no message"]
        raise InnerfaceError(f"{Path(command[0]).name} {' '.join(command[1:3])}: {lines[-1][:300]}")
    return said.stdout


def _python(script: str, package: str) -> Callable[..., dict[str, Any]]:
    """A reader in Python."""

    def read(path: Path, *arguments: Any) -> dict[str, Any]:
        python = os.environ.get("INNERFACE_PYTHON", sys.executable)
        search = os.pathsep.join([str(FOLDER / "python"), os.environ.get("PYTHONPATH", "")])
        env = {**os.environ, "PYTHONPATH": search.rstrip(os.pathsep)}
        if subprocess.run([python, "-c", f"import {package}"], capture_output=True, check=False, env=env).returncode:
            raise NotHereError(f"PyPI's {package} is not here: 'python3 build.py test --engines' installs it")
        return json.loads(_run([python, str(READERS / script), str(path), *map(str, arguments)], env=env))

    return read


def node_modules(package: str) -> Path:
    """The folder that holds a package of npm's. Raises NotHereError."""
    places = [
        FOLDER / "node_modules",
        Path(os.environ.get("INNERFACE_NODE_MODULES") or ROOT / ".venv-node/node_modules"),
    ]
    found = next((place for place in places if (place / package).exists()), None)
    if found is None or shutil.which("node") is None:
        raise NotHereError(f"npm's {package} is not here: 'python3 build.py test --engines' installs it where npm is")
    return found


def _node(script: str, package: str) -> Callable[..., dict[str, Any]]:
    """A reader in JavaScript."""

    def read(path: Path, _rate: float) -> dict[str, Any]:
        env = {**os.environ, "INNERFACE_NODE_MODULES": str(node_modules(package))}
        return json.loads(_run(["node", str(READERS / script), str(path)], env=env))

    return read


_read_second = _python("read_second.py", "ufbx")
_read_vtk = _python("engines/vtk_geometry.py", "vtk")


def _read_fbx(path: Path, _rate: float) -> dict[str, Any]:
    return _read_second(path)


def _read_f3d(path: Path, _rate: float) -> dict[str, Any]:
    return _python("engines/f3d_viewer.py", "f3d")(path)


def _read_usd(path: Path, _rate: float) -> dict[str, Any]:
    return _python("read_usd.py", "pxr")(path)


def _vtk(path: Path, rate: float) -> dict[str, Any]:
    """VTK shows vertices, which are compared at some times within the clip."""
    (clip,) = _read_vtk(path)["clips"]
    last = round(clip["duration"] * rate)
    times = [k / rate for k in np.linspace(0, last, 5).astype(int).tolist()]
    return {**_read_vtk(path, *times), "times": times}


def _fbx2gltf(path: Path, rate: float) -> dict[str, Any]:
    """Autodesk's SDK by way of FBX2glTF, whose GLB bears no names of shapes: they are in the file's order."""
    folder = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows_NT"}[sys.platform]
    program = (
        node_modules("fbx2gltf") / "fbx2gltf" / "bin" / folder / ("FBX2glTF" + (".exe" if folder[0] == "W" else ""))
    )
    baked = min((24, 30, 60), key=lambda fps: abs(fps - rate))
    with tempfile.TemporaryDirectory() as work:
        copy = Path(shutil.copy(program, work))
        copy.chmod(0o700)
        out = Path(work) / "out.glb"
        _run([str(copy), "--binary", "--anim-framerate", f"bake{baked}", "--input", str(path), "--output", str(out)])
        (names,) = [m["morphs"] for m in _read_second(path)["meshes"].values()]
        return _read_second(out, "--names", ",".join(names))


def _godot(path: Path, _rate: float) -> dict[str, Any]:
    """Godot 3 imports the file without a window; a script of its own reads the tracks."""
    program = shutil.which("godot3-server") or shutil.which("godot3-headless")
    if program is None:
        raise NotHereError("Godot 3 is not here: 'apt-get install godot3-server' installs it on Debian")
    with tempfile.TemporaryDirectory() as work:
        project = Path(work) / "project"
        shutil.copytree(READERS / "engines" / "godot", project)
        shutil.copy(path, project / "take.glb")
        env = {**os.environ, "HOME": work, "XDG_DATA_HOME": work, "XDG_CONFIG_HOME": work, "XDG_CACHE_HOME": work}
        log = Path(work) / "log"
        with open(log, "w") as out:  # the server's editor imports, and does not quit by itself
            editor = subprocess.Popen([program, "--path", str(project), "--editor"], stdout=out, stderr=out, env=env)
            deadline = time.monotonic() + _TIMEOUT_S
            while not list(project.glob(".import/*.md5")) and editor.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
            editor.kill()
            editor.wait()
        tangents = log.read_text(errors="replace").lower().count("tangent")
        if tangents:
            raise InnerfaceError(f"Godot complains {tangents} times about tangents: a mesh has no texture coordinates")
        subprocess.run(
            [program, "--path", str(project), "-s", "res://read.gd"],
            capture_output=True,
            check=False,
            timeout=_TIMEOUT_S,
            env=env,
        )
        found = project / "found.json"
        if not found.exists():
            raise InnerfaceError(f"Godot did not import {path.name}: {log.read_text(errors='replace')[-300:]}")
        return json.loads(found.read_text())


ENGINES = (
    Engine("glTF validator", "glb", "npm gltf-validator", _node("engines/validator.mjs", "gltf-validator"), np.nan),
    Engine("three.js", "glb", "npm three", _node("read.mjs", "three")),
    Engine("Babylon.js", "glb", "npm babylonjs", _node("engines/babylon.mjs", "babylonjs-loaders")),
    Engine("Godot 3", "glb", "Debian godot3-server", _godot, 3e-4),
    Engine("Panda3D", "glb", "PyPI panda3d-gltf", _python("engines/panda.py", "gltf"), 3e-4),
    Engine("VTK", "glb", "PyPI vtk", _vtk, 1e-3),
    Engine("F3D", "glb", "PyPI f3d", _read_f3d, np.nan),
    Engine("ufbx", "fbx", "PyPI ufbx", _read_fbx),
    Engine("three.js, FBX", "fbx", "npm three", _node("read.mjs", "three")),
    Engine("FBX2glTF (Autodesk's SDK)", "fbx", "npm fbx2gltf", _fbx2gltf),
    Engine("assimp", "fbx", "npm assimpjs", _node("engines/assimp.mjs", "assimpjs"), np.nan),
    Engine("USD", "usdc", "PyPI usd-core", _read_usd),
)

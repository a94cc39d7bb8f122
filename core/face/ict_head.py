"""ICT-FaceKit's light model (MIT) from the user's download: OBJ files, or an .npz (docs/formats.md); in cm."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..files import read_bytes, reading
from ..numerics.npz import MAX_FILE_BYTES, MAX_NUMBERS, NpzArchive
from .channels import ARKIT

_ARRAYS = ("neutral", "arkit_names", "arkit_from_ict", "expression_deltas")
_NEUTRAL_FILE = "generic_neutral_mesh.obj"
VERTEX_COUNT = 26719
# Half-open ranges of the model's vertices.
REGIONS = {
    "face": (0, 9409),
    "head_neck": (9409, 11248),
    "mouth_socket": (11248, 13294),
    "eye_sockets": (13294, 14062),
    "gums_tongue": (14062, 17039),
    "teeth": (17039, 21451),
    "sclera_left": (21451, 22221),
    "iris_left": (22221, 23021),
    "sclera_right": (23021, 23791),
    "iris_right": (23791, 24591),
    "lacrimal": (24591, 24999),
    "eye_blend": (24999, 25047),
    "eye_occlusion": (25047, 25351),
    "eyelashes": (25351, 26719),
}
EYE_CENTRE_MM = np.array([31.95, 36.16, 84.41])  # the left eye's centre; the right one's x is negative


@dataclass(frozen=True)
class IctHead:
    """ICT-FaceKit's head.

    Attributes
    ----------
    vertices : (V, 3) m, in the head frame.
    faces : (F, 4) vertices; the fourth is -1 for triangles.
    shapes : names of S channels.
    deltas : (S, V, 3) m, offsets from `vertices`.
    """

    vertices: Array
    faces: Array
    shapes: tuple[str, ...]
    deltas: Array


def load(path: str | Path) -> IctHead:
    """Load an .npz, the folder FaceXModel, or a file in it. Raises InnerfaceError for anything else."""
    path = Path(path)
    if path.suffix.lower() == ".npz":
        return _load_npz(path)
    folder = path if path.is_dir() else path.parent
    if not (folder / _NEUTRAL_FILE).is_file():
        subfolder = folder / "FaceXModel"
        if not (subfolder / _NEUTRAL_FILE).is_file():
            raise InnerfaceError(
                f"{folder}: has no {_NEUTRAL_FILE}; choose the folder FaceXModel of an ICT-FaceKit download"
            )
        folder = subfolder
    return _load_obj_folder(folder)


def load_arrays(path: str | Path, *extra: str) -> dict[str, Any]:
    """Arrays of a face in ICT-FaceKit's layout. Raises InnerfaceError.

    Returns
    -------
    vertices : (V, 3) m.
    names : Apple's channels.
    shown : (names,) bool, channels that the model has.
    deltas : (names, V, 3) m.
    **extra : further arrays, as they are in the file.
    """
    archive = NpzArchive(read_bytes(path, MAX_FILE_BYTES), path)
    missing = [name for name in (*_ARRAYS, *extra) if name not in archive.names]
    if missing:
        raise InnerfaceError(f"{path}: lacks {', '.join(missing)} of ICT-FaceKit's layout; see docs/formats.md")
    data = {name: archive.read(name) for name in (*_ARRAYS, *extra)}
    with reading(path, "give arrays in ICT-FaceKit's layout, as docs/formats.md describes it"):
        expressions = data["expression_deltas"]
        if expressions.ndim != 3 or len(data["arkit_names"]) != len(data["arkit_from_ict"]) or len(expressions) > 1000:
            raise ValueError("its arrays do not match one another")
        arkit_from_ict = data["arkit_from_ict"].astype(np.float32)
        if len(arkit_from_ict) * expressions[0].size > MAX_NUMBERS:
            raise ValueError("too many channels and vertices")
        return {name: data[name] for name in extra} | {
            "vertices": data["neutral"].astype(np.float64) * 0.01,
            "names": [str(n) for n in data["arkit_names"]],
            "shown": arkit_from_ict.any(axis=1),
            "deltas": np.tensordot(arkit_from_ict, expressions.astype(np.float32), axes=1) * np.float32(0.01),
        }


def _load_npz(path: Path) -> IctHead:
    with reading(path, "see docs/formats.md"):
        data = load_arrays(path, "faces")
        vertices, faces, names, deltas = data["vertices"], data["faces"].astype(np.int64), data["names"], data["deltas"]
        if (
            vertices.shape != (VERTEX_COUNT, 3)
            or deltas.shape != (len(names), VERTEX_COUNT, 3)
            or faces.ndim != 2
            or faces.shape[1] != 4
            or faces.max() >= VERTEX_COUNT
        ):
            raise InnerfaceError(f"{path}: its arrays do not match one another; see docs/formats.md")
        shown = [k for k, name in enumerate(names) if name in ARKIT and data["shown"][k]]
        return IctHead(vertices, faces, tuple(names[k] for k in shown), deltas[shown].astype(np.float64))


def _load_obj_folder(folder: Path) -> IctHead:
    vertices, faces = _read_obj(folder / _NEUTRAL_FILE, True)
    shapes: list[str] = []
    deltas: list[Array] = []
    for channel in ARKIT:
        files = [folder / f"{name}.obj" for name in _file_stems(channel)]
        files = [p for p in files if p.is_file()]
        if files:
            shapes.append(channel)
            deltas.append(np.sum([_read_obj(p)[0] - vertices for p in files], axis=0))
    if len(shapes) < 40:
        raise InnerfaceError(f"{folder}: holds {len(shapes)} of the model's expressions; download ICT-FaceKit again")
    return IctHead(vertices * 0.01, faces, tuple(shapes), np.array(deltas) * 0.01)


def _file_stems(channel: str) -> list[str]:
    """Stems of the model's files for a channel: `browDown_L`, or both halves of `cheekPuff`."""
    for side, suffix in (("Left", "_L"), ("Right", "_R")):
        if channel.endswith(side):
            return [channel[: -len(side)] + suffix, channel]
    return [channel, f"{channel}_L", f"{channel}_R"]


def _read_obj(path: Path, with_faces: bool = False) -> tuple[Array, Array]:
    """Vertices (V, 3) and, if `with_faces`, faces (F, 4) of a Wavefront OBJ."""
    lines = read_bytes(path, 64 << 20).split(b"\n")
    try:
        vertices = np.array([line.split()[1:4] for line in lines if line.startswith(b"v ")], dtype=np.float64)
        rows = (
            [
                [int(corner.split(b"/")[0]) - 1 for corner in line.split()[1:]]
                for line in lines
                if line.startswith(b"f ")
            ]
            if with_faces
            else []
        )
    except (ValueError, IndexError):
        raise InnerfaceError(f"{path}: is not a readable OBJ; download ICT-FaceKit again") from None
    if vertices.shape != (VERTEX_COUNT, 3):
        raise InnerfaceError(
            f"{path}: has {len(vertices)} vertices where ICT-FaceKit's light model has {VERTEX_COUNT}; "
            "choose its folder FaceXModel"
        )
    if any(len(r) not in (3, 4) or min(r) < 0 or max(r) >= VERTEX_COUNT for r in rows):
        raise InnerfaceError(f"{path}: has faces that are neither triangles nor quads; download ICT-FaceKit again")
    return vertices, np.array([r + [-1] * (4 - len(r)) for r in rows], dtype=np.int64).reshape(-1, 4)

"""Read FLAME's model file (Li 2017), which users provide; none is shipped."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..files import read_bytes, reading
from ..numerics.npz import MAX_FILE_BYTES
from . import unpickle

ROOT, NECK, JAW, EYE_LEFT, EYE_RIGHT = range(5)
PARENTS = (-1, ROOT, NECK, NECK, NECK)
SHAPES = 300  # the first of FLAME's 400 directions are shape, the others expression
_KEYS = ("v_template", "f", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table")
_MAX_VERTICES = 200_000


@dataclass(frozen=True)
class FlameModel:
    """A face of V vertices in metres, in the head frame (+X the performer's left, +Y up, +Z out of the face).

    Joints are root, neck, jaw, left eye and right eye.

    Attributes
    ----------
    template : (V, 3)
    shape_dirs, expression_dirs : (V, 3, S), (V, 3, E), offsets per unit
    pose_dirs : (V, 3, 36), offsets per entry of the four rotation matrices minus identity
    joint_regressor : (5, V)
    skin_weights : (V, 5)
    parents : (5,), parent joints, -1 for the root
    faces : (F, 3)
    name : for messages
    sha : first 16 digits of the file's SHA-256
    path : of the file, None for a model made in code
    uv : (F, 3, 2), texture coordinates of the faces' corners, None for a file, which holds none
    """

    template: Array
    shape_dirs: Array
    expression_dirs: Array
    pose_dirs: Array
    joint_regressor: Array
    skin_weights: Array
    parents: Array
    faces: Array
    name: str
    sha: str
    path: Path | None = None
    uv: Array | None = None

    def joints(self, shape: Array | None = None) -> Array:
        """Joints at rest (5, 3) of an identity (S,), the mean face by default."""
        return self.joint_regressor @ (self.template if shape is None else self.template + self.shape_dirs @ shape)


def load(path: str | Path) -> FlameModel:
    """Read a FLAME `.pkl` or `.npz` without executing anything in it. Raises InnerfaceError that names the key."""
    path = Path(path)
    data = read_bytes(path, MAX_FILE_BYTES)
    with reading(path, "give a FLAME model such as flame2023_Open.pkl"):
        contents = unpickle.read_arrays(data, path, (*_KEYS, "shape_count"))
        return from_arrays(
            contents, label=str(path), name=path.stem, sha=hashlib.sha256(data).hexdigest()[:16], path=path
        )


def from_arrays(
    contents: Mapping[str, Array], *, label: str, name: str, sha: str, path: Path | None = None
) -> FlameModel:
    """Make a model from FLAME's arrays. Raises InnerfaceError that begins with `label`."""
    missing = [key for key in _KEYS if key not in contents]
    if missing:
        raise InnerfaceError(f"{label}: lacks {', '.join(missing)}; give a FLAME model such as flame2023_Open.pkl")
    data = {key: contents[key] for key in _KEYS}
    V = data["v_template"].shape[0] if data["v_template"].ndim == 2 else 0
    if data["posedirs"].shape == (36, 3 * V):  # layout of the public layers
        data["posedirs"] = data["posedirs"].T.reshape(V, 3, 36)
    for key, expected in (
        ("v_template", (V, 3)),
        ("f", (None, 3)),
        ("shapedirs", (V, 3, None)),
        ("posedirs", (V, 3, 36)),
        ("J_regressor", (5, V)),
        ("weights", (V, 5)),
        ("kintree_table", (2, 5)),
    ):
        actual = data[key].shape
        if (
            len(actual) != len(expected)
            or any(w not in (None, g) for w, g in zip(expected, actual))
            or not 0 < V <= _MAX_VERTICES
            or 0 in actual
        ):
            shape = tuple("n" if w is None else w for w in expected)
            raise InnerfaceError(
                f"{label}: {key} has shape {actual} where {shape} is expected".replace("'", "")
                + "; give a FLAME head model"
            )
        if data[key].dtype.kind not in "iuf":
            raise InnerfaceError(f"{label}: {key} has {data[key].dtype} instead of numbers; give a FLAME head model")
        if not np.isfinite(data[key]).all() or float(np.abs(data[key].astype(np.float64)).max()) > 1 << 33:
            raise InnerfaceError(f"{label}: {key} has values that are not finite, or too large; get the file again")
    faces, weights = data["f"].astype(np.int64), data["weights"].astype(np.float64)
    if faces.min() < 0 or faces.max() >= V:
        raise InnerfaceError(
            f"{label}: f refers to vertex {faces.max() if faces.max() >= V else faces.min()} of {V}; get the file again"
        )
    sums = weights.sum(axis=1)
    worst = int(np.abs(sums - 1).argmax())
    if abs(sums[worst] - 1) > 1e-3 or weights.min() < -1e-6:
        raise InnerfaceError(
            f"{label}: weights of vertex {worst} sum to {sums[worst]:.3g}, not 1, or are negative; get the file again"
        )
    parents = data["kintree_table"][0].astype(np.int64)
    parents[0] = -1 if parents[0] in (-1, 0xFFFFFFFF) else parents[0]
    if tuple(parents) != PARENTS:
        raise InnerfaceError(
            f"{label}: kintree_table has parents {parents.tolist()} instead of {list(PARENTS)}; give a FLAME head model"
        )
    directions = data["shapedirs"].astype(np.float64)
    count = directions.shape[2]
    shape_count = contents.get("shape_count")
    shapes = SHAPES if count > SHAPES else count // 2
    if shape_count is not None:
        if shape_count.size != 1 or shape_count.dtype.kind not in "iuf" or not 0 <= shape_count.ravel()[0] < count:
            raise InnerfaceError(
                f"{label}: shape_count must be a number below {count}, of shapedirs that are shape; correct it"
            )
        shapes = int(shape_count.ravel()[0])
    if not 0 < shapes < count:
        raise InnerfaceError(
            f"{label}: shapedirs {directions.shape} are {shapes} of shape and {count - shapes} of expression; "
            "both are needed: give a FLAME head model"
        )
    return FlameModel(
        data["v_template"].astype(np.float64),
        directions[:, :, :shapes],
        directions[:, :, shapes:],
        data["posedirs"].astype(np.float64),
        data["J_regressor"].astype(np.float64),
        weights,
        parents,
        faces,
        name,
        sha,
        path,
    )

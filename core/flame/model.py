"""FLAME's model file as arrays (Li 2017). Users bring it; none is shipped."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InnerfaceError
from ..files import read_bytes
from . import arrays, unpickle

ROOT, NECK, JAW, EYE_LEFT, EYE_RIGHT = range(5)
PARENTS = (-1, ROOT, NECK, NECK, NECK)
SHAPES = 300  # of FLAME's 400 directions the first are of shape, the rest of expression
_KEYS = ("v_template", "f", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table")
_MAX_VERTICES = 200_000


@dataclass(frozen=True)
class FlameModel:
    """A face of V vertices, metres, head frame (+X the performer's left, +Y up, +Z out of the face).

    `template` (V, 3); `shape_dirs` (V, 3, S), `expression_dirs` (V, 3, E) offsets per unit; `pose_dirs` (V, 3, 36) offsets per entry of the four
    rotations less identity; `joint_regressor` (5, V); `skin_weights` (V, 5); `parents` (5,); `faces` (F, 3). Joints: root, neck, jaw, left eye,
    right eye. `name`; `sha`, the start of the file's SHA-256; `path` of the file, None where the model was made in code.
    """

    template: np.ndarray
    shape_dirs: np.ndarray
    expression_dirs: np.ndarray
    pose_dirs: np.ndarray
    joint_regressor: np.ndarray
    skin_weights: np.ndarray
    parents: np.ndarray
    faces: np.ndarray
    name: str
    sha: str
    path: Path | None = None

    def joints(self, shape: np.ndarray | None = None) -> np.ndarray:
        """Resting joints (5, 3) of an identity (S,), of the mean face by default."""
        return self.joint_regressor @ (self.template if shape is None else self.template + self.shape_dirs @ shape)


def load(path: str | Path) -> FlameModel:
    """Read a FLAME `.pkl` or `.npz`; nothing in it is executed. Raises InnerfaceError that names the key and its shape."""
    path = Path(path)
    data = read_bytes(path, arrays.LIMIT)
    read_arrays = arrays.read_npz if data.startswith(b"PK") else unpickle.read_pickle
    contents = read_arrays(path, (*_KEYS, "shape_count"))
    return from_arrays(contents, str(path), path.stem, hashlib.sha256(data).hexdigest()[:16], path)


def from_arrays(
    contents: Mapping[str, np.ndarray], label: str, name: str, sha: str, path: Path | None = None
) -> FlameModel:
    """A model of FLAME's own arrays. Raises InnerfaceError that begins with `what`."""
    missing = [key for key in _KEYS if key not in contents]
    if missing:
        raise InnerfaceError(f"{label}: lacks {', '.join(missing)}; give a FLAME model such as flame2023_Open.pkl")
    data = {key: contents[key] for key in _KEYS}
    V = data["v_template"].shape[0] if data["v_template"].ndim == 2 else 0
    if data["posedirs"].shape == (36, 3 * V):  # as the public layers hold it
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
            raise InnerfaceError(f"{label}: {key} holds {data[key].dtype}, not numbers; give a FLAME head model")
        if not np.isfinite(data[key]).all() or float(np.abs(data[key].astype(np.float64)).max()) > 1 << 33:
            raise InnerfaceError(f"{label}: {key} holds values that are not finite or too large; get the file again")
    faces, weights = data["f"].astype(np.int64), data["weights"].astype(np.float64)
    if faces.min() < 0 or faces.max() >= V:
        raise InnerfaceError(
            f"{label}: f names vertex {faces.max() if faces.max() >= V else faces.min()} of {V}; get the file again"
        )
    sums = weights.sum(axis=1)
    worst = int(np.abs(sums - 1).argmax())
    if abs(sums[worst] - 1) > 1e-3 or weights.min() < -1e-6:
        raise InnerfaceError(
            f"{label}: weights of vertex {worst} sum to {sums[worst]:.3g} or are negative; a vertex has 1 in all: get the file again"
        )
    parents = data["kintree_table"][0].astype(np.int64)
    parents[0] = -1 if parents[0] in (-1, 0xFFFFFFFF) else parents[0]
    if tuple(parents) != PARENTS:
        raise InnerfaceError(
            f"{label}: kintree_table has parents {parents.tolist()} where FLAME has {list(PARENTS)}; give a FLAME head model"
        )
    directions = data["shapedirs"].astype(np.float64)
    count = directions.shape[2]
    shape_count = contents.get("shape_count")
    shapes = SHAPES if count > SHAPES else count // 2
    if shape_count is not None:
        if shape_count.size != 1 or shape_count.dtype.kind not in "iuf" or not 0 <= shape_count.ravel()[0] < count:
            raise InnerfaceError(
                f"{label}: shape_count must be a number below {count}, how many of the shapedirs are of shape; mend it"
            )
        shapes = int(shape_count.ravel()[0])
    if not 0 < shapes < count:
        raise InnerfaceError(
            f"{label}: shapedirs {directions.shape} leave {shapes} of shape and {count - shapes} of expression; a face needs both"
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

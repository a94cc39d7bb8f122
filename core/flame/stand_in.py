"""Generate a model in FLAME's layout from the bundled head, to try and test without FLAME's licensed file.

Expressions are the principal components of the head's shapes, without rotations of jaw and eyes. Identities are smooth
random fields.
"""

# SciPy has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.sparse import csc_matrix

from ..arrays import Array
from ..errors import InnerfaceError
from ..face.head import Head, load
from ..files import atomic_write
from .model import PARENTS, SHAPES, FlameModel
from .skinning import rotations

EXPRESSIONS = 100
_PARTS = ("skin", "ear_left", "ear_right", "eye_left", "eye_right")
_NECK_POSITION, _JAW_POSITION = np.array([0.0, -0.075, -0.005]), np.array([0.0, 0.006, 0.012])
_JAW_OPEN_RAD = 0.30  # rotation of the jaw in the head's jawOpen
_WEIGHT_SD = 0.3  # of a shape's weight in a performance, so that expressions have unit variance
_EYEBALL_BACK_M = 0.004  # behind the centre of an eyeball; what is farther back is never visible
_REGRESSOR_VERTICES = 200  # per joint


def make_stand_in(seed: int = 0) -> FlameModel:
    """Make the model; `seed` is that of the random fields of identities and of small expressions."""
    rng, head = np.random.default_rng(seed), load()
    vertices, part_numbers = _model_vertices(head)
    template, triangles = head.vertices[vertices].astype(np.float64), _Triangles.of(head, vertices)
    eyes = {side: part_numbers == _PARTS.index(f"eye_{side}") for side in ("left", "right")}
    centres = {side: _eye_centre(head.vertices[slice(*head.parts[f"eye_{side}"])].astype(np.float64)) for side in eyes}
    joints = np.array([[0.0, -0.15, -0.03], _NECK_POSITION, _JAW_POSITION, centres["left"], centres["right"]])
    deltas = {n: d[vertices].astype(np.float64) for n, d in zip(head.shapes, head.deltas) if n != "tongueOut"}
    weights = _skinning(template, deltas["jawOpen"], eyes, joints=joints)
    expressions = _expressions(template, deltas, weights[:, 2], eyes=eyes, rng=rng)
    is_skin = np.where((eyes["left"] | eyes["right"])[:, None], 0.0, 1.0)
    correctives = (
        np.stack([_random_field(template, rng, 0.0004, symmetric=k % 2 == 0) for k in range(36)], axis=2)
        * is_skin[:, :, None]
        * weights[:, 2][:, None, None]
    )
    positions = template.copy()
    for side, mask in eyes.items():
        positions[mask] = centres[side]  # eyes move rigidly
    shapes = np.stack(
        [_random_field(positions, rng, 0.003 / (1 + 0.4 * k), symmetric=k % 4 != 3) for k in range(SHAPES)], axis=2
    )
    regressor = np.stack([_regressor(template, joint, eyes) for joint in joints])
    return FlameModel(
        template,
        shapes,
        expressions,
        correctives,
        regressor,
        weights,
        np.array(PARENTS),
        triangles.faces,
        "stand-in",
        f"stand-in {seed}",
        uv=triangles.uv,
    )


def write_model(path: str | Path, model: FlameModel | None = None) -> None:
    """Write a model (the stand-in by default) like FLAME's files: `.pkl`, or `.npz` with the same keys.

    Raises InnerfaceError for another suffix.
    """
    path, model = Path(path), model or make_stand_in()
    tree = np.array([np.where(model.parents < 0, 2**32 - 1, model.parents), np.arange(5)], dtype=np.int64)
    data = {
        "v_template": model.template,
        "f": model.faces.astype(np.uint32),
        "shapedirs": np.concatenate([model.shape_dirs, model.expression_dirs], axis=2),
        "posedirs": model.pose_dirs,
        "J_regressor": model.joint_regressor,
        "J": model.joints(),
        "weights": model.skin_weights,
        "kintree_table": tree,
    }
    if model.shape_dirs.shape[2] != SHAPES:
        data["shape_count"] = np.array(model.shape_dirs.shape[2])
    if path.suffix.lower() not in (".pkl", ".npz"):
        raise InnerfaceError(f"{path}: must end in .pkl or .npz, as FLAME models do; change the name")
    with atomic_write(path) as temporary, open(temporary, "wb") as out:
        if path.suffix.lower() == ".npz":
            np.savez(out, **data)
        else:
            pickle.dump(
                data | {"J_regressor": csc_matrix(model.joint_regressor), "bs_style": "lbs", "bs_type": "lrotmin"},
                out,
                protocol=2,
            )


def _model_vertices(head: Head) -> tuple[Array, Array]:
    """Indices (V,) of the head's vertices that the model has, and the part (V,) of each."""
    vertices: list[Array] = []
    part_numbers: list[Array] = []
    for number, name in enumerate(_PARTS):
        indices = np.arange(*head.parts[name])
        if name.startswith("eye"):
            indices = indices[head.vertices[indices, 2] > _eye_centre(head.vertices[indices])[2] - _EYEBALL_BACK_M]
        vertices.append(indices)
        part_numbers.append(np.full(len(indices), number))
    return np.concatenate(vertices), np.concatenate(part_numbers)


def _eye_centre(eyeball: Array) -> Array:
    """Centre (3,) of an eyeball; only the front bulges, by the cornea."""
    low, high = eyeball.min(axis=0), eyeball.max(axis=0)
    return np.array([*(low + high)[:2] / 2, low[2] + (high - low)[0] / 2])


@dataclass(frozen=True)
class _Triangles:
    """The head's quads in halves: `faces` (F, 3), `uv` (F, 3, 2) of their corners."""

    faces: Array
    uv: Array

    @staticmethod
    def of(head: Head, vertices: Array) -> _Triangles:
        """All between the given vertices."""
        new_index = np.full(len(head.vertices), -1)
        new_index[vertices] = np.arange(len(vertices))
        quads = new_index[head.quads]
        kept = (quads >= 0).all(axis=1)
        halves = ([0, 1, 2], [0, 2, 3])
        return _Triangles(
            np.concatenate([quads[kept][:, half] for half in halves]),
            np.concatenate([head.uv[kept][:, half] for half in halves]),
        )


def _skinning(template: Array, opening: Array, eyes: dict[str, Array], *, joints: Array) -> Array:
    """Skin weights (V, 5): eyes to their joints, the jaw by how far skin follows it, the rest to neck and root."""
    out = np.zeros((len(template), 5))
    jaw_motion = (template - _JAW_POSITION) @ (rotations(np.array([_JAW_OPEN_RAD, 0.0, 0.0])) - np.eye(3)).T
    jaw = np.clip((jaw_motion * opening).sum(axis=1) / np.maximum((jaw_motion * jaw_motion).sum(axis=1), 1e-9), 0, 1)
    above_neck = _smoothstep((template[:, 1] + 0.145) / 0.07)
    out[:, 2] = jaw * above_neck
    out[:, 1], out[:, 0] = (1 - jaw) * above_neck, 1 - above_neck
    for j, mask in zip((3, 4), eyes.values()):
        out[mask] = np.eye(5)[j]
    return out


def _expressions(
    template: Array,
    deltas: dict[str, Array],
    jaw: Array,
    *,
    eyes: dict[str, Array],
    rng: np.random.Generator,
) -> Array:
    """Directions (V, 3, 100): principal components of the head's shapes without rotations, then small random fields."""
    from_jaw = template - _JAW_POSITION
    turns = np.stack([np.cross(axis, from_jaw) * jaw[:, None] for axis in np.eye(3)], axis=2).reshape(-1, 3)
    opening = (from_jaw @ (rotations(np.array([_JAW_OPEN_RAD, 0.0, 0.0])) - np.eye(3)).T) * jaw[:, None]
    rows: list[Array] = []
    for name, delta in deltas.items():
        residual = delta - opening if name == "jawOpen" else delta
        if name.startswith("jaw"):
            residual = residual - (turns @ np.linalg.lstsq(turns, residual.ravel(), rcond=None)[0]).reshape(-1, 3)
        rows.append(np.where((eyes["left"] | eyes["right"])[:, None], 0.0, residual).ravel())
    _, sizes, directions = np.linalg.svd(np.array(rows), full_matrices=False)
    out = np.zeros((len(template), 3, EXPRESSIONS))
    out[:, :, : len(rows)] = (_WEIGHT_SD * sizes[:, None] * directions).T.reshape(-1, 3, len(rows))
    face = _smoothstep((template[:, 2] - 0.05) / 0.05) * ~(eyes["left"] | eyes["right"])
    for k in range(len(rows), EXPRESSIONS):
        out[:, :, k] = (
            _random_field(template, rng, 0.0002 * 0.97 ** (k - len(rows)), symmetric=k % 3 != 2) * face[:, None]
        )
    return out


def _random_field(positions: Array, rng: np.random.Generator, size: float, *, symmetric: bool) -> Array:
    """Smooth random field (V, 3) of rms `size` in m, symmetric or antisymmetric between the sides of the face."""
    waves = rng.normal(0, 14.0, (6, 3))  # rad/m: wavelengths of about 5 cm and more
    phases, amounts = rng.uniform(0, 2 * np.pi, 6), rng.normal(0, 1, (6, 3))
    out = np.cos(positions @ waves.T + phases) @ amounts
    mirrored = (np.cos((positions * (-1, 1, 1)) @ waves.T + phases) @ amounts) * (-1, 1, 1)
    out = out + mirrored if symmetric else out - mirrored
    return out * (size / np.sqrt((out * out).mean()))


def _regressor(template: Array, joint: Array, eyes: dict[str, Array]) -> Array:
    """Weights (V,) with sum 1 whose weighted mean is the joint: the most uniform ones on the nearest vertices.

    An eye's joint depends on its eyeball only.
    """
    candidates = next(
        (m for m in eyes.values() if np.linalg.norm(template[m].mean(axis=0) - joint) < 0.008),
        np.ones(len(template), dtype=bool),
    )
    anchors = np.flatnonzero(candidates)[
        np.argsort(np.linalg.norm(template[candidates] - joint, axis=1), kind="stable")[:_REGRESSOR_VERTICES]
    ]
    A = np.concatenate([template[anchors].T, np.ones((1, len(anchors)))])
    uniform = np.full(len(anchors), 1 / len(anchors))
    out = np.zeros(len(template))
    out[anchors] = uniform + np.linalg.pinv(A) @ (np.append(joint, 1.0) - A @ uniform)
    return out


def _smoothstep(t: Array) -> Array:
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def make_performance(model: FlameModel, frames: int, seed: int = 0) -> dict[str, Array]:
    """Random performance at 60 fps, for tests and benches.

    Arrays `shape` (S,), `expression` (T, E), `jaw` and `neck` (T, 3), `eyes` (T, 6).
    """
    rng = np.random.default_rng(seed)

    def wander(count: int, low: float, high: float) -> Array:
        """Smooth noise (T, count) within bounds."""
        x = gaussian_filter1d(rng.normal(size=(frames + 80, count)), 8, axis=0)[40:-40] * 5.3  # of unit variance
        return (low + high) / 2 + (high - low) / 2 * np.tanh(x / 2)

    zero, gaze = np.zeros((frames, 1)), wander(2, -0.4, 0.4)
    mouth = np.maximum(wander(1, -0.3, 0.4), 0)
    return {
        "shape": rng.normal(size=model.shape_dirs.shape[2]),
        "expression": wander(model.expression_dirs.shape[2], -2, 2),
        "jaw": np.concatenate([mouth, wander(1, -0.06, 0.06), zero], axis=1),
        "eyes": np.concatenate([gaze, zero, gaze, zero], axis=1),
        "neck": np.zeros((frames, 3)),
    }

"""A generated model in FLAME's layout, for trying and testing everything without FLAME's licensed file: the bundled head's skin, ears and eyes.

Expression: what the head's shapes do beyond a turn of the jaw or the eyes, as orthogonal directions of falling size. Identity: smooth fields.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.sparse import csc_matrix

from ..errors import InnerfaceError
from ..files import replacing
from ..head import Head, load
from .model import PARENTS, SHAPES, FlameModel
from .skinning import rotations

EXPRESSIONS = 100
_PARTS = ("skin", "ear_left", "ear_right", "eye_left", "eye_right")
_NECK, _JAW = np.array([0.0, -0.075, -0.005]), np.array([0.0, 0.006, 0.012])
_OPEN = 0.30  # rad that the jaw turns in the head's jawOpen
_WEIGHT_SD = 0.3  # of a shape's weight in a performance, so that a unit of expression is usual
_BACK = 0.004  # m: what of an eyeball lies farther behind its centre is never seen
_ANCHORS = 200  # vertices that hold a joint


def stand_in(seed: int = 0) -> FlameModel:
    """The model; `seed` draws the fields of its identities and of its small expressions."""
    rng, head = np.random.default_rng(seed), load()
    kept, parts = _kept(head)
    template, faces = head.vertices[kept].astype(np.float64), _triangles(head, kept)
    eyes = {side: parts == _PARTS.index(f"eye_{side}") for side in ("left", "right")}
    centres = {side: _eye_centre(head.vertices[slice(*head.parts[f"eye_{side}"])].astype(np.float64)) for side in eyes}
    joints = np.array([[0.0, -0.15, -0.03], _NECK, _JAW, centres["left"], centres["right"]])
    deltas = {n: d[kept].astype(np.float64) for n, d in zip(head.shapes, head.deltas) if n != "tongueOut"}
    weights = _skinning(template, deltas["jawOpen"], eyes, joints)
    expressions = _expressions(template, deltas, weights[:, 2], eyes, rng)
    stiff = np.where((eyes["left"] | eyes["right"])[:, None], 0.0, 1.0)
    correctives = np.stack([_field(template, rng, 0.0004, k % 2 == 0) for k in range(36)], axis=2) * stiff[:, :, None] * weights[:, 2][:, None, None]
    places = template.copy()
    for side, m in eyes.items():
        places[m] = centres[side]  # eyes move as they are
    shapes = np.stack([_field(places, rng, 0.003 / (1 + 0.4 * k), k % 4 != 3) for k in range(SHAPES)], axis=2)
    regressor = np.stack([_regressor(template, joint, eyes) for joint in joints])
    return FlameModel(template, shapes, expressions, correctives, regressor, weights, np.array(PARENTS), faces, "stand-in", f"stand-in {seed}")


def write(path: str | Path, model: FlameModel | None = None) -> None:
    """Write a model (the stand-in by default) as FLAME's own files are: `.pkl`, or `.npz` of the same keys. Raises InnerfaceError."""
    path, model = Path(path), model or stand_in()
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
        raise InnerfaceError(f"{path}: FLAME models are .pkl or .npz; end the name so")
    with replacing(path) as temporary, open(temporary, "wb") as out:
        if path.suffix.lower() == ".npz":
            np.savez(out, **data)
        else:
            pickle.dump(data | {"J_regressor": csc_matrix(model.joint_regressor), "bs_style": "lbs", "bs_type": "lrotmin"}, out, protocol=2)


def _kept(head: Head) -> tuple[np.ndarray, np.ndarray]:
    """Vertices that the model has, and for each the part that it is of."""
    kept, parts = [], []
    for number, name in enumerate(_PARTS):
        at = np.arange(*head.parts[name])
        if name.startswith("eye"):
            at = at[head.vertices[at, 2] > _eye_centre(head.vertices[at])[2] - _BACK]
        kept.append(at)
        parts.append(np.full(len(at), number))
    return np.concatenate(kept), np.concatenate(parts)


def _eye_centre(ball: np.ndarray) -> np.ndarray:
    """The centre (3,) of a whole eyeball, which the cornea bulges to the front only."""
    low, high = ball.min(axis=0), ball.max(axis=0)
    return np.array([*(low + high)[:2] / 2, low[2] + (high - low)[0] / 2])


def _triangles(head: Head, kept: np.ndarray) -> np.ndarray:
    place = np.full(len(head.vertices), -1)
    place[kept] = np.arange(len(kept))
    quads = place[head.quads]
    quads = quads[(quads >= 0).all(axis=1)]
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def _skinning(template: np.ndarray, opening: np.ndarray, eyes: dict[str, np.ndarray], joints: np.ndarray) -> np.ndarray:
    """Weights (V, 5): eyes to their joints; the jaw's from how far the skin follows when it opens; the rest to the neck, below it to the root."""
    out = np.zeros((len(template), 5))
    turn = (template - _JAW) @ (rotations(np.array([_OPEN, 0.0, 0.0])) - np.eye(3)).T
    jaw = np.clip((turn * opening).sum(axis=1) / np.maximum((turn * turn).sum(axis=1), 1e-9), 0, 1)
    above = _smooth((template[:, 1] + 0.145) / 0.07)
    out[:, 2] = jaw * above
    out[:, 1], out[:, 0] = (1 - jaw) * above, 1 - above
    for j, m in zip((3, 4), eyes.values()):
        out[m] = np.eye(5)[j]
    return out


def _expressions(template: np.ndarray, deltas: dict[str, np.ndarray], jaw: np.ndarray, eyes: dict[str, np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Directions (V, 3, 100): principal ones of the head's shapes without what jaw and eye joints do, then small fields on the face."""
    arm = template - _JAW
    turns = np.stack([np.cross(axis, arm) * jaw[:, None] for axis in np.eye(3)], axis=2).reshape(-1, 3)
    opening = (arm @ (rotations(np.array([_OPEN, 0.0, 0.0])) - np.eye(3)).T) * jaw[:, None]
    rows = []
    for name, delta in deltas.items():
        left = delta - opening if name == "jawOpen" else delta
        if name.startswith("jaw"):
            left = left - (turns @ np.linalg.lstsq(turns, left.ravel(), rcond=None)[0]).reshape(-1, 3)
        rows.append(np.where((eyes["left"] | eyes["right"])[:, None], 0.0, left).ravel())
    _, sizes, directions = np.linalg.svd(np.array(rows), full_matrices=False)
    out = np.zeros((len(template), 3, EXPRESSIONS))
    out[:, :, : len(rows)] = (_WEIGHT_SD * sizes[:, None] * directions).T.reshape(-1, 3, len(rows))
    face = _smooth((template[:, 2] - 0.05) / 0.05) * ~(eyes["left"] | eyes["right"])
    for k in range(len(rows), EXPRESSIONS):
        out[:, :, k] = _field(template, rng, 0.0002 * 0.97 ** (k - len(rows)), k % 3 != 2) * face[:, None]
    return out


def _field(places: np.ndarray, rng: np.random.Generator, size: float, even: bool) -> np.ndarray:
    """A smooth random field (V, 3) of rms `size` in m; `even`: the same on both sides of the face."""
    waves = rng.normal(0, 14.0, (6, 3))  # rad/m: features of some 5 cm and more
    phases, amounts = rng.uniform(0, 2 * np.pi, 6), rng.normal(0, 1, (6, 3))
    out = np.cos(places @ waves.T + phases) @ amounts
    mirror = (np.cos((places * (-1, 1, 1)) @ waves.T + phases) @ amounts) * (-1, 1, 1)
    out = out + mirror if even else out - mirror
    return out * (size / np.sqrt((out * out).mean()))


def _regressor(template: np.ndarray, joint: np.ndarray, eyes: dict[str, np.ndarray]) -> np.ndarray:
    """Weights (V,) that sum to 1 and whose mean is the joint: the evenest ones on the nearest vertices; an eye's are its own."""
    own = next((m for m in eyes.values() if np.linalg.norm(template[m].mean(axis=0) - joint) < 0.008), np.ones(len(template), dtype=bool))
    near = np.flatnonzero(own)[np.argsort(np.linalg.norm(template[own] - joint, axis=1), kind="stable")[:_ANCHORS]]
    A = np.concatenate([template[near].T, np.ones((1, len(near)))])
    even = np.full(len(near), 1 / len(near))
    out = np.zeros(len(template))
    out[near] = even + np.linalg.pinv(A) @ (np.append(joint, 1.0) - A @ even)
    return out


def _smooth(t: np.ndarray) -> np.ndarray:
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def perform(model: FlameModel, frames: int, seed: int = 0) -> dict[str, np.ndarray]:
    """A made-up performance at 60 frames a second, for tests and benches: `shape` (S,), `expression` (T, E), `jaw`, `neck` (T, 3) and `eyes` (T, 6)."""
    rng = np.random.default_rng(seed)

    def wander(count: int, low: float, high: float) -> np.ndarray:
        """Smooth within bounds (T, count)."""
        x = gaussian_filter1d(rng.normal(size=(frames + 80, count)), 8, axis=0)[40:-40] * 5.3  # of unit sd
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

"""Where the 53 points lie on a model's surface: as the user's own embedding file says, else found once by geometry."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.spatial import KDTree

from ..errors import InnerfaceError
from ..files import read_bytes
from ..head import load
from ..landmarks.points import INNER, LEFT_PUPIL, RIGHT_PUPIL
from . import arrays, unpickle
from .model import EYE_LEFT, EYE_RIGHT, JAW, FlameModel

# What people have beside their model, and the keys of faces and barycentric coordinates in it; of 68 points the last 51 are meant.
FILES = ("flame_static_embedding.pkl", "landmark_embedding.npy", "flame_static_embedding_68.pkl", "flame_static_embedding.npz", "landmark_embedding.npz")
_KEYS = (
    ("lmk_face_idx", "lmk_b_coords"), ("static_lmk_faces_idx", "static_lmk_bary_coords"), ("full_lmk_faces_idx", "full_lmk_bary_coords"),
    ("lmk_faces_idx", "lmk_bary_coords"),
)  # fmt: skip
_UPPER_LIP, _LOWER_LIP = (32, 33, 34, 35, 36, 44, 45, 46), (38, 39, 40, 41, 42, 48, 49, 50)
# The same point of the other side of the face.
MIRROR = np.array([
    *range(9, -1, -1), *range(10, 14), *range(18, 13, -1), 28, 27, 26, 25, 30, 29, 22, 21, 20, 19, 24, 23,
    *range(37, 30, -1), *range(42, 37, -1), *range(47, 42, -1), *range(50, 47, -1), RIGHT_PUPIL, LEFT_PUPIL,
])  # fmt: skip
_MOUTH_DEPTH = 0.05  # m behind the nose's tip that lips may lie; the mouth's inside lies deeper
_CORNER = 1.06  # corners are a little farther out than the last vertices whose weights differ
_EYES_APART = 0.02  # m, at least
_EYE_SHARE = 0.9  # of a vertex's weight that makes it the eyeball's


@dataclass(frozen=True)
class Embedding:
    """The 53 points as `faces` (53,) of a model and barycentric coordinates `bary` (53, 3); `notes` say how they were found."""

    faces: np.ndarray
    bary: np.ndarray
    notes: tuple[str, ...] = ()

    def points(self, model: FlameModel, vertices: np.ndarray) -> np.ndarray:
        """The points (..., 53, 3) of vertices (..., V, 3)."""
        return (vertices[..., model.faces[self.faces], :] * self.bary[..., None]).sum(axis=-2)


def embedding(model: FlameModel, path: str | Path | None = None) -> Embedding:
    """Of the file at `path`, else of a known file beside the model, else by geometry. Raises InnerfaceError for a file that does not fit."""
    if path is None and model.path is not None:
        path = next((model.path.parent / name for name in FILES if (model.path.parent / name).is_file()), None)
    pupils = [_pupil(model, joint) for joint in (EYE_LEFT, EYE_RIGHT)]
    left, right = (b @ model.template[model.faces[f]] for f, b in pupils)
    if np.hypot(*(left - right)[:2]) < _EYES_APART / 10:
        raise InnerfaceError(f"{model.name}: its eyes lie in one place; give a FLAME model with two eyes, in metres")
    if path is not None:
        faces, bary, notes = _read(model, Path(path))
    else:
        faces, bary, notes = _find(model, np.stack([left, right]))
    if left[0] - right[0] < _EYES_APART:
        notes = (*notes, "its left eye is not at +X of the right one; FLAME's axes (Y up, Z out of the face) and metres are expected")
    return Embedding(np.append(faces, [f for f, _ in pupils]), np.concatenate([bary, [b for _, b in pupils]]), notes)


def _read(model: FlameModel, path: Path) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    names = [name for pair in _KEYS for name in pair]
    found = (arrays.npz if read_bytes(path, arrays.LIMIT).startswith(b"PK") else unpickle.arrays)(path, names)
    pair = next(((a, b) for a, b in _KEYS if a in found and b in found), None)
    if pair is None:
        raise InnerfaceError(f"{path}: has none of {', '.join(a for a, _ in _KEYS)} with its coordinates; give a landmark embedding of FLAME's")
    faces, bary = found[pair[0]].ravel(), found[pair[1]]
    if len(faces) not in (INNER, 68) or bary.size != 3 * len(faces) or faces.dtype.kind not in "iuf" or bary.dtype.kind != "f":
        raise InnerfaceError(f"{path}: {pair[0]} {found[pair[0]].shape} and {pair[1]} {bary.shape} are not 51 or 68 points; give a landmark embedding")
    faces, bary = faces[-INNER:].astype(np.int64), bary.reshape(-1, 3)[-INNER:].astype(np.float64)
    if faces.min() < 0 or faces.max() >= len(model.faces) or not np.isfinite(bary).all() or np.abs(bary.sum(axis=1) - 1).max() > 0.01 or bary.min() < -0.1:
        raise InnerfaceError(f"{path}: its points do not lie on {model.name}'s {len(model.faces)} faces; give the embedding of this very model")
    notes = (f"points from {path.name}; the pupils are the foremost points of the eyes",)
    x = (model.template[model.faces[faces], 0] * bary).sum(axis=1)
    if x[0] > x[9]:
        notes = (*notes, f"{path.name}: its points begin at the left brow where iBUG begins at the right one; mirror it, or leave it away")
    return faces, bary, notes


def _pupil(model: FlameModel, joint: int) -> tuple[int, np.ndarray]:
    """The foremost vertex of an eyeball (of what follows its joint most, where nothing follows it alone), as a face and its barycentric coordinates."""
    follows = model.skin_weights[model.faces, joint]
    inside = follows > min(_EYE_SHARE, 0.99 * follows.max()) if follows.max() > 0 else follows > 1
    depth = np.where(inside, model.template[model.faces, 2], -np.inf)
    face, corner = np.unravel_index(depth.argmax(), depth.shape)
    if not inside[face, corner]:
        raise InnerfaceError(f"{model.name}: no vertex follows the {'left' if joint == EYE_LEFT else 'right'} eye's joint; give a FLAME model with eyes")
    return int(face), np.eye(3)[corner]


def _find(model: FlameModel, eyes: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """The 51 points by geometry: the bundled head's, warped so that pupils `eyes` (2, 3), nose tip and mouth meet, then the nearest skin that faces front.

    Lips' points stay on their own lip, which follows the jaw or does not: at rest the two touch.
    """
    head = load()
    marks = head.vertices[head.landmarks].astype(np.float64)
    balls = [head.vertices[slice(*head.parts[name])].astype(np.float64) for name in ("eye_left", "eye_right")]
    ours_eyes = [ball[ball[:, 2].argmax()] for ball in balls]
    middle, scale = eyes[:, 0].mean(), np.ptp(eyes[:, 0]) / np.ptp([e[0] for e in ours_eyes])
    notes = ("the points were found on the model by geometry; give its landmark embedding for the exact ones",)
    skin = _front(model, scale)
    if not len(skin):
        raise InnerfaceError(f"{model.name}: has no skin that faces front (+Z); give its landmark embedding")
    nose = _nose(model, middle, eyes[:, 1].mean(), scale)
    lips = marks[[45, 49]].mean(axis=0)
    found = _mouth(model, nose, scale)
    if found is None:
        notes = (*notes, "no lips were found on it: the mouth's points are where a mouth usually is")
    mouth, corner = found if found is not None else (nose + (lips - marks[13]) * scale, None)
    corner = (marks[37] - lips) * scale if corner is None else corner
    ours = [*ours_eyes, marks[13], lips, marks[37], marks[31]]
    theirs = [*eyes, nose, mouth, mouth + corner, mouth + corner * (-1, 1, 1)]
    warp = RBFInterpolator(np.array(ours), np.array(theirs), kernel="linear", degree=1)
    wanted = warp(marks)
    mirrored = wanted[MIRROR[:INNER]] * (-1, 1, 1) + (2 * middle, 0, 0)
    wanted = (wanted + mirrored) / 2
    lower = model.skin_weights[model.faces[skin], JAW].mean(axis=1)
    lip = (lower.max() + lower.min()) / 2
    faces, bary = np.zeros(INNER, dtype=np.int64), np.zeros((INNER, 3))
    sets = ((np.array(_UPPER_LIP), lower < lip), (np.array(_LOWER_LIP), lower >= lip))
    others = np.setdiff1d(np.arange(INNER), [*_UPPER_LIP, *_LOWER_LIP])
    for which, allowed in (*sets, (others, np.ones(len(skin), dtype=bool))):
        allowed = allowed if found is not None and allowed.any() else np.ones(len(skin), dtype=bool)
        at, b = _nearest(wanted[which], model.template[model.faces[skin[allowed]]])
        faces[which], bary[which] = skin[allowed][at], b
    return faces, bary, notes


def _front(model: FlameModel, scale: float) -> np.ndarray:
    """Faces of skin that look to the front, of the front of the head."""
    corners = model.template[model.faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    ball = model.skin_weights[model.faces][:, :, [EYE_LEFT, EYE_RIGHT]].sum(axis=2).mean(axis=1) > 0.5
    near = corners[:, :, 2].min(axis=1) > model.joints()[[EYE_LEFT, EYE_RIGHT], 2].mean() - 0.03 * scale
    return np.flatnonzero((normal[:, 2] > 0.1 * np.linalg.norm(normal, axis=1)) & ~ball & near)


def _nose(model: FlameModel, middle: float, eyes_y: float, scale: float) -> np.ndarray:
    """The foremost central vertex below the eyes."""
    away = np.abs(model.template[:, 0] - middle) > 0.012 * scale
    below = (model.template[:, 1] > eyes_y - 0.005 * scale) | (model.template[:, 1] < eyes_y - 0.06 * scale)
    tip = model.template[np.where(away | below, -np.inf, model.template[:, 2]).argmax()]
    return np.array([middle, tip[1], tip[2]])


def _mouth(model: FlameModel, nose: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray | None] | None:
    """The middle of the mouth's line, and where its left corner is from there, None if that cannot be seen; None where there are no lips.

    Lips touch where one follows the jaw and the other does not: the closest vertices whose jaw weights differ most.
    """
    front = np.unique(model.faces[_front(model, scale)])
    away = np.abs(model.template[front] - nose) / scale
    front = front[(away[:, 0] < 0.05) & (model.template[front, 1] < nose[1]) & (away[:, 1] < 0.08) & (away[:, 2] < _MOUTH_DEPTH)]
    w = model.skin_weights[front, JAW]
    upper, lower = (model.template[front[which]] for which in (w < 0.35 * w.max(initial=0), w > 0.65 * w.max(initial=0)))
    central = np.abs(upper[:, 0] - nose[0]) < 0.006 * scale
    if not central.any() or not len(lower):
        return None
    gap, other = KDTree(lower).query(upper)
    both = (upper + lower[other]) / 2
    line = both[central][gap[central].argmin()]
    touching = (gap < gap[central].min() + 0.002 * scale) & (np.abs(both[:, 1] - line[1]) < 0.01 * scale)
    ends = both[touching] - (nose[0], line[1], line[2])
    left, right = ends[ends[:, 0].argmax()], ends[ends[:, 0].argmin()] * (-1, 1, 1)
    corner = (left + right) / 2 * (_CORNER, 1, 1)
    return np.array([nose[0], line[1], line[2]]), corner if 0.017 < corner[0] / scale < 0.045 else None


def _nearest(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For points (N, 3) the nearest of triangles (F, 3, 3), and the barycentric coordinates (N, 3) of the nearest point in it."""
    a, ab, ac = triangles[:, 0], triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    d11, d12, d22 = (ab * ab).sum(axis=1), (ab * ac).sum(axis=1), (ac * ac).sum(axis=1)
    bc = triangles[:, 2] - triangles[:, 1]
    area = np.maximum(d11 * d22 - d12 * d12, 1e-30)
    p = points[:, None] - a
    p1, p2 = (p * ab).sum(axis=2), (p * ac).sum(axis=2)
    v, w = (d22 * p1 - d12 * p2) / area, (d11 * p2 - d12 * p1) / area
    inside = (v >= 0) & (w >= 0) & (v + w <= 1)
    s = np.clip(p1 / np.maximum(d11, 1e-30), 0, 1)
    t = np.clip(p2 / np.maximum(d22, 1e-30), 0, 1)
    u = np.clip(((p - ab) * bc).sum(axis=2) / np.maximum((bc * bc).sum(axis=1), 1e-30), 0, 1)
    zero = np.zeros_like(s)
    options = np.stack([np.stack([v, w], -1), np.stack([s, zero], -1), np.stack([zero, t], -1), np.stack([1 - u, u], -1)])
    away = p - options[..., :1] * ab - options[..., 1:] * ac
    distance = (away * away).sum(axis=3)
    distance[0][~inside] = np.inf
    best = distance.min(axis=0).argmin(axis=1)
    rows = np.arange(len(points))
    vw = options[distance[:, rows, best].argmin(axis=0), rows, best]
    return best, np.concatenate([1 - vw.sum(axis=1, keepdims=True), vw], axis=1)

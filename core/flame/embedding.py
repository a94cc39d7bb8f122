"""Embedding of the 53 points in a model's surface: from the user's embedding file, else by geometry."""

# SciPy has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.spatial import KDTree

from ..arrays import Array
from ..errors import InnerfaceError
from ..face.head import load
from ..files import read_bytes, reading
from ..landmarks.points import IBUG_COUNT, LEFT_PUPIL, RIGHT_PUPIL
from ..numerics.npz import MAX_FILE_BYTES
from . import unpickle
from .model import EYE_LEFT, EYE_RIGHT, JAW, FlameModel

# Usual names of embedding files, and their keys; the last 51 of 68 points are used.
EMBEDDING_FILES = (
    "flame_static_embedding.pkl",
    "landmark_embedding.npy",
    "flame_static_embedding_68.pkl",
    "flame_static_embedding.npz",
    "landmark_embedding.npz",
)
_KEYS = (
    ("lmk_face_idx", "lmk_b_coords"),
    ("static_lmk_faces_idx", "static_lmk_bary_coords"),
    ("full_lmk_faces_idx", "full_lmk_bary_coords"),
    ("lmk_faces_idx", "lmk_bary_coords"),
)
_UPPER_LIP, _LOWER_LIP = (32, 33, 34, 35, 36, 44, 45, 46), (38, 39, 40, 41, 42, 48, 49, 50)
# Index of the mirror image of each point.
MIRRORED_POINTS = np.array(
    [
        *range(9, -1, -1),
        *range(10, 14),
        *range(18, 13, -1),
        28,
        27,
        26,
        25,
        30,
        29,
        22,
        21,
        20,
        19,
        24,
        23,
        *range(37, 30, -1),
        *range(42, 37, -1),
        *range(47, 42, -1),
        *range(50, 47, -1),
        RIGHT_PUPIL,
        LEFT_PUPIL,
    ]
)
_MOUTH_DEPTH = 0.05  # m behind the tip of the nose, for lips; the inside of the mouth is deeper
_CORNER_SCALE = 1.06  # mouth corners are slightly farther out than the last vertices whose jaw weights differ
_MIN_EYE_DISTANCE_M = 0.02
_MIN_EYEBALL_WEIGHT = 0.9  # of the eye's joint, for a vertex of the eyeball


@dataclass(frozen=True)
class Embedding:
    """Points as `faces` (53,) of a model and barycentric coordinates `bary` (53, 3), with `notes` on their origin."""

    faces: Array
    bary: Array
    notes: tuple[str, ...] = ()

    def points(self, model: FlameModel, vertices: Array) -> Array:
        """Points (..., 53, 3) of vertices (..., V, 3)."""
        return (vertices[..., model.faces[self.faces], :] * self.bary[..., None]).sum(axis=-2)


def load_embedding(model: FlameModel, path: str | Path | None = None) -> Embedding:
    """Read the file at `path`, else a known file beside the model, else embed by geometry.

    Raises InnerfaceError for a file that does not fit the model.
    """
    if path is None and model.path is not None:
        path = next(
            (model.path.parent / name for name in EMBEDDING_FILES if (model.path.parent / name).is_file()), None
        )
    pupils = [_find_pupil(model, joint) for joint in (EYE_LEFT, EYE_RIGHT)]
    left, right = (b @ model.template[model.faces[f]] for f, b in pupils)
    if np.linalg.norm((left - right)[:2]) < _MIN_EYE_DISTANCE_M / 10:
        raise InnerfaceError(f"{model.name}: both eyes are in one place; give a FLAME model with two eyes, in metres")
    if path is not None:
        skin = _read_embedding(model, Path(path))
    else:
        skin = _embed_by_geometry(model, np.stack([left, right]))
    notes = skin.notes
    if left[0] - right[0] < _MIN_EYE_DISTANCE_M:
        notes = (
            *notes,
            "the left eye is not at +X of the right one; FLAME's axes (Y up, Z out of the face) and metres are needed",
        )
    return Embedding(
        np.append(skin.faces, [f for f, _ in pupils]), np.concatenate([skin.bary, [b for _, b in pupils]]), notes
    )


def _read_embedding(model: FlameModel, path: Path) -> Embedding:
    """The 51 points of an embedding file."""
    names = [name for pair in _KEYS for name in pair]
    with reading(path, "give a landmark embedding of FLAME's"):
        contents = unpickle.read_arrays(read_bytes(path, MAX_FILE_BYTES), path, names)
    pair = next(((a, b) for a, b in _KEYS if a in contents and b in contents), None)
    if pair is None:
        raise InnerfaceError(
            f"{path}: has none of {', '.join(a for a, _ in _KEYS)} with its coordinates; "
            "give a landmark embedding of FLAME's"
        )
    faces, bary = contents[pair[0]].ravel(), contents[pair[1]]
    if (
        len(faces) not in (IBUG_COUNT, 68)
        or bary.size != 3 * len(faces)
        or faces.dtype.kind not in "iuf"
        or bary.dtype.kind != "f"
    ):
        raise InnerfaceError(
            f"{path}: {pair[0]} {contents[pair[0]].shape} and {pair[1]} {bary.shape} are not 51 or 68 points; "
            "give a landmark embedding"
        )
    faces, bary = faces[-IBUG_COUNT:].astype(np.int64), bary.reshape(-1, 3)[-IBUG_COUNT:].astype(np.float64)
    if (
        faces.min() < 0
        or faces.max() >= len(model.faces)
        or not np.isfinite(bary).all()
        or np.abs(bary.sum(axis=1) - 1).max() > 0.01
        or bary.min() < -0.1
    ):
        raise InnerfaceError(
            f"{path}: does not fit the {len(model.faces)} faces of {model.name}; give this model's embedding"
        )
    notes = (f"points from {path.name}; pupils are the foremost points of the eyes",)
    x = (model.template[model.faces[faces], 0] * bary).sum(axis=1)
    if x[0] > x[9]:
        notes = (
            *notes,
            f"{path.name}: the points begin at the left brow instead of iBUG's right one; mirror it, or omit it",
        )
    return Embedding(faces, bary, notes)


def _find_pupil(model: FlameModel, joint: int) -> tuple[int, Array]:
    """Foremost vertex of an eyeball, as a face and barycentric coordinates (3,).

    The eyeball is what follows the joint most, where nothing follows it alone.
    """
    weights = model.skin_weights[model.faces, joint]
    is_eyeball = weights > min(_MIN_EYEBALL_WEIGHT, 0.99 * weights.max()) if weights.max() > 0 else weights > 1
    depth = np.where(is_eyeball, model.template[model.faces, 2], -np.inf)
    face, corner = np.unravel_index(depth.argmax(), depth.shape)
    if not is_eyeball[face, corner]:
        raise InnerfaceError(
            f"{model.name}: no vertex is weighted to the {'left' if joint == EYE_LEFT else 'right'} eye; "
            "give a FLAME model with eyes"
        )
    return int(face), np.eye(3)[corner]


def _embed_by_geometry(model: FlameModel, eyes: Array) -> Embedding:
    """The 51 points by geometry, for a model with its pupils at `eyes` (2, 3).

    The bundled head's points are warped so that pupils, nose tip and mouth coincide, then projected to the nearest skin
    that faces the front. Points of the lips stay on their lip, which follows the jaw or does not, as the lips touch.
    """
    head = load()
    head_points = head.vertices[head.landmarks].astype(np.float64)
    eyeballs = [head.vertices[slice(*head.parts[name])].astype(np.float64) for name in ("eye_left", "eye_right")]
    head_pupils = [ball[ball[:, 2].argmax()] for ball in eyeballs]
    middle, scale = eyes[:, 0].mean(), np.ptp(eyes[:, 0]) / np.ptp([e[0] for e in head_pupils])
    notes = ("the points were found by geometry; give the model's landmark embedding for exact ones",)
    skin = _front_faces(model, scale)
    if not len(skin):
        raise InnerfaceError(f"{model.name}: no skin faces the front (+Z); give its landmark embedding")
    nose = _find_nose_tip(model, middle=middle, eyes_y=eyes[:, 1].mean(), scale=scale)
    lips = head_points[[45, 49]].mean(axis=0)
    mouth_fit = _find_mouth(model, nose, scale)
    if mouth_fit is None:
        notes = (*notes, "no lips were found: the mouth's points are where a mouth usually is")
    mouth, corner = mouth_fit if mouth_fit is not None else (nose + (lips - head_points[13]) * scale, None)
    corner = (head_points[37] - lips) * scale if corner is None else corner
    head_anchors = [*head_pupils, head_points[13], lips, head_points[37], head_points[31]]
    model_anchors = [*eyes, nose, mouth, mouth + corner, mouth + corner * (-1, 1, 1)]
    warp = RBFInterpolator(np.array(head_anchors), np.array(model_anchors), kernel="linear", degree=1)
    warped = warp(head_points)
    mirrored = warped[MIRRORED_POINTS[:IBUG_COUNT]] * (-1, 1, 1) + (2 * middle, 0, 0)
    warped = (warped + mirrored) / 2
    jaw_weights = model.skin_weights[model.faces[skin], JAW].mean(axis=1)
    lip_threshold = (jaw_weights.max() + jaw_weights.min()) / 2
    faces, bary = np.zeros(IBUG_COUNT, dtype=np.int64), np.zeros((IBUG_COUNT, 3))
    sets = ((np.array(_UPPER_LIP), jaw_weights < lip_threshold), (np.array(_LOWER_LIP), jaw_weights >= lip_threshold))
    other_points = np.setdiff1d(np.arange(IBUG_COUNT), [*_UPPER_LIP, *_LOWER_LIP])
    for point_indices, allowed in (*sets, (other_points, np.ones(len(skin), dtype=bool))):
        allowed = allowed if mouth_fit is not None and allowed.any() else np.ones(len(skin), dtype=bool)
        nearest, b = _nearest_on_triangles(warped[point_indices], model.template[model.faces[skin[allowed]]])
        faces[point_indices], bary[point_indices] = skin[allowed][nearest], b
    return Embedding(faces, bary, notes)


def _front_faces(model: FlameModel, scale: float) -> Array:
    """Indices of the skin's faces on the front of the head that face the front."""
    corners = model.template[model.faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    is_eyeball = model.skin_weights[model.faces][:, :, [EYE_LEFT, EYE_RIGHT]].sum(axis=2).mean(axis=1) > 0.5
    is_front = corners[:, :, 2].min(axis=1) > model.joints()[[EYE_LEFT, EYE_RIGHT], 2].mean() - 0.03 * scale
    return np.flatnonzero((normal[:, 2] > 0.1 * np.linalg.norm(normal, axis=1)) & ~is_eyeball & is_front)


def _find_nose_tip(model: FlameModel, *, middle: float, eyes_y: float, scale: float) -> Array:
    """Position of the foremost central vertex below the eyes."""
    off_centre = np.abs(model.template[:, 0] - middle) > 0.012 * scale
    out_of_range = (model.template[:, 1] > eyes_y - 0.005 * scale) | (model.template[:, 1] < eyes_y - 0.06 * scale)
    tip = model.template[np.where(off_centre | out_of_range, -np.inf, model.template[:, 2]).argmax()]
    return np.array([middle, tip[1], tip[2]])


def _find_mouth(model: FlameModel, nose: Array, scale: float) -> tuple[Array, Array | None] | None:
    """Centre of the mouth, and the vector from it to the left corner (None if unclear); None where there are no lips.

    Lips touch where one follows the jaw and the other does not: at the closest vertices with different jaw weights.
    """
    front = np.unique(model.faces[_front_faces(model, scale)])
    distance = np.abs(model.template[front] - nose) / scale
    front = front[
        (distance[:, 0] < 0.05)
        & (model.template[front, 1] < nose[1])
        & (distance[:, 1] < 0.08)
        & (distance[:, 2] < _MOUTH_DEPTH)
    ]
    w = model.skin_weights[front, JAW]
    upper, lower = (
        model.template[front[is_lip]] for is_lip in (w < 0.35 * w.max(initial=0), w > 0.65 * w.max(initial=0))
    )
    central = np.abs(upper[:, 0] - nose[0]) < 0.006 * scale
    if not central.any() or not len(lower):
        return None
    gap, nearest_lower = KDTree(lower).query(upper)
    midpoints = (upper + lower[nearest_lower]) / 2
    centre = midpoints[central][gap[central].argmin()]
    touching = (gap < gap[central].min() + 0.002 * scale) & (np.abs(midpoints[:, 1] - centre[1]) < 0.01 * scale)
    ends = midpoints[touching] - (nose[0], centre[1], centre[2])
    left, right = ends[ends[:, 0].argmax()], ends[ends[:, 0].argmin()] * (-1, 1, 1)
    corner = (left + right) / 2 * (_CORNER_SCALE, 1, 1)
    return np.array([nose[0], centre[1], centre[2]]), corner if 0.017 < corner[0] / scale < 0.045 else None


def _nearest_on_triangles(points: Array, triangles: Array) -> tuple[Array, Array]:
    """Index (N,) of the triangle (F, 3, 3) nearest to each point (N, 3), and barycentric coordinates (N, 3) in it."""
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
    candidates = np.stack(
        [np.stack([v, w], -1), np.stack([s, zero], -1), np.stack([zero, t], -1), np.stack([1 - u, u], -1)]
    )
    offset = p - candidates[..., :1] * ab - candidates[..., 1:] * ac
    distance = (offset * offset).sum(axis=3)
    distance[0][~inside] = np.inf
    best = distance.min(axis=0).argmin(axis=1)
    rows = np.arange(len(points))
    vw = candidates[distance[:, rows, best].argmin(axis=0), rows, best]
    return best, np.concatenate([1 - vw.sum(axis=1, keepdims=True), vw], axis=1)

"""FLAME parameters as trackers save them, under names of their own: VHAP, DECA, EMOCA, SMIRK, metrical-tracker, SMPL-X.

Names and layouts are those of the trackers' public code. Rotations are axis-angle, 3 x 3 matrices, or the first two
rows of a matrix (6 numbers: Zhou et al. 2019, as PyTorch3D lays them out), told apart by their shape.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..flame.flame_track import build_flame_track
from ..numerics import quaternion as quat
from ..take import Take, TrackKind

DEFAULT_RATE = 30.0  # Hz, of frames without a rate
_MAX_RATE, _MAX_VALUE, _MAX_FRAMES = 1000.0, 1e6, 1_000_000
# Trackers' names of each of FLAME's parameters, in small letters, without the prefixes flame_ and smplx_.
_EXPRESSION = (
    "expression",
    "expr",
    "exp",
    "expcode",
    "expressions",
    "expression_params",
    "expr_params",
    "exp_params",
    "expression_code",
    "expr_code",
    "exp_code",
)
_JAW = ("jaw", "jaw_pose", "jaw_params", "jaw_rotation", "jaw_pose_params", "jawpose")
_NECK = ("neck", "neck_pose", "neck_params", "neck_rotation", "neck_pose_params")
_EYES = ("eyes", "eyes_pose", "eye_pose", "eyecode", "eyes_params", "eye_pose_params", "eyepose")
_LEFT_EYE = ("leye_pose", "left_eye_pose", "eye_left", "left_eye", "leye", "eye_pose_left")
_RIGHT_EYE = ("reye_pose", "right_eye_pose", "eye_right", "right_eye", "reye", "eye_pose_right")
_POSE = ("pose", "posecode", "full_pose", "poses", "pose_params", "pose_code")
_SHAPE = ("shape", "betas", "shapecode", "shape_params", "shape_code", "identity")
_TIME = ("time", "timestamps", "timestamp")
_FRAMES = (
    "timestep_id",
    "frame_id",
    "frame_ids",
    "timestep",
    "timesteps",
    "frame_idx",
    "frame_index",
    "frames",
    "frame",
)
_RATE = ("fps", "frame_rate", "framerate", "mocap_frame_rate", "mocap_framerate", "video_fps")
_HEAD = (
    "rotation",
    "global_orient",
    "global_pose",
    "head_pose",
    "r",
    "r_rotation_matrix",
    "translation",
    "transl",
    "trans",
    "t",
    "scale",
    "cam",
)
_READ = (_EXPRESSION, _JAW, _NECK, _EYES, _LEFT_EYE, _RIGHT_EYE, _POSE, _SHAPE, _TIME, _FRAMES, _RATE)
_PREFIX = re.compile(r"^(flame|smplx?)_(params?_)?")
_OURS = ("time", "expression", "jaw", "eyes", "neck", "shape")
# Columns of joints in a pose of all joints, by its width: FLAME's joints are root, neck, jaw, left and right eye.
_POSE_PARTS = {
    6: {"jaw": 3},  # root, jaw
    12: {"neck": 0, "jaw": 3, "left eye": 6, "right eye": 9},
    15: {"neck": 3, "jaw": 6, "left eye": 9, "right eye": 12},
    165: {"jaw": 66, "left eye": 69, "right eye": 72},  # SMPL-X, whose neck is the body's
}
_MAX_SKEW = 0.05  # of a rotation matrix's rows from orthonormal ones


@dataclass
class _Arrays:
    """A tracker's arrays under the names that it gives them, and what was taken for what."""

    path: Path
    given: Mapping[str, Array]
    taken: dict[str, str] = field(default_factory=dict[str, str])

    def find(self, aliases: Iterable[str], part: str) -> Array | None:
        """The array under the first of these names."""
        name = _find(self.given, aliases)
        if name is None:
            return None
        self.taken[name] = part
        array = self.given[name]
        if array.dtype.kind not in "biuf":
            raise InnerfaceError(f"{self.path}: {name} holds {array.dtype}, not numbers; write the file again")
        return array.astype(np.float64)

    def rows(self, array: Array, count: int, part: str) -> Array:
        """The array as (count, width); one row stands for all frames."""
        if array.ndim > 1 and array.shape[0] == 1 and array.shape[1] == count > 1:
            array = array[0]
        if array.ndim and array.shape[0] == count:
            return array.reshape(count, -1)
        if count == 1 or (array.ndim > 1 and array.shape[0] == 1):
            return np.repeat(array.reshape(1, -1), count, axis=0)
        raise InnerfaceError(
            f"{self.path}: {part} has shape {array.shape} where {count} frames are expected; write the file again"
        )


def is_tracker(names: Iterable[str]) -> bool:
    """Whether arrays of these names are FLAME parameters, but not as `.flame.npz` names them."""
    names = list(names)
    others = [name for name in names if any(_key(name) in aliases for aliases in _READ) and name not in _OURS]
    return _find(names, _EXPRESSION) is not None and (bool(others) or "time" not in names)


def wanted(names: Iterable[str]) -> list[str]:
    """The names of the arrays that `parse` reads; others may be large."""
    return [name for name in names if any(_key(name) in aliases for aliases in _READ)]


def parse(given: Mapping[str, Array], names: Iterable[str], path: Path, *, frame_rate: float | None = None) -> Take:
    """A take of a tracker's arrays; `names` are those of all its arrays.

    Frames without times are `frame_rate` (Hz) a second, by default the file's own rate, else DEFAULT_RATE, with a note.
    Raises InnerfaceError that names the array.
    """
    arrays = _Arrays(path, given)
    expression = arrays.find(_EXPRESSION, "expression")
    if expression is None:
        raise InnerfaceError(f"{path}: has none of {', '.join(_EXPRESSION[:4])}; give a tracker's FLAME parameters")
    if expression.ndim == 3 and 1 in expression.shape[:2]:
        expression = expression.reshape(-1, expression.shape[2])
    expression = np.atleast_2d(expression)
    T = len(expression)
    if expression.ndim != 2 or not expression.size or T > _MAX_FRAMES:
        raise InnerfaceError(f"{path}: expression has shape {expression.shape} where (T, E) is expected")
    parts = _pose_parts(arrays, T)
    notes: list[str] = []
    missing = [name for name in ("jaw", "neck", "left eye", "right eye") if name not in parts]
    if missing:
        notes.append(f"has no {', '.join(missing)}; they rest")
    at_rest = np.zeros((T, 3))
    shape = _shape(arrays, T, notes)
    time = _times(arrays, T, frame_rate=frame_rate, notes=notes)
    jaw, neck, left, right = (parts.get(name, at_rest) for name in ("jaw", "neck", "left eye", "right eye"))
    for name, values in (("expression", expression), ("a rotation", np.hstack([jaw, neck, left, right]))):
        if not (np.abs(values) < _MAX_VALUE).all():
            raise InnerfaceError(f"{path}: {name} holds values that are missing or too large; write the file again")
    track = build_flame_track(
        time, expression=expression, jaw=jaw, neck=neck, eyes=np.hstack([left, right]), shape=shape
    )
    renamed = [f"{name} is {part}" for name, part in arrays.taken.items() if name != part]
    notes = ([f"a tracker's names were taken as Innerface's: {', '.join(renamed)}"] if renamed else []) + notes
    others = [name for name in names if name not in arrays.taken]
    place = [name for name in others if _key(name) in _HEAD]
    if place:
        notes.append(f"{', '.join(place)} left out: where the head is in the camera's picture")
    others = [name for name in others if name not in place]
    if others:
        shown = ", ".join(others[:8]) + (" ..." if len(others) > 8 else "")
        notes.append(f"{shown} left out: not among FLAME's expression, jaw, eyes, neck and shape")
    return Take(path.name.removesuffix(path.suffix).removesuffix(".flame"), {TrackKind.FLAME: track}, notes)


def _key(name: str) -> str:
    """A name as the tables spell it."""
    return _PREFIX.sub("", name.rpartition("/")[2].lower())


def _find(names: Iterable[str], aliases: Iterable[str]) -> str | None:
    """The name among `names` that comes first in the table."""
    by_key = {_key(name): name for name in names}
    return next((by_key[alias] for alias in aliases if alias in by_key), None)


def _pose_parts(arrays: _Arrays, T: int) -> dict[str, Array]:
    """Axis-angle (T, 3) of jaw, neck, left eye and right eye, as far as the file has them."""
    parts: dict[str, Array] = {}
    pose = arrays.find(_POSE, "pose")
    if pose is not None:
        rows = arrays.rows(pose, T, "pose")
        if rows.shape[1] not in (3, *_POSE_PARTS):
            raise InnerfaceError(
                f"{arrays.path}: pose has {rows.shape[1]} numbers a frame, and a tracker's 3, 6, 12, 15 or 165; "
                "save jaw_pose, neck_pose and eyes_pose instead"
            )
        parts = {name: rows[:, k : k + 3] for name, k in _POSE_PARTS.get(rows.shape[1], {}).items()}
    for part, aliases in (("jaw", _JAW), ("neck", _NECK), ("left eye", _LEFT_EYE), ("right eye", _RIGHT_EYE)):
        array = arrays.find(aliases, part)
        if array is not None:
            parts[part] = _to_axis_angle(arrays.rows(array, T, part), 1, part=part, path=arrays.path)
    eyes = arrays.find(_EYES, "eyes")
    if eyes is not None:
        rows = arrays.rows(eyes, T, "eyes")
        both = _to_axis_angle(rows, 1 if rows.shape[1] == 3 else 2, part="eyes", path=arrays.path)
        parts["left eye"], parts["right eye"] = both[:, :3], both[:, -3:]
    return parts


def _to_axis_angle(rows: Array, joints: int, *, part: str, path: Path) -> Array:
    """Axis-angle (T, 3 joints) of rotations in any of the layouts."""
    width = rows.shape[1] // joints
    if rows.shape[1] == 3 * joints:
        return rows
    if width * joints != rows.shape[1] or width not in (6, 9):
        raise InnerfaceError(
            f"{path}: {part} has {rows.shape[1]} numbers a frame; give axis-angle ({3 * joints}), "
            f"6 numbers a joint ({6 * joints}) or matrices ({9 * joints})"
        )
    flat = rows.reshape(-1, width)
    if width == 9:
        matrices = flat.reshape(-1, 3, 3)
        skew = np.abs(matrices @ matrices.transpose(0, 2, 1) - np.eye(3)).max(initial=0)
        if not skew < _MAX_SKEW:
            raise InnerfaceError(f"{path}: {part} has 3 x 3 numbers that are no rotations; write the file again")
    else:
        in_rows, in_columns = flat.reshape(-1, 2, 3), flat.reshape(-1, 3, 2).transpose(0, 2, 1)
        # The layout in which most of the rotations are small: jaw and eyes turn by less than a right angle.
        rows_fit, columns_fit = (np.median(p[:, 0, 0] + p[:, 1, 1]) for p in (in_rows, in_columns))
        matrices = _orthonormal(in_rows) if rows_fit >= columns_fit else _orthonormal(in_columns).transpose(0, 2, 1)
    return quat.to_rotvec(quat.from_matrix(matrices)).reshape(len(rows), 3 * joints)


def _orthonormal(pairs: Array) -> Array:
    """Rotation matrices (N, 3, 3) whose first two rows have the directions of `pairs` (N, 2, 3), by Gram-Schmidt."""
    with np.errstate(all="ignore"):
        first = pairs[:, 0] / np.linalg.norm(pairs[:, 0], axis=1, keepdims=True)
        second = pairs[:, 1] - (first * pairs[:, 1]).sum(axis=1, keepdims=True) * first
        second /= np.linalg.norm(second, axis=1, keepdims=True)
    return np.stack([first, second, np.cross(first, second)], axis=1)


def _shape(arrays: _Arrays, T: int, notes: list[str]) -> Array:
    """Identity (S,): the mean where each frame has one of its own."""
    shape = arrays.find(_SHAPE, "shape")
    if shape is None:
        return np.zeros(0)
    rows = shape.reshape(1, -1) if shape.ndim < 2 else shape.reshape(-1, shape.shape[-1])
    if len(rows) not in (1, T) or not (np.abs(rows) < _MAX_VALUE).all():
        raise InnerfaceError(
            f"{arrays.path}: shape has shape {shape.shape} where (S,) is expected; write the file again"
        )
    if np.ptp(rows, axis=0).max(initial=0) > 1e-6:
        notes.append("each frame has a shape of its own; their mean was taken")
    return rows.mean(axis=0)


def _times(arrays: _Arrays, T: int, *, frame_rate: float | None, notes: list[str]) -> Array:
    """Times (T,) s of the frames."""
    time = arrays.find(_TIME, "time")
    if time is not None and time.size == T and np.isfinite(time).all() and (np.diff(time.ravel()) > 0).all():
        return time.ravel()
    if time is not None:
        notes.append("its times do not advance; frames were counted instead")
    own = arrays.find(_RATE, "frames a second")
    own_rate = float(own.ravel()[0]) if own is not None and own.size else 0.0
    rate = frame_rate or (own_rate if 0 < own_rate <= _MAX_RATE else DEFAULT_RATE)
    if frame_rate:
        notes.append(f"its frames were taken as {rate:.6g} a second, as asked for")
    elif rate != own_rate:
        notes.append(f"its frames have no rate: {rate:g} a second were assumed (--rate gives another)")
    frames = arrays.find(_FRAMES, "frame")
    if frames is not None and frames.size == T:
        numbers = frames.ravel()
        if np.isfinite(numbers).all() and (np.diff(numbers) > 0).all() and np.abs(numbers).max() < _MAX_FRAMES:
            return numbers / rate
        notes.append("its frame numbers do not advance; rows were counted instead")
    return np.arange(T) / rate

"""Writing F-curves in bulk: thousands of keys in one call each, never frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from ..core.hand_made import hand_made

_LINEAR, _BEZIER = 1, 2  # Blender's numbers of the interpolations
_AUTO_CLAMPED = 4  # and of the handle type


def shape_key_path(name: str) -> str:
    """Data path of a shape key's value on its Key datablock, with quotes and backslashes escaped."""
    return f'key_blocks["{bpy.utils.escape_identifier(name)}"].value'


def write_curve(fcurves: Any, path: str, frames: np.ndarray, values: np.ndarray, index: int = 0, bezier: bool = False) -> Any:
    """Keys at `frames` (K,) with `values` (K,) in place of those that the curve at (path, index) has; it is made where there is none.

    `bezier` gives auto-clamped handles without extra smoothing (the curve that `core.reduce` bounds), else linear keys.
    """
    curve = fcurves.find(path, index=index) or fcurves.new(path, index=index)
    points = curve.keyframe_points
    if len(points):
        points.clear()
    count = len(frames)
    points.add(count)
    co = np.empty((count, 2), dtype=np.float32)
    co[:, 0], co[:, 1] = frames, values
    points.foreach_set("co", co.ravel())
    points.foreach_set("interpolation", np.full(count, _BEZIER if bezier else _LINEAR, dtype=np.int32))
    if bezier:
        curve.auto_smoothing = "NONE"
        kind = np.full(count, _AUTO_CLAMPED, dtype=np.int32)
        points.foreach_set("handle_left_type", kind)
        points.foreach_set("handle_right_type", kind)
    curve.update()
    return curve


_ASPECTS = ("interpolation", "easing", "handle_left_type", "handle_right_type", "type")


@dataclass(frozen=True)
class HandMade:
    """Keys of a curve that an animator made: their aspects, and the stretches (N, 2) of frames that are theirs."""

    keys: list[dict[str, Any]]
    stretches: np.ndarray


def animators_keys(curve: Any, baked: tuple[np.ndarray, np.ndarray]) -> HandMade:
    """What differs on a curve from the keys (frames, values) that were baked."""
    points = curve.keyframe_points
    co = np.empty(2 * len(points), dtype=np.float32)
    points.foreach_get("co", co)
    mine, stretches = hand_made(co[0::2].astype(np.float64), co[1::2].astype(np.float64), *baked)
    keys = [
        {name: getattr(points[k], name) for name in _ASPECTS}
        | {name: tuple(getattr(points[k], name)) for name in ("co", "handle_left", "handle_right")}
        for k in np.flatnonzero(mine).tolist()
    ]
    return HandMade(keys, stretches)


def insert(curve: Any, own: HandMade) -> None:
    """Put an animator's keys back, as they were."""
    for key in own.keys:
        point = curve.keyframe_points.insert(*key["co"], options={"FAST"})
        for name in (*_ASPECTS, "handle_left", "handle_right"):
            setattr(point, name, key[name])
    curve.update()


def sample(curve: Any, frames: np.ndarray) -> np.ndarray:
    """Values (N,) of a curve at frames (N,), as Blender plays it."""
    return np.array([curve.evaluate(float(f)) for f in frames])

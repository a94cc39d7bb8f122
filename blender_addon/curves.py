"""Writing F-curves in bulk: thousands of keys in one call each, never frame by frame."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np

_LINEAR, _BEZIER = 1, 2  # Blender's numbers of the interpolations
_AUTO_CLAMPED = 4  # and of the handle type


def shape_key_path(name: str) -> str:
    """Data path of a shape key's value on its Key datablock, with quotes and backslashes escaped."""
    return f'key_blocks["{bpy.utils.escape_identifier(name)}"].value'


def write_curve(fcurves: Any, path: str, frames: np.ndarray, values: np.ndarray, index: int = 0, bezier: bool = False) -> Any:
    """Replace the curve at (path, index) by keys at `frames` (K,) with `values` (K,).

    `bezier` gives auto-clamped handles without extra smoothing (the curve that `core.reduce` bounds), else linear keys.
    """
    old = fcurves.find(path, index=index)
    if old is not None:
        fcurves.remove(old)
    curve = fcurves.new(path, index=index)
    points = curve.keyframe_points
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


def sample(curve: Any, frames: np.ndarray) -> np.ndarray:
    """Values (N,) of a curve at frames (N,), as Blender plays it."""
    return np.array([curve.evaluate(float(f)) for f in frames])

"""Reading and writing F-curves in bulk: thousands of keys in one call each, never frame by frame."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np

from ..core import bezier
from ..core.errors import InnerfaceError

_CONSTANT, _LINEAR, _BEZIER = 0, 1, 2  # Blender's numbers of the interpolations
FREE, AUTO_CLAMPED = 0, 4  # and of the handle types
_PLACES = ("co", "handle_left", "handle_right")
_KINDS = ("interpolation", "easing", "handle_left_type", "handle_right_type", "type")
_SHAPES = ("amplitude", "back", "period")

Keys = dict[str, np.ndarray]  # aspects of K keys: places (K, 2), the others (K,)


def shape_key_path(name: str) -> str:
    """Data path of a shape key's value on its Key datablock, with quotes and backslashes escaped."""
    return f'key_blocks["{bpy.utils.escape_identifier(name)}"].value'


def write_curve(fcurves: Any, path: str, frames: np.ndarray, values: np.ndarray, index: int = 0, bezier: bool = False) -> Any:
    """Keys at `frames` (K,) with `values` (K,) in place of those that the curve at (path, index) has; it is made where there is none.

    `bezier` gives auto-clamped handles without extra smoothing (the curve that `core.reduce` bounds), else linear keys.
    """
    curve = _curve(fcurves, path, index)
    points = curve.keyframe_points
    count = len(frames)
    points.add(count)
    co = np.empty((count, 2), dtype=np.float32)
    co[:, 0], co[:, 1] = frames, values
    points.foreach_set("co", co.ravel())
    points.foreach_set("interpolation", np.full(count, _BEZIER if bezier else _LINEAR, dtype=np.int32))
    if bezier:
        curve.auto_smoothing = "NONE"
        kind = np.full(count, AUTO_CLAMPED, dtype=np.int32)
        points.foreach_set("handle_left_type", kind)
        points.foreach_set("handle_right_type", kind)
    curve.update()
    return curve


def _curve(fcurves: Any, path: str, index: int) -> Any:
    """The curve at (path, index), without keys."""
    curve = fcurves.find(path, index=index) or fcurves.new(path, index=index)
    if len(curve.keyframe_points):
        curve.keyframe_points.clear()
    return curve


def fresh(frames: np.ndarray, values: np.ndarray, bezier: bool) -> Keys:
    """Keys as `write_curve` makes them."""
    co, count = np.stack([frames, values], axis=1).astype(np.float32), len(frames)
    kinds = {name: np.zeros(count, dtype=np.int32) for name in _KINDS} | {"interpolation": np.full(count, _BEZIER if bezier else _LINEAR, dtype=np.int32)}
    if bezier:
        kinds |= {name: np.full(count, AUTO_CLAMPED, dtype=np.int32) for name in ("handle_left_type", "handle_right_type")}
    shapes = {"amplitude": 0.8, "back": 1.70158, "period": 4.1}
    return {name: co.copy() for name in _PLACES} | kinds | {name: np.full(count, shapes[name], dtype=np.float32) for name in _SHAPES}


def read(curve: Any) -> Keys:
    """All keys of a curve with all that an animator may have set. Raises InnerfaceError for one that holds no number."""
    points = curve.keyframe_points
    count, out = len(points), {}
    for name in (*_PLACES, *_KINDS, *_SHAPES):
        out[name] = np.empty(2 * count if name in _PLACES else count, dtype=np.int32 if name in _KINDS else np.float32)
        points.foreach_get(name, out[name])
        if name in _PLACES:
            out[name] = out[name].reshape(-1, 2)
    wrong = ~np.isfinite(out["co"]).all(axis=1)
    if wrong.any():
        raise InnerfaceError(f"the curve of {curve.data_path} holds no number at key {int(wrong.argmax()) + 1} of {count}; delete that key")
    return out


def some(keys: Keys, mask: np.ndarray) -> Keys:
    """Those keys alone."""
    return {name: values[mask] for name, values in keys.items()}


def write(fcurves: Any, path: str, index: int, *parts: Keys) -> Any:
    """Keys of several parts, in the order of their frames, in place of all that the curve has."""
    keys = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.argsort(keys["co"][:, 0], kind="stable")
    curve = _curve(fcurves, path, index)
    curve.keyframe_points.add(len(order))
    for name, values in keys.items():
        curve.keyframe_points.foreach_set(name, np.ascontiguousarray(values[order]).ravel())
    curve.update()
    return curve


def sample(curve: Any, frames: np.ndarray) -> np.ndarray:
    """Values (N,) of a curve at ascending frames (N,), as Blender plays it. Raises InnerfaceError where it holds no number."""
    values = _computed(curve, frames)
    if values is None:
        values = np.array([curve.evaluate(float(f)) for f in frames])
    if not np.isfinite(values).all():
        frame = frames[int((~np.isfinite(values)).argmax())]
        raise InnerfaceError(f"the curve of {curve.data_path} holds no number at frame {frame:g}; delete the key there")
    return values


def _computed(curve: Any, frames: np.ndarray) -> np.ndarray | None:
    """`sample` by arrays, where the curve is made of constant, linear and Bezier stretches whose handles do not cross; None for any other."""
    points = curve.keyframe_points
    count = len(points)
    if count < 2 or len(frames) == 0 or len(curve.modifiers):
        return None
    kinds, co = np.empty(count, dtype=np.int32), np.empty(2 * count, dtype=np.float32)
    points.foreach_get("interpolation", kinds)
    points.foreach_get("co", co)
    x, y = co.reshape(-1, 2).astype(np.float64).T
    if (kinds > _BEZIER).any() or (np.diff(x) <= 0).any() or (curve.extrapolation != "CONSTANT" and (frames[0] < x[0] or frames[-1] > x[-1])):
        return None
    at = np.clip(frames.astype(np.float64), x[0], x[-1])
    k = np.clip(np.searchsorted(x, at, side="right") - 1, 0, count - 2)
    start, span = x[k], x[k + 1] - x[k]
    share = (at - start) / span
    straight = y[k] + share * (y[k + 1] - y[k])
    out = np.where(kinds[k] == _CONSTANT, np.where(share >= 1.0, y[k + 1], y[k]), straight)
    bent = np.flatnonzero((kinds[k] == _BEZIER) & (share > 0) & (share < 1))
    if len(bent):
        handles = []
        for name in ("handle_right", "handle_left"):
            part = np.empty(2 * count, dtype=np.float32)
            points.foreach_get(name, part)
            handles.append(part.reshape(-1, 2).astype(np.float64))
        k, s, span = k[bent], share[bent], span[bent]
        one, two = handles[0][k], handles[1][k + 1]
        p1, p2 = (one[:, 0] - x[k]) / span, (two[:, 0] - x[k]) / span
        if (p1 < 0).any() or (p2 > 1).any() or (p1 + 1 - p2 > 1).any():
            return None  # Blender shortens such handles
        rise = bezier.blend(s, p1, p2)
        out[bent] = y[k] + rise[0] * (y[k + 1] - y[k]) + rise[1] * (one[:, 1] - y[k]) + rise[2] * (two[:, 1] - y[k + 1])
    return out

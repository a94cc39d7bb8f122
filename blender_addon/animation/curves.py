"""Read and write F-curves in bulk: thousands of keys in a few calls, never frame by frame."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.animation import bezier
from ...core.errors import InnerfaceError

_CONSTANT, _LINEAR, _BEZIER = 0, 1, 2  # Blender's numbers of the interpolations
FREE, AUTO_CLAMPED = 0, 4  # and of the handle types
_POINT_FIELDS = ("co", "handle_left", "handle_right")
_ENUM_FIELDS = ("interpolation", "easing", "handle_left_type", "handle_right_type", "type")
_EASING_FIELDS = ("amplitude", "back", "period")

KeyArrays = dict[str, np.ndarray]  # attributes of K keys: coordinates (K, 2), the others (K,)


def write_curve(
    fcurves: Any, path: str, *, frames: np.ndarray, values: np.ndarray, index: int = 0, use_bezier: bool = False
) -> Any:
    """Replace the keys of the curve at (path, index) by `values` (K,) at `frames` (K,); create the curve if needed.

    `use_bezier` gives auto-clamped handles without extra smoothing (the curve that `core.animation.key_reduction`
    bounds), else keys are linear.
    """
    curve = _empty_curve(fcurves, path, index)
    points = curve.keyframe_points
    count = len(frames)
    points.add(count)
    co = np.empty((count, 2), dtype=np.float32)
    co[:, 0], co[:, 1] = frames, values
    points.foreach_set("co", co.ravel())
    points.foreach_set("interpolation", np.full(count, _BEZIER if use_bezier else _LINEAR, dtype=np.int32))
    if use_bezier:
        curve.auto_smoothing = "NONE"
        kind = np.full(count, AUTO_CLAMPED, dtype=np.int32)
        points.foreach_set("handle_left_type", kind)
        points.foreach_set("handle_right_type", kind)
    curve.update()
    return curve


def _empty_curve(fcurves: Any, path: str, index: int) -> Any:
    """Return the curve at (path, index), without keys."""
    curve = fcurves.find(path, index=index) or fcurves.new(path, index=index)
    if len(curve.keyframe_points):
        curve.keyframe_points.clear()
    return curve


def make_keys(frames: np.ndarray, values: np.ndarray, use_bezier: bool) -> KeyArrays:
    """Return keys as `write_curve` writes them."""
    co, count = np.stack([frames, values], axis=1).astype(np.float32), len(frames)
    enum_fields = {name: np.zeros(count, dtype=np.int32) for name in _ENUM_FIELDS} | {
        "interpolation": np.full(count, _BEZIER if use_bezier else _LINEAR, dtype=np.int32)
    }
    if use_bezier:
        enum_fields |= {
            name: np.full(count, AUTO_CLAMPED, dtype=np.int32) for name in ("handle_left_type", "handle_right_type")
        }
    easing_defaults = {"amplitude": 0.8, "back": 1.70158, "period": 4.1}
    return (
        {name: co.copy() for name in _POINT_FIELDS}
        | enum_fields
        | {name: np.full(count, easing_defaults[name], dtype=np.float32) for name in _EASING_FIELDS}
    )


def read_keys(curve: Any) -> KeyArrays:
    """Return all keys of a curve, with all that an animator may have set. Raises InnerfaceError for a NaN."""
    points = curve.keyframe_points
    count, keys = len(points), {}
    for name in (*_POINT_FIELDS, *_ENUM_FIELDS, *_EASING_FIELDS):
        keys[name] = np.empty(
            2 * count if name in _POINT_FIELDS else count, dtype=np.int32 if name in _ENUM_FIELDS else np.float32
        )
        points.foreach_get(name, keys[name])
        if name in _POINT_FIELDS:
            keys[name] = keys[name].reshape(-1, 2)
    is_invalid = ~np.isfinite(keys["co"]).all(axis=1)
    if is_invalid.any():
        raise InnerfaceError(
            f"the curve {curve.data_path} holds no number at key {int(is_invalid.argmax()) + 1} of {count}; "
            "delete that key"
        )
    return keys


def select_keys(keys: KeyArrays, mask: np.ndarray) -> KeyArrays:
    """Return the keys of a mask (K,)."""
    return {name: values[mask] for name, values in keys.items()}


def write_keys(fcurves: Any, path: str, index: int, *key_sets: KeyArrays) -> Any:
    """Replace the keys of a curve by several sets, in the order of their frames."""
    keys = {name: np.concatenate([key_set[name] for key_set in key_sets]) for name in key_sets[0]}
    order = np.argsort(keys["co"][:, 0], kind="stable")
    curve = _empty_curve(fcurves, path, index)
    curve.keyframe_points.add(len(order))
    for name, values in keys.items():
        curve.keyframe_points.foreach_set(name, np.ascontiguousarray(values[order]).ravel())
    curve.update()
    return curve


def sample_curve(curve: Any, frames: np.ndarray) -> np.ndarray:
    """Return the values (N,) of a curve at ascending frames (N,), as Blender plays it.

    Raises InnerfaceError where the curve holds no number.
    """
    values = _sample_vectorized(curve, frames)
    if values is None:
        values = np.array([curve.evaluate(float(f)) for f in frames])
    if not np.isfinite(values).all():
        frame = frames[int((~np.isfinite(values)).argmax())]
        raise InnerfaceError(f"the curve {curve.data_path} holds no number at frame {frame:g}; delete the key there")
    return values


def _sample_vectorized(curve: Any, frames: np.ndarray) -> np.ndarray | None:
    """Sample constant, linear and Bézier stretches whose handles do not cross as arrays; None for any other curve."""
    points = curve.keyframe_points
    count = len(points)
    if count < 2 or len(frames) == 0 or len(curve.modifiers):
        return None
    interpolations, co = np.empty(count, dtype=np.int32), np.empty(2 * count, dtype=np.float32)
    points.foreach_get("interpolation", interpolations)
    points.foreach_get("co", co)
    x, y = co.reshape(-1, 2).astype(np.float64).T
    if (
        (interpolations > _BEZIER).any()
        or (np.diff(x) <= 0).any()
        or (curve.extrapolation != "CONSTANT" and (frames[0] < x[0] or frames[-1] > x[-1]))
    ):
        return None
    clamped = np.clip(frames.astype(np.float64), x[0], x[-1])
    k = np.clip(np.searchsorted(x, clamped, side="right") - 1, 0, count - 2)
    start, span = x[k], x[k + 1] - x[k]
    fraction = (clamped - start) / span
    linear_values = y[k] + fraction * (y[k + 1] - y[k])
    out = np.where(interpolations[k] == _CONSTANT, np.where(fraction >= 1.0, y[k + 1], y[k]), linear_values)
    bezier_indices = np.flatnonzero((interpolations[k] == _BEZIER) & (fraction > 0) & (fraction < 1))
    if len(bezier_indices):
        handles = []
        for name in ("handle_right", "handle_left"):
            flat_points = np.empty(2 * count, dtype=np.float32)
            points.foreach_get(name, flat_points)
            handles.append(flat_points.reshape(-1, 2).astype(np.float64))
        k, s, span = k[bezier_indices], fraction[bezier_indices], span[bezier_indices]
        right_handle, left_handle = handles[0][k], handles[1][k + 1]
        p1, p2 = (right_handle[:, 0] - x[k]) / span, (left_handle[:, 0] - x[k]) / span
        if (p1 < 0).any() or (p2 > 1).any() or (p1 + 1 - p2 > 1).any():
            return None  # Blender shortens such handles
        blend_weights = bezier.segment_weights(s, p1, p2)
        out[bezier_indices] = (
            y[k]
            + blend_weights[0] * (y[k + 1] - y[k])
            + blend_weights[1] * (right_handle[:, 1] - y[k])
            + blend_weights[2] * (left_handle[:, 1] - y[k + 1])
        )
    return out

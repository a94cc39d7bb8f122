"""Keys over a stretch of the current action: faded into what is there, and without changing the curve outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.animation.manual_edits import find_manual_edits, outside_ranges
from ..character.lanes import CurveSet
from . import curves
from .baked_keys import CurveId, CurveKeys

_MAX_CORRECTIONS = 6  # rounds in which a curve beside a replaced stretch is brought back to what it was
_SAME_FRAME = 1.5e-3  # frames: keys this close are one


@dataclass(frozen=True)
class NewKeys:
    """Keys that a bake writes: `frames` (K,) and `values` (K,) of a curve."""

    curve: CurveId
    frames: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class WrittenStretch:
    """The curve, the `frames` (K,) and `values` (K,) of the keys that were written, and how many manual keys stayed."""

    curve: Any
    frames: np.ndarray
    values: np.ndarray
    manual_keys: int


def merge_keys(previous: CurveKeys, written: CurveKeys, *, first_frame: float, end_frame: float) -> CurveKeys:
    """Return what takes over an action wrote: the newest in its frames, earlier ones outside of them."""
    merged = dict(previous)
    for curve, (frames, values) in written.items():
        old_frames, old_values = previous.get(curve, (np.zeros(0), np.zeros(0)))
        outside = ((old_frames < first_frame) | (old_frames >= end_frame)) & ~np.isin(old_frames, frames)
        all_frames = np.concatenate([old_frames[outside], frames])
        order = np.argsort(all_frames, kind="stable")
        merged[curve] = all_frames[order], np.concatenate([old_values[outside], values])[order]
    return merged


def blend_over(curve_set: CurveSet, fcurves: Any, frames: np.ndarray, *, blend_frames: int) -> np.ndarray:
    """Return the set's values (T, n) faded into what is there: nothing changes at the first and the last frame."""
    edge_distance = np.minimum(np.arange(len(frames)), np.arange(len(frames))[::-1])
    blend = min(blend_frames, (len(frames) - 1) // 4)  # of a short stretch at least the middle is the take's
    weight = np.clip(edge_distance / blend, 0.0, 1.0) if blend > 0 else np.ones(len(frames))
    weight = weight * weight * (3 - 2 * weight)
    blended = []
    for k in range(len(curve_set.paths)):
        old = fcurves.find(curve_set.paths[k], index=curve_set.indices[k])
        keyed = old is not None and len(old.keyframe_points) > 0
        current = curves.sample_curve(old, frames) if keyed else np.full(len(frames), _current_value(curve_set, k))
        blended.append(current * (1 - weight) + curve_set.values[:, k] * weight)
    return np.stack(blended, axis=1)


def _current_value(curve_set: CurveSet, k: int) -> float:
    value = curve_set.owner.path_resolve(curve_set.paths[k])
    return float(value if isinstance(value, (int, float)) else value[curve_set.indices[k]])


def overwrite_stretch(
    fcurves: Any,
    old: Any,
    new: NewKeys,
    *,
    span: tuple[float, float],
    layers: list[CurveKeys],
    tolerance: float | None,
    full_scale: float,
) -> WrittenStretch:
    """Write keys over the frames `span` of a curve.

    Manual keys inside stay, and outside the curve keeps its shape within the tolerance. `layers`: what earlier bakes
    wrote into the action; `full_scale`: what a full weight does to the curve.
    """
    keys, use_bezier = curves.read_keys(old), tolerance is not None
    frames, values = keys["co"].astype(np.float64).T
    inside = (frames >= span[0]) & (frames <= span[1])
    neighbour_frames = _neighbour_frames(frames, span)
    original = curves.sample_curve(old, neighbour_frames)
    manual = inside & _manual_mask(layers, new.curve, frames, values=values)
    protected = np.stack([frames[manual] - _SAME_FRAME, frames[manual] + _SAME_FRAME], axis=1)
    writable = outside_ranges(new.frames.astype(np.float64), protected)
    new_keys = [(new.frames[writable].astype(np.float64), new.values[writable])]
    remaining_keys, max_deviation = curves.select_keys(keys, ~inside | manual), (tolerance or 1e-4) * full_scale
    while True:
        curve = curves.write_keys(
            fcurves,
            new.curve.path,
            new.curve.index,
            remaining_keys,
            *(curves.make_keys(*part, use_bezier) for part in new_keys),
        )
        existing_frames = curves.read_keys(curve)["co"][:, 0]
        deviation = np.abs(curves.sample_curve(curve, neighbour_frames) - original)
        deviating = (deviation > max_deviation) & ~np.isin(neighbour_frames, existing_frames)
        if not deviating.any() or len(new_keys) > _MAX_CORRECTIONS:
            break
        new_keys.append((neighbour_frames[deviating], original[deviating]))
    written_frames, written_values = (np.concatenate([part[i] for part in new_keys]) for i in (0, 1))
    order = np.argsort(written_frames, kind="stable")
    return WrittenStretch(curve, written_frames[order], written_values[order], int(manual.sum()))


def _neighbour_frames(frames: np.ndarray, span: tuple[float, float]) -> np.ndarray:
    """Return the frames between a stretch and the keys beside it, where new keys would bend the curve."""
    before, after = frames[frames < span[0]][-1:], frames[frames > span[1]][:1]
    return np.concatenate(
        [
            np.zeros(0),
            *(np.arange(np.ceil(k), span[0]) for k in before),
            *(np.arange(np.floor(span[1]) + 1, np.floor(k) + 1) for k in after),
        ]
    )


def _manual_mask(layers: list[CurveKeys], curve: CurveId, frames: np.ndarray, *, values: np.ndarray) -> np.ndarray:
    """Return which keys (K,) of a curve no bake wrote; none in an action that was not baked, so all is replaced."""
    manual = np.full(len(frames), any(curve in layer for layer in layers))
    for layer in layers:
        if curve in layer:
            manual &= find_manual_edits(frames, values, layer[curve])[0]
    return manual

"""What Blender shows at a frame: the scene evaluated through its dependency graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import bpy
import numpy as np


@contextmanager
def frames_restored(scene: Any) -> Iterator[None]:
    """Return the scene to its current frame afterwards."""
    frame, subframe = scene.frame_current, scene.frame_subframe
    try:
        yield
    finally:
        scene.frame_set(frame, subframe=subframe)


def world_vertices(obj: Any) -> np.ndarray:
    """Return the vertices (V, 3) of a mesh in the world as they are shown at the current frame, modifiers included."""
    evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    co = np.empty(3 * len(mesh.vertices), dtype=np.float32)
    mesh.vertices.foreach_get("co", co)
    evaluated.to_mesh_clear()
    matrix = np.array(evaluated.matrix_world)
    return co.reshape(-1, 3).astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]


def vertices_over_frames(scene: Any, objects: Iterable[Any], frames: Iterable[int]) -> dict[Any, list[np.ndarray]]:
    """Return `world_vertices` of meshes at each of the frames, by object; the current frame is restored."""
    vertices: dict[Any, list[np.ndarray]] = {obj: [] for obj in objects}
    with frames_restored(scene):
        for frame in frames:
            scene.frame_set(frame)
            for obj, shown in vertices.items():
                shown.append(world_vertices(obj))
    return vertices


def shape_offsets(obj: Any, block: Any) -> np.ndarray:
    """Return how far a shape key moves the vertices (V, 3) of its mesh at value 1, its vertex group included."""
    offsets = _positions(block) - _positions(block.relative_key)
    if block.vertex_group and block.vertex_group in obj.vertex_groups:
        moving = np.flatnonzero(offsets.any(axis=1))
        offsets[moving] *= group_weights(obj, block.vertex_group, moving)[:, None]
    return offsets


def _positions(block: Any) -> np.ndarray:
    """Return a shape key's vertices (V, 3)."""
    points = getattr(block, "points", block.data)  # the same, and read faster
    co = np.empty(3 * len(points), dtype=np.float32)
    points.foreach_get("co", co)
    return co.reshape(-1, 3)


def group_weights(obj: Any, group: str, indices: np.ndarray) -> np.ndarray:
    """Return the weights (N,) of vertices in a vertex group; 0 outside of it."""
    index, vertices = obj.vertex_groups[group].index, obj.data.vertices
    return np.array(
        [next((g.weight for g in vertices[int(i)].groups if g.group == index), 0.0) for i in indices], dtype=np.float32
    )

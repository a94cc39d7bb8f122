"""Frames and seconds of a scene."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def scene_rate(scene: Any) -> float:
    """Return the frames per second at which the scene plays: fps / fps_base (23.976 is 24 / 1.001).

    Blender keeps the base in float32; NTSC's 1.001 is taken as exact, else ten minutes would be off by 28 µs.
    """
    base = scene.render.fps_base
    return scene.render.fps / (1.001 if abs(base - 1.001) < 1e-6 else base)


def curve_step(scene: Any) -> float:
    """Return how far F-curves advance in a frame of the timeline: 1, unless the scene's time is stretched.

    With Output > Time Stretching, Blender plays at frame f what curves and NLA strips hold at f * old / new.
    """
    return scene.render.frame_map_old / scene.render.frame_map_new


@contextmanager
def frame_range(scene: Any, first: int, last: int) -> Iterator[None]:
    """Give the scene another frame range for the time being."""
    saved = scene.frame_start, scene.frame_end
    try:
        scene.frame_start, scene.frame_end = first, last
        yield
    finally:
        scene.frame_start, scene.frame_end = saved

"""Frames and seconds of a scene."""

from __future__ import annotations

from typing import Any


def scene_rate(scene: Any) -> float:
    """Return the frames per second at which the scene plays: fps / fps_base (23.976 is 24 / 1.001).

    Blender keeps the base in float32; NTSC's 1.001 is taken as exact, else ten minutes would be off by 28 µs.
    """
    base = scene.render.fps_base
    return scene.render.fps / (1.001 if abs(base - 1.001) < 1e-6 else base)

"""Bulk keying against Blender's own way."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from ...core.take import Track
from .. import blender
from ..progress import quiet, step


def keying(frames: int = 2000, long_frames: int = 36000) -> dict[str, Any]:
    """Bulk keying against `keyframe_insert` on the bundled head, and the time for ten minutes at 60 fps."""
    import numpy as np

    from ...core import performance
    from ...core.channels import ARKIT
    from ...core.resample import linear

    bpy = blender.load()
    from ...blender_addon import bundled_head, face
    from ...blender_addon import keying as keys

    source = performance.perform(1).weights()
    rate = 60.0

    def track(count: int) -> Track:
        """The made-up performance, looped to `count` frames."""
        at = np.arange(count) / rate
        values = linear(source.time, source.select(ARKIT), at % source.duration)
        return Track("weights", at, ARKIT, values)

    def fresh() -> Any:
        scene = blender.empty_scene("60")
        with quiet():
            bundled_head.add(scene.collection)
        return scene, face.find_face(list(scene.objects))

    def timed(work: Callable[[], Any]) -> float:
        began = time.perf_counter()
        work()
        return time.perf_counter() - began

    def bulk(target: Any, take: Track, scene: Any, tolerance: float | None = None) -> keys.Keyed:
        keyed = keys.key_track(target, take, "bulk", scene, tolerance)
        keys.play(target, keyed)
        return keyed

    short, long = track(frames), track(long_frames)
    with step(f"bulk, {frames:,} frames"):
        runs = []
        for _ in range(3):
            scene, target = fresh()
            runs.append(timed(partial(bulk, target, short, scene)))
        bulk_short = sorted(runs)[1]
    with step(f"bulk, {long_frames:,} frames"):
        scene, target = fresh()
        bulk_long = timed(partial(bulk, target, long, scene))
    with step("bulk, reduced"):
        scene, target = fresh()
        reduced = None

        def work() -> None:
            nonlocal reduced
            reduced = bulk(target, long, scene, tolerance=0.005)

        reduced_long = timed(work)
    with step("keyframe_insert") as bar:
        scene, target = fresh()
        blocks = [target.meshes[0].key.key_blocks[name] for name in ARKIT]
        began = time.perf_counter()
        for frame, row in enumerate(short.values.tolist()):
            for block, value in zip(blocks, row):
                block.value = value
                block.keyframe_insert("value", frame=frame)
            bar((frame + 1) / frames)
        plain = time.perf_counter() - began
    assert reduced is not None
    vertices = len(target.meshes[0].object.data.vertices)
    sizes = f"{frames} and {long_frames} frames x {len(ARKIT)} channels"
    return {
        "input": f"made-up performance looped to {sizes}, bundled head of {vertices} vertices, Blender {bpy.app.version_string}",
        "keyframe_insert_s": plain,
        "bulk_short_s": bulk_short,
        "ratio": plain / bulk_short,
        "bulk_s": bulk_long,
        "reduced_s": reduced_long,
        "key_reduction_x": reduced.dense_keys / reduced.keys,
    }

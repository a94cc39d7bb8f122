"""Speed of bulk keying, beside Blender's keyframe_insert."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from ....core.take import Track, TrackKind
from ... import blender
from ...progress import step, suppress_stdout


def keying(frames: int = 2000, long_frames: int = 36000) -> dict[str, Any]:
    """Measure bulk keying and `keyframe_insert` on the bundled head, and the time for ten minutes at 60 fps."""
    import numpy as np

    from ....core import performance
    from ....core.face.channels import ARKIT
    from ....core.take.resample import resample_linear

    bpy = blender.load_bpy()
    from ....blender_addon.animation import keying as keys
    from ....blender_addon.animation import playback
    from ....blender_addon.character import bundled_head, face

    source = performance.demo_performance(1).weights()
    rate = 60.0

    def looped_track(count: int) -> Track:
        """The generated performance, looped to `count` frames."""
        times = np.arange(count) / rate
        values = resample_linear(source.time, source.select(ARKIT), times % source.duration)
        return Track(TrackKind.WEIGHTS, times, ARKIT, values)

    def new_scene() -> Any:
        scene = blender.empty_scene("60")
        with suppress_stdout():
            bundled_head.add(scene.collection)
        return scene, face.find_face(list(scene.objects))

    def timed(task: Callable[[], Any]) -> float:
        began = time.perf_counter()
        task()
        return time.perf_counter() - began

    def key_in_bulk(target: Any, take: Track, scene: Any, *, tolerance: float | None = None) -> keys.KeyingResult:
        keyed = keys.key_track(target, take, "bulk", scene=scene, tolerance=tolerance)
        playback.play(target, keyed)
        return keyed

    short_track, long_track = looped_track(frames), looped_track(long_frames)
    with step(f"bulk, {frames:,} frames"):
        run_times = []
        for _ in range(3):
            scene, target = new_scene()
            run_times.append(timed(partial(key_in_bulk, target, short_track, scene)))
        bulk_short_s = sorted(run_times)[1]
    with step(f"bulk, {long_frames:,} frames"):
        scene, target = new_scene()
        bulk_long_s = timed(partial(key_in_bulk, target, long_track, scene))
    with step("bulk, reduced"):
        scene, target = new_scene()
        reduced_keys = None

        def key_reduced() -> None:
            nonlocal reduced_keys
            reduced_keys = key_in_bulk(target, long_track, scene, tolerance=0.005)

        reduced_long_s = timed(key_reduced)
    with step("keyframe_insert") as bar:
        scene, target = new_scene()
        blocks = [target.meshes[0].key.key_blocks[name] for name in ARKIT]
        began = time.perf_counter()
        for frame, row in enumerate(short_track.values.tolist()):
            for block, value in zip(blocks, row):
                block.value = value
                block.keyframe_insert("value", frame=frame)
            bar((frame + 1) / frames)
        plain_s = time.perf_counter() - began
    assert reduced_keys is not None
    vertices = len(target.meshes[0].object.data.vertices)
    sizes = f"{frames} and {long_frames} frames x {len(ARKIT)} channels"
    return {
        "input": f"generated performance looped to {sizes}, bundled head of {vertices} vertices, "
        f"Blender {bpy.app.version_string}",
        "keyframe_insert_s": plain_s,
        "bulk_short_s": bulk_short_s,
        "ratio": plain_s / bulk_short_s,
        "bulk_s": bulk_long_s,
        "reduced_s": reduced_long_s,
        "key_reduction_x": reduced_keys.dense_keys / reduced_keys.keys,
    }

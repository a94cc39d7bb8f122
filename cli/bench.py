"""Measure speeds as ratios within one run, beside the plain way of doing the same."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from ..core.errors import InnerfaceError
from ..core.take import Track
from . import blender
from .progress import quiet, step


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help=f"one of: {', '.join(BENCHES)} (default: all)")


def run(options: argparse.Namespace) -> dict[str, Any]:
    names = [options.name] if options.name else list(BENCHES)
    for name in names:
        if name not in BENCHES:
            raise InnerfaceError(f"bench {name}: there is no such bench; choose one of {', '.join(BENCHES)}")
    results = {name: BENCHES[name]() for name in names}
    if not options.json:
        for name, figures in results.items():
            print(name)
            for key, value in figures.items():
                print(f"  {key:<22} {value:.3f}" if isinstance(value, float) else f"  {key:<22} {value}")
    return results[options.name] if options.name else results


def keying(frames: int = 2000, long_frames: int = 36000) -> dict[str, Any]:
    """Bulk keying against `keyframe_insert` on the bundled head, and the time for ten minutes at 60 fps."""
    import numpy as np

    from ..core import performance
    from ..core.channels import ARKIT
    from ..core.resample import linear

    bpy = blender.load()
    from ..blender_addon import bundled_head, face
    from ..blender_addon import keying as keys

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


def imu(seconds: float = 120.0) -> dict[str, Any]:
    """Simulating, calibrating and inferring face-worn IMUs, as multiples of real time per core, and how far the result is off."""
    import numpy as np

    from ..core import metrics
    from ..core.face_model import face_model
    from ..core.imu import linear, motion
    from ..core.imu.effects import PRESETS
    from ..core.imu.layout import layout
    from ..core.imu.signal import from_track
    from ..core.imu.simulate import simulate
    from ..core.performance.generate import generate

    face, sites, model = face_model(), layout(), linear.load()
    track = generate(seconds, np.random.default_rng(2))
    runs: dict[str, list[float]] = {"simulate": [], "calibrate_infer": [], "causal": []}
    now = time.process_time  # seconds of all cores together
    with step("three runs") as bar:
        for k in range(3):
            began = now()
            take = simulate(track, face, sites, PRESETS["studio"], k).tracks["imu"]
            runs["simulate"].append(now() - began)
            for causal in (False, True):
                began = now()
                moved = motion.calibrate_take(from_track(take), sites, causal=causal)[1]
                weights = model.infer(moved, causal)
                runs["causal" if causal else "calibrate_infer"].append(now() - began)
                if not causal:
                    inferred = Track("weights", moved.time, linear.ARKIT, np.nan_to_num(weights))
            bar((k + 1) / 3)
    said = metrics.evaluate(inferred, track, face)
    length = take.duration
    vertices = len(face.neutral)
    return {
        "input": f"generated performance of {seconds:.0f} s, {length:.0f} s with its preamble, {len(sites.sites)} sites at 100 Hz, preset studio, "
        f"{face.name} of {vertices} vertices; per core, median of 3 runs",
        "simulate_x_realtime": length / sorted(runs["simulate"])[1],
        "calibrate_infer_x_realtime": length / sorted(runs["calibrate_infer"])[1],
        "causal_x_realtime": length / sorted(runs["causal"])[1],
        "pve_mm": said["pve_mm"]["mean"],
        "neutral_pve_mm": said["neutral"]["pve_mm"]["mean"],
        "mean_face_pve_mm": said["mean_face"]["pve_mm"]["mean"],
        "region": said["region"],
    }


BENCHES: dict[str, Callable[[], dict[str, Any]]] = {"keying": keying, "imu": imu}

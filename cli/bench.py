"""Measure speeds as ratios within one run, beside the plain way of doing the same."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ..core.errors import InnerfaceError
from ..core.take import Track
from . import blender
from .progress import quiet, step


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--soak", action="store_true", help="infer: an hour of frames, which takes minutes")
    parser.add_argument("name", nargs="?", metavar="NAME", help=f"one of: {', '.join(BENCHES)} (default: all)")


def run(options: argparse.Namespace) -> dict[str, Any]:
    names = [options.name] if options.name else list(BENCHES)
    for name in names:
        if name not in BENCHES:
            raise InnerfaceError(f"bench {name}: there is no such bench; choose one of {', '.join(BENCHES)}")
    if options.soak and names != ["infer"]:
        raise InnerfaceError("--soak: only 'bench infer' has one; name it")
    results = {name: BENCHES[name](**({"soak": True} if options.soak else {})) for name in names}
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


def infer(seconds: float = 120.0, live_frames: int = 3600, soak: bool = False) -> dict[str, Any]:
    """The shipped networks: a recording at once, and frame by frame as live; how far they are off, beside the linear model, the neutral face,
    the take's mean face and a face that holds what it was a second ago. `soak`: an hour of frames, to see whether memory grows."""
    import numpy as np

    from ..core import infer as inference
    from ..core import metrics
    from ..core.face_model import face_model
    from ..core.imu import linear, network
    from ..core.imu.effects import PRESETS
    from ..core.imu.layout import layout
    from ..core.imu.motion import calibrate_frames
    from ..core.imu.signal import FRAME_RATE, LOOKAHEAD, from_track, pick
    from ..core.imu.simulate import simulate
    from ..core.live import Live
    from ..core.performance.generate import generate

    face, sites = face_model(), layout()
    offline, live_net = network.load(network.SHIPPED), network.load(network.LIVE)
    truth = generate(seconds, np.random.default_rng(3))
    take = simulate(truth, face, sites, PRESETS["studio"], 3)
    with step("offline") as bar:
        runs = []
        for k in range(3):
            began = time.perf_counter()
            done = inference.infer(take, sites, offline)
            runs.append(time.perf_counter() - began)
            bar((k + 1) / 3)
    length = take.tracks["imu"].duration
    found, frames = calibrate_frames(from_track(take.tracks["imu"]), sites, causal=True)
    frames = pick(frames, [frames.sites.index(s) for s in found.sites])
    count = 216_000 if soak else live_frames
    spent, first = np.zeros(count), 0.0
    with step(f"live, {count} frames") as bar:
        live = Live(found, live_net)
        for k in range(count):
            at = k % len(frames.time)
            began = time.perf_counter()
            live.push(frames.rotation[at : at + 1], frames.acceleration[at - LOOKAHEAD][None])
            spent[k] = time.perf_counter() - began
            if k % 3600 == 3599:
                first = first or _resident_mb()
                bar((k + 1) / count)
    resident = _resident_mb()

    def error(track: Track) -> float:
        return metrics.evaluate(track, truth, face)["pve_mm"]["mean"]

    said = metrics.evaluate(done.take.weights(), truth, face)
    held = Track("weights", truth.time[60:], truth.columns, truth.values[:-60])
    return {
        "input": f"generated performance of {seconds:.0f} s, {length:.0f} s with its preamble, {len(sites.sites)} sites at 100 Hz, preset studio; "
        f"{count} frames live; {offline.card['parameters']} and {live_net.card['parameters']} parameters; {face.name} of {len(face.neutral)} vertices",
        "files": f"{network.SHIPPED.name} {network.SHIPPED.stat().st_size >> 10} KiB, {network.LIVE.name} {network.LIVE.stat().st_size >> 10} KiB",
        "offline_x_realtime": length / sorted(runs)[1],
        "live_p50_ms": float(np.percentile(spent, 50) * 1000),
        "live_p99_ms": float(np.percentile(spent, 99) * 1000),
        "lookahead_ms": (LOOKAHEAD + live_net.ahead) / FRAME_RATE * 1000,
        "rss_mb": resident,
        "rss_growth_mb": resident - first,
        "pve_mm": said["pve_mm"]["mean"],
        "live_pve_mm": error(inference.infer(take, sites, live_net, causal=True).take.weights()),
        "linear_pve_mm": error(inference.infer(take, sites, linear.load()).take.weights()),
        "neutral_pve_mm": said["neutral"]["pve_mm"]["mean"],
        "mean_face_pve_mm": said["mean_face"]["pve_mm"]["mean"],
        "hold_pve_mm": error(held),
        "region": said["region"],
    }


def _resident_mb() -> float:
    """Memory of this process in MB: now where the system tells, else the most so far."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        try:
            import resource
        except ImportError:
            return float("nan")
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


BENCHES: dict[str, Callable[..., dict[str, Any]]] = {"keying": keying, "imu": imu, "infer": infer}

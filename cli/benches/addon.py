"""The add-on at work: what a tick costs Blender's main thread, how late the face is, and how long a take of ten minutes is on its way."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import blender
from ..progress import quiet, step
from .memory import resident_mb

_MINUTES, _LIVE_S, _DIRECT_S, _SOAK_S = 10, 7.0, 5.0, 3600.0
_CALIBRATED_S = 60.0


def addon(soak: bool = False) -> dict[str, Any]:
    """Live: the virtual performer through the bridge in its thread to shape keys, as a loop of this process has the timer run 120 times a second; Blender's own
    work (depsgraph, drawing) comes on top. Beside it the same without look-ahead; for a take, Blender's own keying is in `bench keying`. `soak`: an hour
    of live."""
    bpy = blender.load()
    scene = blender.empty_scene("24")
    from ...blender_addon import register
    from ...blender_addon.settings import ROOT

    if ROOT not in bpy.context.preferences.addons:  # outside an installed extension
        bpy.context.preferences.addons.new().module = ROOT
        register()
    with quiet():
        bpy.ops.innerface.add_head()
    vertices = len(bpy.context.active_object.data.vertices)
    where = f"Blender {bpy.app.version_string}; {os.cpu_count()} cores"
    out: dict[str, Any] = {"input": f"virtual performer, 11 sites at 100 Hz; bundled head of {vertices} vertices, 52 shapes; {where}"}
    out |= _live(bpy, _SOAK_S if soak else _LIVE_S)
    return out if soak else out | _take(bpy, scene)


def _live(bpy: Any, seconds: float) -> dict[str, Any]:
    from ...blender_addon.live import live

    with step("live") as bar:
        bpy.ops.innerface.connect()

        def play(seconds: float, until: Any = None) -> list[float]:
            """Blender's main loop for so long; its memory, sampled."""
            end, memory, sampled = time.monotonic() + seconds, [], 0.0
            while time.monotonic() < end and not (until is not None and until()):
                live.tick()
                if time.monotonic() - sampled > max(seconds / 120, 0.5):
                    sampled = time.monotonic()
                    memory.append(resident_mb())
                    bar(1 - (end - sampled) / seconds)
                time.sleep(1 / 120)
            return memory

        play(_CALIBRATED_S, lambda: live.status.get("calibrated"))
        if not live.status.get("calibrated"):
            raise RuntimeError("the virtual performer was not calibrated")
        def measured(seconds: float) -> list[float]:
            """`play`, once it has settled, and only its own figures."""
            play(1.0)
            live.spent.clear()
            live.shown.clear()
            return play(seconds)

        memory = measured(seconds)
        figures = _figures(live, "")
        if seconds > 600:
            settled = len(memory) // 12
            figures |= {
                "soak_s": seconds, "rss_after_5_min_mb": memory[settled], "rss_end_mb": memory[-1],
                "rss_growth_mb": float(np.median(memory[-10:]) - np.median(memory[settled : settled + 10])), "frames": live.newest.sequence,
            }  # fmt: skip
        else:
            live.ask(lambda hub: setattr(hub.session, "ahead", False))
            measured(_DIRECT_S)
            figures |= _figures(live, "lowest_delay_")
        live.disconnect(wait=True)
    return figures


def _figures(live: Any, prefix: str) -> dict[str, Any]:
    spent, shown = np.array(live.spent) * 1000, np.array(live.shown) * 1000
    figures = {
        "tick_p50_ms": np.percentile(spent, 50), "tick_p99_ms": np.percentile(spent, 99), "sample_to_key_p50_ms": np.percentile(shown[:, 0], 50),
        "sample_to_key_p99_ms": np.percentile(shown[:, 0], 99), "end_to_end_p50_ms": np.percentile(shown[:, 1], 50),
        "end_to_end_p99_ms": np.percentile(shown[:, 1], 99),
    }  # fmt: skip
    return {f"{prefix}{k}": float(v) for k, v in figures.items()}


def _take(bpy: Any, scene: Any) -> dict[str, Any]:
    """Ten minutes of sensors, a simulated minute over and over, from the file to keys, and out again."""
    from ...blender_addon import bake, face
    from ...core import formats, performance
    from ...core.face_model import bundled
    from ...core.imu.effects import PRESETS
    from ...core.imu.layout import layout
    from ...core.imu.simulate import simulate
    from ...core.take import Take, Track
    from ...core.weights import Performer

    with tempfile.TemporaryDirectory(prefix="innerface-bench-") as folder:
        path = Path(folder) / "ten minutes.mcap"
        with step("a take to read"):
            minute = simulate(performance.perform(1).weights(), bundled(), layout(), replace(PRESETS["studio"], rate_hz=60.0), 1).tracks["imu"]
            count = int(_MINUTES * 60 * minute.rate)
            rows = np.arange(count) % len(minute.time)
            long = Track("imu", np.arange(count) / minute.rate, minute.columns, minute.values[rows], minute.meta)
            formats.write_take(Take("ten minutes", {"imu": long}), path)
        who = face.find_face(list(scene.objects))
        with step("import, infer, key"), quiet():
            began = time.perf_counter()
            loaded = bake.load(path, Performer())
            read = time.perf_counter() - began
            options = scene.innerface.options
            keyed = bake.bake(who, loaded, scene, bake.how_of(options, True))
            taken = time.perf_counter() - began
            dense = bake.bake(who, loaded, scene, replace(bake.how_of(options, True), tolerance=None))
        scene.frame_end = scene.frame_start + dense.frames - 1
        figures = {
            "take": f"{_MINUTES} minutes at {minute.rate:.0f} Hz, {path.stat().st_size / 1e6:.0f} MB, {dense.frames} frames at 24 fps",
            "take_10min_s": taken, "take_read_and_inferred_s": read, "key_reduction_x": keyed.dense_keys / keyed.keys,
        }  # fmt: skip
        figures |= _reduction(loaded, options.tolerance) | _exports(who, scene, Path(folder), "")
        return figures | _hard(bpy, loaded, Path(folder))


def _reduction(loaded: Any, tolerance: float) -> dict[str, Any]:
    """Key reduction alone: on the sensors' take, and on a real camera's where one is at hand."""
    from ...core import formats, reduce
    from ...core.face_model import find_ict
    from ...core.frames import on_frames
    from ...core.resample import frame_times

    out: dict[str, Any] = {}
    track = loaded.weights.take.weights()
    values = on_frames(track, frame_times(track.time, 24.0))
    with step("key reduction"):
        began = time.perf_counter()
        reduce.reduce(values, tolerance)
        out |= {"reduce_samples_per_s": values.size / (time.perf_counter() - began), "reduce_input": f"{values.shape[0]} frames x {values.shape[1]}"}
        data = find_ict()
        camera = None if data is None else data.parent / "arkit" / "alex_rom_3.csv"
        if camera is not None and camera.is_file():
            track = formats.read_take(camera).weights()
            real = on_frames(track, frame_times(track.time, 24.0))
            out["key_reduction_camera_x"] = real.size / sum(len(k) for k in reduce.reduce(real, tolerance))
    still = sum(len(k) for k in reduce.reduce(np.repeat(values[:1], len(values), axis=0), tolerance))  # a face that holds still needs two keys a curve
    return out | {"key_reduction_hold_x": values.size / still}


def _exports(who: Any, scene: Any, folder: Path, prefix: str) -> dict[str, Any]:
    """The scene as FBX and GLB."""
    from ...blender_addon import export

    figures: dict[str, Any] = {}
    for kind, write in (("glb", export.export_glb), ("fbx", export.export_fbx)):
        out = folder / f"face.{kind}"
        with step(f"{prefix}{kind}") as bar, quiet():
            began = time.perf_counter()
            write(who, scene, out, bar)
        figures |= {f"{prefix}{kind}_10min_s": time.perf_counter() - began, f"{prefix}{kind}_mb": out.stat().st_size / 1e6}
    return figures


def _hard(bpy: Any, loaded: Any, folder: Path) -> dict[str, Any]:
    """The same on the heaviest of the five test characters: a library override with Subdivision and Armature modifiers."""
    from ...blender_addon import bake, face
    from .characters import override

    scene = blender.empty_scene("24")
    with step("the hard character"), quiet():
        override(scene, folder)
    bpy.context.view_layer.update()
    who = face.find_face(list(scene.objects))
    with step("hard: key"), quiet():
        began = time.perf_counter()
        keyed = bake.bake(who, loaded, scene, bake.how_of(scene.innerface.options, True))
        taken = time.perf_counter() - began
    scene.frame_end = scene.frame_start + keyed.frames - 1
    vertices = sum(len(m.object.data.vertices) for m in who.meshes)
    return {
        "hard": f"library override of {len(who.meshes)} meshes, {vertices} vertices, Subdivision and Armature", "hard_key_10min_s": taken,
        "hard_key_reduction_x": keyed.dense_keys / keyed.keys,
    } | _exports(who, scene, folder, "hard_")  # fmt: skip

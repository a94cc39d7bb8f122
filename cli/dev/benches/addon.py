"""Performance of the add-on: main thread time per tick, latency, and the time to import a take of ten minutes."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ....core.take import TrackKind
from ... import blender
from ...progress import step, suppress_stdout
from .memory import resident_mb

_TAKE_MINUTES, _LIVE_S, _NO_LOOKAHEAD_S, _SOAK_S = 10, 7.0, 5.0, 3600.0
_CALIBRATION_TIMEOUT_S = 60.0


def addon(soak: bool = False) -> dict[str, Any]:
    """Measure the add-on live and with a take of ten minutes.

    Live: the virtual performer is sent through the bridge in its thread to shape keys, with the timer run 120 times per
    second; Blender's own work (depsgraph, drawing) is not included. The same is measured without look-ahead. Blender's
    own keying is in `bench keying`. `soak` runs live for an hour.
    """
    bpy = blender.load_bpy()
    scene = blender.empty_scene("24")
    from ....blender_addon import register
    from ....blender_addon.paths import ADDON_ID

    if ADDON_ID not in bpy.context.preferences.addons:  # outside an installed extension
        bpy.context.preferences.addons.new().module = ADDON_ID
        register()
    with suppress_stdout():
        bpy.ops.innerface.add_head()
    vertices = len(bpy.context.active_object.data.vertices)
    environment = f"Blender {bpy.app.version_string}; {os.cpu_count()} cores"
    figures: dict[str, Any] = {
        "input": f"virtual performer, 11 sites at 100 Hz; bundled head of {vertices} vertices, 52 shapes; {environment}"
    }
    figures |= _measure_live(bpy, _SOAK_S if soak else _LIVE_S)
    return figures if soak else figures | _measure_take(bpy, scene)


def _measure_live(bpy: Any, seconds: float) -> dict[str, Any]:
    from ....blender_addon.live.session import session

    with step("live") as bar:
        bpy.ops.innerface.connect()

        def run_main_loop(seconds: float, stop_when: Any = None) -> list[float]:
            """Run Blender's main loop for some seconds; returns samples of the memory in use, MB."""
            end, memory, last_sample = time.monotonic() + seconds, [], 0.0
            while time.monotonic() < end and not (stop_when is not None and stop_when()):
                session.tick()
                if time.monotonic() - last_sample > max(seconds / 120, 0.5):
                    last_sample = time.monotonic()
                    memory.append(resident_mb())
                    bar(1 - (end - last_sample) / seconds)
                time.sleep(1 / 120)
            return memory

        run_main_loop(_CALIBRATION_TIMEOUT_S, lambda: session.status.calibrated)
        if not session.status.calibrated:
            raise RuntimeError("the virtual performer was not calibrated")

        def measure(seconds: float) -> list[float]:
            """Run the loop once it has settled, with its figures only; returns samples of the memory in use, MB."""
            run_main_loop(1.0)
            session.tick_durations.clear()
            session.face_delays.clear()
            return run_main_loop(seconds)

        memory = measure(seconds)
        figures = _latency_figures(session, "")
        if seconds > 600:
            settled_index = len(memory) // 12
            figures |= {
                "soak_s": seconds,
                "rss_after_5_min_mb": memory[settled_index],
                "rss_end_mb": memory[-1],
                "rss_growth_mb": float(np.median(memory[-10:]) - np.median(memory[settled_index : settled_index + 10])),
                "frames": session.latest_frame.sequence,
            }
        else:
            session.ask(lambda hub: setattr(hub.imu.session, "ahead", False))
            measure(_NO_LOOKAHEAD_S)
            figures |= _latency_figures(session, "lowest_delay_")
        session.disconnect(wait=True)
    return figures


def _latency_figures(session: Any, prefix: str) -> dict[str, Any]:
    tick_ms, latency_ms = np.array(session.tick_durations) * 1000, np.array(session.face_delays) * 1000
    figures = {
        "tick_p50_ms": np.percentile(tick_ms, 50),
        "tick_p99_ms": np.percentile(tick_ms, 99),
        "sample_to_key_p50_ms": np.percentile(latency_ms[:, 0], 50),
        "sample_to_key_p99_ms": np.percentile(latency_ms[:, 0], 99),
        "end_to_end_p50_ms": np.percentile(latency_ms[:, 1], 50),
        "end_to_end_p99_ms": np.percentile(latency_ms[:, 1], 99),
    }
    return {f"{prefix}{k}": float(v) for k, v in figures.items()}


def _measure_take(bpy: Any, scene: Any) -> dict[str, Any]:
    """Measure import, keying and export of ten minutes of sensors, a simulated minute repeated."""
    from ....blender_addon.animation import bake, loaded_take
    from ....blender_addon.character import face
    from ....core import formats, performance
    from ....core.face.face_model import load_bundled
    from ....core.imu.layout import load_layout
    from ....core.imu.simulation.effects import PRESETS
    from ....core.imu.simulation.simulate import simulate
    from ....core.pipeline import PerformerSettings
    from ....core.take import Take, Track

    with tempfile.TemporaryDirectory(prefix="innerface-bench-") as folder:
        path = Path(folder) / "ten minutes.mcap"
        with step("a take to read"):
            minute_track = simulate(
                performance.demo_performance(1).weights(),
                load_bundled(),
                load_layout(),
                effects=replace(PRESETS["studio"], rate_hz=60.0),
                seed=1,
            ).tracks[TrackKind.IMU]
            count = int(_TAKE_MINUTES * 60 * minute_track.rate)
            rows = np.arange(count) % len(minute_track.time)
            long_track = Track(
                TrackKind.IMU,
                np.arange(count) / minute_track.rate,
                minute_track.columns,
                minute_track.values[rows],
                minute_track.meta,
            )
            formats.write_take(Take("ten minutes", {TrackKind.IMU: long_track}), path)
        target_face = face.find_face(list(scene.objects))
        with step("import, infer, key"), suppress_stdout():
            began = time.perf_counter()
            loaded = loaded_take.load_take(path, PerformerSettings())
            read_s = time.perf_counter() - began
            options = scene.innerface.options
            keyed = bake.bake_take(target_face, loaded, scene, options=bake.bake_options(options, True))
            total_s = time.perf_counter() - began
            dense = bake.bake_take(
                target_face, loaded, scene, options=replace(bake.bake_options(options, True), tolerance=None)
            )
        scene.frame_end = scene.frame_start + dense.frames - 1
        figures = {
            "take": f"{_TAKE_MINUTES} minutes at {minute_track.rate:.0f} Hz, {path.stat().st_size / 1e6:.0f} MB, "
            f"{dense.frames} frames at 24 fps",
            "take_10min_s": total_s,
            "take_read_and_inferred_s": read_s,
            "key_reduction_x": keyed.dense_keys / keyed.keys,
        }
        figures |= _measure_reduction(loaded, options.tolerance) | _measure_exports(
            target_face, scene, folder=Path(folder), prefix=""
        )
        return figures | _measure_hard_character(bpy, loaded, Path(folder))


def _measure_reduction(loaded: Any, tolerance: float) -> dict[str, Any]:
    """Measure key reduction alone: on the sensors' take, and on a real camera's if one is found."""
    from ....core import formats
    from ....core.animation import key_reduction
    from ....core.animation.frames import resample_to_frames
    from ....core.face.face_model import find_ict
    from ....core.take.resample import frame_times

    figures: dict[str, Any] = {}
    track = loaded.weights.take.weights()
    values = resample_to_frames(track, frame_times(track.time, 24.0))
    with step("key reduction"):
        began = time.perf_counter()
        key_reduction.reduce_keys(values, tolerance)
        figures |= {
            "reduce_samples_per_s": values.size / (time.perf_counter() - began),
            "reduce_input": f"{values.shape[0]} frames x {values.shape[1]}",
        }
        ict_path = find_ict()
        camera_path = None if ict_path is None else ict_path.parent / "arkit" / "alex_rom_3.csv"
        if camera_path is not None and camera_path.is_file():
            track = formats.read_take(camera_path).weights()
            camera_values = resample_to_frames(track, frame_times(track.time, 24.0))
            figures["key_reduction_camera_x"] = camera_values.size / sum(
                len(k) for k in key_reduction.reduce_keys(camera_values, tolerance)
            )
    still_keys = sum(
        len(k) for k in key_reduction.reduce_keys(np.repeat(values[:1], len(values), axis=0), tolerance)
    )  # a static face needs two keys per curve
    return figures | {"key_reduction_hold_x": values.size / still_keys}


def _measure_exports(target_face: Any, scene: Any, *, folder: Path, prefix: str) -> dict[str, Any]:
    """Measure export of the scene as FBX and GLB."""
    from ....blender_addon.export import exporters

    figures: dict[str, Any] = {}
    for kind, export_function in (("glb", exporters.export_glb), ("fbx", exporters.export_fbx)):
        path = folder / f"face.{kind}"
        with step(f"{prefix}{kind}") as bar, suppress_stdout():
            began = time.perf_counter()
            export_function(target_face, scene, path, progress=bar)
        figures |= {
            f"{prefix}{kind}_10min_s": time.perf_counter() - began,
            f"{prefix}{kind}_mb": path.stat().st_size / 1e6,
        }
    return figures


def _measure_hard_character(bpy: Any, loaded: Any, folder: Path) -> dict[str, Any]:
    """Measure the heaviest of the five test characters, a library override with Subdivision and Armature modifiers."""
    from ....blender_addon.animation import bake
    from ....blender_addon.character import face
    from .characters import override

    scene = blender.empty_scene("24")
    with step("the hard character"), suppress_stdout():
        override(scene, folder)
    bpy.context.view_layer.update()
    target_face = face.find_face(list(scene.objects))
    with step("hard: key"), suppress_stdout():
        began = time.perf_counter()
        keyed = bake.bake_take(target_face, loaded, scene, options=bake.bake_options(scene.innerface.options, True))
        key_s = time.perf_counter() - began
    scene.frame_end = scene.frame_start + keyed.frames - 1
    vertices = sum(len(m.object.data.vertices) for m in target_face.meshes)
    return {
        "hard": f"library override of {len(target_face.meshes)} meshes, {vertices} vertices, Subdivision and Armature",
        "hard_key_10min_s": key_s,
        "hard_key_reduction_x": keyed.dense_keys / keyed.keys,
    } | _measure_exports(target_face, scene, folder=folder, prefix="hard_")

"""Speed and accuracy of simulation, calibration and the linear model."""

from __future__ import annotations

import time
from typing import Any

from ....core.take import Track, TrackKind
from ...progress import step


def imu(seconds: float = 120.0) -> dict[str, Any]:
    """Measure simulation, calibration and inference of face-worn IMUs, per core, and the error of the result."""
    import numpy as np

    from ....core.face import metrics
    from ....core.face.face_model import load_face_model
    from ....core.imu import linear_model, motion
    from ....core.imu.layout import load_layout
    from ....core.imu.signal import from_track
    from ....core.imu.simulation.effects import PRESETS
    from ....core.imu.simulation.simulate import simulate
    from ....core.performance.generate import generate

    face, sites, model = load_face_model(), load_layout(), linear_model.load()
    track = generate(seconds, np.random.default_rng(2))
    run_times: dict[str, list[float]] = {"simulate": [], "calibrate_infer": [], "causal": []}
    cpu_time = time.process_time  # CPU seconds of all cores
    with step("three runs") as bar:
        for k in range(3):
            began = cpu_time()
            take = simulate(track, face, sites, effects=PRESETS["studio"], seed=k).tracks[TrackKind.IMU]
            run_times["simulate"].append(cpu_time() - began)
            for causal in (False, True):
                began = cpu_time()
                face_motion = motion.calibrate_take(from_track(take), sites, causal=causal)[1]
                weights = model.infer(face_motion, causal)
                run_times["causal" if causal else "calibrate_infer"].append(cpu_time() - began)
                if not causal:
                    inferred = Track(TrackKind.WEIGHTS, face_motion.time, linear_model.ARKIT, np.nan_to_num(weights))
            bar((k + 1) / 3)
    evaluation = metrics.evaluate(inferred, track, face)
    duration = take.duration
    vertices = len(face.neutral)
    return {
        "input": f"generated performance of {seconds:.0f} s, {duration:.0f} s with its preamble, "
        f"{len(sites.sites)} sites at 100 Hz, preset studio, "
        f"{face.name} of {vertices} vertices; per core, median of 3 runs",
        "simulate_x_realtime": duration / sorted(run_times["simulate"])[1],
        "calibrate_infer_x_realtime": duration / sorted(run_times["calibrate_infer"])[1],
        "causal_x_realtime": duration / sorted(run_times["causal"])[1],
        "pve_mm": evaluation["pve_mm"]["mean"],
        "neutral_pve_mm": evaluation["neutral"]["pve_mm"]["mean"],
        "mean_face_pve_mm": evaluation["mean_face"]["pve_mm"]["mean"],
        "region": evaluation["region"],
    }

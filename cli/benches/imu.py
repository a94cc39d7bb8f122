"""Simulation, calibration and the linear model."""

from __future__ import annotations

import time
from typing import Any

from ...core.take import Track
from ..progress import step


def imu(seconds: float = 120.0) -> dict[str, Any]:
    """Simulating, calibrating and inferring face-worn IMUs, as multiples of real time per core, and how far the result is off."""
    import numpy as np

    from ...core import metrics
    from ...core.face_model import face_model
    from ...core.imu import linear, motion
    from ...core.imu.effects import PRESETS
    from ...core.imu.layout import layout
    from ...core.imu.signal import from_track
    from ...core.imu.simulate import simulate
    from ...core.performance.generate import generate

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

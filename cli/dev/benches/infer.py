"""Speed and accuracy of the networks."""

from __future__ import annotations

import time
from typing import Any

from ....core.take import Track, TrackKind
from ...progress import step
from .memory import resident_mb


def infer(seconds: float = 120.0, live_frames: int = 3600, soak: bool = False) -> dict[str, Any]:
    """Measure the shipped networks on a recording at once, and frame by frame as live.

    Baselines are the linear model, the neutral face, the take's mean face and the true face of a second before. `soak`
    runs an hour of frames to measure growth of memory.
    """
    import numpy as np

    from ....core.face import metrics
    from ....core.face.face_model import load_face_model
    from ....core.imu import inference, linear_model, network
    from ....core.imu.layout import load_layout
    from ....core.imu.motion import calibrate_frames
    from ....core.imu.session import CalibratedStream
    from ....core.imu.signal import LOOKAHEAD, from_track, select_sites
    from ....core.imu.simulation.effects import PRESETS
    from ....core.imu.simulation.simulate import simulate
    from ....core.performance.generate import generate
    from ....core.rates import FRAME_RATE

    face, sites = load_face_model(), load_layout()
    offline, live_net = network.load_pair(), network.load(network.LIVE)
    truth = generate(seconds, np.random.default_rng(3))
    take = simulate(truth, face, sites, effects=PRESETS["studio"], seed=3)
    with step("offline") as bar:
        run_times = []
        for k in range(3):
            began = time.perf_counter()
            inferred = inference.infer(take, sites, offline)
            run_times.append(time.perf_counter() - began)
            bar((k + 1) / 3)
    duration = take.tracks[TrackKind.IMU].duration
    calibration, frames = calibrate_frames(from_track(take.tracks[TrackKind.IMU]), sites, causal=True)
    frames = select_sites(frames, [frames.sites.index(s) for s in calibration.sites])
    count = 216_000 if soak else live_frames
    frame_s, early_mb = np.zeros(count), 0.0
    with step(f"live, {count} frames") as bar:
        stream = CalibratedStream(calibration, live_net)
        for k in range(count):
            index = k % len(frames.time)
            began = time.perf_counter()
            stream.push(frames.rotation[index : index + 1], frames.acceleration[index - LOOKAHEAD][None])
            frame_s[k] = time.perf_counter() - began
            if k % 3600 == 3599:
                early_mb = early_mb or resident_mb()
                bar((k + 1) / count)
    final_mb = resident_mb()

    def error(track: Track) -> float:
        return metrics.evaluate(track, truth, face)["pve_mm"]["mean"]

    evaluation = metrics.evaluate(inferred.take.weights(), truth, face)
    held_track = Track(TrackKind.WEIGHTS, truth.time[60:], truth.columns, truth.values[:-60])
    return {
        "input": f"generated performance of {seconds:.0f} s, {duration:.0f} s with its preamble, "
        f"{len(sites.sites)} sites at 100 Hz, preset studio; "
        f"{count} frames live; {offline.card['parameters']} and {live_net.card['parameters']} parameters; "
        f"{face.name} of {len(face.neutral)} vertices",
        "files": ", ".join(f"{path.name} {path.stat().st_size >> 10} KiB" for path in (network.SHIPPED, network.LIVE)),
        "offline_x_realtime": duration / sorted(run_times)[1],
        "live_p50_ms": float(np.percentile(frame_s, 50) * 1000),
        "live_p99_ms": float(np.percentile(frame_s, 99) * 1000),
        "lookahead_ms": (LOOKAHEAD + live_net.ahead) / FRAME_RATE * 1000,
        "rss_mb": final_mb,
        "rss_growth_mb": final_mb - early_mb,
        "pve_mm": evaluation["pve_mm"]["mean"],
        "live_pve_mm": error(inference.infer(take, sites, live_net, causal=True).take.weights()),
        "linear_pve_mm": error(inference.infer(take, sites, linear_model.load()).take.weights()),
        "neutral_pve_mm": evaluation["neutral"]["pve_mm"]["mean"],
        "mean_face_pve_mm": evaluation["mean_face"]["pve_mm"]["mean"],
        "hold_pve_mm": error(held_track),
        "region": evaluation["region"],
    }

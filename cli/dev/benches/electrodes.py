"""Speed and accuracy of two electrodes at one ear, beside static faces."""

from __future__ import annotations

import time
from typing import Any

from ....core.take import TrackKind
from ...progress import step

SECONDS, LIVE_S, BATCH_S = 90.0, 40.0, 0.02


def electrodes() -> dict[str, Any]:
    """Measure the shipped network on its simulated performer, in a take that it was not trained on.

    Live samples come in batches of 20 ms; the time is that from samples to points and weights.
    """
    import numpy as np

    from ....core.bio import channels, inference, network, session
    from ....core.bio.signal import bio_track, to_uniform_rate
    from ....core.bio.simulation.effects import PRESETS
    from ....core.bio.simulation.simulate import simulate
    from ....core.face.face_model import load_bundled
    from ....core.landmarks import metrics
    from ....core.landmarks.camera import landmarks_from_weights
    from ....core.landmarks.points import landmark_track, points_of
    from ....core.performance.pose_sequence import pose_sequence

    net, track = network.load(), pose_sequence(SECONDS, 0, take=9)
    take, truth = simulate(track, PRESETS["studio"], 0), landmarks_from_weights(track, load_bundled())
    signal = to_uniform_rate(bio_track(take))
    with step("offline") as bar:
        run_times = []
        for k in range(3):
            began = time.perf_counter()
            inferred = channels.infer_weights(take, net)
            run_times.append(time.perf_counter() - began)
            bar((k + 1) / 3)
    bio_session, frame_s = session.BioSession(net, signal.rate, signal.channels), []
    batch = round(BATCH_S * signal.rate)
    values = signal.values[: round(LIVE_S * signal.rate)]
    with step("live") as bar:
        for start in range(0, len(values), batch):
            began = time.perf_counter()
            frames = bio_session.push(values[start : start + batch])
            if frames:
                frame_s.append((time.perf_counter() - began) / len(frames))
            bar(start / len(values))
    evaluation = metrics.evaluate(inferred.tracks[TrackKind.LANDMARKS], truth)
    causal_evaluation = metrics.evaluate(inference.infer(take, net, causal=True).tracks[TrackKind.LANDMARKS], truth)
    lag = round(truth.rate)
    held_track = landmark_track(truth.time[lag:], points_of(truth)[:-lag])
    return {
        "input": f"posed performance of {SECONDS:.0f} s, two electrodes at {signal.rate:.0f} Hz, preset studio; "
        f"{len(frame_s)} frames live, batches of "
        f"{batch} samples; {net.card['parameters']} parameters; simulated performer",
        "files": f"{network.SHIPPED.name} {network.SHIPPED.stat().st_size >> 10} KiB",
        "offline_x_realtime": signal.duration / sorted(run_times)[1],
        "live_p50_ms": float(np.percentile(frame_s, 50) * 1000),
        "live_p99_ms": float(np.percentile(frame_s, 99) * 1000),
        "lookahead_ms": bio_session.delay_s * 1000,
        "mae_mm": evaluation["mae_mm"],
        "nme_percent": evaluation["nme_percent"],
        "live_mae_mm": causal_evaluation["mae_mm"],
        "mean_face_mm": evaluation["mean_face"]["mae_mm"],
        "rest_face_mm": evaluation["rest_face"]["mae_mm"],
        "hold_mm": metrics.evaluate(held_track, truth)["mae_mm"],
    }

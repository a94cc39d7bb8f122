"""Two electrodes at an ear: how fast a recording and the live road are, and how far off, beside faces that never move."""

from __future__ import annotations

import time
from typing import Any

from ..progress import step

SECONDS, LIVE_S, BATCH_S = 90.0, 40.0, 0.02


def electrodes() -> dict[str, Any]:
    """The shipped network on the simulated performer whom it knows, in a take that it has not seen. Live: samples in batches of 20 ms, from there to points
    and to Apple's channels. *hold*: the true face of a second ago."""
    import numpy as np

    from ...core.bio import channels, infer, live, network
    from ...core.bio.signal import bio_track, even
    from ...core.bio.simulate import PRESETS, simulate
    from ...core.face_model import bundled
    from ...core.landmarks import metrics
    from ...core.landmarks.camera import from_weights
    from ...core.landmarks.points import landmark_track, points_of
    from ...core.performance.posed import posed

    net, track = network.load(), posed(SECONDS, 0, 9)
    take, truth = simulate(track, PRESETS["studio"], 0), from_weights(track, bundled())
    signal = even(bio_track(take))
    with step("offline") as bar:
        runs = []
        for k in range(3):
            began = time.perf_counter()
            done = channels.weights(take, net)
            runs.append(time.perf_counter() - began)
            bar((k + 1) / 3)
    stage, spent = live.Electrodes(net, signal.rate, signal.channels), []
    batch = round(BATCH_S * signal.rate)
    values = signal.values[: round(LIVE_S * signal.rate)]
    with step("live") as bar:
        for at in range(0, len(values), batch):
            began = time.perf_counter()
            frames = stage.push(values[at : at + batch])
            if frames:
                spent.append((time.perf_counter() - began) / len(frames))
            bar(at / len(values))
    said = metrics.evaluate(done.tracks["landmarks"], truth)
    causal = metrics.evaluate(infer.infer(take, net, causal=True).tracks["landmarks"], truth)
    lag = round(truth.rate)
    held = landmark_track(truth.time[lag:], points_of(truth)[:-lag])
    return {
        "input": f"posed performance of {SECONDS:.0f} s, two electrodes at {signal.rate:.0f} Hz, preset studio; {len(spent)} frames live, batches of "
        f"{batch} samples; {net.card['parameters']} parameters; simulated performer",
        "files": f"{network.SHIPPED.name} {network.SHIPPED.stat().st_size >> 10} KiB",
        "offline_x_realtime": signal.duration / sorted(runs)[1],
        "live_p50_ms": float(np.percentile(spent, 50) * 1000),
        "live_p99_ms": float(np.percentile(spent, 99) * 1000),
        "lookahead_ms": stage.delay_s * 1000,
        "mae_mm": said["mae_mm"],
        "nme_percent": said["nme_percent"],
        "live_mae_mm": causal["mae_mm"],
        "mean_face_mm": said["mean_face"]["mae_mm"],
        "rest_face_mm": said["rest_face"]["mae_mm"],
        "hold_mm": metrics.evaluate(held, truth)["mae_mm"],
    }

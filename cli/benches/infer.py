"""The networks at work."""

from __future__ import annotations

import time
from typing import Any

from ...core.take import Track
from ..progress import step
from .memory import resident_mb


def infer(seconds: float = 120.0, live_frames: int = 3600, soak: bool = False) -> dict[str, Any]:
    """The shipped networks: a recording at once, and frame by frame as live; how far they are off, beside the linear model, the neutral face,
    the take's mean face and a face that holds what it was a second ago. `soak`: an hour of frames, to see whether memory grows."""
    import numpy as np

    from ...core import infer as inference
    from ...core import metrics
    from ...core.face_model import face_model
    from ...core.imu import linear, network
    from ...core.imu.effects import PRESETS
    from ...core.imu.layout import layout
    from ...core.imu.motion import calibrate_frames
    from ...core.imu.signal import FRAME_RATE, LOOKAHEAD, from_track, pick
    from ...core.imu.simulate import simulate
    from ...core.live import Live
    from ...core.performance.generate import generate

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
                first = first or resident_mb()
                bar((k + 1) / count)
    resident = resident_mb()

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

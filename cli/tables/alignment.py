"""How well two takes are put onto one clock."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...core import align
from ...core.face_model import bundled
from ...core.imu import linear
from ...core.imu.effects import PRESETS
from ...core.imu.layout import layout
from ...core.imu.simulate import simulate
from ...core.take import Take, Track
from . import Progress, Section


def alignment(takes: dict[str, Track], seeds: int, progress: Progress) -> Section:
    """Offset errors of `align` between real takes and simulated sensors whose clocks drift by 200 ppm, and pairs that do not belong together."""
    model, sites, face = linear.load(), layout(), bundled()
    lines = [
        "\n## Alignment",
        "\nA camera take against simulated sensors of the same performance, whose clock is off by 17 s and runs 200 ppm fast or slow. "
        "Largest error anywhere in the take.\n",
        "| take | sensors | offset error ms (mean) | (worst) | confidence |",
        "|---|---|---|---|---|",
    ]
    figures: dict[str, Any] = {}
    done = 0
    for name, track in takes.items():
        camera = align.moving(Take(name, {"weights": track}), sites, model)
        for preset in ("studio", "rough"):
            errors, sure = [], []
            for seed in range(seeds):
                imu = simulate(track, face, sites, PRESETS[preset], 300 + seed).tracks["imu"]
                for ppm in (200.0, -200.0):
                    moved = replace(imu, time=(imu.time - track.time[0] + 17.0) / (1 + ppm * 1e-6))
                    found = align.align(camera, align.moving(Take(name, {"imu": moved}), sites, model))
                    at = np.linspace(track.time[0], track.time[-1], 9)
                    errors.append(np.abs(found.a_time((at - track.time[0] + 17.0) / (1 + ppm * 1e-6)) - at).max() * 1000)
                    sure.append(found.confidence)
            figures[f"{name} {preset}"] = {"mean_ms": float(np.mean(errors)), "worst_ms": float(np.max(errors))}
            lines.append(f"| {name} | {preset} | {np.mean(errors):.1f} | {np.max(errors):.1f} | {np.min(sure):.2f} |")
            done += 1
            progress(done / (2 * len(takes)))
    refused = pairs = 0
    whole = {n: align.moving(Take(n, {"weights": t}), sites, model) for n, t in takes.items()}
    for a in takes:
        for b in takes:
            if a != b:
                pairs += 1
                try:
                    align.align(whole[a], whole[b])
                except align.InnerfaceError:
                    refused += 1
    lines.append(f"\nPairs of takes that do not belong together: {refused} of {pairs} refused.")
    return Section(lines, figures | {"refused": refused, "pairs": pairs})

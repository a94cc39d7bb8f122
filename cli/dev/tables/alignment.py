"""Accuracy of the alignment of two takes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ....core.face.face_model import load_bundled
from ....core.imu import linear_model
from ....core.imu.layout import load_layout
from ....core.imu.motion_signal import motion_signal
from ....core.imu.simulation.effects import PRESETS
from ....core.imu.simulation.simulate import simulate
from ....core.take import Take, Track, TrackKind, alignment
from . import ProgressCallback, Section


def alignment_section(takes: dict[str, Track], seeds: int, progress: ProgressCallback) -> Section:
    """Offset errors between real takes and simulated sensors with 200 ppm of clock drift, and unrelated pairs."""
    model, sites, face = linear_model.load(), load_layout(), load_bundled()
    lines = [
        "\n## Alignment",
        "\nA camera take against simulated sensors of the same performance, whose clock is off by 17 s and runs 200 "
        "ppm fast or slow. Largest error anywhere in the take.\n",
        "| take | sensors | offset error ms (mean) | (worst) | confidence |",
        "|---|---|---|---|---|",
    ]
    figures: dict[str, Any] = {}
    finished = 0
    for name, track in takes.items():
        camera = motion_signal(Take(name, {TrackKind.WEIGHTS: track}), sites, model)
        for preset in ("studio", "rough"):
            errors, confidences = [], []
            for seed in range(seeds):
                imu = simulate(track, face, sites, effects=PRESETS[preset], seed=300 + seed).tracks[TrackKind.IMU]
                for ppm in (200.0, -200.0):
                    shifted = replace(imu, time=(imu.time - track.time[0] + 17.0) / (1 + ppm * 1e-6))
                    clock_alignment = alignment.align(
                        camera, motion_signal(Take(name, {TrackKind.IMU: shifted}), sites, model)
                    )
                    sample_times = np.linspace(track.time[0], track.time[-1], 9)
                    errors.append(
                        np.abs(
                            clock_alignment.a_time((sample_times - track.time[0] + 17.0) / (1 + ppm * 1e-6))
                            - sample_times
                        ).max()
                        * 1000
                    )
                    confidences.append(clock_alignment.confidence)
            figures[f"{name} {preset}"] = {"mean_ms": float(np.mean(errors)), "worst_ms": float(np.max(errors))}
            lines.append(
                f"| {name} | {preset} | {np.mean(errors):.1f} | {np.max(errors):.1f} | {np.min(confidences):.2f} |"
            )
            finished += 1
            progress(finished / (2 * len(takes)))
    refused = pairs = 0
    motions = {n: motion_signal(Take(n, {TrackKind.WEIGHTS: t}), sites, model) for n, t in takes.items()}
    for a in takes:
        for b in takes:
            if a != b:
                pairs += 1
                try:
                    alignment.align(motions[a], motions[b])
                except alignment.InnerfaceError:
                    refused += 1
    lines.append(f"\nPairs of takes that do not belong together: {refused} of {pairs} refused.")
    return Section(lines, figures | {"refused": refused, "pairs": pairs})

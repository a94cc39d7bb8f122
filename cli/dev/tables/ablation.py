"""The paper's tables and figures with these networks: effect of simulation, fine-tuning, sensors and steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ....core.face import metrics
from ....core.face.face_model import FaceModel
from ....core.face.row_matching import match_rows
from ....core.imu import linear_model, network
from ....core.imu.inference import infer
from ....core.imu.layout import load_layout
from ....core.imu.simulation.effects import PRESETS
from ....core.imu.simulation.simulate import simulate
from ....core.take import Track
from . import ProgressCallback, Section, markdown_table, plots
from .models import Case, evaluate_columns, evaluation_pair, with_sites

NETWORKS_FOLDER = network.SHIPPED.with_name("ablation")
STEPS = (1, 2, 4, 10, 50)
_PAPER_TABLE_2 = {  # IMUSIC, table 2: PVE median, mean, std; MSE (papers: arXiv 2402.03944)
    "full": "0.67 | 0.72 | 0.31 | 0.0057",
    "without simulation": "| 1.28 | | 0.0322",
    "without fine-tuning": "| 1.65 | | 0.0187",
}


def table_two_section(
    cases: list[Case], trained_names: set[str], face: FaceModel, *, progress: ProgressCallback
) -> Section:
    """Small networks of one size and training time: trained on all, on real and on generated performances."""
    held_out_cases = [c for c in cases if c.preset == "studio" and c.name not in trained_names]
    network_files = {"full": "stream", "without simulation": "real-only", "without fine-tuning": "generated-only"}
    rows, figures = [], {}
    for n, (title, file) in enumerate(network_files.items()):
        model = network.load(NETWORKS_FOLDER / f"{file}.onnx")
        pve: list[np.ndarray] = []
        mse = []
        for k, case in enumerate(held_out_cases):
            matched = match_rows(infer(case.imu, load_layout(), model).take.weights(), case.truth)
            pve.append(metrics.vertex_errors_mm(face, matched.pred - matched.truth)[0])
            mse.append(float(((matched.pred - matched.truth) ** 2).mean()))
            progress((n + (k + 1) / len(held_out_cases)) / len(network_files))
        scores = metrics.summarise(np.concatenate(pve)) | {"mse": float(np.mean(mse))}
        figures[title] = scores
        rows.append(
            f"{title} | {scores['median']:.2f} | {scores['mean']:.2f} | {scores['std']:.2f} | {scores['mse']:.4f} | "
            f"{_PAPER_TABLE_2[title]}"
        )
    lines = [
        "\n## What simulation and real performances are worth",
        f"\nThe paper's table 2, with networks of {network.load(NETWORKS_FOLDER / 'stream.onnx').card['parameters']} "
        "parameters trained for a few minutes each: on generated and real performances, on real ones only (*without "
        "simulation*), on generated ones only (*without fine-tuning*). Performers never seen, studio sensors, PVE in "
        "mm over all frames. The paper's network was tuned to the one user it was measured on; these networks never "
        "saw the performer.",
    ]
    header = "trained | median | mean | std | weights MSE | paper: median | mean | std | MSE"
    return Section(lines + markdown_table(header, rows), figures)


def steps_section(
    cases: list[Case], trained_names: set[str], face: FaceModel, *, progress: ProgressCallback
) -> Section:
    """Diffusion with 1 to 50 steps, beside a regressor of the same size."""
    held_out_cases = list({c.name: c for c in cases if c.preset == "studio" and c.name not in trained_names}.values())
    network_variants = {
        "regressor": ("stream", (1,)),
        "the same as diffusion": ("diffusion", STEPS),
        "the paper's transformer diffusion": ("paper", STEPS),
    }
    rows, figures = [], {}
    total = remaining = sum(len(s) for _, s in network_variants.values()) * len(held_out_cases)
    for title, (file, counts) in network_variants.items():
        model = network.load(NETWORKS_FOLDER / f"{file}.onnx")
        for count in counts:
            case_errors = []
            for case in held_out_cases:
                case_errors.append(
                    evaluate_columns(
                        infer(case.imu, load_layout(), model, steps=count).take.weights(), case.truth, face
                    )[0]
                )
                remaining -= 1
                progress(1 - remaining / total)
            pve, mse = np.mean([r[0] for r in case_errors]), np.mean([r[4] for r in case_errors])
            figures[f"{title}, {count}"] = {"pve_mm": float(pve), "mse": float(mse)}
            rows.append(f"{title} | {model.card['parameters']} | {count} | {pve:.2f} | {mse:.4f}")
    lines = [
        "\n## Steps",
        "\nTrained alike for a few minutes each. A diffusion network's first step is a regression by itself; further "
        "steps add detail that no sensor measured. Performers never seen, studio sensors. The shipped networks are "
        "regressors.",
    ]
    return Section(lines + markdown_table("network | parameters | steps | PVE mm | weights MSE", rows), figures)


_REMOVAL_ORDER = (  # the most informative site is removed last
    "mentalis_left",
    "zygomaticus_left",
    "frontalis_left",
    "buccinator_left",
    "zygomaticus_right",
    "frontalis_right",
    "buccinator_right",
    "oculi_left",
    "mentalis_right",
    "oculi_right",
)


def sensor_count_section(
    takes: dict[str, Track], face: FaceModel, seeds: int, *, image_path: Path, progress: ProgressCallback
) -> Section:
    """The paper's figure 9: fewer and fewer sensors, with one network that knows which are present."""
    model, site_layout = evaluation_pair(), load_layout()
    rows, figures = [], {}
    for n in range(len(_REMOVAL_ORDER), 0, -1):
        kept_sites = {site_layout.reference, *_REMOVAL_ORDER[:n]}
        pve = []
        for track in takes.values():
            for seed in range(seeds):
                take = simulate(track, face, site_layout, effects=PRESETS["studio"], seed=100 + seed)
                pve.append(
                    evaluate_columns(
                        infer(with_sites(take, kept_sites), site_layout, model).take.weights(), track, face
                    )[0]
                )
        mean = np.mean(pve, axis=0)
        figures[str(n)] = {"pve_mm": float(mean[0]), "mse": float(mean[4])}
        rows.append(
            f"{n} | {', '.join(_REMOVAL_ORDER[:n]) if n < 4 else 'and ' + _REMOVAL_ORDER[n - 1]} | {mean[0]:.2f} | "
            f"{mean[4]:.4f}"
        )
        progress(1 - (n - 1) / len(_REMOVAL_ORDER))
    neutral = float(mean[1])
    _plot_sensor_count(figures, neutral, image_path)
    lines = [
        "\n## Fewer sensors",
        "\nThe paper's figure 9: one network, sites taken away one by one (besides the one behind the ear). "
        f"{', '.join(takes)}, studio sensors; the neutral face is off by {neutral:.2f} mm.",
        f"\n![Error against the number of face sensors](images/{image_path.name})",
    ]
    return Section(lines + markdown_table("face sensors | which | PVE mm | weights MSE", rows), figures)


def _plot_sensor_count(figures: dict[str, Any], neutral: float, image_path: Path) -> None:
    with plots.image(image_path, figsize=(7, 3.2)) as axes:
        counts = [int(n) for n in figures]
        axes.plot(counts, [f["pve_mm"] for f in figures.values()], "o-", color="#2f6fb3", label="network")
        axes.axhline(neutral, color="#999999", ls="--", lw=1, label="neutral face")
        axes.set(xlabel="face sensors (simulated, studio)", ylabel="PVE, mm", xticks=counts, ylim=(0, None))
        axes.legend(frameon=False)


def error_along_take_section(track: Track, name: str, face: FaceModel, *, image_path: Path) -> Section:
    """The paper's figure 11: the error along one take."""
    take = simulate(track, face, load_layout(), effects=PRESETS["studio"], seed=100)
    with plots.image(image_path, figsize=(10, 3.2)) as axes:
        figures = {}
        for title, model, colour in (
            ("network", evaluation_pair(), "#2f6fb3"),
            ("linear model", linear_model.load(), "#d1953b"),
        ):
            matched = match_rows(infer(take, load_layout(), model).take.weights(), track)
            pve = metrics.vertex_errors_mm(face, matched.pred - matched.truth)[0]
            figures[title] = metrics.summarise(pve)
            axes.plot(matched.time - matched.time[0], pve, color=colour, lw=1.0, label=title)
        neutral_errors = metrics.vertex_errors_mm(face, matched.truth)[0]
        axes.fill_between(
            matched.time - matched.time[0], neutral_errors, color="#dddddd", lw=0, zorder=0, label="neutral face"
        )
        axes.set(
            xlabel=f"s of {name} (simulated sensors, studio)",
            ylabel="PVE, mm",
            xlim=(0, matched.time[-1] - matched.time[0]),
            ylim=(0, None),
        )
        axes.legend(frameon=False, ncols=3, loc="upper right")
    lines = [
        "\n## Along a take",
        f"\nThe paper's figure 11, on {name}.",
        f"\n![Error along a take](images/{image_path.name})",
    ]
    return Section(lines, figures)

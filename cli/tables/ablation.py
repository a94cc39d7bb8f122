"""The paper's tables and figures with our networks: what simulation, fine-tuning, sensors and steps are worth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...core import metrics
from ...core.face_model import FaceModel
from ...core.imu import linear, network
from ...core.imu.effects import PRESETS
from ...core.imu.layout import layout
from ...core.imu.simulate import simulate
from ...core.infer import infer
from ...core.take import Track
from . import Progress, Section, table
from .models import Case, errors, keeping

FOLDER = network.SHIPPED.with_name("ablation")
STEPS = (1, 2, 4, 10, 50)
_PAPER = {  # IMUSIC, table 2: PVE median, mean, std; MSE (papers: arXiv 2402.03944)
    "full": "0.67 | 0.72 | 0.31 | 0.0057",
    "without simulation": "| 1.28 | | 0.0322",
    "without fine-tuning": "| 1.65 | | 0.0187",
}


def table_two(made: list[Case], trained: set[str], face: FaceModel, progress: Progress) -> Section:
    """Small networks of one size and training time that learned from both, from real performances only, from generated ones only."""
    held = [c for c in made if c.preset == "studio" and c.name not in trained]
    named = {"full": "stream", "without simulation": "real-only", "without fine-tuning": "generated-only"}
    rows, figures = [], {}
    for n, (title, file) in enumerate(named.items()):
        model = network.load(FOLDER / f"{file}.onnx")
        pve: list[np.ndarray] = []
        mse = []
        for k, case in enumerate(held):
            matched = metrics.match_rows(infer(case.imu, layout(), model).take.weights(), case.truth)
            pve.append(metrics.vertex_errors_mm(face, matched.pred - matched.truth)[0])
            mse.append(float(((matched.pred - matched.truth) ** 2).mean()))
            progress((n + (k + 1) / len(held)) / len(named))
        said = metrics.summary(np.concatenate(pve)) | {"mse": float(np.mean(mse))}
        figures[title] = said
        rows.append(f"{title} | {said['median']:.2f} | {said['mean']:.2f} | {said['std']:.2f} | {said['mse']:.4f} | {_PAPER[title]}")
    lines = [
        "\n## What simulation and real performances are worth",
        f"\nThe paper's table 2, with networks of {network.load(FOLDER / 'stream.onnx').card['parameters']} parameters trained for a few minutes "
        "each: on generated and real performances, on real ones only (*without simulation*), on generated ones only (*without fine-tuning*). "
        "Performers never seen, studio sensors, PVE in mm over all frames. The paper's network was tuned to the one user it was measured on; "
        "ours never saw the performer.",
    ]  # fmt: skip
    head = "trained | median | mean | std | weights MSE | paper: median | mean | std | MSE"
    return Section(lines + table(head, rows), figures)


def steps(made: list[Case], trained: set[str], face: FaceModel, progress: Progress) -> Section:
    """Diffusion with 1 to 50 steps beside a regressor of the same size; one set of sensors a take."""
    held = list({c.name: c for c in made if c.preset == "studio" and c.name not in trained}.values())
    kinds = {"regressor": ("stream", (1,)), "the same as diffusion": ("diffusion", STEPS), "the paper's transformer diffusion": ("paper", STEPS)}
    rows, figures = [], {}
    total = done = sum(len(s) for _, s in kinds.values()) * len(held)
    for title, (file, counts) in kinds.items():
        model = network.load(FOLDER / f"{file}.onnx")
        for count in counts:
            several = []
            for case in held:
                several.append(errors(infer(case.imu, layout(), model, steps=count).take.weights(), case.truth, face)[0])
                done -= 1
                progress(1 - done / total)
            pve, mse = np.mean([r[0] for r in several]), np.mean([r[4] for r in several])
            figures[f"{title}, {count}"] = {"pve_mm": float(pve), "mse": float(mse)}
            rows.append(f"{title} | {model.card['parameters']} | {count} | {pve:.2f} | {mse:.4f}")
    lines = [
        "\n## Steps",
        "\nTrained alike for a few minutes each. A diffusion network's first step is a regression by itself; further steps add detail that nobody measured. "
        "Performers never seen, studio sensors. The shipped networks are regressors.",
    ]
    return Section(lines + table("network | parameters | steps | PVE mm | weights MSE", rows), figures)


_ORDER = (  # kept to the last: the site that tells most
    "mentalis_left", "zygomaticus_left", "frontalis_left", "buccinator_left", "zygomaticus_right", "frontalis_right", "buccinator_right", "oculi_left",
    "mentalis_right", "oculi_right",
)  # fmt: skip


def sensors(takes: dict[str, Track], face: FaceModel, seeds: int, picture: Path, progress: Progress) -> Section:
    """The paper's figure 9: fewer and fewer sensors, by one network that is told which are there."""
    model, site_layout = network.load(), layout()
    rows, figures = [], {}
    for n in range(len(_ORDER), 0, -1):
        keep = {site_layout.reference, *_ORDER[:n]}
        pve = []
        for track in takes.values():
            for seed in range(seeds):
                take = simulate(track, face, site_layout, PRESETS["studio"], 100 + seed)
                pve.append(errors(infer(keeping(take, keep), site_layout, model).take.weights(), track, face)[0])
        mean = np.mean(pve, axis=0)
        figures[str(n)] = {"pve_mm": float(mean[0]), "mse": float(mean[4])}
        rows.append(f"{n} | {', '.join(_ORDER[:n]) if n < 4 else 'and ' + _ORDER[n - 1]} | {mean[0]:.2f} | {mean[4]:.4f}")
        progress(1 - (n - 1) / len(_ORDER))
    neutral = float(mean[1])
    _draw_sensors(figures, neutral, picture)
    lines = [
        "\n## Fewer sensors",
        "\nThe paper's figure 9: one network, sites taken away one by one (besides the one behind the ear). "
        f"{', '.join(takes)}, studio sensors; the neutral face is off by {neutral:.2f} mm.",
        f"\n![Error against the number of face sensors](images/{picture.name})",
    ]  # fmt: skip
    return Section(lines + table("face sensors | which | PVE mm | weights MSE", rows), figures)


def _draw_sensors(figures: dict[str, Any], neutral: float, picture: Path) -> None:
    plt = plots()
    figure, cell = plt.subplots(figsize=(7, 3.2))
    count = [int(n) for n in figures]
    cell.plot(count, [f["pve_mm"] for f in figures.values()], "o-", color="#2f6fb3", label="network")
    cell.axhline(neutral, color="#999999", ls="--", lw=1, label="neutral face")
    cell.set(xlabel="face sensors (simulated, studio)", ylabel="PVE, mm", xticks=count, ylim=(0, None))
    cell.legend(frameon=False)
    figure.savefig(picture, dpi=120, bbox_inches="tight", facecolor="white")
    plt.close(figure)


def along(track: Track, name: str, face: FaceModel, picture: Path) -> Section:
    """The paper's figure 11: the error along one take."""
    take = simulate(track, face, layout(), PRESETS["studio"], 100)
    plt = plots()
    figure, cell = plt.subplots(figsize=(10, 3.2))
    figures = {}
    for title, model, colour in (("network", network.load(), "#2f6fb3"), ("linear model", linear.load(), "#d1953b")):
        matched = metrics.match_rows(infer(take, layout(), model).take.weights(), track)
        pve = metrics.vertex_errors_mm(face, matched.pred - matched.truth)[0]
        figures[title] = metrics.summary(pve)
        cell.plot(matched.time - matched.time[0], pve, color=colour, lw=1.0, label=title)
    still = metrics.vertex_errors_mm(face, matched.truth)[0]
    cell.fill_between(matched.time - matched.time[0], still, color="#dddddd", lw=0, zorder=0, label="neutral face")
    cell.set(xlabel=f"s of {name} (simulated sensors, studio)", ylabel="PVE, mm", xlim=(0, matched.time[-1] - matched.time[0]), ylim=(0, None))
    cell.legend(frameon=False, ncols=3, loc="upper right")
    figure.savefig(picture, dpi=120, bbox_inches="tight", facecolor="white")
    plt.close(figure)
    lines = ["\n## Along a take", f"\nThe paper's figure 11, on {name}.", f"\n![Error along a take](images/{picture.name})"]
    return Section(lines, figures)


def plots() -> Any:
    """Matplotlib without a screen, in the reports' style."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "font.family": "DejaVu Sans"})
    return plt

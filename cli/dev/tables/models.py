"""Errors of models on real takes, with every preset of sensors, and with broken sensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from ....core.face import metrics
from ....core.face.channels import ARKIT, GROUPS, ChannelGroup
from ....core.face.face_model import FaceModel
from ....core.imu import network
from ....core.imu.inference import infer
from ....core.imu.layout import load_layout
from ....core.imu.model import Model
from ....core.imu.signal import from_track, select_sites, to_track
from ....core.imu.simulation.effects import PRESETS
from ....core.imu.simulation.simulate import simulate
from ....core.take import Take, Track, TrackKind
from . import ProgressCallback, Section, markdown_table

COLUMNS = (
    "pve_mm",
    "neutral_mm",
    "mean_face_mm",
    "pve_lmk_mm",
    "mse",
    "mse_seen",
    "mse_sensed",
    "lips",
    "neutral_mse",
    "mean_face_mse",
)
CHANNELS_WITHOUT_EYES = tuple(
    c for g in (ChannelGroup.MOUTH, ChannelGroup.BROW, ChannelGroup.CHEEK) for c in GROUPS[g]
)  # all but the eyes' channels


@dataclass(frozen=True)
class Case:
    """A real take recorded by one simulated set of sensors."""

    name: str
    preset: str
    imu: Take
    truth: Track


def simulate_cases(takes: dict[str, Track], face: FaceModel, seeds: int, *, progress: ProgressCallback) -> list[Case]:
    """Simulate every take with every preset, `seeds` times."""
    simulated, total = [], len(takes) * len(PRESETS) * seeds
    for name, track in takes.items():
        for preset, effects in PRESETS.items():
            for seed in range(seeds):
                simulated.append(
                    Case(name, preset, simulate(track, face, load_layout(), effects=effects, seed=100 + seed), track)
                )
                progress(len(simulated) / total)
    return simulated


def evaluate_columns(track: Track, truth: Track, face: FaceModel) -> tuple[list[float], dict[str, Any]]:
    """Columns of the table for a prediction, and the result of `metrics.evaluate`."""
    evaluation = metrics.evaluate(track, truth, face)
    mse_without_eyes, mse_sensed = (
        float(np.mean([evaluation["mse_by_channel"][c] for c in channels]))
        for channels in (CHANNELS_WITHOUT_EYES, sensed_channels())
    )
    return [
        evaluation["pve_mm"]["mean"],
        evaluation["neutral"]["pve_mm"]["mean"],
        evaluation["mean_face"]["pve_mm"]["mean"],
        evaluation["pve_lmk_mm"]["mean"],
        evaluation["mse"]["mean"],
        mse_without_eyes,
        mse_sensed,
        evaluation["lip_closure"]["hit_rate"],
        evaluation["neutral"]["mse"]["mean"],
        evaluation["mean_face"]["mse"]["mean"],
    ], evaluation


@lru_cache
def evaluation_pair() -> network.Network:
    """The networks that have not learned from the test takes, as recordings are inferred by both."""
    return network.load_pair(network.EVALUATION)


@lru_cache
def live_evaluation_network() -> network.Network:
    """The live one of them."""
    return network.load(network.EVALUATION / network.LIVE.name)


@lru_cache
def sensed_channels() -> tuple[str, ...]:
    """Channels that the shipped network observes."""
    return tuple(c for c, unobserved in zip(ARKIT, evaluation_pair().unobserved) if not unobserved)


def nan_mean(rows: list[list[float]]) -> np.ndarray:
    """Mean over rows without NaN; NaN for a column without any value (a take without lip closures)."""
    values = np.array(rows)
    is_known = ~np.isnan(values)
    return np.where(is_known.any(0), np.where(is_known, values, 0.0).sum(0) / np.maximum(is_known.sum(0), 1), np.nan)


def scores_section(
    title: str,
    description: str,
    model: Model,
    *,
    cases: list[Case],
    trained_names: set[str],
    face: FaceModel,
    progress: ProgressCallback,
    causal: bool = False,
) -> Section:
    """Scores of one model on all cases, per take and preset, and per channel."""
    rows: dict[tuple[str, str], list[list[float]]] = {}
    correlations: list[dict[str, float]] = []
    confidences: list[np.ndarray] = []
    for k, case in enumerate(cases):
        inferred = infer(case.imu, load_layout(), model, causal=causal)
        row, evaluation = evaluate_columns(inferred.take.weights(), case.truth, face)
        rows.setdefault((case.name, case.preset), []).append(row)
        if case.preset == "studio" and case.name not in trained_names:
            correlations.append(evaluation["correlation"])
            if TrackKind.CONFIDENCE in inferred.take.tracks:
                confidences.append(np.median(inferred.take.tracks[TrackKind.CONFIDENCE].values, axis=0))
        progress((k + 1) / len(cases))
    figures: dict[str, Any] = {}
    table_rows = []
    for (name, preset), case_errors in rows.items():
        means = dict(zip(COLUMNS, nan_mean(case_errors).tolist()))
        figures[f"{name} {preset}"] = means
        lips_text = f"{means['lips']:.0%}" if np.isfinite(means["lips"]) else ""
        table_rows.append(
            f"{name}{'*' if name in trained_names else ''} | {preset} | {means['pve_mm']:.2f} | "
            f"{means['neutral_mm']:.2f} | {means['mean_face_mm']:.2f} | {means['pve_mm'] / means['neutral_mm']:.2f} | "
            f"{means['pve_lmk_mm']:.2f} | {means['mse']:.4f} | {means['mse_seen']:.4f} | {means['mse_sensed']:.4f} | "
            f"{lips_text}"
        )
    header = (
        "take | sensors | PVE mm | neutral | mean face | PVE / neutral | PVE_LMK mm | weights MSE | "
        "MSE without eyes | MSE without invented | lips closed"
    )
    lines = [f"\n## {title}", f"\n{description}", *markdown_table(header, table_rows)]
    r = (
        dict(zip(ARKIT, nan_mean([[x[c] for c in ARKIT] for x in correlations]).tolist()))
        if correlations
        else dict.fromkeys(ARKIT, float("nan"))
    )
    confidence = dict(zip(ARKIT, np.mean(confidences, axis=0).tolist())) if confidences else {}
    return Section(lines, figures | {"correlation": r, "confidence": confidence})


def observability_lines(section: Section) -> list[str]:
    """Observability of channels: correlation with the truth, and the model's confidence."""
    r, confidence = section.figures["correlation"], section.figures["confidence"]
    lines = [
        "\n### What the sensors see",
        "\nCorrelation with the truth per channel, studio sensors, performers never seen in training (mean over takes "
        "and sensors)" + ("; in brackets the network's own confidence:\n" if confidence else ":\n"),
    ]
    for title, low, high in (
        ("well (0.8 and more)", 0.8, 2.0),
        ("in part (0.5 to 0.8)", 0.5, 0.8),
        ("hardly (less)", -2.0, 0.5),
    ):
        channels = sorted((c for c, x in r.items() if low <= x < high), key=lambda c: -r[c])
        lines.append(
            f"- **{title}**: "
            + (
                ", ".join(f"{c} {r[c]:.2f}" + (f" ({confidence[c]:.2f})" if confidence else "") for c in channels)
                or "none"
            )
        )
    motionless = [c for c, x in r.items() if not np.isfinite(x)]
    return lines + ([f"- these takes do not move: {', '.join(motionless)}"] if motionless else [])


def overview_section(sections: dict[str, Section], trained_names: set[str]) -> Section:
    """All models in one table: means over held-out performers, and over those in training."""
    rows, figures = [], {}
    first_figures = next(iter(sections.values())).figures

    def mean(figures: dict[str, Any], preset: str, *, in_training: bool, column: str) -> float:
        return float(
            np.mean(
                [
                    v[column]
                    for k, v in figures.items()
                    if k.endswith(f" {preset}") and (k.rsplit(" ", 1)[0] in trained_names) == in_training
                ]
            )
        )

    for preset in ("studio", "rough"):
        for in_training in (False, True):
            group_title = "in training*" if in_training else "never seen"
            methods = [
                (title, section.figures, ("pve_mm", "mse", "mse_seen", "mse_sensed"))
                for title, section in sections.items()
            ]
            methods += [
                ("mean face", first_figures, ("mean_face_mm", "mean_face_mse", "", "")),
                ("neutral face", first_figures, ("neutral_mm", "neutral_mse", "", "")),
            ]
            for title, method_figures, columns in methods:
                pve, mse, mse_without_eyes, mse_sensed = (
                    mean(method_figures, preset, in_training=in_training, column=c) if c else float("nan")
                    for c in columns
                )
                figures[f"{title}, {preset}, {group_title}"] = {
                    "pve_mm": pve,
                    "mse": mse,
                    "mse_seen": mse_without_eyes,
                    "mse_sensed": mse_sensed,
                }
                rows.append(
                    f"{preset} | {group_title} | {title} | {pve:.2f} | {mse:.4f} | "
                    + (f"{mse_without_eyes:.4f} | {mse_sensed:.4f}" if np.isfinite(mse_without_eyes) else " | ")
                )
    unobserved = ", ".join(c for c in ARKIT if c not in sensed_channels())
    lines = [
        "\n## At a glance",
        "\nMeans over takes. Performers in training wear other sensors and other faces here than there. The last "
        f"column leaves out exactly the channels that no sensor observes: {unobserved}.",
    ]
    return Section(
        lines
        + markdown_table(
            "sensors | performers | method | PVE mm | weights MSE | MSE without eyes | MSE without invented", rows
        ),
        figures,
    )


def smoothing_section(
    cases: list[Case], trained_names: set[str], face: FaceModel, *, progress: ProgressCallback
) -> Section:
    """Effect of smoothing, offline and live."""
    held_out_cases = [c for c in cases if c.preset == "studio" and c.name not in trained_names]
    rows, figures = [], {}
    networks = {False: evaluation_pair(), True: live_evaluation_network()}
    total = remaining = 2 * 2 * len(held_out_cases)
    for causal, title in ((False, "offline (Savitzky-Golay)"), (True, "live (1 Euro)")):
        for raw in (True, False):
            case_errors = []
            for case in held_out_cases:
                row, evaluation = evaluate_columns(
                    infer(case.imu, load_layout(), networks[causal], causal=causal, raw=raw).take.weights(),
                    case.truth,
                    face,
                )
                case_errors.append(
                    [
                        row[0],
                        row[4],
                        evaluation["lip_closure"]["hit_rate"],
                        evaluation["jitter"]["pred"],
                        evaluation["jitter"]["truth"],
                    ]
                )
                remaining -= 1
                progress(1 - remaining / total)
            pve, mse, lip_hit_rate, jitter, truth_jitter = nan_mean(case_errors).tolist()
            name = f"{title}, {'raw' if raw else 'smoothed'}"
            figures[name] = {
                "pve_mm": pve,
                "mse": mse,
                "lips": lip_hit_rate,
                "jitter": jitter,
                "jitter_truth": truth_jitter,
            }
            rows.append(f"{name} | {pve:.3f} | {mse:.4f} | {lip_hit_rate:.0%} | {jitter:.4f} | {truth_jitter:.4f}")
    lines = [
        "\n## Smoothing",
        "\nPerformers never seen, studio sensors. Jitter is the root mean square second difference of weights per "
        "frame at 60 Hz.",
    ]
    return Section(
        lines + markdown_table("weights | PVE mm | weights MSE | lips closed | jitter | of the truth", rows), figures
    )


def with_sites(take: Take, sites: set[str]) -> Take:
    """Keep some sites of a sensor take."""
    signal = from_track(take.tracks[TrackKind.IMU])
    return Take(
        take.name,
        {TrackKind.IMU: to_track(select_sites(signal, [k for k, s in enumerate(signal.sites) if s in sites]))},
    )


def broken_sensors_section(track: Track, face: FaceModel, seeds: int, *, progress: ProgressCallback) -> Section:
    """Errors of the network when a sensor is lost or swapped, or on another device."""
    model, live_model, sites, studio = (
        evaluation_pair(),
        live_evaluation_network(),
        load_layout(),
        PRESETS["studio"],
    )
    names = sites.sites

    def swap_sites(take: Take, a: str, b: str) -> Take:
        signal = from_track(take.tracks[TrackKind.IMU])
        return Take(
            take.name,
            {
                TrackKind.IMU: to_track(
                    replace(signal, sites=tuple(b if s == a else a if s == b else s for s in signal.sites))
                )
            },
        )

    conditions: dict[str, tuple[Any, dict[str, Any], Callable[[Take], Take], bool]] = {
        "all sensors, 100 Hz": (studio, {}, lambda t: t, False),
        **{
            f"without {s}": (studio, {}, lambda t, s=s: with_sites(t, {*names} - {s}), False)
            for s in (names[0], *names[1::2])
        },
        "left and right zygomaticus swapped": (
            studio,
            {},
            lambda t: swap_sites(t, "zygomaticus_left", "zygomaticus_right"),
            False,
        ),
        "30 Hz": (replace(studio, rate_hz=30.0), {}, lambda t: t, False),
        "200 Hz": (replace(studio, rate_hz=200.0), {}, lambda t: t, False),
        "linear acceleration": (studio, {"linear": True}, lambda t: t, False),
        "relaxed like the model's neutral": (replace(studio, relaxed=(0.0, 0.0)), {}, lambda t: t, False),
        "headings drift by 10 degrees a minute (sd)": (replace(studio, heading_rate_dpm=10.0), {}, lambda t: t, False),
        "walking": (replace(studio, walk=1.5), {}, lambda t: t, False),
        "live (causal)": (studio, {}, lambda t: t, True),
    }
    rows = []
    figures: dict[str, float] = {}
    for n, (title, (effects, simulation_options, transform, causal)) in enumerate(conditions.items()):
        pve_errors = []
        for seed in range(seeds):
            take = transform(simulate(track, face, sites, effects=effects, seed=100 + seed, **simulation_options))
            pve_errors.append(
                metrics.evaluate(
                    infer(take, sites, live_model if causal else model, causal=causal).take.weights(), track, face
                )["pve_mm"]["mean"]
            )
        figures[title] = float(np.mean(pve_errors))
        rows.append(f"{title} | {figures[title]:.2f} | {figures[title] / figures['all sensors, 100 Hz'] - 1:+.0%}")
        progress((n + 1) / len(conditions))
    lines = ["\n## When something is wrong", "\nThe network on alex_rom_4, studio sensors otherwise."]
    return Section(lines + markdown_table("case | PVE mm | against all sensors", rows), figures)

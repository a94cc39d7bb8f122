"""The tables of docs/results.md: each function measures, and gives the lines of its section and its figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core import align, formats, metrics
from ..core.channels import ARKIT, GROUPS
from ..core.face_model import FaceModel, bundled
from ..core.imu import linear
from ..core.imu.effects import PRESETS
from ..core.imu.layout import layout
from ..core.imu.signal import from_track, pick, to_track
from ..core.imu.simulate import simulate
from ..core.infer import infer
from ..core.performance.generate import generate
from ..core.performance.statistics import agreement, explained, statistics
from ..core.take import Take, Track

INTRODUCTION = """# Results

Written by `innerface report`; nothing here is typed by hand. **Sensors are simulated** on real motion (no recording of face-worn IMUs
is public): these figures compare methods and say what can be expected, not what a device does. Motion comes from real ARKit takes, whose
channels count as the truth. Millimetres are on ICT-FaceKit's narrow face (PVE) and its 51 inner iBUG points (PVE_LMK), means over frames.
*Neutral* is a face that never moves, *mean face* the take's own mean, which knows the take: a method that does not beat both is worth
nothing."""

_HELD_OUT = ("alex_rom_3.csv", "alex_rom_4.csv", "MySlate_3_Jason_Millers_iPhone.csv")
_OTHERS = ("S07-001.csv", "apfel.csv", "dao.converted.csv", "FaceCapture_2020-19-7-17-03-23.converted.csv")
Progress = Callable[[float], None]


@dataclass(frozen=True)
class Section:
    """`lines` of Markdown, and the `figures` in them."""

    lines: list[str]
    figures: dict[str, Any]


def linear_scores(takes: dict[str, Track], trained: set[str], face: FaceModel, seeds: int, progress: Progress) -> Section:
    """The shipped linear model on real takes through every preset, per take, per group and per channel."""
    model, sites = linear.load(), layout()
    lines = [
        "\n## The linear model",
        f"\nRidge on calibrated motion, trained on {model.card['data']}. "
        "Performers of the takes marked * were in training (other sensors, other faces); the others never. "
        f"Means over {seeds} simulated sets of sensors.",
        "\n| take | sensors | PVE mm | neutral | mean face | PVE / neutral | PVE_LMK mm | weights MSE | MSE without eyes | lips closed |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    figures: dict[str, Any] = {}
    channels: list[dict[str, float]] = []
    done, total = 0, len(takes) * len(PRESETS) * seeds
    for name, track in takes.items():
        for preset, effects in PRESETS.items():
            rows = []
            for seed in range(seeds):
                result = infer(simulate(track, face, sites, effects, 100 + seed), sites, model).take.weights()
                said = metrics.evaluate(result, track, face)
                groups = said["mse_by_group"]["pred"]
                sizes = {g: len(c) for g, c in GROUPS.items()}
                seen = sum(groups[g] * sizes[g] for g in ("mouth", "brow", "cheek")) / sum(sizes[g] for g in ("mouth", "brow", "cheek"))
                rows.append([
                    said["pve_mm"]["mean"], said["neutral"]["pve_mm"]["mean"], said["mean_face"]["pve_mm"]["mean"], said["pve_lmk_mm"]["mean"],
                    said["mse"]["mean"], seen, said["lip_closure"]["hit_rate"],
                ])  # fmt: skip
                if preset == "studio" and name not in trained:
                    channels.append(said["correlation"])
                done += 1
                progress(done / total)
            pve, neutral, mean, lmk, mse, seen, lips = np.nanmean(rows, axis=0)
            figures[f"{name} {preset}"] = {
                "pve_mm": pve,
                "neutral_mm": neutral,
                "mean_face_mm": mean,
                "pve_lmk_mm": lmk,
                "mse": mse,
                "mse_seen": seen,
            }
            mark = "*" if name in trained else ""
            closed = f"{lips:.0%}" if np.isfinite(lips) else ""
            lines.append(
                f"| {name}{mark} | {preset} | {pve:.2f} | {neutral:.2f} | {mean:.2f} | {pve / neutral:.2f} | {lmk:.2f} | {mse:.4f} | {seen:.4f} | {closed} |"
            )
    lines += [
        "\n### What the sensors see",
        "\nCorrelation with the truth per channel, studio sensors, takes of performers never seen in training (mean over takes and sensors):\n",
    ]
    with np.errstate(invalid="ignore"):
        mean_r = {
            c: float(np.nanmean([r[c] for r in channels])) if any(np.isfinite(r[c]) for r in channels) else float("nan") for c in ARKIT
        }
    for title, low, high in (("well (0.8 and more)", 0.8, 2.0), ("in part (0.5 to 0.8)", 0.5, 0.8), ("hardly (less)", -2.0, 0.5)):
        named = sorted((c for c, r in mean_r.items() if low <= r < high), key=lambda c: -mean_r[c])
        lines.append(f"- **{title}**: " + (", ".join(f"{c} {mean_r[c]:.2f}" for c in named) or "none"))
    still = [c for c, r in mean_r.items() if not np.isfinite(r)]
    if still:
        lines.append(f"- these takes do not move: {', '.join(still)}")
    return Section(lines, figures | {"correlation": mean_r})


def broken_sensors(track: Track, face: FaceModel, seeds: int, progress: Progress) -> Section:
    """What the linear model keeps when a sensor is lost, swapped, or the device is another one."""
    model, sites, studio = linear.load(), layout(), PRESETS["studio"]
    names = sites.sites

    def lost(take: Take, site: str) -> Take:
        signal = from_track(take.tracks["imu"])
        return Take(take.name, {"imu": to_track(pick(signal, [k for k, s in enumerate(signal.sites) if s != site]))})

    def swapped(take: Take, a: str, b: str) -> Take:
        signal = from_track(take.tracks["imu"])
        return Take(take.name, {"imu": to_track(replace(signal, sites=tuple(b if s == a else a if s == b else s for s in signal.sites)))})

    cases: dict[str, tuple[Any, dict[str, Any], Callable[[Take], Take], bool]] = {
        "all sensors, 100 Hz": (studio, {}, lambda t: t, False),
        **{f"without {s}": (studio, {}, lambda t, s=s: lost(t, s), False) for s in (names[0], *names[1::2])},
        "left and right zygomaticus swapped": (studio, {}, lambda t: swapped(t, "zygomaticus_left", "zygomaticus_right"), False),
        "30 Hz": (replace(studio, rate_hz=30.0), {}, lambda t: t, False),
        "200 Hz": (replace(studio, rate_hz=200.0), {}, lambda t: t, False),
        "linear acceleration": (studio, {"linear": True}, lambda t: t, False),
        "relaxed like the model's neutral": (replace(studio, relaxed=(0.0, 0.0)), {}, lambda t: t, False),
        "headings drift by 10 degrees a minute (sd)": (replace(studio, heading_rate_dpm=10.0), {}, lambda t: t, False),
        "walking": (replace(studio, walk=1.5), {}, lambda t: t, False),
        "live (causal)": (studio, {}, lambda t: t, True),
    }
    lines = [
        "\n### When something is wrong",
        "\nalex_rom_4, studio sensors otherwise.\n",
        "| case | PVE mm | against all sensors |",
        "|---|---|---|",
    ]
    figures: dict[str, float] = {}
    for n, (title, (effects, more, change, causal)) in enumerate(cases.items()):
        errors = []
        for seed in range(seeds):
            take = change(simulate(track, face, sites, effects, 100 + seed, **more))
            errors.append(metrics.evaluate(infer(take, sites, model, causal=causal).take.weights(), track, face)["pve_mm"]["mean"])
        figures[title] = float(np.mean(errors))
        lines.append(f"| {title} | {figures[title]:.2f} | {figures[title] / figures['all sensors, 100 Hz'] - 1:+.0%} |")
        progress((n + 1) / len(cases))
    return Section(lines, figures)


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


def performances(folder: Path) -> Section:
    """Generated performances beside real takes."""
    real = {name: formats.read_take(folder / name).weights() for name in (*_OTHERS, *_HELD_OUT)}
    made = [generate(60.0, np.random.default_rng(k)) for k in range(60)]
    ours, all_real = statistics(made), statistics(list(real.values()))
    held = [real[n] for n in _HELD_OUT]
    lines = [
        "\n## Performances",
        "\nWhat models train on (`core/performance/generate.py`) beside the seven real takes: it should be wider, and channels should go "
        "together as they do in people. Range is the 99th percentile, speed that of |dw/dt| per second, active the share of time more than "
        "0.1 off the median; means over each group's channels.\n",
        "| group | range made | real | speed made | real | active made | real |",
        "|---|---|---|---|---|---|---|",
    ]
    groups: dict[str, Any] = {}
    for group, names in GROUPS.items():
        index = [ARKIT.index(c) for c in names]
        values = [float(getattr(s, k)[index].mean()) for k in ("high", "speed", "active") for s in (ours, all_real)]
        groups[group] = values
        lines.append(f"| {group} | " + " | ".join(f"{v:.2f}" for v in values) + " |")
    alike = agreement(ours, statistics(held))
    people = agreement(statistics([real[n] for n in _OTHERS]), statistics(held))
    share, theirs = explained(made, held), explained([real[n] for n in _OTHERS], held)
    lines += [
        f"\nCorrelations between channels agree with those of the held-out performers to {alike:.2f} (the other real performers: {people:.2f}).",
        f"The first 20 principal components of made performances hold {share:.1%} of the held-out takes' variance (of the other real takes: {theirs:.1%}).",
        "\nPer channel, made / real:\n",
        "| channel | range | speed | active |",
        "|---|---|---|---|",
    ]
    for k, c in enumerate(ARKIT):
        pairs = (f"{getattr(ours, s)[k]:.2f} / {getattr(all_real, s)[k]:.2f}" for s in ("high", "speed", "active"))
        lines.append(f"| {c} | " + " | ".join(pairs) + " |")
    return Section(lines, {"agreement": alike, "agreement_real": people, "explained": share, "explained_real": theirs, "groups": groups})

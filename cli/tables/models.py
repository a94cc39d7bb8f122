"""How far models are off on real takes, through every preset of sensors, and when sensors fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from ...core import metrics
from ...core.channels import ARKIT, GROUPS
from ...core.face_model import FaceModel
from ...core.imu import network
from ...core.imu.effects import PRESETS
from ...core.imu.layout import layout
from ...core.imu.model import Model
from ...core.imu.signal import from_track, pick, to_track
from ...core.imu.simulate import simulate
from ...core.infer import infer
from ...core.take import Take, Track
from . import Progress, Section, table

COLUMNS = ("pve_mm", "neutral_mm", "mean_face_mm", "pve_lmk_mm", "mse", "mse_seen", "mse_sensed", "lips", "neutral_mse", "mean_face_mse")
SEEN = tuple(c for g in ("mouth", "brow", "cheek") for c in GROUPS[g])  # all but the eyes' channels


@dataclass(frozen=True)
class Case:
    """A real take through one simulated set of sensors."""

    name: str
    preset: str
    imu: Take
    truth: Track


def cases(takes: dict[str, Track], face: FaceModel, seeds: int, progress: Progress) -> list[Case]:
    """Every take through every preset, `seeds` times."""
    out, total = [], len(takes) * len(PRESETS) * seeds
    for name, track in takes.items():
        for preset, effects in PRESETS.items():
            for seed in range(seeds):
                out.append(Case(name, preset, simulate(track, face, layout(), effects, 100 + seed), track))
                progress(len(out) / total)
    return out


def errors(track: Track, truth: Track, face: FaceModel) -> tuple[list[float], dict[str, Any]]:
    """COLUMNS of a prediction, and all that `metrics.evaluate` says."""
    said = metrics.evaluate(track, truth, face)
    seen, felt = (float(np.mean([said["mse_by_channel"][c] for c in channels])) for channels in (SEEN, sensed()))
    return [
        said["pve_mm"]["mean"], said["neutral"]["pve_mm"]["mean"], said["mean_face"]["pve_mm"]["mean"], said["pve_lmk_mm"]["mean"],
        said["mse"]["mean"], seen, felt, said["lip_closure"]["hit_rate"], said["neutral"]["mse"]["mean"], said["mean_face"]["mse"]["mean"],
    ], said  # fmt: skip


@lru_cache
def sensed() -> tuple[str, ...]:
    """Channels that the shipped network does not invent."""
    return tuple(c for c, made_up in zip(ARKIT, network.load().invented) if not made_up)


def known_mean(rows: list[list[float]]) -> np.ndarray:
    """Mean over rows of what is known; NaN where nothing is (a take without lip closures)."""
    values = np.array(rows)
    known = ~np.isnan(values)
    return np.where(known.any(0), np.where(known, values, 0.0).sum(0) / np.maximum(known.sum(0), 1), np.nan)


def scores(title: str, about: str, model: Model, made: list[Case], trained: set[str], face: FaceModel, progress: Progress, causal: bool = False) -> Section:
    """One model on all cases, per take and preset, and per channel."""
    rows: dict[tuple[str, str], list[list[float]]] = {}
    channels: list[dict[str, float]] = []
    sure: list[np.ndarray] = []
    for k, case in enumerate(made):
        done = infer(case.imu, layout(), model, causal=causal)
        row, said = errors(done.take.weights(), case.truth, face)
        rows.setdefault((case.name, case.preset), []).append(row)
        if case.preset == "studio" and case.name not in trained:
            channels.append(said["correlation"])
            if "confidence" in done.take.tracks:
                sure.append(np.median(done.take.tracks["confidence"].values, axis=0))
        progress((k + 1) / len(made))
    figures: dict[str, Any] = {}
    text = []
    for (name, preset), several in rows.items():
        mean = dict(zip(COLUMNS, known_mean(several).tolist()))
        figures[f"{name} {preset}"] = mean
        closed = f"{mean['lips']:.0%}" if np.isfinite(mean["lips"]) else ""
        text.append(
            f"{name}{'*' if name in trained else ''} | {preset} | {mean['pve_mm']:.2f} | {mean['neutral_mm']:.2f} | {mean['mean_face_mm']:.2f} | "
            f"{mean['pve_mm'] / mean['neutral_mm']:.2f} | {mean['pve_lmk_mm']:.2f} | {mean['mse']:.4f} | {mean['mse_seen']:.4f} | "
            f"{mean['mse_sensed']:.4f} | {closed}"
        )
    head = "take | sensors | PVE mm | neutral | mean face | PVE / neutral | PVE_LMK mm | weights MSE | MSE without eyes | MSE without invented | lips closed"
    lines = [f"\n## {title}", f"\n{about}", *table(head, text)]
    r = dict(zip(ARKIT, known_mean([[x[c] for c in ARKIT] for x in channels]).tolist())) if channels else dict.fromkeys(ARKIT, float("nan"))
    confidence = dict(zip(ARKIT, np.mean(sure, axis=0).tolist())) if sure else {}
    return Section(lines, figures | {"correlation": r, "confidence": confidence})


def observability(scored: Section) -> list[str]:
    """Which channels a model sees, by correlation with the truth, and how sure it says it is."""
    r, sure = scored.figures["correlation"], scored.figures["confidence"]
    lines = [
        "\n### What the sensors see",
        "\nCorrelation with the truth per channel, studio sensors, performers never seen in training (mean over takes and sensors)"
        + ("; in brackets how sure the network says it is, 1 less the expected error by what guessing the take's median is off by:\n" if sure else ":\n"),
    ]
    for title, low, high in (("well (0.8 and more)", 0.8, 2.0), ("in part (0.5 to 0.8)", 0.5, 0.8), ("hardly (less)", -2.0, 0.5)):
        named = sorted((c for c, x in r.items() if low <= x < high), key=lambda c: -r[c])
        lines.append(f"- **{title}**: " + (", ".join(f"{c} {r[c]:.2f}" + (f" ({sure[c]:.2f})" if sure else "") for c in named) or "none"))
    still = [c for c, x in r.items() if not np.isfinite(x)]
    return lines + ([f"- these takes do not move: {', '.join(still)}"] if still else [])


def glance(sections: dict[str, Section], trained: set[str]) -> Section:
    """All models in one table: means over performers that were never seen, and over those that were."""
    rows, figures = [], {}
    first = next(iter(sections.values())).figures

    def mean(figures: dict[str, Any], preset: str, seen: bool, column: str) -> float:
        return float(np.mean([v[column] for k, v in figures.items() if k.endswith(f" {preset}") and (k.rsplit(" ", 1)[0] in trained) == seen]))

    for preset in ("studio", "rough"):
        for seen in (False, True):
            who = "in training*" if seen else "never seen"
            known = [(title, section.figures, ("pve_mm", "mse", "mse_seen", "mse_sensed")) for title, section in sections.items()]
            known += [("mean face", first, ("mean_face_mm", "mean_face_mse", "", "")), ("neutral face", first, ("neutral_mm", "neutral_mse", "", ""))]
            for title, source, columns in known:
                pve, mse, eyes, felt = (mean(source, preset, seen, c) if c else float("nan") for c in columns)
                figures[f"{title}, {preset}, {who}"] = {"pve_mm": pve, "mse": mse, "mse_seen": eyes, "mse_sensed": felt}
                rows.append(f"{preset} | {who} | {title} | {pve:.2f} | {mse:.4f} | " + (f"{eyes:.4f} | {felt:.4f}" if np.isfinite(eyes) else " | "))
    made_up = ", ".join(c for c in ARKIT if c not in sensed())
    lines = [
        "\n## At a glance",
        "\nMeans over takes. Performers in training wear other sensors and other faces here than there. The last column leaves out exactly the channels "
        f"that the network invents, since no sensor shows them: {made_up}.",
    ]
    return Section(lines + table("sensors | performers | method | PVE mm | weights MSE | MSE without eyes | MSE without invented", rows), figures)


def smoothing(made: list[Case], trained: set[str], face: FaceModel, progress: Progress) -> Section:
    """What smoothing costs and gives, offline and live."""
    held = [c for c in made if c.preset == "studio" and c.name not in trained]
    rows, figures = [], {}
    nets = {False: network.load(), True: network.load(network.LIVE)}
    total = done = 2 * 2 * len(held)
    for causal, title in ((False, "offline (Savitzky-Golay)"), (True, "live (1 Euro)")):
        for raw in (True, False):
            several = []
            for case in held:
                row, said = errors(infer(case.imu, layout(), nets[causal], causal=causal, raw=raw).take.weights(), case.truth, face)
                several.append([row[0], row[4], said["lip_closure"]["hit_rate"], said["jitter"]["pred"], said["jitter"]["truth"]])
                done -= 1
                progress(1 - done / total)
            pve, mse, lips, shake, true = known_mean(several).tolist()
            name = f"{title}, {'raw' if raw else 'smoothed'}"
            figures[name] = {"pve_mm": pve, "mse": mse, "lips": lips, "jitter": shake, "jitter_truth": true}
            rows.append(f"{name} | {pve:.3f} | {mse:.4f} | {lips:.0%} | {shake:.4f} | {true:.4f}")
    lines = ["\n## Smoothing", "\nPerformers never seen, studio sensors. Jitter is the root mean square second difference of weights per frame at 60 Hz."]
    return Section(lines + table("weights | PVE mm | weights MSE | lips closed | jitter | of the truth", rows), figures)


def keeping(take: Take, sites: set[str]) -> Take:
    """A sensor take of some of its sites."""
    signal = from_track(take.tracks["imu"])
    return Take(take.name, {"imu": to_track(pick(signal, [k for k, s in enumerate(signal.sites) if s in sites]))})


def broken_sensors(track: Track, face: FaceModel, seeds: int, progress: Progress) -> Section:
    """What the network keeps when a sensor is lost, swapped, or the device is another one."""
    model, live, sites, studio = network.load(), network.load(network.LIVE), layout(), PRESETS["studio"]
    names = sites.sites

    def swapped(take: Take, a: str, b: str) -> Take:
        signal = from_track(take.tracks["imu"])
        return Take(take.name, {"imu": to_track(replace(signal, sites=tuple(b if s == a else a if s == b else s for s in signal.sites)))})

    cases: dict[str, tuple[Any, dict[str, Any], Callable[[Take], Take], bool]] = {
        "all sensors, 100 Hz": (studio, {}, lambda t: t, False),
        **{f"without {s}": (studio, {}, lambda t, s=s: keeping(t, {*names} - {s}), False) for s in (names[0], *names[1::2])},
        "left and right zygomaticus swapped": (studio, {}, lambda t: swapped(t, "zygomaticus_left", "zygomaticus_right"), False),
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
    for n, (title, (effects, more, change, causal)) in enumerate(cases.items()):
        errors = []
        for seed in range(seeds):
            take = change(simulate(track, face, sites, effects, 100 + seed, **more))
            errors.append(metrics.evaluate(infer(take, sites, live if causal else model, causal=causal).take.weights(), track, face)["pve_mm"]["mean"])
        figures[title] = float(np.mean(errors))
        rows.append(f"{title} | {figures[title]:.2f} | {figures[title] / figures['all sensors, 100 Hz'] - 1:+.0%}")
        progress((n + 1) / len(cases))
    lines = ["\n## When something is wrong", "\nThe network on alex_rom_4, studio sensors otherwise."]
    return Section(lines + table("case | PVE mm | against all sensors", rows), figures)

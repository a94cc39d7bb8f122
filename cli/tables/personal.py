"""What a personal adapter is worth: cold, after a minute of paired capture, and after the sensors were taken off and put on again."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ...core.channels import ARKIT
from ...core.errors import InnerfaceError
from ...core.face_model import FaceModel
from ...core.imu import adapt, network
from ...core.imu.effects import PRESETS
from ...core.imu.examples import Example, paired
from ...core.imu.layout import layout
from ...core.imu.simulate import simulate
from ...core.infer import estimate, infer
from ...core.take import Take, Track
from . import Progress, Section, table
from .models import errors, known_mean

PAIRED_S = 60.0


def adapter(takes: dict[str, Track], face: FaceModel, seeds: int, progress: Progress) -> Section:
    """The first minute of a take is paired capture, the rest is measured; and the same adapter on another mounting of the sensors."""
    model = network.load()
    rows, figures = [], {}
    done = 0
    presets = ("studio", "rough")
    for name, track in takes.items():
        cut = track.time[0] + PAIRED_S
        for preset in presets:
            said: dict[str, list[list[float]]] = {"cold": [], "adapted": [], "mounted again, cold": [], "mounted again": []}
            for seed in range(seeds):
                take = simulate(track, face, layout(), PRESETS[preset], 100 + seed)
                made = _first(take, track, cut)
                own = _learned(model, made)
                again = simulate(track, face, layout(), PRESETS[preset], 500 + seed)
                for title, source, a in (
                    ("cold", take, None), ("adapted", take, own), ("mounted again, cold", again, None), ("mounted again", again, own),
                ):  # fmt: skip
                    said[title].append(_after(cut, source, a, model, track, face))
            mean = {k: known_mean(v) for k, v in said.items()}
            figures[f"{name} {preset}"] = {k: {"pve_mm": float(v[0]), "mse": float(v[4]), "mse_seen": float(v[5])} for k, v in mean.items()}
            cells = " | ".join(f"{v[0]:.2f} | {v[4]:.4f} | {v[5]:.4f}" for v in mean.values())
            rows.append(f"{name} | {preset} | {mean['cold'][1]:.2f} | {cells}")
            done += 1
            progress(done / len(takes) / len(presets))
    lines = [
        "\n## A personal adapter",
        f"\n`innerface adapt` on the first {PAIRED_S:.0f} s of each take, measured on the rest of it; *mounted again*: other placements, other "
        "sensors' errors, another calibration, the adapter as it was. PVE mm, weights MSE, MSE without eyes.",
    ]  # fmt: skip
    head = "take | sensors | neutral | cold | MSE | seen | adapted | MSE | seen | mounted again, cold | MSE | seen | mounted again, adapted | MSE | seen"
    return Section(lines + table(head, rows), figures)


def finetuned(name: str, track: Track, face: FaceModel, source: Any, minutes: float, progress: Progress) -> Section:
    """Cold, adapted and fine-tuned (torch) on the same minute of one take. Raises InnerfaceError where torch does not load."""
    try:
        from ...models.training import imu
        from ...models.training.supply import Store, sample
    except ImportError as error:
        raise InnerfaceError(f"--finetune needs torch, which does not load ({error}); pip install 'innerface[train]'") from None
    cut = track.time[0] + PAIRED_S
    take = simulate(track, face, layout(), PRESETS["studio"], 100)
    again = simulate(track, face, layout(), PRESETS["studio"], 500)
    cold = network.load()
    made = _first(take, track, cut)
    own = _learned(cold, made)
    with TemporaryDirectory() as folder:
        plan = imu.Plan("small", cold.ahead, minutes, 1, source)
        imu.train(plan, Path(folder) / "own.onnx", Store([sample(made)]), network.SHIPPED, progress=progress)
        tuned = network.load(Path(folder) / "own.onnx")
    rows, figures = [], {}
    for title, model, a in (("cold", cold, None), ("adapted", cold, own), (f"fine-tuned, {minutes:g} minutes", tuned, None)):
        here, there = (_after(cut, t, a, model, track, face) for t in (take, again))
        figures[title] = {"pve_mm": here[0], "mse": here[4], "again_pve_mm": there[0]}
        rows.append(f"{title} | {here[0]:.2f} | {here[4]:.4f} | {there[0]:.2f} | {there[4]:.4f}")
    lines = [
        "\n### Adapted or fine-tuned",
        f"\n{name}, studio sensors, the first {PAIRED_S:.0f} s paired, measured on the rest; `innerface train imu --finetune` against `innerface adapt`.",
    ]
    return Section(lines + table("network | PVE mm | weights MSE | mounted again: PVE mm | weights MSE", rows), figures)


def _first(take: Take, track: Track, cut: float) -> Example:
    """The paired capture: sensors over the whole take, the camera until `cut`."""
    early = track.time < cut
    return paired(take.tracks["imu"], Track("weights", track.time[early], track.columns, track.values[early]), layout())


def _learned(model: network.Network, made: Example) -> adapt.Adapter:
    """What `innerface adapt` learns of the paired capture."""
    correction = adapt.fit(made.motion, estimate(model, made.motion)[0], made.weights[:, : len(ARKIT)], made.use)[0]
    return adapt.Adapter(adapt.layout_sites(), {model.id: correction}, PAIRED_S)


def _after(cut: float, take: Take, own: adapt.Adapter | None, model: Any, track: Track, face: FaceModel) -> list[float]:
    got = infer(take, layout(), model, adapter=own).take.weights()
    late, true = got.time >= cut, track.time >= cut
    return errors(
        Track("weights", got.time[late], got.columns, got.values[late]), Track("weights", track.time[true], track.columns, track.values[true]), face
    )[0]

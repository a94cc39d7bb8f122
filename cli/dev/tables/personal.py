"""Effect of a personal adapter, and of fine-tuning, also after mounting the sensors again."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ....core.errors import InnerfaceError
from ....core.face.channels import ARKIT
from ....core.face.face_model import FaceModel
from ....core.imu import adapter, network
from ....core.imu.inference import infer
from ....core.imu.layout import load_layout
from ....core.imu.model import estimate
from ....core.imu.simulation.effects import PRESETS
from ....core.imu.simulation.examples import TrainingExample, paired_example
from ....core.imu.simulation.simulate import simulate
from ....core.take import Take, Track, TrackKind
from . import ProgressCallback, Section, markdown_table
from .models import evaluate_columns, evaluation_pair, nan_mean

PAIRED_S = 60.0


def adapter_section(takes: dict[str, Track], face: FaceModel, seeds: int, *, progress: ProgressCallback) -> Section:
    """Adapter from the first minute of a take, measured on the rest, and on another mounting of the sensors."""
    model = evaluation_pair()
    rows, figures = [], {}
    finished = 0
    presets = ("studio", "rough")
    for name, track in takes.items():
        split_time = track.time[0] + PAIRED_S
        for preset in presets:
            errors_by_case: dict[str, list[list[float]]] = {
                "cold": [],
                "adapted": [],
                "mounted again, cold": [],
                "mounted again": [],
            }
            for seed in range(seeds):
                take = simulate(track, face, load_layout(), effects=PRESETS[preset], seed=100 + seed)
                example = paired_capture(take, track, split_time)
                personal_adapter = fit_adapter(model, example)
                remounted = simulate(track, face, load_layout(), effects=PRESETS[preset], seed=500 + seed)
                for title, sensor_take, used_adapter in (
                    ("cold", take, None),
                    ("adapted", take, personal_adapter),
                    ("mounted again, cold", remounted, None),
                    ("mounted again", remounted, personal_adapter),
                ):
                    errors_by_case[title].append(
                        _errors_after(split_time, sensor_take, used_adapter, model=model, track=track, face=face)
                    )
            mean = {k: nan_mean(v) for k, v in errors_by_case.items()}
            figures[f"{name} {preset}"] = {
                k: {"pve_mm": float(v[0]), "mse": float(v[4]), "mse_seen": float(v[5])} for k, v in mean.items()
            }
            cells = " | ".join(f"{v[0]:.2f} | {v[4]:.4f} | {v[5]:.4f}" for v in mean.values())
            rows.append(f"{name} | {preset} | {mean['cold'][1]:.2f} | {cells}")
            finished += 1
            progress(finished / len(takes) / len(presets))
    lines = [
        "\n## A personal adapter",
        f"\n`innerface adapt` on the first {PAIRED_S:.0f} s of each take, measured on the rest of it; *mounted "
        "again*: other placements, other sensors' errors, another calibration, the adapter as it was. PVE mm, "
        "weights MSE, MSE without eyes.",
    ]
    header = (
        "take | sensors | neutral | cold | MSE | seen | adapted | MSE | seen | "
        "mounted again, cold | MSE | seen | mounted again, adapted | MSE | seen"
    )
    return Section(lines + markdown_table(header, rows), figures)


def finetuned_section(
    name: str, track: Track, face: FaceModel, *, example_source: Any, minutes: float, progress: ProgressCallback
) -> Section:
    """Cold, adapted and fine-tuned on the same minute of one take. Raises InnerfaceError without torch."""
    try:
        from ....models.training import imu
        from ....models.training.budget import Budget
        from ....models.training.example_supply import SampleStore, training_sample
    except ImportError as error:
        raise InnerfaceError(
            f"--finetune needs torch, which does not load ({error}); pip install 'innerface[train]'"
        ) from None
    split_time = track.time[0] + PAIRED_S
    take = simulate(track, face, load_layout(), effects=PRESETS["studio"], seed=100)
    remounted = simulate(track, face, load_layout(), effects=PRESETS["studio"], seed=500)
    cold = evaluation_pair()
    example = paired_capture(take, track, split_time)
    personal_adapter = fit_adapter(cold, example)
    with TemporaryDirectory() as folder:
        plan = imu.TrainingPlan("small", cold.ahead == 0, Budget(minutes=minutes), 1, example_source)
        imu.train(
            plan,
            Path(folder) / "own.onnx",
            SampleStore([training_sample(example)]),
            start_file=network.EVALUATION / network.SHIPPED.name,
            progress=progress,
        )
        tuned = network.load(Path(folder) / "own.onnx")
    rows, figures = [], {}
    for title, model, used_adapter in (
        ("cold", cold, None),
        ("adapted", cold, personal_adapter),
        (f"fine-tuned, {minutes:g} minutes", tuned, None),
    ):
        same_mount, other_mount = (
            _errors_after(split_time, t, used_adapter, model=model, track=track, face=face) for t in (take, remounted)
        )
        figures[title] = {"pve_mm": same_mount[0], "mse": same_mount[4], "again_pve_mm": other_mount[0]}
        rows.append(
            f"{title} | {same_mount[0]:.2f} | {same_mount[4]:.4f} | {other_mount[0]:.2f} | {other_mount[4]:.4f}"
        )
    lines = [
        "\n### Adapted or fine-tuned",
        f"\n{name}, studio sensors, the first {PAIRED_S:.0f} s paired, measured on the rest; "
        "`innerface train imu --finetune` against `innerface adapt`.",
    ]
    return Section(
        lines + markdown_table("network | PVE mm | weights MSE | mounted again: PVE mm | weights MSE", rows), figures
    )


def paired_capture(take: Take, track: Track, split_time: float) -> TrainingExample:
    """Paired capture: sensors over the whole take, the camera until `split_time`."""
    in_capture = track.time < split_time
    return paired_example(
        take.tracks[TrackKind.IMU],
        Track(TrackKind.WEIGHTS, track.time[in_capture], track.columns, track.values[in_capture]),
        load_layout(),
    )


def fit_adapter(model: network.Network, example: TrainingExample) -> adapter.Adapter:
    """The adapter that `innerface adapt` learns from the paired capture."""
    truth = example.weights[:, : len(ARKIT)]
    rest = adapter.find_relaxed_face(example.motion, truth, example.use)
    weights = estimate(model, example.motion, rest=rest)[0]
    correction = adapter.fit(example.motion, weights, truth, use=example.use)[0]
    return adapter.Adapter(adapter.layout_sites(), {model.id: correction}, PAIRED_S, rest, rest is not None)


def _errors_after(
    split_time: float,
    take: Take,
    personal_adapter: adapter.Adapter | None,
    *,
    model: Any,
    track: Track,
    face: FaceModel,
) -> list[float]:
    predicted = infer(take, load_layout(), model, adapter=personal_adapter).take.weights()
    predicted_rows, truth_rows = predicted.time >= split_time, track.time >= split_time
    return evaluate_columns(
        Track(TrackKind.WEIGHTS, predicted.time[predicted_rows], predicted.columns, predicted.values[predicted_rows]),
        Track(TrackKind.WEIGHTS, track.time[truth_rows], track.columns, track.values[truth_rows]),
        face,
    )[0]

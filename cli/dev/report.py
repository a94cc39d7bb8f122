"""Measure everything that docs/results.md reports, and write that page with its figures.

Real takes are read from the folder of real data (INNERFACE_DATA, or shared/data beside the checkout). Sensors are
always simulated.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core import formats
from ...core.errors import InnerfaceError
from ...core.face.face_model import FaceModel, IdentityModel, find_ict, load_ict
from ...core.files import atomic_write
from ...core.imu import linear_model
from ...core.take import Track
from ..progress import step
from . import tables
from .tables import ProgressCallback, Section

if TYPE_CHECKING:
    from .tables.models import Case

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results.md"
_MODEL_TITLES = ("The network", "The network, live", "The linear model")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", default=str(RESULTS), metavar="F.md", help="the page to write (default docs/results.md)"
    )
    parser.add_argument(
        "--finetune", type=float, metavar="MINUTES", help="also fine-tune the network on a performer (needs torch)"
    )
    parser.add_argument(
        "--only",
        choices=("imu", "boards", "hybrid", "electrodes", "engines"),
        help="measure these sections only, and replace them in the page",
    )
    parser.add_argument(
        "--networks",
        default=str(RESULTS.parent.parent / "out" / "users"),
        metavar="DIR",
        help="folder that keeps the networks of simulated users (delete it to train again)",
    )
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="simulated sensor sets per take (default 3)")


@dataclass(frozen=True)
class ReportData:
    """What the sections are measured on.

    Attributes
    ----------
    takes : real takes by name
    trained_names : those whose performer was in training
    face : ICT-FaceKit's mean face
    ict_path : ICT-FaceKit's arrays
    images_folder, networks_folder : where figures are written, and networks of simulated users kept
    seeds : simulated sensor sets per take
    """

    takes: dict[str, Track]
    trained_names: set[str]
    face: FaceModel
    ict_path: Path
    images_folder: Path
    networks_folder: Path
    seeds: int

    @cached_property
    def cases(self) -> list[Case]:
        """Simulated sensors on all takes."""
        from .tables.models import simulate_cases

        with step("simulating") as bar:
            return simulate_cases(self.takes, self.face, self.seeds, progress=bar)

    @property
    def held_out_takes(self) -> dict[str, Track]:
        """Those whose performer was not in training."""
        return {name: track for name, track in self.takes.items() if name not in self.trained_names}

    @cached_property
    def identities(self) -> IdentityModel:
        """ICT-FaceKit's identity modes."""
        return IdentityModel(self.ict_path)


@dataclass(frozen=True)
class SectionSpec:
    """A section of the page: `key` in the JSON, `label` of its progress bar, `measure`, and its `group` for --only.

    Sections of the group "boards" belong to the group "imu", too.
    """

    key: str
    label: str
    measure: Callable[[ReportData, ProgressCallback], Section]
    group: str = "imu"


def run(options: argparse.Namespace) -> dict[str, Any]:
    began = time.perf_counter()
    data = _load_data(options)
    wanted = {"imu", "boards"} if options.only == "imu" else {options.only}
    specs = [s for s in _section_specs(options.finetune) if options.only is None or s.group in wanted]
    sections: dict[str, Section] = {}
    for spec in specs:
        if spec.group == "imu":
            _ = data.cases  # simulated before the section's own bar
        with step(spec.label) as bar:
            sections[spec.key] = spec.measure(data, bar)
    if options.only not in (None, "imu"):
        _replace_sections(Path(options.out), [line for section in sections.values() for line in section.lines])
        return {"out": options.out, options.only: [section.figures for section in sections.values()]}
    from .tables import models

    overview = models.overview_section({title: sections[title] for title in _MODEL_TITLES}, data.trained_names)
    sections["The network"].lines.extend(models.observability_lines(sections["The network"]))
    lines = [*overview.lines, *(line for section in sections.values() for line in section.lines)]
    if options.only:
        _replace_sections(Path(options.out), lines)
    else:
        _write_page(Path(options.out), "\n".join([tables.INTRODUCTION, *lines]) + "\n")
    if not options.json:
        print(f"{options.out}: measured in {time.perf_counter() - began:.0f} s")
    return {"out": options.out, "glance": overview.figures} | {
        name: section.figures for name, section in sections.items()
    }


def _load_data(options: argparse.Namespace) -> ReportData:
    ict_path = find_ict()
    if ict_path is None or not (ict_path.parent / "arkit").is_dir():
        raise InnerfaceError(
            "the report needs the real takes and ICT-FaceKit's arrays; set INNERFACE_DATA to their folder"
        )
    if options.seeds < 1:
        raise InnerfaceError(f"--seeds {options.seeds}: give a whole number from 1")
    images_folder = Path(options.out).parent / "images"
    images_folder.mkdir(parents=True, exist_ok=True)
    return ReportData(
        takes={name: formats.read_take(ict_path.parent / "arkit" / file).weights() for name, file, _ in tables.TAKES},
        trained_names={name for name, _, seen in tables.TAKES if seen},
        face=load_ict(ict_path),
        ict_path=ict_path,
        images_folder=images_folder,
        networks_folder=Path(options.networks),
        seeds=options.seeds,
    )


def _section_specs(finetune_minutes: float | None) -> list[SectionSpec]:
    """All sections in the order of the page."""
    from .tables import ablation, boards, electrodes, models, personal
    from .tables.alignment import alignment_section
    from .tables.engines import engines_section
    from .tables.hybrid import hybrid_section
    from .tables.performances import performance_section

    def model_scores(title: str, model: Any, causal: bool) -> SectionSpec:
        def measure(data: ReportData, bar: ProgressCallback) -> Section:
            description = (
                "Performers of the takes marked * were in training (other sensors, other faces); the others never. "
                f"Means over {data.seeds} simulated sets of sensors. Trained on {model.card['data']}."
            )
            return models.scores_section(
                title,
                description,
                model,
                cases=data.cases,
                trained_names=data.trained_names,
                face=data.face,
                progress=bar,
                causal=causal,
            )

        return SectionSpec(title, title.lower(), measure)

    def boards_table(data: ReportData, bar: ProgressCallback) -> Section:
        section = boards.boards_section(data.held_out_takes, data.identities, data.seeds, progress=bar)
        chin = boards.chin_section(data.takes, data.identities)
        return Section(section.lines + chin.lines, section.figures | {"chin": chin.figures})

    def sensor_count(data: ReportData, bar: ProgressCallback) -> Section:
        return ablation.sensor_count_section(
            data.held_out_takes, data.face, 1, image_path=data.images_folder / "sensors.png", progress=bar
        )

    def adapter(data: ReportData, bar: ProgressCallback) -> Section:
        long_takes = {n: track for n, track in data.takes.items() if track.duration > 1.5 * personal.PAIRED_S}
        return personal.adapter_section(long_takes, data.face, data.seeds, progress=bar)

    def finetuned(data: ReportData, bar: ProgressCallback) -> Section:
        from ...models.training.example_supply import ExampleSource

        source = ExampleSource(data.ict_path, data.ict_path.parent / "arkit", 1)
        return personal.finetuned_section(
            "alex_rom_4",
            data.takes["alex_rom_4"],
            data.face,
            example_source=source,
            minutes=finetune_minutes or 0.0,
            progress=bar,
        )

    specs = [
        model_scores("The network", models.evaluation_pair(), False),
        model_scores("The network, live", models.live_evaluation_network(), True),
        model_scores("The linear model", linear_model.load(), False),
        SectionSpec("boards", "boards", boards_table, "boards"),
        SectionSpec(
            "broken",
            "broken sensors",
            lambda d, bar: models.broken_sensors_section(d.takes["alex_rom_4"], d.face, d.seeds, progress=bar),
        ),
        SectionSpec("sensors", "fewer sensors", sensor_count),
        SectionSpec(
            "along",
            "along a take",
            lambda d, _: ablation.error_along_take_section(
                d.takes["alex_rom_4"], "alex_rom_4", d.face, image_path=d.images_folder / "along.png"
            ),
        ),
        SectionSpec("adapter", "adapter", adapter),
        SectionSpec("fine-tuned", "fine-tuning", finetuned),
        SectionSpec(
            "table 2",
            "simulation and tuning",
            lambda d, bar: ablation.table_two_section(d.cases, d.trained_names, d.face, progress=bar),
        ),
        SectionSpec(
            "steps", "steps", lambda d, bar: ablation.steps_section(d.cases, d.trained_names, d.face, progress=bar)
        ),
        SectionSpec(
            "smoothing",
            "smoothing",
            lambda d, bar: models.smoothing_section(d.cases, d.trained_names, d.face, progress=bar),
        ),
        SectionSpec("align", "alignment", lambda d, bar: alignment_section(d.takes, d.seeds, bar)),
        SectionSpec(
            "hybrid",
            "camera takes, repaired",
            lambda d, bar: hybrid_section(
                d.takes, d.trained_names, d.identities, image_path=d.images_folder / "hybrid.png", progress=bar
            ),
            "hybrid",
        ),
        SectionSpec(
            "electrodes 0",
            "simulated users",
            lambda d, bar: electrodes.electrode_section(d.identities, d.networks_folder, d.images_folder, progress=bar),
            "electrodes",
        ),
        SectionSpec(
            "electrodes 1",
            "boards and skin",
            lambda d, bar: electrodes.preset_section(d.identities, d.networks_folder, bar),
            "electrodes",
        ),
        SectionSpec(
            "electrodes 2",
            "IMUs and electrodes",
            lambda d, bar: electrodes.combined_section(d.takes, d.identities, d.networks_folder, progress=bar),
            "electrodes",
        ),
        SectionSpec(
            "engines",
            "engines",
            lambda d, bar: engines_section(d.takes["alex_rom_3"], "alex_rom_3", bar),
            "engines",
        ),
        SectionSpec("performances", "performances", lambda d, _: performance_section(d.ict_path.parent / "arkit")),
    ]
    return [spec for spec in specs if finetune_minutes or spec.key != "fine-tuned"]


def _replace_sections(path: Path, lines: list[str]) -> None:
    """Replace the page's sections of the same titles; a new one follows the one before it, or ends the page."""
    page = path.read_text(encoding="utf-8") if path.exists() else tables.INTRODUCTION
    parts = page.rstrip("\n").split("\n## ")
    after = len(parts) - 1
    for part in "\n".join(["", *lines]).rstrip("\n").split("\n## ")[1:]:
        title = part.splitlines()[0]
        found = next((k for k, old in enumerate(parts) if k and old.splitlines()[0] == title), None)
        if found is None:
            after += 1
            parts.insert(after, part + "\n")
        else:
            parts[found], after = part + "\n", found
    _write_page(path, "\n## ".join(part.rstrip("\n") + "\n" for part in parts))


def _write_page(path: Path, text: str) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")

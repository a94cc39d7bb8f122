"""Measure everything that docs/results.md claims, and write it there with its figures.

Real takes are read from the folder of real data (INNERFACE_DATA, or shared/data beside the checkout). Sensors are always simulated.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from ...core import formats
from ...core.errors import InnerfaceError
from ...core.face.face_model import IdentityModel, find_ict, load_ict
from ...core.files import atomic_write
from ...core.imu import linear_model, network
from ..progress import step

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results.md"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", default=str(RESULTS), metavar="F.md", help="the page to write (default docs/results.md)"
    )
    parser.add_argument(
        "--finetune",
        type=float,
        metavar="MINUTES",
        help="also fine-tune the network on a performer for so long (torch)",
    )
    parser.add_argument(
        "--only",
        choices=("hybrid", "electrodes"),
        help="measure this section alone, and put it in its place in the page",
    )
    parser.add_argument(
        "--networks",
        default=str(RESULTS.parent.parent / "out" / "users"),
        metavar="DIR",
        help="where simulated users' networks are kept (delete it to train anew)",
    )
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="simulated sensor sets per take (default 3)")


def run(options: argparse.Namespace) -> dict[str, Any]:
    ict_path = find_ict()
    if ict_path is None or not (ict_path.parent / "arkit").is_dir():
        raise InnerfaceError(
            "the report needs the real takes and ICT-FaceKit's arrays; set INNERFACE_DATA to their folder"
        )
    if options.seeds < 1:
        raise InnerfaceError(f"--seeds {options.seeds}: give a whole number from 1")
    from . import tables
    from .tables import ablation, models, personal
    from .tables.alignment import alignment_section
    from .tables.hybrid import hybrid_section
    from .tables.performances import performance_section

    began = time.perf_counter()
    face, images_folder = load_ict(ict_path), Path(options.out).parent / "images"
    images_folder.mkdir(parents=True, exist_ok=True)
    takes = {name: formats.read_take(ict_path.parent / "arkit" / file).weights() for name, file, _ in tables.TAKES}
    trained_names = {name for name, _, seen in tables.TAKES if seen}
    if options.only:
        return _replace_section(options, takes, trained_names, ict_path, images_folder)
    held_out = {name: track for name, track in takes.items() if name not in trained_names}
    with step("simulating") as bar:
        test_cases = models.simulate_cases(takes, face, options.seeds, bar)
    description = (
        "Performers of the takes marked * were in training (other sensors, other faces); the others never. Means over "
    )
    description += f"{options.seeds} simulated sets of sensors. Trained on "
    sections: dict[str, tables.Section] = {}
    for title, model, causal in (
        ("The network", network.load(), False),
        ("The network, live", network.load(network.LIVE), True),
        ("The linear model", linear_model.load(), False),
    ):
        with step(title.lower()) as bar:
            sections[title] = models.scores_section(
                title, f"{description}{model.card['data']}.", model, test_cases, trained_names, face, bar, causal
            )
    overview = models.overview_section(sections, trained_names)
    sections["The network"].lines.extend(models.observability_lines(sections["The network"]))
    with step("broken sensors") as bar:
        sections["broken"] = models.broken_sensors_section(takes["alex_rom_4"], face, options.seeds, bar)
    with step("fewer sensors") as bar:
        sections["sensors"] = ablation.sensor_count_section(held_out, face, 1, images_folder / "sensors.png", bar)
    with step("along a take"):
        sections["along"] = ablation.error_along_take_section(
            takes["alex_rom_4"], "alex_rom_4", face, images_folder / "along.png"
        )
    with step("adapter") as bar:
        long_takes = {name: track for name, track in takes.items() if track.duration > 1.5 * personal.PAIRED_S}
        sections["adapter"] = personal.adapter_section(long_takes, face, options.seeds, bar)
    if options.finetune:
        from ...models.training.example_supply import ExampleSource

        with step("fine-tuning") as bar:
            example_source = ExampleSource(ict_path, ict_path.parent / "arkit", 1)
            sections["fine-tuned"] = personal.finetuned_section(
                "alex_rom_4", takes["alex_rom_4"], face, example_source, options.finetune, bar
            )
    with step("simulation and tuning") as bar:
        sections["table 2"] = ablation.table_two_section(test_cases, trained_names, face, bar)
    with step("steps") as bar:
        sections["steps"] = ablation.steps_section(test_cases, trained_names, face, bar)
    with step("smoothing") as bar:
        sections["smoothing"] = models.smoothing_section(test_cases, trained_names, face, bar)
    with step("alignment") as bar:
        sections["align"] = alignment_section(takes, options.seeds, bar)
    with step("camera takes, mended") as bar:
        sections["hybrid"] = hybrid_section(
            takes, trained_names, IdentityModel(ict_path), images_folder / "hybrid.png", bar
        )
    for k, section in enumerate(_electrode_sections(options, takes, ict_path, images_folder)):
        sections[f"electrodes {k}"] = section
    with step("performances"):
        sections["performances"] = performance_section(ict_path.parent / "arkit")
    page_text = (
        "\n".join(
            [tables.INTRODUCTION, *overview.lines, *(line for section in sections.values() for line in section.lines)]
        )
        + "\n"
    )
    with atomic_write(options.out) as temporary:
        temporary.write_text(page_text, encoding="utf-8")
    if not options.json:
        print(f"{options.out}: measured in {time.perf_counter() - began:.0f} s")
    return {"out": options.out, "glance": overview.figures} | {
        name: section.figures for name, section in sections.items()
    }


def _electrode_sections(
    options: argparse.Namespace, takes: dict[str, Any], ict_path: Path, images_folder: Path
) -> list[Any]:
    """The sections on electrodes; networks are kept beside the page's folder, so that a run that was broken off goes on."""
    from .tables import electrodes

    identities, networks_folder = IdentityModel(ict_path), Path(options.networks)
    with step("simulated users") as bar:
        user_section = electrodes.electrode_section(identities, networks_folder, images_folder, bar)
    with step("boards and skin") as bar:
        preset_section = electrodes.preset_section(identities, networks_folder, bar)
    with step("IMUs and electrodes") as bar:
        combined_section = electrodes.combined_section(takes, identities, networks_folder, bar)
    return [user_section, preset_section, combined_section]


def _replace_section(
    options: argparse.Namespace, takes: dict[str, Any], trained_names: set[str], ict_path: Path, images_folder: Path
) -> dict[str, Any]:
    """One section, measured anew, in the place of the one in the page that has its title; at the end where there is none."""
    if options.only == "hybrid":
        from .tables.hybrid import hybrid_section

        with step("camera takes, mended") as bar:
            sections = [
                hybrid_section(takes, trained_names, IdentityModel(ict_path), images_folder / "hybrid.png", bar)
            ]
    else:
        sections = _electrode_sections(options, takes, ict_path, images_folder)
    page_path = Path(options.out)
    page_sections = ["", *(page_path.read_text(encoding="utf-8").split("\n## ") if page_path.exists() else [])]
    text = "\n".join(line for section in sections for line in section.lines).strip().removeprefix("## ") + "\n"
    title = text.splitlines()[0]
    index = next((k for k, part in enumerate(page_sections) if part.splitlines()[:1] == [title]), None)
    if index is None:
        page_sections.append(text)
    else:
        page_sections[index] = text
    with atomic_write(page_path) as temporary:
        temporary.write_text("\n## ".join(page_sections[1:]).rstrip("\n") + "\n", encoding="utf-8")
    return {"out": options.out, options.only: [section.figures for section in sections]}

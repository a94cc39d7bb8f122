"""Measure everything that docs/results.md claims, and write it there with its figures.

Real takes are read from the folder of real data (INNERFACE_DATA, or shared/data beside the checkout). Sensors are always simulated.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from ..core import formats
from ..core.errors import InnerfaceError
from ..core.face_model import Identities, find_ict, ict
from ..core.files import replacing
from ..core.imu import linear, network
from .progress import step

RESULTS = Path(__file__).resolve().parent.parent / "docs" / "results.md"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", default=str(RESULTS), metavar="F.md", help="the page to write (default docs/results.md)")
    parser.add_argument("--finetune", type=float, metavar="MINUTES", help="also fine-tune the network on a performer for so long (torch)")
    parser.add_argument("--only", choices=("hybrid", "electrodes"), help="measure this section alone, and put it in its place in the page")
    parser.add_argument(
        "--networks", default=str(RESULTS.parent.parent / "out" / "users"), metavar="DIR",
        help="where simulated users' networks are kept (delete it to train anew)",
    )
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="simulated sensor sets per take (default 3)")


def run(options: argparse.Namespace) -> dict[str, Any]:
    path = find_ict()
    if path is None or not (path.parent / "arkit").is_dir():
        raise InnerfaceError("the report needs the real takes and ICT-FaceKit's arrays; set INNERFACE_DATA to their folder")
    if options.seeds < 1:
        raise InnerfaceError(f"--seeds {options.seeds}: give a whole number from 1")
    from . import tables
    from .tables import ablation, models, personal
    from .tables.alignment import alignment
    from .tables.hybrid import hybrid
    from .tables.performances import performances

    began = time.perf_counter()
    face, pictures = ict(path), Path(options.out).parent / "images"
    pictures.mkdir(parents=True, exist_ok=True)
    takes = {name: formats.read_take(path.parent / "arkit" / file).weights() for name, file, _ in tables.TAKES}
    trained = {name for name, _, seen in tables.TAKES if seen}
    if options.only:
        return _only(options, takes, trained, path, pictures)
    held = {name: track for name, track in takes.items() if name not in trained}
    with step("simulating") as bar:
        made = models.cases(takes, face, options.seeds, bar)
    about = "Performers of the takes marked * were in training (other sensors, other faces); the others never. Means over "
    about += f"{options.seeds} simulated sets of sensors. Trained on "
    sections: dict[str, tables.Section] = {}
    for title, chosen, causal in (
        ("The network", network.load(), False), ("The network, live", network.load(network.LIVE), True), ("The linear model", linear.load(), False),
    ):  # fmt: skip
        with step(title.lower()) as bar:
            sections[title] = models.scores(title, f"{about}{chosen.card['data']}.", chosen, made, trained, face, bar, causal)
    looked = models.glance(sections, trained)
    sections["The network"].lines.extend(models.observability(sections["The network"]))
    with step("broken sensors") as bar:
        sections["broken"] = models.broken_sensors(takes["alex_rom_4"], face, options.seeds, bar)
    with step("fewer sensors") as bar:
        sections["sensors"] = ablation.sensors(held, face, 1, pictures / "sensors.png", bar)
    with step("along a take"):
        sections["along"] = ablation.along(takes["alex_rom_4"], "alex_rom_4", face, pictures / "along.png")
    with step("adapter") as bar:
        long = {name: track for name, track in takes.items() if track.duration > 1.5 * personal.PAIRED_S}
        sections["adapter"] = personal.adapter(long, face, options.seeds, bar)
    if options.finetune:
        from ..models.training.supply import Source

        with step("fine-tuning") as bar:
            source = Source(path, path.parent / "arkit", 1)
            sections["fine-tuned"] = personal.finetuned("alex_rom_4", takes["alex_rom_4"], face, source, options.finetune, bar)
    with step("simulation and tuning") as bar:
        sections["table 2"] = ablation.table_two(made, trained, face, bar)
    with step("steps") as bar:
        sections["steps"] = ablation.steps(made, trained, face, bar)
    with step("smoothing") as bar:
        sections["smoothing"] = models.smoothing(made, trained, face, bar)
    with step("alignment") as bar:
        sections["align"] = alignment(takes, options.seeds, bar)
    with step("camera takes, mended") as bar:
        sections["hybrid"] = hybrid(takes, trained, Identities(path), pictures / "hybrid.png", bar)
    for k, section in enumerate(_electrodes(options, takes, path, pictures)):
        sections[f"electrodes {k}"] = section
    with step("performances"):
        sections["performances"] = performances(path.parent / "arkit")
    page = "\n".join([tables.INTRODUCTION, *looked.lines, *(line for section in sections.values() for line in section.lines)]) + "\n"
    with replacing(options.out) as temporary:
        temporary.write_text(page, encoding="utf-8")
    if not options.json:
        print(f"{options.out}: measured in {time.perf_counter() - began:.0f} s")
    return {"out": options.out, "glance": looked.figures} | {name: section.figures for name, section in sections.items()}


def _electrodes(options: argparse.Namespace, takes: dict[str, Any], path: Path, pictures: Path) -> list[Any]:
    """The sections on electrodes; networks are kept beside the page's folder, so that a run that was broken off goes on."""
    from .tables import electrodes

    people, folder = Identities(path), Path(options.networks)
    with step("simulated users") as bar:
        users = electrodes.electrodes(people, folder, pictures, bar)
    with step("boards and skin") as bar:
        boards = electrodes.presets(people, folder, bar)
    with step("IMUs and electrodes") as bar:
        both = electrodes.together(takes, people, folder, bar)
    return [users, boards, both]


def _only(options: argparse.Namespace, takes: dict[str, Any], trained: set[str], path: Path, pictures: Path) -> dict[str, Any]:
    """One section, measured anew, in the place of the one in the page that has its title; at the end where there is none."""
    if options.only == "hybrid":
        from .tables.hybrid import hybrid

        with step("camera takes, mended") as bar:
            sections = [hybrid(takes, trained, Identities(path), pictures / "hybrid.png", bar)]
    else:
        sections = _electrodes(options, takes, path, pictures)
    page = Path(options.out)
    parts = ["", *(page.read_text(encoding="utf-8").split("\n## ") if page.exists() else [])]
    text = "\n".join(line for section in sections for line in section.lines).strip().removeprefix("## ") + "\n"
    title = text.splitlines()[0]
    at = next((k for k, part in enumerate(parts) if part.splitlines()[:1] == [title]), None)
    if at is None:
        parts.append(text)
    else:
        parts[at] = text
    with replacing(page) as temporary:
        temporary.write_text("\n## ".join(parts[1:]).rstrip("\n") + "\n", encoding="utf-8")
    return {"out": options.out, options.only: [section.figures for section in sections]}

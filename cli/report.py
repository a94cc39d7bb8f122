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
from ..core.face_model import find_ict, ict
from ..core.files import replacing
from .progress import step

RESULTS = Path(__file__).resolve().parent.parent / "docs" / "results.md"
TAKES = (  # name, file, whether its performer was in training
    ("alex_rom_3", "alex_rom_3.csv", False),
    ("alex_rom_4", "alex_rom_4.csv", False),
    ("MySlate_3", "MySlate_3_Jason_Millers_iPhone.csv", False),
    ("S07-001", "S07-001.csv", True),
    ("apfel", "apfel.csv", True),
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", default=str(RESULTS), metavar="F.md", help="the page to write (default docs/results.md)")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="simulated sensor sets per take (default 3)")


def run(options: argparse.Namespace) -> dict[str, Any]:
    path = find_ict()
    if path is None or not (path.parent / "arkit").is_dir():
        raise InnerfaceError("the report needs the real takes and ICT-FaceKit's arrays; set INNERFACE_DATA to their folder")
    if options.seeds < 1:
        raise InnerfaceError(f"--seeds {options.seeds}: give a whole number from 1")
    from . import tables

    began = time.perf_counter()
    face = ict(path)
    takes = {name: formats.read_take(path.parent / "arkit" / file).weights() for name, file, _ in TAKES}
    trained = {name for name, _, seen in TAKES if seen}
    with step("linear model") as bar:
        scores = tables.linear_scores(takes, trained, face, options.seeds, bar)
    with step("broken sensors") as bar:
        broken = tables.broken_sensors(takes["alex_rom_4"], face, options.seeds, bar)
    with step("alignment") as bar:
        aligned = tables.alignment(takes, options.seeds, bar)
    with step("performances"):
        performed = tables.performances(path.parent / "arkit")
    page = "\n".join([tables.INTRODUCTION, *scores.lines, *broken.lines, *aligned.lines, *performed.lines]) + "\n"
    with replacing(options.out) as temporary:
        temporary.write_text(page, encoding="utf-8")
    if not options.json:
        print(f"{options.out}: measured in {time.perf_counter() - began:.0f} s")
    return {
        "out": options.out,
        "linear": scores.figures,
        "broken": broken.figures,
        "align": aligned.figures,
        "performances": performed.figures,
    }

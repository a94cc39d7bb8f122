"""Train a model: `innerface train linear --out models/linear.npz`.

The linear model learns from simulated sensors on generated performances and, where their folder is at hand, on real ones;
ICT-FaceKit's identities are used where its arrays are.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

from ..core.errors import InnerfaceError
from ..core.face_model import Identities, find_ict
from .progress import step


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=("linear",), help="which model")
    parser.add_argument("--out", required=True, metavar="M.npz", help="the model to write")
    parser.add_argument("--examples", type=int, default=400, metavar="N", help="simulated takes of a minute to learn from (default 400)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="seed of everything random")
    parser.add_argument("--generated-only", action="store_true", help="no real performances, even where they are at hand")


def run(options: argparse.Namespace) -> dict[str, Any]:
    try:
        from ..models.training import linear
    except ImportError as error:
        raise InnerfaceError(f"training is no part of this installation ({error}); pip install innerface from its sources") from None
    if options.examples < 1 or options.seed < 0:
        raise InnerfaceError("--examples takes a whole number from 1, --seed one from 0")
    ict = find_ict()
    folder = ict.parent / "arkit" if ict and not options.generated_only and (ict.parent / "arkit").is_dir() else None
    began = time.perf_counter()
    with step("training") as bar:
        faces = Identities(ict) if ict else None
        model = linear.train(options.examples, options.seed, faces, linear.real_takes(folder), bar)
    model.save(options.out)
    seconds = time.perf_counter() - began
    if not options.json:
        for key, value in model.card.items():
            print(f"{key}: {value}")
        print(f"{options.out}: {Path(options.out).stat().st_size / 1024:.0f} KiB in {seconds:.0f} s")
    return {"out": os.fspath(options.out), "seconds": seconds, "card": model.card}

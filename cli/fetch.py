"""Fetch a file that Innerface uses and does not hold: the face tracker's model.

Shows where it comes from, how large it is and under which licence, and asks before anything is downloaded.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..core.errors import InnerfaceError
from .progress import step


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("face-model",), help="the model of the face tracker, for videos and webcams")
    parser.add_argument("--out", metavar="FILE", help="where to put it (default: the user's own folder)")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(options: argparse.Namespace) -> dict[str, Any]:
    from ..camera import face_model

    out = Path(options.out) if options.out else face_model.default_path()
    if out.is_file():
        try:
            face_model.find(out)
            if not options.json:
                print(f"{out}: is there already")
            return {"out": str(out), "fetched": False}
        except InnerfaceError:
            pass  # another file, which is replaced
    terms = (
        f"from     {face_model.ADDRESS}\n"
        f"to       {out}\n"
        f"size     {face_model.SIZE / 1e6:.1f} MB, licence {face_model.LICENCE}, by Google\n"
        f"SHA-256  {face_model.SHA256}"
    )
    if not options.yes:
        print(terms)
        if input("Download it? [y/N] ").strip().lower() not in ("y", "yes"):
            raise InnerfaceError("nothing was downloaded")
    with step("downloading") as bar:
        face_model.fetch(out, bar)
    if not options.json:
        print(f"{out}: fetched and checked")
    return {"out": str(out), "fetched": True}

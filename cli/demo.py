"""Make an animated face from nothing, or from a take of yours: one file of each kind.

Without --take a performance is made up in code (seeded). DIR gets the take (MCAP), its weights (CSV), scene.blend,
scene.fbx, scene.glb, a contact sheet of all 52 shapes and a short preview video.
"""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ..core import formats, performance
from ..core.errors import InnerfaceError
from ..core.files import replacing
from . import blender
from .key import key_takes
from .progress import quiet, step
from .rates import blender_rate

FILES = {
    "take.mcap": "the take: the native, crash-safe recording format",
    "weights.csv": "its 52 weights and head angles, as Live Link Face would write them",
    "scene.blend": "the animated head: open it in Blender and press space",
    "scene.fbx": "the same for Unreal, Unity or Maya",
    "scene.glb": "the same for Godot, three.js and the web",
    "contact_sheet.png": "the head's 52 shapes",
    "preview.mp4": "a short look at the animation",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", default="out/demo", metavar="DIR", help="folder to write into (default out/demo)")
    parser.add_argument("--take", metavar="FILE", help="key this take instead of a made-up performance")
    parser.add_argument("--fps", default="24", metavar="F", help="frames per second (default 24)")
    parser.add_argument("--seed", type=int, default=7, metavar="N", help="seed of the made-up performance")


def run(options: argparse.Namespace) -> dict[str, Any]:
    began = time.monotonic()
    out = Path(options.out)
    blender_rate(options.fps)
    if options.seed < 0:
        raise InnerfaceError(f"--seed {options.seed}: give a whole number from 0")
    take = formats.read_take(options.take) if options.take else performance.perform(options.seed)
    take.weights()
    bpy = blender.load()
    from ..blender_addon import studio

    with ExitStack() as stack:  # all files or none
        files = {name: stack.enter_context(replacing(out / name)) for name in FILES}
        with step("writing the take"):
            formats.write_take(take, files["take.mcap"])
            formats.write_take(take, files["weights.csv"], "llf")
        outputs: dict[str, str | None] = {kind: str(files[f"scene.{kind}"]) for kind in ("blend", "fbx", "glb")}
        result = key_takes([take], outputs, fps=options.fps, silent=True)
        with step("rendering the preview") as bar, quiet():
            studio.render_preview(bpy.context.scene, files["preview.mp4"], progress=bar)
        with step("rendering the shapes"), quiet():
            studio.contact_sheet(files["contact_sheet.png"], width=1800)
    seconds = time.monotonic() - began
    if not options.json:
        source = options.take or f"a made-up performance (seed {options.seed}; not a recording)"
        print(f"\n{source}: {take.weights().duration:.1f} s, keyed on the bundled head in {out}/")
        for name, what in FILES.items():
            print(f"  {name:<18} {(out / name).stat().st_size / 1024:8.0f} KiB  {what}")
        print(f"done in {seconds:.0f} s", file=sys.stderr)
    return {"dir": str(out), "files": list(FILES), "seconds": seconds, "made_up": options.take is None} | {"takes": result["takes"]}

"""Make an animated face, from a generated performance or from your take: one file of each kind.

Without --take the whole pipeline runs: a performance is generated, eleven simulated sensors record it, and the
inferred face is keyed, with the true performance on a second head beside it. With --take a sensor take is inferred and
keyed, a weights take is keyed. DIR gets the take (MCAP), the weights (CSV), scene.blend, scene.fbx, scene.glb, a
contact sheet of all 52 shapes and a short video.
"""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..core import formats, performance
from ..core.errors import InnerfaceError
from ..core.files import atomic_write
from ..core.rates import parse_frame_rate
from ..core.take import Take, Track, TrackKind
from . import blender
from .dependencies import required
from .key import key_takes
from .output import print_notes
from .progress import filter_display_errors, step, suppress_stdout

FILES = {
    "take.mcap": "the take: the native, crash-safe recording format",
    "weights.csv": "52 weights and head angles, in Live Link Face's format",
    "truth.csv": "the performance that the simulated sensors recorded",
    "scene.blend": "the animated head (and the true performance beside it): open it in Blender and press Space",
    "scene.fbx": "the same for Unreal, Unity or Maya",
    "scene.glb": "the same for Godot, three.js and the web",
    "contact_sheet.png": "the head's 52 shapes",
    "preview.mp4": "a short preview of the animation",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", default="out/demo", metavar="DIR", help="folder to write into (default out/demo)")
    parser.add_argument(
        "--take", metavar="FILE", help="use this take, of sensors or weights, instead of a generated performance"
    )
    parser.add_argument("--fps", default="24", metavar="F", help="frames per second (default 24)")
    parser.add_argument("--seed", type=int, default=7, metavar="N", help="random seed of the generated performance")


def run(options: argparse.Namespace) -> dict[str, Any]:
    began = time.monotonic()
    out = Path(options.out)
    parse_frame_rate(options.fps)
    if options.seed < 0:
        raise InnerfaceError(f"--seed {options.seed}: give a whole number from 0")
    if options.take:
        from ..core.pipeline import to_weights_take

        take, truth, figures = formats.read_take(options.take), None, None
        result_take = to_weights_take(take)
        result_take.weights()
    else:
        take, truth, result_take, figures = simulated_capture(options.seed)
    names = [name for name in FILES if truth is not None or name != "truth.csv"]
    bpy = blender.load_bpy()
    from ..blender_addon.export import studio

    with ExitStack() as stack:  # write all files or none
        files = {name: stack.enter_context(atomic_write(out / name)) for name in names}
        with step("writing the take"):
            formats.write_take(take, files["take.mcap"])
            formats.write_take(result_take, files["weights.csv"], "llf")
            if truth is not None:
                formats.write_take(truth, files["truth.csv"], "llf")
        outputs: dict[str, str | None] = {kind: str(files[f"scene.{kind}"]) for kind in ("blend", "fbx", "glb")}
        result = key_takes([result_take], outputs, fps=options.fps, comparison_take=truth)
        print_notes(result["notes"])
        with step("rendering the preview") as bar, suppress_stdout(), filter_display_errors():
            studio.render_preview(bpy.context.scene, files["preview.mp4"], progress=bar)
        with step("rendering the shapes"), suppress_stdout(), filter_display_errors():
            studio.contact_sheet(files["contact_sheet.png"], width=1800)
    seconds = time.monotonic() - began
    take_duration = result_take.weights().duration
    if not options.json:
        source_description = (
            options.take or f"a generated performance (seed {options.seed}), recorded by simulated sensors"
        )
        print(f"\n{source_description}: {take_duration:.1f} s, keyed on the bundled head in {out}/")
        if figures is not None:
            print(
                "mean error on the {region}: {pve_mm:.2f} mm from sensors, {neutral_mm:.2f} mm for a neutral face, "
                "{mean_face_mm:.2f} mm for the take's mean face".format(**figures)
            )
        for name in names:
            print(f"  {name:<18} {(out / name).stat().st_size / 1024:8.0f} KiB  {FILES[name]}")
        print(f"done in {seconds:.0f} s", file=sys.stderr)
    return {"dir": str(out), "files": names, "seconds": seconds, "made_up": options.take is None, "error": figures} | {
        "takes": result["takes"]
    }


def simulated_capture(seed: int) -> tuple[Take, Take, Take, dict[str, Any]]:
    """Simulate a capture: the sensor take, the true performance, the inferred take, and its errors."""
    with required("simulating sensors"):
        from ..core.face import metrics
        from ..core.face.face_model import load_bundled
        from ..core.imu import inference, model
        from ..core.imu.layout import load_layout
        from ..core.imu.simulation.effects import PRESETS
        from ..core.imu.simulation.simulate import simulate
    face, sites = load_bundled(), load_layout()
    with step("simulating sensors"):
        truth = performance.demo_performance(seed)
        truth.name = "truth"
        effects = replace(
            PRESETS["studio"], sway_deg=0.0, torso_deg=0.0, glance_deg=0.0, beat_deg=0.0
        )  # the performance moves the head itself
        take = simulate(truth.weights(), face, sites, effects=effects, seed=seed)
    with step("calibrating, inferring"):
        track = inference.infer(take, sites, model.load()[0]).take.weights()
        in_performance = (track.time >= truth.weights().time[0]) & (track.time <= truth.weights().time[-1])
        track = Track(
            TrackKind.WEIGHTS, track.time[in_performance], track.columns, track.values[in_performance]
        )  # without the calibration before the performance
        evaluation = metrics.evaluate(track, truth.weights(), face)
    figures = {
        "region": evaluation["region"],
        "pve_mm": evaluation["pve_mm"]["mean"],
        "neutral_mm": evaluation["neutral"]["pve_mm"]["mean"],
        "mean_face_mm": evaluation["mean_face"]["pve_mm"]["mean"],
    }
    return take, truth, Take("from sensors", {TrackKind.WEIGHTS: track}), figures

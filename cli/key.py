"""Key takes on a face and save a .blend, FBX and GLB.

Sensor takes are inferred on the way, with default settings (see `infer`). Without --character the bundled head is keyed.
Several takes become several actions; the first one plays, the others wait in the file, and FBX and GLB hold the one that plays.
Keys lie on every frame unless --tolerance is given.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ..core import formats
from ..core.errors import InnerfaceError
from ..core.files import replacing
from ..core.take import Take
from ..core.weights import weights_take
from . import blender
from .progress import quiet, step


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "takes", metavar="TAKE", nargs="+", help="weights takes (Live Link Face CSV or folder, plain CSV, JSON, MCAP) or face-IMU takes"
    )
    parser.add_argument("--out", required=True, metavar="S.blend", help="the .blend to write")
    parser.add_argument("--character", metavar="C.blend", help="a file with your own face; without it the bundled head is used")
    parser.add_argument("--object", action="append", default=[], metavar="NAME", help="a mesh of the character; repeat for several")
    parser.add_argument("--fps", metavar="F", help="frames per second (default 24, or the character file's own)")
    parser.add_argument("--tolerance", type=float, metavar="E", help="reduce keys: the curve stays within E of the take at every frame")
    parser.add_argument("--widen", action="store_true", help="widen the character's sliders where the take goes beyond them, instead of cutting it there")
    parser.add_argument("--fbx", metavar="X.fbx", help="also export FBX")
    parser.add_argument("--glb", metavar="X.glb", help="also export GLB")


def run(options: argparse.Namespace) -> dict[str, Any]:
    if options.object and not options.character:
        raise InnerfaceError("--object names a mesh of --character, which is missing; add --character C.blend")
    if options.tolerance is not None and not 0 < options.tolerance <= 1:
        raise InnerfaceError(
            f"--tolerance {options.tolerance:g}: is measured in weights; give a number above 0 and at most 1, such as 0.005"
        )
    takes = [weights_take(formats.read_take(path)) for path in options.takes]
    outputs = {"blend": options.out, "fbx": options.fbx, "glb": options.glb}
    for kind, path in outputs.items():
        if path and Path(path).suffix.lower() != f".{kind}":
            raise InnerfaceError(f"{path}: should end in .{kind}; change the name")
    return key_takes(takes, outputs, options.character, options.object, options.fps, options.tolerance, options.json, widen=options.widen)


def key_takes(
    takes: list[Take],
    outputs: dict[str, str | None],
    character: str | None = None,
    objects: list[str] | None = None,
    fps: str | None = None,
    tolerance: float | None = None,
    silent: bool = False,
    beside: Take | None = None,
    widen: bool = False,
) -> dict[str, Any]:
    """Key `takes` and write `outputs` ("blend", "fbx", "glb"): all of them, or none if anything fails.

    `beside`: a take that plays on a second bundled head next to the first one, in the .blend only.
    """
    tracks = [take.weights() for take in takes]
    notes = [f"{take.name}: {note}" for take in takes for note in take.notes]
    with ExitStack() as stack:
        files = {kind: stack.enter_context(replacing(path)) for kind, path in outputs.items() if path}
        blender.load()
        from ..blender_addon import bundled_head, export, face, keying, studio

        if character:
            scene, said = blender.open_character(character, fps)
            notes += said
            whole = list(scene.objects)
            target = face.named_face(whole, objects, character) if objects else face.find_face(whole, character)
        else:
            scene = blender.empty_scene(fps or "24")
            with step("building the head"):
                bundled_head.add(scene.collection)
            target = face.find_face(list(scene.objects))
            studio.light(scene)
            if beside is not None:
                studio.second_head(scene, beside.weights(), beside.name)
                studio.camera(scene, (studio.BESIDE_M / 2, -0.03, -0.026), 3.1, lens=170)
                scene.render.resolution_x, scene.render.resolution_y = 1620, 1080
            else:
                studio.camera(scene, (0.0, -0.03, -0.008), 0.86, azimuth=16.0)
                scene.render.resolution_x = scene.render.resolution_y = 1080
            studio.workbench(scene)
        keyed = []
        with step("keying") as bar:
            for i, (take, track) in enumerate(zip(takes, tracks)):
                keyed.append(keying.key_track(target, track, take.name, scene, tolerance, keying.Part(widen=widen)))
                bar((i + 1) / len(takes))
        ends = [scene.frame_start + k.frames - 1 for k in keyed]
        scene.frame_end = max([*ends, scene.frame_end] if character else ends)
        said = keying.play(target, keyed[0])
        notes += said + list(dict.fromkeys(note for k in keyed for note in k.notes))
        scene.frame_set(scene.frame_start)
        if not character:
            studio.look_through_camera()
        with step("saving"):
            blender.save(files["blend"])
        if "fbx" in files:
            with step("exporting FBX") as bar, quiet():
                notes += export.export_fbx(target, scene, files["fbx"], bar).notes
        if "glb" in files:
            with step("exporting GLB") as bar, quiet():
                notes += export.export_glb(target, scene, files["glb"], bar).notes
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    result = {
        "out": {kind: str(path) for kind, path in outputs.items() if path},
        "fps": keying.scene_rate(scene),
        "scheme": target.mapping.name,
        "unmatched_channels": target.unmatched_channels(),
        "unmatched_keys": {m.object.name: _idle(target, m) for m in target.meshes},
        "takes": [{"name": t.name, "frames": k.frames, "keys": k.keys, "dense_keys": k.dense_keys} for t, k in zip(takes, keyed)],
        "notes": notes,
    }
    if not silent:
        _report(result, target)
    return result


def _idle(target: Any, mesh: Any) -> list[str]:
    """Shape keys that no channel drives."""
    driven = {name for _, name in target.keys(mesh)}
    return [k.name for k in mesh.key.key_blocks[1:] if k.name not in driven]


def _report(result: dict[str, Any], target: Any) -> None:
    meshes = ", ".join(f"{m.object.name} ({len(target.keys(m))} keys)" for m in target.meshes)
    print(f"face: {meshes}; names: {result['scheme']}")
    if result["unmatched_channels"]:
        print(f"channels without a key: {', '.join(result['unmatched_channels'])}")
    for name, keys in result["unmatched_keys"].items():
        if keys:
            print(f"keys of {name} that no channel drives: {', '.join(keys)}")
    for take in result["takes"]:
        share = f", {take['dense_keys'] / take['keys']:.1f}x fewer than every frame" if take["keys"] < take["dense_keys"] else ""
        print(f"{take['name']}: {take['frames']} frames at {result['fps']:.3f} fps, {take['keys']} keys{share}")
    for path in result["out"].values():
        print(path)

"""Key takes on a face and save a .blend, FBX and GLB.

Sensor takes are inferred first, with default settings (see `infer`). Without --character the bundled head is keyed, or
with --flame a face of your FLAME model (.pkl or .npz; nothing in it is executed): FLAME takes and landmarks animate
its expressions, jaw, eyes and neck, other takes drive it by a fitted mapping. Several takes become several actions, of
which the first is assigned; FBX and GLB have the assigned one. Every frame gets a key unless --tolerance is given.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core import formats
from ..core.errors import InnerfaceError
from ..core.files import atomic_write
from ..core.take import Take, TrackKind
from . import blender
from .output import print_notes
from .progress import step, suppress_stdout


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "takes",
        metavar="TAKE",
        nargs="+",
        help="weights takes (Live Link Face CSV or folder, plain CSV, JSON, MCAP), sensor takes, or .flame.npz",
    )
    parser.add_argument("--out", required=True, metavar="S.blend", help="the .blend to write")
    parser.add_argument("--character", metavar="C.blend", help="a file with your own face (default: the bundled head)")
    parser.add_argument(
        "--object", action="append", default=[], metavar="NAME", help="a mesh of the character; can be repeated"
    )
    parser.add_argument(
        "--flame",
        metavar="MODEL",
        help="a face of your FLAME model, .pkl or .npz; or stand-in, a generated one",
    )
    parser.add_argument(
        "--flame-embedding",
        metavar="FILE",
        help="landmark embedding of the model (default: a file beside it, else from geometry)",
    )
    parser.add_argument(
        "--flame-identity",
        metavar="TAKE",
        help="take with the identity of the face: a .flame.npz (default: the first FLAME take)",
    )
    parser.add_argument(
        "--flame-correctives", action="store_true", help="FLAME's pose correctives as shape keys driven by the bones"
    )
    parser.add_argument("--fps", metavar="F", help="frames per second (default 24, or the character file's frame rate)")
    parser.add_argument(
        "--tolerance",
        type=float,
        metavar="E",
        help="reduce keys so that the curve stays within E of the take at every frame",
    )
    parser.add_argument(
        "--widen",
        action="store_true",
        help="widen the character's slider ranges where the take exceeds them, instead of clipping it",
    )
    parser.add_argument("--fbx", metavar="X.fbx", help="also export FBX")
    parser.add_argument("--glb", metavar="X.glb", help="also export GLB")
    parser.add_argument(
        "--optimise",
        action="store_true",
        help="a GLB of a quarter of the size, by sparse accessors, which three.js, Babylon, Godot and Blender read",
    )


def run(options: argparse.Namespace) -> dict[str, Any]:
    if options.object and not options.character:
        raise InnerfaceError("--object needs --character; add --character C.blend")
    if options.flame and options.character:
        raise InnerfaceError("--flame and --character both give a face; omit one of them")
    if not options.flame and (options.flame_embedding or options.flame_identity or options.flame_correctives):
        raise InnerfaceError(
            "--flame-embedding, --flame-identity and --flame-correctives need --flame; add --flame MODEL"
        )
    if options.tolerance is not None and not 0 < options.tolerance <= 1:
        raise InnerfaceError(
            f"--tolerance {options.tolerance:g}: give a number of weight above 0 and up to 1, such as 0.005"
        )
    from ..core.flame.source import drop_redundant_landmarks
    from ..core.pipeline import to_weights_take

    takes = [
        drop_redundant_landmarks(original, to_weights_take(original))
        for original in map(formats.read_take, options.takes)
    ]
    outputs = {"blend": options.out, "fbx": options.fbx, "glb": options.glb}
    for kind, path in outputs.items():
        if path and Path(path).suffix.lower() != f".{kind}":
            raise InnerfaceError(f"{path}: must end in .{kind}; change the name")
    flame_paths = [path for path, take in zip(options.takes, takes) if _is_flame_take(take)]
    flame = None
    if options.flame:
        flame = FlameOptions(
            options.flame,
            options.flame_embedding or "",
            options.flame_identity or next(iter(flame_paths), ""),
            options.flame_correctives,
        )
    elif flame_paths and not options.character:
        raise InnerfaceError(
            f"{flame_paths[0]}: a FLAME take needs a FLAME face; add --flame MODEL, or give a --character that is one"
        )
    return key_takes(
        takes,
        outputs,
        character=options.character,
        objects=options.object,
        fps=options.fps,
        tolerance=options.tolerance,
        silent=options.json,
        widen=options.widen,
        optimise=options.optimise,
        flame=flame,
    )


@dataclass(frozen=True)
class FlameOptions:
    """A FLAME face to build.

    Attributes
    ----------
    model : file, or stand-in
    landmarks : embedding file; "" for one beside the model
    identity : a FLAME take; "" for the mean face
    correctives : add pose correctives
    """

    model: str
    landmarks: str = ""
    identity: str = ""
    correctives: bool = False


def _is_flame_take(take: Take) -> bool:
    """Whether a take holds FLAME's parameters and no weights."""
    return take.kinds & {TrackKind.FLAME, TrackKind.WEIGHTS} == {TrackKind.FLAME}


def key_takes(
    takes: list[Take],
    outputs: dict[str, str | None],
    *,
    character: str | None = None,
    objects: list[str] | None = None,
    fps: str | None = None,
    tolerance: float | None = None,
    silent: bool = False,
    comparison_take: Take | None = None,
    widen: bool = False,
    optimise: bool = False,
    flame: FlameOptions | None = None,
) -> dict[str, Any]:
    """Key takes and write all outputs, or none if anything fails.

    Parameters
    ----------
    takes : to key, each as an action
    outputs : paths of "blend", "fbx" and "glb"
    character, objects : a .blend, and meshes of its face; the bundled head by default
    fps, tolerance, widen, optimise : as the options of the command
    silent : print no report
    comparison_take : keyed on a second bundled head beside the first, in the .blend only
    flame : a FLAME face in place of the bundled head
    """
    for take in takes:
        if not _is_flame_take(take):
            take.weights()
    notes: list[str] = []
    with ExitStack() as stack:
        files = {kind: stack.enter_context(atomic_write(path)) for kind, path in outputs.items() if path}
        blender.load_bpy()
        from ..blender_addon.animation import flame_keys, keying, playback
        from ..blender_addon.animation.scene_time import scene_rate
        from ..blender_addon.character import bundled_head, face, flame_face
        from ..blender_addon.export import exporters, studio
        from ..core.flame.source import fit_take

        if character:
            scene, extra_notes = blender.open_character(character, fps)
            notes += extra_notes
            scene_objects = list(scene.objects)
            target = (
                face.named_face(scene_objects, objects, character)
                if objects
                else face.find_face(scene_objects, character)
            )
        else:
            scene = blender.empty_scene(fps or "24")
            camera_target = (0.0, -0.03, -0.008)
            with step("building the head"):
                if flame is None:
                    bundled_head.add(scene.collection)
                else:
                    prepared_face = flame_face.prepare_flame(
                        flame.model, landmarks=flame.landmarks, identity=flame.identity
                    )
                    flame_face.add(scene.collection, prepared_face, flame.correctives)
                    notes, camera_target = prepared_face.notes, prepared_face.camera_target
            target = face.find_face(list(scene.objects))
            studio.add_lights(scene)
            if comparison_take is not None:
                studio.add_second_head(scene, comparison_take.weights(), comparison_take.name)
                studio.add_camera(scene, (studio.HEAD_SPACING_M / 2, -0.03, -0.026), distance=3.1, lens=170)
                scene.render.resolution_x, scene.render.resolution_y = 1620, 1080
            else:
                studio.add_camera(scene, camera_target, distance=0.86, azimuth=16.0)
                scene.render.resolution_x = scene.render.resolution_y = 1080
            studio.use_workbench(scene)
        flame_source = flame_face.flame_source_of(target)
        if flame_source is not None:
            with step("fitting") as bar:
                takes = [fit_take(take, flame_source, bar) for take in takes]
        notes[:0] = [f"{take.name}: {note}" for take in takes for note in take.notes]
        keyed = []
        with step("keying") as bar:
            for i, take in enumerate(takes):
                keyed.append(
                    keying.key_track(
                        target,
                        flame_keys.track_to_key(target, take),
                        take.name,
                        scene=scene,
                        tolerance=tolerance,
                        options=keying.KeyingOptions(widen_sliders=widen),
                    )
                )
                bar((i + 1) / len(takes))
        last_frames = [scene.frame_start + k.frames - 1 for k in keyed]
        scene.frame_end = max([*last_frames, scene.frame_end] if character else last_frames)
        extra_notes = playback.play(target, keyed[0])
        notes += extra_notes + list(dict.fromkeys(note for k in keyed for note in k.notes))
        scene.frame_set(scene.frame_start)
        if not character:
            studio.look_through_camera()
        with step("saving"):
            blender.save(files["blend"])
        if "fbx" in files:
            with step("exporting FBX") as bar, suppress_stdout():
                notes += exporters.export_fbx(target, scene, files["fbx"], progress=bar).notes
        if "glb" in files:
            with step("exporting GLB") as bar, suppress_stdout():
                notes += exporters.export_glb(target, scene, files["glb"], optimise=optimise, progress=bar).notes
    print_notes(notes)
    result = {
        "out": {kind: str(path) for kind, path in outputs.items() if path},
        "fps": scene_rate(scene),
        "scheme": target.mapping.name,
        "coverage": target.mapping.coverage,
        "unmatched_channels": target.unmatched_channels(),
        "unmatched_keys": {m.object.name: _undriven_keys(target, m) for m in target.meshes}
        if flame_source is None
        else {},
        "takes": [
            {"name": t.name, "frames": k.frames, "keys": k.keys, "dense_keys": k.dense_keys}
            for t, k in zip(takes, keyed)
        ],
        "notes": notes,
    }
    if not silent:
        _print_report(result, target)
    return result


def _undriven_keys(target: Any, mesh: Any) -> list[str]:
    """Names of shape keys that no channel drives."""
    driven = {name for _, name in target.mapped_keys(mesh)}
    return [k.name for k in mesh.key.key_blocks[1:] if k.name not in driven]


def _print_report(result: dict[str, Any], target: Any) -> None:
    meshes = ", ".join(f"{m.object.name} ({len(target.mapped_keys(m))} keys)" for m in target.meshes)
    print(f"face: {meshes}; names: {result['scheme']}; {result['coverage']}")
    if result["unmatched_channels"]:
        print(f"channels without a shape key: {', '.join(result['unmatched_channels'])}")
    for name, keys in result["unmatched_keys"].items():
        if keys:
            print(f"shape keys of {name} without a channel: {', '.join(keys)}")
    for take in result["takes"]:
        share = (
            f", {take['dense_keys'] / take['keys']:.1f}x fewer than every frame"
            if take["keys"] < take["dense_keys"]
            else ""
        )
        print(f"{take['name']}: {take['frames']} frames at {result['fps']:.3f} fps, {take['keys']} keys{share}")
    for path in result["out"].values():
        print(path)

"""Key takes on a face and save a .blend, FBX and GLB.

Sensor takes are inferred first, with default settings (see `infer`). Without --character the bundled head is keyed, or
with --flame a face of your FLAME model (.pkl or .npz; nothing in it is executed): FLAME takes and landmarks animate
its expressions, jaw, eyes and neck, other takes drive it by a fitted mapping. Several takes become several actions, of
which the first is assigned; FBX and GLB have the assigned one. Every frame gets a key unless --tolerance is given.
Exports hold the frames of the first take, whatever the length of the character's scene, which keeps its range and
is lengthened where a take is longer. Afterwards the face is evaluated at three frames: what does not move is named,
with its reason.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core import formats
from ..core.errors import InnerfaceError
from ..core.files import atomic_write
from ..core.take import Take, TrackKind
from . import blender
from .key_report import print_report
from .output import print_notes
from .parsing import add_rate_option, parse_rate
from .progress import step, suppress_stdout

_MIN_MOVED = 0.02  # a channel that stays below does not count as moved
# By option: the add-on's preset, and suffixes.
_EXPORTS = {
    "fbx": ("UNREAL", (".fbx",)),
    "metahuman": ("METAHUMAN", (".fbx",)),
    "glb": ("GLB", (".glb",)),
    "usd": ("USD", (".usdc", ".usda", ".usd")),
    "abc": ("ALEMBIC", (".abc",)),
}


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
    parser.add_argument("--scene", metavar="NAME", help="the scene of the character (default: the active one)")
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
    add_rate_option(parser, "that of --fps, else 30")
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
    parser.add_argument(
        "--controls",
        action="store_true",
        help="key the properties and bones that drive the character's shape keys, instead of leaving driven keys alone",
    )
    parser.add_argument("--fbx", metavar="X.fbx", help="also export FBX")
    parser.add_argument(
        "--metahuman", metavar="X.fbx", help="also export FBX with MetaHuman's control curves on its root bone"
    )
    parser.add_argument("--glb", metavar="X.glb", help="also export GLB")
    parser.add_argument("--usd", metavar="X.usdc", help="also export USD (.usdc, .usda or .usd), with blend shapes")
    parser.add_argument("--abc", metavar="X.abc", help="also export Alembic: the vertices of every frame")
    parser.add_argument(
        "--optimise",
        action="store_true",
        help="a GLB of a quarter of the size, by sparse accessors, which three.js, Babylon, Godot and Blender read",
    )
    parser.add_argument(
        "--range",
        choices=("take", "scene"),
        default="take",
        help="frames of the exports: those of the first take (default), or the scene's whole range",
    )
    parser.add_argument(
        "--modifiers",
        choices=("shape", "all", "none"),
        default="shape",
        help="modifiers that exports have applied: all but subdivision (default), all, or none",
    )
    parser.add_argument("--verbose", action="store_true", help="print every note, channel, shape key and step")


def run(options: argparse.Namespace) -> dict[str, Any]:
    for flag in ("object", "scene", "controls"):
        if getattr(options, flag) and not options.character:
            raise InnerfaceError(f"--{flag} needs --character; add --character C.blend")
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

    rate = parse_rate(options.rate or options.fps)
    takes = [
        drop_redundant_landmarks(original, to_weights_take(original))
        for original in (formats.read_take(path, rate) for path in options.takes)
    ]
    outputs = {"blend": options.out} | {kind: getattr(options, kind) for kind in _EXPORTS}
    for kind, path in outputs.items():
        suffixes = _EXPORTS[kind][1] if kind in _EXPORTS else (f".{kind}",)
        if path and Path(path).suffix.lower() not in suffixes:
            raise InnerfaceError(f"{path}: must end in {' or '.join(suffixes)}; change the name")
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
    character = None
    if options.character:
        character = CharacterOptions(options.character, options.object, options.scene, options.controls)
    keyed = key_takes(
        takes,
        outputs,
        character=character,
        fps=options.fps,
        tolerance=options.tolerance,
        widen=options.widen,
        flame=flame,
        export=ExportOptions(options.range == "scene", options.modifiers, options.optimise),
        verbose=options.verbose,
    )
    if options.json:
        print_notes(keyed["notes"])
    else:
        print_report(keyed, verbose=options.verbose)
    return keyed


@dataclass(frozen=True)
class CharacterOptions:
    """A user's face.

    Attributes
    ----------
    path : the .blend
    objects : meshes of the face; empty to find them
    scene : name of the scene; None for the active one
    controls : key what drives shape keys
    """

    path: str
    objects: Sequence[str] = ()
    scene: str | None = None
    controls: bool = False


@dataclass(frozen=True)
class ExportOptions:
    """What exports hold.

    Attributes
    ----------
    whole_scene : the scene's whole range, not the first take's
    modifiers : which are applied: shape, all, none
    optimise : a smaller GLB
    """

    whole_scene: bool = False
    modifiers: str = "shape"
    optimise: bool = False


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
    character: CharacterOptions | None = None,
    fps: str | None = None,
    tolerance: float | None = None,
    comparison_take: Take | None = None,
    widen: bool = False,
    flame: FlameOptions | None = None,
    export: ExportOptions = ExportOptions(),
    verbose: bool = True,
) -> dict[str, Any]:
    """Key takes and write all outputs, or none if anything fails; returns what `--json` prints.

    Parameters
    ----------
    takes : to key, each as an action
    outputs : paths of "blend" and of the exports
    character : a .blend and its face; the bundled head by default
    fps, tolerance, widen : as the options of the command
    comparison_take : keyed on a second bundled head beside the first, in the .blend only
    flame : a FLAME face in place of the bundled head
    export : what exports hold
    verbose : leave a line on stderr for each step
    """
    for take in takes:
        if not _is_flame_take(take):
            take.weights()
    with ExitStack() as stack:
        files = {kind: stack.enter_context(atomic_write(path)) for kind, path in outputs.items() if path}
        blender.load_bpy()
        from ..blender_addon import remedies
        from ..blender_addon.animation import flame_keys, keying, motion_check, playback
        from ..blender_addon.animation.scene_time import frame_range, scene_rate
        from ..blender_addon.character import flame_face
        from ..blender_addon.export import exporters, studio
        from ..core.flame.source import fit_take

        stack.enter_context(remedies.on_command_line())
        if character is not None:
            scene, target, notes = _open_face(character, fps)
        else:
            scene, target, notes = _build_head(fps, comparison_take, flame, verbose=verbose)
        flame_source = flame_face.flame_source_of(target)
        if flame_source is not None:
            with step("fitting", report=verbose) as bar:
                takes = [fit_take(take, flame_source, bar) for take in takes]
        notes[:0] = [f"{take.name}: {note}" for take in takes for note in take.notes]
        keyed: list[keying.KeyingResult] = []
        with step("keying", report=verbose) as bar:
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
        last_frame = max(k.last_frame for k in keyed)
        if character is not None and last_frame > scene.frame_end:
            notes.append(f"The scene's last frame was moved from {scene.frame_end} to {last_frame}, where a take ends")
        scene.frame_end = last_frame if character is None else max(last_frame, scene.frame_end)
        notes += playback.play(target, keyed[0])
        notes += list(dict.fromkeys(note for k in keyed for note in k.notes))
        take_frames = keyed[0].first_frame, keyed[0].last_frame
        with step("checking the motion", report=verbose):
            still = motion_check.find_still(target, scene, keyed[0].owner_actions, frames=take_frames)
        notes[:0] = motion_check.notes_of(still)
        scene_frames = scene.frame_start, scene.frame_end
        scene.frame_set(scene.frame_start)
        if character is None:
            studio.look_through_camera()
        with step("saving", report=verbose):
            blender.save(files["blend"])
        with frame_range(scene, *(scene_frames if export.whole_scene else take_frames)):
            modifiers = export.modifiers.upper()
            for kind, (preset, _) in _EXPORTS.items():
                if kind not in files:
                    continue
                with step(f"exporting {kind.upper()}", report=verbose) as bar, suppress_stdout():
                    notes += exporters.export_face(
                        target,
                        scene,
                        files[kind],
                        preset=preset,
                        modifiers=modifiers,
                        optimise=export.optimise,
                        progress=bar,
                    ).notes
        moved = _moved_channels(takes)
        unmatched = target.unmatched_channels()
        return {
            "out": {kind: str(path) for kind, path in outputs.items() if path},
            "fps": scene_rate(scene),
            "scheme": target.mapping.name,
            "coverage": target.mapping.coverage,
            "meshes": {m.object.name: len(target.mapped_keys(m)) for m in target.meshes},
            "unmatched_channels": unmatched,
            "unmatched_moved": [c for c in moved if c in unmatched] if flame_source is None else [],
            "unmatched_keys": {m.object.name: _undriven_keys(target, m) for m in target.meshes}
            if flame_source is None
            else {},
            "takes": [
                {
                    "name": t.name,
                    "frames": k.frames,
                    "first_frame": k.first_frame,
                    "keys": k.keys,
                    "dense_keys": k.dense_keys,
                }
                for t, k in zip(takes, keyed)
            ],
            "scene_frames": list(scene_frames),
            "export_frames": list(scene_frames if export.whole_scene else take_frames),
            "still": [{"object": s.owner, "name": s.name, "reason": s.obstacle.reason} for s in still],
            "notes": list(dict.fromkeys(notes)),
        }


def _open_face(character: CharacterOptions, fps: str | None) -> tuple[Any, Any, list[str]]:
    """Open a user's .blend; returns the scene, the face, and notes."""
    from ..blender_addon.character import drivers, face
    from ..blender_addon.character.mapping import fill_table

    scene, notes = blender.open_character(character.path, fps, character.scene)
    objects = list(scene.objects)
    target = face.choose_face(objects, character.objects, character.path)
    if character.controls:
        controls = drivers.map_to_controls(target)
        target.mapping = controls.mapping
        fill_table(target.root_object, controls.mapping)
        notes += [f"{failure}; it is unchanged" for failure in controls.failures]
        notes.append(f"{controls.control_count} controls are keyed instead of {controls.key_count} driven shape keys")
    return scene, target, notes


def _build_head(
    fps: str | None, comparison_take: Take | None, flame: FlameOptions | None, *, verbose: bool
) -> tuple[Any, Any, list[str]]:
    """Build the bundled head or a FLAME face in a lit scene with a camera; returns the scene, the face, and notes."""
    from ..blender_addon.character import bundled_head, face, flame_face
    from ..blender_addon.export import studio

    scene = blender.empty_scene(fps or "24")
    camera_target, notes = (0.0, -0.03, -0.008), []
    with step("building the head", report=verbose):
        if flame is None:
            bundled_head.add(scene.collection)
        else:
            prepared_face = flame_face.prepare_flame(flame.model, landmarks=flame.landmarks, identity=flame.identity)
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
    return scene, target, notes


def _moved_channels(takes: list[Take]) -> list[str]:
    """Return the channels that the takes move, the most moved first."""
    import numpy as np

    largest: dict[str, float] = {}
    for track in [take.weights() for take in takes if not _is_flame_take(take)]:
        for channel in track.columns:
            values = np.nan_to_num(track.column(channel))
            largest[channel] = max(largest.get(channel, 0.0), float(np.abs(values).max(initial=0.0)))
    return sorted((c for c, value in largest.items() if value > _MIN_MOVED), key=lambda c: -largest[c])


def _undriven_keys(target: Any, mesh: Any) -> list[str]:
    """Names of shape keys that no channel drives."""
    driven = {name for _, name in target.mapped_keys(mesh)}
    return [k.name for k in mesh.key.key_blocks[1:] if k.name not in driven]

"""FBX and GLB with the shape animation in them, as game engines want it; the exporters' defaults lose it (see docs/design.md, Export)."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..core.errors import InnerfaceError
from . import bake, compat
from .face import Face
from .keying import NAME, scene_rate
from .played import Progress, parts, played
from .stage import Stage, staged


@dataclass(frozen=True)
class Preset:
    """For one engine. `kind`: the file; `unit`: units to a metre; `rig_name`: of the node above the bones, where it matters; `steps`: how to import it."""

    name: str
    kind: str
    unit: float
    rig_name: str = ""
    steps: tuple[str, ...] = ()


PRESETS = {
    "UNREAL": Preset("Unreal", "fbx", 100.0, "Armature", (
        "Import as a Skeletal Mesh: Import Morph Targets on, Import Animations on, Use Existing Skeleton: none (or the one of an earlier take).",
        "Units are centimetres already: Import Uniform Scale 1, Convert Scene Unit off. Import Normals; smoothing groups are in the file.",
        "The node above the bones is called Armature, which Unreal leaves out, so that the first bone is the root. The head's pose is on its bone.",
        "The animation lies in morph target curves of the names below; they play on the Skeletal Mesh; a MetaHuman needs a pose asset for them.",
    )),
    "UNITY": Preset("Unity", "fbx", 100.0, "", (
        "Model tab: Scale Factor 1, Convert Units on, Import BlendShapes on, Blend Shape Normals: Import (or Calculate).",
        "Rig tab: Animation Type Generic. Animation tab: Import Animation on, Anim. Compression off; curves are called blendShape.<name>, 0 to 100.",
        "Object names and paths are the same in every export of this character, so a clip fits every other export of it.",
    )),
    "GODOT": Preset("Godot", "glb", 1.0, "", (
        "Drop the file into the project: blend shapes and animation are imported as they are; units are metres.",
        "Import > Animation: FPS as below, Trimming off; keep Optimizer off, or its Max Velocity Error at 0.01.",
    )),
    "GLB": Preset("glTF (web, three.js)", "glb", 1.0, "", ("glTF 2.0: morph weights and the head bone's rotation, linear keys on every frame, metres.",)),
}  # fmt: skip
UNITY_MOST = 1.0


@dataclass
class Exported:
    """What an export has to say: `notes`, and the figures of the file."""

    notes: list[str]
    meshes: int
    bones: int
    frames: int
    clip: str


def export(face: Face, scene: Any, path: str | Path, preset: str, modifiers: str = "SHAPE", progress: Progress | None = None) -> Exported:
    """Write `face` and what plays on it over the scene's frame range, whatever makes it move. Raises InnerfaceError."""
    chosen = PRESETS[preset]
    out = played(face, scene, parts(face, scene), progress)
    name = clip_name(face)
    with staged(face, scene, out, name, chosen.unit, modifiers, chosen.rig_name) as stage:
        if chosen.kind == "fbx":
            _fbx(stage, Path(path))
        else:
            _glb(stage, Path(path), scene)
        notes = list(dict.fromkeys(stage.notes))
        if preset == "UNITY" and stage.peak > UNITY_MOST + 1e-4:
            notes.append(f"weights go to {stage.peak * 100:.0f}: Unity cuts them at 100 unless Player Settings > Clamp BlendShapes is off")
        return Exported(notes, len(stage.meshes), len(stage.rig.data.bones), len(out.frames), name)


def export_fbx(face: Face, scene: Any, path: str | Path, progress: Progress | None = None) -> Exported:
    """An FBX for Unreal, Maya and all else that reads centimetres."""
    return export(face, scene, path, "UNREAL", progress=progress)


def export_glb(face: Face, scene: Any, path: str | Path, progress: Progress | None = None) -> Exported:
    """A GLB."""
    return export(face, scene, path, "GLB", progress=progress)


def clip_name(face: Face) -> str:
    """What the animation in the file is called: as the take that plays."""
    action = bake.playing(face)
    if action is None:
        action = next((o.animation_data.action for o in face.owners if o.animation_data is not None and o.animation_data.action is not None), None)
    return face.name if action is None else take_name(action)


def take_name(action: Any) -> str:
    """What an action is called; before slots, where a take is an action for every datablock, what the take is called."""
    return action.name if compat.shared_action() else action.get(NAME, action.name)


def instructions(made: Exported, path: Path, preset: str, scene: Any) -> str:
    """The text that goes beside a file: how to import it."""
    chosen = PRESETS[preset]
    lines = [f"{path.name}: import settings for {chosen.name}", ""]
    lines += [f"{k}. {step}" for k, step in enumerate(chosen.steps, start=1)]
    lines += ["", f"Clip: {made.clip}, {made.frames} frames at {scene_rate(scene):.3f} fps, {made.frames / scene_rate(scene):.3f} s."]
    lines += [f"Meshes: {made.meshes}. Bones: {made.bones}.", *(f"Note: {note}." for note in made.notes)]
    lines += ["", "Written by Innerface; the file was not opened in Unreal, Unity or Godot by its makers: its contents are checked with other readers."]
    return "\n".join(lines) + "\n"


def _fbx(stage: Stage, path: Path) -> None:
    """The exporter samples the stage at every frame; faces rest in their basis shape meanwhile: it reads the keys' values, and writes the meshes as stored."""
    for obj in stage.meshes:
        obj.show_only_shape_key, obj.active_shape_key_index = True, 0
    _select(stage)
    _run(
        "FBX",
        bpy.ops.export_scene.fbx,
        filepath=str(path),
        use_selection=True,
        object_types={"ARMATURE", "MESH"},
        use_mesh_modifiers=False,
        apply_scale_options="FBX_SCALE_NONE",
        add_leaf_bones=False,
        use_armature_deform_only=False,
        mesh_smooth_type="FACE",
        bake_anim=True,
        bake_anim_use_all_bones=True,
        bake_anim_use_nla_strips=False,
        bake_anim_use_all_actions=False,
        bake_anim_force_startend_keying=True,
        bake_anim_step=1.0,
        bake_anim_simplify_factor=0.0,
    )


def _glb(stage: Stage, path: Path, scene: Any) -> None:
    """Dense linear keys are written as they are, with exact times at fractional frame rates."""
    last = stage.scene.frame_end
    owners = [stage.rig, *(o.data.shape_keys for o in stage.meshes if o.data.shape_keys is not None)]
    moves = any(o.animation_data is not None and o.animation_data.action is not None for o in owners)
    _select(stage)
    for inverse in (True, False):  # see _times_inverted
        with _times_inverted(stage.scene, scene, inverse):
            _run(
                "glTF",
                bpy.ops.export_scene.gltf,
                filepath=str(path),
                export_format="GLB",
                use_selection=True,
                export_animations=True,
                export_animation_mode="ACTIVE_ACTIONS",
                export_anim_single_armature=False,  # else every action in the file that fits
                export_nla_strips_merged_animation_name=stage.scene.name,
                export_force_sampling=False,
                export_frame_range=False,
                export_morph=True,
                export_morph_animation=True,
                export_morph_normal=False,
                export_optimize_animation_size=False,
                export_skins=True,
                export_yup=True,
            )
        if not moves or _last_time_is_right(path, scene, last):
            return
    raise InnerfaceError(f"this Blender writes glTF times that do not fit {scene_rate(scene):.3f} fps; export FBX instead")


def _select(stage: Stage) -> None:
    """The exporters take what is selected."""
    layer = stage.scene.view_layers[0]
    for obj in (stage.rig, *stage.meshes):
        obj.select_set(True, view_layer=layer)
    layer.objects.active = stage.rig


def _run(what: str, operator: Any, **options: Any) -> None:
    known = operator.get_rna_type().properties
    try:
        result = operator(**{k: v for k, v in options.items() if k in known})
    except RuntimeError as error:
        raise InnerfaceError(
            f"Blender's {what} exporter failed ({str(error).strip().splitlines()[-1]}); save the file and try again"
        ) from None
    if "FINISHED" not in result:
        raise InnerfaceError(f"Blender's {what} exporter gave up; is something else running in Blender?")


@contextmanager
def _times_inverted(stage: Any, scene: Any, inverse: bool) -> Iterator[None]:
    """Blender's glTF exporter (4.2 to 5.2) divides frames by fps * fps_base where fps / fps_base is meant; with the
    base inverted for the time being its times come out right."""
    try:
        stage.render.fps_base = 1.0 / scene.render.fps_base if inverse else scene.render.fps_base
        yield
    finally:
        stage.render.fps_base = scene.render.fps_base


def _last_time_is_right(path: Path, scene: Any, last: float) -> bool:
    """Compare the file's last key time with the frame `last`, to half a frame."""
    with open(path, "rb") as source:
        _, _, _, length, _ = struct.unpack("<4sIIII", source.read(20))
        data = json.loads(source.read(length))
    ends = [data["accessors"][s["input"]]["max"][0] for a in data.get("animations", []) for s in a["samplers"]]
    rate = scene_rate(scene)
    return scene.render.fps_base == 1.0 or (bool(ends) and bool(np.abs(max(ends) - last / rate) < 0.5 / rate))

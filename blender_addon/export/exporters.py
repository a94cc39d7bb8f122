"""FBX and GLB files with shape key animation, by Blender's exporters, whose defaults lose it.

Why the exports are made of copies: docs/adr/0012-export-from-copies.md.
"""

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

from ...core.errors import InnerfaceError
from .. import compat
from ..animation.playback import playing_action
from ..animation.scene_time import scene_rate
from ..animation.take_action import TakeAction
from ..character.face import Face
from . import glb_file
from .evaluate_scene import Progress, character_meshes, evaluate_scene
from .export_scene import ExportScene, export_scene


@dataclass(frozen=True)
class Preset:
    """Export settings for one engine; `rig_name`: of the node above the bones, "" to keep the rig's."""

    name: str
    file_format: str
    units_per_metre: float
    rig_name: str = ""
    import_steps: tuple[str, ...] = ()


PRESETS = {
    "UNREAL": Preset(
        "Unreal",
        "fbx",
        100.0,
        "Armature",
        (
            "Import as a Skeletal Mesh: Import Morph Targets on, Import Animations on, "
            "Use Existing Skeleton: none (or the one of an earlier take).",
            "Units are centimetres already: Import Uniform Scale 1, Convert Scene Unit off. "
            "Import Normals; smoothing groups are in the file.",
            "The node above the bones is called Armature, which Unreal omits, so that the first bone is the root. "
            "The head's pose is on its bone.",
            "The animation is in morph target curves, which play on the Skeletal Mesh; "
            "a MetaHuman needs a pose asset for them.",
        ),
    ),
    "UNITY": Preset(
        "Unity",
        "fbx",
        100.0,
        "",
        (
            "Model tab: Scale Factor 1, Convert Units on, Import BlendShapes on, "
            "Blend Shape Normals: Import (or Calculate).",
            "Rig tab: Animation Type Generic. Animation tab: Import Animation on, Anim. Compression off; "
            "curves are called blendShape.<name>, 0 to 100.",
            "Object names and paths are the same in every export of this character, so clips are interchangeable.",
        ),
    ),
    "GODOT": Preset(
        "Godot",
        "glb",
        1.0,
        "",
        (
            "Drop the file into the project: blend shapes and animation are imported as they are; units are metres.",
            "Import > Animation: FPS as below, Trimming off; keep Optimizer off, or its Max Velocity Error at 0.01.",
        ),
    ),
    "GLB": Preset(
        "glTF (web, three.js)",
        "glb",
        1.0,
        "",
        ("glTF 2.0: morph weights and the head bone's rotation, linear keys on every frame, metres.",),
    ),
}
UNITY_MAX_WEIGHT = 1.0


@dataclass
class ExportReport:
    """The contents of an exported file, and notes for the user."""

    notes: list[str]
    mesh_count: int
    bone_count: int
    frame_count: int
    clip: str


def export_face(
    face: Face,
    scene: Any,
    path: str | Path,
    *,
    preset: str,
    modifiers: str = "SHAPE",
    optimise: bool = False,
    progress: Progress | None = None,
) -> ExportReport:
    """Write a face and its animation over the scene's frame range, whatever moves it.

    `optimise`: a smaller GLB, by sparse accessors, which not every reader takes. Raises InnerfaceError.
    """
    target_preset = PRESETS[preset]
    evaluated = evaluate_scene(face, scene, character_meshes(face, scene), progress=progress)
    animation_name = clip_name(face)
    with export_scene(
        face,
        scene,
        evaluated,
        name=animation_name,
        unit=target_preset.units_per_metre,
        modifiers=modifiers,
        rig_name=target_preset.rig_name,
    ) as prepared:
        if target_preset.file_format == "fbx":
            _write_fbx(prepared, Path(path))
        else:
            _write_glb(prepared, Path(path), scene)
            glb_file.simplify(path, sparse=optimise)
        notes = list(dict.fromkeys(prepared.notes))
        if preset == "UNITY" and prepared.peak > UNITY_MAX_WEIGHT + 1e-4:
            notes.append(
                f"Weights reach {prepared.peak * 100:.0f}; Unity clamps them at 100 unless "
                "Player Settings > Clamp BlendShapes is off"
            )
        return ExportReport(
            notes, len(prepared.meshes), len(prepared.rig.data.bones), len(evaluated.frames), animation_name
        )


def export_fbx(
    face: Face, scene: Any, path: str | Path, *, modifiers: str = "SHAPE", progress: Progress | None = None
) -> ExportReport:
    """Write an FBX in centimetres, for Unreal, Maya and others."""
    return export_face(face, scene, path, preset="UNREAL", modifiers=modifiers, progress=progress)


def export_glb(
    face: Face,
    scene: Any,
    path: str | Path,
    *,
    modifiers: str = "SHAPE",
    optimise: bool = False,
    progress: Progress | None = None,
) -> ExportReport:
    """Write a GLB; `optimise`: a smaller one (see `export_face`)."""
    return export_face(face, scene, path, preset="GLB", modifiers=modifiers, optimise=optimise, progress=progress)


def clip_name(face: Face) -> str:
    """Return the name of the animation in the file: that of the current take."""
    action = playing_action(face)
    if action is None:
        action = next(
            (
                o.animation_data.action
                for o in face.owners
                if o.animation_data is not None and o.animation_data.action is not None
            ),
            None,
        )
    return face.name if action is None else take_name(action)


def take_name(action: Any) -> str:
    """Return an action's name; before slots, where a take is an action per datablock, the take's."""
    return action.name if compat.supports_shared_action() else TakeAction(action).take_name


def import_instructions(report: ExportReport, *, path: Path, preset: str, scene: Any) -> str:
    """Return the text beside an exported file: how to import it."""
    target_preset = PRESETS[preset]
    lines = [f"{path.name}: import settings for {target_preset.name}", ""]
    lines += [f"{k}. {step}" for k, step in enumerate(target_preset.import_steps, start=1)]
    lines += [
        "",
        f"Clip: {report.clip}, {report.frame_count} frames at {scene_rate(scene):.3f} fps, "
        f"{report.frame_count / scene_rate(scene):.3f} s.",
    ]
    lines += [f"Meshes: {report.mesh_count}. Bones: {report.bone_count}.", *(f"Note: {note}." for note in report.notes)]
    lines += [
        "",
        "Written by Innerface and tested with independent readers of the format; not opened in Unreal, Unity or Godot.",
    ]
    return "\n".join(lines) + "\n"


def _write_fbx(prepared: ExportScene, path: Path) -> None:
    """Write an FBX.

    The exporter samples the scene at every frame. Faces show their basis shape meanwhile: it reads the values of shape
    keys, and writes the meshes as stored.
    """
    for obj in prepared.meshes:
        obj.show_only_shape_key, obj.active_shape_key_index = True, 0
    _select_objects(prepared)
    _run_exporter(
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


def _write_glb(prepared: ExportScene, path: Path, scene: Any) -> None:
    """Write a GLB: dense linear keys as they are, with exact times at fractional frame rates."""
    last = prepared.scene.frame_end
    owners = [prepared.rig, *(o.data.shape_keys for o in prepared.meshes if o.data.shape_keys is not None)]
    is_animated = any(o.animation_data is not None and o.animation_data.action is not None for o in owners)
    _select_objects(prepared)
    for invert in (True, False):  # see _fps_base_workaround
        with _fps_base_workaround(prepared.scene, scene, invert):
            _run_exporter(
                "glTF",
                bpy.ops.export_scene.gltf,
                filepath=str(path),
                export_format="GLB",
                use_selection=True,
                use_active_scene=True,
                export_animations=True,
                export_animation_mode="ACTIVE_ACTIONS",
                export_anim_single_armature=False,  # else every action in the file that fits
                export_nla_strips_merged_animation_name=prepared.scene.name,
                export_force_sampling=False,
                export_frame_range=False,
                export_morph=True,
                export_morph_animation=True,
                export_morph_normal=False,
                export_try_sparse_sk=False,
                export_optimize_animation_size=False,
                export_skins=True,
                export_yup=True,
            )
        if not is_animated or _last_time_matches(path, scene, last):
            return
    raise InnerfaceError(
        f"this Blender writes glTF times that do not fit {scene_rate(scene):.3f} fps; export FBX instead"
    )


def _select_objects(prepared: ExportScene) -> None:
    """Select what is exported."""
    layer = prepared.scene.view_layers[0]
    for obj in (prepared.rig, *prepared.meshes):
        obj.select_set(True, view_layer=layer)
    layer.objects.active = prepared.rig


def _run_exporter(exporter_name: str, operator: Any, **options: Any) -> None:
    supported = operator.get_rna_type().properties
    try:
        result = operator(**{k: v for k, v in options.items() if k in supported})
    except RuntimeError as error:
        raise InnerfaceError(
            f"Blender's {exporter_name} exporter failed ({str(error).strip().splitlines()[-1]}); "
            "save the file and try again"
        ) from None
    if "FINISHED" not in result:
        raise InnerfaceError(
            f"Blender's {exporter_name} exporter was cancelled; end what else runs in Blender and try again"
        )


@contextmanager
def _fps_base_workaround(temporary_scene: Any, scene: Any, invert: bool) -> Iterator[None]:
    """Invert the scene's fps_base for the time being: Blender's glTF exporter (4.2 to 5.2) divides frames by
    fps * fps_base instead of fps / fps_base."""
    try:
        temporary_scene.render.fps_base = 1.0 / scene.render.fps_base if invert else scene.render.fps_base
        yield
    finally:
        temporary_scene.render.fps_base = scene.render.fps_base


def _last_time_matches(path: Path, scene: Any, last: float) -> bool:
    """Whether the file's last key time is that of the frame `last`, within half a frame."""
    with open(path, "rb") as source:
        _, _, _, length, _ = struct.unpack("<4sIIII", source.read(20))
        data = json.loads(source.read(length))
    ends = [data["accessors"][s["input"]]["max"][0] for a in data.get("animations", []) for s in a["samplers"]]
    rate = scene_rate(scene)
    return scene.render.fps_base == 1.0 or (bool(ends) and bool(np.abs(max(ends) - last / rate) < 0.5 / rate))

"""FBX, GLB, USD and Alembic files with shape key animation, by Blender's exporters, whose defaults lose it.

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
from ..animation.scene_time import scene_rate
from ..character.face import Face
from . import fbx_properties, glb_file
from .clip_names import clip_name
from .evaluate_scene import Progress, character_meshes, evaluate_scene
from .export_scene import ExportScene, export_scene
from .metahuman import control_curves


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
    "METAHUMAN": Preset(
        "MetaHuman (Unreal)",
        "fbx",
        100.0,
        "Armature",
        (
            "Import as a Skeletal Mesh with Import Animations and Import Custom Attribute on: the root bone carries "
            "MetaHuman's control curves (CTRL_expressions_...), which become curves of the animation.",
            "Retarget the animation to the MetaHuman's face skeleton (Face_Archetype_Skeleton), or copy its curves; "
            "the face's post-process Animation Blueprint plays them.",
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
    "USD": Preset(
        "USD (UsdSkel)",
        "usdc",
        1.0,
        "",
        (
            "Blend shapes with animated weights and one skeleton, in metres; time codes are frames, "
            "timeCodesPerSecond is the frame rate.",
        ),
    ),
    "ALEMBIC": Preset(
        "Alembic (cache)",
        "abc",
        1.0,
        "",
        ("Every frame's vertices, in metres: shapes, bones and names of channels are not in the file.",),
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
    controls_metahuman = preset == "METAHUMAN"
    evaluated = evaluate_scene(
        face, scene, character_meshes(face, scene), progress=progress, with_properties=controls_metahuman
    )
    controls = control_curves(face, evaluated) if controls_metahuman else None
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
        elif target_preset.file_format == "usdc":
            _write_usd(prepared, Path(path))
        elif target_preset.file_format == "abc":
            _write_alembic(prepared, Path(path))
        else:
            _write_glb(prepared, Path(path), scene)
            glb_file.simplify(path, sparse=optimise)
        notes = list(dict.fromkeys(prepared.notes))
        if controls is not None:
            root_bone = next(b.name for b in prepared.rig.data.bones if b.parent is None)
            fbx_properties.animate_properties(path, root_bone, controls.values, rate=scene_rate(scene))
            notes += controls.notes
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
        "Written by Innerface, whose exports are tested with Godot 3, three.js and other readers; "
        "not opened in Unreal or Unity.",
    ]
    return "\n".join(lines) + "\n"


def _write_fbx(prepared: ExportScene, path: Path) -> None:
    """Write an FBX.

    The exporter samples the scene at every frame. Faces show their basis shape meanwhile: it reads the values of shape
    keys, and writes the meshes as stored.
    """
    _show_basis(prepared)
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


def _write_usd(prepared: ExportScene, path: Path) -> None:
    """Write a USD file, of the kind that its suffix says (binary .usdc by default).

    The exporter evaluates the scene at every frame. Faces show their basis shape meanwhile, as for FBX.
    """
    _show_basis(prepared)
    _select_objects(prepared)
    _run_exporter(
        "USD",
        bpy.ops.wm.usd_export,
        filepath=str(path),
        selected_objects_only=True,
        visible_objects_only=False,
        export_animation=True,
        export_shapekeys=True,
        export_armatures=True,
        export_uvmaps=True,
        export_normals=True,
        export_subdivision="IGNORE",
        convert_world_material=False,
        allow_unicode=True,
        evaluation_mode="VIEWPORT",
    )


def _write_alembic(prepared: ExportScene, path: Path) -> None:
    """Write an Alembic file."""
    _select_objects(prepared)
    _run_exporter(
        "Alembic",
        bpy.ops.wm.alembic_export,
        filepath=str(path),
        selected=True,
        visible_objects_only=False,
        start=prepared.scene.frame_start,
        end=prepared.scene.frame_end,
        uvs=True,
        face_sets=True,
        evaluation_mode="VIEWPORT",
    )


def _show_basis(prepared: ExportScene) -> None:
    """Let meshes show their basis shape, which spares Blender the blending of shapes at every frame."""
    for obj in prepared.meshes:
        obj.show_only_shape_key, obj.active_shape_key_index = True, 0


def _select_objects(prepared: ExportScene) -> None:
    """Select what is exported."""
    layer = prepared.scene.view_layers[0]
    for obj in (prepared.rig, *prepared.meshes):
        obj.select_set(True, view_layer=layer)
    layer.objects.active = prepared.rig


def _run_exporter(exporter_name: str, operator: Any, **options: Any) -> None:
    try:
        supported = operator.get_rna_type().properties
    except KeyError:
        raise InnerfaceError(
            f"this Blender was built without {exporter_name}; use one from blender.org, or export FBX or GLB"
        ) from None
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

"""FBX and GLB with the shape animation in them; the exporters' defaults lose it (see docs/design.md, Export)."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..core.errors import InnerfaceError
from . import compat, curves
from .face import Face
from .keying import scene_rate


def _objects(face: Face, scene: Any) -> list[Any]:
    """What goes into the file: the rig with everything under it that the scene shows, or the face's meshes.

    Raises InnerfaceError for a part of the face that the scene does not hold.
    """
    there = set(scene.view_layers[0].objects)
    for obj in [m.object for m in face.meshes] + ([face.rig] if face.rig is not None else []):
        if obj not in there:
            raise InnerfaceError(f"'{obj.name}' is not in the scene's view layer; include its collection to export the face")
    if face.rig is None:
        return [m.object for m in face.meshes]
    under = [o for o in scene.view_layers[0].objects if o.type == "MESH" and (o.find_armature() == face.rig or o.parent == face.rig)]
    return [face.rig, *under]


@contextmanager
def _only(face: Face, objects: list[Any], scene: Any) -> Iterator[None]:
    """Select exactly `objects` while exporting; selection and visibility come back as they were."""
    layer = scene.view_layers[0]
    before = [o for o in layer.objects if o.select_get()]
    active = layer.objects.active
    states = [(o, o.hide_get(), o.hide_viewport, o.hide_select) for o in objects]
    try:
        for o in objects:
            o.hide_viewport = o.hide_select = False
            o.hide_set(False)
        for o in before:
            o.select_set(False)
        for o in objects:
            o.select_set(True)
        layer.objects.active = objects[0]
        for mesh in face.meshes:
            if not mesh.object.select_get() or not mesh.object.visible_get():
                raise InnerfaceError(f"'{mesh.object.name}' is in a hidden collection; show it to export the face")
        yield
    finally:
        for o in objects:
            o.select_set(False)
        for o, eye, viewport, select in states:
            o.hide_set(eye)
            o.hide_viewport, o.hide_select = viewport, select
        for o in before:
            o.select_set(True)
        layer.objects.active = active


@contextmanager
def _pinned(face: Face, scene: Any) -> Iterator[None]:
    """Let faces stay in their rest shape while the exporter goes through the frames: it reads the keys' values, which play on, and writes the meshes as they
    are stored, so the file is the same, and ten minutes take seconds. Left out where something follows a face's surface."""
    meshes = [mesh.object for mesh in face.meshes] if not _follows_surface(face, scene) else []
    before = [(o, o.show_only_shape_key, o.active_shape_key_index) for o in meshes]
    try:
        for o in meshes:
            o.show_only_shape_key, o.active_shape_key_index = True, 0
        yield
    finally:
        for o, only, index in before:
            o.show_only_shape_key, o.active_shape_key_index = only, index


def _follows_surface(face: Face, scene: Any) -> bool:
    """Whether any object or bone takes its place from where a face's vertices are."""
    meshes = {mesh.object for mesh in face.meshes}

    def by_surface(constraint: Any) -> bool:
        return getattr(constraint, "target", None) in meshes and (constraint.type == "SHRINKWRAP" or bool(getattr(constraint, "subtarget", "")))

    for o in scene.objects:
        if o.parent in meshes and o.parent_type.startswith("VERTEX"):
            return True
        bones = o.pose.bones if o.pose is not None else ()
        if any(by_surface(c) for c in [*o.constraints, *(c for b in bones for c in b.constraints)]):
            return True
        if o not in meshes and any(getattr(m, "target", None) in meshes or getattr(m, "object", None) in meshes for m in o.modifiers):
            return True
    return False


def export_fbx(face: Face, scene: Any, path: str | Path) -> None:
    """Write `face` and the action that plays on it. The exporter samples the scene's frame range at every frame.

    Modifiers stay out of it: a Subdivision modifier would drop all shapes. Raises InnerfaceError.
    """
    with _only(face, _objects(face, scene), scene), _pinned(face, scene):
        _run(
            "FBX",
            bpy.ops.export_scene.fbx,
            filepath=str(path),
            use_selection=True,
            object_types={"ARMATURE", "MESH", "EMPTY"},
            use_mesh_modifiers=False,
            add_leaf_bones=False,
            mesh_smooth_type="FACE",
            bake_anim=True,
            bake_anim_use_all_bones=True,
            bake_anim_use_nla_strips=False,
            bake_anim_use_all_actions=False,
            bake_anim_force_startend_keying=True,
            bake_anim_step=1.0,
            bake_anim_simplify_factor=0.0,
        )


def export_glb(face: Face, scene: Any, path: str | Path) -> None:
    """Write `face` and what plays on it, with exact key times at fractional frame rates.

    Dense linear keys are written as they are; Bezier keys are first sampled at every frame, because glTF's splines
    cannot hold Blender's handles. Where more than a take plays (NLA strips, other animated parts), the whole scene is
    sampled at every frame instead, as it looks. Raises InnerfaceError.
    """
    objects = _objects(face, scene)
    mixed = _other_animation(face, objects)
    how = {"export_animation_mode": "SCENE", "export_force_sampling": True, "export_frame_range": True, "export_bake_animation": True}
    if not mixed:
        how = {"export_animation_mode": "ACTIVE_ACTIONS", "export_force_sampling": False, "export_frame_range": False}
    with _only(face, objects, scene), _dense(face, scene) if not mixed else nullcontext():
        last = scene.frame_end if mixed else _last_frame(face)
        for inverse in (True, False):  # see _times_inverted
            with _times_inverted(scene, inverse):
                _run(
                    "glTF",
                    bpy.ops.export_scene.gltf,
                    filepath=str(path),
                    export_format="GLB",
                    use_selection=True,
                    export_animations=True,
                    export_morph=True,
                    export_morph_animation=True,
                    export_morph_normal=False,
                    export_optimize_animation_size=False,
                    export_skins=True,
                    export_yup=True,
                    **how,
                )
            if last is None or _last_time_is_right(Path(path), scene, last):
                return
        raise InnerfaceError(f"this Blender writes glTF times that do not fit {scene_rate(scene):.3f} fps; export FBX instead")


def _other_animation(face: Face, objects: list[Any]) -> bool:
    """Whether anything but the playing actions of the face moves what is exported."""
    own = face.owners
    blocks = own + objects + [o.data.shape_keys for o in objects if o.type == "MESH" and o.data.shape_keys is not None]
    for block in dict.fromkeys(blocks):
        data = block.animation_data
        if data is not None and (any(not t.mute for t in data.nla_tracks) or (data.action is not None and block not in own)):
            return True
    return False


def _last_frame(face: Face) -> float | None:
    """Last keyed frame of what plays on the face; None where nothing does."""
    ends = []
    for owner in face.owners:
        data = owner.animation_data
        source = compat.fcurves_of(data.action, owner, create=False) if data is not None and data.action is not None else None
        ends += [c.keyframe_points[-1].co.x for c in source or () if len(c.keyframe_points)]
    return max(ends) if ends else None


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
def _times_inverted(scene: Any, inverse: bool) -> Iterator[None]:
    """Blender's glTF exporter (4.2 to 5.2) divides frames by fps * fps_base where fps / fps_base is meant; with the
    base inverted for the time being its times come out right."""
    base = scene.render.fps_base
    try:
        if inverse:
            scene.render.fps_base = 1.0 / base
        yield
    finally:
        scene.render.fps_base = base


def _last_time_is_right(path: Path, scene: Any, last: float) -> bool:
    """Compare the file's last key time with the frame `last`, to half a frame."""
    with open(path, "rb") as source:
        _, _, _, length, _ = struct.unpack("<4sIIII", source.read(20))
        data = json.loads(source.read(length))
    ends = [data["accessors"][s["input"]]["max"][0] for a in data.get("animations", []) for s in a["samplers"]]
    rate = scene_rate(scene)
    return scene.render.fps_base == 1.0 or (bool(ends) and abs(max(ends) - last / rate) < 0.5 / rate)


@contextmanager
def _dense(face: Face, scene: Any) -> Iterator[None]:
    """Let dense linear keys stand in for the playing curves while glTF is written; the scene comes back as it was."""
    frames = np.arange(scene.frame_start, scene.frame_end + 1)
    swaps, made, names = [], [], {}
    try:
        for owner in face.owners:
            data = owner.animation_data
            if data is None or data.action is None:
                continue
            source = compat.fcurves_of(data.action, owner, create=False)
            if source is None or all(_is_dense(c, frames) for c in source):
                continue
            action = bpy.data.actions.new(data.action.name)
            made.append(action)
            target = compat.fcurves_of(action, owner)
            for curve in source:
                curves.write_curve(target, curve.data_path, frames, curves.sample(curve, frames), curve.array_index)
            swaps.append((owner, data.action))
            names.setdefault(data.action, data.action.name)
            data.action.name = "Innerface keys"
            action.name = names[data.action]
            compat.assign(action, owner)
        yield
    finally:
        for owner, action in swaps:
            compat.assign(action, owner)
        for action in made:
            bpy.data.actions.remove(action)
        for action, name in names.items():
            action.name = name


def _is_dense(curve: Any, frames: np.ndarray) -> bool:
    points = curve.keyframe_points
    if len(points) < len(frames):
        return False
    kinds = np.empty(len(points), dtype=np.int32)
    points.foreach_get("interpolation", kinds)
    return bool((kinds == 1).all())

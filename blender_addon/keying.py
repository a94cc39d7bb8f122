"""Keying a weights track on a face: resampled to the scene's rate, one action per take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from ..core import reduce as key_reduction
from ..core.channels import ARKIT, HEAD_ANGLES
from ..core.errors import InnerfaceError
from ..core.resample import frame_times, linear
from ..core.take import Track
from . import compat, curves
from .face import Face, FaceMesh

SLIDER_LIMIT = 10.0  # Blender's own limit for shape-key sliders
MAX_FRAME = 1_048_574  # and for frame numbers
_OURS = "innerface_take"  # marks actions made here
# Head frame (x left, y up, z out of the face) to Blender's world for a character that faces -Y.
_TO_BLENDER = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


@dataclass
class Keyed:
    """What keying made: curves for `owners` (datablock, action), which `play` puts on the face. `notes` are for the user."""

    frames: int
    first_frame: int
    owners: list[tuple[Any, Any]] = field(default_factory=list)
    dense_keys: int = 0
    keys: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def actions(self) -> list[Any]:
        """The take's actions: one, or one per datablock before Blender 4.4."""
        return list(dict.fromkeys(action for _, action in self.owners))


def scene_rate(scene: Any) -> float:
    """Frames per second as the scene plays: fps / fps_base (23.976 is 24 / 1.001).

    Blender keeps the base in float32; NTSC's 1.001 is meant exactly, else ten minutes would be 28 µs off.
    """
    base = scene.render.fps_base
    return scene.render.fps / (1.001 if abs(base - 1.001) < 1e-6 else base)


def key_track(face: Face, track: Track, name: str, scene: Any, tolerance: float | None = None) -> Keyed:
    """Make curves of `track` for every mesh of `face` from the scene's start frame on, and of its head angles for the head.

    Nothing plays them before `play`.

    `tolerance` (weight units) reduces keys to Bezier ones whose curve stays that close at every frame; None keys every
    frame linearly. Raises InnerfaceError if the track has none of the 52 channels or a datablock cannot be keyed.
    """
    if not any(c in track.columns for c in ARKIT):
        raise InnerfaceError(f"{name}: has none of Apple's 52 channels; give a weights take")
    if scene.frame_start + track.duration * scene_rate(scene) > MAX_FRAME:
        raise InnerfaceError(
            f"{name}: lasts {track.duration:.0f} s, more frames than Blender can hold; if its time is in milliseconds, call the column time_ms"
        )
    at = frame_times(track.time, scene_rate(scene))
    channels = tuple(c for c in ARKIT if c in track.columns and not np.isnan(track.column(c)).all())
    weights = linear(track.time, track.select(channels), at)
    out = Keyed(len(at), scene.frame_start)
    action = _new_action(name) if compat.shared_action() else None
    for mesh in face.meshes:
        _check_editable(mesh)
        values = weights @ mesh.match.matrix(channels)
        target = action or _new_action(f"{name} {mesh.object.name}")
        _key_mesh(out, mesh, target, values, tolerance)
    angles = track.select(HEAD_ANGLES)
    if np.nanmax(np.abs(np.nan_to_num(angles))) > 0:
        turned = np.nan_to_num(linear(track.time, angles, at))
        _key_head(out, face, action or _new_action(f"{name} head"), turned, tolerance)
    missing = [c for c in channels if c in face.unmatched_channels()]
    if missing:
        out.notes.append(f"no key on {face.name} answers to {', '.join(missing)}")
    return out


def _new_action(name: str) -> Any:
    action = bpy.data.actions.new(name)
    action.use_fake_user = True
    action[_OURS] = True
    return action


def _check_editable(mesh: FaceMesh) -> None:
    if mesh.key.library is not None or mesh.object.data.library is not None:
        raise InnerfaceError(
            f"object '{mesh.object.name}' is linked from {mesh.object.data.library.filepath}; make it local or a library override"
        )


def _key_mesh(out: Keyed, mesh: FaceMesh, action: Any, values: np.ndarray, tolerance: float | None) -> None:
    """Key all matched shape keys of one mesh, leaving driven ones alone and saying so."""
    driven = _drivers(mesh.key)
    fcurves = compat.fcurves_of(action, mesh.key)
    keep = []
    for i, name in enumerate(mesh.match.keys):
        path = curves.shape_key_path(name)
        if path in driven:
            out.notes.append(f"'{name}' on {mesh.object.name} is driven by {driven[path]}; it was not keyed: key that instead")
            continue
        _widen(out, mesh, name, values[:, i])
        keep.append(i)
    paths = [curves.shape_key_path(mesh.match.keys[i]) for i in keep]
    _write(out, fcurves, paths, [0] * len(paths), values[:, keep], tolerance)
    out.owners.append((mesh.key, action))


def _drivers(key: Any) -> dict[str, str]:
    """Data paths of driven shape keys and a text that names what drives each."""
    out = {}
    for curve in key.animation_data.drivers if key.animation_data else []:
        sources = []
        for variable in curve.driver.variables:
            for target in variable.targets:
                if target.id is not None:
                    what = target.data_path or target.bone_target or variable.type
                    sources.append(f"{target.id.name} {what}".strip())
        out[curve.data_path] = "; ".join(sources) or curve.driver.expression
    return out


def _widen(out: Keyed, mesh: FaceMesh, name: str, values: np.ndarray) -> None:
    """Sliders clamp: open them as far as the take goes."""
    block = mesh.key.key_blocks[name]
    low, high = float(values.min()), float(values.max())
    if low < -SLIDER_LIMIT or high > SLIDER_LIMIT:
        raise InnerfaceError(
            f"'{name}' would reach {max(-low, high):g}, beyond the {SLIDER_LIMIT:g} of Blender's sliders; check the take's scale"
        )
    was = (block.slider_min, block.slider_max)
    if low < was[0] - 1e-6:
        block.slider_min = np.floor(low * 100) / 100
    if high > was[1] + 1e-6:
        block.slider_max = np.ceil(high * 100) / 100
    if (block.slider_min, block.slider_max) != was:
        out.notes.append(f"slider of '{name}' on {mesh.object.name} widened to {block.slider_min:.2f}..{block.slider_max:.2f}")


def _write(out: Keyed, fcurves: Any, paths: list[str], indices: list[int], values: np.ndarray, tolerance: float | None) -> None:
    frames = out.first_frame + np.arange(len(values))
    out.dense_keys += values.size
    if tolerance is None:
        for c, (path, index) in enumerate(zip(paths, indices)):
            curves.write_curve(fcurves, path, frames, values[:, c], index)
        out.keys += values.size
        return
    for c, keys in enumerate(key_reduction.reduce(values, tolerance)):
        curves.write_curve(fcurves, paths[c], frames[keys], values[keys, c], indices[c], bezier=True)
        out.keys += len(keys)


def _key_head(out: Keyed, face: Face, action: Any, angles: np.ndarray, tolerance: float | None) -> None:
    """Key head angles (T, 3: yaw, pitch, roll in rad) on the head bone, or on the object where there is none."""
    owner = face.turns
    if owner.type == "ARMATURE" and face.head_bone is None:
        out.notes.append(f"{owner.name} has no bone called head; the take's head angles were not keyed")
        return
    # A character faces -Y of its own heading, however it was turned about Z in the scene.
    heading = np.array(Matrix.Rotation(owner.matrix_world.to_euler("XYZ").z, 3, "Z"))
    to_world = heading @ _TO_BLENDER
    rotations = to_world @ head_rotation(angles) @ to_world.T
    if face.head_bone is not None:
        target = owner.pose.bones[face.head_bone]
        rest = np.array((owner.matrix_world @ target.bone.matrix_local).to_3x3().normalized())
        rotations = rest.T @ rotations @ rest
        prefix = f'pose.bones["{bpy.utils.escape_identifier(face.head_bone)}"].'
    else:
        target, prefix = owner, ""
        rotations = rotations @ np.array(owner.matrix_basis.to_3x3().normalized())
    if target.rotation_mode == "QUATERNION":
        values, path = _quaternions(rotations), "rotation_quaternion"
    elif target.rotation_mode == "AXIS_ANGLE":
        out.notes.append(f"{owner.name}: the head turns in axis-angle mode, which is not keyed; switch it to quaternion")
        return
    else:
        values, path = _eulers(rotations, target.rotation_mode), "rotation_euler"
    fcurves = compat.fcurves_of(action, owner)
    _write(out, fcurves, [prefix + path] * values.shape[1], list(range(values.shape[1])), values, tolerance)
    out.owners.append((owner, action))


def head_rotation(angles: np.ndarray) -> np.ndarray:
    """Rotation matrices (T, 3, 3) in the head frame: yaw about +Y, then pitch about +X, then roll about +Z (R = Ry Rx Rz)."""
    cy, cx, cz = np.cos(angles).T
    sy, sx, sz = np.sin(angles).T
    zero, one = np.zeros_like(cy), np.ones_like(cy)
    ry = np.stack([cy, zero, sy, zero, one, zero, -sy, zero, cy], axis=1).reshape(-1, 3, 3)
    rx = np.stack([one, zero, zero, zero, cx, -sx, zero, sx, cx], axis=1).reshape(-1, 3, 3)
    rz = np.stack([cz, -sz, zero, sz, cz, zero, zero, zero, one], axis=1).reshape(-1, 3, 3)
    return ry @ rx @ rz


def _quaternions(rotations: np.ndarray) -> np.ndarray:
    out = np.array([Matrix(r.tolist()).to_quaternion() for r in rotations])
    flips = np.cumprod(np.where((out[1:] * out[:-1]).sum(1) < 0, -1.0, 1.0))
    out[1:] *= flips[:, None]
    return out


def _eulers(rotations: np.ndarray, order: str) -> np.ndarray:
    previous, out = None, []
    for r in rotations:
        matrix = Matrix(r.tolist())
        previous = matrix.to_euler(order, previous) if previous is not None else matrix.to_euler(order)
        out.append(previous[:])
    return np.array(out)


def play(face: Face, keyed: Keyed) -> list[str]:
    """Put one keyed take's curves on the face; returns notes about what made room.

    What played before and was not made here is kept below the take as an NLA strip, so a body goes on walking while the
    head is keyed. Where this take moves nothing (no head angles), an earlier take of ours is taken off.
    """
    notes = []
    for owner, action in keyed.owners:
        before = owner.animation_data.action if owner.animation_data else None
        if before is not None and before != action and not before.get(_OURS):
            compat.push_down(owner)
            notes.append(f"{owner.name} played '{before.name}'; it goes on below the take, as an NLA strip")
        compat.assign(action, owner)
    animated = [owner for owner, _ in keyed.owners]
    for owner in face.owners:
        data = owner.animation_data
        if owner not in animated and data is not None and data.action is not None and data.action.get(_OURS):
            data.action = None
            if owner == face.turns and face.head_bone is not None:
                owner.pose.bones[face.head_bone].matrix_basis.identity()
    return notes

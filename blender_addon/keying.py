"""Keying a weights track on a face: resampled to the scene's rate, one action per take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import bpy
import numpy as np

from ..core import reduce as key_reduction
from ..core.channels import ARKIT, HEAD_ANGLES
from ..core.errors import InnerfaceError
from ..core.hand_made import free
from ..core.resample import frame_times, linear
from ..core.take import Track
from . import baked, compat, curves
from .face import Face, FaceMesh, check_editable
from .head_turn import head_turn

SLIDER_LIMIT = 10.0  # Blender's own limit for shape-key sliders
MAX_FRAME = 1_048_574  # and for frame numbers
_OURS = "innerface_take"  # marks actions made here


@dataclass(frozen=True)
class Part:
    """What of a take is keyed, and where. `start`: the frame of the take's first row, which may lie between frames (None: the scene's start); `first`:
    frames before it are left out;
    `invented`: channels that were made up; keys which only they feed are left out, or, with `only_invented`, the only ones that are keyed (and no head);
    `before`: actions of an earlier bake by the datablock they animate, which are written again: keys that an animator made on them stay."""

    start: float | None = None
    first: int | None = None
    invented: frozenset[str] = frozenset()
    only_invented: bool = False
    before: dict[Any, Any] = field(default_factory=dict)

    def wants(self, channels: set[str]) -> bool:
        """Whether a key fed by these channels is keyed."""
        return (channels <= self.invented) == self.only_invented


@dataclass
class Keyed:
    """What keying made: curves for `owners` (datablock, action), which `play` puts on the face. `notes` are for the user."""

    frames: int
    first_frame: int
    owners: list[tuple[Any, Any]] = field(default_factory=list)
    dense_keys: int = 0
    keys: int = 0
    notes: list[str] = field(default_factory=list)
    part: Part = field(default_factory=Part)
    baked: dict[Any, dict[baked.Curve, tuple[np.ndarray, np.ndarray]]] = field(default_factory=dict)  # by action: what an earlier bake wrote
    written: dict[Any, dict[baked.Curve, tuple[np.ndarray, np.ndarray]]] = field(default_factory=dict)
    hand_made: int = 0  # keys of an animator's that stayed

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


def key_track(face: Face, track: Track, name: str, scene: Any, tolerance: float | None = None, part: Part = Part()) -> Keyed:
    """Make curves of `track` for every mesh of `face` from the scene's start frame on, and of its head angles for the head.

    Nothing plays them before `play`.

    `tolerance` (weight units) reduces keys to Bezier ones whose curve stays that close at every frame; None keys every
    frame linearly. Raises InnerfaceError if the track has none of the 52 channels or a datablock cannot be keyed.
    """
    rate = scene_rate(scene)
    start = scene.frame_start if part.start is None else part.start
    if not any(c in track.columns for c in ARKIT):
        raise InnerfaceError(f"{name}: has none of Apple's 52 channels; give a weights take")
    if abs(start) + track.duration * rate > MAX_FRAME:
        raise InnerfaceError(
            f"{name}: lasts {track.duration:.0f} s, more frames than Blender can hold; if its time is in milliseconds, call the column time_ms"
        )
    first = max(int(np.ceil(start - 1e-6)), part.first if part.first is not None else -MAX_FRAME)
    at = frame_times(track.time, rate, (first - start) / rate)
    channels = tuple(c for c in ARKIT if c in track.columns and not np.isnan(track.column(c)).all())
    weights = linear(track.time, track.select(channels), at)
    out = Keyed(len(at), first, part=part, baked={action: baked.kept(action) for action in set(part.before.values())})
    for mesh in face.meshes:
        check_editable(mesh)
    shared = next(iter(part.before.values()), None) or _new_action(name) if compat.shared_action() else None
    for mesh in face.meshes:
        values = weights @ mesh.match.matrix(channels)
        _key_mesh(out, mesh, shared or part.before.get(mesh.key) or _new_action(f"{name} {mesh.object.name}"), values, tolerance)
    angles = track.select(HEAD_ANGLES)
    if np.nanmax(np.abs(np.nan_to_num(angles))) > 0 and not part.only_invented:
        turned = np.nan_to_num(linear(track.time, angles, at))
        _key_head(out, face, shared or part.before.get(face.turns) or _new_action(f"{name} head"), turned, tolerance)
    for action, written in out.written.items():
        baked.keep(action, written)
    missing = [c for c in channels if c in face.unmatched_channels()]
    if missing:
        out.notes.append(f"no key on {face.name} answers to {', '.join(missing)}")
    return out


def _new_action(name: str) -> Any:
    action = bpy.data.actions.new(name)
    action.use_fake_user = True
    action[_OURS] = True
    return action


def _key_mesh(out: Keyed, mesh: FaceMesh, action: Any, values: np.ndarray, tolerance: float | None) -> None:
    """Key all matched shape keys of one mesh, leaving driven ones alone and saying so."""
    driven = _drivers(mesh.key)
    keep = []
    for i, name in enumerate(mesh.match.keys):
        path = curves.shape_key_path(name)
        if not out.part.wants({c for c, key, _ in mesh.match.targets if key == name}):
            continue
        if path in driven:
            out.notes.append(f"'{name}' on {mesh.object.name} is driven by {driven[path]}; it was not keyed: key that instead")
            continue
        _widen(out, mesh, name, values[:, i])
        keep.append(i)
    paths = [curves.shape_key_path(mesh.match.keys[i]) for i in keep]
    if paths:
        _write(out, mesh.key, action, paths, [0] * len(paths), values[:, keep], tolerance)
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


def _write(out: Keyed, owner: Any, action: Any, paths: list[str], indices: list[int], values: np.ndarray, tolerance: float | None) -> None:
    frames = out.first_frame + np.arange(len(values))
    out.dense_keys += values.size
    every = np.arange(len(values))
    chosen = [every] * len(paths) if tolerance is None else key_reduction.reduce(values, tolerance)
    fcurves, before = compat.fcurves_of(action, owner), out.baked.get(action, {})
    written = out.written.setdefault(action, {})
    for c, (path, index, keys) in enumerate(zip(paths, indices, chosen)):
        at, what, name = frames[keys], values[keys, c], (owner.name, path, index)
        old = fcurves.find(path, index=index) if name in before else None
        if old is not None and _locked(old):
            out.notes.append(f"the curve of {path} is locked; it stays as it is")
            written[name] = before[name]
            continue
        own = curves.animators_keys(old, before[name]) if old is not None else None
        written[name] = (at, what)
        if own is not None:
            stays = free(at.astype(np.float64), own.stretches)
            at, what = at[stays], what[stays]
        curve = curves.write_curve(fcurves, path, at, what, index, bezier=tolerance is not None)
        if own is not None:
            curves.insert(curve, own)
            out.hand_made += len(own.keys)
        out.keys += len(curve.keyframe_points)


def _locked(curve: Any) -> bool:
    return curve.lock or (curve.group is not None and curve.group.lock)


def _key_head(out: Keyed, face: Face, action: Any, angles: np.ndarray, tolerance: float | None) -> None:
    """Key head angles (T, 3: yaw, pitch, roll in rad) on the head bone, or on the object where there is none."""
    turn = head_turn(face)
    if isinstance(turn, str):
        out.notes.append(turn)
        return
    values = turn.values(angles)
    _write(out, turn.owner, action, [turn.path] * values.shape[1], list(range(values.shape[1])), values, tolerance)
    out.owners.append((turn.owner, action))


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
